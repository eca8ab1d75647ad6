"""What the pages show on which a clinic writes its modules."""

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.i18n import LANGUAGES, language
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import author_preview, own, published, shelf
from portal.modules.author_preview import Stop
from portal.modules.checking import Checked, number_of, raised, reading_grades, title_in, with_top
from portal.modules.format.problems import Problem, quoted
from portal.modules.format.shapes import Kind, ModuleFile, Text
from portal.modules.forms import Fields
from portal.modules.own import DraftRow, OpenDraft, OwnModule
from portal.modules.services.authoring import module_in
from portal.modules.shown import say

MODULES_URL = "/modules"


def draft_url(draft_id: uuid.UUID) -> str:
    return f"{MODULES_URL}/drafts/{short(draft_id)}"


def own_url(published_id: uuid.UUID) -> str:
    return f"{MODULES_URL}/own/{short(published_id)}"


def library_url(name: str) -> str:
    return f"{MODULES_URL}/library/{name}"


def list_page(session: Session, keyring: Keyring, person: Person) -> dict[str, Any]:
    """The clinic's drafts and modules, and the library."""
    kept = own.drafts_with_kept_text(session, person)
    rows = [_draft_row(row, kept) for row in own.drafts_of(session, keyring, person)]
    nonce = str(new_nonce(keyring, person.id, person.clinic_id))
    return {
        "may_write": person.is_clinical,
        "drafts": [row for row in rows if not row["is_put_away"] and not row["is_published"]],
        "put_away": [row for row in rows if row["is_put_away"]],
        "own": [_own_row(one) for one in own.own_modules(session, keyring, person.clinic_id)],
        "library": [
            module_row(module, library_url(module.id))
            for module in sorted(map(shelf.load, shelf.names()), key=order_of)
        ],
        "begin_url": f"{MODULES_URL}/drafts",
        "import_url": f"{MODULES_URL}/import",
        "nonce": nonce,
    }


def order_of(module: ModuleFile) -> tuple[str, str]:
    """Modules before worksheets, each by title."""
    return module.kind.value, say(module.title)


def module_row(module: ModuleFile, url: str) -> dict[str, Any]:
    return {
        "url": url,
        "title": say(module.title),
        "summary": say(module.summary),
        "steps": len(module.steps),
        "minutes": module.minutes,
        "is_worksheet": module.kind is Kind.WORKSHEET,
    }


def _draft_row(row: DraftRow, kept: set[uuid.UUID]) -> dict[str, Any]:
    return {
        "url": draft_url(row.id),
        "title": _title(row.title),
        "by": row.last.author_name,
        "at": row.last.at,
        "is_published": row.is_published,
        "is_put_away": row.is_put_away,
        "has_kept": row.id in kept,
    }


def _title(title: Text) -> str:
    """As far as an unfinished file has one."""
    return title.get(language()) or next((text for text in title.values() if text), "")


def _own_row(one: OwnModule) -> dict[str, Any]:
    return module_row(one.module, own_url(one.id)) | {
        "version": one.module.version,
        "by": one.by_name,
        "at": one.at,
        "is_retired": one.is_retired,
        "is_offered": one.is_newest,
    }


def draft_page(
    session: Session,
    keyring: Keyring,
    person: Person,
    draft: OpenDraft,
    *,
    text: str | None = None,
    found: Checked | None = None,
    problem: str | None = None,
    version: int | None = None,
) -> dict[str, Any]:
    """A draft to be written on. `text` is what somebody typed that could not be saved; `version`
    an earlier one that they want to have in the box."""
    url, last = draft_url(draft.id), draft.last
    standing = last.text or ""
    if draft.published_seq == last.seq:
        standing = _next_version(standing)
    earlier = {one.seq: one for one in draft.revisions}
    if text is None and version in earlier:
        text = earlier[version].text
    kept = own.kept_of(session, person, draft.id)
    return {
        "title": _title(title_in(standing)),
        "url": url,
        "text": standing if text is None else text,
        "nonce": str(new_nonce(keyring, person.id, draft.id)),
        "based_on": last.seq,
        "saved_at": last.at,
        "problem": problem,
        "is_damaged": last.text is None,
        "is_put_away": draft.is_put_away,
        "published_url": own_url(draft.published_id) if draft.published_id else None,
        "rivals": [_revision(url, one) for one in draft.rivals],
        "earlier": [_revision(url, one) for one in reversed(draft.revisions[:-1])],
        "kept": {"at": kept[-1].at, "text": kept[-1].text} if kept else None,
        "checked": check_rows(found, standing) if found else None,
    }


