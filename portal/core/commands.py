"""What every command begins with: the settings."""

import click

from portal.config import Config, ConfigError


def read_config(*, for_worker: bool = False) -> Config:
    """The settings, or the end of the command with everything that is wrong with them."""
    try:
        return Config.from_env(for_worker=for_worker)
    except ConfigError as error:
        problems = "\n".join(f"  - {problem}" for problem in error.problems)
        raise click.ClickException(f"the settings cannot be used:\n{problems}") from error


def check_database(config: Config) -> None:
    """The end of the command unless the database can be reached and has this version's shape."""
    from sqlalchemy.exc import SQLAlchemyError

    from portal.core.database import Database
    from portal.core.schema import is_current

    database = Database(config.database_url)
    try:
        current = is_current(database)
    except SQLAlchemyError as error:
        raise click.ClickException("the database cannot be reached.") from error
    finally:
        database.dispose()
    if not current:
        raise click.ClickException(
            "the database is not of this version. Make a backup, then run `portal migrate`;"
            " for a new clinic run `portal init`."
        )
