"""Whether a clinic's own file can be published: everything that is wrong with it, and what a
client will meet.

What a file is in itself, `format.reader` tells. Here it is held against the library, against what
the clinic has published before, and against the languages that the portal speaks.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.core.i18n import LANGUAGES
from portal.core.i18n import lazy as _
from portal.modules import shelf
from portal.modules.format.checks import step_text
from portal.modules.format.nodes import Fields, Words
from portal.modules.format.problems import Problem, Problems
from portal.modules.format.reader import read_module
from portal.modules.format.reading_grade import grade
from portal.modules.format.sections import front_matter
from portal.modules.format.shapes import Kind, ModuleFile, Text

Version = tuple[int, int, int]

# Licences, by their usual short names, under which whoever has a text may use it with clients.
OPEN_LICENSE = re.compile(
    r"CC0([ -]1\.0)?|CC[ -]BY([ -]NC)?([ -](SA|ND))?([ -][1-4]\.\d)?|public domain", re.IGNORECASE
)


@dataclass(frozen=True)
class Before:
    """A version of the clinic's own that is published. `digest`: of its file."""

    id: uuid.UUID
    module: ModuleFile
    digest: bytes


@dataclass(frozen=True)
class Checked:
    """`module` is there if the file can be read as one; it can be published if there are no
    problems. `notes` keep nobody from publishing. `grades`: the hardest step, by language."""

    module: ModuleFile | None
    problems: tuple[Problem, ...]
    notes: tuple[Any, ...] = ()
    grades: Mapping[str, float] | None = None

    @property
    def is_sound(self) -> bool:
        return self.module is not None and not self.problems


def check(source: bytes, digest: bytes, before: Iterable[Before]) -> Checked:
    """Holds a file against everything that it must agree with. Raises nothing."""
    reading = read_module(source)
    if reading.module is None:
        return Checked(None, reading.problems)
    module, known = reading.module, list(before)
    own = [one for one in known if one.module.id == module.id]
    beside = [one.module for one in known if one.module.kind is Kind.WORKSHEET]
    problems = (
        *_about_id(module),
        *_about_version(module, digest, own),
        *shelf.missing_worksheets(module, beside),
    )
    return Checked(module, problems, tuple(notes_on(module)), reading_grades(module))


def _about_id(module: ModuleFile) -> tuple[Problem, ...]:
    """A client and a colleague must be able to trust that a name of the library's means that."""
    if module.id not in shelf.names():
        return ()
    words = _(
        "“%(id)s” is the name of one in the library. Give yours its own, such as %(other)s.",
        id=module.id,
        other=f"{module.id}-own",
    )
    return (Problem(module.line_of("id"), words),)


def _about_version(module: ModuleFile, digest: bytes, own: list[Before]) -> tuple[Problem, ...]:
    """A published version stays what it is: whatever differs has a higher number."""
    last = max((one for one in own), key=lambda one: number_of(one.module.version), default=None)
    if last is None or any(
        one.digest == digest and one.module.version == module.version for one in own
    ):
        return ()
    if number_of(module.version) > number_of(last.module.version):
        return ()
    words = _(
        "Version %(last)s is published and stays as it is. Write version: %(next)s",
        last=last.module.version,
        next=raised(last.module.version),
    )
    return (Problem(module.line_of("version"), words),)


def notes_on(module: ModuleFile) -> Iterable[Any]:
    """What its author should know, and what keeps nobody from publishing."""
    for code, name in LANGUAGES.items():
        if code not in module.languages:
            yield _(
                "There is no %(language)s in it. Whoever reads that gets the first language.",
                language=name,
            )
    if not module.scan_text:
        yield _("What clients type in it is not looked through for danger signs.")
    if not OPEN_LICENSE.fullmatch(module.license.strip()):
        yield _(
            "“%(license)s” is no licence that is known to let others use a text. Publish only"
            " what your clinic wrote or has leave to use. Items of a published questionnaire need"
            " leave.",
            license=module.license[:60],
        )


def reading_grades(module: ModuleFile) -> dict[str, float]:
    """The school year that the hardest step asks for, by language."""
    found = {}
    for language in module.languages:
        steps = (grade(step_text(step, language), language) for step in module.steps)
        known = [one for one in steps if one is not None]
        if known:
            found[language] = max(known)
    return found


def number_of(version: str) -> Version:
    one, two, three = (int(part) for part in version.split("."))
    return one, two, three


def raised(version: str) -> str:
    """The next version, for a small change."""
    one, two, three = number_of(version)
    return f"{one}.{two}.{three + 1}"


def with_top(text: str, **values: str) -> str:
    """The file with other values for keys at its top, such as id or version."""
    for key, value in values.items():
        text = re.sub(
            rf"\A(---.*?^{key}:[ \t]*)\S[^\n#]*",
            lambda match, value=value: match[1] + value,  # type: ignore[misc]
            text,
            count=1,
            flags=re.DOTALL | re.MULTILINE,
        )
    return text


LONGEST_TOP = 400


def _top(source: bytes) -> list[str]:
    lines = source[: 64 * 1024].decode("utf-8-sig", "replace").split("\n")[:LONGEST_TOP]
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), len(lines))
    return lines[:end]


def title_in(text: str) -> Text:
    """The title that an unfinished file has so far, by language; empty if there is none."""
    top = _top(text.encode())
    front, _end = front_matter([*top, "---"], Problems())
    title = front.fields.get("title") if isinstance(front, Fields) else None
    if isinstance(title, Words):
        return {"": title.text}
    found = title.fields if isinstance(title, Fields) else {}
    return {name: node.text for name, node in found.items() if isinstance(node, Words)}
