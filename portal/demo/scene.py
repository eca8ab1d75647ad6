"""Sets the demo's scene: `python -m portal.demo.scene`, with the settings in the environment."""

import json
from dataclasses import asdict
from pathlib import Path

from portal.config import Config
from portal.core.database import Database
from portal.core.schema import upgrade
from portal.demo.cli import MARK, shape
from portal.demo.content import load
from portal.demo.seed import Seed


def main() -> None:
    config = Config.from_env()
    mark = config.data / MARK
    if mark.exists():
        upgrade(Database(config.database_url))
        table = json.loads(mark.read_text())["accounts"]
    else:
        table = _play(config)
    _write(mark, {"shape": shape(), "accounts": table})


def _play(config: Config) -> list[dict[str, str]]:
    # A scene cut short is set anew from nothing: the mark is written last.
    for leftover in config.data.glob("portal.sqlite*"):
        leftover.unlink()
    database = Database(config.database_url)
    upgrade(database)
    return [asdict(account) for account in Seed(config, database, load()).play()]


def _write(mark: Path, content: dict[str, object]) -> None:
    fresh = mark.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content))
    fresh.replace(mark)


if __name__ == "__main__":
    main()
