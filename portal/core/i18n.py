"""English and Spanish: which one a page speaks, its words, its days and times.

Flask-Babel decides the language of a request. The words come from every feature's own catalogue,
`portal/<feature>/locale/es.po`, merged in memory at the start: there is nothing to compile. A page
has dozens of words and twenty times of day. Fixed words are put into the templates when those are
compiled, once for each language; the rest is looked up, not worked out.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, get_day_names
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, Response, g, has_request_context, request
from flask_babel import Babel, LazyString, get_locale, get_timezone
from jinja2 import BaseLoader, ChoiceLoader, PrefixLoader
from jinja2.ext import Extension

from portal.core import clock
from portal.core.cookies import read_cookie, set_cookie

LANGUAGES = {"en": "English", "es": "Español"}
SOURCE = "en"
_LOCALES = {language: Locale(language) for language in LANGUAGES}
COOKIE = "lang"
PACKAGE = Path(__file__).parents[1]


class Reader:
    """Whom a page is for, as far as days and words go."""

    def __init__(self, language: str, zone: dt.tzinfo) -> None:
        self.language, self.zone = language, zone
        self.year = clock.now().astimezone(zone).year

    def day_and_time(self, moment: dt.datetime) -> tuple[str, str]:
        """As `day_name` and `clock_time`."""
        local = moment.astimezone(self.zone)
        day = _day(local.date(), self.language, local.year != self.year)
        return day, f"{local.hour:02}:{local.minute:02}"


class Speaker:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = read_catalogues(language)

    def say(self, message: str, **values: object) -> str:
        """The message in this language, with its %(name)s places filled in."""
        text = self._words.gettext(message)
        return text % values if values else text

    def count(self, one: str, many: str, num: int, **values: object) -> str:
        """The form that fits the number, which fills %(num)s."""
        return self._words.ngettext(one, many, num) % {"num": num, **values}


@cache
def speaker(language: str) -> Speaker:
    """The words of a language outside of a request, as for a letter; English if it is unknown."""
    return Speaker(language if language in LANGUAGES else SOURCE)


def _(message: str, **values: object) -> str:
    """The message in the language of this request."""
    return speaker(language()).say(message, **values)


def _n(one: str, many: str, num: int, **values: object) -> str:
    """The singular or plural message in the language of this request; %(num)s is the number."""
    return speaker(language()).count(one, many, num, **values)


def lazy(message: str, **values: object) -> Any:
    """A message for a constant: it is looked up each time it is shown."""
    return LazyString(_, message, **values)


def language() -> str:
    """The language of this request: "en" or "es"; English outside of a request."""
    return _reader().language


@contextmanager
def speaking(other: str) -> Iterator[None]:
    """Meanwhile this request's pages speak another of our languages, on the same calendar."""
    before = _reader()
    g.reader = Reader(other, before.zone)
    try:
        yield
    finally:
        g.reader = before


def face() -> Reader:
    """The reader's calendar and clock, for whoever has many times to tell."""
    return _reader()


def day_name(moment: dt.datetime, zone: dt.tzinfo | None = None) -> str:
    """As "Tue 4 Mar", on the reader's calendar and in their language; with the year if not this."""
    reader = _reader()
    day = moment.astimezone(zone or reader.zone).date()
    return _day(day, reader.language, day.year != reader.year)


def date_name(day: dt.date) -> str:
    """As `day_name`, of a day that somebody wrote down."""
    reader = _reader()
    return _day(day, reader.language, day.year != reader.year)


@cache
def weekdays(spoken: str) -> list[str]:
    """Their names in a language, from Monday on, as they stand at the beginning of a line."""
    names = get_day_names("wide", context="stand-alone", locale=spoken)
    return [names[day].capitalize() for day in range(7)]


def inside(name: str, spoken: str | None = None) -> str:
    """A day's name as it stands inside a sentence: in English as ever, in Spanish small.

    `spoken` is the language of the sentence where that is not the reader's.
    """
    return name.lower() if (spoken or language()) == "es" else name


def clock_time(moment: dt.datetime, zone: dt.tzinfo | None = None) -> str:
    """As "14:02", on the reader's clock."""
    local = moment.astimezone(zone or _reader().zone)
    return f"{local.hour:02}:{local.minute:02}"


