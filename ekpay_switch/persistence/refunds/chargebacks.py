"""Chargebacks in PostgreSQL: recorded by one person, posted when another approves.

The caller has locked their target (`rows.lock_target`), or `open_refund` locks it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.disputes.dispute import AGAINST_US, OPEN
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import (
    charged_back_from_suspense_entry,
    dispute_lost_entry,
    paid_back_entry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.persistence.payment_rows import update_row
from ekpay_switch.persistence.refunds.rows import CHANGE_RUNNING_TOTALS, RefundTarget, Row, lock_target
from ekpay_switch.persistence.refunds.steps import StepDetails, move_refund, owe, post
from ekpay_switch.persistence.refunds.store import open_refund
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import RefundOpened

_AWAITING_MONEY = ", ".join(f"'{state}'" for state in (*OPEN, *AGAINST_US))
READ_LIMIT = """
SELECT t.collected, t.charged_back, p.currency FROM tries AS t JOIN payments AS p ON p.id = t.payment_id
WHERE t.attempt_id = $1
"""

# The dispute that has this reference, as its own name or as that of its money, or that waits for the money of
# this try. Once it was settled without any, it takes none, so its name holds nothing back.
READ_DISPUTE = f"""
SELECT d.id, d.name FROM disputes AS d WHERE d.connector_id = $1 AND (
  d.name = $2 AND (d.state <> 'settled' OR d.refund_id IS NOT NULL)
  OR d.proposed ->> 'movement' = $2
  OR EXISTS (SELECT FROM dispute_history AS h JOIN refunds AS r ON r.id = h.refund_id
    WHERE h.dispute_id = d.id AND r.provider_refund = $2)
  OR d.attempt_id = $3 AND d.refund_id IS NULL AND d.state IN ({_AWAITING_MONEY}))
ORDER BY d.id LIMIT 1
"""  # noqa: S608 - constants
# The entry of a decision about its break that has booked a row, the newest one that stands.
READ_DECISION = """
SELECT entry_id FROM chargeback_decisions WHERE connector_id = $1 AND name = $2 AND amount > 0
  AND (SELECT sum(amount) FROM chargeback_decisions WHERE connector_id = $1 AND name = $2) > 0
ORDER BY at DESC LIMIT 1
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


class DisputedError(SwitchError):
    """The chargeback is the money of a dispute, which alone records it."""

    def __init__(self, dispute_id: int, name: str) -> None:
        super().__init__(
            f"reference: it is the money of dispute {dispute_id} ({name}): ekpay disputes show {dispute_id}"
        )


class DecidedRowError(SwitchError):
    """Two persons have decided about the break of this row, which has booked its money."""

    def __init__(self, name: str, entry_id: UUID) -> None:
        super().__init__(
            f"movement: a decision about its break has booked row {name} (entry {entry_id});"
            " reverse that first: ekpay reconcile reverse"
        )


@dataclass(frozen=True, slots=True)
class ChargebackLimit:
    """A chargeback is larger than what is left of the money that its try collected."""

    collected: Money
    left: Money


async def ask_undisputed_chargeback(
    connection: Connection, new: NewRefund, target: RefundTarget, name: str
) -> RefundOpened | RefundRefusal | ChargebackLimit:
    """Record a chargeback that no dispute is about.

    Raises:
        DisputedError: a dispute has this reference, or waits for the money of the same try.
        DecidedRowError: a decision about the break of its row has booked its money.
    """
    await lock_target(connection, target)
    dispute = await connection.fetchrow(READ_DISPUTE, target.connector_id, name, target.attempt_id)
    if dispute is not None:
        raise DisputedError(dispute["id"], dispute["name"])
    await refuse_decided_row(connection, target.connector_id, name)
    return await ask_chargeback(connection, new, target, name)


async def refuse_decided_row(connection: Connection, connector_id: str, name: str) -> None:
    """Refuse to book the chargeback row of this name once more; its try is locked.

    Raises:
        DecidedRowError: a decision about the break of the row stands, which has booked its money.
    """
    entry_id = await connection.fetchval(READ_DECISION, connector_id, name)
    if entry_id is not None:
        raise DecidedRowError(name, entry_id)


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

    One that the connector held for a dispute is paid back from there, and keeps who approved that. A payee
    gives nothing for a payment that is not completed any more: then all of it comes from suspense.
    """
    amount, connector_id = Money(refund["amount"], refund["currency"]), refund["connector_id"]
    from_suspense = refund["from_suspense"]
    if State(payment["state"]) is not State.COMPLETED:
        from_suspense = amount.minor
        released = refund["from_suspense"] - from_suspense
        await connection.execute(CHANGE_RUNNING_TOTALS, refund["attempt_id"], released, 0)
    is_held = RefundState(refund["state"]) is RefundState.HELD
    changes = {"approved_by": refund["approved_by"] or by, "from_suspense": from_suspense}
    await move_refund(connection, refund, RefundEvent.TAKEN_BY_CONNECTOR, {}, StepDetails(by, changes))
    divided: dict[str, Any] = {**refund, "from_suspense": from_suspense}
    if from_suspense < amount.minor:
        await owe(connection, payment, divided)
    if from_suspense:
        part = Money(from_suspense, amount.currency)
        await post(connection, refund, charged_back_from_suspense_entry(connector_id, part))
    entry = (dispute_lost_entry if is_held else paid_back_entry)(connector_id, amount)
    await post(connection, refund, entry)
    return alarm_of_chargeback(try_row, divided)


def alarm_of_chargeback(try_row: Row, refund: Row) -> Alarm | None:
    """The alarm where suspense is a claim since: no money of the payer waits there for as much."""
    is_funding = try_row["outcome"] == TryEnd.APPROVED
    taken = try_row["refunded"] + try_row["charged_back"]
    is_claim = refund["from_suspense"] > 0 if is_funding else taken > try_row["collected"]
    return Alarm.CHARGEBACK_BEYOND_THE_BILL if is_claim else None
