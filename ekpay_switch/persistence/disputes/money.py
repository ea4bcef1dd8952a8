"""The money of disputes: the chargeback that each step records, holds, ends or returns, with its postings.

The caller has locked the case (`rows.lock_case`). Whether a step may happen is decided by
`domain.disputes.dispute.money_step`.
"""

from typing import Any, assert_never
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, refund_subject
from ekpay_switch.domain.disputes.dispute import MoneyStep
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import (
    charged_back_from_suspense_entry,
    dispute_won_entry,
    held_in_dispute_entry,
)
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Bearer, Burden
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundKind, RefundState, refund_due_entry
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms, raise_alarms
from ekpay_switch.persistence.collections.share_postings import write_share_reversal
from ekpay_switch.persistence.disputes.rows import DisputeCase
from ekpay_switch.persistence.ledger.suspense_items import lock_unsettled_claims
from ekpay_switch.persistence.refunds.chargebacks import (
    ChargebackLimit,
    ask_chargeback,
    refuse_decided_row,
    take_chargeback,
)
from ekpay_switch.persistence.refunds.decisions import RefundRequest
from ekpay_switch.persistence.refunds.rows import Row, change_running_totals, lock_refund
from ekpay_switch.persistence.refunds.staff_actions import ChargebackTooLargeError, RefundRefusedError
from ekpay_switch.persistence.refunds.steps import StepDetails, move_refund, post
from ekpay_switch.ports.collections import RefundOpened
from ekpay_switch.security.identifiers import uuid7

# The refund that has this movement, and the dispute whose money it is or was.
READ_MOVEMENT = """
SELECT r.id, r.kind, r.state, r.attempt_id, r.amount,
  (SELECT h.dispute_id FROM dispute_history AS h WHERE h.refund_id = r.id AND h.event = 'money_held')
    AS dispute_id
FROM refunds AS r WHERE r.connector_id = $1 AND r.provider_refund = $2
"""
# Another dispute of the connector whose proposal names it.
READ_PROPOSED = """
SELECT id FROM disputes WHERE connector_id = $1 AND proposed ->> 'movement' = $2 AND id <> $3 LIMIT 1
"""
# A biller that was told by a scroll cannot be told otherwise by one.
IS_TOLD = "SELECT EXISTS (SELECT FROM scroll_rows WHERE refund_id = $1)"


class MovementTakenError(SwitchError):
    """The connector's reference of the money belongs to another dispute, or to another refund."""


class ClaimSettledError(SwitchError):
    """What a final chargeback took was settled already in another way: it cannot be given back from there."""

    def __init__(self, dispute_id: int, how: str) -> None:
        super().__init__(
            f"event: {how}; reject it, and end the dispute with what settled it:"
            f" ekpay disputes settle {dispute_id} --settlement REFERENCE"
        )


class UnnamedBearerError(RefundRefusedError):
    """The biller takes no payment back, and nobody is named who bears the money of the dispute."""

    def __init__(self, dispute_id: int) -> None:
        super().__init__(RefundRefusal.FINAL)
        self._dispute_id = dispute_id

    def __str__(self) -> str:
        """What to do about it."""
        return (
            f"bearer: its biller takes no payment back; reject this, and say who bears it:"
            f" ekpay disputes held {self._dispute_id} --consent REFERENCE, or --our-loss"
        )


async def require_free_movement(case: DisputeCase, movement: str) -> UUID | None:
    """The final chargeback under this name, which the dispute takes over; None where the movement is new.

    Raises:
        DecidedRowError: a decision about the break of its row has booked its money.
        MovementTakenError: another dispute or refund has it, or it is another amount or not approved yet.
    """
    await refuse_decided_row(case.connection, case.target.connector_id, movement)
    proposed = await case.connection.fetchval(
        READ_PROPOSED, case.target.connector_id, movement, case.row["id"]
    )
    found = await case.connection.fetchrow(READ_MOVEMENT, case.target.connector_id, movement)
    owner = proposed if found is None else found["dispute_id"]
    if owner is not None:
        raise MovementTakenError(f"movement: it is the money of dispute {owner}")
    if found is None:
        return None
    if (found["kind"], found["attempt_id"]) != (RefundKind.CHARGEBACK, case.target.attempt_id):
        raise MovementTakenError(
            f"movement: it is refund {found['id']}, which is no chargeback of this money"
        )
    if found["state"] != RefundState.DONE:
        raise MovementTakenError(f"movement: approve or reject it first: ekpay refunds show {found['id']}")
    if found["amount"] != case.row["amount"]:
        raise MovementTakenError(f"movement: refund {found['id']} has another amount than this dispute")
    chargeback_id: UUID = found["id"]
    return chargeback_id


