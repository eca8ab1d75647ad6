"""A life with marked words: every field that a person can fill, in a portal of real processes.

Whatever anybody types holds the mark; so finding the mark anywhere means that something was spilt.
"""

import base64
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from portal import create_app
from portal.accounts.models import User
from portal.accounts.passphrases import normalise_code
from portal.config import Config, write_keys
from portal.core import clock
from portal.core.database import Database
from portal.core.ids import short
from portal.core.processes import die_with_parent
from portal.core.schema import upgrade
from portal.modules.checking import with_top
from portal.notifications.channels.gateway import sign
from portal.notifications.models import Channel, NoticePreference, Pointer, Rhythm, State
from portal.notifications.preferences import Choice
from portal.notifications.services import set_address
from tests import servers
from tests.cast import NONCE, PASSPHRASE, TOKEN, Cast
from tests.modules import stories
from tests.modules.files import WHOLE

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"<code>([0-9A-Z-]{30,50})</code>")
RECOVERY = re.compile(r'name=recovery_code value="([^"]+)"')
TALKATIVE = """\
import logging
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Visitor:
    """A browser without scripts on a real line; it says the mark wherever a browser can."""

    port: int
    mark: str
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""

    def go(self, method: str, url: str, body: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        said = {
            "User-Agent": f"Mozilla/5.0 ({self.mark}) Firefox/1",
            "Referer": f"http://127.0.0.1:{self.port}/?{self.mark}",
            "X-Forwarded-For": f"{self.mark}, 203.0.113.77",
            "Accept-Language": f"en, {self.mark}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        connection.request(method, url, body.encode(), said | headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read().decode())
        connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.page = answer.text or self.page
        return answer

    def open(self, url: str) -> Answer:
        answer = self.go("GET", url)
        return self.open(answer.headers["Location"]) if answer.status == 303 else answer

    def post(self, url: str, *, htmx: bool = False, **fields: Any) -> Answer:
        token, nonce = TOKEN.search(self.page), NONCE.search(self.page)
        assert token, "this page has no form"
        own = {"csrf_token": token[1]} | ({"nonce": nonce[1]} if nonce else {})
        headers = {"HX-Request": "true"} if htmx else {}
        answer = self.go("POST", url, urlencode(own | fields), **headers)
        if answer.status == 303:
            return self.open(answer.headers["Location"])
        return answer

    def found(self, pattern: re.Pattern[str]) -> str:
        match = pattern.search(self.page)
        assert match, self.page[-600:]
        return match[1]


@dataclass
class Story:
    """What was lived, and where it may have left traces."""

    config: Config
    mark: str
    process: subprocess.Popen[bytes]
    log: Path
    mails: servers.MailServer
    gateway: servers.Gateway
    cast: Cast
    environ: dict[str, str]
    secrets: list[str] = field(default_factory=list)
    # What was sent back to the telephones from which texts came.
    replies: list[str] = field(default_factory=list)
    thread_url: str = ""

    @property
    def processes(self) -> list[int]:
        return list(_family(self.process.pid))

    def visitor(self, name: str | None = None) -> Visitor:
        cookies = {"p": str(self.cast.cookie(name))} if name else {}
        self.secrets += [value.partition(".")[2] for value in cookies.values()]
        return Visitor(self.config.port, self.mark, cookies)

    def said(self, words: str) -> str:
        """Something typed."""
        return f"{self.mark} {words} {self.mark}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


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


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    for child in children:
        yield from _family(int(child))


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
    counsellor = _a_counsellor_comes(story)
    client = _a_client_comes(story, counsellor)
    _addresses_are_kept(story)
    _they_write(story, client, counsellor)
    _contacts_are_entered(story, client, counsellor)
    _they_work(story)
    _a_module_is_written(story)
    _words_come_late(story, client)
    _people_mistype(story)
    _keys_are_changed(story, client)
    _texts_come_in(story)
    _it_is_told(story)
    _mail_comes_back(story)


def _come(story: Story, code: str, name: str) -> Visitor:
    newcomer, mark = story.visitor(), story.mark
    newcomer.open("/invitation")
    newcomer.post("/invitation", code=code)
    recovery = newcomer.found(RECOVERY)
    passphrase = f"{mark} lanterns drift by the {name} bay"
    newcomer.post(
        "/invitation/accept",
        code=code,
        recovery_code=recovery,
        user_name=f"{mark}.{name}",
        passphrase=passphrase,
    )
    assert newcomer.open("/account").status == 200
    story.secrets += [code, normalise_code(code), recovery, normalise_code(recovery)]
    story.secrets += [passphrase, newcomer.cookies["p"].partition(".")[2]]
    return newcomer


def _a_counsellor_comes(story: Story) -> Visitor:
    tom = story.visitor("tom")
    tom.open("/people")
    tom.post("/people", name=story.said("counsellor"), role="clinician", language="en")
    return _come(story, tom.found(CODE), "counsellor")


def _a_client_comes(story: Story, counsellor: Visitor) -> Visitor:
    counsellor.open("/clients/invite")
    counsellor.post(
        "/clients/invite",
        name=story.said("client"),
        user_name="",
        language="en",
        second=short(story.cast.ids["helen"]),
    )
    return _come(story, counsellor.found(CODE), "client")


def _addresses_are_kept(story: Story) -> None:
    """As the seed of the demo keeps them."""
    from sqlalchemy import select

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


def _contacts_are_entered(story: Story, client: Visitor, counsellor: Visitor) -> None:
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


def _told_at_any_hour(user: User) -> NoticePreference:
    choice = Choice(quiet_from=0, quiet_until=0, rhythm=Rhythm.EACH)
    return NoticePreference(
        user_id=user.id, clinic_id=user.clinic_id, changed_at=clock.now(), **vars(choice)
    )


def _they_write(story: Story, client: Visitor, counsellor: Visitor) -> None:
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


def _they_work(story: Story) -> None:
    """Dana answers what Ruth gives her; some of it comes when she has been signed out."""
    work = stories.give(story.cast, source=stories.TWO_STEPS)
    stories.unlock(story.cast, story.cast.person("ruth"), work, "first")
    dana, ruth, url = story.visitor("dana"), story.visitor("ruth"), f"/work/{short(work)}"
    first, late = f"{url}/steps/first", story.visitor()
    answers: dict[str, Any] = {
        "a.best": story.said("an answer"),
        "a.act.what": story.said("a plan"),
    }
    dana.open(first)
    late.page = dana.page
    dana.post(f"{first}/draft", htmx=True, **answers)
    dana.open(first)
    dana.post(first, action="next", **answers)
    dana.open(f"{url}/steps/second")
    half: dict[str, Any] = {"a.more": story.said("half"), "action": "save"}
    dana.post(f"{url}/steps/second", **half)
    ruth.open(url)
    words: dict[str, Any] = {
        "f.best": story.said("beside it"),
        "s.noticed": story.said("seen"),
        "action": "send",
    }
    assert ruth.post(f"{first}/feedback", **words | {"s.task": story.said("next")}).status == 200
    _a_sheet_comes_back(story, work)
    dana.open("/")
    report: dict[str, Any] = {"action": "not_yet", "obstacle": story.said("rain")}
    assert dana.post(f"{url}/homework/act", **report).status == 200
    too_late: dict[str, Any] = {"a.best": story.said("too late"), "action": "next"}
    assert late.post(first, **too_late).status == 401


def _a_module_is_written(story: Story) -> None:
    """Ruth writes one, with the mark wherever an author can put it; some of it comes too late."""
    ruth, late, mark = story.visitor("ruth"), story.visitor(), story.mark
    text = with_top(WHOLE, id=f"{mark}-walk", license=mark).replace("A walk", f"A {mark} walk")
    text = text.replace("Air helps.", f"Air {mark} helps.").replace("Dog", f"{mark} dog")
    ruth.open("/modules")
    ruth.post("/modules/drafts", of="")
    url = ruth.found(re.compile(r'action="(/modules/drafts/[\w-]{22})"'))
    late.page = ruth.page
    half: dict[str, Any] = {"text": f"{text} {mark}", "based_on": 1}
    ruth.post(f"{url}/draft", htmx=True, **half)
    ruth.open(url)
    whole: dict[str, Any] = {"text": text, "based_on": 2, "action": "publish"}
    assert "1.0.0" in ruth.post(url, **whole).text
    assert late.post(url, **half).status == 401


def _a_sheet_comes_back(story: Story, work: uuid.UUID) -> None:
    """Ruth types in what came on paper; once when she has been signed out."""
    ruth, url = story.visitor("ruth"), f"/work/{short(work)}/steps/second/sheet"
    late = story.visitor()
    ruth.open(url)
    late.page = ruth.page
    sheet: dict[str, Any] = {"written": "2026-03-02", "action": "save"}
    typed = sheet | {"a.more": story.said("on paper")}
    assert ruth.post(url, **typed).status == 200
    assert late.post(url, **sheet | {"a.more": story.said("paper, too late")}).status == 401
    assert ruth.open(f"/work/{short(work)}/paper?answers=1").status == 200


def _words_come_late(story: Story, client: Visitor) -> None:
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
    assert client.go("POST", story.thread_url, urlencode(huge)).status == 413


def _people_mistype(story: Story) -> None:
    """Names and passphrases in the wrong boxes, codes with a slip, addresses by hand."""
    somebody = story.visitor()
    slips: list[tuple[str, dict[str, Any]]] = [
        ("/sign-in", {"user_name": story.said("a passphrase"), "passphrase": story.mark}),
        ("/recover", {"user_name": story.said("name"), "code": story.said("code")}),
        ("/invitation", {"code": story.said("code")}),
    ]
    for url, fields in slips:
        somebody.open(url)
        assert somebody.post(url, **fields).status == 422
    for url in (
        f"/{story.mark}",
        f"/sign-in?next=/{story.mark}&lang={story.mark}&why={story.mark}",
        f"/threads/{story.mark}",
        f"/static/{story.mark}.css",
        f"{story.thread_url}?{story.mark}={story.mark}",
    ):
        somebody.go("GET", url)
    somebody.go("BREW", f"/{story.mark}")
    somebody.go("DELETE", f"/people?{story.mark}")


def _keys_are_changed(story: Story, client: Visitor) -> None:
    story.cast.set_passphrase("dana")
    dana, other = story.visitor(), f"{story.mark} herons wade in the evening"
    dana.open("/sign-in")
    dana.post("/sign-in", user_name="dana", passphrase=PASSPHRASE)
    dana.open("/account")
    dana.post("/account/passphrase", current=PASSPHRASE, new=other)
    dana.post("/account/recovery-code", passphrase=other)
    code = dana.found(CODE)
    story.secrets += [PASSPHRASE, other, code, normalise_code(code)]
    story.secrets.append(dana.cookies["p"].partition(".")[2])
    client.open("/account")
    client.post("/account/language", language="es")
    client.post("/sign-out")


def _texts_come_in(story: Story) -> None:
    """From a telephone that the portal knows, and from one that it does not; one call is odd."""
    known, unknown = f"+1555{story.mark}", f"+1999{story.mark}"
    for sender, words in (
        (known, story.said("I do not feel well")),
        (known, "help"),
        (unknown, f"stop {story.mark}"),
        (unknown, f"please stop texting me {story.mark}"),
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


def _mail_comes_back(story: Story) -> None:
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


def _it_is_told(story: Story) -> None:
    """The worker sends mail and texts; one mail server refuses, and says why."""
    story.mails.answer = f"550 {story.mark} does not live here"
    ruth = story.cast.begin_thread("ruth", "mateo", text=story.said("to mateo"))
    servers.wait_until(lambda: _states(story) >= {State.FAILED, State.SENT}, "it is told", 60)
    story.mails.answer = "250 OK"
    story.cast.send("mateo", ruth, story.said("from mateo"))
    servers.wait_until(lambda: story.mails.received and story.gateway.received, "it is told", 60)
    servers.wait_until(lambda: State.PENDING not in _states(story), "all is told", 60)


def _states(story: Story) -> set[State]:
    from sqlalchemy import select

    with story.cast.database.reading() as session:
        return set(session.scalars(select(Pointer.state)))


def disguises(word: str) -> dict[str, bytes]:
    """The bytes of a word in every dress in which it may lie about."""
    plain = word.encode()
    dressed = {
        "UTF-8": plain,
        "UTF-8 in capitals": word.upper().encode(),
        "UTF-16": word.encode("utf-16-le"),
        "UTF-16, the other way round": word.encode("utf-16-be"),
        "UTF-32": word.encode("utf-32-le"),
        "hexadecimal": plain.hex().encode(),
        "hexadecimal in capitals": plain.hex().upper().encode(),
        "escaped": "".join(f"\\x{byte:02x}" for byte in plain).encode(),
        "in an address": "".join(f"%{byte:02X}" for byte in plain).encode(),
        "backwards": plain[::-1],
    }
    for shift in range(3):
        # Letters at both ends depend on their neighbours: only what lies between is sure.
        coded = base64.b64encode(b"\0" * shift + plain)
        sure = coded[(8 * shift + 5) // 6 : (len(plain) + shift) * 8 // 6]
        dressed[f"base64 at {shift}"] = sure
        dressed[f"base64 for addresses at {shift}"] = sure.translate(bytes.maketrans(b"+/", b"-_"))
    return dressed
