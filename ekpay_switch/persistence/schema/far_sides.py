"""The tables that all processes share about far sides: inquiry budgets, bearer tokens, held bills."""

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, LargeBinary, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ekpay_switch.persistence.schema.books import instant, metadata

# One row a far side: its inquiry bucket and its bearer token under a lease (architecture.md 5).
far_sides = Table(
    "far_sides",
    metadata,
    Column("id", Text, primary_key=True),
    instant("next_inquiry_at", server_default=func.now()),
    Column("token_sealed", LargeBinary),
    instant("token_until", nullable=True),
    Column("login_epoch", Integer, nullable=False, server_default=text("0")),
    instant("login_until", nullable=True),
    # The logins of the last hour, where the far side limits them.
    Column("logins_at", ARRAY(DateTime(timezone=True)), nullable=False, server_default=text("'{}'")),
)

# Bills that a fetch locked at their biller: the lease of the fetch (`asking_until`, `epoch`) and the bill.
held_bills = Table(
    "held_bills",
    metadata,
    Column("biller_id", Text, primary_key=True),
    Column("bill_name", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    instant("asking_until", nullable=True),
    Column("bill_key", Text),
    Column("bill", JSONB),
    instant("held_until", nullable=True),
    CheckConstraint("(bill IS NULL) = (held_until IS NULL)", name="held_until"),
    CheckConstraint("(bill IS NULL) = (bill_key IS NULL)", name="bill_key"),
)
