"""The decisions of staff about refunds, each under the locks that `staff_actions` has taken."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import owed_back_from_suspense_entry
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.burden import UNNAMED, Burden
from ekpay_switch.domain.refunds.end_of_review import ReviewEnd, end_of_review
from ekpay_switch.domain.refunds.new_refund import (
    NewRefund,
)
from ekpay_switch.domain.refunds.refund import (
    FREED,
    PaidByHand,
    RefundEvent,
    RefundKind,
    RefundState,
    decide_refund,
)
from ekpay_switch.domain.refunds.with_payer import had_of
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.bank_lines import refuse_booked_line
from ekpay_switch.persistence.collections.break_refunds import is_owed_at_desk
from ekpay_switch.persistence.collections.share_postings import read_split
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.payment_rows import add_notification, from_json, update_row
from ekpay_switch.persistence.refunds.chargebacks import alarm_of_chargeback, take_chargeback
from ekpay_switch.persistence.refunds.late_payments import require_unpaid, settle_late_payment
from ekpay_switch.persistence.refunds.rows import (
    READ_PARTS,
    RefundTarget,
    Row,
    add_refund,
    change_running_totals,
    lock_target,
    locked_refund_of,
    read_refund,
    view_of,
)
from ekpay_switch.persistence.refunds.steps import (
    StepDetails,
    move_payment_of_refund,
    move_refund,
    owe,
    post,
    write_plan,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import RefundView

LAST_STEP = "SELECT from_state, facts FROM history WHERE payment_id = $1 ORDER BY seq DESC LIMIT 1"
_ONE_PERSON = "whoever asked for a refund, or says that it was paid, is not the second person that it takes"


class NotWaitingError(SwitchError):
    """The refund, or its payment, is not in a state that waits for this."""


class DebtLimitError(SwitchError):
    """The merchant's debt limit does not allow it: approve it after further sales, or reject it."""


class ChargedBackError(SwitchError):
    """The connector has taken the money back since it was asked for: reject it."""


class AlreadyWithPayerError(SwitchError):
    """The payer has the money of a refund left to finance already, whole or in part; it names the way out."""

    def __init__(self, refund_id: UUID, had: Money) -> None:
        super().__init__(
            f"the payer has {had} of it already, by a chargeback or a late refund of the connector: once that"
            f" is approved, two persons decide it (ekpay decide show {refund_id})"
        )


class NothingInSuspenseError(SwitchError):
    """No collected money of this payment stands in suspense, or somebody asks for it already."""


class PaidAtDeskError(SwitchError):
    """Finance owes or has paid this money back by a decision about a break; reverse that if it is not so."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A request of staff that money go back; the refund's id is made before the database is asked."""

    refund_id: UUID
    reason: str
    by: str
    burden: Burden = UNNAMED

    def new(self, target: RefundTarget, kind: RefundKind, amount: Money) -> NewRefund:
        """The requested refund, which a second person has to approve."""
        content = f"{target.payment_id} {kind} {amount} {self.reason}"
        return NewRefund(
            refund_id=self.refund_id,
            payment_id=target.payment_id,
            partner_id=target.partner_id,
            reference=f"{kind}:{self.refund_id}",
            fingerprint=hashlib.sha256(content.encode()).digest(),
            amount=amount,
            reason=self.reason,
            requested_by=self.by,
            needs_approval=True,
            kind=kind,
            burden=self.burden,
        )


@dataclass(frozen=True, slots=True)
class RefundCase:
    """A refund that staff decides about, with its payment and its try; all three are locked."""

    connection: Connection
    payment: Row
    try_row: Row
    refund: Row

    @property
    def state(self) -> RefundState:
        """The state of the refund."""
        return RefundState(self.refund["state"])

    @property
    def payment_state(self) -> State:
        """The state of its payment."""
        return State(self.payment["state"])

    @property
    def amount(self) -> Money:
        """The amount of the refund."""
        return Money(self.refund["amount"], self.refund["currency"])


# Its answer is the alarm to raise once it is durable.
StaffDecision = Callable[[RefundCase, str], Awaitable[Alarm | None]]


# ---- requests


async def ask_review_give_back(
    connection: Connection, asking: RefundRequest, target: RefundTarget
) -> RefundView:
    """Request that money which disagreed go back; the kind of refund follows from the payment's state.

    Raises:
        NothingInSuspenseError: it was given back meanwhile.
        PaidAtDeskError: a decision about a break owes it, or has paid it.
    """
    payment, try_row = await lock_target(connection, target)
    await _refuse_owed_at_desk(connection, target.attempt_id)
    end = await _end_of_review(connection, payment, try_row)
    stands = await read_refund(connection, asking.refund_id)
    if stands is None:
        left = try_row["collected"] - try_row["refunded"] - try_row["charged_back"]
        # Two persons may have taken it as it came meanwhile, so that it funds its payment.
        if left <= 0 or try_row["outcome"] == TryEnd.APPROVED:
            raise NothingInSuspenseError
        amount = Money(left, payment["currency"])
        stands = await add_refund(connection, asking.new(target, end.kind, amount), target)
    return view_of(stands)


