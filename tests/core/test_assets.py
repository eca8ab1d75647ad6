"""The stylesheet travels once, scripts late, and every file is what its address says."""

import gzip
import hashlib
import re
from base64 import b64encode
from pathlib import Path

import brotli
import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from portal.core.assets import Assets, init_assets

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "static"
PAGE = "{{ styles() }}|{{ styles_later() }}"


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask(__name__, static_folder=None)
    init_assets(app, STATIC)
    app.add_url_rule("/", "page", lambda: render_template_string(PAGE))
    return app


@pytest.fixture(scope="module")
def assets(app: Flask) -> Assets:
    kept: Assets = app.extensions["assets"]
    return kept


@pytest.fixture
def browser(app: Flask) -> FlaskClient:
    return app.test_client()


def test_the_vendored_script_is_the_one_that_was_checked() -> None:
    for line in (STATIC / "vendor/SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest
    listed = {line.split()[1] for line in (STATIC / "vendor/SHA256SUMS").read_text().splitlines()}
    assert {path.name for path in (STATIC / "vendor").glob("*.js")} == listed


def test_scripts_stay_within_their_bytes(assets: Assets, browser: FlaskClient) -> None:
    sizes = [
        len(browser.get(assets.url(name), headers={"Accept-Encoding": "br"}).data)
        for name in ("js/portal.js", "vendor/htmx.min.js")
    ]
    assert sizes[0] <= 1300
    assert sum(sizes) <= 18_000 - 2 * 500, "with the headers of both"


def test_the_stylesheet_stays_within_its_bytes(assets: Assets) -> None:
    assert len(assets.stylesheet.body.plain) <= 4200


def test_our_script_names_the_file_it_fetches(assets: Assets, browser: FlaskClient) -> None:
    script = browser.get(assets.url("js/portal.js")).text
    assert assets.url("vendor/htmx.min.js") in script
    assert "asset:" not in script
    assert "//" not in script, "what only people need does not travel"


def test_an_address_changes_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "css").mkdir()
    sheet = tmp_path / "css/portal.css"
    sheet.write_text("a{color:red}")
    before = Assets(tmp_path).url("css/portal.css")
    sheet.write_text("a{color:tan}")
    assert Assets(tmp_path).url("css/portal.css") != before
    assert re.fullmatch(r"/static/portal\.[0-9a-f]{8}\.css", before)


def test_a_file_is_kept_for_a_year_and_comes_compressed(
    assets: Assets, browser: FlaskClient
) -> None:
    url = assets.url("vendor/htmx.min.js")
    content = (STATIC / "vendor/htmx.min.js").read_bytes()
    response = browser.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert brotli.decompress(response.data) == content
    assert response.headers["Content-Encoding"] == "br"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "Set-Cookie" not in response.headers
    zipped = browser.get(url, headers={"Accept-Encoding": "gzip"}).data
    assert gzip.decompress(zipped) == content
    assert browser.get(url).data == content


@pytest.mark.parametrize("name", ["portal.00000000.css", "portal.css", "SHA256SUMS", "..%2fx.css"])
def test_no_other_address_gives_a_file(browser: FlaskClient, name: str) -> None:
    assert browser.get(f"/static/{name}").status_code == 404


def test_the_first_page_of_a_visit_is_complete_and_asks_for_nothing(browser: FlaskClient) -> None:
    inline, later = browser.get("/", headers={"Sec-Fetch-Site": "none"}).text.split("|")
    assert inline.startswith("<style>")
    assert later == ""


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Referer": "http://localhost/sign-in"}]
)
def test_the_next_page_fetches_the_stylesheet_in_passing(
    assets: Assets, browser: FlaskClient, headers: dict[str, str]
) -> None:
    inline, later = browser.get("/", headers=headers).text.split("|")
    assert inline.startswith("<style>")
    assert later == f'<link rel=stylesheet media=print href="{assets.stylesheet.url}">'


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Referer": "http://localhost/"},
        {"Referer": "http://localhost.evil.example/"},
        {"Referer": "http://elsewhere.example/http://localhost/"},
    ],
)
def test_a_page_reached_from_elsewhere_is_a_first_page(
    browser: FlaskClient, headers: dict[str, str]
) -> None:
    assert browser.get("/", headers=headers).text.endswith("|")


def test_from_then_on_the_stylesheet_is_only_named(assets: Assets, browser: FlaskClient) -> None:
    cookie = browser.get(assets.stylesheet.url).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=31536000" in cookie, "as long as the file itself is kept"
    linked, later = browser.get("/", headers={"Sec-Fetch-Site": "same-origin"}).text.split("|")
    assert linked == f'<link rel=stylesheet href="{assets.stylesheet.url}">'
    assert later == ""


def test_after_an_upgrade_the_old_stylesheet_does_not_count(browser: FlaskClient) -> None:
    browser.set_cookie("s", "00000000")
    assert browser.get("/").text.startswith("<style>")


def test_the_content_policy_allows_exactly_this_stylesheet(
    assets: Assets, browser: FlaskClient
) -> None:
    inline = browser.get("/").text.split("|")[0]
    text = inline.removeprefix("<style>").removesuffix("</style>")
    digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert assets.style_source == f"'sha256-{digest}'"
