"""URLs and views for whoever writes, looks after or takes out a clinic's modules."""

import uuid
from typing import Any

from flask import Blueprint, Response, request, url_for

from portal.accounts.browser import kept_for, person, rescued_by
from portal.core import audit, clock, wording
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.i18n import speaking
from portal.core.nonces import Nonce
from portal.core.web import (
    db,
    fragment,
    installation,
    nothing_new,
    page,
    part,
    send_to,
    takes_up_to,
    unit,
    wants_fragment,
)
from portal.modules import author_pages, author_preview, own, published, shelf
from portal.modules.format.reader import LARGEST_FILE, read_module
from portal.modules.format.shapes import ModuleFile
from portal.modules.own import OpenDraft, draft_for, own_module_for
from portal.modules.routes import number_of
from portal.modules.services import authoring
from portal.modules.services.authoring import Late, Unsound

bp = Blueprint("authors", __name__)

# A file as a form's field: letters of other alphabets and line breaks travel as three signs.
MOST_BYTES = 2 * LARGEST_FILE
# A file is read to the end before anything is said of it: a browser whose line is cut meanwhile
# shows no answer at all.
LARGEST_UPLOAD = 16 * LARGEST_FILE


def _staff() -> None:
    if not person().is_staff:
        raise NotFound


def _nonce() -> Nonce | None:
    return Nonce.parse(request.form.get("nonce", ""))


@bp.get("/modules")
def index() -> Response:
    _staff()
    audit.note(db(), person().clinic_id, person().id, "modules:list", person().clinic_id)
    return _list_page()


def _list_page(*, problem: str | None = None, checked: dict[str, Any] | None = None) -> Response:
    return page(
        "modules/authors/index.html",
        status=422 if problem else 200,
        problem=problem,
        checked=checked,
        **author_pages.list_page(db(), installation.keyring, person()),
    )


@bp.post("/modules/drafts")
def begin() -> Response:
    if not person().is_clinical:
        raise NotFound
    of = request.form.get("of", "")
    text = author_pages.copy_of(db(), installation.keyring, person(), of)
    try:
        draft_id = authoring.begin(db(), installation.keyring, person(), text, _nonce())
    except Invalid as invalid:
        return _list_page(problem=_words_for(invalid))
    return send_to(author_pages.draft_url(draft_id))


def _words_for(invalid: Invalid) -> str:
    code = next((str(one) for one in invalid.details.values()), None)
    return wording.say(code or invalid.code)


@bp.post("/modules/import")
@takes_up_to(LARGEST_UPLOAD, or_say="file_too_large", as_file=True)
def take_in() -> Response:
    """A file from elsewhere. One with a mistake in it is not taken in at all."""
    _staff()
    source = _uploaded()
    if not source:
        return _list_page(problem=wording.say("file_missing"))
    try:
        draft_id = authoring.take_in(db(), installation.keyring, person(), source, _nonce())
    except Unsound as unsound:
        rows = author_pages.check_rows(unsound.checked, source.decode("utf-8-sig", "replace"))
        return _list_page(problem=wording.say("file_refused"), checked=rows)
    except Invalid as invalid:
        return _list_page(problem=_words_for(invalid))
    if not person().is_clinical:
        return send_to(url_for("authors.index"))
    return send_to(f"{author_pages.draft_url(draft_id)}?check=1")


def _uploaded() -> bytes:
    """The file that was sent, or a little more of it than a module may have."""
    file = request.files.get("file")
    if file is None:
        return b""
    with file.stream as stream:
        content: bytes = stream.read(shelf.LARGEST_READ)
    return content


@bp.get("/modules/drafts/<id:draft_id>")
def write(draft_id: uuid.UUID) -> Response:
    draft = draft_for(db(), installation.keyring, person(), draft_id)
    audit.note(db(), person().clinic_id, person().id, "module:open", draft.id)
    found = None
    if "check" in request.args:
        source = (draft.last.text or "").encode()
        found = authoring.checked(db(), installation.keyring, person().clinic_id, source)
    version = request.args.get("version", type=number_of)
    context = author_pages.draft_page(
        db(), installation.keyring, person(), draft, found=found, version=version
    )
    return page("modules/authors/draft.html", **context)


def rescue(draft_id: uuid.UUID) -> Response:
    """A text that came without its session: kept, sealed, for the one who was given the form."""
    nonce, back_to = _nonce(), author_pages.draft_url(draft_id)
    unit().write()
    author = None
    if nonce is not None:
        late = Late(request.form.get("text", ""), nonce)
        author = authoring.keep_for_author(db(), installation.keyring, draft_id, late)
    return kept_for(author, back_to)


@bp.post("/modules/drafts/<id:draft_id>")
@rescued_by(rescue)
@takes_up_to(MOST_BYTES, or_say="file_too_large")
def save(draft_id: uuid.UUID) -> Response:
    """Saves first, whatever is then wanted of it."""
    try:
        _save(draft_id)
    except Invalid as invalid:
        draft = draft_for(db(), installation.keyring, person(), draft_id)
        context = author_pages.draft_page(
            db(), installation.keyring, person(), draft,
            text=request.form.get("text", ""), problem=_words_for(invalid),
        )  # fmt: skip
        return page("modules/authors/draft.html", status=422, **context)
    return send_to(_where_to(draft_id))


def _save(draft_id: uuid.UUID) -> bool:
    return authoring.save(
        db(), installation.keyring, person(), draft_id, request.form.get("text", ""),
        nonce=_nonce(), based_on=request.form.get("based_on", 0, type=number_of),
    )  # fmt: skip


