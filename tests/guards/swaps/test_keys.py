"""Grants, sessions and wrapped keys: each opens only for whom it was made."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import ColumnElement, and_, insert, select

from portal.accounts.models import BrowserSession, KeyWrap, User, WrapKind
from portal.core import clock
from portal.core.crypto import KeyPair
from portal.core.ids import short
from portal.threads.models import Thread
from portal.vault.keys import seal_grant
from portal.vault.models import Grant, Vault
from tests.cast import PASSPHRASE, Cast
from tests.guards.filled_forms import RECOVERY_CODE
from tests.guards.swaps.talk import Talk, Tampering
from tests.guards.world import World


def grant_of(talk: Talk, name: str, client: str = "dana") -> ColumnElement[bool]:
    vault = _vault(talk, client)
    return and_(Grant.holder_id == talk.cast.ids[name], Grant.vault_id == vault)


def _vault(talk: Talk, client: str) -> uuid.UUID:
    thread = talk.one if client == "dana" else talk.mateos
    found: uuid.UUID = talk.value(Thread.vault_id, Thread.id == thread)
    return found


GRANTS: dict[str, Tampering] = {
    "another holder's": lambda talk: talk.swap(
        Grant, "sealed", grant_of(talk, "dana"), grant_of(talk, "ruth")
    ),
    "another vault's": lambda talk: talk.swap(
        Grant, "sealed", grant_of(talk, "dana"), grant_of(talk, "mateo", "mateo")
    ),
    "another epoch's": lambda talk: talk.change(Grant, grant_of(talk, "dana"), epoch=2),
    "emptied": lambda talk: talk.change(Grant, grant_of(talk, "dana"), sealed=b""),
    "of no known suite": lambda talk: talk.change(
        Grant,
        grant_of(talk, "dana"),
        sealed=b"\x02" + talk.value(Grant.sealed, grant_of(talk, "dana"))[1:],
    ),
}


@pytest.mark.parametrize("tampering", GRANTS)
def test_a_grant_opens_only_for_its_holder_its_vault_and_its_epoch(
    talk: Talk, tampering: str
) -> None:
    GRANTS[tampering](talk)
    page = talk.page()
    assert "alpha-" not in page
    assert page.count("before you were added") == 3
    home = talk.cast.browser("dana").open("/")
    assert home.status_code == 200
    assert "-subject" not in home.text


def test_a_copied_grant_lets_nobody_read(talk: Talk) -> None:
    """A row for Luis in Dana's vault, with what was sealed to Ruth."""
    with talk.cast.database.writing() as session:
        row = (
            session.execute(select(Grant.__table__).where(grant_of(talk, "ruth"))).mappings().one()
        )
        session.execute(insert(Grant).values(**dict(row) | {"holder_id": talk.cast.ids["luis"]}))
    answer = talk.cast.browser("luis").open(talk.cast.thread_url(talk.one))
    assert "alpha-" not in answer.text


def test_an_ended_grant_that_is_revived_opens_nothing(talk: Talk) -> None:
    cast = talk.cast
    luis = cast.browser("luis")
    luis.open(cast.client_url("mateo"))
    luis.post(f"{cast.client_url('mateo')}/team", person=_short(cast, "helen"), past="all")
    luis.post(f"{cast.client_url('mateo')}/team/{_short(cast, 'helen')}/remove")
    cast.send("mateo", talk.mateos, "gamma-4")
    talk.change(Grant, grant_of(talk, "helen", "mateo"), ended_at=None)
    answer = cast.browser("helen").open(cast.thread_url(talk.mateos))
    assert "gamma-" not in answer.text


def _short(cast: Cast, name: str) -> str:
    return short(cast.ids[name])


