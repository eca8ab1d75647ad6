"""`portal modules …`: what an author needs at a desk, and a clinic's own modules at the server.

Checking, looking and taking one from the library as a model need no database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.core.commands import check_database, read_config

if TYPE_CHECKING:  # a command that has nothing to do with modules need not load all this
    from sqlalchemy.orm import Session

    from portal.clinics.queries import ClinicFacts
    from portal.core.keyring import Keyring
    from portal.modules.format.problems import Problem
    from portal.modules.format.shapes import ModuleFile


def register(cli: click.Group) -> None:
    cli.add_command(modules)


@click.group()
def modules() -> None:
    """Modules and worksheets: check a file, look at it, take one as a model."""


MODULE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@modules.command("check")
@click.argument("files", nargs=-1, required=True, type=MODULE_FILE)
def check_command(files: tuple[Path, ...]) -> None:
    """List everything that is wrong with these files, each with its line."""
    from portal.modules.checking import notes_on
    from portal.modules.format.reader import read_module
    from portal.modules.shelf import missing_worksheets, read_file

    readings = {path: read_module(read_file(path)) for path in files}
    sound = {path: reading.module for path, reading in readings.items() if reading.module}
    count = 0
    for path, reading in readings.items():
        problems = reading.problems
        if path in sound:
            problems = missing_worksheets(sound[path], sound.values())
        _tell(path, problems)
        count += len(problems)
    for path, module in sound.items():
        for words in notes_on(module):
            click.echo(f"{path}: {words}", err=True)
    if count:
        raise click.ClickException(f"{count} problem(s).")
    click.echo("Nothing is wrong.")


@modules.command("preview")
@click.argument("file", type=MODULE_FILE)
@click.option(
    "--language",
    default="en",
    help="One of the module's languages, such as es.",
)
def preview_command(file: Path, language: str) -> None:
    """Print the module as one HTML page: portal modules preview sleep.md > sleep.html."""
    from portal.modules.preview import preview

    module = _sound(file)
    if language not in module.languages:
        raise click.ClickException(f"the module speaks only: {', '.join(module.languages)}.")
    click.echo(preview(module, language))


CLINIC = click.option("--clinic", default="", help="The clinic's name, if there are several.")


@modules.command("list")
@CLINIC
def list_command(clinic: str) -> None:
    """List the modules and worksheets of the clinic, and those that come with the portal."""
    from portal.modules import shelf
    from portal.modules.own import own_modules

    if _has_database():
        with _desk(clinic) as desk:
            for one in own_modules(desk.session, desk.keyring, desk.clinic.id):
                retired = "  retired" if one.is_retired else ""
                _list_line(one.module, f"  own{retired}")
    for name in shelf.names():
        _list_line(shelf.load(name))


def _list_line(module: ModuleFile, more: str = "") -> None:
    title = next(iter(module.title.values()))
    click.echo(f"{module.id}  {module.version}  {module.kind}  {title}{more}")


@modules.command("export")
@click.argument("name")
@click.option("--version", default="", help="Of the clinic's own; without it the highest one.")
@CLINIC
def export_command(name: str, version: str, clinic: str) -> None:
    """Print the file of one of the clinic's own, or of one that comes with the portal."""
    from portal.modules import shelf

    if name in shelf.names():
        source = shelf.source(name)
        if version not in ("", shelf.load(name).version):
            raise click.ClickException(f"of {name} there is only {shelf.load(name).version}.")
    else:
        source = _own_source(name, version, clinic)
    click.echo(source, nl=False)


def _own_source(name: str, version: str, clinic: str) -> bytes:
    from portal.modules.checking import number_of
    from portal.modules.own import own_modules
    from portal.modules.published import source_of

    if _has_database():
        with _desk(clinic) as desk:
            known = own_modules(desk.session, desk.keyring, desk.clinic.id)
            found = [
                one
                for one in known
                if one.module.id == name and version in ("", one.module.version)
            ]
            if found:
                best = max(found, key=lambda one: number_of(one.module.version))
                return source_of(desk.session, desk.keyring, best.id)
    raise click.ClickException(f"there is no {name} {version}; `portal modules list` has all.")


@modules.command("import")
@click.argument("file", type=MODULE_FILE)
@click.option("--publish", is_flag=True, help="Publish it at once; else it becomes a draft.")
@CLINIC
def import_command(file: Path, publish: bool, clinic: str) -> None:
    """Take a file in as a draft, for somebody of the clinic to go on with."""
    _take_in(file, clinic, publish=publish)


@modules.command("publish")
@click.argument("file", type=MODULE_FILE)
@CLINIC
def publish_command(file: Path, clinic: str) -> None:
    """Publish a file as a version that clients can be given and that never changes."""
    _take_in(file, clinic, publish=True)


def _take_in(file: Path, clinic: str, *, publish: bool) -> None:
    from portal.modules.services import authoring
    from portal.modules.shelf import read_file

    source = read_file(file)
    with _desk(clinic) as desk:
        found = authoring.checked(desk.session, desk.keyring, desk.clinic.id, source)
        if found.module is None or found.problems:
            _tell(file, found.problems)
            raise click.ClickException(f"{len(found.problems)} problem(s). Nothing was taken in.")
        if publish:
            authoring.publish_source(desk.session, desk.keyring, desk.clinic.id, None, source)
        else:
            text = authoring.as_stored(source.decode("utf-8-sig"))
            authoring.begin_unasked(desk.session, desk.keyring, desk.clinic.id, None, text)
    done = "published" if publish else "taken in as a draft"
    click.echo(f"{found.module.id} {found.module.version} is {done}.")


def _has_database() -> bool:
    """Whether this is a server: at an author's desk there are no settings and no database."""
    from portal.core.database import file_of

    try:
        file = file_of(read_config().database_url)
    except click.ClickException:
        return False
    return file is None or file.is_file()


@dataclass(frozen=True)
class Desk:
    """A clinic, and its database to write in."""

    session: Session
    keyring: Keyring
    clinic: ClinicFacts


@contextmanager
def _desk(name: str) -> Iterator[Desk]:
    """For the length of a command: all of it is done, or nothing."""
    from portal.clinics.queries import ClinicBook
    from portal.core.database import Database
    from portal.core.keyring import Keyring

    config = read_config()
    check_database(config)
    keyring, database = Keyring(config.server_keys), Database(config.database_url)
    book = ClinicBook(keyring)
    try:
        with database.writing() as session:
            clinic = book.named(session, name) if name else book.default(session)
            if clinic is None:
                raise click.ClickException("there is no such clinic: name it with --clinic.")
            yield Desk(session, keyring, clinic)
    finally:
        database.dispose()


def _sound(path: Path) -> ModuleFile:
    from portal.modules.format.reader import read_module
    from portal.modules.shelf import read_file

    reading = read_module(read_file(path))
    if reading.module is None:
        _tell(path, reading.problems)
        raise click.ClickException(f"{len(reading.problems)} problem(s).")
    return reading.module


def _tell(path: Path, problems: tuple[Problem, ...]) -> None:
    """Each with its line, and what stands there."""
    from portal.modules.format.problems import quoted
    from portal.modules.shelf import read_file

    lines = read_file(path).decode("utf-8-sig", "replace").split("\n")
    for problem in problems:
        click.echo(f"{path}:{problem}", err=True)
        if quote := quoted(lines, problem):
            click.echo(f"    {quote}", err=True)