def _where_to(draft_id: uuid.UUID) -> str:
    """To the draft with what a check tells; on from there, if that is wanted and all is well."""
    action, url = request.form.get("action", ""), author_pages.draft_url(draft_id)
    draft = draft_for(db(), installation.keyring, person(), draft_id)
    if draft.rivals or action not in ("check", "look", "publish"):
        return url
    if action == "look" and authoring.module_in(draft.last.text or ""):
        return f"{url}/preview"
    if action == "publish":
        try:
            return author_pages.own_url(
                authoring.publish(db(), installation.keyring, person(), draft_id)
            )
        except (Unsound, Conflict):
            pass
    return f"{url}?check=1"


@bp.post("/modules/drafts/<id:draft_id>/draft")
@rescued_by(rescue)
@takes_up_to(MOST_BYTES, or_say="file_too_large")
def save_itself(draft_id: uuid.UUID) -> Response:
    """What the page sends by itself while somebody writes."""
    is_new = _save(draft_id)
    if not wants_fragment():
        return send_to(author_pages.draft_url(draft_id))
    if not is_new:
        return nothing_new()
    return fragment("modules/_saved.html", saved_at=clock.now())


@bp.post("/modules/drafts/<id:draft_id>/kept")
def kept(draft_id: uuid.UUID) -> Response:
    if request.form.get("action") == "restore":
        authoring.restore_kept(db(), installation.keyring, person(), draft_id)
    else:
        draft_for(db(), installation.keyring, person(), draft_id)
        authoring.discard_kept(db(), person(), draft_id)
    return send_to(author_pages.draft_url(draft_id))


@bp.post("/modules/drafts/<id:draft_id>/put-away")
def put_away(draft_id: uuid.UUID) -> Response:
    is_away = request.form.get("action") != "back"
    authoring.put_away(db(), installation.keyring, person(), draft_id, is_away=is_away)
    return send_to(url_for("authors.index") if is_away else author_pages.draft_url(draft_id))


@bp.get("/modules/drafts/<id:draft_id>/file")
def draft_file(draft_id: uuid.UUID) -> Response:
    draft = draft_for(db(), installation.keyring, person(), draft_id)
    audit.note(db(), person().clinic_id, person().id, "module:export", draft.id)
    return _file((draft.last.text or "").encode())


@bp.get("/modules/own/<id:published_id>")
def show(published_id: uuid.UUID) -> Response:
    one = own_module_for(db(), installation.keyring, person(), published_id)
    draft_id = own.draft_of(db(), person(), published_id)
    audit.note(db(), person().clinic_id, person().id, "module:open", published_id)
    context = author_pages.own_page(installation.keyring, person(), one, draft_id)
    return page("modules/authors/show.html", **context)


@bp.get("/modules/own/<id:published_id>/file")
def own_file(published_id: uuid.UUID) -> Response:
    own_module_for(db(), installation.keyring, person(), published_id)
    audit.note(db(), person().clinic_id, person().id, "module:export", published_id)
    return _file(published.source_of(db(), installation.keyring, published_id))


@bp.post("/modules/own/<id:published_id>/retire")
def retire(published_id: uuid.UUID) -> Response:
    is_over = request.form.get("action") != "offer"
    authoring.retire(db(), installation.keyring, person(), published_id, is_over=is_over)
    return send_to(author_pages.own_url(published_id))


@bp.get("/modules/library/<module_id>")
def show_library(module_id: str) -> Response:
    _in_library(module_id)
    context = author_pages.library_page(installation.keyring, person(), module_id)
    return page("modules/authors/show.html", **context)


@bp.get("/modules/library/<module_id>/file")
def library_file(module_id: str) -> Response:
    _in_library(module_id)
    return _file(shelf.source(module_id))


def _in_library(module_id: str) -> ModuleFile:
    _staff()
    try:
        return shelf.load(module_id)
    except KeyError as error:
        raise NotFound from error


def _file(source: bytes) -> Response:
    """To be kept, not shown. Its name says nothing of what is in it."""
    return Response(
        source,
        mimetype="text/markdown",
        headers={"Content-Disposition": 'attachment; filename="module.md"'},
    )


@bp.route("/modules/drafts/<id:draft_id>/preview", methods=["GET", "POST"])
def preview_draft(draft_id: uuid.UUID) -> Response:
    draft = draft_for(db(), installation.keyring, person(), draft_id)
    module = _module_of(draft)
    if module is None:
        return send_to(f"{author_pages.draft_url(draft_id)}?check=1")
    return _preview(module, author_pages.draft_url(draft_id))


def _module_of(draft: OpenDraft) -> ModuleFile | None:
    return read_module((draft.last.text or "").encode()).module


@bp.route("/modules/own/<id:published_id>/preview", methods=["GET", "POST"])
def preview_own(published_id: uuid.UUID) -> Response:
    one = own_module_for(db(), installation.keyring, person(), published_id)
    return _preview(one.module, author_pages.own_url(published_id))


@bp.route("/modules/library/<module_id>/preview", methods=["GET", "POST"])
def preview_library(module_id: str) -> Response:
    return _preview(_in_library(module_id), author_pages.library_url(module_id))


def _preview(module: ModuleFile, url: str) -> Response:
    """A step as a client sees it. Nothing is saved: the answers travel in the form."""
    at = author_preview.stop(module, request.form)
    frame = author_pages.preview_page(module, f"{url}/preview", url, at, request.form)
    with speaking(frame["spoken"]):
        inside = part(
            "modules/authors/_as_client.html",
            **author_preview.clients_part(module, at, request.form),
        )
    return page("modules/authors/preview.html", inside=inside, **frame)
