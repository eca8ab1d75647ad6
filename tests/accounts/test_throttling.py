"""Guessing is slow for strangers, the owner still gets in, and nobody learns who has an account."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.accounts import keys
from portal.accounts.guard import Guard
from portal.accounts.passphrases import new_code
from portal.accounts.services import entry
from portal.core.audit import AuditEntry
from portal.core.crypto import PassphraseKeys
from portal.core.errors import Busy, DomainError, Refused, Throttled
from portal.core.throttle import Throttle
from tests.accounts.arrivals import (
    CODE,
    guard_of,
    invited_client,
    quick_passphrases,
    redeem,
    sign_in,
    together,
    who_holds,
)
from tests.cast import PASSPHRASE, Browser, Cast
from tests.servers import QueueServer

pytestmark = pytest.mark.slow

AT_WORK = "198.51.100.20"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passphrases(monkeypatch)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passphrases that were really tried on somebody's account."""
    tried: list[str] = []
    real = entry.prove

    def note(unit: Any, guard: Guard, user: Any, lookup: bytes, passphrase: str) -> PassphraseKeys:
        if user is not None:
            tried.append(passphrase)
        return real(unit, guard, user, lookup, passphrase)

    monkeypatch.setattr("portal.accounts.services.signing_in.prove", note)
    return tried


def answer(cast: Cast, account: str, passphrase: str, address: str) -> type[DomainError] | None:
    """What somebody hears who tries to sign in; None if they get in."""
    try:
        sign_in(cast, account, passphrase, address)
    except DomainError as error:
        return type(error)
    return None


def guess(
    cast: Cast, count: int, *, account: str = "dana", network: int | None = None
) -> list[type[DomainError] | None]:
    """So many wrong passphrases, each from a network of its own or all from one."""
    heard = []
    for number in range(count):
        where = number if network is None else network
        address = f"10.{where >> 8}.{where & 255}.9"
        heard.append(answer(cast, account, f"guess {number}", address))
    assert set(heard) <= {Refused, Throttled}
    return heard


@contextmanager
def entries(cast: Cast) -> Iterator[list[str]]:
    """What is written into anybody's trail meanwhile."""
    noted: list[str] = []
    chains = select(AuditEntry.clinic_id, func.max(AuditEntry.seq)).group_by(AuditEntry.clinic_id)
    with cast.database.reading() as session:
        before = {row[0]: row[1] for row in session.execute(chains)}
    yield noted
    with cast.database.reading() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.at)).all()
    noted += [row.action for row in rows if row.seq > before.get(row.clinic_id, 0)]


def fill_up(cast: Cast, address: str = AT_WORK) -> None:
    """One person at somebody's network tries names until no more of them are looked at."""
    heard = [answer(cast, f"invented{number}", "wrong", address) for number in range(60)]
    assert set(heard) == {Refused}
    assert answer(cast, "invented", "wrong", address) is Throttled


def test_strangers_try_twenty_times_an_hour_and_the_owner_gets_in(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)
    evaluated.clear()
    guess(sqlite_cast, 200)
    assert len(evaluated) == 20
    # From where she has signed in before, in the same network though not from the same address.
    cookie = sign_in(sqlite_cast, "dana", PASSPHRASE, "198.51.100.77")
    assert who_holds(sqlite_cast, cookie) is not None


def test_of_ten_thousand_guesses_in_an_hour_twenty_are_evaluated(sqlite_cast: Cast) -> None:
    ours, evaluated = guard_of(sqlite_cast.app), 0
    guard = Guard(ours.keyring, Throttle(None), ours.slots)
    for number in range(10_000):
        with suppress(Throttled):
            evaluated += not guard.count_sign_in(b"dana", number.to_bytes(2))
    assert evaluated == 20
    # From where she has signed in before hers would be looked at all the same.
    assert guard.count_sign_in(b"dana", b"where she has signed in before")


