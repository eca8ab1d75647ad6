"""Sharing a vault, taking a share away, and what a changed database cannot do."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, update

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.caseload.models import Engagement
from portal.core.crypto import KeyPair, Unreadable
from portal.core.errors import NotFound
from portal.core.ids import new_id
from portal.vault import queries, services
from portal.vault.keys import Holder, OpenVault, Place, Sealed, seal_grant
from portal.vault.models import Epoch, Grant, Vault
from portal.vault.services import RosterChanged
from tests.cast import RECOVERY_SEED, Cast


def place(author: uuid.UUID) -> Place:
    return Place("messages", "text", new_id(), author)


def vault_id_of(cast: Cast, client: str) -> uuid.UUID:
    with cast.database.reading() as session:
        return session.get_one(Engagement, cast.engagements[client]).vault_id


def open_vault(cast: Cast, who: Person, client: str = "dana") -> OpenVault:
    with cast.database.reading() as session:
        return queries.open_for(session, who, vault_id_of(cast, client))


def holder(person: Person) -> Holder:
    return Holder(person.id, person.public_key)


def recovery_key(cast: Cast) -> bytes:
    return cast.clinic.recovery_public_key


def test_every_holder_opens_what_one_has_sealed(cast: Cast) -> None:
    ruth = cast.person("ruth")
    where = place(ruth.id)
    sealed = open_vault(cast, ruth).seal("Between us", where)
    for name in ("dana", "ruth", "helen"):
        assert open_vault(cast, cast.person(name)).open(sealed, where) == "Between us"
    for name in ("luis", "mateo", "tom"):
        with pytest.raises(NotFound):
            open_vault(cast, cast.person(name))


def test_a_share_of_all_opens_the_past(cast: Cast) -> None:
    ruth, luis = cast.person("ruth"), cast.person("luis")
    where = place(ruth.id)
    sealed = open_vault(cast, ruth).seal("Long before", where)
    with cast.database.writing() as session:
        services.share(session, ruth, open_vault(cast, ruth), holder(luis))
    assert open_vault(cast, luis).open(sealed, where) == "Long before"


def test_a_share_from_now_on_opens_only_what_comes(cast: Cast) -> None:
    ruth, luis = cast.person("ruth"), cast.person("luis")
    before, after = place(ruth.id), place(ruth.id)
    past = open_vault(cast, ruth).seal("Long before", before)
    with cast.database.writing() as session:
        services.share_from_now(
            session, ruth, open_vault(cast, ruth), holder(luis), recovery_key(cast)
        )
    new = open_vault(cast, cast.person("dana")).seal("And afterwards", after)
    his = open_vault(cast, luis)
    assert his.open(new, after) == "And afterwards"
    with pytest.raises(Unreadable):
        his.open(past, before)
    with pytest.raises(Unreadable):
        his.key(past.epoch)


def test_whoever_left_cannot_open_what_comes_even_with_the_old_key_they_copied(
    cast: Cast,
) -> None:
    ruth, helen = cast.person("ruth"), cast.person("helen")
    copied = open_vault(cast, helen)
    before, after = place(ruth.id), place(ruth.id)
    past = copied.seal("Long before", before)
    with cast.database.writing() as session:
        services.unshare(session, ruth, open_vault(cast, ruth), helen.id, recovery_key(cast))
    new = open_vault(cast, cast.person("dana")).seal("And afterwards", after)
    assert new.epoch == past.epoch + 1
    assert copied.open(past, before) == "Long before", "what was read cannot be taken back"
    with pytest.raises(Unreadable):
        copied.open(new, after)
    with pytest.raises(Unreadable):
        copied.open(Sealed(past.epoch, new.blob), after)
    with pytest.raises(NotFound):
        open_vault(cast, helen)


def test_a_stale_vault_begins_a_new_epoch_before_anything_is_sealed(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    ruth, helen, tom = (cast.person(name) for name in ("ruth", "helen", "tom"))
    with cast.database.writing() as session:
        assert services.drop_holder(session, tom, helen.id) == 1
    with cast.database.writing() as session:
        fresh = services.freshen(session, ruth, open_vault(cast, ruth), recovery_key(cast))
        assert fresh.newest == 2
        again = services.freshen(session, ruth, fresh, recovery_key(cast))
        assert again is fresh
        names = {one.id for one in queries.holders_of(session, fresh.id, 2)}
    assert names == {ruth.id, cast.ids["dana"]}


def test_the_recovery_key_opens_every_epoch(sqlite_cast: Cast) -> None:
    from portal.core.crypto import open_with_recovery
    from portal.vault.keys import escrow_place

    cast = sqlite_cast
    ruth = cast.person("ruth")
    with cast.database.writing() as session:
        vault = services.renew(session, ruth, open_vault(cast, ruth), recovery_key(cast))
    for epoch in (1, 2):
        with cast.database.reading() as session:
            escrow = session.get_one(Epoch, (vault.id, epoch)).escrow
        where = escrow_place(ruth.clinic_id, vault.id, epoch)
        assert open_with_recovery(RECOVERY_SEED, escrow, where) == vault.key(epoch)
        with pytest.raises(Unreadable):
            open_with_recovery(b"\x08" * 32, escrow, where)


def _a_key_is_replaced(cast: Cast, vault: OpenVault) -> Any:
    """Helen's public key becomes one to which the attacker has the other half."""
    return update(User).where(User.id == cast.ids["helen"]).values(public_key=KeyPair.new().public)


