"""The rows of refunds, read under locks that are taken in one order everywhere.

The order is that of `payment_rows`, and refunds come last. Adding or moving a refund locks its payment and
its try, so a try's running total and its refunds change together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import RefundOrder
from ekpay_switch.domain.ledger.posting_rules import (
    charged_back_from_suspense_entry,
    held_in_dispute_entry,
    owed_back_as_loss_entry,
    owed_back_by_payee_entry,
    owed_back_from_suspense_entry,
    paid_back_by_hand_entry,
    paid_back_entry,
    paid_back_late_entry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Bearer
from ekpay_switch.domain.refunds.new_refund import NewRefund
from ekpay_switch.domain.refunds.refund import LockedRefund, RefundEvent, RefundKind, RefundState
from ekpay_switch.persistence.collections.share_postings import accounts_of_refunds
from ekpay_switch.persistence.file_statements import FILE_STATEMENTS, file_statements_of
from ekpay_switch.persistence.payment_rows import LOCK_TRY, lock_books, lock_payment
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import RefundView
from ekpay_switch.security.identifiers import unguessable

Row = Mapping[str, Any]

_TARGETS = """
SELECT t.payment_id, t.attempt_id, p.partner_id, p.lane, t.connector_id, p.biller_id AS payee,
  ARRAY(SELECT account FROM merchant_shares AS s WHERE s.payment_id = p.id ORDER BY seq) AS shares
FROM tries AS t JOIN payments AS p ON p.id = t.payment_id JOIN attempts AS a ON a.id = t.attempt_id
"""
TARGET_OF_REFUND = f"{_TARGETS} JOIN refunds AS r ON r.attempt_id = t.attempt_id WHERE r.id = $1"
TARGET_OF_FUNDING = f"{_TARGETS} WHERE p.id = $1 AND a.outcome = 'approved'"
# The oldest try of a payment whose money disagreed, or was held for the desk, and is not all back or being
# given back yet.
TARGET_IN_SUSPENSE = f"""
{_TARGETS} WHERE p.id = $1 AND a.outcome IN ('disagreed', 'second_success')
  AND t.refunded + t.charged_back < t.collected
ORDER BY a.opened_at LIMIT 1
"""
# The try that paid for the payment, else the oldest one that collected money.
TARGET_OF_CHARGEBACK = f"""
{_TARGETS} WHERE p.id = $1 AND t.collected IS NOT NULL
ORDER BY (a.outcome = 'approved') IS TRUE DESC, a.opened_at, t.attempt_id LIMIT 1
"""
TARGET_OF_ATTEMPT = f"{_TARGETS} WHERE t.attempt_id = $1"
TARGET_OF_TRANSACTION = f"""
{_TARGETS} WHERE p.id = $1 AND t.provider_transaction = $2 AND t.collected IS NOT NULL LIMIT 1
"""
# Refunds with columns of their payment and their try, and the provider's references of the try's other
# refunds, which are looked up by payment, where there is an index; `r` is the source of rows. What a further
# movement brought takes the place of what its try collected.
_FILES = FILE_STATEMENTS.format(payment="r.payment_id", attempt="r.id", since="r.updated_at")
WITH_ITS_TRY = f"""
SELECT r.*, p.lane, p.biller_id AS payee, p.currency, p.state AS payment_state, t.provider_reference,
  coalesce(m.provider_transaction, t.provider_transaction) AS provider_transaction,
  coalesce(m.amount, t.collected) AS collected, coalesce(m.booked_at, t.collected_at) AS collected_at,
  a.reference AS collected_reference, now() AS now,
  (SELECT array_agg(o.provider_refund) FROM refunds AS o
   WHERE o.payment_id = r.payment_id AND o.attempt_id = r.attempt_id AND o.id <> r.id
     AND o.provider_refund IS NOT NULL) AS known_refunds,
  {_FILES} AS files
FROM {{source}} AS r JOIN payments AS p ON p.id = r.payment_id JOIN tries AS t ON t.attempt_id = r.attempt_id
  JOIN attempts AS a ON a.id = r.attempt_id LEFT JOIN further_movements AS m ON m.id = r.further_movement_id
"""  # noqa: S608 - constants
READ_REFUND = f"{WITH_ITS_TRY.format(source='refunds')} WHERE r.id = $1"
LOCK_REFUND = f"{READ_REFUND} FOR UPDATE OF r"
NEW_REFUND = """
INSERT INTO refunds (id, payment_id, attempt_id, partner_id, connector_id, kind, reference, fingerprint,
  amount, reason, state, asked_by, our_reference, bearer, consent, from_suspense, next_action_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
  CASE WHEN $17 THEN now() END)
"""
CHANGE_RUNNING_TOTALS = """
UPDATE tries SET refunded = refunded + $2, charged_back = charged_back + $3 WHERE attempt_id = $1
"""
# Of the refunds of a try that are not freed: how many they are, what chargebacks took from suspense, and what
# refunds settled of that. Of all refunds: what the connector has paid after they had ended, which no running
# total holds.
READ_PARTS = f"""
SELECT count(*) FILTER (WHERE state <> ALL($3::text[])) AS parts,
  coalesce(sum(from_suspense) FILTER (WHERE state <> ALL($3::text[])), 0)::bigint AS from_suspense,
  coalesce(sum(settles_claim), 0)::bigint AS settled,
  coalesce(sum(amount) FILTER (WHERE EXISTS (SELECT FROM refund_history AS h
    WHERE h.refund_id = r.id AND h.event = '{RefundEvent.PAID_LATE}')), 0)::bigint AS paid_late
