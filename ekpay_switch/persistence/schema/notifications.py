"""The tables of notifications beside `books`: endpoints, deliveries, and the log of tries.

Nothing on the hot path reads or writes them. The log is append-only by grant.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.persistence.schema.books import APPEND_ONLY, metadata

# `events` are the types that the endpoint receives; empty means all. A merchant has one endpoint of the kind
# `ipn`, whose `url` is no address: each order has its own.
notification_endpoints = Table(
    "notification_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", JSONB, nullable=False, server_default=text("'[]'")),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    Column("disabled_why", Text),
    Column("key_generation", Integer, nullable=False, server_default=text("1")),
    Column("previous_key_until", DateTime(timezone=True)),
    Column("failures_in_a_row", Integer, nullable=False, server_default=text("0")),
    Column("given_up_in_a_row", Integer, nullable=False, server_default=text("0")),
    Column("paused_until", DateTime(timezone=True)),
    Column("served_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("kind", Text, nullable=False, server_default=text("'webhook'")),
    Column("has_shared_secret", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("partner_id", "url"),
    CheckConstraint("state IN ('active', 'disabled')", name="state"),
    CheckConstraint("(state = 'disabled') = (disabled_why IS NOT NULL)", name="disabled_why"),
    CheckConstraint("kind IN ('ipn', 'webhook')", name="kind"),
)

# `asked_at` is when the delivery or its last replay was requested; the age of its tries counts from there.
# Each `rank` (0 or 1) of an endpoint is a queue of its own (persistence/notifications/ipn_rows.py).
notification_deliveries = Table(
    "notification_deliveries",
    metadata,
    Column("notification_id", Uuid, ForeignKey("notifications.id"), primary_key=True),
    Column("endpoint_id", Uuid, ForeignKey("notification_endpoints.id"), primary_key=True),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("is_replay", Boolean, nullable=False, server_default=text("false")),
    Column("next_try_at", DateTime(timezone=True), server_default=func.now()),
    Column("lease_until", DateTime(timezone=True)),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("last_status", SmallInteger),
    Column("last_why", Text),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("delivered_at", DateTime(timezone=True)),
    Column("rank", SmallInteger, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('waiting', 'delivered', 'given_up')", name="state"),
    CheckConstraint("(state = 'waiting') = (next_try_at IS NOT NULL)", name="next_try_at"),
    CheckConstraint("state = 'waiting' OR lease_until IS NULL", name="lease_until"),
)
Index(
    "ix_notification_deliveries_waiting",
    notification_deliveries.c.endpoint_id,
    notification_deliveries.c.rank,
    notification_deliveries.c.next_try_at,
    postgresql_where=text("state = 'waiting'"),
)
Index(
    "ix_notification_deliveries_leased",
    notification_deliveries.c.endpoint_id,
    postgresql_where=text("lease_until IS NOT NULL"),
)

notification_tries = Table(
    "notification_tries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("notification_id", Uuid, nullable=False),
    Column("endpoint_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("number", SmallInteger, nullable=False),
    Column("status", SmallInteger),
    Column("why", Text, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("is_replay", Boolean, nullable=False),
    ForeignKeyConstraint(
        ["notification_id", "endpoint_id"],
        ["notification_deliveries.notification_id", "notification_deliveries.endpoint_id"],
        name="fk_notification_tries_delivery",
    ),
    info=APPEND_ONLY,
)
Index(
    "ix_notification_tries_delivery", notification_tries.c.notification_id, notification_tries.c.endpoint_id
)
Index("ix_notification_tries_endpoint_id", notification_tries.c.endpoint_id, notification_tries.c.id)
