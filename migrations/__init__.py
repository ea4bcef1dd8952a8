"""Alembic migrations: expand, backfill, contract, each in a change of its own (docs/adr)."""
