"""What an approval does: entries, the payment's steps, the refund's step, in the caller's transaction.

The caller holds the locks of `cases.lock_subject`, and has found the case to be the one that was proposed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, payment_subject, refund_subject
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import Case, CaseKind, HeldMoney, PaymentCase, RefundInDoubt
from ekpay_switch.domain.decisions.doors import DECIDED
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.money import ZERO
from ekpay_switch.domain.payment import Event, State, walk
from ekpay_switch.domain.payments.after_give_back import KNOWN_TO_HOLD, KnownHolding
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT, UNDO_WANTED, AttemptEnd
from ekpay_switch.domain.refunds.refund import RefundEvent
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms, raise_alarms
from ekpay_switch.persistence.collections.findings import ABANDON_OTHERS
from ekpay_switch.persistence.collections.further_movements import decide_unbooked
from ekpay_switch.persistence.collections.held import accept_held, let_go_of_held, refuse_held
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.lock_and_read import LOCK_RECEIPTS, READ_RECEIPTS
from ekpay_switch.persistence.group_commit.steps import PostEntry, Step
from ekpay_switch.persistence.host_links.decided import end_unsent
from ekpay_switch.persistence.payment_rows import (
    LEG,
    NEW_HISTORY,
    add_notification,
    from_json,
    lock_payment,
    update_row,
)
from ekpay_switch.persistence.refunds.decisions import (
    RefundCase,
    RefundRequest,
    approve,
    ask_review_give_back,
)
from ekpay_switch.persistence.refunds.late_payments import settle_late_payment
from ekpay_switch.persistence.refunds.rows import (
    TARGET_IN_SUSPENSE,
    lock_refund,
    lock_target,
    locked_refund_of,
    read_target,
)
from ekpay_switch.persistence.refunds.staff_actions import ReferenceTakenError
from ekpay_switch.persistence.refunds.steps import StepDetails, move_payment_of_refund, move_refund
from ekpay_switch.persistence.short_transactions import Connection

Row = Mapping[str, Any]

# The biller's bill may have lapsed while two persons decided; they have decided that it is paid all the same.
DELIVER_WITHIN = timedelta(hours=1)
_LATEST_DELIVERY = """
SELECT id FROM attempts WHERE payment_id = $1 AND leg = 'delivery' ORDER BY opened_at DESC, id DESC LIMIT 1
"""
_USE_RECEIPT = "INSERT INTO used_receipts (receipt, payment_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_CLOSE_DELIVERIES = """
UPDATE attempts SET state = 'closed', outcome = $2, closed_at = now()
WHERE payment_id = $1 AND leg = 'delivery' AND state <> 'closed'
"""
_ACKNOWLEDGE_DELIVERY = """
UPDATE attempts SET state = 'closed', outcome = $2, closed_at = coalesce(closed_at, now()) WHERE id = $1
"""
_EXTEND_QUOTE = """
UPDATE payments SET quote_expires_at = greatest(quote_expires_at, now() + $2::interval) WHERE id = $1
"""
_FUND = "UPDATE attempts SET outcome = 'approved' WHERE id = $1 AND outcome = 'disagreed'"
_OPEN_TRY = """
SELECT id FROM attempts WHERE payment_id = $1 AND leg = 'funds' AND state <> 'closed'
ORDER BY state = 'open' DESC, opened_at DESC LIMIT 1
"""
_CLOSE_TRY = "UPDATE attempts SET state = 'closed', outcome = $2, closed_at = now() WHERE id = $1"
# The new epoch makes what its connector still says mere evidence, and wakes nobody.
_SETTLE_TRY = """
UPDATE tries SET epoch = epoch + 1, lease_until = NULL, next_action_at = NULL, is_woken = false,
  collected = $2, collected_at = CASE WHEN $2::bigint IS NULL THEN NULL ELSE now() END,
  provider_transaction = coalesce(provider_transaction, $3)