def test_nobody_is_slipped_in_when_a_new_key_is_made(talk: Talk) -> None:
    """The attacker adds a holder with a key pair of their own, and has the vault renewed."""
    cast, vault_id, pair = talk.cast, _vault(talk, "mateo"), KeyPair.new()
    talk.change(User, User.id == cast.ids["tom"], public_key=pair.public)
    guess = seal_grant(pair.public, b"\0" * 32, cast.clinic.id, vault_id, 1, cast.ids["tom"])
    with cast.database.writing() as session:
        session.execute(
            insert(Grant).values(
                holder_id=cast.ids["tom"],
                vault_id=vault_id,
                epoch=1,
                clinic_id=cast.clinic.id,
                sealed=guess,
                granted_by=cast.ids["luis"],
                granted_at=clock.now(),
            )
        )
        session.get_one(Vault, vault_id).stale_since = clock.now()
    mateo = cast.browser("mateo")
    mateo.open(cast.thread_url(talk.mateos))
    mateo.post(cast.thread_url(talk.mateos), text="gamma-5", action="send")
    assert mateo.page.status_code == 500
    assert "gamma-5" in mateo.page.text, "nothing typed is lost"
    epochs = talk.value(Vault.epoch, Vault.id == vault_id)
    assert epochs == 1


SESSIONS: dict[str, Callable[[Talk, Any, Any], None]] = {
    "keys swapped": lambda talk, dana, ruth: talk.swap(
        BrowserSession,
        "wrapped_key",
        BrowserSession.cookie_digest == dana.digest,
        BrowserSession.cookie_digest == ruth.digest,
    ),
    "said to be another's": lambda talk, dana, _ruth: talk.change(
        BrowserSession,
        BrowserSession.cookie_digest == dana.digest,
        user_id=talk.cast.ids["tom"],
    ),
    "made to last": lambda talk, dana, _ruth: talk.change(
        BrowserSession,
        BrowserSession.cookie_digest == dana.digest,
        expires_at=clock.now() + dt.timedelta(days=900),
    ),
    "emptied": lambda talk, dana, _ruth: talk.change(
        BrowserSession, BrowserSession.cookie_digest == dana.digest, wrapped_key=b""
    ),
}


@pytest.mark.parametrize("tampering", SESSIONS)
def test_a_session_that_is_not_what_it_was_is_over(talk: Talk, tampering: str) -> None:
    dana, ruth = talk.cast.cookie("dana"), talk.cast.cookie("ruth")
    SESSIONS[tampering](talk, dana, ruth)
    browser = talk.cast.browser()
    browser.carry(dana)
    answer = browser.open("/account", follow=False)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")


WRAPS = [WrapKind.PASSPHRASE, WrapKind.RECOVERY_CODE, WrapKind.INVITATION, WrapKind.ESCROW]


@pytest.mark.parametrize("kind", WRAPS, ids=lambda kind: kind.value)
def test_a_key_wrapped_for_another_lets_nobody_in(world: World, kind: WrapKind) -> None:
    """Dana's row holds Ruth's wrap of the same kind; Walter's Nadia's."""
    pairs = ("walter", "nadia") if kind is WrapKind.INVITATION else ("dana", "ruth")
    _swap_wraps(world, kind, *pairs)
    answers = [
        world.submit("nobody", "/sign-in", user_name="dana", passphrase=PASSPHRASE),
        world.submit("nobody", "/recover", user_name="dana", code=RECOVERY_CODE),
        world.submit(
            "nobody",
            "/invitation/accept",
            code=world.codes["walter"],
            user_name="walter.new",
            passphrase="eleven slow lanterns drift by",
            recovery_code=RECOVERY_CODE,
        ),
    ]
    touched = {WrapKind.PASSPHRASE: 0, WrapKind.RECOVERY_CODE: 1, WrapKind.INVITATION: 2}.get(kind)
    for number, answer in enumerate(answers):
        assert (answer.status_code >= 400) is (number == touched), number
        if number == touched:
            assert "Set-Cookie" not in answer.headers
    if kind is WrapKind.PASSPHRASE:
        assert answers[0].status_code == 422


def _swap_wraps(world: World, kind: WrapKind, one: str, other: str) -> None:
    with world.database.writing() as session:
        first, second = (session.get_one(KeyWrap, (world.ids[name], kind)) for name in (one, other))
        first.sealed, second.sealed = second.sealed, first.sealed
