"""A module on one page, in one language, as a client meets it: to be looked at, not filled in."""

from jinja2 import Environment, FileSystemLoader

from portal.clinics.crisis import NATIONAL
from portal.core.html import authors_text, own_markup
from portal.core.i18n import speaker
from portal.core.resources import resource
from portal.modules.format.shapes import ModuleFile, Text

TEMPLATE = "modules/_preview.html"


def preview(module: ModuleFile, language: str) -> str:
    """A whole HTML page that needs nothing else. Raises KeyError if the module lacks the language.

    The crisis lines on it are the national ones; a client sees their clinic's.
    """
    if language not in module.languages:
        raise KeyError(language)

    def words(text: Text) -> str:
        return text[language]

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(resource("templates")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        _=speaker(language).say,
        lang=language,
        crisis_lines=NATIONAL,
        words=words,
        markdown=lambda text: authors_text(text[language]),
        kind_of=lambda prompt: type(prompt).__name__.lower(),
    )
    style = (resource("static") / "css" / "portal.css").read_text("utf-8")
    return environment.get_template(TEMPLATE).render(
        module=module, style=own_markup(f"<style>{style}</style>")
    )
