"""The way through a module: which step comes next, what is worked out, what is said.

answers: everything that has been answered so far, by prompt id, wherever it stands. Answers to
steps that a branch now leaves out stay where they are; they only are not asked for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from portal.modules.format.answers import is_empty
from portal.modules.format.shapes import (
    END,
    PLAN_FIELDS,
    SHRINK_BELOW,
    Computed,
    ModuleFile,
    Plan,
    Question,
    Reply,
    SafetyGate,
    Step,
)
from portal.modules.format.values import evaluate, holds

Answers = Mapping[str, Any]


def next_step(module: ModuleFile, step: Step, answers: Answers) -> Step | None:
    """Where a client goes on after this step; None at the end. Always a later step."""
    known = with_computed(module, answers)
    for branch in step.branches:
        if holds(branch.when, known):
            return None if branch.goto == END else module.step(branch.goto)
    following = module.steps.index(step) + 1
    return module.steps[following] if following < len(module.steps) else None


def way(module: ModuleFile, answers: Answers) -> Iterator[Step]:
    """The steps from the first to the last, as far as the answers given so far decide it."""
    step: Step | None = module.steps[0]
    while step:
        yield step
        step = next_step(module, step, answers)


def with_computed(module: ModuleFile, answers: Answers) -> dict[str, Any]:
    """The answers, and beside them what is worked out; None where something is missing for it."""
    known = dict(answers)
    for prompt in module.prompts.values():
        if isinstance(prompt, Computed):
            value = evaluate(prompt.value, known)
            known[prompt.id] = None if value is None else round(value, prompt.decimals)
    return known


def reply_to(module: ModuleFile, step: Step, answers: Answers) -> Reply | None:
    """What is said at once when the step has been sent."""
    known = with_computed(module, answers)
    for reply in step.replies:
        if reply.when is None or holds(reply.when, known):
            return reply
    return None


def still_asked(step: Step, answers: Answers) -> tuple[Question, ...]:
    """Required questions without an answer. They are asked for, and can still be put off."""
    return tuple(
        question
        for question in step.questions
        if question.required and is_empty(answers.get(question.id))
    )


def alarmed(step: Step, answers: Answers) -> tuple[SafetyGate, ...]:
    """The gates answered with "yes" or "unsure": crisis lines first, whatever comes next."""
    gates = (question for question in step.questions if isinstance(question, SafetyGate))
    return tuple(gate for gate in gates if answers.get(gate.id) in ("yes", "unsure"))


def should_shrink(answer: Any) -> bool:
    """Whether a plan is too large for the confidence its maker has in it."""
    confidence = answer.get("confidence") if isinstance(answer, dict) else None
    return isinstance(confidence, int) and confidence < SHRINK_BELOW


def homework(step: Step, answers: Answers) -> Iterator[tuple[Plan, dict[str, Any]]]:
    """What the client has planned in this step."""
    for question in step.questions:
        answer = answers.get(question.id)
        if isinstance(question, Plan) and isinstance(answer, dict) and answer.get("what"):
            yield question, {name: answer.get(name) for name in (*PLAN_FIELDS, "confidence")}