def when(moment: dt.datetime, zone: dt.tzinfo | None = None) -> str:
    """As "Tue 4 Mar, 14:02"."""
    return f"{day_name(moment, zone)}, {clock_time(moment, zone)}"


def init_i18n(
    app: Flask,
    own_language: Callable[[], str | None] = lambda: None,
    own_timezone: Callable[[], dt.tzinfo | None] = lambda: None,
) -> None:
    """Teaches the app its languages.

    own_language: what the signed-in person chose; own_timezone: where their clinic is. Either may
    be None, as for a visitor.
    """
    Babel(
        app,
        configure_jinja=False,
        locale_selector=lambda: _LOCALES.get(own_language() or _visitors_language()),
        timezone_selector=own_timezone,
    )
    app.jinja_loader = _in_each_language(app.jinja_loader)
    app.jinja_env.add_extension(FixedWords)
    app.jinja_env.join_path = _in_the_same_language  # type: ignore[method-assign]
    app.jinja_env.filters.update(day=day_name, inside=inside, time=clock_time, when=when)
    app.jinja_env.globals.update(_=_, _n=_n)
    app.context_processor(_words_for_a_page)
    app.after_request(_keep_choice)


def spoken(template: str) -> str:
    """The template in the language of this request."""
    return f"{language()}/{template}"


def _in_each_language(files: BaseLoader | None) -> BaseLoader:
    """Templates by their names, and each one in every language under `en/...`, `es/...`."""
    if files is None:
        raise ValueError("the app has no templates")
    return ChoiceLoader([PrefixLoader(dict.fromkeys(LANGUAGES, files)), files])


def _in_the_same_language(template: str, parent: str) -> str:
    """What a template extends, includes or imports speaks the language that it speaks itself."""
    spoken_by, _slash, _name = parent.partition("/")
    return f"{spoken_by}/{template}" if spoken_by in LANGUAGES else template


class FixedWords(Extension):
    """Puts a template's fixed words in place before it is compiled in a language.

    A page has dozens of them: looked up and escaped anew for each page they cost a tenth of it.
    """

    WORDS = re.compile(r"\b_\('((?:[^'\\]|\\.)*)'\)")

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja names all three
        own = (name or "").partition("/")[0]
        if own not in LANGUAGES:
            return source
        return self.WORDS.sub(lambda match: repr(speaker(own).say(match[1])), source)


def read_catalogues(language: str) -> NullTranslations:
    """Every feature's words of a language. The source language needs none."""
    whole = Catalog(locale=language)
    for path in sorted(PACKAGE.glob(f"*/locale/{language}.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id:
                    whole[message.id] = message
    compiled = BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return GNUTranslations(compiled)


def _words_for_a_page() -> dict[str, object]:
    """The same as the globals, with the language already found out: once for a page."""
    own = speaker(language())
    return {"lang": own.language, "_": own.say, "_n": own.count}


def _visitors_language() -> str:
    """Chosen on the page, chosen before, or asked for by the browser."""
    if not has_request_context():
        return SOURCE
    for choice in (request.args.get("lang"), read_cookie(request, COOKIE)):
        if choice in LANGUAGES:
            return str(choice)
    return request.accept_languages.best_match(LANGUAGES, SOURCE) or SOURCE


def _keep_choice(response: Response) -> Response:
    """A visitor's choice lasts until the browser closes, or until they sign in."""
    choice = request.args.get("lang")
    if choice in LANGUAGES and choice != read_cookie(request, COOKIE):
        set_cookie(response, COOKIE, str(choice))
    return response


def _reader() -> Reader:
    """Found out once for each request: a page asks forty times."""
    if not has_request_context():
        return Reader(SOURCE, dt.UTC)
    kept: Any = g._get_current_object()
    reader: Reader | None = kept.get("reader")
    if reader is None:
        reader = kept.reader = Reader(get_locale().language, get_timezone())
    return reader


@lru_cache(maxsize=4096)
def _day(day: dt.date, language: str, with_year: bool) -> str:
    return format_date(day, "EEE d MMM y" if with_year else "EEE d MMM", locale=language)
