"""Both languages are complete, and days and times read as people say them."""

import ast
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from flask import Flask, render_template_string
from jinja2 import Environment, nodes
from werkzeug.test import TestResponse

from portal.core import clock, i18n

ROOT = Path(__file__).parents[2]
CATALOGUES = sorted((ROOT / "portal").glob("*/locale/es.po"))
SPEAKING = {"_", "_n", "lazy"}
PLACE = re.compile(r"%\(\w+\)[sd]|%%?")
MARCH = dt.datetime(2026, 3, 4, 14, 2, tzinfo=dt.UTC)


def spoken_in_templates() -> Iterator[tuple[str, ...]]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        tree = Environment(autoescape=True).parse(path.read_text("utf-8"))
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in SPEAKING:
                yield _texts(call.node.name, [getattr(arg, "value", None) for arg in call.args])


def spoken_in_python() -> Iterator[tuple[str, ...]]:
    for path in sorted((ROOT / "portal").rglob("*.py")):
        if path == Path(i18n.__file__):
            continue
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in SPEAKING:
                name = call.func.id  # type: ignore[attr-defined]
                yield _texts(name, [getattr(arg, "value", None) for arg in call.args])


def _texts(name: str, values: list[object]) -> tuple[str, ...]:
    """The message as catalogues name it; what is spoken must be written out, not computed."""
    texts = tuple(str(value) for value in values[: 2 if name == "_n" else 1])
    assert texts, "a call without its words"
    assert "None" not in texts, f"not a constant near {texts}"
    return texts


def every_entry() -> Iterator[tuple[Path, Message]]:
    for path in CATALOGUES:
        with path.open("rb") as file:
            yield from ((path, message) for message in read_po(file, locale="es") if message.id)


def _forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


SPOKEN = {*spoken_in_templates(), *spoken_in_python()}


def test_every_word_has_its_spanish() -> None:
    translated = {_forms(message.id) for _, message in every_entry() if all(_forms(message.string))}
    assert sorted(SPOKEN - translated) == []


def test_no_translation_is_left_over() -> None:
    assert sorted({_forms(message.id) for _, message in every_entry()} - SPOKEN) == []


def test_no_translation_is_a_guess() -> None:
    assert [str(message.id) for _, message in every_entry() if message.fuzzy] == []


def test_each_word_is_translated_in_one_place() -> None:
    seen: dict[tuple[str, ...], Path] = {}
    for path, message in every_entry():
        assert seen.setdefault(_forms(message.id), path) == path, message.id


def test_translations_have_the_same_places_to_fill() -> None:
    for path, message in every_entry():
        places = {frozenset(PLACE.findall(text)) for text in _forms(message.id)}
        for text in _forms(message.string):
            assert frozenset(PLACE.findall(text)) in places, (path, message.id)


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__, static_folder=None)
    i18n.init_i18n(app, own_timezone=lambda: ZoneInfo("America/Chicago"))
    app.add_url_rule("/", "words", lambda: render_template_string("{{ lang }} {{ _('Sign in') }}"))
    return app


def get(app: Flask, path: str = "/", **headers: str) -> TestResponse:
    return app.test_client().get(path, headers=headers)


def test_a_visitor_gets_the_language_their_browser_asks_for(app: Flask) -> None:
    assert get(app).text == "en Sign in"
    assert get(app, **{"Accept-Language": "es-MX,es;q=0.9"}).text == "es Entrar"
    assert get(app, **{"Accept-Language": "fr"}).text == "en Sign in"


def test_a_visitors_choice_comes_first_and_lasts(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/?lang=es").text == "es Entrar"
    assert client.get("/").text == "es Entrar"
    assert client.get("/?lang=xx").text == "es Entrar"


def test_the_choice_is_kept_in_a_cookie_out_of_reach(app: Flask) -> None:
    assert get(app, "/?lang=es").headers["Set-Cookie"] == "lang=es; HttpOnly; Path=/; SameSite=Lax"


def test_a_signed_in_person_reads_their_own_language() -> None:
    app = Flask(__name__, static_folder=None)
    i18n.init_i18n(app, own_language=lambda: "es")
    with app.test_request_context("/?lang=en"):
        assert i18n.language() == "es"
        assert i18n._("Sign in") == "Entrar"


def test_words_fill_their_places() -> None:
    spanish = i18n.speaker("es")
    assert spanish.say("Saved %(time)s", time="14:02") == "Guardado 14:02"
    message = "%(num)s new message at %(time)s"
    messages = "%(num)s new messages at %(time)s"
    assert spanish.count(message, messages, 1, time="9:00").startswith("1 mensaje nuevo ")
    assert spanish.count(message, messages, 3, time="9:00").startswith("3 mensajes nuevos ")
    assert i18n.speaker("en").count(message, messages, 3, time="9:00").startswith("3 new messages")


def test_lazy_words_are_found_when_they_are_shown(app: Flask) -> None:
    words = i18n.lazy("Sign in")
    with app.test_request_context("/?lang=es"):
        assert str(words) == "Entrar"
    assert str(words) == "Sign in"


def test_an_unknown_language_is_english() -> None:
    assert i18n.speaker("xx").say("Sign in") == "Sign in"


@pytest.mark.parametrize(
    ("language", "day", "moment"),
    [("en", "Wed 4 Mar", "Wed 4 Mar, 08:02"), ("es", "mié 4 mar", "mié 4 mar, 08:02")],
)
def test_days_and_times_are_the_readers(app: Flask, language: str, day: str, moment: str) -> None:
    with app.test_request_context(f"/?lang={language}"), clock.use(lambda: MARCH):
        assert i18n.day_name(MARCH) == day
        assert i18n.when(MARCH) == moment


def test_a_day_of_another_year_says_so(app: Flask) -> None:
    later = MARCH.replace(year=2027)
    with app.test_request_context("/"), clock.use(lambda: later):
        assert i18n.day_name(MARCH) == "Wed 4 Mar 2026"


def test_another_zone_has_another_day() -> None:
    late = dt.datetime(2026, 3, 4, 23, 30, tzinfo=dt.UTC)
    with clock.use(lambda: MARCH):
        assert i18n.when(late, ZoneInfo("Europe/Vienna")) == "Thu 5 Mar, 00:30"
