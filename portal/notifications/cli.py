"""Commands about telling people."""

import click

from portal.core.commands import read_config


def register(cli: click.Group) -> None:
    cli.add_command(ask_who_else)


@click.command("ask-who-else")
@click.argument("whom", type=click.Choice(["everybody", "some"]))
def ask_who_else(whom: str) -> None:
    """Ask all clients who else can open what they read, or only those whom a counsellor has asked.

    Until they answer, nothing is sent to the addresses they have.
    """
    from portal.clinics.queries import ClinicBook
    from portal.core.database import Database
    from portal.core.keyring import Keyring
    from portal.notifications.ownership import ask_everybody, ask_only_some

    config = read_config()
    with Database(config.database_url).writing() as session:
        clinic = ClinicBook(Keyring(config.server_keys)).default(session)
        if clinic is None:
            raise click.ClickException("there is not exactly one clinic here.")
        (ask_everybody if whom == "everybody" else ask_only_some)(session, clinic.id)
    click.echo("All clients are asked." if whom == "everybody" else "Only some are asked.")
