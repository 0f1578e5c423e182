"""The ledger becomes a hash chain: its rows are numbered without a gap and chained, and get a price and a proof."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from endcloud.store.ledger_chain import row_digest
from endcloud.store.tables import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 1000

_uploads = sa.table(
    "uploads",
    *(sa.column(name, sa.Integer()) for name in ("id", "size", "prompt_tokens", "completion_tokens", "cached_tokens")),
    *(sa.column(name, sa.String()) for name in ("upload", "event", "purpose", "conversation", "model", "host")),
    *(sa.column(name, sa.String()) for name in ("detector", "digest", "outcome", "chain")),
    sa.column("at", UtcTime()),
    sa.column("masked", sa.JSON()),
)


def upgrade() -> None:
    with op.batch_alter_table("uploads") as uploads:
        uploads.add_column(sa.Column("price", sa.Double(), nullable=True))
        uploads.add_column(sa.Column("proof", sa.JSON(), nullable=False, server_default="{}"))
        uploads.add_column(sa.Column("chain", sa.String(length=64), nullable=False, server_default=""))
    heads = op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    count, digest = _chain(op.get_bind())
    op.bulk_insert(heads, [{"id": 1, "count": count, "digest": digest, "begun": count}])
    with op.batch_alter_table("uploads") as uploads:  # an older endcloud that still runs cannot add a row by its side
        uploads.alter_column("proof", server_default=None)
        uploads.alter_column("chain", server_default=None)


def _chain(connection: sa.Connection) -> tuple[int, str]:
    """Numbers and chains the rows there are, in their order; a number only ever falls, to one that is free."""
    changed = sa.update(_uploads).where(_uploads.c.id == sa.bindparam("old"))
    changed = changed.values(id=sa.bindparam("new"), chain=sa.bindparam("link"))
    count, last, digest = 0, 0, ""
    while rows := _following(connection, last):
        links: list[dict[str, Any]] = []
        for row in rows:
            count, last = count + 1, row["id"]
            digest = row_digest(digest, {**row, "id": count})
            links.append({"old": last, "new": count, "link": digest})
        connection.execute(changed, links)
    return count, digest


def _following(connection: sa.Connection, last: int) -> list[dict[str, Any]]:
    columns = [column for column in _uploads.c if column.name != "chain"]
    chosen = sa.select(*columns).where(_uploads.c.id > last).order_by(_uploads.c.id).limit(_AT_ONCE)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def downgrade() -> None:
    op.drop_table("ledger_head")
    with op.batch_alter_table("uploads") as uploads:
        for column in ("chain", "proof", "price"):
            uploads.drop_column(column)