FROM refunds AS r
WHERE payment_id = $1 AND attempt_id = $2 AND further_movement_id IS NULL
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class RefundTarget:
    """The payment, try and accounts that refunds of a try belong to; never changes, so it is read unlocked.

    `shares` are the accounts that a merchant payment is credited to; empty where a bill is paid.
    """

    payment_id: UUID
    attempt_id: UUID
    partner_id: str
    lane: int
    connector_id: str
    payee: str
    shares: Sequence[str] = field(default=())

    @property
    def accounts(self) -> frozenset[str]:
        """Every account that a refund of this target may post to."""
        amount, connector_id = Money(1), self.connector_id
        entries = (
            owed_back_by_payee_entry(self.payee, connector_id, amount),
            owed_back_as_loss_entry(connector_id, amount),
            owed_back_from_suspense_entry(connector_id, amount),
            charged_back_from_suspense_entry(connector_id, amount),
            paid_back_entry(connector_id, amount),
            paid_back_by_hand_entry(connector_id, amount),
            paid_back_late_entry(connector_id, amount),
            held_in_dispute_entry(connector_id, amount),
        )
        lines = frozenset(posting.account for entry in entries for posting in entry.postings)
        return lines | accounts_of_refunds(self.payee, self.shares)


async def read_target(connection: Connection, query: str, row_id: UUID, *names: str) -> RefundTarget | None:
    """The target found by one of the queries TARGET_… for the id of a refund or payment, or None."""
    row = await connection.fetchrow(query, row_id, *names)
    return None if row is None else RefundTarget(**row)


async def lock_target(connection: Connection, target: RefundTarget) -> tuple[Row, Row]:
    """Lock everything that refunds of this target are decided by; returns its payment and its try."""
    await lock_books(connection, target.lane)
    payment = await lock_payment(connection, target.payment_id)
    assert payment is not None, "a try has a payment"
    return payment, await connection.fetchrow(LOCK_TRY, target.attempt_id)


async def lock_refund(connection: Connection, refund_id: UUID) -> Row:
    """Lock and read the refund with its try; its target is locked already."""
    row: Row = await connection.fetchrow(LOCK_REFUND, refund_id)
    return row


async def read_refund(connection: Connection, refund_id: UUID) -> Row | None:
    """The refund with its try, or None if there is no such refund."""
    row: Row | None = await connection.fetchrow(READ_REFUND, refund_id)
    return row


async def add_refund(connection: Connection, new: NewRefund, target: RefundTarget) -> Row:
    """Write a new refund and add its amount to the running total of its try, which is locked.

    One that needs a second person waits for approval; any other is approved and due now.
    """
    state = RefundState.REQUESTED if new.needs_approval else RefundState.APPROVED
    await connection.execute(
        NEW_REFUND, new.refund_id, new.payment_id, target.attempt_id, new.partner_id, target.connector_id,
        new.kind, new.reference, new.fingerprint, new.amount.minor, new.reason, state, new.requested_by,
        unguessable(), new.burden.bearer, new.burden.consent or None, new.from_suspense.minor,
        state is RefundState.APPROVED,
    )  # fmt: skip
    row = await lock_refund(connection, new.refund_id)
    await change_running_totals(connection, row, 1)
    return row


async def change_running_totals(connection: Connection, refund: Row, sign: int) -> None:
    """Add a refund (1) to the running totals of its try, which is locked, or free them of it (-1).

    What a chargeback takes from suspense counts in that of chargebacks alone.
    """
    charged_back = refund["amount"] if refund["kind"] == RefundKind.CHARGEBACK else 0
    refunded = refund["amount"] - refund["from_suspense"]
    await connection.execute(
        CHANGE_RUNNING_TOTALS, refund["attempt_id"], sign * refunded, sign * charged_back
    )


def locked_refund_of(row: Row) -> LockedRefund:
    """A row of WITH_ITS_TRY as the domain sees it."""
    order = RefundOrder(
        refund_id=row["id"],
        connector_id=row["connector_id"],
        reference=row["our_reference"],
        provider_reference=row["provider_reference"] or "",
        provider_transaction=row["provider_transaction"] or "",
        amount=Money(row["amount"], row["currency"]),
        collected=Money(row["collected"], row["currency"]),
        reason=row["reason"],
        known_refunds=frozenset(row["known_refunds"] or ()),
        may_have_been_heard=row["sends"] > 0,
        collected_reference=row["collected_reference"],
        collected_at=row["collected_at"],
        provider_refund=row["provider_refund"] or "",
    )
    return LockedRefund(
        payment_id=row["payment_id"],
        partner_id=row["partner_id"],
        lane=row["lane"],
        payee=row["payee"],
        kind=RefundKind(row["kind"]),
        state=RefundState(row["state"]),
        epoch=row["epoch"],
        order=order,
        sends=row["sends"],
        questions=row["asked"],
        collected_at=row["collected_at"],
        now=row["now"],
        files=file_statements_of(row["files"]),
        bearer=Bearer(row["bearer"]),
        is_of_further_movement=row["further_movement_id"] is not None,
    )


def view_of(row: Row) -> RefundView:
    """A refund, with the currency of its payment, as the partner sees it."""
    return RefundView(
        refund_id=row["id"],
        payment_id=row["payment_id"],
        kind=RefundKind(row["kind"]),
        state=RefundState(row["state"]),
        amount=Money(row["amount"], row["currency"]),
        reason=row["reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
