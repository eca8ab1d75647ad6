"""One request, from the door to the answer. The only file that knows about HX- headers.

Views answer with `page`, `done` or `send_to`. A full page and a fragment render the same partial;
which of them goes out is decided here. The request commits once, at its end; jobs are woken after.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

from flask import (
    Flask,
    Response,
    current_app,
    g,
    has_request_context,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_htmx import HTMX
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.datastructures import Headers
from werkzeug.local import LocalProxy

from portal.config import Config
from portal.core import audit, reserve
from portal.core.assets import Assets, init_assets
from portal.core.compress import compress
from portal.core.database import Database, Unit
from portal.core.html import own_markup
from portal.core.i18n import SOURCE, spoken
from portal.core.ids import IdConverter
from portal.core.keyring import Keyring
from portal.core.resources import resource

log = logging.getLogger("portal.web")

MOST_BYTES = 256 * 1024
READING = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'none';script-src 'self';connect-src 'self';img-src data:;"
    "form-action 'self';base-uri 'none';frame-ancestors 'none'"
)
HSTS = "max-age=63072000; includeSubDomains"
ON_FRAGMENTS = {"Vary": "HX-Request", "Content-Security-Policy": "default-src 'none'"}
ON_PAGES = {
    "Vary": "HX-Request",
    # Flask-WTF's origin check over https needs a referrer, so not "no-referrer".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

View = TypeVar("View", bound=Callable[..., Any])

htmx = HTMX()


@dataclass(frozen=True)
class Installation:
    """What every request of this process shares."""

    config: Config
    database: Database
    keyring: Keyring
    assets: Assets


def _installation() -> Installation:
    return cast(Installation, current_app.extensions["portal"])


installation = cast(Installation, LocalProxy(_installation))


def _is_page(template: str) -> bool:
    return template.startswith(f"{SOURCE}/") and template.endswith(".html")


class Portal(Flask):
    """A Flask whose views' work is committed before they answer: what they say is true."""

    def load_pages(self) -> None:
        """Compiles the templates, once for all processes and before anybody waits for them.

        In the source language: a second one would double the time in which nothing is served, and
        of each of its pages only the first reader waits, for some milliseconds.
        """
        for name in self.jinja_env.list_templates(filter_func=_is_page):
            self.jinja_env.get_template(name)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view here is asynchronous, and finding that out anew each time costs."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        response = self.make_response(super().dispatch_request())
        if response.status_code < 500:
            store(was_only_read=request.method in READING)
        return response


def store(*, was_only_read: bool) -> None:
    """Commits. When that cannot be, what was only read may be shown all the same, if at least the
    trail's reserve has taken down who read it."""
    present = unit()
    noted = audit.take_noted(present.session)
    try:
        present.commit()
    except (SQLAlchemyError, OSError) as error:
        if not was_only_read or not reserve.put(installation.config, noted):
            raise
        log.error("nothing can be stored: %s", type(error).__name__)


def kept_here() -> Any:
    """What this request keeps for itself: flask.g, found once and not anew for each word."""
    return g._get_current_object()


def unit() -> Unit:
    """This request's unit of work."""
    kept = kept_here()
    present: Unit | None = kept.get("unit")
    if present is None:
        present = kept.unit = installation.database.unit()
    return present


def db() -> Session:
    return unit().session


def init_web(app: Portal, config: Config, database: Database, keyring: Keyring) -> None:
    app.url_map.converters["id"] = IdConverter
    app.config.update(MAX_CONTENT_LENGTH=MOST_BYTES, MAX_FORM_MEMORY_SIZE=MOST_BYTES)
    htmx.init_app(app)
    assets = init_assets(app, resource("static"))
    portal = app.extensions["portal"] = Installation(config, database, keyring, assets)
    app.before_request(_begin_to_write)
    app.after_request(lambda response: _finish(portal, response))
    app.teardown_request(_close)
    app.context_processor(lambda: {"htmx": bool(htmx), "scripts": wants_scripts()})
    app.jinja_env.globals["url_for"] = quick_url_for


def reads_first(view: View) -> View:
    """Marks a view that does something slow (a passphrase's hash) before it begins to write."""
    view.reads_first = True  # type: ignore[attr-defined]
    return view


