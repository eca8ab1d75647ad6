"""The care team: who joins, who leaves, and what each can read."""

import pytest
from sqlalchemy import select

from portal.caseload.models import CareTeamMember
from portal.caseload.services import disable_person
from portal.core.audit import AuditEntry
from portal.core.ids import short
from portal.vault.models import Grant, Vault
from tests.cast import Browser, Cast

pytestmark = pytest.mark.slow


def add(cast: Cast, by: str, client: str, colleague: str, past: str) -> Browser:
    browser = cast.browser(by)
    browser.open(cast.client_url(client))
    browser.post(f"{cast.client_url(client)}/team", person=short(cast.ids[colleague]), past=past)
    return browser


def remove(cast: Cast, by: str, client: str, colleague: str) -> Browser:
    browser = cast.browser(by)
    browser.open(cast.client_url(client))
    browser.post(f"{cast.client_url(client)}/team/{short(cast.ids[colleague])}/remove")
    return browser


def test_added_with_the_past_a_colleague_reads_everything(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", subject="About sleep", text="Long before")
    assert cast.browser("luis").open(cast.thread_url(thread)).status_code == 404
    add(cast, "ruth", "dana", "luis", "all")
    cast.send("dana", thread, "And afterwards")
    page = cast.browser("luis").open(cast.thread_url(thread)).text
    assert "About sleep" in page
    assert "Long before" in page
    assert "And afterwards" in page


def test_added_without_the_past_a_colleague_reads_what_comes(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", subject="About sleep", text="Long before")
    cast.send("dana", thread, "Also before")
    add(cast, "ruth", "dana", "luis", "new")
    cast.send("dana", thread, "And afterwards")
    luis = cast.browser("luis").open(cast.thread_url(thread)).text
    assert "And afterwards" in luis
    assert "before you were added" in luis
    for text in ("Long before", "Also before", "About sleep"):
        assert text not in luis
    for name in ("dana", "ruth", "helen"):
        page = cast.browser(name).open(cast.thread_url(thread)).text
        assert "Long before" in page
        assert "And afterwards" in page


def test_the_key_of_the_past_is_not_handed_over_either(sqlite_cast: Cast) -> None:
    sqlite_cast.begin_thread("ruth", "dana", text="Long before")
    add(sqlite_cast, "ruth", "dana", "luis", "new")
    with sqlite_cast.database.reading() as session:
        rows = session.execute(
            select(Grant.epoch).where(Grant.holder_id == sqlite_cast.ids["luis"])
        )
        vaults = session.scalars(
            select(Grant.vault_id).where(Grant.holder_id == sqlite_cast.ids["dana"])
        ).all()
        theirs = session.scalars(
            select(Grant.epoch).where(
                Grant.holder_id == sqlite_cast.ids["luis"], Grant.vault_id == vaults[0]
            )
        ).all()
        assert session.get_one(Vault, vaults[0]).epoch == 2
    assert len(rows.all()) >= 1
    assert theirs == [2]


def test_one_who_left_reads_nothing_from_the_next_request_on(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="Long before")
    add(cast, "ruth", "dana", "luis", "all")
    luis = cast.browser("luis")
    assert luis.open(cast.thread_url(thread)).status_code == 200
    remove(cast, "ruth", "dana", "luis")
    for url in (cast.thread_url(thread), cast.client_url("dana"), f"{cast.thread_url(thread)}/new"):
        assert luis.open(url).status_code == 404
    assert "Dana" not in luis.open("/").text
    cast.send("dana", thread, "And afterwards")
    assert "And afterwards" in cast.browser("helen").open(cast.thread_url(thread)).text


def test_two_always_stay_on_a_team(sqlite_cast: Cast) -> None:
    browser = remove(sqlite_cast, "ruth", "dana", "helen")
    assert browser.page.status_code == 409
    assert sqlite_cast.browser("helen").open(sqlite_cast.client_url("dana")).status_code == 200


def test_a_colleague_is_added_once_and_only_from_this_clinic(sqlite_cast: Cast) -> None:
    assert sqlite_cast.other_clinic.name == "Fjord House"
    for who in ("helen", "ruth", "olga", "tom", "mateo"):
        browser = add(sqlite_cast, "ruth", "dana", who, "all")
        assert browser.page.status_code == 422, who


def test_the_client_sees_who_can_read(cast: Cast) -> None:
    add(cast, "ruth", "dana", "luis", "new")
    dana = cast.browser("dana")
    url = f"{cast.client_url('dana')}/reading"
    page = dana.open(url).text
    assert [name in page for name in ("Ruth", "Helen", "Luis", "Tom", "Mateo")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    remove(cast, "ruth", "dana", "helen")
    assert "Helen" not in dana.open(url).text
    assert cast.browser("mateo").open(url).status_code == 404


def test_disabling_somebody_takes_everything_and_the_next_send_begins_a_new_epoch(
    cast: Cast,
) -> None:
    thread = cast.begin_thread("ruth", "dana", text="Long before")
    ruth_before = cast.browser("ruth")
    assert ruth_before.open(cast.thread_url(thread)).status_code == 200
    tom = cast.browser("tom")
    tom.open(f"/people/{short(cast.ids['ruth'])}")
    tom.post(f"/people/{short(cast.ids['ruth'])}/disable")
    assert tom.page.status_code == 200
    assert ruth_before.open("/account", follow=False).status_code == 303
    with cast.database.reading() as session:
        held = session.scalars(select(Grant).where(Grant.holder_id == cast.ids["ruth"])).all()
        assert held
        assert all(grant.ended_at and not grant.sealed for grant in held)
        vault = session.get_one(Vault, vault_of(cast, "dana"))
        assert vault.stale_since is not None
        assert vault.epoch == 1
        still = session.scalars(
            select(CareTeamMember).where(
                CareTeamMember.user_id == cast.ids["ruth"], CareTeamMember.left_at.is_(None)
            )
        ).all()
        assert not still
    cast.send("dana", thread, "And afterwards")
    with cast.database.reading() as session:
        vault = session.get_one(Vault, vault_of(cast, "dana"))
        assert vault.stale_since is None
        assert vault.epoch == 2
        epochs = session.scalars(
            select(Grant.holder_id).where(Grant.vault_id == vault.id, Grant.epoch == 2)
        ).all()
        assert set(epochs) == {cast.ids["dana"], cast.ids["helen"]}
    page = cast.browser("helen").open(cast.thread_url(thread)).text
    assert "Long before" in page
    assert "And afterwards" in page


def vault_of(cast: Cast, client: str) -> object:
    from portal.caseload.models import Engagement

    with cast.database.reading() as session:
        return session.get_one(Engagement, cast.engagements[client]).vault_id


def test_enabled_again_somebody_reads_nothing_until_a_colleague_adds_them(
    sqlite_cast: Cast,
) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana", text="Long before")
    tom = cast.person("tom")
    with cast.database.writing() as session:
        disable_person(session, tom, cast.ids["ruth"])
    browser = cast.browser("tom")
    browser.open(f"/people/{short(cast.ids['ruth'])}")
    browser.post(f"/people/{short(cast.ids['ruth'])}/enable")
    ruth = cast.browser("ruth")
    assert "Dana" not in ruth.open("/").text
    assert ruth.open(cast.thread_url(thread)).status_code == 404
    add(cast, "helen", "dana", "ruth", "all")
    assert "Long before" in ruth.open(cast.thread_url(thread)).text


def turn(cast: Cast, name: str, switch: str) -> Browser:
    """Tom turns an account on or off (`switch` is "enable" or "disable")."""
    browser, url = cast.browser("tom"), f"/people/{short(cast.ids[name])}"
    browser.open(url)
    browser.post(f"{url}/{switch}")
    assert browser.page.status_code == 200
    return browser


def test_a_client_who_was_turned_off_and_on_again_reads_everything(cast: Cast) -> None:
    """Nobody but the client lost anything by it, and nobody could give it back."""
    thread = cast.begin_thread("ruth", "dana", text="Long before")
    before = cast.browser("dana")
    assert before.open(cast.thread_url(thread)).status_code == 200
    turn(cast, "dana", "disable")
    assert before.open("/account", follow=False).status_code == 303
    cast.send("ruth", thread, "While you were away")
    add(cast, "ruth", "dana", "luis", "new")
    cast.send("luis", thread, "Under a new key")
    page = turn(cast, "dana", "enable").page.text
    assert "A colleague must add them" not in page
    dana = cast.browser("dana")
    assert dana.open("/").status_code == 200
    page = dana.open(cast.thread_url(thread)).text
    for words in ("Long before", "While you were away", "Under a new key"):
        assert words in page
    cast.send("dana", thread, "I am back")
    for name in ("ruth", "helen", "luis"):
        assert "I am back" in cast.browser(name).open(cast.thread_url(thread)).text


def test_a_client_who_is_turned_off_has_not_left_a_team(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    turn(cast, "dana", "disable")
    with cast.database.reading() as session:
        since = select(AuditEntry.action).where(AuditEntry.object_id == cast.ids["dana"])
        noted = session.scalars(since).all()
        assert session.get_one(Vault, vault_of(cast, "dana")).stale_since is None
    assert "account:disable" in noted
    assert not {"team:leave", "grant:remove"} & set(noted)


@pytest.mark.parametrize(
    ("name", "words"),
    [("dana", "What was written stays"), ("luis", "takes away what they can read")],
)
def test_the_button_says_what_it_does(sqlite_cast: Cast, name: str, words: str) -> None:
    tom = sqlite_cast.browser("tom")
    assert words in tom.open(f"/people/{short(sqlite_cast.ids[name])}").text


@pytest.mark.parametrize("name", ["dana", "mateo", "tom", "luis"])
def test_only_the_care_team_changes_the_care_team(sqlite_cast: Cast, name: str) -> None:
    cast = sqlite_cast
    browser = cast.browser(name)
    browser.open("/account")
    url = f"{cast.client_url('dana')}/team"
    assert browser.post(url, person=short(cast.ids["luis"]), past="all").status_code == 404
    form = {"csrf_token": cast_token(browser)}
    assert (
        browser.client.post(f"{url}/{short(cast.ids['ruth'])}/remove", data=form).status_code == 404
    )


def cast_token(browser: Browser) -> str:
    browser.open("/account")
    return browser.token
