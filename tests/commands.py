"""Typing the portal's commands, as an administrator does, in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portal.config import Config
from portal.core import database

Portal = Callable[..., Result]


def command_line(monkeypatch: pytest.MonkeyPatch, config: Config) -> Portal:
    """Runs `portal …` with these settings; `typed` is what is answered to its questions."""
    opened: list[database.Database] = []

    class Database(database.Database):
        def __init__(self, url: str) -> None:
            super().__init__(url)
            opened.append(self)

    # A command's process ends with the command, and with it its connections. Ours goes on.
    monkeypatch.setattr(database, "Database", Database)
    for module in ("portal.vault.cli", "portal.clinics.cli", "portal.modules.cli"):
        monkeypatch.setattr(f"{module}.read_config", lambda: config)

    def portal(*arguments: str | Path, typed: tuple[str, ...] = ()) -> Result:
        from portal.cli import cli

        keys = "".join(f"{line}\n" for line in typed)
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], input=keys)
        while opened:
            opened.pop().dispose()
        return result

    return portal
