"""The eight modules and eight worksheets: whole, in both languages, walked to every end."""

import hashlib
import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from portal.core.html import authors_text
from portal.modules import shelf
from portal.modules.checking import number_of
from portal.modules.format.answers import fits
from portal.modules.format.checks import step_text, texts_of
from portal.modules.format.reader import read_module
from portal.modules.format.reading_grade import grade
from portal.modules.format.shapes import (
    END,
    Computed,
    FeedbackHint,
    Kind,
    ModuleFile,
    PartKind,
    Plan,
    Rows,
    SafetyGate,
    Step,
)
from portal.modules.format.walk import alarmed, next_step, reply_to, still_asked, way, with_computed
from portal.modules.preview import preview
from tests.modules.invented import invent

MODULES = {
    "low-mood", "anxiety", "cannabis", "gambling", "sleep", "urge-surfing", "exam-stress",
    "grounding-safety",
}  # fmt: skip
WORKSHEETS = {
    "thought-record", "activity-schedule", "ladder", "urge-log", "sleep-diary", "smart-goal",
    "values", "grounding",
}  # fmt: skip
WALKS = 200
VERSIONS = Path(__file__).parent / "library_versions.txt"
# What is named in a question or a choice, and then calls for more than a kind reply.
DANGER = re.compile(
    r"hurt(ing)? (my|your)self|hurt you\b|killing|threaten|force you|ending (my|your) life|danger"
    r"|hacer\w* daño|haga daño|matar|amenaza|obliga|quitar\w* la vida|peligro",
    re.IGNORECASE,
)
# Somebody always reads what is sent with `soft` or `hold`; nobody has promised anything more.
READS = re.compile(
    r"your counsellor (will|reads|looks|answers|makes)|"
    r"su terapeuta (\w+rá\b|lee|mira|contesta|responde|busca|termina)",
    re.IGNORECASE,
)
DOES_MORE = re.compile(
    r"your counsellor (will|looks|answers|makes)|your counsellor reads\W+"
    r"(\w+ ){1,2}and (answers|makes|looks|chooses)|"
    r"su terapeuta (\w+rá\b|mira|contesta|responde|busca|termina)",
    re.IGNORECASE,
)
OLD_SPELLING = re.compile(r"\b(déles?|sólo|éstas?|éstos?|aquél)\b|\bdisparos?\b", re.IGNORECASE)
SAYS_TU = re.compile(r"\b(tú|te|tus?|ti|contigo|tienes|puedes|haz)\b", re.IGNORECASE)

load = cache(shelf.load)
every_one = pytest.mark.parametrize("name", shelf.names())
every_module = pytest.mark.parametrize("name", sorted(MODULES))
both_languages = pytest.mark.parametrize("language", ["en", "es"])


def test_the_shelf_holds_what_it_should() -> None:
    assert set(shelf.names()) == MODULES | WORKSHEETS
    kinds = {name: load(name).kind for name in shelf.names()}
    assert {name for name, kind in kinds.items() if kind is Kind.MODULE} == MODULES


@every_one
def test_nothing_is_wrong_with_it(name: str) -> None:
    reading = read_module(shelf.source(name))
    assert [str(problem) for problem in reading.problems] == []
    module = load(name)
    assert module.id == name
    assert module.license == "CC-BY-4.0"
    assert set(module.languages) == {"en", "es"}
    assert module.scan_text
    assert shelf.missing_worksheets(module, ()) == ()


@every_one
def test_a_file_that_changes_has_a_higher_version(name: str) -> None:
    """A clinic keeps the file that it first gave under a version: another would never reach it."""
    file_digest = hashlib.sha256(shelf.source(name)).hexdigest()
    known = [line.split() for line in VERSIONS.read_text("utf-8").splitlines()]
    assert [name, load(name).version, file_digest] in known, "raise it, and add a line for it"
    own = [version for one, version, _digest in known if one == name]
    assert sorted(own, key=number_of) == own
    assert len(set(own)) == len(own)
    assert own[-1] == load(name).version


@every_module
def test_a_module_is_five_to_eight_steps_of_a_few_minutes_in_the_known_pattern(name: str) -> None:
    module = load(name)
    assert 5 <= len(module.steps) <= 8
    for step in module.steps:
        assert 3 <= step.minutes <= 6
        assert [part.kind for part in step.parts] == list(PartKind)
        assert any(isinstance(prompt, Plan) for prompt in step.parts[-1].prompts)
        assert len(step.questions) >= 2
        assert len(step.replies) >= 2
        assert step.replies[-1].when is None, "something is said whatever was answered"


