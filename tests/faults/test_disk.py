"""The disk is full: a calm page with the words still in it, reading goes on, it mends by itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.core import reserve
from portal.core.audit import AuditEntry
from tests.faults.disks import Disk, NoGrowth, SmallDisk, small_disk
from tests.faults.stage import Stage, set_stage

pytestmark = [pytest.mark.faults, pytest.mark.slow]

WORDS = "Words that must not be lost & <b>not</b> be changed."
SHOWN = "Words that must not be lost &amp; &lt;b&gt;not&lt;/b&gt; be changed."


@pytest.fixture(params=[SmallDisk, NoGrowth])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    (tmp_path / "data").mkdir()
    with small_disk(tmp_path / "data") as disk:
        # Where no disk can be mounted both are the same.
        yield disk if request.param is SmallDisk else NoGrowth()


@pytest.fixture
def stage(disk: Disk, tmp_path: Path, sqlite_template: Path) -> Iterator[Stage]:
    def prepare(data: Path) -> None:
        shutil.copyfile(sqlite_template, data / "portal.sqlite")

    with set_stage(tmp_path, prepare=prepare) as stage:
        yield stage


def writers(stage: Stage) -> list[int]:
    return [*stage.children("web")]


@pytest.mark.parametrize("htmx", [False, True], ids=["no scripts", "htmx"])
def test_what_was_typed_is_still_there_and_sent_once_when_there_is_room_again(
    stage: Stage, disk: Disk, htmx: bool
) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    form = dana.open(url).form
    disk.fill(writers(stage))
    for _ in range(3):
        refused = dana.post(url, htmx=htmx, **form, text=WORDS)
        assert refused.status == 507
        assert SHOWN in refused.text
        assert "no room" in refused.text
    again = refused.form
    assert again["nonce"] == form["nonce"]
    disk.free(writers(stage))
    for _ in range(2):
        sent = dana.post(url, htmx=htmx, **again, text=WORDS)
        assert sent.status == 200
    assert stage.texts("ruth", thread) == ["First words", WORDS]
    stage.check_the_trail()


def test_reading_goes_on_and_is_in_the_trail_afterwards(stage: Stage, disk: Disk) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    disk.fill(writers(stage))
    for _ in range(20):
        page = dana.open(url)
        assert page.status == 200
        assert "First words" in page.text
    disk.free(writers(stage))
    with stage.database.writing() as session:
        assert reserve.take_in(session, stage.config) == 20
    with stage.database.writing() as session:
        assert reserve.take_in(session, stage.config) == 0
    with stage.database.reading() as session:
        openings = session.scalars(select(AuditEntry).where(AuditEntry.action == "thread:open"))
        times = [entry.at for entry in openings]
    assert len(times) == 20
    assert times == sorted(times)
    stage.check_the_trail()


def test_what_cannot_be_audited_at_all_is_not_shown(stage: Stage, disk: Disk) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.start("web")
    dana, url = stage.visitor("dana"), stage.cast.thread_url(thread)
    reserve.reserve_file(stage.config).unlink()
    disk.fill(writers(stage))
    page = dana.open(url)
    assert page.status == 507
    assert "First words" not in page.text
    disk.free(writers(stage))
    assert "First words" in dana.open(url).text


def test_whoever_comes_while_the_disk_is_full_sees_a_calm_page(stage: Stage, disk: Disk) -> None:
    thread = stage.cast.begin_thread("ruth", "dana")
    stage.cast.set_passphrase("dana")
    stage.start("web")
    dana, visitor, url = stage.visitor("dana"), stage.visitor(), stage.cast.thread_url(thread)
    form = dana.open(url).form
    disk.fill(writers(stage))
    assert visitor.open("/sign-in").status == 200
    for address in ("/threads/AAAAAAAAAAAAAAAAAAAAAA", "/nothing-there"):
        page = dana.open(address)
        assert page.status == 404
        assert "There is nothing here" in page.text
    for action in ("/draft", "/no-reply-needed", ""):
        page = dana.post(url + action, **form, text=WORDS)
        assert page.status == 507, action
        assert "no room" in page.text
    token = form["csrf_token"]
    assert dana.post(f"{url}/messages/1/take-back", csrf_token=token).status == 404
    assert dana.post("/sign-out", csrf_token=token).status == 507
    disk.free(writers(stage))
    assert dana.open(url).status == 200
