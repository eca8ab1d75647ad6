"""What goes with every answer, of whatever kind; and whose word about an address is taken."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from portal import create_app
from portal.core.crypto import Argon2Cost
from portal.core.errors import Busy
from tests.cast import PASSPHRASE, TOKEN, Cast
from tests.conftest import make_config

HTTP, HTTPS = "http://127.0.0.1:8000", "https://portal.example.org"


@dataclass
class House:
    """A portal behind an address, and a browser in which Dana is signed in."""

    cast: Cast
    address: str
    client: FlaskClient
    thread: str = ""

    def ask(self, method: str, url: str, **more: Any) -> TestResponse:
        return self.client.open(url, method=method, base_url=self.address, **more)

    def post(self, url: str, *, htmx: bool = False, **fields: str) -> TestResponse:
        page = self.ask("GET", "/account").text or ""
        found = TOKEN.search(page) or TOKEN.search(self.ask("GET", "/sign-in").text)
        assert found
        headers = {"HX-Request": "true"} if htmx else {}
        return self.ask("POST", url, data={"csrf_token": found[1]} | fields, headers=headers)

    @property
    def is_secure(self) -> bool:
        return self.address.startswith("https")

    def breaks(self, error: Exception) -> TestResponse:
        """The account page when something goes wrong in it."""

        def broken() -> NoReturn:
            raise error

        usual = self.cast.app.view_functions["accounts.show"]
        self.cast.app.view_functions["accounts.show"] = broken
        try:
            return self.ask("GET", "/account")
        finally:
            self.cast.app.view_functions["accounts.show"] = usual


@pytest.fixture(params=[HTTP, HTTPS], ids=["http", "https"], scope="module")
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
) -> Iterator[House]:
    made = make_house(tmp_path_factory.mktemp("house"), sqlite_template, base_url=request.param)
    usual, Argon2Cost.__init__.__defaults__ = Argon2Cost.__init__.__defaults__, (64, 1)
    yield made
    Argon2Cost.__init__.__defaults__ = usual
    made.cast.database.dispose()


@pytest.fixture(autouse=True)
def _nobody_has_tried_before(request: pytest.FixtureRequest) -> None:
    if "house" in request.fixturenames:
        house: House = request.getfixturevalue("house")
        house.cast.app.extensions["guard"].throttle._local.storage.reset()


def make_house(tmp_path: Path, template: Path, *, base_url: str = HTTP, **more: Any) -> House:
    config = make_config(tmp_path / "data", base_url=base_url, **more)
    (config.data / "portal.sqlite").write_bytes(template.read_bytes())
    cast = Cast(create_app(config))
    throttle = cast.app.extensions["guard"].throttle
    throttle._shared = throttle._local  # no queue's server is asked
    made = House(cast, base_url, cast.app.test_client())
    name = "__Host-p" if made.is_secure else "p"
    domain = urlsplit(base_url).hostname or ""
    made.client.set_cookie(name, str(cast.cookie("dana")), domain=domain, secure=made.is_secure)
    made.thread = cast.thread_url(cast.begin_thread("ruth", "dana"))
    return made


Asking = Callable[[House], TestResponse]
FRAGMENT = {"headers": {"HX-Request": "true"}}


def too_often(house: House) -> TestResponse:
    for _ in range(31):
        answer = house.post("/recover", user_name="dana", code="x")
    return answer


def too_late(house: House) -> TestResponse:
    """Dana takes back what has been answered."""
    thread = house.cast.begin_thread("dana", "dana")
    house.cast.send("ruth", thread, "An answer")
    return house.post(f"{house.cast.thread_url(thread)}/messages/1/take-back")


PAGES: dict[str, tuple[int, Asking]] = {
    "a page": (200, lambda house: house.ask("GET", house.thread)),
    "a page's head": (200, lambda house: house.ask("HEAD", house.thread)),
    "a visitor's page": (200, lambda house: stranger(house).ask("GET", "/sign-in")),
    "what is possible": (200, lambda house: house.ask("OPTIONS", house.thread)),
    "on to another page": (303, lambda house: house.post("/account/language", language="es")),
    "sign in first": (303, lambda house: stranger(house).ask("GET", house.thread)),
    "no form of ours": (400, lambda house: house.ask("POST", f"{house.thread}/close")),
    "words without a session": (
        401,
        lambda house: stranger(house).ask("POST", house.thread, data={"text": "x"}),
    ),
    "not there": (404, lambda house: house.ask("GET", f"/threads/{'A' * 22}")),
    "no such address": (404, lambda house: house.ask("GET", "/.git/config")),
    "no such file": (404, lambda house: house.ask("GET", "/static/x.css")),
    "no such method": (405, lambda house: house.ask("DELETE", house.thread)),
    "not now": (409, too_late),
    "too much": (413, lambda house: house.ask("POST", house.thread, data={"text": "x" * 2**22})),
    "does not fit": (422, lambda house: house.post(house.thread, text="", action="send")),
    "too often": (429, too_often),
    "broken": (500, lambda house: house.breaks(RuntimeError("secret words"))),
    "all places taken": (503, lambda house: house.breaks(Busy())),
    "database away": (503, lambda house: house.breaks(operational("server closed"))),
    "disk full": (507, lambda house: house.breaks(operational("database or disk is full"))),
}
FRAGMENTS: dict[str, tuple[int, Asking]] = {
    "a fragment": (200, lambda house: house.ask("GET", f"{house.thread}/new?after=9", **FRAGMENT)),
    "an earlier page": (200, lambda house: house.ask("GET", f"{house.thread}/earlier", **FRAGMENT)),
    "a refused send": (
        422,
        lambda house: house.post(house.thread, htmx=True, text="", action="send"),
    ),
    "elsewhere": (
        200,
        lambda house: house.post("/account/language", htmx=True, language="es"),
    ),
}


def stranger(house: House) -> House:
    return House(house.cast, house.address, house.cast.app.test_client())


def operational(text: str) -> OperationalError:
    return OperationalError("SELECT secret words", {}, Exception(text))


def directives(answer: TestResponse) -> dict[str, list[str]]:
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    parts = [part.split() for part in policy.split(";")]
    assert len({part[0] for part in parts}) == len(parts)
    return {part[0]: part[1:] for part in parts}


def _has_what_every_answer_has(house: House, answer: TestResponse) -> None:
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
    hsts = answer.headers.get("Strict-Transport-Security", "")
    assert hsts.startswith("max-age=63072000") is house.is_secure
    for header in ("Server", "X-Powered-By", "Access-Control-Allow-Origin", "Refresh", "ETag"):
        assert header not in answer.headers


def _is_never_stored(answer: TestResponse) -> None:
    assert answer.headers.getlist("Cache-Control") == ["no-store"]
    if answer.data:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_of_any_kind_is_locked_up(house: House, kind: str) -> None:
    status, asking = PAGES[kind]
    answer = asking(house)
    assert answer.status_code == status
    _has_what_every_answer_has(house, answer)
    _is_never_stored(answer)
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "HX-Request" in answer.headers["Vary"]
    _has_the_policy(answer)
    assert "secret words" not in answer.text + str(answer.headers)


def _has_the_policy(answer: TestResponse) -> None:
    policy = directives(answer)
    styles = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    for name in ("default-src", "base-uri", "frame-ancestors"):
        assert policy[name] == ["'none'"]
    for name in ("script-src", "connect-src", "form-action"):
        assert policy[name] == ["'self'"]
    assert policy["img-src"] == ["data:"]
    for style in styles:
        digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["style-src"]
    assert set(policy) - {"style-src"} == {
        "default-src", "base-uri", "frame-ancestors", "script-src", "connect-src", "form-action",
        "img-src",
    }  # fmt: skip
    whole = str(answer.headers["Content-Security-Policy"])
    for weak in ("unsafe", "*", "http:", "https:", "blob:", "nonce", "strict-dynamic"):
        assert weak not in whole
    assert "<script>" not in answer.text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", answer.text)


@pytest.mark.parametrize("kind", FRAGMENTS)
def test_a_fragment_may_do_nothing_by_itself(house: House, kind: str) -> None:
    status, asking = FRAGMENTS[kind]
    answer = asking(house)
    assert answer.status_code == status
    assert "<html" not in answer.text
    _has_what_every_answer_has(house, answer)
    _is_never_stored(answer)
    assert directives(answer) == {"default-src": ["'none'"]}


def test_a_page_that_goes_wrong_for_htmx_is_locked_up_too(house: House) -> None:
    answer = house.ask("GET", f"/threads/{'A' * 22}", **FRAGMENT)
    assert answer.status_code == 404
    _has_the_policy(answer)


def test_a_file_is_for_everybody_and_for_ever(house: House) -> None:
    for asset in ("css/portal.css", "js/portal.js", "vendor/htmx.min.js"):
        answer = stranger(house).ask("GET", house.cast.app.extensions["assets"].url(asset))
        assert answer.status_code == 200
        _has_what_every_answer_has(house, answer)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Type"].partition(";")[0] in ("text/css", "text/javascript")
        assert "charset=utf-8" in answer.headers["Content-Type"]


def cookies_of(house: House) -> list[str]:
    """Every cookie that is ever set: a visitor's, a language's, a session's, the stylesheet's."""
    house.cast.set_passphrase("dana")
    visitor = stranger(house)
    page = visitor.ask("GET", "/sign-in?lang=es")
    found = TOKEN.search(page.text)
    assert found
    form = {"csrf_token": found[1], "user_name": "dana", "passphrase": PASSPHRASE}
    entered = visitor.ask("POST", "/sign-in", data=form)
    assert entered.status_code == 303
    url = house.cast.app.extensions["assets"].stylesheet.url
    style = visitor.ask("GET", url)
    jar = visitor.client._cookies or {}
    carried = "; ".join(f"{one.key}={one.value}" for one in jar.values())
    assert len(carried) <= 120, "all that a request carries"
    left = visitor.post("/sign-out")
    assert left.status_code == 303
    assert left.headers["Clear-Site-Data"] == '"storage"'
    answers = (page, entered, style, left)
    return [line for answer in answers for line in answer.headers.getlist("Set-Cookie")]


def test_cookies_are_for_this_host_and_for_no_script(house: House) -> None:
    lines = cookies_of(house)
    assert len(lines) == 5
    for line in lines:
        ((name, morsel),) = SimpleCookie(line).items()
        assert name.startswith("__Host-") is house.is_secure
        assert bool(morsel["secure"]) is house.is_secure
        assert morsel["httponly"]
        assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Lax", "/", "")
        assert len(f"{name}={morsel.value}") <= 120
        if name.endswith("p") and morsel.value:
            assert morsel["max-age"] == morsel["expires"] == "", "gone with the browser"


def test_a_session_cookie_over_https_is_not_read_under_its_plain_name(
    tmp_path: Path, sqlite_template: Path
) -> None:
    house = make_house(tmp_path, sqlite_template, base_url=HTTPS)
    visitor = stranger(house)
    domain = "portal.example.org"
    visitor.client.set_cookie("p", str(house.cast.cookie("dana")), domain=domain)
    assert visitor.ask("GET", "/account").status_code == 303
    house.cast.database.dispose()


def guess(house: House, address: str, forwarded: str) -> int:
    visitor = stranger(house)
    environ = {"REMOTE_ADDR": address}
    found = TOKEN.search(visitor.ask("GET", "/recover").text)
    assert found
    return visitor.ask(
        "POST",
        "/recover",
        data={"csrf_token": found[1], "user_name": "x", "code": "x"},
        headers={"X-Forwarded-For": forwarded, "X-Real-IP": forwarded, "Forwarded": forwarded},
        environ_overrides=environ,
    ).status_code


def test_nobody_hides_behind_an_invented_address(tmp_path: Path, sqlite_template: Path) -> None:
    house = make_house(tmp_path, sqlite_template)
    answers = [guess(house, "203.0.113.7", f"198.51.{number}.1") for number in range(31)]
    assert answers[-1] == 429
    assert guess(house, "192.0.2.1", "203.0.113.7") == 422, "nor can shut anybody else out"
    house.cast.database.dispose()


def test_behind_one_proxy_only_what_it_says_itself_counts(
    tmp_path: Path, sqlite_template: Path
) -> None:
    house = make_house(tmp_path, sqlite_template, trusted_proxies=1)
    spoofed = [guess(house, "10.0.0.1", f"198.51.{n}.1, 203.0.113.7") for n in range(31)]
    assert spoofed[-1] == 429
    assert guess(house, "10.0.0.1", "203.0.113.7, 192.0.2.1") == 422
    house.cast.database.dispose()
