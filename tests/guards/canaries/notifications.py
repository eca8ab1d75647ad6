"""Addresses are kept, people are told, and something comes back."""

import json
import re
import secrets
import subprocess
import sys
from typing import Any

from sqlalchemy import select

from portal.accounts.models import User
from portal.core import clock
from portal.notifications.channels.gateway import sign
from portal.notifications.models import Channel, NoticePreference, Pointer, Rhythm, State
from portal.notifications.preferences import Choice
from portal.notifications.services import set_address
from tests import servers
from tests.guards.canaries.story import Answer, Story, Visitor


def addresses_are_kept(story: Story) -> None:
    """As the seed of the demo keeps them."""
    with story.cast.database.writing() as session:
        for user in session.scalars(select(User)):
            for channel, address in (
                (Channel.EMAIL, f"{user.id.hex[-4:]}.{story.mark}@{story.mark}.example.org"),
                (Channel.SMS, f"+1555{story.mark}"),
            ):
                set_address(
                    session,
                    story.config,
                    clinic_id=user.clinic_id,
                    user_id=user.id,
                    channel=channel,
                    address=address,
                )
            session.merge(_told_at_any_hour(user))


def _told_at_any_hour(user: User) -> NoticePreference:
    choice = Choice(quiet_from=0, quiet_until=0, rhythm=Rhythm.EACH)
    return NoticePreference(
        user_id=user.id, clinic_id=user.clinic_id, changed_at=clock.now(), **vars(choice)
    )


def contacts_are_entered(story: Story, client: Visitor, counsellor: Visitor) -> None:
    """A new address waits for its code; a guardian's contact is noted."""
    client.open("/account/notices")
    own = f"new.{story.mark}@{story.mark}.example.org"
    assert client.post("/account/notices/address", channel="email", address=own).status == 200
    client.post("/account/notices/code", channel="email", code=story.mark)
    counsellor.open("/")
    page = counsellor.found(re.compile(r'href="(/clients/[\w-]{22})"'))
    counsellor.open(f"{page}/contact")
    theirs = f"mum.{story.mark}@{story.mark}.example.org"
    assert counsellor.post(f"{page}/guardians", address=theirs).status == 200


def texts_come_in(story: Story) -> None:
    """From two telephones; one call is odd."""
    one, other = (f"+1999{secrets.randbelow(10**10):010}" for _ in range(2))
    story.secrets += [one, other]
    for sender, words in (
        (one, story.said("I do not feel well")),
        (one, f"help {story.mark}"),
        (other, "please stop texting me"),
        (other, f"stop {story.mark}"),
    ):
        answer = _call(story, {"from": sender, "text": words})
        assert answer.status == 200
        story.replies.append(answer.text)
    assert _call(story, {"from": [story.mark], "text": story.mark}).status == 400


def _call(story: Story, content: dict[str, Any]) -> Answer:
    body, seconds = json.dumps(content), int(clock.now().timestamp())
    path = "/notices/gateway/text"
    signature = sign(story.environ["PORTAL_SMS_SECRET"], seconds, path, body.encode())
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    return story.visitor().go("POST", path, body, **headers)


def it_is_told(story: Story) -> None:
    """The worker sends mail and texts; one mail server refuses, and says why."""
    story.mails.answer = f"550 {story.mark} does not live here"
    ruth = story.cast.begin_thread("ruth", "mateo", text=story.said("to mateo"))
    servers.wait_until(lambda: _states(story) >= {State.FAILED, State.SENT}, "it is told", 60)
    story.mails.answer = "250 OK"
    story.cast.send("mateo", ruth, story.said("from mateo"))
    servers.wait_until(lambda: story.mails.received and story.gateway.received, "it is told", 60)
    servers.wait_until(lambda: State.PENDING not in _states(story), "all is told", 60)


def _states(story: Story) -> set[State]:
    with story.cast.database.reading() as session:
        return set(session.scalars(select(Pointer.state)))


def mail_comes_back(story: Story) -> None:
    """A report that quotes the address, and an answer of somebody's, with words in it."""
    back_to = story.mails.senders[-1]
    report = f"""\
To: {back_to}
Subject: {story.said("returned")}
X-Failed-Recipients: {story.mark}@{story.mark}.example.org
Content-Type: message/delivery-status

Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 {story.said("does not live here")}
"""
    for mail in (f"To: {back_to}\n\n{story.said('I wanted to say')}", report):
        with story.log.open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "portal.cli", "mail-returned", back_to],
                input=mail.encode(),
                env=story.environ,
                stdout=log,
                stderr=log,
                check=True,
            )
