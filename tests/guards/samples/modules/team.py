"""Work as the team gives it, reads it and counts it."""

from typing import Any

from portal.core.html import authors_text
from tests.guards.samples.common import ADMINISTRATOR, CLINICIAN, PROSE, START, WORK_URL, Samples
from tests.guards.samples.modules.authors import MODULE_ROW
from tests.guards.samples.modules.work import SAID, WHOLE

ANSWER = {
    "id": "best", "label": "What was good?", "text": "The walk", "table": [], "before": "Little",
    "other": "The lake", "said": SAID, "typed": "",
}  # fmt: skip

LOG = ANSWER | {
    "id": "log", "label": "Hard moments",
    "table": [
        {"cells": [("Where?", "At home"), ("How strong?", "7")], "is_new": True},
        {"cells": [("Where?", "At the shop")], "is_new": False},
    ],
}  # fmt: skip
TEAM_STEP = {
    "id": "wave", "title": "An urge is a wave", "says": "Sent", "at": START, "unlock_url": None,
    "spare_url": None, "spared_at": None, "unlock_note": "", "is_read": False,
    "called_at": None, "called": "", "whole": WHOLE,
    "url": f"{WORK_URL}/steps/wave/feedback",
    "nonce": "n", "based_on": 1, "rows": [ANSWER, LOG],
    "links": [{"id": "best.1", "text": "The walk"}], "noticed": "",
    "task": "", "link": "best.1", "kept_at": START, "kept_url": f"{WORK_URL}/steps/wave/kept",
    "typed_in": {"by": "Dana Reyes", "day": "Mon 2 Mar"}, "sheet_url": "/sheet",
}  # fmt: skip

GIVE: dict[str, Any] = {
    "person": CLINICIAN,
    "title": "Ride the urge",
    "summary": "Learn to let an urge rise and pass.",
    "client_name": "Rosa Delgado",
    "url": "/give",
    "print_url": "/modules/library/urge-surfing/paper",
    "nonce": "n",
    "starts": "2026-03-02",
    "ends": "2026-04-02",
    "days": ["Monday", "Tuesday"],
    "read": "1",
    "pace": "weekly",
    "paces": {"free": "In any order", "weekly": "One step a week"},
    "gates": {"free": "Goes on at once", "hold": "Waits"},
    "problem": None,
    "steps": [
        {
            "id": "wave", "title": "An urge is a wave", "unlock_note": "Talk first.",
            "parts": [authors_text(PROSE[0])], "questions": ["What was good?"], "gate": "hold",
        }
    ],
}  # fmt: skip

PAGES: Samples = {
    "choose-work": (
        "modules/choose.html",
        {
            "person": CLINICIAN,
            "client_name": "Rosa Delgado",
            "own": [MODULE_ROW],
            "modules": [
                {
                    "url": "/m/1",
                    "title": "Ride the urge",
                    "summary": "Let it pass.",
                    "steps": 7,
                    "minutes": 29,
                    "is_worksheet": False,
                },
                {
                    "url": "/m/2",
                    "title": "Sleep diary",
                    "summary": "Each morning.",
                    "steps": 1,
                    "minutes": 3,
                    "is_worksheet": True,
                },
            ],
        },
    ),
    "give-work": ("modules/give.html", GIVE),
    "give-work-wrong": ("modules/give.html", GIVE | {"problem": "Please choose a day to begin."}),
    "work-team": (
        "modules/team.html",
        {
            "person": CLINICIAN,
            "title": "Ride the urge",
            "client_name": "Rosa Delgado",
            "client_url": "/c/1",
            "state_says": "Sent",
            "waiting_since": START,
            "read_on": "Tuesday",
            "problem": None,
            "homework": [
                {
                    "what": "Walk",
                    "reports": [{"at": START, "says": "Not yet", "obstacle": "Rain"}],
                    "worksheet": {"url": "/w", "title": "My week"},
                }
            ],
            "print_url": f"{WORK_URL}/paper",
            "seen_url": "/seen",
            "steps": [
                TEAM_STEP,
                TEAM_STEP
                | {
                    "id": "log",
                    "url": None,
                    "is_read": True,
                    "unlock_url": "/open",
                    "spare_url": "/spare",
                    "called": "2026-03-02T09:00:00+00:00",
                    "unlock_note": "Talk first.",
                    "called_at": START,
                    "gates": [{"label": "Do you think of ending your life?", "text": "Yes"}],
                    "see_url": "/steps/log/seen",
                },
                TEAM_STEP | {"id": "out", "url": None, "unlock_url": "/open", "spared_at": START},
            ],
            "may_ask_again": True,
            "finish_url": "/all",
            "finish_number": 4,
            "ends_at": START,
            "waiting_at": "wave",
            "again_url": "/again",
            "complete_url": "/complete",
            "withdraw_url": "/withdraw",
        },
    ),
    "progress": (
        "modules/progress.html",
        {
            "person": ADMINISTRATOR,
            "fewest": 5,
            "days": 21,
            "modules": [
                {
                    "title": "Ride the urge",
                    "version": "1.0.0",
                    "given": "about 20",
                    "facts": [("Opened", "about 15"), ("Begun", "fewer than 5")],
                    "steps": [{"title": "An urge is a wave", "facts": [("Sent", "about 15")]}],
                }
            ],
        },
    ),
}
