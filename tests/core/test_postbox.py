"""The demo's post office keeps what goes out, for anybody to look at."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal.config import Config
from portal.core import mail, sms
from portal.core.postbox import open_postbox
from tests.servers import free_port


@pytest.fixture
def demo(config: Config) -> Iterator[Config]:
    demo = replace(
        config,
        smtp_url=f"smtp://127.0.0.1:{free_port()}",
        sms_url=f"http://127.0.0.1:{free_port()}/",
    )
    mails, texts = open_postbox(demo)
    yield demo
    mails.stop()
    texts.shutdown()
    texts.server_close()


def caught(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_mail_and_texts_end_in_the_postbox(demo: Config, caplog: pytest.LogCaptureFixture) -> None:
    mail.send(demo, mail.Mail(to="maria@example.org", subject="Una nota", body="¡Hola!\n", key="1"))
    sms.send(demo, sms.Text(to="+15550100", body="Hay una nota.", key="2"))
    (letter,) = caught(demo.data / "postbox" / "mail.jsonl")
    assert letter["to"] == "maria@example.org"
    assert letter["subject"] == "Una nota"
    assert letter["body"].strip() == "¡Hola!"
    (text,) = caught(demo.data / "postbox" / "sms.jsonl")
    assert (text["to"], text["body"]) == ("+15550100", "Hay una nota.")
    assert "maria" not in caplog.text
