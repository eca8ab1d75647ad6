"""Where everybody begins, and what the administrator looks after."""

from types import SimpleNamespace

from portal.core.i18n import LANGUAGES
from tests.guards.samples.common import ADMINISTRATOR, CLIENT, LONG_NAME, START, THREAD_URL, Samples
from tests.guards.samples.modules.work import GIVEN_WORK, TASKS
from tests.guards.samples.threads import THREADS

PAGES: Samples = {
    "threads": (
        "home/client.html",
        {
            "person": CLIENT,
            "threads": THREADS,
            "older_threads_url": f"/?before={'A' * 22}",
            "new_url": "/new",
            "reading_url": "/reading",
            "notices": ["Your passphrase was set anew. If that was not you, tell us today."],
            "unreachable": [{"words": "We could not reach your phone.", "url": "/account/notices"}],
            "unsent": [{"url": THREAD_URL, "subject": "School"}, {"url": "/new", "subject": ""}],
        },
    ),
    "threads-none": (
        "home/client.html",
        {
            "person": CLIENT,
            "threads": [],
            "new_url": "/new",
            "reading_url": "/reading",
            "first": {"title": "Back to here and now", "minutes": 5, "url": "/first", "nonce": "n"},
        },
    ),
    "home-work": (
        "home/client.html",
        {
            "person": CLIENT,
            "threads": THREADS,
            "new_url": "/new",
            "work": GIVEN_WORK,
            "homework": TASKS,
        },
    ),
    "delivery": (
        "home/delivery.html",
        {
            "person": ADMINISTRATOR,
            "not_reached": [
                {"name": LONG_NAME, "url": "/p/2", "places": ["Not reached by mail", "By phone"]}
            ],
            "never_told": [
                {"name": LONG_NAME, "url": "/p/3"},
                {"name": "Sam Okafor", "url": "/p/4"},
            ],
            "channels": [
                SimpleNamespace(
                    name="Mail",
                    provider="It works.",
                    is_wrong=False,
                    until=None,
                    code=None,
                    rows=[("Due now", 3, False), ("The oldest", "12 minutes", True)],
                    reasons=(("smtp_451", 2),),
                ),
                SimpleNamespace(
                    name="Texts",
                    provider="It does not work.",
                    is_wrong=True,
                    until=START,
                    code="twilio_20003",
                    rows=[("Due now", 0, False)],
                    reasons=(),
                ),
            ],
        },
    ),
    "people": (
        "home/people.html",
        {
            "person": ADMINISTRATOR,
            "problem": None,
            "people": [
                SimpleNamespace(
                    name="Dana Reyes",
                    user_name="dana",
                    role="clinician",
                    state="",
                    since=START,
                    url="/p/1",
                    not_reached=[],
                ),
                SimpleNamespace(
                    name=LONG_NAME,
                    user_name="maxi",
                    role="supervisor",
                    state="off",
                    since=START,
                    url="/p/2",
                    not_reached=["Not reached by mail", "Not reached by phone"],
                ),
            ],
            "unreachable": [{"words": "We could not reach your phone.", "url": "/notices"}],
            "invite_url": "/people",
            "name": "",
            "role": "clinician",
            "roles": {"clinician": "Clinician", "supervisor": "Supervisor"},
            "languages": LANGUAGES,
            "language": "en",
        },
    ),
    "person": (
        "home/person.html",
        {
            "person": ADMINISTRATOR,
            "someone": SimpleNamespace(
                name="Dana Reyes", user_name="dana", role="clinician", state="", since=START
            ),
            "notice": None,
            "problem": None,
            "is_client": True,
            "invite_url": "/p/1/invitation",
            "disable_url": "/p/1/disable",
            "enable_url": None,
        },
    ),
}
