"""The reversals of top-ups (`books`) and of transfers to utilities (`billers`), and bank lines of breaks."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, Uuid, func, text

from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

_STANDS = text("rejected_at IS NULL")

# A request to reverse a posted transfer; takes two persons. The entry that mirrors the first has its id.
transfer_reversals = Table(
    "transfer_reversals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("top_up_id", Uuid, ForeignKey("top_ups.id")),
    Column("deposit_transfer_id", Uuid, ForeignKey("deposit_transfers.id")),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("asked_at", server_default=func.now()),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    Column("rejection_reason", Text),
    CheckConstraint("num_nonnulls(top_up_id, deposit_transfer_id) = 1", name="one_transfer"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approval"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)", name="rejection"),
    CheckConstraint("num_nonnulls(approved_by, rejected_by) <= 1", name="one_decision"),
)
Index(
    "uq_transfer_reversals_top_up_id",
    transfer_reversals.c.top_up_id,
    unique=True,
    postgresql_where=_STANDS,
)
Index(
    "uq_transfer_reversals_deposit_transfer_id",
    transfer_reversals.c.deposit_transfer_id,
    unique=True,
    postgresql_where=_STANDS,
)
# A line of our bank's statement that the reconciliation has booked, one row for each name of the line and the
# entry that moves our bank, and one with the sign turned for the entry `releases` it. `booked_by` is a
# decision about the break of the line (`break`); one that says what our bank has paid or received
# (`resolution`); a line that nothing explains (`unidentified`), or its return (`return`). `bank` has the
# statement, empty for that of the account through which transfers go. While a booking is not released,
# nothing else books the line.
break_bank_lines = Table(
    "break_bank_lines",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("entry_id", Uuid, primary_key=True, index=True),
    Column("amount", BigInteger, nullable=False),
    instant("at", server_default=func.now()),
    Column("booked_by", Text, nullable=False, server_default="break"),
    Column("bank", Text, nullable=False, server_default=""),
    Column("releases", Uuid),
    CheckConstraint("reference <> ''", name="reference"),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint(one_of("booked_by", BankLineKind), name="booked_by"),
    info=APPEND_ONLY,
)
Index(
    "uq_break_bank_lines_releases",
    break_bank_lines.c.releases,
    break_bank_lines.c.reference,
    unique=True,
    postgresql_where=text("releases IS NOT NULL"),
)
