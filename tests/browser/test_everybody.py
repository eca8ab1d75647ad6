"""Pages for everybody: screen readers, both colour schemes, large letters, a keyboard alone."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.running import RunningPortal
from tests.browser.sights import SIGHTS, Scene, Sight
from tests.browser.walker import PHONE, Walker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

# Spanish for the client, whose words are longer; English for the staff.
LANGUAGES = {None: "es", "client": "es", "ruth": "en", "tom": "en"}
GRAVE = ("serious", "critical")
# When a session dies its page must go from the screen, also without scripts: WCAG 2.2.1 lets be
# what is essential, which axe cannot know.
RULES: dict[str, Any] = {"rules": {"meta-refresh": {"enabled": False}}}


@pytest.fixture(scope="module")
def scene(portal: RunningPortal) -> Scene:
    return Scene(portal, "es")


@pytest.fixture(scope="module")
def walkers(chromium: "Browser", portal: RunningPortal) -> Iterator[dict[str, Walker]]:
    """One browser for each language."""
    with (
        Walker(chromium, portal, language="en", **PHONE) as english,
        Walker(chromium, portal, language="es", **PHONE) as spanish,
    ):
        yield {"en": english, "es": spanish}


@pytest.fixture(scope="module", params=SIGHTS, ids=lambda sight: sight.name)
def walker(request: pytest.FixtureRequest, walkers: dict[str, Walker], scene: Scene) -> Walker:
    """Somebody on a phone who has just come to a page."""
    sight: Sight = request.param
    walker = walkers[LANGUAGES[sight.who]]
    sight.show(walker, scene)
    return walker


def _violations(walker: Walker, **options: Any) -> list[str]:
    found = Axe().run(walker.page, options=RULES | options).response["violations"]
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']]}"
        for one in found
        if one["impact"] in GRAVE
    ]


def test_nothing_stands_in_anybodys_way(walker: Walker) -> None:
    assert _violations(walker) == []
    walker.page.emulate_media(color_scheme="dark")
    assert _violations(walker, runOnly=["color-contrast"]) == []
    walker.page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("width", [360, 180], ids=["a phone", "a phone at 200 %"])
def test_nobody_scrolls_sideways(walker: Walker, width: int) -> None:
    walker.page.set_viewport_size({"width": width, "height": 740})
    assert _width(walker) <= width
    walker.page.set_viewport_size({"width": 360, "height": 740})


def test_letters_twice_as_large_fit_too(walker: Walker) -> None:
    walker.page.locator("html").evaluate("(root) => root.style.fontSize = '2.125em'")
    assert _width(walker) <= 360
    walker.page.locator("html").evaluate("(root) => root.style.fontSize = ''")


def _width(walker: Walker) -> int:
    width: int = walker.page.evaluate("document.documentElement.scrollWidth")
    return width


def test_every_page_has_a_way_out_and_a_neutral_face(walker: Walker) -> None:
    page = walker.page
    assert page.title() == "Notes"
    assert page.locator("link[rel=icon]").get_attribute("href") == "data:,"
    assert page.get_by_role("link", name=walker.say("Leave now")).is_visible()
    assert page.locator('a[href="tel:988"], a[href="sms:988"]').first.is_visible()
    signed_in = page.locator("nav").count()
    assert walker.button("Sign out").count() == signed_in
