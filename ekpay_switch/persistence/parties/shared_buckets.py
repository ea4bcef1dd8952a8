"""Buckets that refill evenly and that all processes share, each a row of its own.

A bucket is kept as the instant at which it would be full again, so that nothing has to fill it.
"""

from sqlalchemy import TextClause, text


def take_statement(table: str, key: str) -> TextClause:
    """Take from the bucket `:key`; a row comes back where enough was left, and else nothing is written.

    `:spacing` is how long what is taken needs to refill, `:ahead` how far from full the bucket may be before.
    """
    return text(f"""
    INSERT INTO {table} AS b ({key}, free_at) VALUES (:key, clock_timestamp() + :spacing)
    ON CONFLICT ({key}) DO UPDATE SET free_at = greatest(b.free_at, clock_timestamp()) + :spacing
    WHERE b.free_at <= clock_timestamp() + :ahead
    RETURNING true
    """)  # noqa: S608 - names of ours
