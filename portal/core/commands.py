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
