"""The tables of alarms: the rows that people work through, and who owns which kind."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.alarms import AlarmOwner
from ekpay_switch.persistence.schema.books import instant, metadata, one_of

# One row for each alarm; while it is open, a repeat only counts. `amount` is whole paisa. Not append-only: an
# alarm is acknowledged and ended.
alarms = Table(
    "alarms",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payment_id", Uuid, ForeignKey("payments.id")),
    Column("amount", BigInteger),
    Column("owner", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("count", Integer, nullable=False, server_default=text("1")),
    instant("raised_at", server_default=func.now()),
    instant("last_raised_at", server_default=func.now()),
    Column("acknowledged_by", Text, ForeignKey("staff.name")),
    instant("acknowledged_at", nullable=True),
    Column("reminded_on", Date),  # the last Dhaka date on which its owner was reminded
    instant("ended_at", nullable=True),
    Column("ended_by", Text),
    Column("end_reason", Text),
    CheckConstraint(one_of("owner", AlarmOwner), name="owner"),
    CheckConstraint("subject <> ''", name="subject"),
    CheckConstraint("count > 0", name="count"),
    CheckConstraint("num_nonnulls(acknowledged_by, acknowledged_at) <> 1", name="acknowledged"),
    CheckConstraint("num_nonnulls(ended_at, ended_by, end_reason) IN (0, 3)", name="ended"),
    CheckConstraint("ended_by IN ('evidence', 'decision', 'person')", name="ended_by"),
)
Index(
    "uq_alarms_one_open",
    alarms.c.kind,
    alarms.c.subject,
    unique=True,
    postgresql_where=text("ended_at IS NULL"),
)
Index("ix_alarms_open", alarms.c.due_on, alarms.c.id, postgresql_where=text("ended_at IS NULL"))
Index("ix_alarms_payment_id", alarms.c.payment_id)

# Who owns which kind and when it is due, as config/alarms.toml says; every process writes it when it starts.
alarm_terms = Table(
    "alarm_terms",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("due_business_days", Integer, nullable=False),
    Column("after_hours", Float, nullable=False),
    CheckConstraint(one_of("owner", AlarmOwner), name="owner"),
    CheckConstraint("due_business_days >= 0", name="due_business_days"),
    CheckConstraint("after_hours >= 0", name="after_hours"),
)
# The days on which banks work, from the day of the last start on, as config/calendar.toml says.
business_days = Table("business_days", metadata, Column("day", Date, primary_key=True))
