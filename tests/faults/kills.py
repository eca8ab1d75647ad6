"""Posting a form while the web process dies on it, and posting it again until it is answered."""

from collections.abc import Callable, Iterable
from functools import partial
from http.client import HTTPException
from typing import Any

from tests.faults.stage import Answer, Stage, Visitor
from tests.servers import wait_until

Filled = tuple[str, dict[str, Any]]


def die_on_the_way(
    stage: Stage, step: str, visitor: Visitor, url: str, form: dict[str, Any]
) -> Answer | None:
    """The web process dies at this step of what the form does. The answer, or none if the line went
    dead before it was complete."""
    before = stage.children("web")
    stage.set_trap(step)
    try:
        answer = visitor.post(url, **form)
    except (OSError, HTTPException):
        answer = None
    wait_until(partial(stage.is_sprung, step), f"the form comes past {step!r}")
    wait_until(lambda: stage.children("web") != before, "the process dies")
    return answer


def check_every_death(
    stage: Stage,
    visitor: Visitor,
    steps: Iterable[str],
    *,
    fill: Callable[[str], Filled],
    count: Callable[[str], int],
) -> None:
    """At every step: what was acknowledged is there once, and so it is after the form came again.

    `fill`: the address and the fields of a new form for this step. `count`: how often all that the
    form does is there.
    """
    stage.queue.start()
    stage.start("web")
    for step in steps:
        url, form = fill(step)
        first = die_on_the_way(stage, step, visitor, url, form)
        if first is not None:
            assert first.status == 303
            assert count(step) == 1, f"what was acknowledged at {step!r} is there"
        assert visitor.insist(url, **form).status == 303
        assert count(step) == 1, f"what came again after {step!r} is there once"
    stage.check_the_trail()
