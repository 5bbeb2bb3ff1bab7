"""Alembic's entry: the service gives the connection; nothing is read from a file."""

from alembic import context

from reflex_loop.service.migrations import METADATA, VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=METADATA, version_table=VERSION_TABLE, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
