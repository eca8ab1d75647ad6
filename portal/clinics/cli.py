"""Commands for the database and the audit trail."""

import click

from portal.clinics.crisis import CrisisLine, parse_line
from portal.core.commands import check_database, read_config


def register(cli: click.Group) -> None:
    cli.add_command(migrate)
    cli.add_command(audit_group)
    cli.add_command(static)
    cli.add_command(crisis_lines)


@click.command()
def migrate() -> None:
    """Bring the database to the shape this version needs."""
    from portal.core.database import Database
    from portal.core.schema import upgrade

    upgrade(Database(read_config().database_url))
    click.echo("The database is up to date.")


@click.group("audit")
def audit_group() -> None:
    """The audit trail: who did what, when."""


@audit_group.command("verify")
def verify() -> None:
    """Check that nothing in the audit trail was changed, taken out or cut off."""
    from portal.core import audit
    from portal.core.database import Database

    config = read_config()
    check_database(config)
    key = audit.read_key(config).public_key()
    with Database(config.database_url).reading() as session:
        problems = audit.verify(session, key, audit.ledger_file(config))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.ClickException(f"the audit trail is not whole: {len(problems)} problem(s).")
    click.echo("The audit trail is whole.")


@click.command()
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False))
def static(folder: str) -> None:
    """Write the static files, compressed ahead of time, for a reverse proxy."""
    from pathlib import Path

    from portal.core.assets import Assets
    from portal.core.resources import resource

    count = Assets(resource("static")).write_to(Path(folder))
    click.echo(f"{count} files written to {folder}.")


def crisis_line(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[CrisisLine, ...]:
    """Reads LABEL=NUMBER arguments and options."""
    try:
        return tuple(parse_line(value) for value in values)
    except ValueError as error:
        raise click.BadParameter("write LABEL=NUMBER, such as 988=988") from error


@click.command("crisis-lines")
@click.argument("lines", nargs=-1, required=True, callback=crisis_line)
def crisis_lines(lines: tuple[CrisisLine, ...]) -> None:
    """Set the numbers shown on every page: "Night line 555 0100=+15555550100" 988=988 911=911."""
    from portal.clinics.queries import ClinicBook
    from portal.clinics.services import set_crisis_lines
    from portal.core.database import Database
    from portal.core.keyring import Keyring

    config = read_config()
    check_database(config)
    keyring = Keyring(config.server_keys)
    with Database(config.database_url).writing() as session:
        clinic = ClinicBook(keyring).default(session)
        if clinic is None:
            raise click.ClickException("there is not exactly one clinic here.")
        set_crisis_lines(session, keyring, clinic.id, lines)
    click.echo("Every page shows the new numbers within half a minute.")
