"""Commands about telling people, and about what that depends on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import click

from portal.core.commands import check_database, read_config

if TYPE_CHECKING:  # a command that tells nobody anything need not load all this
    from portal.config import Config
    from portal.notifications.doctor import Finding

# EX_TEMPFAIL of sysexits.h, as mail servers know it.
TRY_AGAIN = 75
MARKS = {True: "ok   ", False: "WRONG", None: "-    "}


def register(cli: click.Group) -> None:
    cli.add_command(ask_who_else)
    cli.add_command(doctor)
    cli.add_command(mail_returned)
    cli.add_command(worker_role)


@click.command()
@click.option("--send-test", is_flag=True, help="Send one note, as people get it.")
@click.option("--mail", metavar="ADDRESS", help="Where the test mail goes.")
@click.option("--sms", metavar="NUMBER", help="Where the test text goes, as +15550100.")
@click.option("--language", default="en", type=click.Choice(["en", "es"]))
def doctor(send_test: bool, mail: str | None, sms: str | None, language: str) -> None:
    """Look at everything that telling people depends on. Ends with 1 if something is wrong."""
    from portal.notifications import doctor as examination
    from portal.notifications.models import Channel

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


@click.command("mail-returned")
@click.argument("recipient", required=False, envvar=["ORIGINAL_RECIPIENT", "RECIPIENT"])
def mail_returned(recipient: str | None) -> None:
    """Take in one mail that came back, from the mail server's pipe.

    RECIPIENT is whom it was addressed to. Ends with 75 when it cannot be stored just now, for the
    mail server to try again, and with 0 in any other case: nothing is ever sent back.
    """
    from sqlalchemy.exc import SQLAlchemyError

    mail = _read_all(sys.stdin.buffer)
    try:
        is_noted = _note_returned(read_config(), mail, recipient or "")
    except (click.ClickException, SQLAlchemyError) as problem:
        # What a database says can quote what it was given.
        told = problem.message if isinstance(problem, click.ClickException) else "database away"
        click.echo(told, err=True)
        raise SystemExit(TRY_AGAIN) from None
    click.echo("noted" if is_noted else "nothing to note")


def _note_returned(config: Config, mail: bytes, recipient: str) -> bool:
    from portal.core.database import Database
    from portal.notifications import outcome, returned

    report = returned.read(config, mail, recipient)
    if report is None:
        return False
    with Database(config.database_url).writing() as session:
        return outcome.note_report(session, report)


def _read_all(stream: BinaryIO) -> bytes:
    """What matters of it. The rest is taken, too, or the mail server would think that we died."""
    from portal.notifications import returned

    mail = stream.read(returned.MOST_BYTES)
    while stream.read(returned.MOST_BYTES):
        pass
    return mail


@click.command("worker-role")
@click.argument("name")
@click.option("--apply", is_flag=True, help="Do it, instead of printing what would be done.")
def worker_role(name: str, apply: bool) -> None:
    """Give a PostgreSQL role NAME what the worker needs, and nothing else."""
    from portal.core.database import Database, is_sqlite
    from portal.notifications.worker_role import BadRole, give_rights, statements

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
