"""Every address there is, by everybody who may: what it asks of the database is looked up.

An address that is not in the table of who may do what fails there. The doors of the providers open
only to what they sign: tests/notifications/test_plans.py calls them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import pytest
from sqlalchemy import Connection
from werkzeug.routing import Rule

from bench.plans import recorded
from portal.config import Config
from portal.core.database import Database
from portal.core.ids import short
from tests.guards.filled_forms import filled
from tests.guards.keyholes import EVERYBODY, Keyholes
from tests.guards.scenes import quickly
from tests.guards.test_access import expected, rules
from tests.guards.test_csrf import SIGNED, what_of
from tests.plans import Visit, crowd, looked_up

pytestmark = pytest.mark.slow

# Further ways to ask, which bring other statements: what is added to the address, or to the form.
SAVE, FORGET = {"action": "save"}, {"action": "forget"}
ALSO: dict[str, list[str | dict[str, str]]] = {
    "GET /": ["?before={thread}"],
    "GET /clients/<id:engagement_id>": ["?before={thread}"],
    "GET /modules/drafts/<id:draft_id>": ["?check"],
    "GET /modules/own/<id:published_id>": ["?version=1"],
    "GET /threads/<id:thread_id>": ["?before=9"],
    "GET /threads/<id:thread_id>/earlier": ["?before=9&to=9"],
    "GET /threads/<id:thread_id>/new": ["?after=0", "?after=99"],
    "GET /work/<id:work_id>": ["?from=first"],
    "GET /work/<id:work_id>/paper": ["?answers=1"],
    "GET /work/sheet": ["?code=7K2M9Q-1"],
    "POST /clients/<id:engagement_id>/contact/ask": [{"ask": "no"}],
    "POST /clients/<id:engagement_id>/team": [{"past": "new"}],
    "POST /clients/<id:engagement_id>/threads/new": [SAVE],
    "POST /clients/<id:engagement_id>/threads/new/kept": [FORGET],
    "POST /modules/drafts/<id:draft_id>": [SAVE, {"action": "publish"}],
    "POST /modules/drafts/<id:draft_id>/kept": [FORGET],
    "POST /modules/drafts/<id:draft_id>/put-away": [{"action": "back"}],
    "POST /modules/own/<id:published_id>/retire": [{"action": "offer"}],
    "POST /threads/<id:thread_id>": [SAVE],
    "POST /threads/<id:thread_id>/kept": [FORGET],
    "POST /work/<id:work_id>/steps/<step_id>": [SAVE, {"action": "later"}, {"action": "back"}],
    "POST /work/<id:work_id>/steps/<step_id>/feedback": [SAVE],
    "POST /work/<id:work_id>/steps/<step_id>/kept": [FORGET],
    "POST /work/<id:work_id>/steps/<step_id>/sheet": [{"action": "discard"}],
}
# What is read whole all the same.
WHOLE = {
}


@pytest.fixture
def keyholes(config: Config, database_url: str) -> Iterator[Keyholes]:
    with quickly():
        made = Keyholes(replace(config, database_url=database_url, demo=True))
        for role in EVERYBODY:
            made.visit(role)
        yield made
    made.database.dispose()


@contextmanager
def nothing_stays(database: Database) -> Iterator[None]:
    """What a request stores is there until it hands its connection back, and then no more: each
    finds the clinic as it was made."""
    begin = database.begin_to_write

    def go_on(connection: Connection) -> None:
        if not getattr(connection.connection.dbapi_connection, "in_transaction", False):
            begin(connection)

    with (
        mock.patch.object(database.engine.dialect, "do_commit"),
        mock.patch.object(database, "begin_to_write", go_on),
    ):
        yield


def visits(keyholes: Keyholes) -> Iterator[Visit]:
    """Each address, asked for by everybody who may, as a page and as a part of one."""
    for (method, address), rule in rules(keyholes.app).items():
        if SIGNED.match(address):
            continue
        known = ALSO.get(f"{method} {address}", [])
        for role in EVERYBODY:
            if expected(method, address, role, "own") in ("in", "401", "404"):
                continue
            for also in ("", *known):
                yield _visit(keyholes, method, rule, role, also)


def _visit(
    keyholes: Keyholes, method: str, rule: Rule, role: str, also: str | dict[str, str]
) -> Visit:
    ids = what_of(keyholes, rule.rule, role)
    url, more = keyholes.url(rule, ids), {}
    if isinstance(also, str):
        url += also.format(thread=short(ids["thread_id"]))
    if method == "POST":
        token = {"csrf_token": keyholes.tokens[role]}
        fields = filled(keyholes, rule.endpoint, role, ids) | token
        more = {"data": fields | also if isinstance(also, dict) else fields}
    with recorded(keyholes.database.engine) as asked:
        for htmx in (False, True):
            answer = keyholes.visit(role)._go(method, url, htmx=htmx, follow=False, **more)
            assert answer.status_code < 400, (method, url, also, role)
    return f"{method} {rule.rule}{also} by {role}", asked


def test_every_statement_of_every_address_is_looked_up(keyholes: Keyholes) -> None:
    crowd(keyholes)
    with nothing_stays(keyholes.database):
        seen = looked_up(keyholes, visits(keyholes), WHOLE)
    assert len(seen) > 200
    assert set(ALSO) <= {f"{method} {address}" for method, address in rules(keyholes.app)}
