"""The tables of collected payments: tries, callbacks, refunds, and the API keys of REST v1.

Further checks beside the constraints are in `MOVEMENT_TRIGGERS` (docs/adr/0075).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from ekpay_switch.domain.refunds.burden import Bearer
from ekpay_switch.domain.refunds.refund import REFUND_TRANSITIONS, RefundKind, RefundState
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# Who may call REST v1: a partner by a key of which only the hash is stored.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False, index=True),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("return_hosts", JSONB, nullable=False),
    instant("created_at", server_default=func.now()),
    instant("revoked_at", nullable=True),
    Column("revoked_by", Text, ForeignKey("staff.name")),  # null: before persons were named
    CheckConstraint("revoked_by IS NULL OR revoked_at IS NOT NULL", name="revoked_by"),
)

# The columns of a collected payment beside its row in `payments`.
collections = Table(
    "collections",
    metadata,
    Column("payment_id", Uuid, ForeignKey("payments.id"), primary_key=True),
    Column("bill", JSONB, nullable=False),
    Column("return_url", Text, nullable=False),
    instant("pay_until"),
    info=APPEND_ONLY,
)

# One row for each attempt of the funds leg. Several tries of a payment may be asked about at once, so each
# has its own epoch and lease. `collected` is the amount it collected, `refunded` the locked running total of
# refunds, without what chargebacks took from suspense, `charged_back` that of chargebacks, whole. `recorded`
# is the last epoch whose finding was written, so that a repeated write is recognised.
# `is_woken`: a callback came since the try was leased, so its holder may have asked too early. `consent` is
# that of the payer's first agreement and never changes. `charge`, `fee` and `vat` are the try's own price (a
# merchant's payment); null: the payment's sums.
tries = Table(
    "tries",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("attempts.id"), primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("connector_id", Text, nullable=False),
    Column("provider_reference", Text),
    Column("page_url", Text),
    instant("page_until", nullable=True),
    Column("executes_begun", SmallInteger, nullable=False, server_default=text("0")),
    Column("provider_transaction", Text),
    Column("is_agreed", Boolean, nullable=False, server_default=text("false")),
    Column("is_woken", Boolean, nullable=False, server_default=text("false")),
    Column("epoch", Integer, nullable=False),
    Column("recorded", Integer, nullable=False, server_default=text("0")),
    instant("lease_until", nullable=True),
    instant("next_action_at", nullable=True),
    Column("asked", Integer, nullable=False, server_default=text("0")),
    instant("asked_at", nullable=True),
    Column("collected", BigInteger),
    instant("collected_at", nullable=True),
    Column("refunded", BigInteger, nullable=False, server_default=text("0")),
    Column("consent", Text),
    Column("charge", BigInteger),
    Column("fee", BigInteger),
    Column("vat", BigInteger),
    Column("charged_back", BigInteger, nullable=False, server_default=text("0")),
    # Since when the connector holds the payer's money for its risk; NULL once that is over.
    instant("held_at", nullable=True),
    CheckConstraint("collected > 0", name="collected"),
    CheckConstraint("(collected IS NULL) = (collected_at IS NULL)", name="collected_at"),
    CheckConstraint("refunded >= 0 AND refunded <= coalesce(collected, 0)", name="refunded"),
    CheckConstraint("charged_back >= 0 AND charged_back <= coalesce(collected, 0)", name="charged_back"),
    CheckConstraint("held_at IS NULL OR collected IS NULL", name="held"),
    CheckConstraint("num_nulls(charge, fee, vat) IN (0, 3)", name="price"),
    CheckConstraint("least(charge, fee, vat) >= 0", name="price_sums"),
)
Index(
    "uq_tries_provider_reference",
    tries.c.connector_id,
    tries.c.provider_reference,
    unique=True,
    postgresql_where=text("provider_reference IS NOT NULL"),
)
# A movement of money at the provider counts once.
Index(
    "uq_tries_provider_transaction",
    tries.c.connector_id,
    tries.c.provider_transaction,
    unique=True,
    postgresql_where=text("provider_transaction IS NOT NULL"),
)
Index("ix_tries_held_at", tries.c.held_at, postgresql_where=text("held_at IS NOT NULL"))
Index("ix_tries_next_action_at", tries.c.next_action_at, postgresql_where=text("next_action_at IS NOT NULL"))

# Money that a connector has under a try beside the movement that the try collected (docs/adr/0075); booked by
# the entry, and given back by the one refund that names it.
further_movements = Table(
    "further_movements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("attempt_id", Uuid, ForeignKey("tries.attempt_id"), nullable=False, index=True),
    Column("connector_id", Text, nullable=False),
    Column("provider_transaction", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("entry_id", Uuid, nullable=False, unique=True),
    instant("booked_at", server_default=func.now()),
    UniqueConstraint("connector_id", "provider_transaction"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("provider_transaction <> ''", name="provider_transaction"),
    info=APPEND_ONLY,
)

# Money that a connector tells under a try and that no account has, by its name there, empty where it has
# none. `why` says why it was not booked. It waits until it is booked after all, or two persons have decided.
unbooked_movements = Table(
    "unbooked_movements",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("tries.attempt_id"), primary_key=True),
    Column("provider_transaction", Text, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),  # in the smallest unit of its currency
    Column("why", Text, nullable=False),
    instant("told_at", server_default=func.now()),
    Column("decision_id", Uuid, ForeignKey("decisions.id")),
    CheckConstraint("why <> ''", name="why"),
)
Index(
    "ix_unbooked_movements_undecided",
    unbooked_movements.c.attempt_id,
    postgresql_where=text("decision_id IS NULL"),
)
# The condition that an unbooked movement `u` of the try `t` waits.
IS_UNBOOKED = """
u.decision_id IS NULL AND NOT EXISTS (SELECT FROM tries AS o
  WHERE o.connector_id = t.connector_id AND o.provider_transaction = u.provider_transaction)
