"""The tables of billers whose bills arrive as files: files, current bills, and takings."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.scrolls.bill_files import BillStatus
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# Which partner may raise the bills of a biller over REST v1.
bill_issuers = Table(
    "bill_issuers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("biller_id", Text, nullable=False),
    Column("added_by_change", Uuid, ForeignKey("access_changes.id"), nullable=False, unique=True),
    instant("added_at", server_default=func.now()),
    instant("removed_at", nullable=True),
    Column("removed_by", Text, ForeignKey("staff.name")),
    CheckConstraint("biller_id <> ''", name="biller_id"),
    UniqueConstraint("id", "biller_id"),
    CheckConstraint("num_nonnulls(removed_at, removed_by) <> 1", name="removal"),
)
Index(
    "uq_bill_issuers_standing",
    bill_issuers.c.partner_id,
    bill_issuers.c.biller_id,
    unique=True,
    postgresql_where=bill_issuers.c.removed_at.is_(None),
)

# A biller numbers its files without a gap; the same bytes are loaded once. `issuer_id` is who
# raised its bills over REST v1, empty where they came in a file or were raised by the staff.
bill_files = Table(
    "bill_files",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("biller_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("made_on", Date, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("bills", Integer, nullable=False),
    Column("sum", BigInteger, nullable=False),
    instant("loaded_at", server_default=func.now()),
    Column("issuer_id", Uuid),
    UniqueConstraint("biller_id", "number"),
    UniqueConstraint("biller_id", "digest"),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("least(bills, sum) >= 0", name="totals"),
    ForeignKeyConstraint(["issuer_id", "biller_id"], ["bill_issuers.id", "bill_issuers.biller_id"]),
    info=APPEND_ONLY,
)

# `parameters` identify the bill for a payer, by their names in the manifest; `file_id` is the newest file
# that contains it. Amounts are paisa; the late fee applies from the day after `due_on`.
biller_bills = Table(
    "biller_bills",
    metadata,
    Column("biller_id", Text, primary_key=True),
    Column("bill_key", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("customer_name", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("issued_on", Date),
    Column("due_on", Date, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("vat", BigInteger, nullable=False),
    Column("late_fee", BigInteger, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("file_id", Uuid, ForeignKey("bill_files.id"), nullable=False),
    CheckConstraint(one_of("status", BillStatus), name="status"),
    CheckConstraint("least(amount, vat, late_fee) >= 0 AND amount + vat > 0", name="sums"),
)
Index(
    "ix_biller_bills_parameters",
    biller_bills.c.parameters,
    postgresql_using="gin",
    postgresql_ops={"parameters": "jsonb_path_ops"},
)

# The outcome of each reference for a bill: `taken` pays it, `barred` means that it never will. The first of
# the two that is written counts.
bill_takings = Table(
    "bill_takings",
    metadata,
    Column("biller_id", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("bill_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("receipt", Text, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint("state IN ('taken', 'barred')", name="state"),
    info=APPEND_ONLY,
)
Index(
    "uq_bill_takings_one_per_bill",
    bill_takings.c.biller_id,
    bill_takings.c.bill_key,
    unique=True,
    postgresql_where=text("state = 'taken'"),
)
Index(
    "uq_bill_takings_receipt",
    bill_takings.c.biller_id,
    bill_takings.c.receipt,
    unique=True,
    postgresql_where=text("state = 'taken'"),
)

# The code on a bill's notice; no two bills have the same, and a bill has one.
bill_notices = Table(
    "bill_notices",
    metadata,
    Column("code", Text, primary_key=True),
    Column("biller_id", Text, nullable=False),
    Column("bill_key", Text, nullable=False),
    instant("at", server_default=func.now()),
    UniqueConstraint("biller_id", "bill_key"),
    ForeignKeyConstraint(["biller_id", "bill_key"], ["biller_bills.biller_id", "biller_bills.bill_key"]),
    CheckConstraint("code ~ '^[1-9][0-9]{15}$'", name="code"),
    info=APPEND_ONLY,
)

# Who withdrew a bill that was raised here, and why; a later file may state the bill again.
bill_withdrawals = Table(
    "bill_withdrawals",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("biller_id", Text, nullable=False),
    Column("bill_key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("withdrawn_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("at", server_default=func.now()),
    ForeignKeyConstraint(["biller_id", "bill_key"], ["biller_bills.biller_id", "biller_bills.bill_key"]),
    CheckConstraint("reason <> ''", name="reason"),
    info=APPEND_ONLY,
)
