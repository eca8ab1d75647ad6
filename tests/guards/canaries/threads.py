"""What is written into a conversation, some of it too late."""

import re
from typing import Any
from urllib.parse import urlencode

from tests.cast import NONCE
from tests.guards.canaries.story import Story, Visitor


def they_write(story: Story, client: Visitor, counsellor: Visitor) -> None:
    client.open("/")
    new = client.found(re.compile(r'href="(/clients/[\w-]+/threads/new)"'))
    client.open(new)
    words: dict[str, Any] = {"subject": story.said("subject"), "text": story.said("first words")}
    client.post(f"{new}/draft", htmx=True, **words)
    client.open(new)
    client.post(new, action="send", **words)
    client.open("/")
    story.thread_url = url = client.found(re.compile(r'href="(/threads/[\w-]+)'))
    counsellor.open(url)
    counsellor.post(f"{url}/draft", text=story.said("half an answer"))
    counsellor.open(url)
    counsellor.post(url, action="send", text=story.said("an answer"))
    for action in ("send", "save"):
        client.open(url)
        client.post(url, htmx=action == "send", action=action, text=story.said(f"more {action}"))
    client.open(url)
    assert client.post(url, action="send", text=story.said("z" * 9000)).status == 422
    client.open(url)
    client.go("GET", f"{url}/new?after=0&{story.mark}={story.mark}", **{"HX-Request": "true"})
    client.go("GET", f"{url}/earlier?before={story.mark}")


def words_come_late(story: Story, client: Visitor) -> None:
    """Without a session, with a wrong token, too long, to a thread that is not there."""
    client.open(story.thread_url)
    form: dict[str, Any] = {
        "nonce": client.found(NONCE),
        "text": story.said("late words"),
        "action": "send",
    }
    stranger = story.visitor()
    assert stranger.go("POST", story.thread_url, urlencode(form)).status == 401
    wrong = form | {"csrf_token": story.mark}
    assert client.go("POST", story.thread_url, urlencode(wrong)).status == 303
    client.open("/account")
    assert client.post(f"/threads/{'A' * 22}", **form).status == 404
    huge = {"text": story.mark * 40_000}
    assert client.go("POST", story.thread_url, urlencode(huge)).status == 400
    assert client.go("POST", f"{story.thread_url}/close", urlencode(huge)).status == 413
