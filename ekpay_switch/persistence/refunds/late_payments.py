"""Refunds that the connector turns out to have paid after nobody was sending them any more.

Whatever says so is evidence, and the evidence decides under the locks of `rows.lock_target`
(`domain.refunds.late_refunds`): nobody pays by hand what it says is paid.
"""

from dataclasses import dataclass
from datetime import datetime

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.connector_calls import RefundLine
from ekpay_switch.domain.collections.file_proofs import FileProof, proof_of
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import paid_back_late_entry
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.late_refunds import LateStep, late_step
from ekpay_switch.domain.refunds.refund import RefundAnswer, RefundEvent, RefundState, decide_refund
from ekpay_switch.persistence.payment_rows import update_row
from ekpay_switch.persistence.refunds.rows import Row, lock_refund, locked_refund_of
from ekpay_switch.persistence.refunds.steps import StepDetails, move_refund, post, write_plan
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import RefundRecorded

# An answer whose movement another refund has is no evidence of this one.
READ_EVIDENCE = f"""
SELECT e.at, coalesce(e.facts ->> 'provider_refund', '') AS name FROM evidence AS e
WHERE e.payment_id = $1 AND e.attempt_id = $2 AND e.kind = 'late_refund:{RefundEvent.PAID_BACK}'
  AND NOT EXISTS (SELECT FROM refunds AS o WHERE o.connector_id = $3 AND o.id <> $2
    AND o.provider_refund = e.facts ->> 'provider_refund')
ORDER BY e.id LIMIT 1
"""  # noqa: S608 - constants
IS_BOOKED = f"""
SELECT true FROM refund_history WHERE refund_id = $1 AND event = '{RefundEvent.PAID_LATE}' LIMIT 1
"""  # noqa: S608 - constants


class PaidByConnectorError(SwitchError):
    """The connector says that it has paid this refund, so it is not paid by hand."""

    def __init__(self, evidence: str) -> None:
        super().__init__(f"the connector has paid this refund itself, so nobody pays it by hand: {evidence}")


@dataclass(frozen=True, slots=True)
class PaymentEvidence:
    """An answer of the connector that a refund is done: its name of it, or empty, and when we stored it."""

    at: datetime
    name: str


async def read_evidence(connection: Connection, refund: Row) -> PaymentEvidence | None:
    """The first stored answer by which the connector has paid this refund, or None."""
    row = await connection.fetchrow(READ_EVIDENCE, refund["payment_id"], refund["id"], refund["connector_id"])
    return None if row is None else PaymentEvidence(**row)


async def require_unpaid(connection: Connection, refund: Row) -> None:
    """Raise PaidByConnectorError where an answer or a settlement file of the connector says that it paid."""
    evidence = await read_evidence(connection, refund)
    if evidence is not None:
        name = f"refund {evidence.name}" if evidence.name else "a refund without a name"
        raise PaidByConnectorError(f"{name}, by its answer of {evidence.at:%Y-%m-%d %H:%M} UTC")
    held = locked_refund_of(refund)
    is_done = proof_of(held.files, business_date(held.collected_at)) is FileProof.DONE
    if is_done and held.files.amounts == {held.order.amount.minor}:
        raise PaidByConnectorError(f"refund {held.files.their_reference}, by its settlement file")


async def settle_late_payment(connection: Connection, payment: Row, refund: Row) -> RefundRecorded | None:
    """Write what stored answers about a refund mean in its present state; None where they mean nothing.

    Idempotent. Its target is locked.
    """
    row = await lock_refund(connection, refund["id"])
    evidence = await read_evidence(connection, row)
    if evidence is None:
        return None
    state = RefundState(row["state"])
    match late_step(state, is_paid_by_hand=row["by_hand_by"] is not None or row["settles_claim"] > 0):
        case LateStep.NOTHING:
            return None
        case LateStep.END:
            state = await _end(connection, payment, row, evidence)
        case LateStep.STOP:
            # What was asked is answered.
            unasked: dict[str, object] = {"next_action_at": None, "lease_until": None}
            await update_row(connection, "refunds", {"id": row["id"]}, unasked)
        case LateStep.BOOK:
            await _book(connection, row, evidence)
    return RefundRecorded(state, Alarm.LATE_REFUND)


async def _end(connection: Connection, payment: Row, row: Row, evidence: PaymentEvidence) -> RefundState:
    held = locked_refund_of(row)
    done = RefundAnswer(RefundLine(evidence.name, held.order.amount, is_done=True), 0)
    plan = decide_refund(held, State(payment["state"]), done)
    return await write_plan(connection, payment, row, plan, StepDetails())


async def _book(connection: Connection, row: Row, evidence: PaymentEvidence) -> None:
    """Book once that the connector has paid; its name of the payment is known from then on."""
    if await connection.fetchval(IS_BOOKED, row["id"]):
        return
    changes = {"provider_refund": evidence.name or row["provider_refund"]}
    facts = {"provider_refund": evidence.name}
    await move_refund(connection, row, RefundEvent.PAID_LATE, facts, StepDetails(changes=changes))
    await post(connection, row, paid_back_late_entry(row["connector_id"], locked_refund_of(row).order.amount))
