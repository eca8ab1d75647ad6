"""Reads a module file: bytes in, a ModuleFile or a complete list of what is wrong out.

Whatever the file holds, reading it takes bounded time and memory and raises nothing.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from portal.core.i18n import lazy as _
from portal.modules.format import checks
from portal.modules.format.fields import NAME, Taker, missing_languages
from portal.modules.format.nodes import Items, YamlNode
from portal.modules.format.problems import MOST_PROBLEMS, Problem, Problems
from portal.modules.format.prompts import read_prompt
from portal.modules.format.sections import RawModule, RawPart, RawStep, cut
from portal.modules.format.shapes import (
    END,
    FeedbackHint,
    Kind,
    ModuleFile,
    Part,
    Prompt,
    Reply,
    Spoken,
    Step,
)

LARGEST_FILE, MOST_PROMPTS, MOST_LANGUAGES = 1024 * 1024, 200, 12
VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", re.ASCII)
LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)
# Control signs, and those that are not seen or turn the direction of writing around.
UNFIT = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff]"
)


@dataclass(frozen=True)
class Reading:
    """`module` is there exactly if there are no problems."""

    module: ModuleFile | None
    problems: tuple[Problem, ...]


def read_module(data: bytes) -> Reading:
    """Reads and checks one file. Raises nothing."""
    problems = Problems()
    text = _decode(data, problems)
    if text is None:
        return Reading(None, problems.in_order)
    module = _Builder(cut(text, problems), problems).build()
    if module:
        checks.check(module, problems)
    return Reading(None if problems else module, problems.in_order)


def _decode(data: bytes, problems: Problems) -> str | None:
    if len(data) > LARGEST_FILE:
        problems.add(1, _("The file is larger than 1 MB."))
        return None
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(line, _("The file is not saved as UTF-8."))
        return None
    for line, sign in islice(_unfit(text), MOST_PROBLEMS):
        problems.add(line, _("There is a hidden sign here (%(sign)s). Take it out.", sign=sign))
    return None if problems else unicodedata.normalize("NFC", text)


def _unfit(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        for letter in set(UNFIT.findall(line)):
            yield number, f"U+{ord(letter):04X}"


class _Builder:
    """Makes the module of its pieces, and goes on after each problem."""

    def __init__(self, raw: RawModule, problems: Problems) -> None:
        self._raw, self._problems = raw, problems
        self._languages: tuple[str, ...] = ()
        self._prompts = 0

    def build(self) -> ModuleFile | None:
        if self._raw.front is None:
            self._problems.add(1, _("The part at the top is empty or cannot be read."))
            return None
        taker = Taker(self._raw.front, (), self._problems)
        lines = taker.lines
        taker.languages = self._languages = self._read_languages(taker)
        kind = taker.one_of("kind", Kind, Kind.MODULE)
        module = ModuleFile(
            id=taker.matching("id", NAME, _("small letters, digits and dashes")),
            kind=kind,
            version=taker.matching("version", VERSION, _("three numbers, like 1.0.0")),
            languages=self._languages,
            title=taker.text("title"),
            summary=taker.text("summary"),
            minutes=taker.whole("minutes", 1, 240),
            reading_grade=taker.whole("reading_grade", 1, 6),
            license=taker.words("license"),
            author=taker.words("author", "") or None,
            scan_text=taker.yes_no("scan_text", default=True),
            steps=tuple(map(self._step, self._raw.steps)),
            lines=lines,
        )
        taker.done("---")
        return module

    def _read_languages(self, taker: Taker) -> tuple[str, ...]:
        line, languages = taker.line, taker.names("languages")
        fine = len(set(languages)) == len(languages) <= MOST_LANGUAGES
        if not fine or not all(map(LANGUAGE.fullmatch, languages)):
            self._problems.add(line, _("Write the languages as in “languages: [en, es]”."))
            return ()
        return languages

    def _step(self, raw: RawStep) -> Step:
        if not NAME.fullmatch(raw.id.replace("_", "-")) or raw.id == END:
            self._problems.add(
                raw.line,
                _(
                    "After ## stands the step's id: small letters, digits, - and _ only."
                    " Its title belongs into the “step” block."
                ),
            )
        if raw.about is None:
            self._problems.add(
                raw.line, _("The step “%(id)s” has no “step” block.", id=raw.id[:40])
            )
        about = self._about(raw.about) if raw.about else {}
        parts = tuple(map(self._part, raw.parts))
        replies = tuple(reply for node in raw.replies for reply in self._replies(node))
        fallback = {
            "title": {},
            "minutes": 1,
            "feedback": FeedbackHint.FREE,
            "clinician_unlocks": False,
            "unlock_note": None,
        }
        return Step(id=raw.id, line=raw.line, parts=parts, replies=replies, **(fallback | about))  # type: ignore[arg-type]  # the fields of one block

    def _about(self, node: YamlNode) -> dict[str, Any]:
        taker = Taker(node, self._languages, self._problems)
        unlock = taker.yes_no("clinician_unlocks", default=False)
        fields = {
            "title": taker.text("title"),
            "minutes": taker.whole("minutes", 1, 30),
            "feedback": taker.one_of("feedback", FeedbackHint, FeedbackHint.FREE),
            "clinician_unlocks": unlock,
            "unlock_note": taker.text("unlock_note", optional=not unlock) or None,
        }
        taker.done("step")
        return fields

    def _part(self, raw: RawPart) -> Part:
        body: dict[str, str] = {}
        for one in raw.bodies:
            if one.language not in self._languages or one.language in body:
                self._problems.add(
                    one.line,
                    _(
                        "Each part stands once in each language of the module: %(languages)s.",
                        languages=", ".join(self._languages),
                    ),
                )
            elif one.text:
                body[one.language] = one.text
        missing_languages(body, raw.kind, self._languages, raw.line, self._problems)
        asked = (prompt for node in raw.asked for prompt in self._asked(node))
        lines = {one.language: one.line for one in reversed(raw.bodies)}
        spoken = Spoken(body, lines)
        return Part(kind=raw.kind, line=raw.line, body=spoken, prompts=tuple(asked))

    def _asked(self, node: YamlNode) -> Iterator[Prompt]:
        for item in self._items(node):
            self._prompts += 1
            if self._prompts > MOST_PROMPTS:
                if self._prompts == MOST_PROMPTS + 1:
                    self._problems.add(
                        item.line, _("A module has at most %(most)s prompts.", most=MOST_PROMPTS)
                    )
                return
            prompt = read_prompt(item, self._languages, self._problems)
            if prompt:
                yield prompt

    def _replies(self, node: YamlNode) -> Iterator[Reply]:
        for item in self._items(node):
            taker = Taker(item, self._languages, self._problems)
            when, body = taker.rule("when", optional=True), taker.text("text")
            taker.done("reply")
            yield Reply(when=when, body=body, line=item.line)

    def _items(self, node: YamlNode) -> tuple[YamlNode, ...]:
        if isinstance(node, Items):
            return node.items
        self._problems.add(node.line, _("This block is a list: each entry begins with a dash."))
        return ()