def _a_holder_is_slipped_in(cast: Cast, vault: OpenVault) -> Any:
    return insert(Grant).values(
        holder_id=cast.ids["mateo"],
        vault_id=vault.id,
        epoch=vault.newest,
        clinic_id=vault.clinic_id,
        sealed=seal_grant(
            KeyPair.new().public,
            bytes(32),
            vault.clinic_id,
            vault.id,
            vault.newest,
            cast.ids["mateo"],
        ),
        granted_by=cast.ids["ruth"],
        granted_at=_noon(),
        ended_at=None,
    )


def _a_holder_is_taken_out(cast: Cast, vault: OpenVault) -> Any:
    from sqlalchemy import delete

    return delete(Grant).where(Grant.holder_id == cast.ids["helen"], Grant.vault_id == vault.id)


def _the_list_is_vouched_for_anew(cast: Cast, vault: OpenVault) -> Any:
    return update(Epoch).where(Epoch.vault_id == vault.id).values(roster_mac=bytes(32))


def _noon() -> Any:
    import datetime as dt

    return dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


TAMPERING = [
    _a_key_is_replaced,
    _a_holder_is_slipped_in,
    _a_holder_is_taken_out,
    _the_list_is_vouched_for_anew,
]


@pytest.mark.parametrize("tamper", TAMPERING)
def test_nothing_is_sealed_to_a_list_of_holders_that_was_tampered_with(
    sqlite_cast: Cast, tamper: Any
) -> None:
    cast = sqlite_cast
    ruth, luis = cast.person("ruth"), cast.person("luis")
    vault = open_vault(cast, ruth)
    with cast.database.writing() as session:
        session.execute(tamper(cast, vault))
    deeds: list[Callable[[Any], object]] = [
        lambda s: services.share(s, ruth, vault, holder(luis)),
        lambda s: services.share_from_now(s, ruth, vault, holder(luis), recovery_key(cast)),
        lambda s: services.renew(s, ruth, vault, recovery_key(cast)),
        lambda s: services.unshare(s, ruth, vault, cast.ids["dana"], recovery_key(cast)),
        lambda s: services.check_roster(s, vault),
    ]
    for deed in deeds:
        with pytest.raises(RosterChanged), cast.database.writing() as session:
            deed(session)
    with cast.database.reading() as session:
        assert session.get_one(Vault, vault.id).epoch == 1


def test_the_page_says_calmly_that_something_is_wrong(sqlite_cast: Cast) -> None:
    from portal.core.ids import short

    cast = sqlite_cast
    vault = open_vault(cast, cast.person("ruth"))
    with cast.database.writing() as session:
        session.execute(_a_key_is_replaced(cast, vault))
    ruth = cast.browser("ruth")
    ruth.open(cast.client_url("dana"))
    ruth.post(f"{cast.client_url('dana')}/team", person=short(cast.ids["luis"]), past="all")
    assert ruth.page.status_code == 500
    assert "Something is wrong with who can read this" in ruth.page.text
    assert "Luis" not in ruth.open(cast.client_url("dana")).text.split("Add a colleague")[0]


@pytest.mark.parametrize("part", ["table", "column", "row", "author"])
def test_what_is_sealed_opens_in_its_own_place_only(sqlite_cast: Cast, part: str) -> None:
    ruth = sqlite_cast.person("ruth")
    vault, where = open_vault(sqlite_cast, ruth), place(ruth.id)
    sealed = vault.seal("Here", where)
    fields = {"table": "drafts", "column": "subject", "row": new_id(), "author": new_id()}
    same = {name: getattr(where, name) for name in fields if name != part}
    elsewhere = Place(**same, **{part: fields[part]})  # type: ignore[arg-type]
    with pytest.raises(Unreadable):
        vault.open(sealed, elsewhere)
    other = open_vault(sqlite_cast, sqlite_cast.person("luis"), "mateo")
    with pytest.raises(Unreadable):
        other.open(sealed, where)


def test_a_grant_opens_for_its_holder_its_vault_and_its_epoch_only(sqlite_cast: Cast) -> None:
    """Grants moved to another row by somebody who may only write to the database."""
    cast = sqlite_cast
    mine, theirs = vault_id_of(cast, "dana"), vault_id_of(cast, "mateo")
    with cast.database.writing() as session:
        source = session.get_one(Grant, (cast.ids["dana"], mine, 1)).sealed
        for key in ((cast.ids["mateo"], theirs, 1), (cast.ids["ruth"], theirs, 1)):
            session.get_one(Grant, key).sealed = source
    for name in ("mateo", "ruth"):
        vault = open_vault(cast, cast.person(name), "mateo")
        assert not list(vault.epochs)
