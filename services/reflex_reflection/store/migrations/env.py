"""Alembic's entry: the store gives the connection; nothing is read from a file."""

from alembic import context

from reflex_reflection.store.migrations import VERSION_TABLE
from reflex_reflection.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=METADATA, version_table=VERSION_TABLE, compare_type=True
)
with context.begin_transaction():
    context.run_migrations()
