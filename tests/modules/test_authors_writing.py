"""A clinic's own modules are written, without scripts: nothing that was typed is lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from portal.core.ids import parse
from portal.core.nonces import new_nonce
from portal.modules import own
from portal.modules.models import ModuleDraft, ModuleRevision, PublishedModule
from portal.modules.services import authoring
from tests.cast import Browser, Cast
from tests.modules.desk import Desk, count, desk
from tests.modules.files import WHOLE


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


def test_only_so_many_of_what_was_saved_before_are_kept(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast)
    for number in range(authoring.MOST_REVISIONS + 3):
        ruth.press("save", f"{number}")
        ruth.open()
    assert count(sqlite_cast, ModuleRevision) == authoring.MOST_REVISIONS
    ruth.open("?version=23")
    assert ruth.box == "21"


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


def test_a_text_that_is_too_large_stays_on_the_page(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast)
    answer = ruth.press("save", "x" * (1024 * 1024 + 1))
    assert answer.status_code == 422
    assert "The file is larger than 1 MB." in answer.text
    assert len(ruth.box) == 1024 * 1024 + 1


def test_a_draft_is_put_away_and_brought_back(sqlite_cast: Cast) -> None:
    ruth = desk(sqlite_cast, text=WHOLE)
    ruth.browser.post(f"{ruth.url}/put-away", action="away")
    page = ruth.page
    assert page.index("Put away") < page.index("A walk")
    ruth.open()
    ruth.browser.post(f"{ruth.url}/put-away", action="back")
    assert "Put it away" in ruth.page
    assert ruth.box == WHOLE
