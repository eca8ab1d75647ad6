"""An invitation: a code on paper, two steps, used once."""

import datetime as dt
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from portal.accounts import services
from portal.accounts.models import Invitation, KeyWrap, User, WrapKind
from portal.accounts.passphrases import new_code, normalise_code
from portal.accounts.queries import user_name_of
from portal.accounts.services import Choice, entry, inviting
from portal.accounts.sessions import Cookie
from portal.core import clock
from portal.core.errors import Refused
from tests.accounts.arrivals import (
    AT_HOME,
    CODE,
    OWN,
    guard_of,
    invited_client,
    quick_passphrases,
    redeem,
    sign_in,
    together,
    unit_of,
    who_holds,
)
from tests.cast import Browser, Cast

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick_passphrases(monkeypatch)


def type_code(browser: Browser, code: str) -> list[str]:
    """The first step: what is to be written down (passphrase, recovery code)."""
    browser.open("/invitation")
    browser.post("/invitation", code=code)
    return CODE.findall(browser.page.text)


def accept(browser: Browser, code: str, passphrase: str, recovery_code: str, **more: str) -> None:
    fields: dict[str, Any] = {"user_name": "nora"} | more
    browser.post(
        "/invitation/accept",
        code=code,
        passphrase=passphrase,
        recovery_code=recovery_code,
        **fields,
    )


def test_a_client_comes_with_a_code_and_finds_what_the_clinician_wrote_before(cast: Cast) -> None:
    code = invited_client(cast).code
    thread = cast.begin_thread("ruth", "nora", subject="Before you came", text="Welcome, Nora")
    browser = Browser(cast.app)
    passphrase, recovery_code = type_code(browser, code)
    assert len(passphrase.split()) >= 4
    accept(browser, code, passphrase, recovery_code)
    assert browser.page.status_code == 200
    assert "Skip this for now" in browser.page.text
    assert "Before you came" in browser.open("/").text
    assert "Welcome, Nora" in browser.open(cast.thread_url(thread)).text
    assert who_holds(cast, sign_in(cast, "nora", passphrase)) is not None


def test_the_code_is_typed_and_never_in_an_address(sqlite_cast: Cast) -> None:
    code = invited_client(sqlite_cast).code
    browser = Browser(sqlite_cast.app)
    seen: list[str] = []
    sqlite_cast.app.before_request(lambda: seen.append(_whole_address()))
    passphrase, recovery_code = type_code(browser, code)
    accept(browser, code, passphrase, recovery_code)
    assert len(seen) >= 4
    assert not [url for url in seen if normalise_code(code) in normalise_code(url)]
    # Nor is one taken from there: it would stay in histories and logs.
    assert code not in Browser(sqlite_cast.app).open(f"/invitation?code={code}").text


def _whole_address() -> str:
    from flask import request

    return f"{request.url} {request.referrer}"


def test_the_page_that_invites_shows_the_code_but_its_link_does_not_carry_it(
    sqlite_cast: Cast,
) -> None:
    from portal.core.ids import short

    ruth = sqlite_cast.browser("ruth")
    ruth.open("/clients/invite")
    ruth.post(
        "/clients/invite",
        name="Nora",
        language="es",
        user_name="",
        second=short(sqlite_cast.ids["helen"]),
    )
    (code,) = CODE.findall(ruth.page.text)
    assert ruth.page.text.count(code) == 1
    assert "http://127.0.0.1:8000/invitation</b>" in ruth.page.text
    assert type_code(Browser(sqlite_cast.app), code)


@pytest.mark.parametrize("habit", [str.lower, lambda code: code.replace("-", " "), normalise_code])
def test_habits_of_typing_do_not_matter(sqlite_cast: Cast, habit: object) -> None:
    assert callable(habit)
    code = invited_client(sqlite_cast).code
    assert len(type_code(Browser(sqlite_cast.app), habit(code))) == 2


def test_the_first_step_changes_nothing(cast: Cast) -> None:
    code = invited_client(cast).code
    before = _stored(cast)
    first, second = type_code(Browser(cast.app), code), type_code(Browser(cast.app), code)
    assert first != second, "what is offered is made anew each time"
    assert _stored(cast) == before
    assert who_holds(cast, redeem(cast, code)) is not None


def _stored(cast: Cast) -> list[object]:
    with cast.database.reading() as session:
        return [
            [tuple(row) for row in session.execute(select(table.__table__))]
            for table in (User, Invitation, KeyWrap)
        ]


@pytest.mark.parametrize("typed", ["", "nothing like it", "0000-0000-0000-0000-0000-0000-0000"])
def test_a_wrong_code_is_refused_and_stays_in_the_box(sqlite_cast: Cast, typed: str) -> None:
    browser = Browser(sqlite_cast.app)
    assert type_code(browser, typed) == []
    assert browser.page.status_code == 422
    assert "We do not know this code" in browser.page.text
    assert f'value="{typed}"' in browser.page.text


