"""What the worker runs."""

import uuid

from portal.config import Config
from portal.core.database import Database
from portal.notifications import outgoing


def deliver(database: Database, config: Config, pointer_id: uuid.UUID) -> None:
    """Sends one pointer, and others that are due. Running it again changes nothing."""
    outgoing.deliver(database, config, pointer_id)
