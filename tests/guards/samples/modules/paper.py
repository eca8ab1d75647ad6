"""Work on paper: printed, found again by its code, and typed in."""

from dataclasses import replace
from typing import Any

from portal.core.html import authors_text
from portal.modules.paper import Grid, Piece, Room, Sheet
from tests.guards.samples.common import (
    CLIENT,
    CLINICIAN,
    LONG_NAME,
    PROSE,
    START,
    WORK_URL,
    Samples,
)
from tests.guards.samples.modules.work import asked, step

LINES, RINGS = Room("lines", lines=4), Room("scale", options=(("0", False), ("1", True)))

PAPER = Sheet(
    1,
    "An urge is a wave",
    "7K2M9Q-1",
    has_gate=True,
    pieces=(
        Piece("html", authors_text(PROSE[0])),
        Piece("example", authors_text(PROSE[1])),
        Piece("told", label="You wrote", rooms=(Room("lines"),)),
        Piece("ask", label="What was good?", help="A guess is fine.", rooms=(LINES,)),
        Piece("ask", label="How strong?", rooms=(RINGS,)),
        Piece("group", label="My plan", rooms=(replace(LINES, label="What?", text="Walk"),)),
        Piece(
            "gate",
            authors_text(PROSE[2]),
            "Do you think of hurting yourself?",
            rooms=(Room("choice", options=(("Yes", True), ("No", False))),),
        ),
        *(
            Piece("grid", label="Urges", grids=(Grid((("When", True),), ((LINES,),), turned),))
            for turned in (False, True)
        ),
    ),
)

SHEET: dict[str, Any] = step() | {
    "person": CLINICIAN,
    "client_name": LONG_NAME,
    "work_url": WORK_URL,
    "code": "7K2M9Q-1",
    "url": f"{WORK_URL}/steps/wave/sheet",
    "written": "2026-03-02",
    "kept_at": None,
    "is_answered": False,
}

PAGES: Samples = {
    "paper": (
        "modules/paper.html",
        {
            "person": CLIENT,
            "title": "Ride the urge",
            "notes": ["Shut until you open it: The log"],
            "links": [{"url": "?answers=1", "text": "With the answers so far"}],
            "sheets": [PAPER, replace(PAPER, has_gate=False, number=2)],
        },
    ),
    "find-sheet": ("modules/find_sheet.html", {"person": CLINICIAN, "code": "", "problem": None}),
    "find-sheet-wrong": (
        "modules/find_sheet.html",
        {"person": CLINICIAN, "code": "7K2M9Q-3", "problem": "No work has this code."},
    ),
    "sheet": ("modules/sheet.html", SHEET),
    "sheet-wrong": (
        "modules/sheet.html",
        SHEET
        | {
            "problem": "Something does not fit.",
            "kept_at": START,
            "is_answered": True,
            "blocks": [
                asked("text", "hours", wrong="Please write a number that fits."),
                asked("long", "best"),
            ],
        },
    ),
}
