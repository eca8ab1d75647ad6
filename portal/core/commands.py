"""What every command begins with: the settings, and whether the portal can start with them."""

from collections.abc import Iterator

import click

from portal.config import Config, ConfigError


def read_config(*, for_worker: bool = False) -> Config:
    """The settings, or the end of the command with everything that is wrong with them."""
    try:
        return Config.from_env(for_worker=for_worker)
    except ConfigError as error:
        raise _ended("the settings cannot be used", error.problems) from error


def _ended(what: str, problems: list[str]) -> click.ClickException:
    listed = "\n".join(f"  - {problem}" for problem in problems)
    return click.ClickException(f"{what}:\n{listed}")


def check_start() -> None:
    """The end of the command with everything that keeps the whole portal from running.

    What is only seen by trying (the address, the database) is in the same list as the settings,
    and so is the worker's key, which `run` itself does not read.
    """
    config, problems = Config.look(for_worker=True)
    wrong = {problem.split(maxsplit=1)[0].strip(":") for problem in problems}
    problems += _found_by_trying(config, wrong)
    if problems:
        raise _ended("the portal cannot start", problems)


def _found_by_trying(config: Config, wrong: set[str]) -> Iterator[str]:
    """Nothing is tried with a setting that is known to be wrong."""
    from portal.core.supervisor import is_running, why_not_listen

    if "PORTAL_DATA" not in wrong and is_running(config.data):
        yield f"a portal already runs on {config.data}."
    elif not wrong & {"PORTAL_HOST", "PORTAL_PORT"}:
        reason = why_not_listen(config.host, config.port)
        if reason:
            yield f"PORTAL_HOST, PORTAL_PORT: {config.host} port {config.port}: {reason}."
    if not wrong & {"PORTAL_DATA", "PORTAL_DATABASE_URL"}:
        yield from filter(None, [_what_is_wrong_with_the_database(config)])
    if config.worker_database_url and "PORTAL_WORKER_DATABASE_URL" not in wrong:
        yield from _cannot_be_reached(config.worker_database_url)


def _cannot_be_reached(url: str) -> Iterator[str]:
    from sqlalchemy.exc import SQLAlchemyError

    from portal.core.database import Database

    try:
        database = Database(url)
        try:
            database.engine.connect().close()
        finally:
            database.dispose()
    except (SQLAlchemyError, ValueError):
        yield "PORTAL_WORKER_DATABASE_URL: this database cannot be reached."


def check_database(config: Config) -> None:
    """The end of the command unless the database can be reached and has this version's shape."""
    problem = _what_is_wrong_with_the_database(config)
    if problem:
        raise click.ClickException(problem)


def _what_is_wrong_with_the_database(config: Config) -> str | None:
    from sqlalchemy.exc import SQLAlchemyError

    from portal.core.database import Database
    from portal.core.schema import is_current

    try:
        database = Database(config.database_url)
        try:
            current = is_current(database)
        finally:
            database.dispose()
    except (SQLAlchemyError, ValueError):
        return "the database cannot be reached."
    if current:
        return None
    return (
        "the database is not of this version. Make a backup, then run `portal migrate`;"
        " for a new clinic run `portal init`."
    )
