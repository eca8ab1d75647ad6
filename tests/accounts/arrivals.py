"""What tests of accounts share: people who have not come yet, and units of work of their own."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import pytest

from portal.accounts import services
from portal.accounts.guard import Guard
from portal.accounts.people import Person
from portal.accounts.services import Choice, Visitor
from portal.accounts.sessions import Cookie, find
from portal.caseload import services as caseload
from portal.caseload.services import NewClient, Welcomed
from portal.core.crypto import Argon2Cost
from portal.core.database import Unit
from portal.core.errors import DomainError
from portal.core.web import Portal
from tests.cast import Cast

OWN = "my own quiet sentence"
CODE = re.compile(r"<code>([^<]+)</code>")
AT_HOME = Visitor("203.0.113.7", "Test")


def quick_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes Argon2id cheap, where a test is not about its price."""
    monkeypatch.setattr(Argon2Cost.__init__, "__defaults__", (8, 1))


def guard_of(app: Portal) -> Guard:
    return cast(Guard, app.extensions["guard"])


@contextmanager
def unit_of(cast_: Cast) -> Iterator[Unit]:
    """The unit of work of one request: stored at the end, unless something was raised."""
    unit = cast_.database.unit()
    try:
        yield unit
        unit.commit()
    finally:
        unit.close()


def invited_client(cast_: Cast, name: str = "nora", user_name: str | None = None) -> Welcomed:
    """A client whom Ruth has invited (Helen is second), and who has not come yet."""
    ruth = cast_.person("ruth")
    with cast_.database.writing() as session:
        welcomed = caseload.begin_engagement(
            session,
            cast_.keyring,
            cast_.clinic,
            ruth,
            NewClient(name.title(), "en", user_name),
            cast_.ids["helen"],
        )
    cast_.engagements[name], cast_.ids[name] = welcomed.engagement_id, welcomed.client_id
    return welcomed


def redeem(cast_: Cast, code: str, passphrase: str = OWN, user_name: str = "nora") -> Cookie:
    """Both steps of an invitation."""
    with unit_of(cast_) as unit:
        guard = guard_of(cast_.app)
        offer = services.offer_for_code(unit, guard, code, AT_HOME)
        choice = Choice(user_name, passphrase, offer.recovery_code)
        return services.redeem(unit, guard, "Larkspur Valley", code, choice, AT_HOME)


def sign_in(cast_: Cast, user_name: str, passphrase: str, address: str = AT_HOME.address) -> Cookie:
    unit = cast_.database.unit()
    try:
        _, cookie = services.sign_in(
            unit, guard_of(cast_.app), user_name, passphrase, Visitor(address, "Test")
        )
        unit.commit()
    except DomainError:
        unit.commit()  # as the page does that says no: who was refused is in the trail
        raise
    finally:
        unit.close()
    return cookie


def who_holds(cast_: Cast, cookie: Cookie) -> Person | None:
    with cast_.database.reading() as session:
        return find(session, cast_.keyring, cookie)


def together(*deeds: Callable[[], Any], patience: float = 60) -> list[Any]:
    """Does all of it at once; each result is what was returned, or the error that was raised."""
    with ThreadPoolExecutor(len(deeds)) as pool:
        futures: list[Future[Any]] = [pool.submit(deed) for deed in deeds]
        return [future.exception(patience) or future.result() for future in futures]