async def _end_of_review(connection: Connection, payment: Row, try_row: Row) -> ReviewEnd:
    last = await connection.fetchrow(LAST_STEP, payment["id"])
    facts = from_json(last["facts"])
    is_its_reason = "collected_amount" in facts and (
        facts.get("provider_transaction", "") == (try_row["provider_transaction"] or "")
    )
    return end_of_review(State(payment["state"]), State(last["from_state"]), is_its_reason=is_its_reason)


# ---- decisions


async def approve(case: RefundCase, by: str) -> Alarm | None:
    """Approve a requested refund; idempotent for the same person. Returns the alarm of a chargeback.

    Raises:
        NotWaitingError: the refund does not wait for approval, or its payment has moved on.
        OnePersonError: the approver is the person who requested it.
        NotAllowedError: the approver may decide nothing any more.
        LeftStaffError: who requested it may not.
        DebtLimitError: the merchant's debt limit does not allow it.
        PaidAtDeskError: a decision about a break owes the money, or has paid it.
        ChargedBackError: the connector has taken the money back since it was requested.
    """
    if case.refund["approved_by"] == by:
        # One that a connector holds for a dispute, or has returned, is no claim.
        is_final = case.state is RefundState.DONE
        return alarm_of_chargeback(case.try_row, case.refund) if is_final else None
    _require_waiting(case, RefundState.REQUESTED)
    if case.refund["asked_by"] == by:
        raise OnePersonError(_ONE_PERSON)
    await require_decider(case.connection, by)
    await refuse_without_asker(case.connection, case.refund["asked_by"])
    kind = RefundKind(case.refund["kind"])
    match kind:
        case RefundKind.REFUND:
            await _approve_refund(case, by)
        case RefundKind.CHARGEBACK:
            return await take_chargeback(case.connection, case.payment, case.try_row, case.refund, by)
        case RefundKind.GIVE_BACK | RefundKind.UNEXPECTED:
            await _approve_give_back(case, by, kind)
        case _:
            assert_never(kind)
    return None


async def _approve_refund(case: RefundCase, by: str) -> None:
    if case.payment_state is not State.COMPLETED:
        # Only then was its payee credited.
        raise NotWaitingError
    await _require_not_with_payer(case)
    split = await read_split(case.connection, case.payment)
    if split is not None and not split.covers(case.amount):
        raise DebtLimitError
    await _move(
        case, RefundEvent.APPROVED, StepDetails(by, {"approved_by": by, "next_action_at": case.refund["now"]})
    )
    await owe(case.connection, case.payment, case.refund)


async def _approve_give_back(case: RefundCase, by: str, kind: RefundKind) -> None:
    """Approve that money leaves suspense for its payer, which ends the review that it caused."""
    await _refuse_owed_at_desk(case.connection, case.refund["attempt_id"])
    if case.try_row["outcome"] == TryEnd.APPROVED:
        raise NotWaitingError
    end = await _end_of_review(case.connection, case.payment, case.try_row)
    if end.kind is not kind:
        raise NotWaitingError
    await _require_not_with_payer(case)
    await _move(
        case, RefundEvent.APPROVED, StepDetails(by, {"approved_by": by, "next_action_at": case.refund["now"]})
    )
    entry = owed_back_from_suspense_entry(case.refund["connector_id"], case.amount)
    await post(case.connection, case.refund, entry)
    if not end.payment_events:
        return
    facts = {"asked_by": case.refund["asked_by"], "reason": case.refund["reason"]}
    version = await move_payment_of_refund(case.connection, case.payment, end.payment_events, facts, by)
    if kind is RefundKind.GIVE_BACK and case.payment["refusal"] is None:
        # The refusal releases the bill: it may be paid again, whatever is found out about this payment later.
        refused = {"refusal": str(Refusal.AMOUNT_DIFFERS)}
        await update_row(case.connection, "payments", {"id": case.payment["id"]}, refused)
    if end.notice:
        await add_notification(case.connection, case.payment, end.notice, version)


async def _refuse_owed_at_desk(connection: Connection, attempt_id: UUID) -> None:
    """Raise PaidAtDeskError where the payer of this try has the money from finance, or is owed it there."""
    if await is_owed_at_desk(connection, attempt_id):
        raise PaidAtDeskError


async def reject(case: RefundCase, by: str) -> None:
    """Reject a requested refund, also one's own; its amount leaves the running total of its try.

    Raises:
        NotWaitingError: the refund does not wait for approval.
    """
    _require_waiting(case, RefundState.REQUESTED)
    # The connector's reference of a chargeback may be recorded again.
    await _move(case, RefundEvent.REJECTED, StepDetails(by, {"provider_refund": None}))
    await change_running_totals(case.connection, case.refund, -1)


