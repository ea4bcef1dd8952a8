"""The limits of partners, as two persons of finance set them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text, Uuid, func, text

from ekpay_switch.domain.parties.partner_limits import LimitKind
from ekpay_switch.persistence.schema.books import instant, metadata, one_of

# A row for each request to change a limit: what was asked for never changes, and the newest that is approved
# is in force. `amount` is paisa, and null where there shall be no daily limit.
partner_limit_changes = Table(
    "partner_limit_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("asked_at", server_default=func.now()),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    Column("rejection_reason", Text),
    CheckConstraint(one_of("kind", LimitKind), name="kind"),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("amount IS NOT NULL OR kind = 'daily'", name="amount_of_floor"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approval"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)", name="rejection"),
    CheckConstraint("num_nonnulls(approved_by, rejected_by) <= 1", name="one_decision"),
)
# One request waits at a time for each limit, so approvals are in the order of their requests.
Index(
    "uq_partner_limit_changes_waiting",
    partner_limit_changes.c.partner_id,
    partner_limit_changes.c.kind,
    unique=True,
    postgresql_where=text("approved_by IS NULL AND rejected_by IS NULL"),
)
Index(
    "ix_partner_limit_changes_partner_id",
    partner_limit_changes.c.partner_id,
    partner_limit_changes.c.kind,
    partner_limit_changes.c.approved_at,
)
