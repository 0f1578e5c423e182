"""What the shop remembers: SQLAlchemy tables and migrations, one small repository for each noun.

SQLite in write-ahead mode by default, PostgreSQL by URL. `database` opens it, `tables` says what a row is;
`labels`, `budget`, `ledger` and `versions` are the repositories that the stages see through
`endcloud.protocols`. Nothing acknowledged is ever lost: SQLite runs with full synchronisation.
"""
