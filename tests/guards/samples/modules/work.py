"""Given work as the client sees it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from portal.core.html import authors_text, text_to_html
from portal.modules.blocks import Block
from portal.modules.controls import Control, Option
from tests.guards.samples.common import CLIENT, NONCE, PROSE, START, WORK_URL, Samples

GIVEN_WORK = [
    SimpleNamespace(
        url=WORK_URL, title="Ride the urge", says="New for you", is_new=True, has_kept=True,
        so_far="2 of 7 steps sent · last on Mon 2 Mar", waiting_since=START,
    ),
    SimpleNamespace(
        url=WORK_URL, title="Better sleep", says="Sent", is_new=False, has_kept=False,
        so_far="", waiting_since=None,
    ),
]  # fmt: skip

TASKS = [
    SimpleNamespace(
        what="Walk to the lake",
        when="Saturday",
        url=f"{WORK_URL}/homework/act",
        nonce="n",
        id="t1",
        kept_at=START,
        obstacle="It rained",
    )
]

SAID = [{"by": "Dana Reyes", "at": START, "text": PROSE[0]}]

WHOLE = [
    {
        "by": "Dana Reyes",
        "at": START,
        "noticed": PROSE[1],
        "link": PROSE[2],
        "goal": PROSE[0],
        "task": PROSE[3],
    }
]

CHOICES = (Option("yes", "Yes", True), Option("no", "No", False))


def asked(kind: str, name: str, **more: Any) -> Block:
    control = Control(kind, f"a.{name}", f"About {name}?", **more)
    return Block("ask", groups=((control,),), said=tuple(SAID), other="You also wrote: no")


def step(**more: object) -> dict[str, Any]:
    """What the page of a step gets on an ordinary day."""
    return {
        "person": CLIENT,
        "title": "An urge is a wave",
        "overview_url": WORK_URL,
        "url": f"{WORK_URL}/steps/wave",
        "back_url": f"{WORK_URL}/steps/before",
        "print_url": f"{WORK_URL}/steps/wave/paper",
        "typed_in": {"by": "Dana Reyes", "day": "Mon 2 Mar"},
        "number": 2,
        "count": 8,
        "minutes": 4,
        "blocks": [
            Block("html", authors_text(PROSE[0])),
            Block("example", authors_text(PROSE[1])),
            Block("told", text_to_html(PROSE[2]), "You wrote"),
            asked("long", "best", value="The walk", help="A guess is fine."),
            asked("list", "mood", options=CHOICES, ends="0 = low"),
            asked("one", "alone", options=CHOICES),
            asked("many", "helped", options=CHOICES),
            asked("text", "hours", value="7", mode="decimal", ends="hours"),
            Block(
                "group",
                label="My plan",
                groups=((Control("text", "a.act.what", "What?"),),),
                help="Small is good.",
            ),
            Block(
                "group",
                label="Each night",
                groups=((Control("text", "a.log.0.place", "Where?"),),),
                more="more.log",
                free_row="a.log.0.place",
            ),
        ],
        "has_gate": False,
        "has_more": True,
        "whole": WHOLE,
        "nonce": NONCE,
        "based_on": 3,
        "saved_at": START,
        "kept": {"at": START, "rows": [{"label": "What was good?", "text": PROSE[0]}]},
        "gate": "soft",
        "reading_day": "Tue 10 Mar",
        "may_answer": True,
        "is_sent": False,
        "state": "in_progress",
        "is_over_days": False,
        "problem": None,
        "after": {"alarms": [], "reply": authors_text(PROSE[3]), "shrink_url": "/shrink"},
    } | more


PAGES: Samples = {
    "step": ("modules/step.html", step()),
    "step-problem": (
        "modules/step.html",
        step(
            problem="Something is still open:",
            asked_still=[{"at": "a.best", "label": "What was good?", "says": ""}],
            blocks=[
                asked("long", "best", wrong="Please answer this one."),
                asked("one", "alone", wrong="Please answer this one.", options=CHOICES),
            ],
        ),
    ),
    "step-gate": (
        "modules/step.html",
        step(
            has_gate=True,
            gate="hold",
            blocks=[
                replace(asked("one", "gate", options=CHOICES), kind="gate"),
                asked("long", "best"),
            ],
        ),
    ),
    "step-diary": ("modules/step.html", step(is_over_days=True)),
    "step-read": (
        "modules/step.html",
        step(
            may_answer=False,
            is_sent=True,
            state="withdrawn",
            blocks=[
                Block(
                    "told", text_to_html(PROSE[2]), "What was good?", said=tuple(SAID), other="no"
                )
            ],
            kept=None,
            after=None,
        ),
    ),
    "work": (
        "modules/show.html",
        {
            "person": CLIENT,
            "title": "Ride the urge",
            "summary": "Learn to let an urge rise and pass.",
            "state": "revision_asked",
            "how_far": "Step 2 of 7 · last on Mon 2 Mar",
            "print_url": f"{WORK_URL}/paper",
            "steps": [
                SimpleNamespace(title="An urge is a wave", url="/s/1", says="Sent", minutes=4),
                SimpleNamespace(title="The log", url="", says="Comes later", minutes=3),
            ],
            "go_on_url": "/s/1",
            "is_begun": True,
            "reading_day": "Tue 10 Mar",
            "submit_url": f"{WORK_URL}/submit",
            "complete_url": None,
            "skip_url": f"{WORK_URL}/skip",
            "ends_at": START,
            "reminder": {
                "url": f"{WORK_URL}/reminder",
                "days": ["Monday", "Tuesday"],
                "hours": [{"value": 18, "label": "18:00"}],
                "weekday": 1,
                "hour": 18,
                "most": 3,
            },
            "after": {
                "alarms": [authors_text(PROSE[0])],
                "reply": authors_text(PROSE[1]),
                "shrink_url": "",
            },
        },
    ),
}

DANGER = {"alarms": [authors_text(PROSE[0])], "reply": "", "shrink_url": ""}

FRAGMENTS: Samples = {
    "step-saved": ("modules/_saved.html", {"saved_at": START}),
    "step-saved-in-danger": ("modules/_saved.html", {"saved_at": START, "first": DANGER}),
    "step-open": (
        "modules/_problem.html",
        {
            "problem": PROSE[0],
            "first": DANGER,
            "asked_still": [{"at": "a.mood", "label": PROSE[1], "says": "Please write a number."}],
        },
    ),
}
