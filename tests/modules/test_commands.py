"""What an author does at a desk: check, look, take one as a model."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.cli import cli
from portal.modules import shelf
from tests.modules.files import WHOLE, line_of

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["modules", *arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "walk.md"
    path.write_text(WHOLE, "utf-8")
    return path


def test_a_sound_file_passes(file: Path) -> None:
    answer = run("check", str(file), str(shelf.LIBRARY / "sleep.md"))
    assert (answer.exit_code, answer.output) == (0, "Nothing is wrong.\n")


def test_mistakes_are_listed_with_file_and_line(file: Path) -> None:
    file.write_text(WHOLE.replace("goto: end", "goto: nowhere").replace("1.0.0", "1"), "utf-8")
    answer = run("check", str(file))
    assert answer.exit_code == 1
    told = f"{file}:3: “version” should be three numbers, like 1.0.0.\n    version: 1\n"
    assert told in answer.output
    assert "There is no step “nowhere” to go to." in answer.output
    assert "2 problem(s)" in answer.output
    assert run("preview", str(file)).exit_code == 1


def test_a_worksheet_that_is_nowhere_is_missed_and_one_beside_it_is_not(
    file: Path, tmp_path: Path
) -> None:
    named = "type: plan, worksheet: my-sheet,"
    file.write_text(WHOLE.replace("type: plan,", named), "utf-8")
    line = line_of(file.read_text("utf-8"), named)
    assert f":{line}: There is no worksheet “my-sheet”." in run("check", str(file)).output
    sheet = tmp_path / "sheet.md"
    text = shelf.source("grounding").decode().replace("id: grounding", "id: my-sheet")
    sheet.write_text(text, "utf-8")
    assert run("check", str(file), str(sheet)).exit_code == 0


def test_what_is_quoted_of_a_file_gives_a_terminal_no_orders(file: Path) -> None:
    file.write_text(WHOLE.replace("Air helps.", "Air \x1b[2Jhelps\u202e."), "utf-8")
    answer = run("check", str(file))
    assert "hidden sign here (U+001B)" in answer.output
    assert "    Air [2Jhelps." in answer.output
    assert not {"\x1b", "\u202e"} & set(answer.output)


@pytest.mark.parametrize(
    ("named", "is_known"),
    [
        ("CC-BY-4.0", True),
        ("CC BY-NC-SA 4.0", True),
        ("cc0-1.0", True),
        ("Public domain", True),
        ("All rights reserved, copied from PHQ-9", False),
        ("CC-BY-4.0 for the first step only", False),
    ],
)
def test_a_licence_that_may_not_allow_it_is_noted_and_keeps_nothing_back(
    file: Path, named: str, is_known: bool
) -> None:
    file.write_text(WHOLE.replace("license: CC-BY-4.0", f"license: {named}"), "utf-8")
    answer = run("check", str(file))
    assert answer.exit_code == 0
    assert ("leave to use" in answer.output) is not is_known


def test_a_large_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.md"
    path.write_bytes(b"x" * 10_000_000)
    assert len(shelf.read_file(path)) < 1_100_000
    assert "larger than 1 MB" in run("check", str(path)).output


def test_a_preview_is_a_page_in_the_language_asked_for(file: Path) -> None:
    page = run("preview", str(file), "--language", "es").output
    assert "<h1>Un paseo</h1>" in page
    assert "¿Qué va a hacer?" in page
    assert run("preview", str(file), "--language", "fr").exit_code == 1


def test_what_is_in_a_preview_is_text(file: Path) -> None:
    file.write_text(WHOLE.replace("en: A walk", 'en: "A & B < C"'), "utf-8")
    assert "<h1>A &amp; B &lt; C</h1>" in run("preview", str(file)).output


def test_the_shelf_can_be_listed_and_taken_from(tmp_path: Path) -> None:
    listed = run("list").output
    assert all(name in listed for name in shelf.names())
    copy = tmp_path / "copy.md"
    copy.write_text(run("export", "low-mood").output, "utf-8")
    assert copy.read_bytes() == shelf.source("low-mood")
    assert run("check", str(copy)).exit_code == 0
    assert run("export", "nothing").exit_code == 1


def test_the_example_in_the_authors_guide_is_sound(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "authors.md").read_text("utf-8")
    example = guide.split("`````markdown\n")[1].split("`````")[0]
    path = tmp_path / "example.md"
    path.write_text(example, "utf-8")
    answer = run("check", str(path))
    assert answer.exit_code == 0, answer.output