WHERE attempt_id = $1
"""
_MISMATCHED_TRY = """
SELECT t.attempt_id, t.connector_id, t.charge, t.fee, t.vat FROM tries AS t
JOIN attempts AS a ON a.id = t.attempt_id
WHERE t.payment_id = $1 AND a.outcome = 'disagreed' AND t.refunded + t.charged_back < t.collected
ORDER BY a.opened_at LIMIT 1
"""

# The entry by which a whole payment goes back to its prefund, and on which date it was taken.
_GIVES_BACK = "given_back"
_TAKEN_ON = "SELECT business_date FROM payments WHERE id = $1"
_HELD = MappingProxyType(
    {
        DecisionAction.TAKE_HELD: accept_held,
        DecisionAction.REFUSE_HELD: refuse_held,
        DecisionAction.NOTHING_COLLECTED: let_go_of_held,
    }
)


@dataclass(frozen=True, slots=True)
class Approval:
    """An approved proposal: what it is, who made and who approves it, and the ids of its entries."""

    decision_id: UUID
    action: DecisionAction
    reason: str
    reference: str
    proposed_by: str
    approved_by: str
    entry_ids: tuple[UUID, ...]

    @property
    def facts(self) -> dict[str, str]:
        """What the history says of it."""
        facts = {"decision": str(self.decision_id), "proposed_by": self.proposed_by, "reason": self.reason}
        return facts | ({"reference": self.reference} if self.reference else {})


async def carry_out(connection: Connection, case: Case, option: Option, approval: Approval) -> None:
    """Do what an option says; the alarms that it answers end with it."""
    subjects, alarms = [payment_subject(case.payment_id)], list[RaisedAlarm]()
    if isinstance(case, RefundInDoubt):
        subjects = [refund_subject(case.refund_id)]
        alarms = await _end_refund(connection, case, option, approval)
    elif case.held is not None:
        alarms = await _end_hold(connection, case, case.held, approval)
    elif case.kind is CaseKind.UNBOOKED_MONEY:
        await decide_unbooked(connection, case.payment_id, approval.decision_id)
    elif option.is_delegated:
        await _give_back_from_suspense(connection, case, approval)
    else:
        await _post(connection, case, option, approval)
        await _move_payment(connection, case, option, approval)
    reason = f"decision {approval.decision_id}: {approval.action}"
    await end_alarms(connection, subjects, AlarmEnd.DECISION, reason, DECIDED[case.kind])
    # After those that end, since they may be about the same subject.
    await raise_alarms(connection, alarms)


async def _post(connection: Connection, case: Case, option: Option, approval: Approval) -> None:
    taken_on = await connection.fetchval(_TAKEN_ON, case.payment_id)
    steps: list[Step] = [
        PostEntry(
            entry_id, case.lane, entry, case.payment_id, taken_on if entry.moment == _GIVES_BACK else None
        )
        for entry_id, entry in zip(approval.entry_ids, option.entries, strict=True)
    ]
    if steps:
        await write_batch(connection, steps)


# ---- payments


async def _move_payment(
    connection: Connection, case: PaymentCase, option: Option, approval: Approval
) -> None:
    """Walk the payment through the option's events; the new epoch makes late answers mere evidence."""
    payment = await lock_payment(connection, case.payment_id)
    assert payment is not None, "a case has its payment"
    if not option.events:
        await add_notification(connection, payment, option.notice, payment["steps"])
        return
    steps = walk(case.state, option.events)
    why = facts_as_json(approval.facts)
    for seq, step in enumerate(steps, payment["steps"] + 1):
        await connection.execute(
            NEW_HISTORY, case.payment_id, seq, *map(str, step), approval.approved_by, why
        )
    state = steps[-1][2]
    facts = _facts_after(from_json(payment["facts"]), option, approval)
    is_receipt_due = case.biller.receipt_comes_later and FINAL_RECEIPT not in facts
    columns: dict[str, object] = {
        "state": str(state),
        "steps": payment["steps"] + len(steps),
        "epoch": payment["epoch"] + 1,
        "lease_until": None,
        "updated_at": payment["now"],
        "facts": facts_as_json(facts),
        **_when_next(state, payment, is_receipt_due=is_receipt_due),
    }
    if option.refusal is not None and payment["refusal"] is None:
        columns["refusal"] = str(option.refusal)
    if case.state is State.COLLECTING:
        columns |= await _end_try(connection, case, approval)
    elif state is State.FUNDED:
        columns |= await _fund(connection, case)
    await update_row(connection, "payments", {"id": case.payment_id}, columns)
    await _end_deliveries(connection, case, option)
    if option.is_delivered and case.biller.has_unique_receipt:
        await _use_receipt(connection, case.payment_id, facts.get(RECEIPT, ""))
    if option.notice:
        await add_notification(connection, payment, option.notice, payment["steps"] + len(steps))


