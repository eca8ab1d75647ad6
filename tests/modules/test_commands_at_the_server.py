"""What an administrator types about the clinic's own modules."""

from pathlib import Path

import pytest
from sqlalchemy import select

from portal.modules.models import ModuleDraft, PublishedModule
from tests.cast import Cast
from tests.commands import Portal, command_line
from tests.modules.desk import Desk, count, published
from tests.modules.files import NEXT, WHOLE, line_of


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch, sqlite_cast: Cast) -> Portal:
    from portal.core.schema import _alembic

    with sqlite_cast.database.engine.begin() as connection:
        from alembic import command

        command.stamp(_alembic(connection), "head")
    return command_line(monkeypatch, sqlite_cast.app.extensions["portal"].config)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "walk.md"
    path.write_text(WHOLE, "utf-8")
    return path


def test_a_file_becomes_a_draft_that_a_clinician_goes_on_with(
    portal: Portal, sqlite_cast: Cast, file: Path
) -> None:
    answer = portal("modules", "import", file)
    assert (answer.exit_code, answer.output) == (0, "walk 1.0.0 is taken in as a draft.\n")
    assert count(sqlite_cast, PublishedModule) == 0
    ruth = Desk(sqlite_cast.browser("ruth"))
    listed = ruth.browser.open("/modules").text
    assert "A walk" in listed
    ruth.url = f"/modules/drafts/{listed.partition('/modules/drafts/')[2][:22]}"
    ruth.open()
    assert ruth.box == WHOLE
    ruth.press("publish", WHOLE + "\n")
    assert "Published by Ruth" in ruth.page


@pytest.mark.parametrize("arguments", [("publish",), ("import", "--publish")])
def test_a_file_is_published(
    portal: Portal, sqlite_cast: Cast, file: Path, arguments: tuple[str, ...]
) -> None:
    for _ in range(2):
        answer = portal("modules", *arguments, file)
        assert (answer.exit_code, answer.output) == (0, "walk 1.0.0 is published.\n")
    assert count(sqlite_cast, PublishedModule) == 1, "the same file is the same version"
    assert count(sqlite_cast, ModuleDraft) == 0
    ruth = sqlite_cast.browser("ruth")
    assert "A walk" in ruth.open(f"{sqlite_cast.client_url('dana')}/work/new").text
    listed = portal("modules", "list").output
    assert listed.startswith("walk  1.0.0  module  A walk  own\n")
    assert "urge-surfing  1." in listed


def test_mistakes_are_listed_with_their_lines_and_nothing_is_taken_in(
    portal: Portal, sqlite_cast: Cast, file: Path
) -> None:
    portal("modules", "publish", file)
    wrong = WHOLE.replace("Go to the gate", "Go to the lake")
    file.write_text(wrong, "utf-8")
    for what in ("import", "publish"):
        answer = portal("modules", what, file)
        assert answer.exit_code == 1
        assert f"{file}:{line_of(wrong, 'version')}: Version 1.0.0 is published" in answer.output
        assert "1 problem(s). Nothing was taken in." in answer.output
    file.write_text("no module", "utf-8")
    assert portal("modules", "import", file).exit_code == 1
    assert count(sqlite_cast, ModuleDraft) == 0


def test_each_version_can_be_taken_out_again(portal: Portal, sqlite_cast: Cast, file: Path) -> None:
    published(sqlite_cast)
    published(sqlite_cast, text=NEXT)
    assert portal("modules", "export", "walk").output == NEXT
    assert portal("modules", "export", "walk", "--version", "1.0.0").output == WHOLE
    for arguments in (("walk", "--version", "3.0.0"), ("sleep", "--version", "9.9.9"), ("run",)):
        assert portal("modules", "export", *arguments).exit_code == 1
    ruth = sqlite_cast.browser("ruth")
    url = ruth.open("/modules").text.partition('href="/modules/own/')[2][:22]
    ruth.open(f"/modules/own/{url}")
    ruth.post(f"/modules/own/{url}/retire", action="retire")
    assert "walk  1.1.0  module  A walk  own  retired" in portal("modules", "list").output


def test_among_several_clinics_one_must_be_named(
    portal: Portal, sqlite_cast: Cast, file: Path
) -> None:
    other = sqlite_cast.other_clinic
    assert portal("modules", "publish", file).exit_code == 1
    assert portal("modules", "publish", file, "--clinic", "Nowhere").exit_code == 1
    assert portal("modules", "publish", file, "--clinic", other.name).exit_code == 0
    with sqlite_cast.database.reading() as session:
        assert session.scalars(select(PublishedModule.clinic_id)).one() == other.id
    assert "own" in portal("modules", "list", "--clinic", other.name).output
    assert "  own" not in portal("modules", "list", "--clinic", "Larkspur Valley").output


def test_at_a_desk_without_a_server_the_library_is_there_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from portal.cli import cli

    monkeypatch.setenv("PORTAL_DATA", str(tmp_path / "nothing"))
    answer = CliRunner().invoke(cli, ["modules", "list"])
    assert answer.exit_code == 0
    assert "urge-surfing" in answer.output
    assert not (tmp_path / "nothing").exists()