def takes_up_to(size: int, *, or_say: str, as_file: bool = False) -> Callable[[View], View]:
    """Marks a view whose form may be larger than others, in bytes as they travel.

    `or_say` is the code of what is said to somebody who sends more. What comes `as_file` lies on
    the disk meanwhile, and the fields beside it are no larger than elsewhere.
    """

    def mark(view: View) -> View:
        view.most_bytes, view.too_large = size, or_say  # type: ignore[attr-defined]
        view.most_in_memory = MOST_BYTES if as_file else size  # type: ignore[attr-defined]
        return view

    return mark


def _begin_to_write() -> None:
    """A POST means to write, and on SQLite must say so before it reads."""
    if request.method in READING:
        return
    view = current_app.view_functions.get(request.endpoint or "")
    request.max_content_length = getattr(view, "most_bytes", MOST_BYTES)
    request.max_form_memory_size = getattr(view, "most_in_memory", MOST_BYTES)
    if not getattr(view, "reads_first", False):
        unit().write()


def page(
    template: str, *, partial: str | None = None, status: int = 200, **context: object
) -> Response:
    """A page; for HTMX the partial of it that changes, if one is named."""
    name = partial if partial and htmx else template
    g.is_fragment = name is partial
    return Response(render_template(spoken(name), **context), status)


def fragment(template: str, *, status: int = 200, **context: object) -> Response:
    """A piece of a page, for HTMX only."""
    g.is_fragment = True
    return Response(render_template(spoken(template), **context), status)


def part(template: str, **context: object) -> Markup:
    """A piece that stands inside a page, rendered by itself: as it speaks another language."""
    return own_markup(render_template(spoken(template), **context))


def nothing_new() -> Response:
    """The cheapest answer there is: what the page shows still holds."""
    g.is_fragment = True
    return Response(status=204)


def send_to(url: str) -> Response:
    """On to another page: for HTMX as a whole page too, since its address changes."""
    if htmx:
        g.is_fragment = True
        return Response(status=200, headers={"HX-Redirect": url})
    response = cast(Response, redirect(url, 303))
    response.set_data(b"")  # no browser shows it, and a slow line carries it all the same
    return response


@lru_cache(maxsize=256)
def _fixed_url(endpoint: str) -> str:
    return url_for(endpoint)


def quick_url_for(endpoint: str, **values: Any) -> str:
    """Flask's url_for; the address of a page without arguments is worked out only once."""
    return url_for(endpoint, **values) if values else _fixed_url(endpoint)


def wants_fragment() -> bool:
    return bool(htmx)


def wants_scripts() -> bool:
    """Not under Save-Data: everything works without."""
    return has_request_context() and request.headers.get("Save-Data", "").lower() != "on"


def _finish(portal: Installation, response: Response) -> Response:
    asked, headers = request._get_current_object(), response.headers  # type: ignore[attr-defined]
    # All that the access log may know of an address.
    asked.environ["portal.route"] = asked.endpoint or "-"
    if not headers.get("Cache-Control", "").startswith("public"):
        _protect(headers, portal.assets)
        _squeeze(response, asked.headers.get("Accept-Encoding", ""))
    if portal.config.secure_cookies:
        headers["Strict-Transport-Security"] = HSTS
    headers["X-Content-Type-Options"] = "nosniff"
    return response


def _protect(headers: Headers, assets: Assets) -> None:
    headers["Cache-Control"] = "no-store"
    if g.get("is_fragment"):
        headers.extend(ON_FRAGMENTS)
    else:
        headers.extend(ON_PAGES)
        headers.add("Content-Security-Policy", _content_policy(assets))


def _content_policy(assets: Assets) -> str:
    """A page may use what is ours; one that carries the stylesheet names it by its digest."""
    style = "" if assets.is_held() else f" {assets.style_source}"
    return f"style-src 'self'{style};{POLICY}"


def _squeeze(response: Response, accept_encoding: str) -> None:
    if response.direct_passthrough or response.status_code in (204, 304):
        return
    body, encoding = compress(response.get_data(), accept_encoding)
    if encoding:
        response.set_data(body)
        response.headers["Content-Encoding"] = encoding


def _close(_error: BaseException | None) -> None:
    if "unit" in g:
        g.unit.close()
