"""What the server opens by itself: names, crisis lines, and where mail goes."""

import pytest
from sqlalchemy import select

from portal.accounts.models import User
from portal.clinics.models import Clinic
from portal.notifications.models import Address, Channel, Pointer, State
from portal.notifications.outgoing import deliver
from portal.notifications.services import set_address
from tests.guards.swaps.talk import Talk


def test_names_of_others_are_not_taken_over(talk: Talk) -> None:
    """Dana is not shown Tom's name where Ruth's should stand, nor anybody's user name."""
    ids = talk.cast.ids
    talk.swap(User, "name_sealed", User.id == ids["ruth"], User.id == ids["tom"])
    page = talk.page()
    assert "Tom" not in page
    assert "Ruth" not in page
    assert "<b>?</b>" in page
    assert "alpha-2" in page
    user_name = talk.value(User.user_name_sealed, User.id == ids["helen"])
    talk.change(User, User.id == ids["helen"], name_sealed=user_name)
    people = talk.cast.browser("tom").open("/people")
    assert people.status_code == 200
    assert "Helen" not in people.text


def test_crisis_lines_that_do_not_open_give_way_to_the_national_ones(talk: Talk) -> None:
    talk.change(Clinic, Clinic.id == talk.cast.clinic.id, crisis_sealed=b"k1:nothing")
    talk.cast.app.extensions["clinics"].forget()
    assert "tel:988" in talk.page()


def test_an_address_moved_to_another_is_told_nothing(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    """Mateo's pointer would have gone to Dana's address."""
    cast = talk.cast
    config = cast.app.extensions["portal"].config
    for name in ("dana", "mateo"):
        with cast.database.writing() as session:
            set_address(
                session,
                config,
                clinic_id=cast.clinic.id,
                user_id=cast.ids[name],
                channel=Channel.EMAIL,
                address=f"{name}@example.org",
            )
        cast.is_told_at_any_hour(name)
    talk.swap(
        Address,
        "sealed",
        Address.user_id == cast.ids["dana"],
        Address.user_id == cast.ids["mateo"],
    )
    for name, thread in (("ruth", talk.one), ("luis", talk.mateos)):
        cast.send(name, thread, "Something waits")
    with cast.database.reading() as session:
        pointers = list(session.scalars(select(Pointer.id)))
    assert pointers
    for pointer in pointers:
        deliver(cast.database, config, pointer)
    with cast.database.reading() as session:
        for row in session.scalars(select(Pointer)):
            assert (row.state, row.last_error_code) == (State.FAILED, "address_unreadable")
    assert "example.org" not in caplog.text