async def record_held_money(
    case: DisputeCase, step: MoneyStep, movement: str, burden: Burden, persons: tuple[str, str]
) -> UUID:
    """Record the chargeback of a dispute as held, or as taken for good; returns its id.

    `persons` are who says so and who approves it. One that was recorded before the dispute is taken over as
    it is.

    Raises:
        MovementTakenError: the movement belongs to another dispute or refund.
        RefundRefusedError: this amount cannot have been taken; its `refusal` says why.
    """
    stands = await require_free_movement(case, movement)
    if stands is not None:
        return stands
    said_by, approved_by = persons
    amount = Money(case.row["amount"], case.row["currency"])
    asking = RefundRequest(uuid7(), f"disputed: {case.row['name']}", said_by, burden)
    new = asking.new(case.target, RefundKind.CHARGEBACK, amount)
    answer = await ask_chargeback(case.connection, new, case.target, movement)
    if isinstance(answer, ChargebackLimit):
        raise ChargebackTooLargeError(answer)
    if answer is RefundRefusal.FINAL:
        raise UnnamedBearerError(case.row["id"])
    if not isinstance(answer, RefundOpened):
        raise RefundRefusedError(answer)
    refund = await lock_refund(case.connection, new.refund_id)
    if step is MoneyStep.TAKE:
        await _take(case, refund, approved_by)
    else:
        details = StepDetails(approved_by, {"approved_by": approved_by})
        await move_refund(case.connection, refund, RefundEvent.HELD_BY_CONNECTOR, {}, details)
        await post(case.connection, refund, held_in_dispute_entry(refund["connector_id"], amount))
    return new.refund_id


async def end_held_money(case: DisputeCase, step: MoneyStep, approved_by: str) -> None:
    """Make the chargeback of a dispute final, or return it with a posting of its own.

    Raises:
        ClaimSettledError: what it took was settled already in another way.
    """
    if step is MoneyStep.NOTHING:
        return
    refund = await lock_refund(case.connection, case.row["refund_id"])
    match step:
        case MoneyStep.TAKE_HELD:
            await _take(case, refund, approved_by)
        case MoneyStep.RETURN_HELD | MoneyStep.RETURN_TAKEN:
            await _return(case, refund, approved_by, is_held=step is MoneyStep.RETURN_HELD)
        case MoneyStep.HOLD | MoneyStep.TAKE:
            raise AssertionError("these record a chargeback")
        case _:
            assert_never(step)


async def _take(case: DisputeCase, refund: Row, approved_by: str) -> None:
    try_row = await case.connection.fetchrow(
        "SELECT * FROM tries WHERE attempt_id = $1", refund["attempt_id"]
    )
    outcome = {**case.try_row, **try_row}
    alarm = await take_chargeback(case.connection, case.payment, outcome, refund, approved_by)
    if alarm is not None:
        facts = {"refund_id": str(refund["id"]), "connector_id": refund["connector_id"]}
        subject = refund_subject(refund["id"])
        raised = RaisedAlarm(alarm, subject, refund["payment_id"], refund["amount"], facts)
        await raise_alarms(case.connection, [raised])


async def _return(case: DisputeCase, refund: Row, approved_by: str, *, is_held: bool) -> None:
    connection, connector_id = case.connection, refund["connector_id"]
    amount = Money(refund["amount"], refund["currency"])
    if not is_held:
        await _require_unsettled(case, refund)
    await move_refund(connection, refund, RefundEvent.RETURNED_BY_CONNECTOR, {}, StepDetails(approved_by))
    await post(connection, refund, dispute_won_entry(connector_id, amount, is_held=is_held))
    await change_running_totals(connection, refund, -1)
    if not is_held:
        await _give_back_to_bearers(case, refund)
    reason = f"dispute {case.row['id']} was won"
    await end_alarms(
        connection,
        [refund_subject(refund["id"])],
        AlarmEnd.DECISION,
        reason,
        [Alarm.CHARGEBACK_BEYOND_THE_BILL],
    )


async def _give_back_to_bearers(case: DisputeCase, refund: Row) -> None:
    """Reverse what a final chargeback took from its payee, from us or from suspense."""
    connector_id, currency = refund["connector_id"], refund["currency"]
    borne = Money(refund["amount"] - refund["from_suspense"], currency)
    payee, bearer = case.payment["biller_id"], Bearer(refund["bearer"])
    if borne.minor and is_merchant(payee):
        await write_share_reversal(case.connection, case.payment, connector_id, Money(-borne.minor, currency))
    elif borne.minor:
        due = refund_due_entry(RefundKind.CHARGEBACK, payee, connector_id, borne, bearer)
        assert due is not None, "a bill has no shares"
        await post(case.connection, refund, due.reversal())
    if refund["from_suspense"]:
        claim = charged_back_from_suspense_entry(connector_id, Money(refund["from_suspense"], currency))
        await post(case.connection, refund, claim.reversal())


async def _require_unsettled(case: DisputeCase, refund: Row) -> None:
    account = f"suspense:{refund['connector_id']}"
    left = await lock_unsettled_claims(case.connection, case.payment["id"], account)
    if left < refund["from_suspense"]:
        raise ClaimSettledError(case.row["id"], "its claim in suspense is settled already")
    if await case.connection.fetchval(IS_TOLD, refund["id"]):
        raise ClaimSettledError(case.row["id"], "its biller's scroll has told it as taken back already")


def burden_of(proposed: dict[str, Any]) -> Burden:
    """Who bears the money, as the proposal says."""
    takes_back = proposed.get("biller_takes_back") == "yes"
    return Burden(takes_back, Bearer(proposed.get("bearer", Bearer.PAYEE)), proposed.get("consent", ""))
