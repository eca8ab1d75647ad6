"""The recovery ceremony, as it is typed: request, open away from the server, finish."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select

from portal.core.audit import NOWHERE as NOBODY
from portal.core.audit import AuditEntry
from portal.vault.recovery_shares import split
from tests.accounts.arrivals import (
    CODE,
    OWN,
    invited_client,
    quick_passphrases,
    redeem,
    sign_in,
    who_holds,
)
from tests.cast import RECOVERY_SEED, Browser, Cast
from tests.commands import Portal, command_line

pytestmark = pytest.mark.slow

SHARES = tuple(split(RECOVERY_SEED))


@dataclass
class Office:
    """A server on which somebody types commands. Nora has come, and will lose everything."""

    cast: Cast
    portal: Portal
    asked: Path
    answered: Path

    def request(self) -> Result:
        return self.portal("recovery", "request", "Nora", "--out", self.asked)

    def open(self, first: str, second: str, shares: tuple[str, ...] = SHARES) -> Result:
        typed = (first, shares[0], second, shares[1])
        return self.portal("recovery", "open", self.asked, "--out", self.answered, typed=typed)

    def finish(self) -> Result:
        return self.portal("recovery", "finish", self.answered)


def office_of(cast: Cast, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Office:
    quick_passphrases(monkeypatch)
    redeem(cast, invited_client(cast).code)
    portal = command_line(monkeypatch, cast.app.extensions["portal"].config)
    return Office(cast, portal, folder / "request.json", folder / "reply.json")


@pytest.fixture
def office(sqlite_cast: Cast, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Office:
    return office_of(sqlite_cast, monkeypatch, tmp_path)


def printed_code(opened: Result) -> str:
    printed = re.search(r"for the person alone:\n  (\S+)", opened.output)
    assert printed is not None, opened.output
    return printed[1]


def attended(cast: Cast) -> list[tuple[str, str]]:
    """What the audit trail has of the ceremony for Nora: what, and by whom."""
    names = {user_id: name for name, user_id in cast.ids.items()}
    with cast.database.reading() as session:
        entries = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.action.like("ceremony:%"))
            .where(AuditEntry.object_id == cast.ids["nora"])
        ).all()
    return sorted((one.action, names.get(one.actor_id or NOBODY, "")) for one in entries)


def test_two_custodians_let_somebody_back_in(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    office = office_of(cast, monkeypatch, tmp_path)
    thread = cast.begin_thread("ruth", "nora", text="Still readable")
    lost = sign_in(cast, "nora", OWN)
    assert office.request().exit_code == 0
    code = printed_code(office.open("helen", "tom"))
    for paper in (office.asked, office.answered):
        assert code not in paper.read_text(), "the code is on the person's paper alone"

    assert who_holds(cast, lost) is not None, "nothing has changed yet"
    assert office.finish().exit_code == 0
    assert who_holds(cast, lost) is None

    nora = Browser(cast.app)
    nora.open("/recover")
    nora.post("/recover", user_name="nora", code=code)
    passphrase, recovery_code, *_ = CODE.findall(nora.page.text)
    nora.post(
        "/recover/accept",
        user_name="nora",
        code=code,
        passphrase=passphrase,
        recovery_code=recovery_code,
    )
    assert "Two people of the clinic opened your account" in nora.page.text
    assert "Still readable" in nora.open(cast.thread_url(thread)).text
    assert attended(cast) == [
        ("ceremony:attend", "helen"),
        ("ceremony:attend", "tom"),
        ("ceremony:finish", ""),
        ("ceremony:request", ""),
    ]


def test_a_reply_is_finished_once(office: Office) -> None:
    """Whoever finds the file later cannot bring the paper's code back."""
    office.request()
    office.open("helen", "tom")
    assert office.finish().exit_code == 0
    again = office.finish()
    assert again.exit_code == 1
    assert "used before" in again.output
    assert len(attended(office.cast)) == 4


def test_of_two_replies_the_first_to_be_finished_holds(office: Office) -> None:
    office.request()
    office.open("helen", "tom")
    first = office.answered.read_text()
    code = printed_code(office.open("helen", "tom"))
    assert office.finish().exit_code == 0
    office.answered.write_text(first)
    assert office.finish().exit_code == 1
    nora = Browser(office.cast.app)
    nora.open("/recover")
    assert nora.post("/recover", user_name="nora", code=code).status_code == 200


def test_one_share_is_not_enough(office: Office) -> None:
    office.request()
    result = office.open("helen", "tom", (SHARES[0], SHARES[0]))
    assert result.exit_code == 1
    assert "do not belong together" in result.output
    assert not office.answered.exists()


@pytest.mark.parametrize("second", ["helen", " HELEN", "Helen "])
def test_one_person_is_not_two_custodians(office: Office, second: str) -> None:
    office.request()
    assert office.open("helen", second).exit_code == 1
    assert not office.answered.exists()


@pytest.mark.parametrize("names", [("helen", "stranger"), ("nora", "helen"), ("helen", "olga")])
def test_custodians_are_two_others_of_this_clinic(office: Office, names: tuple[str, str]) -> None:
    assert office.cast.other_clinic.name == "Fjord House"
    office.request()
    assert office.open(*names).exit_code == 0, "away from the server names cannot be checked"
    assert office.finish().exit_code == 1
    assert who_holds(office.cast, sign_in(office.cast, "nora", OWN)) is not None
    assert attended(office.cast) == [("ceremony:request", "")]


def test_another_clinics_shares_open_nothing(office: Office) -> None:
    office.request()
    foreign = split(b"\x08" * 32)
    assert office.open("helen", "tom", (foreign[0], foreign[1])).exit_code == 1
    assert not office.answered.exists()


def test_nobody_can_be_asked_for_who_is_not_there(office: Office) -> None:
    result = office.portal("recovery", "request", "nobody", "--out", office.asked)
    assert result.exit_code == 1
    assert not office.asked.exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"porchlight": "recovery request"}'])
def test_a_file_that_is_no_reply_changes_nothing(office: Office, text: str) -> None:
    office.answered.write_text(text)
    result = office.finish()
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), "a plain sentence, not a traceback"


@pytest.mark.parametrize(
    "change",
    [{"user": "zz"}, {"user": None}, {"custodians": None}, {"wrapped": "é"}, {"clinic": 1}],
)
def test_a_reply_that_was_damaged_on_the_way_is_refused_in_words(
    office: Office, change: dict[str, object]
) -> None:
    office.request()
    office.open("helen", "tom")
    fields = json.loads(office.answered.read_text())
    office.answered.write_text(json.dumps(fields | change))
    result = office.finish()
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), "a plain sentence, not a traceback"
    assert who_holds(office.cast, sign_in(office.cast, "nora", OWN)) is not None


def test_a_reply_turned_to_somebody_else_does_not_open_their_account(office: Office) -> None:
    """The wrap is bound to its owner."""
    redeem(office.cast, invited_client(office.cast, "olive").code, user_name="olive")
    office.request()
    code = printed_code(office.open("helen", "tom"))
    fields = json.loads(office.answered.read_text())
    office.answered.write_text(json.dumps(fields | {"user": office.cast.ids["olive"].hex}))
    office.finish()
    browser = Browser(office.cast.app)
    browser.open("/recover")
    assert browser.post("/recover", user_name="olive", code=code).status_code == 422
