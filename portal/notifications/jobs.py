"""What the worker runs."""

import uuid

from portal.config import Config
from portal.core.database import Database
from portal.notifications import services


def deliver(database: Database, config: Config, pointer_id: uuid.UUID) -> None:
    """Sends one pointer. Running it again changes nothing."""
    services.deliver(database, config, pointer_id)