def test_an_invitation_lasts_fourteen_days(sqlite_cast: Cast) -> None:
    code, now = invited_client(sqlite_cast).code, clock.now()
    for days, offers in ((13.9, 2), (14.1, 0)):
        moment = now + dt.timedelta(days=days)
        with clock.use(lambda moment=moment: moment):  # type: ignore[misc]
            assert len(type_code(Browser(sqlite_cast.app), code)) == offers
    choice = Choice("nora", OWN, new_code())
    clock.set_clock(lambda: now + dt.timedelta(days=15))
    with unit_of(sqlite_cast) as unit, pytest.raises(Refused):
        services.redeem(unit, guard_of(sqlite_cast.app), "", code, choice, AT_HOME)


def test_a_used_code_is_worth_nothing(sqlite_cast: Cast) -> None:
    code = invited_client(sqlite_cast).code
    redeem(sqlite_cast, code)
    assert type_code(Browser(sqlite_cast.app), code) == []
    with sqlite_cast.database.reading() as session:
        wraps = session.scalars(
            select(KeyWrap.kind).where(KeyWrap.user_id == sqlite_cast.ids["nora"])
        ).all()
    assert WrapKind.INVITATION not in wraps


def test_a_new_invitation_ends_the_old_one_and_opens_the_same_record(cast: Cast) -> None:
    old = invited_client(cast).code
    cast.begin_thread("ruth", "nora", subject="Before you came", text="Welcome, Nora")
    ruth = cast.browser("ruth")
    ruth.open(cast.client_url("nora"))
    ruth.post(f"{cast.client_url('nora')}/invitation")
    (new,) = CODE.findall(ruth.page.text)
    assert type_code(Browser(cast.app), old) == []
    nora = Browser(cast.app)
    passphrase, recovery_code = type_code(nora, new)
    accept(nora, new, passphrase, recovery_code)
    assert "Before you came" in nora.open("/").text


def test_who_has_come_is_not_invited_again(sqlite_cast: Cast) -> None:
    redeem(sqlite_cast, invited_client(sqlite_cast).code)
    ruth = sqlite_cast.browser("ruth")
    ruth.open(sqlite_cast.client_url("nora"))
    assert ruth.post(f"{sqlite_cast.client_url('nora')}/invitation").status_code == 409


def test_of_two_who_redeem_one_code_at_once_one_wins(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, both_ready, lock = invited_client(cast).code, Barrier(2), entry.new_lock

    def lock_and_wait(*args: object) -> object:
        locked = lock(*args)  # type: ignore[arg-type]
        both_ready.wait(10)  # both have found the invitation good; neither has begun to write
        return locked

    monkeypatch.setattr(inviting, "new_lock", lock_and_wait)
    words = ("the first one's sentence", "the second one's sentence")
    results = together(
        lambda: redeem(cast, code, words[0], "first"),
        lambda: redeem(cast, code, words[1], "second"),
    )
    winners = [number for number, result in enumerate(results) if isinstance(result, Cookie)]
    losers = [result for result in results if isinstance(result, Refused)]
    assert (len(winners), len(losers)) == (1, 1), results
    name = ("first", "second")[winners[0]]
    with cast.database.reading() as session:
        assert user_name_of(cast.keyring, session.get_one(User, cast.ids["nora"])) == name
    assert who_holds(cast, sign_in(cast, name, words[winners[0]])) is not None


def test_the_client_may_choose_another_user_name(sqlite_cast: Cast) -> None:
    code = invited_client(sqlite_cast).code
    browser = Browser(sqlite_cast.app)
    passphrase, recovery_code = type_code(browser, code)
    for taken in ("dana", "DANA ", "x", "no spaces please"):
        accept(browser, code, passphrase, recovery_code, user_name=taken)
        assert browser.page.status_code == 422, taken
        assert recovery_code in browser.page.text, "what was written down still holds"
    accept(browser, code, passphrase, recovery_code, user_name="Night.Owl-7")
    assert browser.page.status_code == 200
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "night.owl-7", passphrase)) is not None


def test_a_user_name_given_by_the_clinician_is_kept(sqlite_cast: Cast) -> None:
    code = invited_client(sqlite_cast, user_name="nora.k").code
    redeem(sqlite_cast, code, user_name="something.else")
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "nora.k", OWN)) is not None
    with pytest.raises(Refused):
        sign_in(sqlite_cast, "something.else", OWN)


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ("only 14 chars.", "too short"),
        ("x" * 201, "too long"),
        ("passwordpassword", "easy to guess"),
        ("111111111111111111", "easy to guess"),
        ("Larkspur Valley nora", "has your name or ours"),
    ],
)
def test_an_own_passphrase_that_is_too_weak_is_asked_for_again(
    sqlite_cast: Cast, own: str, why: str
) -> None:
    code = invited_client(sqlite_cast).code
    browser = Browser(sqlite_cast.app)
    _, recovery_code = type_code(browser, code)
    accept(browser, code, own, recovery_code)
    assert browser.page.status_code == 422
    assert why in browser.page.text
    assert own not in browser.page.text
    accept(browser, code, OWN, recovery_code)
    assert browser.page.status_code == 200


