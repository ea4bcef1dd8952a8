"""Chargebacks in PostgreSQL: recorded by one person, posted when another approves.

The caller has locked their target (`rows.lock_target`), or `open_refund` locks it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import charged_back_from_suspense_entry, paid_back_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.persistence.payment_rows import update_row
from ekpay_switch.persistence.refunds.rows import CHANGE_RUNNING_TOTALS, RefundTarget, Row
from ekpay_switch.persistence.refunds.steps import StepDetails, move_refund, owe, post
from ekpay_switch.persistence.refunds.store import open_refund
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import RefundOpened

READ_LIMIT = """
SELECT t.collected, t.charged_back, p.currency FROM tries AS t JOIN payments AS p ON p.id = t.payment_id
WHERE t.attempt_id = $1
"""

# The one refund of the further movement that has this name.
READ_FURTHER_REFUND = """
SELECT r.id, r.state FROM refunds AS r JOIN further_movements AS m ON m.id = r.further_movement_id
WHERE r.payment_id = $1 AND m.provider_transaction = $2
"""


class FurtherMovementError(SwitchError):
    """A further movement is no part of what its try collected: its own refund ends instead."""

    def __init__(self, refund_id: UUID, state: RefundState) -> None:
        way = f"it is what gives refund {refund_id} back: decide that (ekpay decide show {refund_id})"
        if state is RefundState.DONE:
            way = f"refund {refund_id} had given it back, so it is a claim (ekpay decide journal)"
        super().__init__(f"transaction: it is a further movement of money, and {way}")


@dataclass(frozen=True, slots=True)
class ChargebackLimit:
    """A chargeback is larger than what is left of the money that its try collected."""

    collected: Money
    left: Money


async def ask_chargeback(
    connection: Connection, new: NewRefund, target: RefundTarget, name: str
) -> RefundOpened | RefundRefusal | ChargebackLimit:
    """Record a chargeback under the connector's own reference for it, so that it is recorded once."""
    answer = await open_refund(connection, new, target, parts_max=0, days_max=0)
    if isinstance(answer, RefundOpened) and not answer.is_repeat:
        await update_row(connection, "refunds", {"id": new.refund_id}, {"provider_refund": name})
    if answer is RefundRefusal.EXCEEDS_REMAINING:
        row = await connection.fetchrow(READ_LIMIT, target.attempt_id)
        left = row["collected"] - row["charged_back"]
        return ChargebackLimit(Money(row["collected"], row["currency"]), Money(left, row["currency"]))
    return answer


async def take_chargeback(
    connection: Connection, payment: Row, try_row: Row, refund: Row, by: str
) -> Alarm | None:
    """Post an approved chargeback: the connector has taken it, so it is owed and paid back at once.

    A payee gives nothing for a payment that is not completed any more: then all of it comes from suspense.
    """
    amount, connector_id = Money(refund["amount"], refund["currency"]), refund["connector_id"]
    from_suspense = refund["from_suspense"]
    if State(payment["state"]) is not State.COMPLETED:
        from_suspense = amount.minor
        released = refund["from_suspense"] - from_suspense
        await connection.execute(CHANGE_RUNNING_TOTALS, refund["attempt_id"], released, 0)
    changes = {"approved_by": by, "from_suspense": from_suspense}
    await move_refund(connection, refund, RefundEvent.TAKEN_BY_CONNECTOR, {}, StepDetails(by, changes))
    divided: dict[str, Any] = {**refund, "from_suspense": from_suspense}
    if from_suspense < amount.minor:
        await owe(connection, payment, divided)
    if from_suspense:
        part = Money(from_suspense, amount.currency)
        await post(connection, refund, charged_back_from_suspense_entry(connector_id, part))
    await post(connection, refund, paid_back_entry(connector_id, amount))
    return alarm_of_chargeback(try_row, divided)


def alarm_of_chargeback(try_row: Row, refund: Row) -> Alarm | None:
    """The alarm where suspense is a claim since: no money of the payer waits there for as much."""
    is_funding = try_row["outcome"] == TryEnd.APPROVED
    taken = try_row["refunded"] + try_row["charged_back"]
    is_claim = refund["from_suspense"] > 0 if is_funding else taken > try_row["collected"]
    return Alarm.CHARGEBACK_BEYOND_THE_BILL if is_claim else None
