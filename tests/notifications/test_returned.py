"""Mail that was taken and came back after all: what is genuine is noted, and nothing else is."""

import os
import random
import subprocess
import sys
import tracemalloc
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from portal.config import Config
from portal.core.ids import new_id
from portal.notifications import problems, returned
from portal.notifications.channels.base import Outcome
from portal.notifications.models import ContactProblem, Fault, Pointer, State
from portal.notifications.outcome import note_report
from portal.notifications.return_path import ReturnPath
from tests.notifications.caller import latest, rows
from tests.notifications.desk import Desk
from tests.servers import MailServer

DOMAIN = "back.portal.example.org"
SAMPLES = Path(__file__).parent / "came_back"
ROOT = Path(__file__).parents[2]

DEAD = {
    "postfix-unknown": "5.1.1",
    "postfix-no-domain": "5.4.4",
    "exim-unknown": "5.0.0",
    "exchange-unknown": "5.1.1",
    "exchange-online-unknown": "5.4.1",
    "gmail-unknown": "5.1.1",
}
REFUSED = {
    "postfix-gave-up": "4.4.1",
    "postfix-full": "5.2.2",
    "postfix-blocked": "5.7.1",
    "exim-old": "5.0.0",
    "gmail-empty": "5.0.0",
}
NO_NEWS = ("postfix-delayed", "gmail-delayed", "postfix-delivered", "holiday", "read-receipt")


def sample(name: str, to: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_text("utf-8").replace("{to}", to).encode()


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, bounce_domain=DOMAIN)


def told(desk: Desk, mail_server: MailServer) -> str:
    """Dana is told by mail, which the server takes; returns whom the mail goes back to."""
    desk.give_address("dana", "dana@mail.example")
    return told_again(desk, mail_server)


def told_again(desk: Desk, mail_server: MailServer) -> str:
    desk.point("dana")
    desk.work()
    assert latest(desk).state is State.SENT
    return mail_server.senders[-1]


def take_in(desk: Desk, mail: bytes, recipient: str = "") -> bool:
    found = returned.read(desk.config, mail, recipient)
    if found is None:
        return False
    with desk.database.writing() as session:
        return note_report(session, found)


def test_every_mail_goes_back_to_an_address_of_its_own_and_its_reader_sees_the_usual_one(
    desk: Desk, mail_server: MailServer
) -> None:
    back_to = [told(desk, mail_server)]
    desk.hands.move(days=1)
    back_to.append(told_again(desk, mail_server))
    assert len(set(back_to)) == 2
    for address, mail in zip(back_to, mail_server.received, strict=True):
        assert address.endswith(f"@{DOMAIN}")
        assert len(address.partition("@")[0]) <= 64
        assert mail["From"] == "notes@portal.example.org"
        assert address.partition("@")[0] not in mail.as_string()
        assert "dana" not in address


def test_without_a_domain_for_it_mail_goes_back_to_its_sender(
    desk: Desk, mail_server: MailServer
) -> None:
    desk.config = replace(desk.config, bounce_domain=None)
    assert told(desk, mail_server) == "notes@portal.example.org"


@pytest.mark.parametrize(("name", "code"), DEAD.items())
def test_an_address_that_does_not_exist_is_a_task_and_used_no_more(
    desk: Desk, mail_server: MailServer, name: str, code: str
) -> None:
    assert take_in(desk, sample(name, told(desk, mail_server)))
    assert (latest(desk).state, latest(desk).fault) == (State.FAILED, Fault.DEAD)
    assert latest(desk).last_error_code == f"returned_{code}"
    (task,) = rows(desk, ContactProblem)
    assert task.code == problems.DEAD
    desk.hands.move(days=1)
    desk.point("dana")
    assert len(desk.pointers()) == 1
    assert "We could not reach your mail address" in desk.cast.browser("dana").open("/").text


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_one_that_was_not_reached_this_time_is_a_task_after_three(
    desk: Desk, mail_server: MailServer, name: str, code: str
) -> None:
    back_to = told(desk, mail_server)
    for number in range(3):
        assert rows(desk, ContactProblem) == [], number
        assert take_in(desk, sample(name, back_to))
        assert (latest(desk).fault, latest(desk).last_error_code) == (
            Fault.REFUSED,
            f"returned_{code}",
        )
        if number < 2:
            desk.hands.move(days=1)
            back_to = told_again(desk, mail_server)
    (task,) = rows(desk, ContactProblem)
    assert task.code == problems.FAILING