AND NOT EXISTS (SELECT FROM further_movements AS f
  WHERE f.connector_id = t.connector_id AND f.provider_transaction = u.provider_transaction)
"""

# Every callback of a payment or refund of ours, once, with card numbers masked (architecture law 6).
callbacks = Table(
    "callbacks",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("connector_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("provider_reference", Text),
    Column("reference", Text),
    Column("is_agreed", Boolean, nullable=False, server_default=text("false")),
    Column("is_forged", Boolean, nullable=False, server_default=text("false")),
    Column("why", Text, nullable=False, server_default=text("''")),
    instant("at", server_default=func.now()),
    Column("consent", Text),
    UniqueConstraint("connector_id", "name"),
    info=APPEND_ONLY,
)
Index(
    "ix_callbacks_provider_reference",
    callbacks.c.connector_id,
    callbacks.c.provider_reference,
    postgresql_where=text("provider_reference IS NOT NULL"),
)

Index(
    "ix_callbacks_reference",
    callbacks.c.connector_id,
    callbacks.c.reference,
    postgresql_where=text("reference IS NOT NULL"),
)

# Callbacks that no payment or refund claims, the forged ones among them; dropped after a while, and beyond a
# number for each connector (persistence/collections/unclaimed_callbacks.py).
unclaimed_callbacks = Table(
    "unclaimed_callbacks",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("connector_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("provider_reference", Text),
    Column("reference", Text),
    Column("is_agreed", Boolean, nullable=False, server_default=text("false")),
    Column("is_forged", Boolean, nullable=False, server_default=text("false")),
    Column("why", Text, nullable=False, server_default=text("''")),
    instant("at", server_default=func.now(), index=True),
    Column("consent", Text),
    UniqueConstraint("connector_id", "name"),
)
Index(
    "ix_unclaimed_callbacks_provider_reference",
    unclaimed_callbacks.c.connector_id,
    unclaimed_callbacks.c.provider_reference,
    postgresql_where=text("provider_reference IS NOT NULL"),
)
Index("ix_unclaimed_callbacks_connector_id", unclaimed_callbacks.c.connector_id, unclaimed_callbacks.c.id)

refunds = Table(
    "refunds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, index=True),
    Column("attempt_id", Uuid, ForeignKey("tries.attempt_id"), nullable=False),
    Column("partner_id", Text, ForeignKey("partners.id"), nullable=False),
    Column("connector_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),  # the caller's idempotency key, or ours
    Column("fingerprint", LargeBinary, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("by_hand_by", Text),  # who recorded that it was paid by hand
    Column("confirmed_by", Text),  # the second person, who checked the bank statement
    Column("bank_reference", Text, unique=True),
    Column("our_reference", Text, nullable=False, unique=True),  # sent to the connector
    Column("provider_refund", Text),
    # A refund in doubt is asked about for as long as it takes, so none of its numbers is a SMALLINT.
    Column("sends", Integer, nullable=False, server_default=text("0")),
    Column("steps", Integer, nullable=False, server_default=text("0")),  # the number of history rows
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    instant("lease_until", nullable=True),
    instant("next_action_at", nullable=True),
    Column("asked", Integer, nullable=False, server_default=text("0")),
    instant("created_at", server_default=func.now()),
    instant("updated_at", server_default=func.now()),
    Column("bearer", Text, nullable=False, server_default=text("'payee'")),
    Column("consent", Text),  # the reference of the biller's written consent to bear it
    # The further movement that goes back, which the running total of its try does not count.
    Column("further_movement_id", Uuid, ForeignKey("further_movements.id"), unique=True),
    # The part of a chargeback that its payee does not give.
    Column("from_suspense", BigInteger, nullable=False, server_default=text("0")),
    # What of it the payer had before, by a chargeback or a late refund: it settles the claim in suspense.
    Column("settles_claim", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("partner_id", "reference"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint(one_of("kind", RefundKind), name="kind"),
    CheckConstraint(one_of("state", RefundState), name="state"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("state <> 'asked' OR approved_by IS NULL", name="asked"),
    CheckConstraint(one_of("bearer", Bearer), name="bearer"),
    CheckConstraint("(bearer = 'consent') = (coalesce(consent, '') <> '')", name="consent"),
    CheckConstraint(
        "bearer = 'payee' OR (kind IN ('refund', 'chargeback')"
        " AND (approved_by IS NOT NULL OR state IN ('asked', 'rejected')))",
        name="named_bearer",
    ),
    CheckConstraint(
        "from_suspense = 0 OR (kind = 'chargeback' AND from_suspense BETWEEN 0 AND amount)",
        name="from_suspense",
    ),
    CheckConstraint(
        "settles_claim = 0 OR (kind <> 'chargeback' AND state = 'done' AND by_hand_by IS NULL"
        " AND further_movement_id IS NULL AND settles_claim BETWEEN 0 AND amount)",
        name="settles_claim",
    ),
    CheckConstraint("(by_hand_by IS NULL) = (bank_reference IS NULL)", name="by_hand"),
    CheckConstraint(
        "confirmed_by IS NULL OR (by_hand_by IS NOT NULL AND confirmed_by <> by_hand_by)", name="confirmed"
    ),
    CheckConstraint(
        "further_movement_id IS NULL OR (kind = 'unexpected' AND sends = 0)", name="further_movement"
    ),
    CheckConstraint("state NOT IN ('held', 'returned') OR kind = 'chargeback'", name="disputed"),
    # Paid by the connector or by hand, never both.
    CheckConstraint("state <> 'done' OR (by_hand_by IS NULL) = (confirmed_by IS NULL)", name="paid_once"),
)
# A provider without our references for refunds could not distinguish two refunds of a try.
Index(
    "uq_refunds_one_in_the_air",
    refunds.c.attempt_id,
    unique=True,
    postgresql_where=text("state IN ('sent', 'in_doubt')"),
)
Index(
    "uq_refunds_provider_refund",
    refunds.c.connector_id,
    refunds.c.provider_refund,
    unique=True,
    postgresql_where=text("provider_refund IS NOT NULL"),
)
Index(
    "uq_refunds_one_give_back",
    refunds.c.attempt_id,
    unique=True,
    postgresql_where=text(
        "kind IN ('give_back', 'unexpected') AND state <> 'rejected' AND further_movement_id IS NULL"
    ),
)
Index(
    "ix_refunds_next_action_at",
    refunds.c.next_action_at,
    postgresql_where=text("next_action_at IS NOT NULL"),
)
# A refund that waits on a person has no next action, so it has an index of its own.
Index("ix_refunds_on_a_person", refunds.c.state, postgresql_where=text("state IN ('asked', 'by_hand')"))


def _legal_steps() -> str:
    steps = sorted((*pair, following) for pair, following in REFUND_TRANSITIONS.items())
    listed = ", ".join(f"('{before}', '{event}', '{following}')" for before, event, following in steps)
    return f"(from_state, event, to_state) IN ({listed})"


refund_history = Table(
    "refund_history",
    metadata,
    Column("refund_id", Uuid, ForeignKey("refunds.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("from_state", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint(_legal_steps(), name="legal_step"),
    info=APPEND_ONLY,
)

# A movement of money at the provider counts once, under a try or beside it. Writers about one movement wait
# for each other (`MOVEMENT_LOCK`), so each of the two tables can be checked against the other.
_FURTHER = """
CREATE FUNCTION check_further_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM tries WHERE connector_id = NEW.connector_id
      AND provider_transaction = NEW.provider_transaction) THEN
    RAISE EXCEPTION 'a movement of money at the provider counts once' USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (SELECT FROM tries WHERE attempt_id = NEW.attempt_id AND connector_id = NEW.connector_id
      AND collected IS NOT NULL AND provider_transaction IS NOT NULL) THEN
    RAISE EXCEPTION 'a further movement of a try without its first' USING ERRCODE = 'check_violation';
  END IF;
  IF (SELECT sum(amount) FROM break_refunds WHERE attempt_id = NEW.attempt_id AND is_beside) > 0 THEN
    RAISE EXCEPTION 'a decision about a break owes money beside this try' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_FURTHER_TRIGGER = """
CREATE TRIGGER further_movements_once AFTER INSERT ON further_movements
  FOR EACH ROW EXECUTE FUNCTION check_further_movement()
"""
_FIRST = """
CREATE FUNCTION check_first_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM further_movements WHERE connector_id = NEW.connector_id
      AND provider_transaction = NEW.provider_transaction) THEN
    RAISE EXCEPTION 'a movement of money at the provider counts once'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tries_movement_once';
  END IF;
  RETURN NULL;
END $$
"""
_FIRST_TRIGGER = """
CREATE TRIGGER tries_movement_once AFTER UPDATE OF provider_transaction ON tries
  FOR EACH ROW WHEN (NEW.provider_transaction IS DISTINCT FROM OLD.provider_transaction)
  EXECUTE FUNCTION check_first_movement()
"""
# Money that is collected is held no more, whatever code records it: older one does not know the mark.
_HOLD = """
CREATE FUNCTION end_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.held_at := NULL;
  RETURN NEW;
END $$
"""
_HOLD_TRIGGER = """
CREATE TRIGGER tries_hold_ends BEFORE UPDATE ON tries
  FOR EACH ROW WHEN (OLD.collected IS NULL AND NEW.collected IS NOT NULL AND NEW.held_at IS NOT NULL)
  EXECUTE FUNCTION end_hold()
"""
MOVEMENT_TRIGGERS = {
    "tries_hold_ends": (_HOLD, _HOLD_TRIGGER),
    "further_movements_once": (_FURTHER, _FURTHER_TRIGGER),
    "tries_movement_once": (_FIRST, _FIRST_TRIGGER),
}
# What finance owes the payer of a try, or has paid, by a decision about a break: one row for the entry that
# owes it, one with the sign turned for an entry that does not any more. While the sum is above zero the
# switch gives back nothing of what the try turns out to have collected. `is_beside`: the try had collected
# before, so what is owed is other money; while that sum is above zero, no further movement of it is booked.
break_refunds = Table(
    "break_refunds",
    metadata,
    Column("attempt_id", Uuid, ForeignKey("tries.attempt_id"), primary_key=True),
    Column("entry_id", Uuid, primary_key=True, index=True),
    Column("amount", BigInteger, nullable=False),
    instant("at", server_default=func.now()),
    Column("is_beside", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("amount <> 0", name="amount"),
    info=APPEND_ONLY,
)
