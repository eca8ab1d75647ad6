"""When something goes wrong, and the demo's postbox."""

from types import SimpleNamespace

from tests.guards.samples.common import CLIENT, NONCE, PROSE, START, THREAD_URL, WORK_URL, Samples

PAGES: Samples = {
    "error": (
        "errors/error.html",
        {
            "heading": "Something is not working",
            "text": "It is not your fault. Please wait a minute and try again.",
            "kept": None,
            "retry_url": "/",
        },
    ),
    "error-kept": (
        "errors/error.html",
        {
            "person": CLIENT,
            "heading": "We could not save this yet",
            "text": "Your words are still here. Please wait a minute and try again.",
            "kept": PROSE[2],
            "kept_fields": {"nonce": NONCE},
            "retry_url": THREAD_URL,
        },
    ),
    "error-boxes": (
        "errors/error.html",
        {
            "person": CLIENT,
            "heading": "We could not save this yet",
            "text": "Your words are still here. Please wait a minute and try again.",
            "kept": None,
            "kept_fields": {"nonce": NONCE},
            "boxes": [("a.best", PROSE[0])],
            "action": "next",
            "retry_url": f"{WORK_URL}/steps/wave",
        },
    ),
    "postbox": (
        "demo/postbox.html",
        {
            "mails": [
                SimpleNamespace(
                    to="rosa@example.org",
                    subject="A new item",
                    body="You have a new item. Sign in when it is private:\nhttps://notes.example.org",
                    at=START,
                )
            ],
            "texts": [SimpleNamespace(to="+13035550142", body="A note is waiting.", at=START)],
            "numbers": ["+13035550142", "+13035550199"],
        },
    ),
}
