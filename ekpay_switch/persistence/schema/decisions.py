"""The table of decisions: what one person proposed about money that waits, and what another made of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import CaseKind
from ekpay_switch.domain.decisions.suspense import SUSPENSE_MOMENTS
from ekpay_switch.persistence.schema.books import instant, journal_entries, metadata, one_of

# The entries that make items in suspense, for the partial index and for every query that is to use it.
MAKES_ITEM = f"payment_id IS NULL AND moment IN {SUSPENSE_MOMENTS}"
_WAITS = "num_nonnulls(approved_at, rejected_at, lapsed_at) = 0"

# `subject` is the payment, try, refund or entry that the decision is about; of a manual journal it is the
# decision itself. `seen` is the digest of the case as its proposer saw it. `entries` are the entries that the
# approval posts, with their accounts and signed paisa; `entry_ids` are their ids, in order, none where a
# refund or a try posts them under ids of its own. `amount` is the money that moves. `takes_from` is the entry
# whose item in suspense a manual journal takes from. Not append-only: a proposal ends.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("case_kind", Text, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("payment_id", Uuid, ForeignKey("payments.id"), index=True),
    Column("action", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reference", Text, nullable=False),  # what proves it: a consent, a bank's reference
    Column("entries", JSONB, nullable=False),
    Column("entry_ids", JSONB, nullable=False),
    Column("seen", LargeBinary, nullable=False),
    Column("stated", BigInteger),  # the amount that the proposer stated, in paisa, where the action needs one
    Column("proposed_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("proposed_at", server_default=func.now()),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    instant("lapsed_at", nullable=True),
    Column("end_reason", Text),  # why it was rejected or has lapsed
    Column("takes_from", Uuid, ForeignKey("journal_entries.id")),
    CheckConstraint(one_of("case_kind", CaseKind), name="case_kind"),
    CheckConstraint(one_of("action", DecisionAction), name="action"),
    CheckConstraint("amount >= 0", name="amount"),
    CheckConstraint("stated > 0", name="stated"),
    CheckConstraint("takes_from IS NULL OR case_kind = 'journal'", name="takes_from"),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("jsonb_array_length(entry_ids) IN (0, jsonb_array_length(entries))", name="entry_ids"),
    CheckConstraint("approved_by <> proposed_by", name="two_persons"),
    CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approval"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at) <> 1", name="rejection"),
    CheckConstraint("num_nonnulls(approved_at, rejected_at, lapsed_at) <= 1", name="one_end"),
    CheckConstraint("(end_reason IS NULL) = (num_nonnulls(rejected_at, lapsed_at) = 0)", name="end_reason"),
)
# Of the proposals about one subject one waits, so two persons never propose against each other.
Index(
    "uq_decisions_one_waiting",
    decisions.c.subject,
    unique=True,
    postgresql_where=text(_WAITS),
)
Index("ix_decisions_subject", decisions.c.subject)
Index(
    "ix_decisions_takes_from",
    decisions.c.takes_from,
    postgresql_where=text("takes_from IS NOT NULL"),
)
Index("ix_journal_entries_items", journal_entries.c.id, postgresql_where=text(MAKES_ITEM))
