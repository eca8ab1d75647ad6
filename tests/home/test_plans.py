"""The pages of one's account, of the administrator and of the care team look things up, too."""

from collections.abc import Iterator
from typing import Any

import pytest

from bench.plans import recorded
from portal.core.ids import short
from tests.accounts.arrivals import quick_passphrases
from tests.cast import PASSPHRASE, Browser, Cast
from tests.plans import Visit, crowd, looked_up

pytestmark = pytest.mark.slow


def reading(cast: Cast, name: str, *urls: str) -> Iterator[Visit]:
    browser = cast.browser(name)
    for url in urls:
        with recorded(cast.database.engine) as asked:
            assert browser.open(url).status_code == 200, url
        yield url, asked


def writing(cast: Cast, browser: Browser, page: str, url: str, **fields: Any) -> Iterator[Visit]:
    """Opens a page, and sends what is on it to `url`."""
    browser.open(page)
    with recorded(cast.database.engine) as asked:
        assert browser.post(url, **fields).status_code == 200, url
    yield url, asked


def visits(cast: Cast) -> Iterator[Visit]:
    """Each page, and what it asked of the database."""
    luis, dana_url = short(cast.ids["luis"]), cast.client_url("dana")
    dana, ruth, tom = (cast.browser(name) for name in ("dana", "ruth", "tom"))
    his = f"/people/{luis}"
    yield from reading(cast, "dana", "/account", f"{dana_url}/reading")
    yield from reading(cast, "ruth", "/clients/invite", f"{dana_url}/contact")
    yield from reading(cast, "tom", "/people", his)
    yield from writing(cast, Browser(cast.app), "/sign-in", "/sign-in",
                       user_name="dana", passphrase=PASSPHRASE)  # fmt: skip
    yield from writing(cast, dana, "/account", "/account/language", language="en")
    yield from writing(cast, dana, "/account", "/account/recovery-code", passphrase=PASSPHRASE)
    yield from writing(cast, dana, "/account", "/account/passphrase",
                       current=PASSPHRASE, new="a wholly other sentence")  # fmt: skip
    yield from writing(cast, dana, "/account", "/account/sessions/end-others")
    yield from writing(cast, ruth, dana_url, f"{dana_url}/team", person=luis, past="all")
    yield from writing(cast, ruth, dana_url, f"{dana_url}/team/{luis}/remove")
    yield from writing(cast, ruth, dana_url, f"{dana_url}/team", person=luis, past="new")
    yield from writing(cast, ruth, "/clients/invite", "/clients/invite",
                       name="Nora", language="en", second=short(cast.ids["helen"]))  # fmt: skip
    yield from writing(cast, tom, his, f"{his}/disable")
    yield from writing(cast, tom, his, f"{his}/enable")


def test_every_statement_of_accounts_people_and_teams_uses_an_index(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_passphrases(monkeypatch)
    cast.set_passphrase("dana")
    cast.begin_thread("ruth", "dana")
    crowd(cast)
    seen = looked_up(cast, visits(cast))
    assert len(seen) > 60
