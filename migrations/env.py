"""Runs the migrations. The portal hands its own connection over; nothing is read from a file."""

from alembic import context

from portal.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    user_module_prefix="portal.core.columns.",
)
with context.begin_transaction():
    context.run_migrations()
