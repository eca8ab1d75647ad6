"""Authors' Markdown to HTML, cleaned twice.

Markdown itself lets no HTML through. What it makes is cleaned by bleach, which is no longer
maintained, and then by nh3 with the same short list; each drops some things that the other keeps.
Only `portal.core.html.authors_text` calls this.
"""

import re
from functools import cache

import bleach
import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

ELEMENTS = frozenset({"p", "br", "ul", "ol", "li", "strong", "em", "h3", "h4", "blockquote", "a"})
SCHEMES = frozenset({"https", "tel"})
ADDRESS = re.compile(r"(?:https://|tel:)[^\s\\]+", re.IGNORECASE)
REL = "noopener noreferrer nofollow"
# A part's own heading is an h2, so what an author writes below it begins with ####.
HEADINGS = {"h4": "h3", "h5": "h4"}
RULES = [
    "blockquote", "emphasis", "entity", "escape", "heading", "link", "list", "newline",
    "balance_pairs", "fragments_join", "autolink",
]  # fmt: skip
DEEPEST = 12


def render(markdown: str) -> str:
    """HTML of the elements above; every link begins with https: or tel:."""
    made = _reader().render(markdown)
    bleached = bleach.clean(
        made, tags=ELEMENTS, attributes=_only_good_links, protocols=SCHEMES, strip=True
    )
    return nh3.clean(
        bleached,
        tags=set(ELEMENTS),
        attributes={"a": {"href"}},
        url_schemes=set(SCHEMES),
        url_relative="deny",
        link_rel=REL,
    ).strip()


def _only_good_links(tag: str, name: str, value: str) -> bool:
    return tag == "a" and name == "href" and ADDRESS.fullmatch(value) is not None


@cache
def _reader() -> MarkdownIt:
    reader = MarkdownIt("zero", {"html": False, "maxNesting": DEEPEST}).enable(RULES)
    reader.core.ruler.push("lower_headings", lambda state: _lower(state.tokens))
    return reader


def _lower(tokens: list[Token]) -> None:
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = HEADINGS.get(token.tag, "h4")
