"""A young client is asked who else can open an address before the first one is used."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.audit import AuditEntry
from portal.core.ids import short
from portal.notifications import ownership
from portal.notifications.models import HoldReason
from tests.accounts.arrivals import CODE, quick_passphrases
from tests.cast import Browser
from tests.notifications.desk import Desk
from tests.notifications.own_page import (
    MOBILE,
    TYPED,
    code_from,
    confirm,
    enter,
)
from tests.servers import Gateway

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("counting_in_this_process")]

TICK = "ask who else can open their mail or phone"
TICKED = "name=ask value=yes aria-describedby=ask-hint checked"
NOTED = "Noted: before we send anything, we ask who else can open it."
QUESTION = "Who else can open this?"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passphrases(monkeypatch)


def invite(desk: Desk, **more: Any) -> Browser:
    """Ruth fills in the form; her browser shows what came of it."""
    ruth = desk.cast.browser("ruth")
    assert TICK in ruth.open("/clients/invite").text
    assert TICKED not in ruth.page.text, "it is for the counsellor to say"
    second = short(desk.cast.ids["helen"])
    ruth.post("/clients/invite", **{"name": "Nora", "language": "en", "second": second} | more)
    return ruth


def come(desk: Desk, ruth: Browser) -> Browser:
    """Nora types the code that Ruth read out, and is on the page on which addresses are entered."""
    (code,) = CODE.findall(ruth.page.text)
    nora = desk.cast.browser()
    nora.open("/invitation")
    nora.post("/invitation", code=code)
    passphrase, recovery_code = CODE.findall(nora.page.text)[:2]
    nora.post(
        "/invitation/accept",
        code=code, user_name="nora", passphrase=passphrase, recovery_code=recovery_code,
    )  # fmt: skip
    assert "How may we tell you that something waits?" in nora.page.text
    return nora


def contact_url(ruth: Browser) -> str:
    page = ruth.page.text
    return page.partition('<a class=b href="')[2].partition('"')[0] + "/contact"


def asked(desk: Desk) -> list[uuid.UUID | None]:
    """Whom the trail says that the portal was to ask."""
    with desk.database.reading() as session:
        query = select(AuditEntry.object_id).where(AuditEntry.action == "notices:ask")
        return list(session.scalars(query))


def hold_of_nora(desk: Desk) -> HoldReason | None:
    (nora_id,) = asked(desk)
    assert nora_id is not None
    with desk.database.reading() as session:
        return ownership.hold_of(session, nora_id)


def test_who_is_invited_as_young_is_asked_before_the_first_address_is_used(
    desk: Desk, gateway: Gateway
) -> None:
    ruth = invite(desk, ask="yes")
    assert NOTED in ruth.page.text
    nora = come(desk, ruth)
    assert QUESTION in nora.page.text
    assert "We send you nothing" in enter(nora, who_else="somebody")
    assert (desk.work(), gateway.received) == (0, [])
    assert hold_of_nora(desk) is HoldReason.SOMEBODY_ELSE
    enter(nora, who_else="only_me")
    assert confirm(nora, code_from(desk, gateway)) == 200
    assert hold_of_nora(desk) is None


def test_what_a_young_client_enters_is_compared_with_their_guardians_all_the_same(
    desk: Desk, gateway: Gateway
) -> None:
    ruth = invite(desk, ask="yes")
    contact = contact_url(ruth)
    nora = come(desk, ruth)
    ruth.open(contact)
    ruth.post(contact.replace("/contact", "/guardians"), address=MOBILE)
    assert "We send you nothing" in enter(nora, TYPED, who_else="only_me")
    assert (desk.work(), gateway.received) == (0, [])
    assert hold_of_nora(desk) is HoldReason.GUARDIAN


def test_who_is_invited_without_it_is_not_asked(desk: Desk, gateway: Gateway) -> None:
    ruth = invite(desk)
    assert NOTED not in ruth.page.text
    nora = come(desk, ruth)
    assert QUESTION not in nora.page.text
    enter(nora)
    assert confirm(nora, code_from(desk, gateway)) == 200


def test_a_form_that_comes_back_keeps_the_tick(desk: Desk) -> None:
    for wrong in ({"name": ""}, {"second": short(desk.cast.ids["ruth"])}):
        assert TICKED in invite(desk, ask="yes", **wrong).page.text
        assert TICKED not in invite(desk, **wrong).page.text
    assert asked(desk) == []


def test_the_counsellor_may_change_it_where_they_always_could(desk: Desk) -> None:
    ruth = invite(desk, ask="yes")
    contact = contact_url(ruth)
    nora = come(desk, ruth)
    assert "Stop asking" in ruth.open(contact).text
    ruth.post(f"{contact}/ask", ask="no")
    assert QUESTION not in nora.open("/account/notices").text


def test_a_new_code_says_again_that_the_client_is_asked(desk: Desk) -> None:
    ruth = invite(desk, ask="yes")
    client = contact_url(ruth).removesuffix("/contact")
    ruth.open(client)
    assert NOTED in ruth.post(f"{client}/invitation").text
