"""A clinic's own modules: written, checked, published, taken in and out, without scripts."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from portal.core.audit import AuditEntry
from portal.core.errors import NotFound
from portal.core.ids import parse
from portal.core.nonces import new_nonce
from portal.modules import own, published, shelf
from portal.modules.models import ModuleDraft, ModuleRevision, PublishedModule
from portal.modules.services import authoring
from tests.cast import Browser, Cast
from tests.modules.desk import Desk, desk
from tests.modules.desk import published as publish
from tests.modules.files import WHOLE, line_of
from tests.modules.test_pages import fill, url_of

NEXT = WHOLE.replace("version: 1.0.0", "version: 1.1.0").replace("Go to the gate", "Go to the lake")


def count(cast: Cast, model: Any) -> int:
    with cast.database.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


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


def test_what_is_written_is_kept_also_with_mistakes_in_it(cast: Cast) -> None:
    ruth = desk(cast)
    ruth.press("save", "not a module\r\n  at all\n")
    ruth.open()
    assert ruth.box == "not a module\n  at all\n"
    ruth.press("publish")
    assert (1, "The file begins with a line of three dashes: ---") in ruth.mistakes
    assert count(cast, PublishedModule) == 0


def test_a_form_that_is_sent_twice_is_one_draft_and_one_saving(sqlite_cast: Cast) -> None:
    ruth = Desk(sqlite_cast.browser("ruth"))
    listed = ruth.browser.open("/modules")
    for _ in range(2):
        ruth.browser.page = listed
        ruth.browser.post("/modules/drafts", of="", nonce=ruth.browser.nonce)
    ruth.url = ruth.browser.page.request.path
    page = ruth.browser.page
    for text in (WHOLE, WHOLE, WHOLE + "\nmore", WHOLE + "\nmore still"):
        ruth.browser.page = page
        ruth.press("save", text)
    assert (count(sqlite_cast, ModuleDraft), count(sqlite_cast, ModuleRevision)) == (1, 2)


def test_the_page_saves_itself(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast)
    page = ruth.browser.page
    assert ruth.press("save", "half", htmx=True).text.startswith("Saved ")
    ruth.browser.page = page
    assert ruth.press("save", "half", htmx=True).status_code == 204
    ruth.open()
    assert ruth.box == "half"


def test_two_who_write_at_once_keep_both_texts_and_the_second_is_told(cast: Cast) -> None:
    ruth = desk(cast, text=WHOLE)
    helen = Desk(cast.browser("helen"), ruth.url)
    helen.open(), ruth.open()
    helen.press("save", WHOLE + "\nHelen's line")
    assert "saved this too" not in helen.page
    ruth.press("publish", WHOLE + "\n")
    assert "Helen saved this too" in ruth.page
    assert count(cast, PublishedModule) == 0, "first somebody looks at both"
    ruth.open("?version=3")
    assert ruth.box == WHOLE + "\nHelen's line"
    ruth.open()
    ruth.press("publish")
    assert "Published by Ruth" in ruth.page, "who saves what stands has seen the other"
    with cast.database.reading() as session:
        draft = own.draft_for(session, cast.keyring, cast.person("helen"), parse(ruth.url[-22:]))
    assert WHOLE + "\nHelen's line" in [one.text for one in draft.revisions]


def test_taps_at_the_same_moment_begin_one_draft_and_lose_no_saving(cast: Cast) -> None:
    ruth, helen = cast.person("ruth"), cast.person("helen")
    nonce = new_nonce(cast.keyring, ruth.id, ruth.clinic_id)

    def begin(_number: int) -> Any:
        with cast.database.writing() as session:
            return authoring.begin(session, cast.keyring, ruth, "0", nonce)

    def save(number: int) -> bool:
        writer = (ruth, helen)[number % 2]
        own_nonce = new_nonce(cast.keyring, writer.id, nonce.id)
        with cast.database.writing() as session:
            return authoring.save(
                session, cast.keyring, writer, nonce.id, f"{number}", nonce=own_nonce, based_on=1
            )

    with ThreadPoolExecutor(8) as fingers:
        assert set(fingers.map(begin, range(8))) == {nonce.id}
        assert all(fingers.map(save, range(1, 11)))
    with cast.database.reading() as session:
        draft = own.draft_for(session, cast.keyring, helen, nonce.id)
    assert {one.text for one in draft.revisions} == {f"{number}" for number in range(11)}
    assert [one.seq for one in draft.revisions] == list(range(1, 12))
    assert len(draft.rivals) == 9


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


def test_only_so_many_of_what_was_saved_before_are_kept(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast)
    for number in range(authoring.MOST_REVISIONS + 3):
        ruth.press("save", f"{number}")
        ruth.open()
    assert count(sqlite_cast, ModuleRevision) == authoring.MOST_REVISIONS
    ruth.open("?version=23")
    assert ruth.box == "21"


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
    assert ruth.mistakes == [(1, "There is no worksheet “my-sheet”.")]
    sheet = shelf.source("grounding").decode().replace("id: grounding", "id: my-sheet")
    publish(sqlite_cast, text=sheet)
    ruth.press("publish", named)
    assert "Published by Ruth" in ruth.page


def test_a_module_without_spanish_may_be_published_and_is_noted(sqlite_cast: Cast) -> None:
    english = "\n".join(
        line for line in WHOLE.replace("[en, es]", "[en]").split("\n") if " es" not in line
    )
    ruth = desk(sqlite_cast)
    ruth.press("check", english)
    assert ruth.mistakes, "what is left over in the other language is told"
    text = shelf.template("en").replace("languages: [en, es]", "languages: [es, en]")
    ruth.press("check", text)
    assert "There is no" not in ruth.page


def test_what_came_after_signing_out_is_kept_and_offered(cast: Cast) -> None:
    ruth = desk(cast, text=WHOLE)
    form = ruth.form(WHOLE + "\nToo late", "publish") | {"csrf_token": "stale"}
    late = Browser(cast.app)
    answer = late.client.post(ruth.url, data=form)
    assert answer.status_code == 401
    assert "Your words are safe" in answer.text
    assert "Too late" not in answer.text
    assert "You have words here that were not saved." in ruth.browser.open("/modules").text
    helen = Desk(cast.browser("helen"), ruth.url)
    assert "Too late" not in helen.open().text, "it is Ruth's"
    ruth.open()
    assert "It was not saved." in ruth.page
    assert ruth.box == WHOLE, "nothing is put over what stands without being asked for"
    ruth.browser.post(f"{ruth.url}/kept", action="restore")
    assert ruth.box == WHOLE + "\nToo late"
    ruth.open("?version=2")
    assert ruth.box == WHOLE
    assert "It was not saved." not in ruth.page


def test_what_came_too_late_can_be_thrown_away(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast, text=WHOLE)
    form = ruth.form("Too late", "save") | {"csrf_token": "stale"}
    Browser(sqlite_cast.app).client.post(ruth.url, data=form)
    ruth.open()
    ruth.browser.post(f"{ruth.url}/kept", action="discard")
    assert "It was not saved." not in ruth.page
    assert ruth.box == WHOLE


def test_a_draft_is_put_away_and_brought_back(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast, text=WHOLE)
    ruth.browser.post(f"{ruth.url}/put-away", action="away")
    page = ruth.page
    assert page.index("Put away") < page.index("A walk")
    ruth.open()
    ruth.browser.post(f"{ruth.url}/put-away", action="back")
    assert "Put it away" in ruth.page
    assert ruth.box == WHOLE


# --- files ---


def take_in(browser: Browser, content: bytes) -> TestResponse:
    browser.open("/modules")
    fields = {"csrf_token": browser.token, "nonce": browser.nonce}
    boundary, body = encode_multipart(fields | {"file": FileStorage(io.BytesIO(content), "x.md")})
    kind = f"multipart/form-data; boundary={boundary}"
    return browser._go(
        "POST", "/modules/import", htmx=False, follow=True, data=body, content_type=kind
    )


def test_a_file_is_taken_in_and_taken_out_again(cast: Cast) -> None:
    ruth = cast.browser("ruth")
    take_in(ruth, WHOLE.replace("\n", "\r\n").encode("utf-8-sig"))
    url = ruth.page.request.path
    assert "Nothing is wrong." in ruth.page.text
    assert Desk(ruth, url).box == WHOLE
    file = ruth.open(f"{url}/file")
    assert file.data == WHOLE.encode()
    assert file.headers["Content-Disposition"] == 'attachment; filename="module.md"'
    assert file.mimetype == "text/markdown"
    address = publish(cast)
    assert ruth.open(f"{address}/file").data == WHOLE.encode()
    assert ruth.open("/modules/library/sleep/file").data == shelf.source("sleep")


def _bomb() -> bytes:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return WHOLE.replace("id: walk", "id: walk\n" + "\n".join(lines)).encode()


PROMPTS = "".join(f"- {{id: q{n}, type: short, label: {{en: Q, es: P}}}}\n" for n in range(10_000))
HOSTILE = {
    "a bomb of aliases": _bomb(),
    "a script": WHOLE.replace("Air helps.", "Air <script>alert(1)</script> helps.").encode(),
    "a tag that makes something": WHOLE.replace(
        "id: walk", "id: !!python/object:os.system ls"
    ).encode(),
    "ways that go round": WHOLE.replace("goto: end", "goto: first").encode(),
    "ten thousand prompts": WHOLE.replace("- id: mood\n", PROMPTS + "- id: mood\n").encode(),
    "no text at all": bytes(range(256)) * 100,
    "hidden signs": WHOLE.replace("Air helps.", "Air \u202e helps.").encode(),
    "a little too large": b"x" * (1024 * 1024 + 1),
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_whole_and_quickly(sqlite_cast: Cast, name: str) -> None:
    ruth = sqlite_cast.browser("ruth")
    began = time.perf_counter()
    answer = take_in(ruth, HOSTILE[name])
    assert time.perf_counter() - began < 5
    assert answer.status_code == 422
    assert count(sqlite_cast, ModuleDraft) == 0
    assert "<script>alert" not in answer.text
    if name != "nothing":
        assert "This file was not taken in." in answer.text
        assert "Line " in answer.text


@pytest.mark.parametrize(
    "name", [one for one in HOSTILE if one not in ("nothing", "a little too large")]
)
def test_hostile_text_in_the_box_is_kept_as_text_and_published_never(
    sqlite_cast: Cast, name: str
) -> None:
    ruth, text = desk(sqlite_cast), HOSTILE[name].decode("utf-8", "replace")
    began = time.perf_counter()
    ruth.press("publish", text)
    assert time.perf_counter() - began < 10
    assert ruth.mistakes
    assert "<script>alert" not in ruth.page
    assert count(sqlite_cast, PublishedModule) == 0
    ruth.press("look")
    assert ruth.browser.page.request.path == ruth.url, "there is nothing to look at"


def test_a_huge_file_is_turned_away_with_words_for_it(sqlite_cast: Cast) -> None:
    ruth = sqlite_cast.browser("ruth")
    answer = take_in(ruth, b"x" * 10_000_000)
    assert answer.status_code == 422
    assert "This file was not taken in." in answer.text
    assert "The file is larger than 1 MB." in answer.text
    answer = take_in(ruth, b"x" * 17_000_000)
    assert answer.status_code == 413
    assert "The file is larger than 1 MB." in answer.text


def test_a_text_that_is_too_large_stays_on_the_page(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast)
    answer = ruth.press("save", "x" * (1024 * 1024 + 1))
    assert answer.status_code == 422
    assert "The file is larger than 1 MB." in answer.text
    assert len(ruth.box) == 1024 * 1024 + 1


# --- who may ---


def test_an_administrator_takes_in_and_out_and_retires_and_writes_nothing(cast: Cast) -> None:
    url = publish(cast)
    draft = desk(cast).url
    tom = cast.browser("tom")
    assert "Modules and worksheets" in tom.open("/people").text
    page = take_in(tom, WHOLE.replace("id: walk", "id: other").encode()).text
    assert "Write a new one" not in page
    assert count(cast, ModuleDraft) == 3
    assert tom.open(draft).status_code == 404
    assert tom.open(f"{url}/file").status_code == 200
    tom.open(url)
    tom.post(f"{url}/retire", action="retire")
    assert "Not offered any more." in tom.page.text
    tom.open("/modules")
    assert tom.post("/modules/drafts", of="", nonce=tom.nonce).status_code == 404
    person = cast.person("tom")
    with cast.database.writing() as session, pytest.raises(NotFound):
        authoring.begin(session, cast.keyring, person, "x", None)


def test_another_clinic_and_clients_see_nothing_of_it(cast: Cast) -> None:
    url, draft = publish(cast), desk(cast).url
    _ = cast.other_clinic
    for name in ("olga", "greta", "dana"):
        browser = cast.browser(name)
        for address in (url, f"{url}/file", f"{url}/preview", draft, f"{draft}/file"):
            assert browser.open(address).status_code == 404, (name, address)
    assert "A walk" not in cast.browser("olga").open("/modules").text
    assert cast.browser("dana").open("/modules").status_code == 404
    publish(cast, "olga")
    assert count(cast, PublishedModule) == 2, "each clinic has its own"


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
