"""Commands that make a clinic, and that let somebody back in who has lost everything."""

from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import click

from portal.clinics.cli import crisis_line
from portal.clinics.crisis import NATIONAL, CrisisLine
from portal.core.commands import check_database, read_config


def register(cli: click.Group) -> None:
    cli.add_command(init)
    cli.add_command(recovery)


def _time_zone(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value not in available_timezones():
        raise click.BadParameter("use a name such as America/Denver")
    return ZoneInfo(value).key


@click.command()
@click.option("--name", prompt="Name of the clinic")
@click.option("--time-zone", prompt="Time zone (such as America/Denver)", callback=_time_zone)
@click.option("--language", prompt="Language", type=click.Choice(["en", "es"]), default="en")
@click.option("--administrator", prompt="Name of the first administrator")
@click.option(
    "--crisis-line",
    "crisis_lines",
    multiple=True,
    callback=crisis_line,
    help="LABEL=NUMBER, local ones first; again for each. Without: 988 and 911.",
)
@click.option("--another", is_flag=True, help="Make a clinic beside those that are here.")
def init(
    name: str,
    time_zone: str,
    language: str,
    administrator: str,
    crisis_lines: tuple[CrisisLine, ...],
    another: bool,
) -> None:
    """Make a clinic: its keys, its database, its first administrator, its recovery key."""
    from portal.accounts.founding import found_clinic, has_a_clinic
    from portal.config import data_folder, write_keys
    from portal.core.database import Database
    from portal.core.keyring import Keyring
    from portal.core.schema import upgrade
    from portal.vault import recovery_shares

    data = data_folder()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_keys(data)
    config = read_config()
    database = Database(config.database_url)
    if has_a_clinic(database) and not another:
        raise click.ClickException(
            "there is a clinic here already. For another one beside it, add --another."
        )
    upgrade(database)
    founded = found_clinic(
        database,
        Keyring(config.server_keys),
        name=name,
        time_zone=time_zone,
        language=language,
        administrator=administrator,
        crisis_lines=crisis_lines or NATIONAL,
    )
    click.echo(f"\n{name} is ready. Write down what follows: it is stored nowhere.\n")
    click.echo(f"Code for {administrator}, to be typed at {config.base_url}/invitation :")
    click.echo(f"  {founded.administrator_code}\n")
    click.echo("Three shares of the recovery key, one for each custodian. Any two open it:")
    for number, share in enumerate(recovery_shares.split(founded.seed), start=1):
        click.echo(f"\n  Share {number}\n    {share}")
    click.echo("\nKeep them apart, on paper, and never on this machine.")


@click.group()
def recovery() -> None:
    """The recovery ceremony, for somebody who has lost passphrase and recovery code."""


@recovery.command("request")
@click.argument("user_name")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def request_command(user_name: str, out: Path) -> None:
    """Step 1, on the server, after you have made sure who is asking: write the request file."""
    from portal.accounts import ceremony
    from portal.core.database import Database
    from portal.core.errors import NotFound
    from portal.core.keyring import Keyring

    config = read_config()
    check_database(config)
    with Database(config.database_url).writing() as session:
        try:
            file = ceremony.request(session, Keyring(config.server_keys), user_name)
        except NotFound as error:
            raise click.ClickException("nobody of that user name can sign in here.") from error
    out.write_text(file)
    click.echo(f"Take {out} to the machine of the ceremony.")


@recovery.command("open")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def open_command(file: Path, out: Path) -> None:
    """Step 2, away from the server: two custodians type their shares."""
    from portal.accounts import ceremony
    from portal.core.crypto import Unreadable
    from portal.core.errors import Invalid
    from portal.vault import recovery_shares

    names, shares = [], []
    for number in ("first", "second"):
        names.append(click.prompt(f"User name of the {number} custodian"))
        shares.append(click.prompt("Their share", hide_input=True))
    try:
        seed = recovery_shares.combine(shares)
        reply = ceremony.open_request(file.read_text(), seed, (names[0], names[1]))
    except recovery_shares.SharesRefused as error:
        raise click.ClickException("these shares do not belong together.") from error
    except Unreadable as error:
        raise click.ClickException("this request is not for this recovery key.") from error
    except Invalid as error:
        raise click.ClickException(
            "this is not a request file, or the two custodians are one."
        ) from error
    out.write_text(reply.file)
    click.echo(f"\nNew recovery code, on paper, for the person alone:\n  {reply.code}\n")
    click.echo(f"Take {out} back to the server.")


@recovery.command("finish")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def finish_command(file: Path) -> None:
    """Step 3, on the server: put the reply into effect."""
    from portal.accounts import ceremony
    from portal.core.database import Database
    from portal.core.errors import Conflict, DomainError
    from portal.core.keyring import Keyring

    config = read_config()
    check_database(config)
    with Database(config.database_url).writing() as session:
        try:
            ceremony.finish(session, Keyring(config.server_keys), file.read_text())
        except Conflict as error:
            raise click.ClickException(
                "this reply was used before, or the person has got a new recovery code since."
            ) from error
        except DomainError as error:
            raise click.ClickException(
                "this reply does not belong here, or it does not name two custodians."
            ) from error
    click.echo("Done. The person can now type the new recovery code at /recover.")
