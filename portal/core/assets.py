"""Stylesheet, scripts and nothing else: named by their content, held ready, sent once.

The first page of a visit carries the stylesheet inside it, since a second request costs a round
trip. Pages that follow fetch the file in passing; from then on a cookie says that the browser
holds it, and pages only name it.
"""

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import cast

from flask import Flask, Response, abort, current_app, g, request
from markupsafe import Markup

from portal.core.compress import Squeezed
from portal.core.cookies import read_cookie, set_cookie
from portal.core.html import own_markup

STYLESHEET = "css/portal.css"
COOKIE = "s"
YEAR = 365 * 24 * 3600
FORMS = {".css", ".js"}
NOTHING = own_markup("")


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    hash: str
    url: str
    type: str
    body: Squeezed = field(repr=False)


class Assets:
    """Every stylesheet and script below a folder, read once."""

    def __init__(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in FORMS)
        # A script may name another asset; so vendored files, which name none, come first.
        files.sort(key=lambda path: "vendor" not in path.parts)
        self._by_name: dict[str, Asset] = {}
        self._by_url: dict[str, Asset] = {}
        for path in files:
            self._add(path.relative_to(folder).as_posix(), path.read_text("utf-8"))
        self.stylesheet = self._by_name[STYLESHEET]
        self.inline = own_markup(f"<style>{self.stylesheet.body.plain.decode()}</style>")
        self.linked = own_markup(f'<link rel=stylesheet href="{self.stylesheet.url}">')
        self.later = own_markup(f'<link rel=stylesheet media=print href="{self.stylesheet.url}">')

    def url(self, name: str) -> str:
        """The address of a file such as "js/portal.js"; a KeyError if there is none."""
        return self._by_name[name].url

    def at(self, url: str) -> Asset | None:
        """The file that an address names, or None: also for an older version's address."""
        return self._by_url.get(url)

    def write_to(self, folder: Path) -> int:
        """Writes every file as it is served, plain and compressed, for a reverse proxy."""
        for url, asset in self._by_url.items():
            target = folder / url.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(asset.body.plain)
            target.with_name(f"{target.name}.br").write_bytes(asset.body.br)
            target.with_name(f"{target.name}.gz").write_bytes(asset.body.gzip)
        return len(self._by_url)

    @cached_property
    def style_source(self) -> str:
        """What the Content-Security-Policy must allow for the stylesheet inside a page."""
        digest = hashlib.sha256(self.stylesheet.body.plain).digest()
        return f"'sha256-{b64encode(digest).decode()}'"

    def is_held(self) -> bool:
        """Whether the browser that asks has the stylesheet already: a page wants to know thrice."""
        held: bool | None = g.get("holds_stylesheet")
        if held is None:
            held = g.holds_stylesheet = read_cookie(request, COOKIE) == self.stylesheet.hash
        return held

    def _add(self, name: str, text: str) -> None:
        body = self._ready(name, text).encode()
        mark = hashlib.sha256(body).hexdigest()[:8]
        stem, _, suffix = name.rpartition("/")[2].rpartition(".")
        url = f"/static/{stem}.{mark}.{suffix}"
        asset = Asset(mark, url, guess_type(name)[0] or "text/plain", Squeezed.of(body))
        self._by_name[name] = self._by_url[url] = asset

    def _ready(self, name: str, text: str) -> str:
        """Our own files lose what only people need, and learn the addresses of those they name."""
        if "vendor" in name:
            return text
        text = re.sub(r"/\*[\s\S]*?\*/\s*|^\s*//.*$", "", text, flags=re.MULTILINE)
        text = re.sub(r"\n\s*", "\n" if name.endswith(".js") else "", text).strip()
        return re.sub(r"asset:([\w./-]+)", lambda match: self.url(match[1]), text)


def init_assets(app: Flask, folder: Path) -> Assets:
    """Serves the folder's files and gives templates asset(), styles() and styles_later()."""
    assets = app.extensions["assets"] = Assets(folder)
    app.add_url_rule("/static/<name>", "static", serve)
    app.jinja_env.globals.update(asset=assets.url, styles=styles, styles_later=styles_later)
    return assets


def serve(name: str) -> Response:
    """A file as its address promises: for a year, for everyone, already compressed."""
    asset = _assets().at(f"/static/{name}") or abort(404)
    body, encoding = asset.body.for_browser(request.headers.get("Accept-Encoding", ""))
    response = Response(body, content_type=f"{asset.type}; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response.headers["Vary"] = "Accept-Encoding"
    if encoding:
        response.headers["Content-Encoding"] = encoding
    if asset is _assets().stylesheet:
        _remember(response, asset)
    return response


def styles() -> Markup:
    """For the head of a page: the stylesheet itself, or its name if the browser holds it."""
    assets = _assets()
    return assets.linked if assets.is_held() else assets.inline


def styles_later() -> Markup:
    """For the end of a page: lets a visit that goes on fetch the stylesheet for its next page.

    A print stylesheet holds nothing up. A cold first page does not ask for it: one request is all.
    """
    assets = _assets()
    return NOTHING if assets.is_held() or not _goes_on() else assets.later


def _assets() -> Assets:
    return cast(Assets, current_app.extensions["assets"])


def _goes_on() -> bool:
    """Whether this page was reached from one of ours."""
    site = request.headers.get("Sec-Fetch-Site")
    return site == "same-origin" if site else (request.referrer or "").startswith(request.host_url)


def _remember(response: Response, stylesheet: Asset) -> None:
    """The cookie lives as long as the cached file: either without the other would only cost."""
    set_cookie(response, COOKIE, stylesheet.hash, max_age=YEAR)