def _facts_after(facts: Mapping[str, str], option: Option, approval: Approval) -> dict[str, str]:
    """The facts with the receipt that the biller's desk has named, or with what the biller is to undo.

    What an earlier decision wanted undone, and another one has overtaken, is wanted no more. What the biller
    of a refunded payment is known to hold is noted, so that the same answer is no news.
    """
    known = {name: fact for name, fact in facts.items() if name not in {UNDO_WANTED, KNOWN_TO_HOLD}}
    if option.action is DecisionAction.UNDO:
        return known | {UNDO_WANTED: str(approval.decision_id)}
    if option.action is DecisionAction.ACCEPT:
        name = FINAL_RECEIPT if option.events == (Event.RECEIPT_ISSUED,) else RECEIPT
        return known | {name: approval.reference}
    if option.events == (Event.REVIEWED_AS_REFUNDED,):
        is_close = option.action is DecisionAction.CLOSE
        return known | {KNOWN_TO_HOLD: KnownHolding.HALF if is_close else KnownHolding.WHOLE}
    return known


async def _use_receipt(connection: Connection, payment_id: UUID, receipt: str) -> None:
    """Keep the receipt from buying a second service.

    Raises:
        ReferenceTakenError: another payment has it.
    """
    if not receipt:
        return
    await connection.execute(LOCK_RECEIPTS, [receipt])
    await connection.execute(_USE_RECEIPT, receipt, payment_id)
    used = await connection.fetchrow(READ_RECEIPTS, [receipt])
    if used is not None and used["payment_id"] != payment_id:
        raise ReferenceTakenError("reference: another payment has this receipt")


def _when_next(state: State, payment: Row, *, is_receipt_due: bool) -> dict[str, object]:
    """When the payment is due for work: at once where a job goes on with it, or watches it."""
    now = payment["now"]
    match state:
        case State.FUNDED:
            # The quote of a payment of a merchant is never over.
            expires_at = max(payment["quote_expires_at"] or now, now + DELIVER_WITHIN)
            return {"next_action_at": now, "quote_expires_at": expires_at}
        case State.CREATED:
            return {"next_action_at": payment["quote_expires_at"]}
        case State.REFUNDING | State.REFUNDED:
            return {"next_action_at": now}
        case State.COMPLETED if is_receipt_due:
            return {"next_action_at": now}
        case _:
            return {"next_action_at": None}


async def _fund(connection: Connection, case: PaymentCase) -> dict[str, object]:
    """Make the try whose money was taken as it came the one that funded the payment; returns its price."""
    try_row = await connection.fetchrow(_MISMATCHED_TRY, case.payment_id)
    if case.came_from not in {State.CREATED, State.COLLECTING} or try_row is None:
        return {}
    await connection.execute(_FUND, try_row["attempt_id"])
    await connection.execute(ABANDON_OTHERS, case.payment_id, LEG, try_row["attempt_id"])
    return _funded_by(case)


async def _end_try(connection: Connection, case: PaymentCase, approval: Approval) -> dict[str, object]:
    """End the try of a collection as its connector's desk says; returns the payment's price then."""
    attempt_id = await connection.fetchval(_OPEN_TRY, case.payment_id)
    is_collected = approval.action is DecisionAction.COLLECTED
    if not is_collected:
        await end_unsent(connection, attempt_id)
    end = TryEnd.APPROVED if is_collected else TryEnd.NEVER_PAID
    await connection.execute(_CLOSE_TRY, attempt_id, str(end))
    collected = case.sums.total.minor if is_collected else None
    transaction = approval.reference if is_collected else None
    await connection.execute(_SETTLE_TRY, attempt_id, collected, transaction)
    if not is_collected:
        return {}
    await connection.execute(ABANDON_OTHERS, case.payment_id, LEG, attempt_id)
    return _funded_by(case)


def _funded_by(case: PaymentCase) -> dict[str, object]:
    """The columns of a payment that this case's connector has funded, at the price of its try."""
    price = {"charge": case.sums.charge.minor, "fee": case.sums.fee.minor, "vat": case.sums.vat.minor}
    return {"collected_by": case.connector_id, **price}


async def _end_deliveries(connection: Connection, case: PaymentCase, option: Option) -> None:
    await connection.execute(_CLOSE_DELIVERIES, case.payment_id, AttemptEnd.NOT_POSTED)
    if option.is_delivered:
        attempt_id = await connection.fetchval(_LATEST_DELIVERY, case.payment_id)
        await connection.execute(_ACKNOWLEDGE_DELIVERY, attempt_id, AttemptEnd.APPROVED)