async def record_by_hand(case: RefundCase, by: str, *, bank_reference: str) -> None:
    """Record who paid a refund by hand and the bank's reference; recorded again, it replaces the record.

    Raises:
        PaidByConnectorError: the connector says that it has paid it.
        NotWaitingError: the refund does not wait to be paid by hand.
        AlreadyWithPayerError: the payer would have more than was collected.
    """
    await require_unpaid(case.connection, case.refund)
    _require_waiting(case, RefundState.BY_HAND)
    await _require_not_had(case)
    recorded = {"by_hand_by": by, "bank_reference": bank_reference, "updated_at": case.refund["now"]}
    await update_row(case.connection, "refunds", {"id": case.refund["id"]}, recorded)


async def withdraw_by_hand(case: RefundCase, by: str, *, reason: str) -> None:
    """Withdraw that a refund was paid by hand, also if another person has recorded it; then it is unpaid.

    Where the connector says that it has paid it, the refund ends so; where a file says so, it is asked.

    Raises:
        NotWaitingError: nobody has recorded that it was paid by hand, or it is confirmed.
    """
    _require_waiting(case, RefundState.BY_HAND)
    recorded_by, bank_reference = case.refund["by_hand_by"], case.refund["bank_reference"]
    if recorded_by is None:
        raise NotWaitingError
    facts = {"recorded_by": recorded_by, "bank_reference": bank_reference, "reason": reason}
    is_worth_asking = case.refund["sends"] or locked_refund_of(case.refund).files.amounts
    due = case.refund["now"] if is_worth_asking else None
    changes = {"by_hand_by": None, "bank_reference": None, "next_action_at": due}
    await move_refund(
        case.connection, case.refund, RefundEvent.BY_HAND_WITHDRAWN, facts, StepDetails(by, changes)
    )
    await settle_late_payment(case.connection, case.payment, case.refund)


async def confirm(case: RefundCase, by: str) -> None:
    """Confirm that a refund was paid by hand; idempotent for the same person.

    Raises:
        PaidByConnectorError: the connector says that it has paid it.
        NotWaitingError: nobody has recorded that it was paid by hand.
        OnePersonError: the same person has recorded it.
        AlreadyWithPayerError: the payer would have more than was collected; withdraw the record.
        NotAllowedError: who confirms may decide nothing any more.
        LeftStaffError: who recorded it may not.
        BankLineBookedError: something else has booked this line of the bank's statement.
    """
    if case.refund["confirmed_by"] == by:
        return
    await require_unpaid(case.connection, case.refund)
    _require_waiting(case, RefundState.BY_HAND)
    recorded_by, bank_reference = case.refund["by_hand_by"], case.refund["bank_reference"]
    if recorded_by is None:
        raise NotWaitingError
    if recorded_by == by:
        raise OnePersonError(_ONE_PERSON)
    await _require_not_had(case)
    await require_decider(case.connection, by)
    await refuse_without_asker(case.connection, recorded_by)
    await refuse_booked_line(case.connection, [bank_reference], case.refund["id"])
    plan = decide_refund(locked_refund_of(case.refund), case.payment_state, PaidByHand(bank_reference))
    details = StepDetails(by, {"confirmed_by": by})
    await write_plan(case.connection, case.payment, case.refund, plan, details)


def _require_waiting(case: RefundCase, state: RefundState) -> None:
    if case.state is not state:
        raise NotWaitingError


async def _require_not_with_payer(case: RefundCase) -> None:
    """Raise ChargedBackError where the payer would then have more than the try collected."""
    if await _had(case) > ZERO:
        raise ChargedBackError


async def _require_not_had(case: RefundCase) -> None:
    """Raise AlreadyWithPayerError where paying by hand would give the payer more than was collected.

    A further movement is no part of what its try collected.
    """
    if case.refund["further_movement_id"] is None and (had := await _had(case)) > ZERO:
        raise AlreadyWithPayerError(case.refund["id"], had)


async def _had(case: RefundCase) -> Money:
    """What of this refund the payer would have twice; a chargeback counts from its record on."""
    payment_id, attempt_id = case.payment["id"], case.refund["attempt_id"]
    held = await case.connection.fetchrow(READ_PARTS, payment_id, attempt_id, sorted(FREED))
    beside = held["from_suspense"] + held["paid_late"] - held["settled"]
    collected, refunded, currency = case.try_row["collected"], case.try_row["refunded"], case.amount.currency
    return had_of(case.amount, Money(collected, currency), Money(refunded, currency), Money(beside, currency))


async def _move(case: RefundCase, event: RefundEvent, details: StepDetails) -> None:
    await move_refund(case.connection, case.refund, event, {}, details)
