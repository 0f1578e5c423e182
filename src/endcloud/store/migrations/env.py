"""Alembic's entry: runs the migrations on the connection that `endcloud.store.database` hands over."""

from alembic import context

from endcloud.store import conversation_tables, evolution_tables
from endcloud.store.tables import Table

for tables in (conversation_tables.TurnRow, evolution_tables.RoundRow):
    assert tables.metadata is Table.metadata  # the tables are known once they are imported
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