async def _end_hold(
    connection: Connection, case: PaymentCase, held: HeldMoney, approval: Approval
) -> list[RaisedAlarm]:
    """End a hold as was decided; a bill that is funded so is delivered within an hour."""
    recorded = await _HELD[approval.action](
        connection, held.attempt_id, approval.approved_by, approval.reason
    )
    if recorded.state is State.FUNDED:
        await connection.execute(_EXTEND_QUOTE, case.payment_id, DELIVER_WITHIN)
    return recorded.alarms_of(case.payment_id, case.connector_id)


# ---- refunds


async def _give_back_from_suspense(connection: Connection, case: PaymentCase, approval: Approval) -> None:
    """Have the refund of mismatched money requested by the first person and approved by the second."""
    target = await read_target(connection, TARGET_IN_SUSPENSE, case.payment_id)
    assert target is not None, "the case says that money stands in suspense"
    request = RefundRequest(approval.decision_id, approval.reason, approval.proposed_by)
    await ask_review_give_back(connection, request, target)
    payment, try_row = await lock_target(connection, target)
    refund = await lock_refund(connection, approval.decision_id)
    await approve(RefundCase(connection, payment, try_row, refund), approval.approved_by)


async def _end_refund(
    connection: Connection, case: RefundInDoubt, option: Option, approval: Approval
) -> list[RaisedAlarm]:
    """End a refund as paid back, or leave one in doubt to finance; returns the alarms that follow."""
    await _post(connection, case, option, approval)
    refund = await lock_refund(connection, case.refund_id)
    if approval.action is DecisionAction.NOT_PAID_BACK:
        return await _leave_to_finance(connection, case, refund, approval)
    # What the payer had before has a name of its own already.
    name = None if case.had > ZERO else approval.reference
    changes: dict[str, object] = {
        **_unasked(refund),
        "provider_refund": refund["provider_refund"] or name,
        "settles_claim": case.had.minor,
    }
    details = StepDetails(approval.approved_by, changes)
    await move_refund(connection, refund, RefundEvent.REVIEWED_AS_PAID_BACK, approval.facts, details)
    await _end_payment_of_refund(connection, case, refund, approval)
    return []


def _unasked(refund: Row) -> dict[str, object]:
    """The columns of a refund that nobody holds or asks about any more."""
    return {"lease_until": None, "next_action_at": None, "epoch": refund["epoch"] + 1}


async def _leave_to_finance(
    connection: Connection, case: RefundInDoubt, refund: Row, approval: Approval
) -> list[RaisedAlarm]:
    """Leave it to finance, and go on asking where it may have left us.

    An answer that is stored already and says that it is paid counts: it then ends as paid back.
    """
    changes = _unasked(refund)
    if case.sends or locked_refund_of(refund).files.amounts:
        changes["next_action_at"] = refund["now"]
    details = StepDetails(approval.approved_by, changes)
    await move_refund(connection, refund, RefundEvent.REVIEWED_AS_UNPAID, approval.facts, details)
    payment = await lock_payment(connection, case.payment_id)
    assert payment is not None, "a refund has its payment"
    late = await settle_late_payment(connection, payment, refund)
    kind = Alarm.REFUND_NEEDS_A_PERSON if late is None or late.alarm is None else late.alarm
    subject = refund_subject(case.refund_id)
    return [RaisedAlarm(kind, subject, case.payment_id, case.amount.minor, approval.facts)]


async def _end_payment_of_refund(
    connection: Connection, case: RefundInDoubt, refund: Row, approval: Approval
) -> None:
    """A payment that waited for this refund is refunded; a partner hears of any other one."""
    payment = await lock_payment(connection, case.payment_id)
    assert payment is not None, "a refund has its payment"
    is_waited_for = refund["kind"] == "give_back" and payment["state"] == State.REFUNDING
    if not is_waited_for:
        if refund["kind"] == "refund":
            await add_notification(connection, payment, "refund_done", payment["steps"])
        return
    events = (Event.GIVEN_BACK,)
    version = await move_payment_of_refund(connection, payment, events, approval.facts, approval.approved_by)
    await add_notification(connection, payment, "given_back", version)
