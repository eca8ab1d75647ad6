"""Guessing is slow for strangers, and the owner still gets in."""

import logging
from typing import Any

import pytest

from portal.accounts.guard import Guard
from portal.accounts.services import entry
from portal.core import crypto
from portal.core.crypto import PassphraseKeys
from portal.core.errors import Refused, Throttled
from portal.core.throttle import Throttle
from tests.accounts.arrivals import guard_of, quick_passphrases, sign_in, together, who_holds
from tests.cast import PASSPHRASE, Browser, Cast
from tests.servers import QueueServer

pytestmark = pytest.mark.slow

AT_WORK = "198.51.100.20"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passphrases(monkeypatch)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passphrases that were really tried."""
    tried: list[str] = []
    real = crypto.passphrase_keys

    def note(passphrase: str, *more: Any) -> PassphraseKeys:
        tried.append(passphrase)
        return real(passphrase, *more)

    monkeypatch.setattr(entry, "passphrase_keys", note)
    return tried


def guess(cast: Cast, count: int, *, account: str = "dana", network: int | None = None) -> None:
    """So many wrong passphrases, each from a network of its own or all from one."""
    for number in range(count):
        where = number if network is None else network
        address = f"10.{where >> 8}.{where & 255}.9"
        with pytest.raises((Refused, Throttled)):
            sign_in(cast, account, f"guess {number}", address)


def test_strangers_try_twenty_times_an_hour_and_the_owner_gets_in(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, AT_WORK)
    guess(sqlite_cast, 200)
    # Her first sign-in, from a network not known yet, was one of the twenty.
    assert len(evaluated) == 20
    # From where she has signed in before, in the same network though not from the same address.
    cookie = sign_in(sqlite_cast, "dana", PASSPHRASE, "198.51.100.77")
    assert who_holds(sqlite_cast, cookie) is not None


def test_of_ten_thousand_guesses_in_an_hour_twenty_are_evaluated(sqlite_cast: Cast) -> None:
    ours, evaluated = guard_of(sqlite_cast.app), 0
    guard = Guard(ours.keyring, Throttle(None), ours.slots)
    for number in range(10_000):
        try:
            guard.count_sign_in(b"dana", number.to_bytes(2), is_known=False)
            evaluated += 1
        except Throttled:
            pass
    assert evaluated == 20
    guard.count_sign_in(b"dana", b"where she has signed in before", is_known=True)


def test_from_the_owners_own_network_ten_more_tries_are_evaluated(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE, "10.0.200.9")
    guess(sqlite_cast, 50)
    assert len(evaluated) == 20
    guess(sqlite_cast, 50, network=200)
    assert len(evaluated) == 30


def test_one_network_cannot_try_many_accounts(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    for number in range(100):
        with pytest.raises((Refused, Throttled)):
            sign_in(sqlite_cast, f"somebody{number}", "wrong", "192.0.2.4")
    assert len(evaluated) == 60


def test_unknown_names_are_throttled_as_known_ones_are(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
    guess(sqlite_cast, 40, account="nobody")
    assert len(evaluated) == 20


def test_counting_is_shared_by_all_processes(
    sqlite_cast: Cast, queue_server: QueueServer, evaluated: list[str]
) -> None:
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
            try:
                guard.count_sign_in(b"account", bytes([number]), is_known=False)
                done += 1
            except Throttled:
                pass
        return done

    assert sum(together(*[tries] * 8)) == 20


def test_whoever_signs_in_rightly_begins_a_new_count(
    sqlite_cast: Cast, queue_server: QueueServer
) -> None:
    sqlite_cast.set_passphrase("dana")
    sign_in(sqlite_cast, "dana", PASSPHRASE)
    for _ in range(4):
        for _ in range(9):
            with pytest.raises(Refused):
                sign_in(sqlite_cast, "dana", "a slip")
        sign_in(sqlite_cast, "dana", PASSPHRASE)


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
    answers = [browser.post("/sign-in", **form).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
    assert "Please wait a while" in browser.page.text
    assert "988" in browser.page.text
