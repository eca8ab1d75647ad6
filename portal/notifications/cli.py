"""Commands about telling people, and about what that depends on."""

from collections.abc import Iterator

import click

from portal.core.commands import check_database, read_config
from portal.core.database import Database, is_sqlite
from portal.notifications import doctor as examination
from portal.notifications.doctor import Finding
from portal.notifications.models import Channel
from portal.notifications.worker_role import BadRole, give_rights, statements

MARKS = {True: "ok   ", False: "WRONG", None: "-    "}


def register(cli: click.Group) -> None:
    cli.add_command(ask_who_else)
    cli.add_command(doctor)
    cli.add_command(worker_role)


@click.command()
@click.option("--send-test", is_flag=True, help="Send one note, as people get it.")
@click.option("--mail", metavar="ADDRESS", help="Where the test mail goes.")
@click.option("--sms", metavar="NUMBER", help="Where the test text goes, as +15550100.")
@click.option("--language", default="en", type=click.Choice(["en", "es"]))
def doctor(send_test: bool, mail: str | None, sms: str | None, language: str) -> None:
    """Look at everything that telling people depends on. Ends with 1 if something is wrong."""
    config = read_config(for_worker=True)
    targets = [(Channel.EMAIL, mail), (Channel.SMS, sms)]
    if send_test and not (mail or sms):
        raise click.UsageError("--send-test needs --mail ADDRESS or --sms NUMBER.")
    if not send_test and (mail or sms):
        raise click.UsageError("--mail and --sms go with --send-test.")
    is_well = _show(examination.examine(config))
    for channel, to in targets:
        if to:
            is_well &= _show(examination.send_test(config, channel, to, language))
    if not is_well:
        raise SystemExit(1)


def _show(findings: Iterator[Finding]) -> bool:
    """Prints each as it is found; returns whether nothing was wrong."""
    is_well = True
    for finding in findings:
        click.echo(f"{MARKS[finding.is_good]} {finding.words}")
        is_well &= finding.is_good is not False
    return is_well


@click.command("worker-role")
@click.argument("name")
@click.option("--apply", is_flag=True, help="Do it, instead of printing what would be done.")
def worker_role(name: str, apply: bool) -> None:
    """Give a PostgreSQL role NAME what the worker needs, and nothing else."""
    config = read_config()
    if is_sqlite(config.database_url):
        raise click.ClickException("SQLite has no roles: this needs PostgreSQL.")
    try:
        if not apply:
            click.echo("\n".join(f"{order};" for order in statements(name)))
            return
        check_database(config)
        give_rights(Database(config.database_url), name)
    except BadRole as problem:
        raise click.ClickException(str(problem)) from problem
    click.echo(f"{name} may send, and read nothing else.")


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