@pytest.mark.parametrize("name", NO_NEWS)
def test_what_is_still_on_its_way_and_what_people_write_is_no_news(
    desk: Desk, mail_server: MailServer, name: str
) -> None:
    assert not take_in(desk, sample(name, told(desk, mail_server)))
    assert latest(desk).state is State.SENT


def test_the_same_report_twice_is_noted_once(desk: Desk, mail_server: MailServer) -> None:
    mail = sample("postfix-unknown", told(desk, mail_server))
    assert take_in(desk, mail)
    assert not take_in(desk, mail)
    assert len(rows(desk, ContactProblem)) == 1


def test_a_report_about_an_address_that_was_replaced_since_blames_nobody(
    desk: Desk, mail_server: MailServer
) -> None:
    back_to = told(desk, mail_server)
    desk.hands.move(hours=1)
    desk.give_address("dana", "dana@elsewhere.example")
    assert take_in(desk, sample("postfix-unknown", back_to))
    assert latest(desk).state is State.FAILED
    assert rows(desk, ContactProblem) == []


def forgeries(address: str, pointer: Pointer) -> list[str]:
    tag = address.partition("@")[0]
    other = "b" if tag[30] == "a" else "a"
    return [
        f"{tag[:30]}{other}{tag[31:]}@{DOMAIN}",
        f"{tag[:-1]}@{DOMAIN}",
        f"{tag}a@{DOMAIN}",
        f"{'a' * 42}@{DOMAIN}",
        f"{pointer.id}@{DOMAIN}",
        f"notes@{DOMAIN}",
        "",
    ]


def test_nobody_can_have_an_address_taken_for_dead(desk: Desk, mail_server: MailServer) -> None:
    address = told(desk, mail_server)
    for forged in forgeries(address, latest(desk)):
        assert not take_in(desk, sample("postfix-unknown", forged or "<>"), forged), forged
    assert latest(desk).state is State.SENT
    assert rows(desk, ContactProblem) == []


def test_another_installation_s_address_is_none_of_ours(config: Config) -> None:
    theirs = ReturnPath(replace(config, server_keys=(("k1", b"\2" * 32),)))
    address = theirs.address(str(new_id()))
    assert address is not None
    assert ReturnPath(config).pointer_of(address) is None


def test_an_address_stays_good_when_the_server_has_a_new_key(config: Config) -> None:
    pointer_id = new_id()
    address = ReturnPath(config).address(str(pointer_id))
    assert address is not None
    rotated = replace(config, server_keys=(("k2", b"\3" * 32), *config.server_keys))
    assert ReturnPath(rotated).pointer_of(address) == pointer_id


@pytest.mark.parametrize(
    "written",
    [
        "{tag}@" + DOMAIN,
        "<{tag}@" + DOMAIN + ">",
        "{upper}@BACK.PORTAL.EXAMPLE.ORG",
        "{tag}",
        "returned+{tag}@example.org",
    ],
)
def test_an_address_is_known_as_mail_servers_write_it(config: Config, written: str) -> None:
    pointer_id = new_id()
    tag = str(ReturnPath(config).address(str(pointer_id))).partition("@")[0]
    text = written.format(tag=tag, upper=tag.upper())
    assert ReturnPath(config).pointer_of(text) == pointer_id
    mail = sample("postfix-unknown", "somebody@example.org")
    report = returned.read(config, mail, text)
    assert report is not None
    assert (report.pointer_id, report.outcome) == (pointer_id, Outcome.FAILED)


def test_a_mail_without_a_key_that_is_an_identifier_goes_back_to_its_sender(config: Config) -> None:
    assert ReturnPath(config).address("0190-key") is None


