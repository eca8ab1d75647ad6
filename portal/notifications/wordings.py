"""What a pointer says: one fixed text for everything, so that it tells nothing.

No name, no clinic, no topic, no count and no link: whoever sees it on a lock screen learns only
that some note waits somewhere.
"""

from functools import cache

from portal.core.resources import resource

LANGUAGES = ("en", "es")


@cache
def wording(place: str, language: str) -> str:
    """A file of templates/, for instance `emails/pointer/subject`; English when in doubt."""
    language = language if language in LANGUAGES else LANGUAGES[0]
    return (resource("templates") / f"{place}.{language}.txt").read_text("utf-8").rstrip("\n")
