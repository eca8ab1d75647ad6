"""One's own account: another passphrase, another recovery code, and back in with the code."""

import re

import pytest
from sqlalchemy import select

from portal.accounts.models import Notice
from portal.accounts.passphrases import new_code
from portal.core.errors import Refused
from tests.accounts.arrivals import (
    CODE,
    OWN,
    invited_client,
    quick_passphrases,
    redeem,
    sign_in,
    who_holds,
)
from tests.cast import PASSPHRASE, Browser, Cast

pytestmark = pytest.mark.slow

NEW = "a wholly other sentence"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passphrases(monkeypatch)


def change(browser: Browser, current: str, new: str) -> int:
    browser.open("/account")
    return browser.post("/account/passphrase", current=current, new=new).status_code


def test_a_new_passphrase_ends_every_other_session_and_the_old_one(cast: Cast) -> None:
    cast.set_passphrase("dana")
    thread = cast.begin_thread("ruth", "dana", text="Still readable")
    here, elsewhere = cast.browser("dana"), cast.browser("dana")
    assert change(here, PASSPHRASE, NEW) == 200
    assert "Everywhere else you were signed out" in here.page.text
    assert elsewhere.open("/account", follow=False).status_code == 303
    assert "Still readable" in here.open(cast.thread_url(thread)).text
    with pytest.raises(Refused):
        sign_in(cast, "dana", PASSPHRASE)
    assert who_holds(cast, sign_in(cast, "dana", NEW)) is not None


def test_the_present_passphrase_is_asked_for(sqlite_cast: Cast) -> None:
    sqlite_cast.set_passphrase("dana")
    here, elsewhere = sqlite_cast.browser("dana"), sqlite_cast.browser("dana")
    assert change(here, "not it", NEW) == 422
    assert "That is not the passphrase you use now" in here.page.text
    assert elsewhere.open("/account", follow=False).status_code == 200
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "dana", PASSPHRASE)) is not None


@pytest.mark.parametrize("weak", ["short", "passwordpassword", "dana larkspur valley"])
def test_a_weak_one_is_refused(sqlite_cast: Cast, weak: str) -> None:
    sqlite_cast.set_passphrase("dana")
    assert change(sqlite_cast.browser("dana"), PASSPHRASE, weak) == 422
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "dana", PASSPHRASE)) is not None


def test_left_empty_one_is_made_and_nothing_changes_yet(sqlite_cast: Cast) -> None:
    sqlite_cast.set_passphrase("dana")
    browser = sqlite_cast.browser("dana")
    change(browser, PASSPHRASE, "")
    offered = re.search(r"You could use this one: ([a-z\- ]+)\. Write it down", browser.page.text)
    assert offered is not None
    assert len(offered[1].split()) >= 4
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "dana", PASSPHRASE)) is not None
    assert change(browser, PASSPHRASE, offered[1]) == 200


def test_guessing_the_present_passphrase_is_throttled(sqlite_cast: Cast) -> None:
    sqlite_cast.set_passphrase("dana")
    browser = sqlite_cast.browser("dana")
    answers = [change(browser, "a guess", NEW) for _ in range(11)]
    assert answers == [422] * 10 + [429]


def recover(cast: Cast, code: str, user_name: str = "nora") -> tuple[Browser, list[str]]:
    browser = Browser(cast.app)
    browser.open("/recover")
    browser.post("/recover", user_name=user_name, code=code)
    return browser, CODE.findall(browser.page.text)


def settle(browser: Browser, code: str, passphrase: str, new_recovery_code: str) -> None:
    browser.post(
        "/recover/accept",
        user_name="nora",
        code=code,
        passphrase=passphrase,
        recovery_code=new_recovery_code,
    )