def _next_version(text: str) -> str:
    """What is published stays: whoever goes on writes the next version."""
    module = module_in(text)
    return with_top(text, version=raised(module.version)) if module else text


def _revision(url: str, one: own.Revision) -> dict[str, Any]:
    return {"url": f"{url}?version={one.seq}", "by": one.author_name, "at": one.at}


def check_rows(found: Checked, text: str) -> dict[str, Any]:
    """Everything that a check tells: mistakes with their lines, or what a client will meet."""
    module = found.module
    return {
        "is_sound": found.is_sound,
        "problems": problem_rows(found.problems, text),
        "notes": found.notes,
        "facts": facts(module, found) if module else None,
    }


def problem_rows(problems: Iterable[Problem], text: str) -> list[dict[str, Any]]:
    lines = text.split("\n")
    return [
        {"line": one.line, "words": str(one.words), "quote": quoted(lines, one)} for one in problems
    ]


def facts(module: ModuleFile, found: Checked) -> dict[str, Any]:
    grades = found.grades or {}
    return {
        "version": module.version,
        "languages": ", ".join(LANGUAGES.get(code, code) for code in module.languages),
        "grades": ", ".join(
            f"{LANGUAGES.get(code, code)} {max(value, 0):.1f}" for code, value in grades.items()
        ),
        "most": module.reading_grade,
        "license": module.license,
        "author": module.author,
        "steps": len(module.steps),
        "minutes": module.minutes,
    }


def module_page(module: ModuleFile, url: str, nonce: str, *, may_write: bool) -> dict[str, Any]:
    """What a module is, and what can be done with it."""
    return {
        "title": say(module.title),
        "summary": say(module.summary),
        "is_worksheet": module.kind is Kind.WORKSHEET,
        "facts": facts(module, Checked(module, (), (), reading_grades(module))),
        "steps": [{"title": say(step.title), "minutes": step.minutes} for step in module.steps],
        "preview_url": f"{url}/preview",
        "file_url": f"{url}/file",
        "begin_url": f"{MODULES_URL}/drafts",
        "nonce": nonce,
        "may_write": may_write,
    }


def own_page(
    keyring: Keyring, person: Person, one: OwnModule, draft_id: uuid.UUID | None
) -> dict[str, Any]:
    url = own_url(one.id)
    nonce = str(new_nonce(keyring, person.id, person.clinic_id))
    return module_page(one.module, url, nonce, may_write=person.is_clinical) | {
        "of": short(one.id),
        "by": one.by_name,
        "at": one.at,
        "is_retired": one.is_retired,
        "retire_url": f"{url}/retire",
        "change_url": draft_url(draft_id) if draft_id else None,
    }


def library_page(keyring: Keyring, person: Person, name: str) -> dict[str, Any]:
    module, nonce = shelf.load(name), str(new_nonce(keyring, person.id, person.clinic_id))
    return module_page(module, library_url(name), nonce, may_write=person.is_clinical) | {
        "of": name
    }


def copy_of(session: Session, keyring: Keyring, person: Person, of: str) -> str:
    """The text that a new draft begins with: the template, a copy of the library's with a name of
    its own, or the next version of one of the clinic's.

    Raises NotFound for a module that is not there for this person.
    """
    if of == "":
        return shelf.template(language())
    if of in shelf.names():
        copy = shelf.source(of).decode("utf-8-sig")
        return with_top(copy, id=f"{shelf.load(of).id}-own", version="1.0.0")
    one = own.own_module_for(session, keyring, person, own.id_in(of))
    known = own.own_modules(session, keyring, person.clinic_id)
    versions = [each.module.version for each in known if each.module.id == one.module.id]
    text = published.source_of(session, keyring, one.id).decode("utf-8-sig")
    return with_top(text, version=raised(max(versions, key=number_of)))


def preview_page(
    module: ModuleFile, url: str, back_url: str, at: Stop, fields: Fields
) -> dict[str, Any]:
    """The author's frame around a client's page. What stands inside is made in its language."""
    spoken = author_preview.chosen_language(module, fields.get("say", language()))
    is_wide = fields.get("width") == "wide"
    return {
        "module_title": say(module.title),
        "url": url,
        "back_url": back_url,
        "spoken": spoken,
        "languages": [
            {"code": code, "name": LANGUAGES[code]} for code in author_preview.languages_of(module)
        ],
        "is_wide": is_wide,
        "is_over": at.step is None,
        "step_id": at.step.id if at.step else module.steps[-1].id,
        "unlock_note": say(at.step.unlock_note) if at.step else "",
        "steps": [
            {"id": step.id, "title": say(step.title), "is_here": step is at.step}
            for step in module.steps
        ],
        "travelling": list(author_preview.travelling(at, fields)),
    }
