"""What the program's own text must never hold: ways by which typed words become something else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "portal").rglob("*.py"), ROOT / "wsgi.py"])
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

# Makers of markup, with the one room in which they may stand.
MARKUP = {"Markup", "mark_safe", "Markup.format"}
MARKUP_ROOM = "portal/core/html.py"

RUN_WHAT_THEY_READ = {
    "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "jsonpickle", "xmlrpc",
}  # fmt: skip
# YAML is only taken apart into events, of which nothing is made: see the room.
TAKEN_APART = {("portal/modules/format/nodes.py", "yaml")}
RUN_TEXT = {"eval", "exec", "compile", "__import__", "render_template_string", "from_string"}
TAKE_SQL = {"text", "execute", "executemany", "exec_driver_sql", "scalar", "scalars"}

# SQL that is put together, each with the reason why nothing typed can be in it.
PUT_TOGETHER = {
    ("portal/core/database.py", "PRAGMA "),  # the names stand in the line above
}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_markup_is_made_in_one_room_only(path: Path) -> None:
    made = [name for name, _ in calls(path) if name in MARKUP]
    assert not made or name_of(path) == MARKUP_ROOM
    assert "|safe" not in path.read_text("utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_that_is_read_is_run(path: Path) -> None:
    runs = {(name_of(path), name) for name in RUN_WHAT_THEY_READ & set(imported(path))}
    assert runs <= TAKEN_APART
    found = {name for name, call in calls(path) if name in RUN_TEXT and not _is_harmless(call)}
    assert found == set()
    for _, call in calls(path):
        assert not any(one.arg == "shell" for one in call.keywords)


def test_yaml_is_taken_apart_and_nothing_more() -> None:
    for name, _package in TAKEN_APART:
        uses = [
            node.func.attr
            for _, node in calls(ROOT / name)
            if isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "yaml"
        ]
        assert uses == ["parse"]


def _is_harmless(call: ast.Call) -> bool:
    """A method of this name compiles a pattern or a statement, no program."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "compile"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_sql_is_put_together_from_strings(path: Path) -> None:
    for name, call in calls(path):
        if name in TAKE_SQL and call.args and _is_put_together(call.args[0]):
            begins = ast.unparse(call.args[0]).lstrip("f'\"").partition("{")[0]
            assert (name_of(path), begins) in PUT_TOGETHER, ast.unparse(call)


def _is_put_together(node: ast.expr) -> bool:
    is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod)
    is_format = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("format", "join")
    return isinstance(node, ast.JoinedStr) or is_sum or is_format


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_template_turns_the_escaping_off(path: Path) -> None:
    source = path.read_text("utf-8")
    for way in ("|safe", "| safe", "autoescape", "Markup", "|forceescape", "|xmlattr", "|tojson"):
        assert way not in source
    assert "<script>" not in source
    assert "javascript:" not in source


def test_these_guards_see_what_they_look_for(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "import pickle\nfrom yaml import load\nMarkup('x')\nmarkupsafe.Markup(y)\n"
        "db.execute(f'SELECT {x}')\ndb.execute('SELECT ' + x)\ntext('SELECT %s' % x)\n"
        "text('SELECT {}'.format(x))\nexec(x)\n"
    )
    assert RUN_WHAT_THEY_READ & set(imported(path)) == {"pickle", "yaml"}
    names = [name for name, _ in calls(path)]
    assert names.count("Markup") == 2
    assert "exec" in names
    sql = [call for name, call in calls(path) if name in TAKE_SQL]
    assert [_is_put_together(call.args[0]) for call in sql] == [True] * 4
