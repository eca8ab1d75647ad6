"""In the demo anybody can answer a text, and see what STOP does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from portal import create_app
from portal.config import Config
from portal.core.postbox import Postbox
from portal.notifications.models import OptOut
from tests.cast import Cast

NUMBER = "+13035550142"


@pytest.fixture
def demo(config: Config, sqlite_template: Path) -> Iterator[Cast]:
    (config.data / "portal.sqlite").write_bytes(sqlite_template.read_bytes())
    Postbox(config.data / "postbox").keep("sms", {"to": NUMBER, "body": "A note is waiting."})
    app = create_app(replace(config, demo=True))
    yield Cast(app)
    app.extensions["portal"].database.dispose()


def stopped(demo: Cast) -> int:
    with demo.database.reading() as session:
        return len(session.scalars(select(OptOut)).all())


def test_whoever_answers_stop_is_let_alone_and_told_so(demo: Cast) -> None:
    visitor = demo.browser()
    assert f"<option>{NUMBER}" in visitor.open("/postbox").text
    page = visitor.post("/postbox/answer", number=NUMBER, words="STOP")
    assert "You will get no more notes on this number." in page.text
    assert stopped(demo) == 1
    page = visitor.post("/postbox/answer", number=NUMBER, words="START")
    assert "You will get notes on this number again." in page.text
    assert stopped(demo) == 0


def test_what_comes_from_no_telephone_is_refused(demo: Cast) -> None:
    visitor = demo.browser()
    visitor.open("/postbox")
    assert visitor.post("/postbox/answer", number="x", words="STOP").status_code == 422
    assert stopped(demo) == 0
