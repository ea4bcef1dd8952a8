"""The tables of billers beside payments: receipts for one service only, and transfers to utilities."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, postings

# A receipt that pays for one service only, as a treasury challan does, and the payment that used it.
used_receipts = Table(
    "used_receipts",
    metadata,
    Column("receipt", Text, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, unique=True),
    instant("at", server_default=func.now()),
    info=APPEND_ONLY,
)

# A transfer from our bank account to our deposit at a prefunded utility; takes two persons, like a top-up.
deposit_transfers = Table(
    "deposit_transfers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("biller_id", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reference", Text, nullable=False),  # the bank statement's own, so it is booked once
    Column("asked_by", Text, ForeignKey("staff.name"), nullable=False),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("asked_at", server_default=func.now()),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    Column("rejection_reason", Text),
    instant("reversed_at", nullable=True),  # when its reversal was approved and posted
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)", name="rejection"),
    CheckConstraint("num_nonnulls(approved_by, rejected_by) <= 1", name="one_decision"),
    CheckConstraint("reversed_at IS NULL OR approved_by IS NOT NULL", name="reversal"),
)
# A line of the bank statement is booked once; what was rejected or reversed leaves its reference free.
Index(
    "uq_deposit_transfers_reference",
    deposit_transfers.c.reference,
    unique=True,
    postgresql_where=text("rejected_at IS NULL AND reversed_at IS NULL"),
)

# Deposits are sums over the ledger, read whole when their watch begins; no other account is read like that.
Index(
    "ix_postings_deposits",
    postings.c.account,
    postgresql_include=["amount", "entry_id"],
    postgresql_where=text("account LIKE 'biller_deposit:%'"),
)
