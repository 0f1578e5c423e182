"""Alembic's entry: runs the migrations on the connection that `endcloud.store.database` hands over."""

from alembic import context

from endcloud.store import conversation_tables
from endcloud.store.tables import Table

assert conversation_tables.TurnRow.metadata is Table.metadata  # the tables are known once they are imported
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
