"""Signing in and out; who is unknown learns nothing; the cookie alone holds the secret."""

import itertools
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import select

from portal.accounts import keys
from portal.accounts.models import BrowserSession, KeyWrap, User
from portal.accounts.sessions import Cookie
from portal.core import crypto
from portal.core.crypto import Argon2Cost, Box, Unreadable, derive
from portal.core.errors import Busy, Refused
from tests.accounts.arrivals import guard_of, quick_passphrases, sign_in, together, who_holds
from tests.cast import PASSPHRASE, TOKEN, Browser, Cast


@pytest.fixture
def dana(sqlite_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast, with Dana able to sign in by the form and quickly."""
    quick_passphrases(monkeypatch)
    sqlite_cast.set_passphrase("dana")
    return sqlite_cast


def test_somebody_signs_in_reads_and_signs_out(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passphrases(monkeypatch)
    cast.set_passphrase("dana")
    cast.begin_thread("ruth", "dana", subject="About sleep")
    browser = Browser(cast.app)
    browser.sign_in("dana")
    assert "About sleep" in browser.page.text
    old_cookie = browser.client.get_cookie("p")
    assert old_cookie is not None
    browser.post("/sign-out", follow=False)
    assert browser.page.status_code == 303
    assert browser.page.headers["Clear-Site-Data"] == '"storage"'
    assert browser.client.get_cookie("p") is None
    thief = Browser(cast.app)
    thief.client.set_cookie("p", old_cookie.value)
    assert thief.open("/account", follow=False).headers["Location"].startswith("/sign-in")


def test_user_names_are_read_as_people_type_them(dana: Cast) -> None:
    for typed in ("dana", "Dana", " DANA "):
        assert who_holds(dana, sign_in(dana, typed, PASSPHRASE)) is not None


def test_a_session_is_new_at_each_sign_in(dana: Cast) -> None:
    browser = Browser(dana.app)
    browser.open("/sign-in")
    visitor = browser.client.get_cookie("p")
    browser.sign_in("dana")
    first = browser.client.get_cookie("p")
    assert visitor is not None
    assert first is not None
    assert first.value != visitor.value
    assert first.http_only
    assert first.same_site == "Lax"
    assert len(f"p={first.value}") <= 120
    assert sign_in(dana, "dana", PASSPHRASE) != sign_in(dana, "dana", PASSPHRASE)


def refusal(cast: Cast, user_name: str, passphrase: str) -> tuple[int, list[tuple[str, str]], str]:
    """The answer to a wrong sign-in, without what is random in every page and what was typed."""
    browser = Browser(cast.app)
    browser.open("/sign-in")
    answer = browser.post("/sign-in", user_name=user_name, passphrase=passphrase)
    found = TOKEN.search(answer.text)
    assert found is not None
    text = answer.text.replace(found[1], "TOKEN").replace(user_name, "NAME")
    return answer.status_code, sorted(answer.headers.items()), text


def test_an_unknown_name_is_answered_with_the_same_bytes_as_a_wrong_passphrase(
    dana: Cast,
) -> None:
    known, unknown = refusal(dana, "dana", "wrong"), refusal(dana, "nobo", "wrong")
    assert known == unknown
    assert known[0] == 422


@pytest.mark.parametrize(
    "name", ["n" * 70_000, "\N{GRINNING FACE}" * 18_000, "\ufdfa" * 25_000], ids=str.__len__
)
@pytest.mark.parametrize("url", ["/sign-in", "/recover", "/recover/accept"])
def test_a_name_of_any_length_is_an_unknown_one(dana: Cast, url: str, name: str) -> None:
    browser = Browser(dana.app)
    browser.open("/sign-in")
    assert browser.post(url, user_name=name, code="x", passphrase="y").status_code == 422
    browser.open("/sign-in")
    assert browser.post(url, user_name="dana", code=name, passphrase="y").status_code == 422
    browser.open("/sign-in")
    assert browser.post(url, user_name="dana", code="x", passphrase=name).status_code == 422


def test_so_is_somebody_who_was_invited_and_has_not_come_or_was_turned_off(dana: Cast) -> None:
    from portal.caseload.services import disable_person

    tom = dana.person("tom")
    with dana.database.writing() as session:
        disable_person(session, tom, dana.ids["dana"])
    assert refusal(dana, "dana", PASSPHRASE) == refusal(dana, "luis", "wrong")


def test_known_or_unknown_it_costs_one_argon2id_of_the_same_price(
    sqlite_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_cast.set_passphrase("dana")
    runs: list[dict[str, Any]] = []

    def counted(**settings: Any) -> Any:
        runs.append(settings)
        return Argon2id(**settings)

    monkeypatch.setattr(crypto, "Argon2id", counted)
    for user_name, passphrase in (("dana", PASSPHRASE), ("dana", "wrong"), ("nobody", "wrong")):
        runs.clear()
        refused = passphrase == "wrong"
        try:
            sign_in(sqlite_cast, user_name, passphrase)
        except Refused:
            assert refused
        assert len(runs) == 1
        price = {name: value for name, value in runs[0].items() if name != "salt"}
        assert price == {"length": 32, "iterations": 3, "lanes": 1, "memory_cost": 65536}
        assert len(runs[0]["salt"]) == 16


def dearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses have become cheaper, and the portal asks more for each."""
    monkeypatch.setattr(Argon2Cost.__init__, "__defaults__", (16, 2))


def lock_of(cast: Cast, name: str) -> tuple[str, bytes, bytes | None]:
    with cast.database.reading() as session:
        user = session.get_one(User, cast.ids[name])
        return user.cost, user.salt, user.authenticator


def test_a_lock_made_when_guesses_were_cheaper_is_made_anew(
    dana: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = dana.begin_thread("ruth", "dana", text="Still readable")
    before = lock_of(dana, "dana")
    dearer(monkeypatch)
    with pytest.raises(Refused):
        sign_in(dana, "dana", "wrong")
    assert lock_of(dana, "dana") == before, "only who knows the passphrase can make it anew"
    first = who_holds(dana, sign_in(dana, "dana", PASSPHRASE))
    after = lock_of(dana, "dana")
    assert (before[0], after[0]) == ("8:1", "16:2")
    assert before[1] != after[1]
    second = who_holds(dana, sign_in(dana, "dana", PASSPHRASE))
    assert lock_of(dana, "dana") == after, "once is enough"
    assert first is not None
    assert second is not None
    assert first.private_key == second.private_key
    browser = Browser(dana.app)
    browser.sign_in("dana")
    assert "Still readable" in browser.open(dana.thread_url(thread)).text


def test_nobody_is_turned_away_because_there_is_no_place_for_the_dearer_lock(
    dana: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lock_of(dana, "dana")
    dearer(monkeypatch)
    slots, runs = guard_of(dana.app).slots, itertools.count(1)
    run = slots.run

    def full_at_the_second(work: Any) -> Any:
        if next(runs) > 1:
            raise Busy
        return run(work)

    monkeypatch.setattr(slots, "run", full_at_the_second)
    assert who_holds(dana, sign_in(dana, "dana", PASSPHRASE)) is not None
    assert lock_of(dana, "dana") == before


def test_a_passphrase_that_was_changed_meanwhile_stays_changed(
    dana: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    dearer(monkeypatch)
    lock = keys.lock_with_passphrase

    def slowly(*args: Any) -> Any:
        made = lock(*args)
        with dana.database.writing() as session:
            session.get_one(User, dana.ids["dana"]).authenticator = b"of the new passphrase"
        return made

    monkeypatch.setattr(keys, "lock_with_passphrase", slowly)
    sign_in(dana, "dana", PASSPHRASE)
    assert lock_of(dana, "dana")[2] == b"of the new passphrase"


def test_many_sign_ins_at_once_do_not_hang(sqlite_cast: Cast) -> None:
    """With two lanes two threads that hash at once wait for each other for ever."""
    runs = [
        lambda: crypto.passphrase_keys("a", b"0" * 16, crypto.Argon2Cost(1024, 1))
        for _ in range(40)
    ]
    began = time.monotonic()
    results = together(*runs, patience=20)
    assert len({result.wrapping for result in results}) == 1
    assert time.monotonic() - began < 20


def test_the_row_and_the_servers_keys_do_not_open_a_session(dana: Cast) -> None:
    cookie = sign_in(dana, "dana", PASSPHRASE)
    with dana.database.reading() as session:
        row = session.scalars(
            select(BrowserSession).where(BrowserSession.cookie_digest == cookie.digest)
        ).one()
        private_key = session.get_one(User, row.user_id)
    person = who_holds(dana, cookie)
    assert person is not None
    assert cookie.secret not in row.wrapped_key
    for column in (row.cookie_digest, row.wrapped_key, row.device.encode()):
        assert cookie.sid not in column
        assert person.private_key not in column
    assert private_key.public_key == person.public_key
    # With everything the server has, and a guess at the cookie's name, nothing opens.
    server_keys = dict(dana.app.extensions["portal"].config.server_keys)
    guesses = [*server_keys.values(), row.cookie_digest, cookie.sid * 2, bytes(32)]
    for guess in guesses:
        with pytest.raises(Unreadable):
            Box(derive(guess, "sess")).open(row.wrapped_key, _place(row))
    forged = Cookie(cookie.sid, bytes(32))
    assert who_holds(dana, forged) is None
    assert Box(cookie.key()).open(row.wrapped_key, _place(row)) == person.private_key


def _place(row: BrowserSession) -> bytes:
    from portal.accounts import sessions

    return sessions._place(row.user_id, row.cookie_digest, row.expires_at)


def test_a_session_row_cannot_be_made_somebody_elses_or_last_longer(dana: Cast) -> None:
    from datetime import timedelta

    cookie = sign_in(dana, "dana", PASSPHRASE)
    for change in ({"user_id": dana.ids["ruth"]}, {"expires_at": None}):
        with dana.database.writing() as session:
            row = session.scalars(
                select(BrowserSession).where(BrowserSession.cookie_digest == cookie.digest)
            ).one()
            before = (row.user_id, row.expires_at)
            row.user_id = change.get("user_id") or row.user_id
            if "expires_at" in change:
                row.expires_at += timedelta(days=365)
            session.flush()
            assert (row.user_id, row.expires_at) != before
        assert who_holds(dana, cookie) is None
        with dana.database.writing() as session:
            row = session.scalars(
                select(BrowserSession).where(BrowserSession.cookie_digest == cookie.digest)
            ).one()
            row.user_id, row.expires_at = before
    assert who_holds(dana, cookie) is not None


def test_a_passphrase_wrap_of_somebody_else_does_not_sign_one_in(dana: Cast) -> None:
    """Somebody who may change the database gives Dana's row their own passphrase: no key opens."""
    dana.set_passphrase("mateo", "mateo has another one")
    with dana.database.writing() as session:
        mine = session.get_one(User, dana.ids["mateo"])
        hers = session.get_one(User, dana.ids["dana"])
        hers.salt, hers.cost, hers.authenticator = mine.salt, mine.cost, mine.authenticator
        session.get_one(KeyWrap, (hers.id, "passphrase")).sealed = session.get_one(
            KeyWrap, (mine.id, "passphrase")
        ).sealed
    with pytest.raises(Refused):
        sign_in(dana, "dana", "mateo has another one")


@pytest.mark.parametrize(
    "next_url",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "\t//x"],
)
def test_after_signing_in_one_stays_here(dana: Cast, next_url: str) -> None:
    browser = Browser(dana.app)
    browser.open("/sign-in")
    answer = browser.post(
        "/sign-in", follow=False, user_name="dana", passphrase=PASSPHRASE, next=next_url
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/"


def test_one_goes_on_where_one_was_turned_away(dana: Cast) -> None:
    browser = Browser(dana.app)
    answer = browser.open("/account", follow=False)
    browser.open(answer.headers["Location"])
    answer = browser.post(
        "/sign-in", follow=False, user_name="dana", passphrase=PASSPHRASE, next="/account"
    )
    assert answer.headers["Location"] == "/account"
