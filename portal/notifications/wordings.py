"""What a pointer says: a few fixed texts for everything, so that they tell nothing.

No name, no clinic, no topic and no count: whoever sees one on a lock screen learns only that some
note waits somewhere. Only an address that the clinic has set up to tell nothing may stand in them.
"""

from dataclasses import dataclass
from functools import cache

from portal.core.resources import resource
from portal.notifications.gsm7 import transliterate
from portal.notifications.models import PROOF, Channel
from portal.notifications.queries import Errand

LANGUAGES = ("en", "es")
# What people choose from; the first is everybody's who has not.
WORDINGS = ("note", "news", "look", "asked")
SENDER_NAMES = ("plain", "notes", "reminder")


@dataclass(frozen=True)
class Words:
    """What goes out. A text message has no subject, and its sender's name stands in the body."""

    subject: str
    body: str
    sender_name: str


def words_for(errand: Errand, *, code: str = "", url: str | None = None) -> Words:
    """The words of one pointer, in its reader's language and as they chose."""
    place = "proof" if errand.kind == PROOF else f"pointer/{known(errand.wording, WORDINGS)}"
    name = sender_name(known(errand.sender_name, SENDER_NAMES), errand.language)
    if errand.channel is Channel.SMS:
        return Words("", text_body(place, errand.language, name, code=code, url=url), name)
    subject = wording(f"emails/{place}/subject", errand.language)
    return Words(subject, mail_body(place, errand.language, code=code, url=url), name)


def known(choice: str | None, choices: tuple[str, ...]) -> str:
    """A choice that there still is."""
    return choice if choice in choices else choices[0]


def mail_body(place: str, language: str, *, code: str = "", url: str | None = None) -> str:
    body = _with_code(wording(f"emails/{place}/body", language), code)
    return f"{body}\n\n{url}" if url and not code else body


def text_body(
    place: str, language: str, name: str, *, code: str = "", url: str | None = None
) -> str:
    """In the letters of which 160 fit into one message."""
    body = _with_code(wording(f"texts/{place}", language), code)
    body = f"{body} {url}" if url and not code else body
    return transliterate(f"{name}: {body}" if name else body)


def _with_code(text: str, code: str) -> str:
    return text.replace("{code}", code)


def sender_name(choice: str, language: str) -> str:
    """The name that mail comes from; empty for the address alone."""
    return "" if choice == "plain" else wording(f"names/{choice}", language)


@cache
def wording(place: str, language: str) -> str:
    """A file of templates/, for instance `emails/pointer/note/subject`; English when in doubt."""
    language = language if language in LANGUAGES else LANGUAGES[0]
    return (resource("templates") / f"{place}.{language}.txt").read_text("utf-8").rstrip("\n")
