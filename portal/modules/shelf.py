"""The modules and worksheets that come with the portal, and whether several fit together."""

from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

from portal.core.i18n import lazy as _
from portal.modules.format.problems import Problem
from portal.modules.format.shapes import Kind, ModuleFile
from portal.modules.shelves import read_source

LIBRARY = Path(__file__).parent / "library"
TEMPLATES = Path(__file__).parent / "templates"
LARGEST_READ = 1024 * 1024 + 1


def names() -> tuple[str, ...]:
    """The ids of everything on the shelf."""
    return tuple(path.stem for path in sorted(LIBRARY.glob("*.md")))


def source(name: str) -> bytes:
    """The file as its author wrote it. Raises KeyError if there is none of this name."""
    if name not in names():
        raise KeyError(name)
    return (LIBRARY / f"{name}.md").read_bytes()


def load(name: str) -> ModuleFile:
    """A module from the shelf. Raises KeyError if there is none of this name."""
    return read_source(source(name))


def template(language: str) -> str:
    """A small sound module with notes in this language, for a new one to begin from."""
    return (TEMPLATES / f"new.{language}.md").read_text("utf-8")


def read_file(path: Path) -> bytes:
    """The file, or a little more of it than a module may have: never a large file whole."""
    with path.open("rb") as file:
        return file.read(LARGEST_READ)


def missing_worksheets(module: ModuleFile, beside: Iterable[ModuleFile]) -> tuple[Problem, ...]:
    """Worksheets that a plan names and that are neither on the shelf nor beside it."""
    known = {one.id for one in beside if one.kind is Kind.WORKSHEET}
    known |= set(names())
    return tuple(
        Problem(line, _("There is no worksheet “%(id)s”.", id=worksheet))
        for worksheet, line in sorted(module.worksheets.items(), key=itemgetter(1))
        if worksheet not in known
    )