@every_one
def test_it_reads_as_easily_as_it_says(name: str) -> None:
    module = load(name)
    assert module.reading_grade <= 6
    for step in module.steps:
        for language in module.languages:
            assert (grade(step_text(step, language), language) or 0) <= module.reading_grade


@every_one
def test_both_languages_say_about_as_much(name: str) -> None:
    for line, text, _markdown in texts_of(load(name)):
        english, spanish = len(text["en"]), len(text["es"])
        assert 0.6 <= (spanish + 25) / (english + 25) <= 1.6, (line, text)


@every_one
def test_spanish_says_usted(name: str) -> None:
    """What people say inside quotation marks is theirs."""
    for line, text, _markdown in texts_of(load(name)):
        spoken = re.sub(r'"[^"]*"|: No estoy bien.*', "", text["es"])
        assert not SAYS_TU.search(spoken), line


@every_one
def test_spanish_is_spelt_as_it_is_today(name: str) -> None:
    for line, text, _markdown in texts_of(load(name)):
        assert not OLD_SPELLING.search(text["es"]), line


@every_one
def test_a_question_that_names_danger_is_a_safety_question_or_stands_with_one(name: str) -> None:
    for step in load(name).steps:
        gates = [one for one in step.questions if isinstance(one, SafetyGate)]
        for question in step.questions:
            labels = [question.label, *(one.label for one in getattr(question, "choices", ()))]
            named = [label for label in labels if any(map(DANGER.search, label.values()))]
            assert not named or gates, (step.id, named)
        assert not gates or step.feedback is not FeedbackHint.FREE, "somebody reads what was said"


@every_one
def test_nothing_is_promised_that_nobody_keeps(name: str) -> None:
    """What somebody does who reads is theirs; a file can only know that it is read."""
    module = load(name)
    own = {step.id: [part.body for part in step.parts] for step in module.steps}
    for step in module.steps:
        for text in (*own[step.id], *(reply.body for reply in step.replies)):
            for words in text.values():
                assert not DOES_MORE.search(words), (step.id, words)
                assert step.feedback is not FeedbackHint.FREE or not READS.search(words), step.id


@every_one
def test_no_answer_ends_it_before_its_last_step(name: str) -> None:
    """Whoever is told to stop for today must be able to come back."""
    for step in load(name).steps:
        assert all(branch.goto != END for branch in step.branches)


@every_module
def test_every_safety_gate_leads_to_the_crisis_lines(name: str) -> None:
    module = load(name)
    gates = [
        (step, gate)
        for step in module.steps
        for gate in step.questions
        if isinstance(gate, SafetyGate)
    ]
    for step, gate in gates:
        assert gate.required
        for answer in ("yes", "unsure"):
            assert alarmed(step, {gate.id: answer}) == (gate,)
            reply = reply_to(module, step, {gate.id: answer})
            assert reply
            assert reply.when, "what is said then is about the danger and nothing else"
            assert gate.id in reply.when.source
        assert alarmed(step, {gate.id: "no"}) == ()
    for language in module.languages:
        page = preview(module, language)
        assert page.count('href="tel:988"') == page.count('href="tel:911"') == len(gates)
    if name in ("gambling", "grounding-safety", "low-mood"):
        assert gates


def test_the_sleep_window_is_shut_to_those_it_could_harm() -> None:
    sleep = load("sleep")
    window, asked = sleep.step("window"), sleep.step("safe_first")
    assert window.clinician_unlocks
    assert window.feedback is asked.feedback is FeedbackHint.HOLD
    fine: dict[str, Any] = {"adult": True, "not_for": ["none"]}
    assert next_step(sleep, asked, fine) == window
    reasons = ["bipolar", "seizures", "pregnant", "walking", "apnea", "driving"]
    harmful_answers: tuple[dict[str, Any], ...] = (
        {},
        {"adult": True},
        {"not_for": ["none"]},
        fine | {"adult": False},
        fine | {"not_for": []},
        *(fine | {"not_for": [reason]} for reason in reasons),
        *(fine | {"not_for": [reason, "none"]} for reason in reasons),
    )
    for harmful in harmful_answers:
        assert next_step(sleep, asked, harmful) == sleep.step("review"), harmful


