"""With scripts, small deeds change a part of the page: one request each, and the page stays."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Request, expect

from bench.letters import letters
from tests.browser.running import RunningPortal
from tests.browser.walker import NOTHING_STORED, Walker

pytestmark = pytest.mark.browser


@pytest.fixture
def walker(visit: Callable[..., Walker], portal: RunningPortal) -> Walker:
    """A client in a thread of fifty letters, with all scripts in place."""
    client = portal.newcomer("Ada Lind")
    address = portal.thread(client, letters(50))
    walker = visit()
    walker.carry(portal.cookie(client.user_name, client.passphrase))
    walker.open(address)
    walker.has_scripts()
    walker.page.wait_for_load_state("networkidle")
    return walker


def one(requests: list[Request]) -> str:
    """The only request of all."""
    assert len(requests) == 1, [request.url for request in requests]
    return f"{requests[0].method} …/{requests[0].url.rpartition('/')[2].partition('?')[0]}"


def test_a_send_is_one_request(walker: Walker) -> None:
    here = walker.page.url.rpartition("/")[2]
    with walker.staying() as requests:
        walker.box("Your message").evaluate("(box) => box.value = 'Without a draft before it.'")
        walker.press("Send")
        expect(walker.page.locator("#m .u").last).to_contain_text("Without a draft before it.")
    assert one(requests) == f"POST …/{here}"
    expect(walker.box("Your message")).to_have_value("")
    walker.sees_time_after("Sent %(time)s")


def test_a_pause_in_typing_saves_the_draft_in_one_request(walker: Walker) -> None:
    with walker.staying() as requests:
        walker.type("Your message", "Half a thought")
        walker.sees_time_after("Saved %(time)s")
    assert one(requests) == "POST …/draft"


def test_checking_for_new_is_one_request(walker: Walker) -> None:
    with walker.staying() as requests:
        walker.page.get_by_role("link", name="Check for new").click()
        walker.sees_time_after("Nothing new, %(time)s")
    assert one(requests) == "GET …/new"


def test_earlier_messages_are_one_request_each_time(walker: Walker) -> None:
    messages = walker.page.locator("#m li:not(.d)")
    for count in (40, 50):
        with walker.staying() as requests:
            walker.page.get_by_role("link", name="Show earlier messages").click()
            expect(messages).to_have_count(count)
        assert one(requests) == "GET …/earlier"
    expect(walker.page.get_by_role("link", name="Show earlier messages")).to_have_count(0)
    days = walker.page.locator("#m h2").all_inner_texts()
    assert len(days) == len(set(days)), "each day is named once"


def test_all_of_it_stores_nothing_in_the_browser(walker: Walker) -> None:
    walker.type("Your message", "Half a thought")
    walker.sees_time_after("Saved %(time)s")
    walker.follow("Account")
    walker.page.wait_for_load_state("networkidle")
    assert walker.stored() == NOTHING_STORED
    names = {cookie["name"]: cookie for cookie in walker.context.cookies()}
    assert set(names) == {"p", "s"}
    assert {(cookie["httpOnly"], cookie["sameSite"]) for cookie in names.values()} == {
        (True, "Lax")
    }
    assert names["p"]["expires"] == -1, "it ends with the browser"
