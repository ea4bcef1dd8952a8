"""The table of how each institution does, which the worker writes anew every minute and pages read."""

from sqlalchemy import CheckConstraint, Column, Double, Integer, Table, Text

from ekpay_switch.persistence.schema.books import instant, metadata

# Of the last 24 hours; `tries` is the sum of the four counts behind it.
institution_health = Table(
    "institution_health",
    metadata,
    Column("institution", Text, primary_key=True),
    instant("at"),
    Column("tries", Integer, nullable=False),
    Column("approved", Integer, nullable=False),
    Column("declined", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("in_time", Integer, nullable=False),
    Column("p50_seconds", Double),
    Column("p95_seconds", Double),
    instant("oldest_unknown", nullable=True),
    CheckConstraint("tries = approved + declined + failed + unknown", name="tries"),
    CheckConstraint("least(approved, declined, failed, unknown, in_time) >= 0", name="counts"),
)
