"""What is written is checked and published; what is published stays as it is."""

from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.audit import AuditEntry
from portal.core.ids import parse
from portal.modules import published, shelf
from portal.modules.models import PublishedModule
from portal.modules.services import authoring
from tests.cast import Cast
from tests.modules.desk import Desk, count, desk, speaks_spanish
from tests.modules.desk import published as publish
from tests.modules.files import ENGLISH, NEXT, WHOLE, line_of
from tests.modules.steps_on_pages import fill, url_of


def test_a_clinician_writes_checks_publishes_and_gives(cast: Cast) -> None:
    ruth = desk(cast)
    assert "# Lines that begin with # in such a block are notes for you." in ruth.box
    ruth.press("check", ruth.box.replace("minutes: 4", "minutes: forty"))
    assert line_of(ruth.box, "minutes: forty") in [line for line, _told in ruth.mistakes]
    ruth.press("check", ruth.box.replace("minutes: forty", "minutes: 4"))
    assert "Nothing is wrong." in ruth.page
    assert "Licence: CC-BY-4.0" in ruth.page
    assert "Hardest step, in school years: English" in ruth.page
    ruth.press("publish")
    assert "Published by Ruth" in ruth.page
    listed = ruth.browser.open("/modules").text
    assert listed.count("A small walk") == 1, "as published, and no more as a draft"

    choose = ruth.browser.open(f"{cast.client_url('dana')}/work/new").text
    assert choose.index("A small walk") < choose.index("The library")
    own_url = choose.partition("/work/new/own/")[2].partition('"')[0]
    give = f"{cast.client_url('dana')}/work/new/own/{own_url}"
    ruth.browser.open(give)
    ruth.browser.post(give, starts="2026-01-01", nonce=ruth.browser.nonce)
    dana = cast.browser("dana")
    assert "A small walk" in dana.open("/").text


def test_of_two_files_for_one_version_that_come_at_once_one_is_published(cast: Cast) -> None:
    ruth = cast.person("ruth")
    files = [WHOLE.replace("Air helps.", f"Air helps {n} of us.").encode() for n in range(6)]

    told: list[str] = []

    def publish_it(source: bytes) -> bool:
        try:
            with cast.database.writing() as session:
                authoring.publish_source(session, cast.keyring, ruth.clinic_id, ruth.id, source)
        except authoring.Unsound as unsound:
            told.append(str(unsound.checked.problems[0].words))
            return False
        return True

    with ThreadPoolExecutor(6) as fingers:
        assert sum(fingers.map(publish_it, files)) == 1
    assert len(told) == 5
    assert all(words.startswith("Version 1.0.0 is published") for words in told)
    assert count(cast, PublishedModule) == 1


def test_a_published_version_stays_and_a_changed_one_needs_a_higher_number(cast: Cast) -> None:
    publish(cast)
    ruth = desk(cast)
    ruth.press("publish", WHOLE.replace("Go to the gate", "Go to the lake"))
    words = "Version 1.0.0 is published and stays as it is. Write version: 1.0.1"
    assert ruth.mistakes == [(line_of(WHOLE, "version:"), words)]
    ruth.press("publish", NEXT.replace("1.1.0", "0.9.0"))
    assert [words] == [told for _line, told in ruth.mistakes]
    ruth.press("publish", NEXT)
    assert "Version 1.1.0" in ruth.page
    again = desk(cast, "helen")
    again.press("publish", NEXT)
    assert "Published by Ruth" in again.page, "the same file is the same version"
    assert count(cast, PublishedModule) == 2
    choose = ruth.browser.open(f"{cast.client_url('dana')}/work/new").text
    assert choose.count("/work/new/own/") == 1, "only the newest is offered"


def test_whoever_goes_on_with_a_published_one_writes_the_next_version(cast: Cast) -> None:
    url = publish(cast)
    ruth = Desk(cast.browser("ruth"))
    link = ruth.browser.open(url).text.partition('href="/modules/drafts/')[2]
    ruth.url = f"/modules/drafts/{link[:22]}"
    ruth.open()
    assert "version: 1.0.1" in ruth.box
    ruth.press("publish")
    assert "Version 1.0.1" in ruth.page


def test_the_next_version_of_one_that_came_over_the_command_line_begins_from_its_file(
    sqlite_cast: Cast,
) -> None:
    """Nobody wrote it here, so there is no draft of it to go on with."""
    with sqlite_cast.database.writing() as session:
        clinic_id = sqlite_cast.clinic.id
        for text in (WHOLE, NEXT):
            source = text.encode()
            authoring.publish_source(session, sqlite_cast.keyring, clinic_id, None, source)
    ruth = Desk(sqlite_cast.browser("ruth"))
    oldest = ruth.browser.open("/modules").text.split('href="/modules/own/')[2][:22]
    ruth.browser.open(f"/modules/own/{oldest}")
    assert "Published by" not in ruth.page
    ruth.browser.post("/modules/drafts", of=oldest, nonce=ruth.browser.nonce)
    ruth.url = ruth.browser.page.request.path
    assert ruth.box == WHOLE.replace("version: 1.0.0", "version: 1.1.1")
    ruth.press("publish")
    assert "Version 1.1.1" in ruth.page