def test_from_the_owners_own_network_thirty_more_tries_are_evaluated(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, "10.0.200.9")
    evaluated.clear()
    guess(sqlite_cast, 50)
    assert len(evaluated) == 20
    guess(sqlite_cast, 50, network=200)
    assert len(evaluated) == 50


def test_one_network_cannot_try_many_accounts(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    names = ("dana", "mateo", "ruth", "luis")
    for name in names:
        sqlite_cast.set_passphrase(name)
    for number in range(100):
        assert answer(sqlite_cast, names[number % 4], f"guess {number}", "192.0.2.4")
    assert len(evaluated) == 60


def test_signing_in_oneself_in_between_gives_no_more_tries_at_others(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    for name in ("mateo", "dana", "ruth", "luis", "helen", "tom"):
        sqlite_cast.set_passphrase(name)
    for number in range(90):
        name = ("dana", "ruth", "luis", "helen", "tom")[number % 5]
        assert answer(sqlite_cast, name, f"guess {number}", "192.0.2.4")
        if number % 5 == 0:
            sign_in(sqlite_cast, "mateo", PASSPHRASE, "192.0.2.4")
    assert len([one for one in evaluated if one.startswith("guess")]) == 60


def test_whoever_tries_many_names_locks_nobody_out_who_has_come_from_there_before(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    """A school, or a telephone company, is one network: one pupil must not shut it."""
    sqlite_cast.set_passphrase("dana")
    sqlite_cast.set_passphrase("mateo")
    sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)
    fill_up(sqlite_cast)
    assert answer(sqlite_cast, "dana", PASSPHRASE, AT_WORK) is None
    # Nor do strangers who try her name, from there and from elsewhere.
    guess(sqlite_cast, 25)
    for number in range(20):
        assert answer(sqlite_cast, "dana", f"guess {number}", AT_WORK) is Throttled
    assert answer(sqlite_cast, "dana", PASSPHRASE, AT_WORK) is None
    # Who has never come from there must wait, or use the recovery code.
    assert answer(sqlite_cast, "mateo", PASSPHRASE, AT_WORK) is Throttled


def test_where_too_much_was_tried_nothing_tells_who_has_an_account(
    sqlite_cast: Cast, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong passphrase is one answer, one hash and one entry, whoever's name it is."""
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)
    fill_up(sqlite_cast)
    hashed: list[bool] = []
    real = entry.prove

    def counted(*arguments: Any) -> PassphraseKeys:
        hashed.append(True)
        return real(*arguments)

    monkeypatch.setattr("portal.accounts.services.signing_in.prove", counted)
    told = []
    for name in ("dana", "ruth", "nobody"):
        hashed.clear()
        with entries(sqlite_cast) as noted:
            heard = [answer(sqlite_cast, name, "wrong", AT_WORK) for _ in range(40)]
        told.append((heard, len(hashed), noted))
    assert told[0] == told[1] == told[2]
    heard, count, noted = told[0]
    assert set(heard) == {Throttled}
    assert count == 30
    assert set(noted) == {"session:throttle"}


def test_as_long_as_little_was_tried_nothing_tells_it_either(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    """From the owner's network and another one, in any order: the same answers for any name."""
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, "10.0.1.9")
    orders = [(1, 12), (2, 5), (1, 9), (3, 4), (1, 5)]
    heard = {
        name: [guess(sqlite_cast, count, account=name, network=where) for where, count in orders]
        for name in ("dana", "nobody")
    }
    assert heard["dana"] == heard["nobody"]
    assert {Refused, Throttled} == {one for part in heard["dana"] for one in part}


def test_those_who_come_late_go_one_by_one_and_leave_the_places_to_others(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)
    fill_up(sqlite_cast)
    late = guard_of(sqlite_cast.app).late
    late._seconds = 0.1
    with late.take():
        for name in ("dana", "nobody"):
            assert answer(sqlite_cast, name, "wrong", AT_WORK) is Busy
        assert answer(sqlite_cast, "dana", PASSPHRASE, "203.0.113.9") is None
    assert answer(sqlite_cast, "dana", PASSPHRASE, AT_WORK) is None


def test_unknown_names_are_throttled_as_known_ones_are(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    assert guess(sqlite_cast, 40, account="nobody") == [Refused] * 20 + [Throttled] * 20


def test_counting_is_shared_by_all_processes(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    sqlite_cast.set_passphrase("dana")
    guess(sqlite_cast, 30)
    config = sqlite_cast.app.extensions["portal"].config
    ours = guard_of(sqlite_cast.app)
    another = Guard(ours.keyring, Throttle(config.queue_url), ours.slots)
    sqlite_cast.app.extensions["guard"] = another
    guess(sqlite_cast, 30)
    assert len(evaluated) == 20


def test_with_the_queue_server_away_each_process_still_counts(
    sqlite_cast: Cast,
    queue_server: QueueServer,
    evaluated: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)
    queue_server.kill()
    evaluated.clear()
    with caplog.at_level(logging.WARNING):
        guess(sqlite_cast, 60)
        assert len(evaluated) == 20
        assert who_holds(sqlite_cast, sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)) is not None
    assert "the queue's server is away" in caplog.text
    assert "dana" not in caplog.text


def test_guesses_at_once_are_counted_one_by_one(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    guard = guard_of(sqlite_cast.app)

    def tries() -> int:
        done = 0
        for number in range(20):
            with suppress(Throttled):
                done += not guard.count_sign_in(b"account", bytes([number]))
        return done

    assert sum(together(*[tries] * 8)) == 20


def test_a_right_passphrase_is_never_one_too_many(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    """A whole school signs in from one network."""
    for name in ("dana", "mateo"):
        sqlite_cast.set_passphrase(name)
    for _ in range(35):
        sign_in(sqlite_cast, "dana", PASSPHRASE)
        sign_in(sqlite_cast, "mateo", PASSPHRASE)
    assert answer(sqlite_cast, "dana", "a slip", "203.0.113.7") is Refused
    assert answer(sqlite_cast, "ruth", "a first try", "203.0.113.7") is Refused


def test_codes_are_throttled_for_each_network(sqlite_cast: Cast, queue_server: QueueServer) -> None:
    browser = Browser(sqlite_cast.app)
    browser.open("/invitation")
    answers = [browser.post("/invitation", code="wrong").status_code for _ in range(30)]
    assert set(answers) == {422}
    form: dict[str, Any] = {"csrf_token": browser.token, "code": "wrong"}
    assert browser.post("/invitation", **form).status_code == 429
    assert "too many tries" in browser.page.text
    elsewhere = Browser(sqlite_cast.app, address="192.0.2.99")
    elsewhere.open("/invitation")
    assert elsewhere.post("/invitation", code="wrong").status_code == 422


def test_a_calm_page_says_to_wait(sqlite_cast: Cast, queue_server: QueueServer) -> None:
    browser = Browser(sqlite_cast.app)
    browser.open("/sign-in")
    form: dict[str, Any] = {"csrf_token": browser.token, "user_name": "dana", "passphrase": "wrong"}
    answers = [browser.post("/sign-in", **form).status_code for _ in range(21)]
    assert answers == [422] * 20 + [429]
    assert "Please wait a while. A recovery code works at any time." in browser.page.text
    assert "/recover" in browser.page.text
    assert 'value="dana"' in browser.page.text
    assert "988" in browser.page.text


def test_a_right_code_opens_however_many_wrong_ones_came_from_there(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    """It cannot be guessed, so it is never turned away for the others' sake."""
    code = invited_client(sqlite_cast).code
    recovery_code = a_recovery_code_of(sqlite_cast, "dana")
    browser = Browser(sqlite_cast.app)
    browser.open("/invitation")
    form: dict[str, Any] = {"csrf_token": browser.token, "user_name": "dana", "code": "wrong"}
    for url in ("/invitation", "/recover"):
        assert send(browser, url, form, 35)[-1] == 429
    form["code"] = recovery_code
    assert send(browser, "/recover", form) == [200]
    assert "Write" in browser.page.text
    form["code"] = code
    assert send(browser, "/invitation", form) == [200]
    assert who_holds(sqlite_cast, redeem(sqlite_cast, code)) is not None


def send(browser: Browser, url: str, form: dict[str, Any], times: int = 1) -> list[int]:
    """The answers to one form that is sent again and again."""
    sent = (browser._go("POST", url, htmx=False, follow=False, data=form) for _ in range(times))
    return [one.status_code for one in sent]


def a_recovery_code_of(cast: Cast, name: str) -> str:
    cast.set_passphrase(name)
    browser = cast.browser(name)
    browser.open("/account")
    browser.post("/account/recovery-code", passphrase=PASSPHRASE)
    (code,) = CODE.findall(browser.page.text)
    return str(code)


def test_a_recovery_code_for_an_unknown_name_costs_and_answers_the_same(
    sqlite_cast: Cast, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_recovery_code_of(sqlite_cast, "dana")
    opened: list[bool] = []
    real = keys.unwrap_with_code

    def counted(*arguments: Any) -> bytes:
        opened.append(True)
        return real(*arguments)

    monkeypatch.setattr(keys, "unwrap_with_code", counted)
    told = []
    for number, name in enumerate(("dana", "nobody")):
        opened.clear()
        with entries(sqlite_cast) as noted:
            browser = Browser(sqlite_cast.app, address=f"192.0.{number}.4")
            browser.open("/recover")
            form: dict[str, Any] = {"csrf_token": browser.token, "code": new_code()}
            answers = send(browser, "/recover", form | {"user_name": name}, 35)
        told.append((answers, len(opened), noted))
    assert told[0] == told[1]
    assert told[0] == ([422] * 30 + [429] * 5, 35, ["recovery_code:refuse"] * 30)


def test_a_signed_in_browser_is_no_place_to_guess_the_passphrase(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    sqlite_cast.set_passphrase("dana")
    dana = sqlite_cast.browser("dana")
    dana.open("/account")
    form: dict[str, Any] = {"csrf_token": dana.token, "passphrase": "wrong"}
    with entries(sqlite_cast) as noted:
        answers = send(dana, "/account/recovery-code", form, 45)
    assert answers == [422] * 10 + [429] * 35
    assert noted == ["passphrase:refuse"] * 10 + ["passphrase:throttle"] * 30
    form["passphrase"] = PASSPHRASE
    assert send(dana, "/account/recovery-code", form) == [429]
    elsewhere = sqlite_cast.browser("dana")
    elsewhere.open("/account")
    assert elsewhere.post("/account/recovery-code", passphrase=PASSPHRASE).status_code == 200


def test_a_flood_is_in_the_trail_and_does_not_fill_it(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    with entries(sqlite_cast) as noted:
        for number in range(60):
            browser = Browser(sqlite_cast.app, address=f"10.0.{number % 2}.9")
            assert browser._go("POST", "/recover", htmx=False, follow=False).status_code == 400
    assert noted == ["form:refuse"] * 60
    with entries(sqlite_cast) as noted:
        for number in range(40):
            browser = Browser(sqlite_cast.app, address=f"10.0.{number % 2}.9")
            browser._go("POST", "/recover", htmx=False, follow=False)
    assert noted == []


def test_many_places_at_once_do_not_fill_the_trail_either(sqlite_cast: Cast) -> None:
    ours = guard_of(sqlite_cast.app)
    guard = Guard(ours.keyring, Throttle(None), ours.slots)
    noted = sum(guard.is_worth_noting(number.to_bytes(4)) for number in range(5000))
    assert noted == 1000