def arrived(cast: Cast) -> tuple[Browser, str]:
    """Nora, who has come and noted her recovery code."""
    code = invited_client(cast).code
    browser = Browser(cast.app)
    browser.open("/invitation")
    browser.post("/invitation", code=code)
    _, recovery_code = CODE.findall(browser.page.text)
    browser.post(
        "/invitation/accept",
        code=code,
        passphrase=OWN,
        recovery_code=recovery_code,
        user_name="nora",
    )
    assert browser.page.status_code == 200
    return browser, recovery_code


def test_the_recovery_code_lets_one_back_in_once(cast: Cast) -> None:
    lost, code = arrived(cast)
    thread = cast.begin_thread("ruth", "nora", text="Still readable")
    browser, (passphrase, next_code, *_) = recover(cast, code)
    settle(browser, code, passphrase, next_code)
    assert browser.page.status_code == 200
    assert "Your passphrase was set anew with the recovery code" in browser.page.text
    assert "Still readable" in browser.open(cast.thread_url(thread)).text
    assert lost.open("/account", follow=False).status_code == 303
    with pytest.raises(Refused):
        sign_in(cast, "nora", OWN)
    assert who_holds(cast, sign_in(cast, "nora", passphrase)) is not None
    assert recover(cast, code)[0].page.status_code == 422
    assert len(recover(cast, next_code)[1]) >= 2


def test_the_first_step_of_recovery_changes_nothing(sqlite_cast: Cast) -> None:
    browser, code = arrived(sqlite_cast)
    recover(sqlite_cast, code)
    assert browser.open("/account", follow=False).status_code == 200
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "nora", OWN)) is not None


def test_a_weak_passphrase_leaves_the_recovery_code_good(sqlite_cast: Cast) -> None:
    _, code = arrived(sqlite_cast)
    browser, (_, next_code, *_rest) = recover(sqlite_cast, code)
    settle(browser, code, "short", next_code)
    assert browser.page.status_code == 422
    assert next_code in browser.page.text
    settle(browser, code, NEW, next_code)
    assert browser.page.status_code == 200


def test_a_wrong_code_and_an_unknown_name_are_answered_alike(sqlite_cast: Cast) -> None:
    arrived(sqlite_cast)
    wrong = recover(sqlite_cast, new_code())[0].page
    unknown = recover(sqlite_cast, new_code(), "noro")[0].page
    assert wrong.status_code == unknown.status_code == 422
    assert len(wrong.data) == len(unknown.data)


def test_somebody_elses_code_opens_nothing(sqlite_cast: Cast) -> None:
    _, code = arrived(sqlite_cast)
    redeem(sqlite_cast, invited_client(sqlite_cast, "olive").code, user_name="olive")
    assert recover(sqlite_cast, code, "olive")[0].page.status_code == 422


def test_a_new_recovery_code_needs_the_passphrase_and_ends_the_old_one(sqlite_cast: Cast) -> None:
    browser, old = arrived(sqlite_cast)
    browser.open("/account")
    assert browser.post("/account/recovery-code", passphrase="not it").status_code == 422
    browser.open("/account")
    browser.post("/account/recovery-code", passphrase=OWN)
    (new,) = CODE.findall(browser.page.text)
    assert recover(sqlite_cast, old)[0].page.status_code == 422
    assert len(recover(sqlite_cast, new)[1]) >= 2


def test_what_must_be_told_is_told_once(sqlite_cast: Cast) -> None:
    _, code = arrived(sqlite_cast)
    browser, (passphrase, next_code, *_) = recover(sqlite_cast, code)
    settle(browser, code, passphrase, next_code)
    assert "set anew" in browser.page.text
    assert "set anew" not in browser.open("/").text
    with sqlite_cast.database.reading() as session:
        assert all(session.scalars(select(Notice.seen_at)).all())


def test_the_language_is_kept_for_the_person(sqlite_cast: Cast) -> None:
    browser = sqlite_cast.browser("dana")
    browser.open("/account")
    browser.post("/account/language", language="es")
    assert 'lang="es"' in sqlite_cast.browser("dana").open("/").text
    assert browser.post("/account/language", language="xx").status_code == 422
