"""Identifiers: in the order of time, and one spelling each in a URL."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.ids import new_id, parse, short


def test_later_ones_sort_after_earlier_ones() -> None:
    made = [new_id() for _ in range(2000)]
    assert made == sorted(made)
    assert len(set(made)) == 2000
    assert {one.version for one in made} == {7}


@given(st.uuids())
def test_what_a_url_shows_leads_back(one: uuid.UUID) -> None:
    assert parse(short(one)) == one
    assert len(short(one)) == 22
    assert short(one).replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=24))
def test_anything_else_is_none(text: str) -> None:
    try:
        one = parse(text)
    except ValueError:
        return
    assert short(one) == text


@pytest.mark.parametrize(
    "text", ["", "A" * 21, "A" * 23, "A" * 21 + "B", "é" * 22, "A" * 21 + "=", "A" * 21 + "\n"]
)
def test_a_second_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse(text)
