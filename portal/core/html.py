"""The only maker of markup: people's plain text made safe, and the program's own few lines."""

import re

from flask import Flask
from jinja2 import TemplateNotFound
from jinja2.ext import Extension
from markupsafe import Markup

# Bare addresses as people write them. Neither quotes nor angle brackets can be part of one, which
# is what makes the href below safe to build.
ADDRESS = re.compile(
    r"""\b(?:https?://[^\s<>"'`]{3,2000}|tel:\+?[0-9][0-9().-]{2,30})""", re.IGNORECASE
)
INCLUDE = re.compile(r"{% include '([\w/.-]+)' %}\n?")
AFTER_AN_ADDRESS = ".,;:!?)]}*_"


def text_to_html(text: str) -> Markup:
    """A person's plain text as HTML: line breaks, and links that tell the other side nothing."""
    if "://" not in text and "tel:" not in text.lower():
        # Looking for addresses is most of the work, and most texts have none.
        return Markup(_escape(text))
    parts, end = [], 0
    for match in ADDRESS.finditer(text):
        address = _without_the_full_stop(match[0])
        parts += [_escape(text[end : match.start()]), _link(address)]
        end = match.start() + len(address)
    return Markup("".join([*parts, _escape(text[end:])]))


def authors_text(markdown: str) -> Markup:
    """What the author of a module wrote in Markdown: a few plain elements, and nothing else."""
    from portal.core.markdown import render  # few pages need it, and it takes a while to load

    return Markup(render(markdown))


def own_markup(markup: str) -> Markup:
    """Markup that the program made itself, of constants or by a template that escapes what it is
    given. Nothing that a person typed comes here as it is."""
    return Markup(markup)


def init_html(app: Flask) -> None:
    """Makes templates come out lean, and gives them the filter `lines` for people's text."""
    pages = app.jinja_env
    pages.trim_blocks = pages.lstrip_blocks = True
    pages.add_extension(LeanSource)
    pages.filters["lines"] = text_to_html
    # Jinja's chain of dictionaries is copied for each page, key by key. Nothing is added to ours
    # once the first template is loaded, so a dictionary does.
    pages.make_globals = lambda d: {**pages.globals, **(d or {})}  # type: ignore[method-assign]


class LeanSource(Extension):
    """Readies a template's source before it is compiled.

    Indentation goes, since it would travel. Partials named by a constant are put in place: looking
    one up for each page costs more than all else that a small partial does.
    """

    priority = 50  # before the extensions that look at the source as a whole

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja names all three
        whole = INCLUDE.sub(lambda match: self._partial(match[1], name or ""), source)
        return re.sub(r"\n\s+", "\n", whole)

    def _partial(self, template: str, parent: str) -> str:
        loader, name = self.environment.loader, self.environment.join_path(template, parent)
        if loader is None:
            raise TemplateNotFound(name)
        return self.preprocess(loader.get_source(self.environment, name)[0], name)


def _escape(text: str) -> str:
    """Quotes stay as they are: between tags they are harmless, and escaped they cost bytes."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("\r\n", "\n").replace("\n", "<br>")


def _link(address: str) -> str:
    address = _escape(address)
    if address[:4].lower() == "tel:":
        return f'<a href="{address}">{address[4:]}</a>'
    return f'<a href="{address}" target=_blank rel="noopener noreferrer nofollow">{address}</a>'


def _without_the_full_stop(address: str) -> str:
    """Leaves out the punctuation that ends the sentence, but keeps brackets that belong inside."""
    while address[-1] in AFTER_AN_ADDRESS:
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address
