"""`portal modules …`: what an author needs at a desk, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # a command that has nothing to do with modules need not load all this
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


@modules.command("list")
def list_command() -> None:
    """List the modules and worksheets that come with the portal."""
    from portal.modules import shelf

    for name in shelf.names():
        module = shelf.load(name)
        click.echo(f"{name}  {module.version}  {module.kind}  {module.title['en']}")


@modules.command("export")
@click.argument("name")
def export_command(name: str) -> None:
    """Print the file of one that comes with the portal, to begin a new one from."""
    from portal.modules import shelf

    try:
        click.echo(shelf.source(name).decode(), nl=False)
    except KeyError:
        raise click.ClickException(f"there is no {name}; `portal modules list` has all.") from None


def _sound(path: Path) -> ModuleFile:
    from portal.modules.format.reader import read_module
    from portal.modules.shelf import read_file

    reading = read_module(read_file(path))
    if reading.module is None:
        _tell(path, reading.problems)
        raise click.ClickException(f"{len(reading.problems)} problem(s).")
    return reading.module


def _tell(path: Path, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        click.echo(f"{path}:{problem}", err=True)
