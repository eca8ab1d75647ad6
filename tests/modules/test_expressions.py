"""The small language of rules: what it says, what it refuses, and that nothing can be run in it."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.modules.format.expressions import Expression, ExpressionError, parse
from portal.modules.format.sorts import NUMBER, YES_NO, Sort, Typed, check
from portal.modules.format.values import evaluate, holds, hours_between

SCOPE: Mapping[str, Typed] = {
    "peak": NUMBER,
    "calm": YES_NO,
    "mood": Typed(Sort.CHOICE, frozenset({"low", "flat"})),
    "pulls": Typed(Sort.CHOICES, frozenset({"pay", "fight"})),
    "bed": Typed(Sort.TIME),
    "day": Typed(Sort.DATE),
    "note": Typed(Sort.TEXT),
    "diary": Typed(
        Sort.ROWS,
        columns={"down": Typed(Sort.TIME), "up": Typed(Sort.TIME), "awake": NUMBER, "ok": YES_NO},
    ),
}
ANSWERS: dict[str, Any] = {
    "peak": 7,
    "calm": False,
    "mood": "low",
    "pulls": ["pay"],
    "bed": "23:30",
    "day": "2026-03-04",
    "note": "x",
    "diary": [
        {"down": "23:00", "up": "07:00", "awake": 60, "ok": True},
        {"down": "22:00", "up": "06:00", "awake": 120, "ok": False},
        {"down": "22:00"},
    ],
}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-(peak - 9)", 2),
        ("peak >= 7 and peak < 8", True),
        ("peak > 7 or not calm", True),
        ("not calm and not (peak == 1)", True),
        ('mood == "low"', True),
        ("mood != 'flat'", True),
        ('mood in ["flat", "low"]', True),
        ("peak in [1, 2]", False),
        ('"pay" in pulls and not ("fight" in pulls)', True),
        ('bed >= "23:00"', True),
        ('day < "2026-03-05"', True),
        ("hours(bed, '06:00')", 6.5),
        ("count(diary)", 3),
        ("count(diary, ok)", 1),
        ("sum(diary, awake)", 180),
        ("mean(diary, hours(down, up) - awake / 60)", 6.5),
        ("least(diary, awake)", 60),
        ("most(diary, awake) - peak", 113),
        ("max(5.5, round(peak * 4) / 4)", 7),
        ("min(1, peak, 3)", 1),
        ("if(calm, 1, 2)", 2),
        ("answered(note)", True),
        ("answered(nobody) or answered(peak)", True),
        ("round(2.5)", 3),
    ],
)
def test_rules_say_what_they_seem_to_say(rule: str, value: object) -> None:
    assert evaluate(parse(rule), ANSWERS) == value


@pytest.mark.parametrize(
    "rule",
    ["gone > 1", "gone == gone", "not (gone > 1)", "gone + 1", "peak / 0", "gone > 1 and peak > 1",
     "mean(gone, 1)", "if(gone > 1, 1, 2)", "mean(diary, gone)", '"a" in gone'],
)  # fmt: skip
def test_what_is_not_answered_is_neither_true_nor_false(rule: str) -> None:
    assert evaluate(parse(rule), ANSWERS) is None
    assert not holds(parse(rule), ANSWERS)


def test_one_side_can_decide_alone() -> None:
    assert holds(parse("gone > 1 or peak == 7"), ANSWERS)
    assert evaluate(parse("gone > 1 and peak == 1"), ANSWERS) is False


@pytest.mark.parametrize(
    "rule",
    ["", "peak >", "peak.real", "peak[0]", "__import__('os')", "a.b()", "lambda: 1", "peak := 1",
     "1 < peak < 9", "peak ** 99", "'a' 'b'", "x if y else z", "[1]", "peak;calm", "f'{peak}'",
     "Peak", "\\x41", "peak # note", "{}", "not", "and", "in in in", "9" * 10, "1e9", '"open'],
)  # fmt: skip
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(rule)
    assert str(caught.value.message)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("peak > calm", "“number” is needed"),
        ("note == 'x'", "cannot be compared"),
        ("diary == diary", "cannot be compared"),
        ("calm > calm", "can be larger or smaller"),
        ("mood == 'hight'", "none of the choices: flat, low"),
        ("'rent' in pulls", "none of the choices: fight, pay"),
        ("'pay' in mood", "“several choices” is needed"),
        ("peak in pulls", "in quotes before “in”"),
        ("bed == '9:00'", 'a time as "21:30"'),
        ("day == 'soon'", 'a day as "2026-03-04"'),
        ("nobody == 1", "“nobody” is no question"),
        ("open(peak)", "There is no “open”"),
        ("round(peak, 2) == 1", "another number of values"),
        ("sum(peak, 1) == 1", "“table” is needed"),
        ("sum(diary, ok) == 1", "“number” is needed"),
        ("count(diary, awake) == 1", "“yes or no” is needed"),
        ("sum(diary, later) == 1", "“later” is no question"),
        ("hours(peak, bed) == 1", "“time of day” is needed"),
        ("answered(1 + 1)", "takes the id"),
        ("peak", "“yes or no” is needed"),
        ("if(peak, 1, 2) == 1", "“yes or no” is needed"),
        ("awake > 1", "“awake” is no question"),
    ],
)
def test_what_cannot_be_meant_is_told(rule: str, told: str) -> None:
    words = [str(one) for one in check(parse(rule), SCOPE, Sort.YES_NO)]
    assert any(told in one for one in words), words


def test_length_and_depth_have_an_end() -> None:
    with pytest.raises(ExpressionError, match="at most 500"):
        parse("1 + " * 200 + "1")
    with pytest.raises(ExpressionError, match="too deeply"):
        parse("not " * 60 + "calm")


def test_hours_go_over_midnight() -> None:
    assert hours_between("22:00", "06:30") == 8.5
    assert hours_between("06:00", "06:00") == 0
    assert hours_between("25:00", "06:00") is None
    assert hours_between(None, 3) is None


# --- properties ---

IDS = st.sampled_from([*SCOPE, "down", "awake", "ok", "nobody"])
LITERALS = st.one_of(
    st.integers(0, 999).map(str),
    st.sampled_from(['"low"', '"pay"', '"23:00"', "true", "false", "1.5", '"2026-03-04"']),
)
RULES = st.recursive(
    st.one_of(IDS, LITERALS),
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(
                ["+", "-", "*", "/", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in"]
            ),
            inner,
        ).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda one: f"(not {one})"),
        inner.map(lambda one: f"(-{one})"),
        inner.map(lambda one: f"({one} in [1, 'low'])"),
        st.tuples(
            st.sampled_from(["sum", "mean", "least", "most", "count", "min", "max", "hours"]),
            inner,
            inner,
        ).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda one: f"round({one})"),
        IDS.map(lambda one: f"answered({one})"),
        st.tuples(inner, inner, inner).map(lambda t: f"if({t[0]}, {t[1]}, {t[2]})"),
    ),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS, inner, max_size=3),
    max_leaves=8,
)
VALID = st.fixed_dictionaries(
    {},
    optional={
        "peak": st.integers(0, 10),
        "calm": st.booleans(),
        "mood": st.sampled_from(["low", "flat"]),
        "pulls": st.lists(st.sampled_from(["pay", "fight"]), unique=True),
        "bed": st.times().map(lambda time: f"{time:%H:%M}"),
        "day": st.dates().map(str),
        "note": st.text(max_size=9),
        "diary": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "down": st.just("23:00"),
                    "up": st.just("07:00"),
                    "awake": st.integers(0, 600),
                    "ok": st.booleans(),
                },
            ),
            max_size=3,
        ),
    },
)


def parsed(rule: str) -> Expression | None:
    try:
        return parse(rule)
    except ExpressionError:
        return None


@settings(max_examples=400, deadline=None)
@given(RULES, st.dictionaries(IDS, JSON, max_size=6))
def test_no_rule_falls_over_any_answers(rule: str, answers: dict[str, Any]) -> None:
    if expression := parsed(rule):
        check(expression, SCOPE, Sort.YES_NO)
        assert holds(expression, answers) in (True, False)


@settings(max_examples=400, deadline=None)
@given(RULES, VALID)
def test_a_rule_that_passed_works_out_what_it_promised(rule: str, answers: dict[str, Any]) -> None:
    expression = parsed(rule)
    if expression is None:
        return
    for sort, kind in ((Sort.YES_NO, bool), (Sort.NUMBER, float)):
        if not check(expression, SCOPE, sort):
            assert isinstance(evaluate(expression, answers), kind | None)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_makes_the_parser_fall(text: str) -> None:
    parsed(text)