def test_given_work_stays_with_its_version(cast: Cast) -> None:
    """The client answers what they were given, whatever is published or retired since."""
    url = publish(cast)
    ruth, dana = cast.browser("ruth"), cast.browser("dana")
    give = f"{cast.client_url('dana')}/work/new/own/{url[-22:]}"
    ruth.open(give)
    ruth.post(give, starts="2026-01-01", nonce=ruth.nonce)
    work = parse(ruth.page.request.path[-22:])
    desk(cast, "helen").press("publish", NEXT)
    ruth.open(url)
    ruth.post(f"{url}/retire", action="retire")
    assert "Not offered any more." in ruth.page.text
    dana.open(url_of(work, "first"))
    assert "Go to the gate." in dana.page.text
    fields: dict[str, Any] = {"a.mood": "7"}
    fill(dana, url_of(work, "first"), **fields)
    assert "You went." in dana.page.text
    assert ruth.open(give).status_code == 200
    form = {"csrf_token": ruth.token, "nonce": ruth.nonce, "starts": "2026-01-01"}
    assert ruth.client.post(give, data=form).status_code == 404
    ruth.open(url)
    ruth.post(f"{url}/retire", action="offer")
    assert "Not offered any more." not in ruth.page.text


def test_a_name_of_the_librarys_is_not_taken(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast)
    ruth.press("publish", WHOLE.replace("id: walk", "id: urge-surfing"))
    words = "“urge-surfing” is the name of one in the library. Give yours its own, such as "
    assert ruth.mistakes == [(2, f"{words}urge-surfing-own.")]


@pytest.mark.parametrize("name", ["urge-surfing", "grounding"])
def test_a_copy_of_the_librarys_can_be_published_as_ones_own(sqlite_cast: Cast, name: str) -> None:
    ruth = Desk(sqlite_cast.browser("ruth"))
    ruth.browser.open(f"/modules/library/{name}")
    ruth.browser.post("/modules/drafts", of=name, nonce=ruth.browser.nonce)
    ruth.url = ruth.browser.page.request.path
    assert f"id: {name}-own" in ruth.box
    ruth.press("publish")
    assert "Version 1.0.0" in ruth.page


def test_a_worksheet_that_a_plan_names_is_in_the_library_or_published_here(
    sqlite_cast: Cast,
) -> None:
    ruth, named = (
        desk(sqlite_cast),
        WHOLE.replace("type: plan,", "type: plan, worksheet: my-sheet,"),
    )
    ruth.press("publish", named)
    line = line_of(named, "worksheet: my-sheet")
    assert ruth.mistakes == [(line, "There is no worksheet “my-sheet”.")]
    assert "- {id: again, type: plan, worksheet: my-sheet," in unescape(ruth.page)
    sheet = shelf.source("grounding").decode().replace("id: grounding", "id: my-sheet")
    publish(sqlite_cast, text=sheet)
    ruth.press("publish", named)
    assert "Published by Ruth" in ruth.page


def test_a_module_without_spanish_may_be_published_and_is_noted(sqlite_cast: Cast) -> None:
    noted = "There is no Español in it. Whoever reads that gets the first language."
    ruth = desk(sqlite_cast)
    ruth.press("check", WHOLE.replace("[en, es]", "[en]"))
    assert ruth.mistakes, "what is left over in the other language is told"
    ruth.press("check", WHOLE)
    assert noted not in ruth.page
    ruth.press("check", ENGLISH)
    assert ruth.mistakes == []
    assert noted in ruth.page
    ruth.press("publish")
    assert "Published by Ruth" in ruth.page
    speaks_spanish(sqlite_cast, "luis")
    luis = sqlite_cast.browser("luis").open(ruth.browser.page.request.path).text
    assert "A walk" in luis, "whoever reads Spanish gets what there is"
    assert "Publicado por Ruth" in luis


def test_the_trail_tells_who_published_what(cast: Cast) -> None:
    url = publish(cast)
    with cast.database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "module:publish")
        ).one()
        digest = session.scalars(select(PublishedModule.digest)).one()
        source = published.source_of(session, cast.keyring, parse(url[-22:]))
    assert entry.actor_id == cast.ids["ruth"]
    assert entry.object_id == parse(url[-22:])
    assert entry.detail == digest.hex()[:32] == published.digest(cast.keyring, source).hex()[:32]
