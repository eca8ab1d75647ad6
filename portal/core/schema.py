"""Bringing the database to the shape this version needs, step by step, in one transaction."""

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from portal.core.database import Database
from portal.core.resources import resource

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig


# Said already while it is loaded, and between the codes that `portal init` prints.
logging.getLogger("alembic").setLevel(logging.WARNING)


def _alembic(connection: Connection) -> "AlembicConfig":
    # Only commands change the schema; the web merely looks whether it fits.
    from alembic.config import Config as AlembicConfig

    config = AlembicConfig()
    config.set_main_option("script_location", str(resource("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, to: str = "head") -> None:
    """Makes all missing steps, or none of them."""
    from alembic import command

    with database.engine.begin() as connection:
        command.upgrade(_alembic(connection), to)


def downgrade(database: Database, to: str) -> None:
    from alembic import command

    with database.engine.begin() as connection:
        command.downgrade(_alembic(connection), to)


def is_current(database: Database) -> bool:
    """Whether the database has the shape that this version of the portal needs."""
    newest = max(path.stem for path in (resource("migrations") / "versions").glob("[0-9]*.py"))
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        present = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return bool(present) and newest.startswith(f"{present}_")
