"""A life with marked words: every field that a person can fill, in a portal of real processes.

Whatever anybody types holds the mark; so finding the mark anywhere means that something was spilt.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal import create_app
from portal.config import Config, write_keys
from portal.core.database import Database
from portal.core.processes import die_with_parent
from portal.core.schema import upgrade
from tests import servers
from tests.cast import Cast
from tests.guards.canaries import accounts, modules, notifications, threads
from tests.guards.canaries.story import Story

ROOT = Path(__file__).parents[3]
TALKATIVE = """\
import logging
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
"""


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def story(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Lived once for all these tests, on each kind of database."""
    folder = tmp_path_factory.mktemp("story")
    if request.param == "sqlite":
        with a_story(folder, None) as lived:
            yield lived
        return
    server: servers.PostgreSQL = request.getfixturevalue("postgresql")
    name = servers.new_name("story")
    with a_story(folder, server.create(name)) as lived:
        yield lived
    server.drop(name)


@contextmanager
def a_story(folder: Path, database_url: str | None) -> Iterator[Story]:
    data = folder / "data"
    write_keys(data)
    (folder / "talkative").mkdir()
    (folder / "talkative" / "sitecustomize.py").write_text(TALKATIVE)
    with servers.mail_server() as mails, servers.gateway() as gateway:
        settings = {
            "PORTAL_DATA": str(data),
            "PORTAL_PORT": str(servers.free_port()),
            "PORTAL_DATABASE_URL": database_url or f"sqlite:///{data}/portal.sqlite",
            "PORTAL_SMTP_URL": mails.url,
            "PORTAL_MAIL_FROM": "notes@example.org",
            "PORTAL_BOUNCE_DOMAIN": "back.example.org",
            "PORTAL_SMS_URL": gateway.url,
            "PORTAL_SMS_SECRET": secrets.token_hex(),
            "PORTAL_WEB_WORKERS": "1",
        }
        config, log = Config.from_env(settings, for_worker=True), folder / "log"
        database = Database(config.database_url)
        upgrade(database)
        database.dispose()
        environ = os.environ | settings | {"PYTHONPATH": f"{folder / 'talkative'}:{ROOT}"}
        process = _start(environ, log)
        mark = "qzk" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(9))
        cast = Cast(create_app(config))
        story = Story(config, mark, process, log, mails, gateway, cast, environ)
        try:
            servers.wait_until(lambda: _is_open(story), "the portal starts", 60)
            live(story)
            yield story
        finally:
            story.cast.database.dispose()
            if process.poll() is None:
                story.stop()


def _start(environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """The whole portal under its supervisor, with every logger at its most talkative."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "portal.cli", "run"],
            env=environ,
            stdout=file,
            stderr=file,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock
        )


def _is_open(story: Story) -> bool:
    assert story.process.poll() is None, story.log.read_text()
    return b"Open http" in story.log.read_bytes()


def live(story: Story) -> None:
    """Everything that people can type, they type."""
    counsellor = accounts.a_counsellor_comes(story)
    client = accounts.a_client_comes(story, counsellor)
    notifications.addresses_are_kept(story)
    threads.they_write(story, client, counsellor)
    notifications.contacts_are_entered(story, client, counsellor)
    modules.they_work(story)
    modules.a_module_is_written(story)
    threads.words_come_late(story, client)
    accounts.people_mistype(story)
    accounts.keys_are_changed(story, client)
    notifications.texts_come_in(story)
    notifications.it_is_told(story)
    notifications.mail_comes_back(story)