@pytest.mark.parametrize(
    "own",
    [
        "exactly15 chars",
        "any symbols or none <>&\"'",
        "ñandú über façade ☕",
        " spaces around are one habit of phones ",
        "seventy-odd letters are no trouble, and neither is a sentence of two hundred" * 2,
    ],
)
def test_any_long_enough_sentence_will_do(sqlite_cast: Cast, own: str) -> None:
    redeem(sqlite_cast, invited_client(sqlite_cast).code, own)
    assert who_holds(sqlite_cast, sign_in(sqlite_cast, "nora", own)) is not None
    with pytest.raises(Refused):
        sign_in(sqlite_cast, "nora", own.strip()[:-1])


@pytest.mark.parametrize("recovery_code", ["", "0000", "not one of ours at all"])
def test_no_recovery_code_is_kept_that_the_portal_did_not_make(
    sqlite_cast: Cast, recovery_code: str
) -> None:
    """A form that lost its hidden field must not leave a door that an empty code opens."""
    code = invited_client(sqlite_cast).code
    browser = Browser(sqlite_cast.app)
    type_code(browser, code)
    accept(browser, code, OWN, recovery_code)
    assert browser.page.status_code == 422
    assert len(type_code(Browser(sqlite_cast.app), code)) == 2, "the invitation still stands"


def test_staff_get_a_longer_passphrase(sqlite_cast: Cast) -> None:
    tom = sqlite_cast.browser("tom")
    tom.open("/people")
    tom.post("/people", name="Ida", role="clinician", language="en")
    (code,) = CODE.findall(tom.page.text)
    passphrase, _ = type_code(Browser(sqlite_cast.app), code)
    assert len(passphrase.split()) == 6


def invite_again_as(cast: Cast, name: str, client: str = "nora") -> Browser:
    """Somebody of the care team presses "Make a new invitation"."""
    browser = cast.browser(name)
    browser.open(cast.client_url(client))
    browser.post(f"{cast.client_url(client)}/invitation")
    return browser


def add_luis(cast: Cast, past: str) -> None:
    from portal.core.ids import short

    ruth = cast.browser("ruth")
    ruth.open(cast.client_url("nora"))
    ruth.post(f"{cast.client_url('nora')}/team", person=short(cast.ids["luis"]), past=past)
    assert ruth.page.status_code == 200


def test_who_may_not_read_all_of_a_record_makes_no_new_code_for_it(cast: Cast) -> None:
    """They could seal only what they hold, and the client could never open the rest."""
    code = invited_client(cast).code
    thread = cast.begin_thread("ruth", "nora", text="Welcome, Nora")
    add_luis(cast, "new")
    luis = invite_again_as(cast, "luis")
    assert luis.page.status_code == 409
    assert "Ruth, Helen" in luis.page.text, "who can make one"
    passphrase, recovery_code = type_code(browser := Browser(cast.app), code)
    accept(browser, code, passphrase, recovery_code)
    assert "Welcome, Nora" in browser.open(cast.thread_url(thread)).text


def test_who_may_read_all_of_it_makes_one_that_opens_everything(cast: Cast) -> None:
    invited_client(cast)
    thread = cast.begin_thread("ruth", "nora", text="Welcome, Nora")
    add_luis(cast, "new")
    cast.send("ruth", thread, "And more")
    (code,) = CODE.findall(invite_again_as(cast, "helen").page.text)
    passphrase, recovery_code = type_code(browser := Browser(cast.app), code)
    accept(browser, code, passphrase, recovery_code)
    page = browser.open(cast.thread_url(thread)).text
    assert "Welcome, Nora" in page
    assert "And more" in page
    # The list of holders is vouched for still: more can be added.
    luis = cast.browser("luis")
    assert "And more" in luis.open(cast.thread_url(thread)).text


def test_when_nobody_may_read_all_of_it_the_page_says_what_to_do(sqlite_cast: Cast) -> None:
    from portal.caseload.services import disable_person

    cast = sqlite_cast
    invited_client(cast)
    add_luis(cast, "new")
    tom = cast.person("tom")
    for name in ("ruth", "helen"):
        with cast.database.writing() as session:
            disable_person(session, tom, cast.ids[name])
    luis = invite_again_as(cast, "luis")
    assert luis.page.status_code == 409
    assert "as a new client" in luis.page.text
