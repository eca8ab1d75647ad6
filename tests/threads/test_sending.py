"""Sending: once, whatever happens, and nothing typed is lost."""

from typing import Any

from tests.cast import Cast


def test_client_and_clinician_write_to_each_other(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="Welcome, Dana")
    dana, ruth = cast.browser("dana"), cast.browser("ruth")
    dana.open(cast.thread_url(thread))
    assert "Welcome, Dana" in dana.page.text
    dana.post(cast.thread_url(thread), text="Thank you & hello", action="send")
    assert dana.page.status_code == 200
    ruth.open(cast.thread_url(thread))
    assert "Thank you &amp; hello" in ruth.page.text


def test_the_same_form_posted_twice_is_one_message(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana")
    dana = cast.browser("dana")
    dana.open(cast.thread_url(thread))
    form: dict[str, Any] = {
        "csrf_token": dana.token,
        "nonce": dana.nonce,
        "text": "Only once",
        "action": "send",
    }
    for _ in range(3):
        answer = dana.post(cast.thread_url(thread), **form)
        assert answer.status_code == 200
    assert dana.open(cast.thread_url(thread)).text.count("Only once") == 1