@pytest.mark.parametrize(
    ("asleep", "share", "now", "first", "following"),
    [(3, 90, 5.5, 5.5, 5.75), (6.6, 85, 6, 6.5, 6.25), (7, 84, 6, 7, 6), (4, 60, 5.5, 5.5, 5.5),
     (6, 79, 6.5, 6, 6.25), (5.4, 80, 7, 5.5, 7)],
)  # fmt: skip
def test_the_sleep_window_moves_by_a_quarter_and_never_below_five_and_a_half(
    asleep: float, share: int, now: float, first: float, following: float
) -> None:
    answers = {"asleep_now": asleep, "share_now": share, "window_now": now}
    known = with_computed(load("sleep"), answers)
    assert (known["first_window"], known["next_window"]) == (first, following)


def test_a_share_of_sleep_is_what_the_diary_says() -> None:
    night = {"to_bed": "22:00", "to_sleep": 60, "awake": 60, "woke": "06:00", "got_up": "06:00"}
    known = with_computed(load("sleep-diary"), {"nights": [night] * 7})
    assert (known["mean_asleep"], known["mean_in_bed"], known["efficiency"]) == (6.0, 8.0, 75)


# --- from start to end ---


def answer(step: Step, answers: dict[str, Any], chance: Random) -> None:
    for question in step.questions:
        given = invent(question, chance)
        assert fits(question, given), (question.id, given)
        answers[question.id] = given


def walk(module: ModuleFile, chance: Random, seen: set[Any]) -> dict[str, Any]:
    """One client's way to the end. seen: every step, branch and reply that was met."""
    answers: dict[str, Any] = {}
    step: Step | None = module.steps[0]
    passed: list[Step] = []
    while step:
        answer(step, answers, chance)
        assert not still_asked(step, answers)
        known = with_computed(module, answers)
        for prompt in step.prompts:
            if isinstance(prompt, Computed):
                assert known[prompt.id] is None or isinstance(known[prompt.id], int | float)
        reply = reply_to(module, step, answers)
        following = next_step(module, step, answers)
        seen |= {step.id, reply and ("reply", reply.line), (step.id, following and following.id)}
        assert following is None or module.steps.index(following) > module.steps.index(step)
        passed.append(step)
        step = following
    assert list(way(module, answers)) == passed
    return answers


@every_one
def test_it_is_walked_to_every_end_by_every_branch(name: str) -> None:
    module, seen, chance = load(name), set[Any](), Random(name)
    for _ in range(WALKS):
        walk(module, chance, seen)
    for step in module.steps:
        assert step.id in seen
        for reply in step.replies:
            assert ("reply", reply.line) in seen, (step.id, reply.line)
        for branch in step.branches:
            target = None if branch.goto == "end" else branch.goto
            assert (step.id, target) in seen, branch


@every_one
def test_it_can_be_walked_through_without_a_single_answer(name: str) -> None:
    module = load(name)
    passed = list(way(module, {}))
    assert passed[0] == module.steps[0]
    assert passed[-1] == module.steps[-1]
    for step in passed:
        assert reply_to(module, step, {}) or not step.replies


@every_one
@both_languages
def test_everything_in_it_can_be_shown(name: str, language: str) -> None:
    module = load(name)
    for line, text, markdown in texts_of(module):
        if markdown:
            html = str(authors_text(text[language]))
            assert html.startswith("<"), line
            assert "&lt;" not in html
    page = preview(module, language)
    assert f'<html lang="{language}">' in page
    assert all(f'id="{step.id}"' in page for step in module.steps)
    tables = [q for step in module.steps for q in step.questions if isinstance(q, Rows)]
    for table in tables:
        for column in table.columns:
            assert f"{table.id}-{column.id}" in page


def test_back_and_another_answer_leads_another_way_and_keeps_what_was_written() -> None:
    anxiety = load("anxiety")
    answers = {"is_safe": True, "c_fear": "written before"}
    assert "first_climb" in [step.id for step in way(anxiety, answers)]
    answers["is_safe"] = False
    assert "first_climb" not in [step.id for step in way(anxiety, answers)]
    assert answers["c_fear"] == "written before"
