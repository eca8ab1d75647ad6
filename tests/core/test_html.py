"""People's plain text becomes harmless markup, with its lines and links."""

import re
import time
from html import unescape

import pytest
from flask import Flask, render_template_string

from portal.core.html import init_html, own_markup, text_to_html

REL = 'target=_blank rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    "payload",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "&lt;script&gt;",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://x.example/<script>",
        'https://x.example/" onmouseover="alert(1)',
        "https://x.example/' onmouseover='alert(1)",
        "https://x.example/`onmouseover=alert(1)",
        "tel:5<b>5</b>",
        "</p></li></ol><form action=https://evil.example>",
        "{{ 7*7 }} {% include 'x' %}",
    ],
)
def test_no_markup_of_a_persons_own_survives(payload: str) -> None:
    html = text_to_html(payload)
    tags = re.findall(r"<[^>]*>", html)
    allowed = re.compile(rf'<a href="(https?://|tel:)[^"<>\s]*"( {REL})?>|</a>|<br>')
    assert [tag for tag in tags if not allowed.fullmatch(tag)] == []
    assert unescape(re.sub(r"</?a[^>]*>", "", html)) == payload


def test_line_breaks_are_kept_however_they_were_typed() -> None:
    assert text_to_html("one\ntwo\r\n\r\nthree") == "one<br>two<br><br>three"


def test_an_address_is_a_link_that_tells_nothing() -> None:
    expected = (
        f'see <a href="https://a.example/x?y=1&amp;z=2" {REL}>https://a.example/x?y=1&amp;z=2</a>.'
    )
    assert text_to_html("see https://a.example/x?y=1&z=2.") == expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("(https://a.example/b)", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("https://a.example/b, and", "https://a.example/b"),
        ("HTTPS://A.EXAMPLE/B!", "HTTPS://A.EXAMPLE/B"),
        ("http://a.example/ü", "http://a.example/ü"),
    ],
)
def test_the_sentence_around_an_address_is_not_part_of_it(text: str, address: str) -> None:
    assert f'href="{address}"' in text_to_html(text)


def test_a_telephone_address_is_a_link_to_call() -> None:
    assert text_to_html("tel:+1-555-0100") == '<a href="tel:+1-555-0100">+1-555-0100</a>'


def test_other_addresses_stay_text() -> None:
    for text in ("ftp://a.example", "mailto:a@b.example", "//a.example", "xhttps://a.example"):
        assert text_to_html(text) == text


def test_a_long_hostile_text_takes_no_longer_than_it_should() -> None:
    begin = time.process_time()
    for piece in ("https://", "tel:", "https://a.example/((((", "." * 50, "https://x" + ")" * 50):
        text_to_html(piece * 3000)
    assert time.process_time() - begin < 2


def test_templates_lose_their_indentation_and_hold_their_partials() -> None:
    app = Flask(__name__)
    init_html(app)
    with app.app_context():
        lean = render_template_string("<ul>\n    {% for n in (1, 2) %}\n    <li>\n  {% endfor %}\n")
    assert lean == "<ul>\n<li>\n<li>\n"


def test_own_markup_is_not_escaped() -> None:
    assert f"{own_markup('<b>')}" == "<b>"
