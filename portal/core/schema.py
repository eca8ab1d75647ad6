"""Bringing the database to the shape this version needs, step by step, in one transaction."""

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from portal.core.database import Database
from portal.core.resources import resource


def _alembic(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(resource("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, to: str = "head") -> None:
    """Makes all missing steps, or none of them."""
    with database.engine.begin() as connection:
        command.upgrade(_alembic(connection), to)


def downgrade(database: Database, to: str) -> None:
    with database.engine.begin() as connection:
        command.downgrade(_alembic(connection), to)


def is_current(database: Database) -> bool:
    """Whether the database has the shape that this version of the portal needs."""
    with database.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory.from_config(_alembic(connection))
        return present == scripts.get_current_head()
