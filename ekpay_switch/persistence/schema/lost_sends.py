"""Sends of the journal that a restored database knew nothing of (docs/adr/0088)."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
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

from ekpay_switch.domain.payments.lost_sends import LostState
from ekpay_switch.domain.payments.sends import SendKind
from ekpay_switch.persistence.schema.books import instant, metadata, one_of

# A row for each of our references at a far side. What the journal said of it changes only while nothing is
# known of it; of two lines the later one counts. `partner_reference`, `bill_key` and `account` are those of a
# claim from a prefund. A partner that was added after the backup is unknown too, so it is no foreign key.
lost_sends = Table(
    "lost_sends",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("far_side", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("partner_id", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),  # what the far side was told, in paisa
    Column("currency", Text, nullable=False),
    instant("sent_at"),
    instant("send_until"),
    Column("sealed", LargeBinary, nullable=False),  # the order and the claim, as the journal has them
    Column("partner_reference", Text),
    Column("bill_key", Text),
    Column("account", Text),
    instant("found_at", server_default=func.now()),
    Column("state", Text, nullable=False, server_default=text("'unknown'")),
    Column("why", Text, nullable=False, server_default=text("'not asked yet'")),
    Column("answer_sealed", LargeBinary),  # what the far side answered, with its tokens
    instant("asked_at", nullable=True),
    instant("booked_at", nullable=True),  # its payment stands in the books again
    Column("booking_refusal", Text),
    # What two persons decide where nobody can be asked; a proposal that waits may be replaced.
    Column("proposed_as", Text),
    Column("reason", Text),
    Column("proposed_by", Text, ForeignKey("staff.name")),
    instant("proposed_at", nullable=True),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("approved_at", nullable=True),
    UniqueConstraint("far_side", "reference"),
    CheckConstraint(one_of("kind", SendKind), name="kind"),
    CheckConstraint(one_of("state", LostState), name="state"),
    CheckConstraint("num_nonnulls(partner_reference, bill_key, account) IN (0, 3)", name="claim"),
    CheckConstraint("answer_sealed IS NULL OR state = 'posted'", name="answer"),
    CheckConstraint("sends > 0", name="sends"),
    CheckConstraint("proposed_as IN ('not_posted', 'posted')", name="proposed_as"),
    CheckConstraint("num_nonnulls(proposed_as, reason, proposed_by, proposed_at) IN (0, 4)", name="proposal"),
    CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approval"),
    CheckConstraint("approved_by IS NULL OR proposed_by IS NOT NULL", name="approval_of_proposal"),
    CheckConstraint("approved_by <> proposed_by", name="two_persons"),
)
Index("ix_lost_sends_partner_id", lost_sends.c.partner_id)
