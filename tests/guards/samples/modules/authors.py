"""A clinic's own modules: written, looked at as a client, published."""

from markupsafe import Markup

from portal.core.html import authors_text
from portal.core.i18n import LANGUAGES
from tests.guards.samples.common import CLINICIAN, CRISIS, LONG_NAME, NONCE, PROSE, START, Samples
from tests.guards.samples.modules.work import asked

AS_CLIENT = Markup("<h1>An urge is a wave</h1>{}<p class=k>{}").format(
    authors_text(f"{PROSE[0]}\n\n1. {PROSE[1]}\n2. {PROSE[2]}\n\n- {PROSE[1]}"),
    Markup(" ").join(
        Markup('<a href="{}">{}</a>').format(line.href, line.label) for line in CRISIS.lines
    ),
)

MODULE_ROW = {
    "url": "/m/3",
    "title": "Riding out the first week after moving to another town",
    "summary": PROSE[0],
    "steps": 5,
    "minutes": 21,
    "is_worksheet": False,
    "version": "1.10.0",
    "by": LONG_NAME,
    "at": START,
    "is_retired": True,
    "is_offered": False,
}

DRAFT_ROW = {
    "url": "/d/1",
    "title": "Evenings without a screen",
    "by": LONG_NAME,
    "at": START,
    "has_kept": True,
}

FACTS = {
    "version": "1.10.0",
    "languages": "English, Español",
    "grades": "English 4.2, Español 5.1",
    "most": 6,
    "license": "CC-BY-4.0",
    "author": LONG_NAME,
    "steps": 5,
    "minutes": 21,
}

CHECKED = {
    "is_sound": False,
    "problems": [
        {"line": 4, "words": PROSE[0], "quote": "version: 1"},
        {"line": 112, "words": PROSE[1], "quote": ""},
    ],
    "notes": ["There is no Español in it."],
    "facts": FACTS,
}

MODULES = {
    "person": CLINICIAN,
    "problem": None,
    "checked": None,
    "may_write": True,
    "drafts": [DRAFT_ROW, DRAFT_ROW | {"title": "", "by": "", "has_kept": False}],
    "put_away": [DRAFT_ROW],
    "own": [MODULE_ROW, MODULE_ROW | {"is_retired": False, "by": ""}],
    "library": [MODULE_ROW | {"is_worksheet": True}, MODULE_ROW],
    "begin_url": "/modules/drafts",
    "import_url": "/modules/import",
    "nonce": NONCE,
}

DRAFT = {
    "person": CLINICIAN,
    "title": "Evenings without a screen",
    "url": "/d/1",
    "text": "---\nid: evenings\n---\n" + "\n".join(PROSE),
    "nonce": NONCE,
    "based_on": 7,
    "saved_at": START,
    "problem": None,
    "is_damaged": False,
    "is_put_away": False,
    "published_url": "/m/3",
    "rivals": [{"url": "?version=6", "by": LONG_NAME, "at": START}],
    "earlier": [{"url": "?version=6", "by": LONG_NAME, "at": START}],
    "kept": {"at": START, "text": PROSE[0]},
    "checked": None,
}

MODULE = {
    "person": CLINICIAN,
    "title": "Ride the urge",
    "summary": PROSE[0],
    "is_worksheet": False,
    "facts": FACTS,
    "steps": [{"title": "An urge is a wave", "minutes": 4}],
    "preview_url": "/m/3/preview",
    "file_url": "/m/3/file",
    "begin_url": "/modules/drafts",
    "nonce": NONCE,
    "may_write": True,
    "of": "urge-surfing",
}

PAGES: Samples = {
    "modules": ("modules/authors/index.html", MODULES),
    "modules-refused": (
        "modules/authors/index.html",
        MODULES
        | {"problem": "This file was not taken in.", "checked": CHECKED, "may_write": False},
    ),
    "module-draft": ("modules/authors/draft.html", DRAFT),
    "module-draft-checked": (
        "modules/authors/draft.html",
        DRAFT
        | {
            "checked": CHECKED,
            "problem": "The file is larger than 1 MB.",
            "is_put_away": True,
            "is_damaged": True,
        },
    ),
    "module-draft-sound": (
        "modules/authors/draft.html",
        DRAFT | {"checked": CHECKED | {"problems": [], "is_sound": True, "facts": FACTS}},
    ),
    "module": (
        "modules/authors/show.html",
        MODULE
        | {
            "by": LONG_NAME,
            "at": START,
            "is_retired": True,
            "retire_url": "/retire",
            "change_url": "/change",
        },
    ),
    "module-library": ("modules/authors/show.html", MODULE),
    "module-preview": (
        "modules/authors/preview.html",
        {
            "person": CLINICIAN,
            "inside": AS_CLIENT,
            "is_over": False,
            "module_title": "Ride the urge",
            "url": "/preview",
            "back_url": "/m/1",
            "spoken": "es",
            "languages": [{"code": code, "name": name} for code, name in LANGUAGES.items()],
            "is_wide": False,
            "step_id": "wave",
            "unlock_note": "Talk first.",
            "steps": [{"id": "wave", "title": "An urge is a wave", "is_here": True}],
            "travelling": [("a.best", PROSE[0])],
        },
    ),
}

FRAGMENTS: Samples = {
    "step-as-client": (
        "modules/authors/_as_client.html",
        {
            "after": {"alarms": [authors_text(PROSE[0])], "reply": "", "shrink_url": "#main"},
            "step_id": "wave",
            "title": "An urge is a wave",
            "number": 1,
            "count": 7,
            "minutes": 4,
            "blocks": [asked("long", "best")],
            "has_gate": False,
            "gate": "hold",
            "problem": "Something is still open.",
            "may_answer": True,
            "is_over_days": True,
            "has_back": True,
        },
    ),
}
