"""Every keyhole of the portal, with whoever may look through it.

For each role there are five objects: one's own, a colleague's (same clinic, another care team), one
from which the reader was removed, another clinic's, and one that does not exist.
"""

import uuid
from typing import Any

from sqlalchemy import delete, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.accounts.models import BrowserSession
from portal.accounts.people import Person
from portal.accounts.sessions import Cookie
from portal.config import Config
from portal.core.ids import new_id, short
from tests.cast import Browser
from tests.guards.filled_forms import ROLES
from tests.guards.scenes import Scenes

EVERYBODY = ("nobody", *ROLES)
OBJECTS = ("own", "colleague", "removed", "elsewhere", "absent")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
Ids = dict[str, Any]
# What addresses name inside of given work.
IN_WORK = {"step_id": "first", "prompt_id": "act", "module_id": "two-steps"}


class Keyholes(Scenes):
    """A clinic in which everybody is signed in, and may ask for everything."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._begin_sessions()

    def _begin_sessions(self) -> None:
        """Each role's cookie, and the sessions that somebody may want to end."""
        with self.database.writing() as session:
            session.execute(delete(BrowserSession))
        self.cookies = {role: self.cookie(name) for role, name in ROLES.items()}
        self.tokens: dict[str, str] = {}
        self._visits: dict[str, str] = {}
        self._sessions: dict[tuple[str, str], uuid.UUID] = {}
        for role, name in ROLES.items():
            self._sessions[role, "own"] = self._session_id(self.cookie(name))
            self._sessions[role, "removed"] = new_id()
        self._sessions["", "colleague"] = self._session_id(self.cookie("luis"))
        self._sessions["", "elsewhere"] = self._session_id(self.cookie("olga"))

    def _session_id(self, cookie: Cookie) -> uuid.UUID:
        with self.database.reading() as session:
            return session.scalars(
                select(BrowserSession.id).where(BrowserSession.cookie_digest == cookie.digest)
            ).one()

    def reader(self, role: str) -> Person:
        return self.person(ROLES[role])

    def visit(self, role: str) -> Browser:
        """A browser of this role, with a token for the portal's forms at hand."""
        browser = Browser(self.app)
        if role not in self.tokens:
            if role in self.cookies:
                browser.carry(self.cookies[role])
            browser.open("/account" if role in self.cookies else "/sign-in")
            cookie = browser.client.get_cookie("p")
            assert cookie is not None
            self.tokens[role], self._visits[role] = browser.token, cookie.value
        browser.client.set_cookie("p", self._visits[role])
        return browser

    def url_id(self, name: str) -> str:
        return short(self.ids[name])

    def submit(self, role: str, url: str, /, **fields: str) -> TestResponse:
        """Posts a form of this role's, with the token that belongs to it."""
        browser = self.visit(role)
        data = {"csrf_token": self.tokens[role], **fields}
        return browser._go("POST", url, htmx=False, follow=False, data=data)

    def ids_of(self, role: str, which: str) -> Ids:
        """What a URL names, for this role and this kind of object."""
        if which == "absent":
            names = (
                "engagement_id",
                "thread_id",
                "member_id",
                "user_id",
                "session_id",
                "contact_id",
                "work_id",
                "problem_id",
                "draft_id",
                "published_id",
            )
            fixed = {"seq": 1, "name": "portal.0.css"}
            return {name: new_id() for name in names} | fixed | IN_WORK
        client = {"own": "dana", "colleague": "rosa", "removed": "iris", "elsewhere": "pavel"}
        member = {"own": "helen", "colleague": "sam", "removed": "ruth", "elsewhere": "nils"}
        user = {"own": "walter", "colleague": "luis", "removed": "vera", "elsewhere": "olga"}
        writer = role if role in self.threads else "client"
        sessions = self._sessions
        return {
            "engagement_id": self.engagements[client[which]],
            "thread_id": self.threads[writer if which == "own" else client[which]],
            "member_id": self.ids[member[which]],
            "user_id": self.ids[user[which]],
            "contact_id": self.guardians[client[which]],
            "problem_id": self.problems[client[which]],
            "session_id": sessions.get((role, which)) or sessions.get(("", which)) or new_id(),
            "work_id": self.work[client[which]],
            "draft_id": self.drafts[client[which]],
            "published_id": self.published[client[which]],
            **IN_WORK,
            "seq": 1,
            "name": self.app.extensions["assets"].stylesheet.url.rpartition("/")[2],
        }

    def url(self, rule: Rule, ids: Ids) -> str:
        adapter = self.app.url_map.bind("localhost")
        return adapter.build(rule.endpoint, {name: ids[name] for name in rule.arguments})
