"""Online evolution: rounds, audits, choices, lessons, decisions, retirements, texts of the rules."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rounds",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parent", sa.String(length=80), nullable=False),
        sa.Column("candidate", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("lease", sa.DateTime(timezone=True), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "audits",
        sa.Column("turn", sa.String(length=80), nullable=False),
        sa.Column("query", sa.String(length=80), nullable=False),
        sa.Column("conversation", sa.String(length=80), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("relevance", sa.Double(), nullable=True),
        sa.Column("cloud_relevance", sa.Double(), nullable=True),
        sa.Column("scorers", sa.JSON(), nullable=False),
        sa.Column("final", sa.Double(), nullable=True),
        sa.Column("wrong", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("turn"),
    )
    for column in ("query", "conversation", "version", "at"):
        op.create_index(f"ix_audits_{column}", "audits", [column])
    op.create_table(
        "choices",
        sa.Column("turn", sa.String(length=80), nullable=False),
        sa.Column("query", sa.String(length=80), nullable=False),
        sa.Column("conversation", sa.String(length=80), nullable=False),
        sa.Column("customer", sa.String(length=200), nullable=False),
        sa.Column("cluster", sa.String(length=80), nullable=False),
        sa.Column("frequency", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("turn"),
    )
    for column in ("conversation", "round"):
        op.create_index(f"ix_choices_{column}", "choices", [column])
    op.create_table(
        "lessons",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("turn", sa.String(length=80), nullable=False),
        sa.Column("conversation", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("cluster", sa.String(length=80), nullable=False),
        sa.Column("part", sa.String(length=10), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("poor", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("approval", sa.String(length=12), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
    )
    for column in ("turn", "conversation", "subject", "approval"):
        op.create_index(f"ix_lessons_{column}", "lessons", [column])
    op.create_table(
        "decisions",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("against", sa.String(length=80), nullable=False),
        sa.Column("judgement", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_decisions_round", "decisions", ["round"])
    op.create_table(
        "retirements",
        sa.Column("item", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("item"),
    )
    op.create_table(
        "policy_texts",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )


def downgrade() -> None:
    for table in ("policy_texts", "retirements", "decisions", "lessons", "choices", "audits", "rounds"):
        op.drop_table(table)