def hostile(to: str) -> dict[str, bytes]:
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
        for n in range(2000)
    )
    head = f"To: {to}\r\n".encode()
    report = sample("postfix-unknown", to)
    return {
        "nothing": b"",
        "zeros": b"\0" * 10_000,
        "no text at all": bytes(range(256)) * 100,
        "only a head": head,
        "boxes in boxes": head + deep,
        "a boundary that is none": head + b'Content-Type: multipart/report; boundary="\r\n\r\n--"',
        "a report in letters of no alphabet": head
        + b"Content-Type: message/delivery-status; charset=nonsense\r\n\r\nAction: \xff\xfe\r\n",
        "a report packed up": head
        + b"Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64encode(b"Action: failed\nStatus: 5.1.1\n"),
        "a name of many words": head + b"To: " + b"=?utf-8?q?=ff=fe?= " * 3000 + b"\r\n\r\n",
        "many heads": head + b"X: y\r\n" * 20_000,
        "a status of many digits": report.replace(b"5.1.1", b"5." * 5000).replace(b"failed", b"f"),
        "cut short": report[:1200],
    }


@pytest.mark.parametrize("what", hostile(""))
def test_whatever_a_stranger_sends_there_is_no_report(config: Config, what: str) -> None:
    to = str(ReturnPath(config).address(str(new_id())))
    assert returned.read(config, hostile(to)[what], to) is None


def test_nothing_that_is_spoilt_at_random_does_harm(config: Config) -> None:
    chance = random.Random(20260304)
    to = str(ReturnPath(config).address(str(new_id())))
    mails = [sample(path.stem, to) for path in sorted(SAMPLES.glob("*.eml"))]
    for _ in range(400):
        mail = bytearray(chance.choice(mails))
        for _ in range(chance.randint(1, 40)):
            mail[chance.randrange(len(mail))] = chance.randrange(256)
        returned.read(config, bytes(mail), to)


def test_an_endless_mail_is_read_in_little_memory(config: Config) -> None:
    to = str(ReturnPath(config).address(str(new_id())))
    mail = sample("postfix-unknown", to) + b"x" * 50_000_000
    tracemalloc.start()
    assert returned.read(config, mail) is not None
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000


def piped(
    desk: Desk, mail: bytes, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """As a mail server runs it."""
    config = desk.config
    pair = ":".join((config.server_keys[0][0], b64encode(config.server_keys[0][1]).decode()))
    settings = {
        "PORTAL_DATA": str(config.data),
        "PORTAL_DATABASE_URL": desk.database.engine.url.render_as_string(hide_password=False),
        "PORTAL_SERVER_KEYS": pair,
        "PORTAL_WORKER_PUBLIC_KEY": b64encode(config.worker_public_key).decode(),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", "mail-returned", *arguments],
        input=mail.decode(),
        env=settings | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_mail_server_pipes_it_to_a_command(desk: Desk, mail_server: MailServer) -> None:
    to = told(desk, mail_server)
    holiday = piped(desk, sample("holiday", to), to)
    assert (holiday.returncode, holiday.stdout) == (0, "nothing to note\n")
    noted = piped(desk, sample("exim-unknown", "undisclosed:;") + b"x" * 2_000_000, RECIPIENT=to)
    assert (noted.returncode, noted.stdout) == (0, "noted\n")
    assert (latest(desk).state, latest(desk).fault) == (State.FAILED, Fault.DEAD)


def test_what_cannot_be_stored_just_now_is_kept_by_the_mail_server(
    desk: Desk, mail_server: MailServer
) -> None:
    to = told(desk, mail_server)
    mail = sample("postfix-unknown", to)
    away = piped(desk, mail, to, PORTAL_DATABASE_URL="postgresql://portal@127.0.0.1:1/none")
    assert (away.returncode, away.stderr) == (75, "database away\n")
    unset = piped(desk, mail, to, PORTAL_DATA=str(desk.config.data / "nowhere"))
    assert unset.returncode == 75
    assert "dana" not in away.stderr + unset.stderr
    assert latest(desk).state is State.SENT
