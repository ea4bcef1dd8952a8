"""What a person's decision about a refund writes, under the locks that the desk holds."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import owed_back_from_suspense, paid_back
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import (
    NewRefund,
    PaidByHand,
    RefundEvent,
    RefundKind,
    RefundRefusal,
    RefundState,
    ReviewEnd,
    decide_refund,
    end_of_review,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.collections.share_postings import read_split
from ekpay_switch.persistence.own_transactions import Connection
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.payment_rows import change, from_json, tell
from ekpay_switch.persistence.refunds.rows import (
    HOLD,
    Place,
    Row,
    add_refund,
    held_of,
    lock_place,
    read_refund,
    view_of,
)
from ekpay_switch.persistence.refunds.steps import (
    Doing,
    move_payment_of_refund,
    move_refund,
    owe,
    post,
    write_plan,
)
from ekpay_switch.persistence.refunds.store import take_on
from ekpay_switch.ports.collections import RefundTaken, RefundView

LAST_STEP = "SELECT from_state, facts FROM history WHERE payment_id = $1 ORDER BY seq DESC LIMIT 1"
_ONE_PERSON = "whoever asked for a refund, or says that it was paid, is not the second person that it takes"


class NotWaitingError(SwitchError):
    """The refund, or its payment, is not in a state that waits for this."""


class DebtLimitError(SwitchError):
    """The merchant's debt limit does not allow it: approve it once more was sold, or reject it."""


class NothingInSuspenseError(SwitchError):
    """No collected money of this payment stands in suspense, or somebody asks for it already."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody of the staff asks that money go back; the refund's id is made before the database is asked."""

    refund_id: UUID
    reason: str
    by: str

    def new(self, place: Place, kind: RefundKind, amount: Money) -> NewRefund:
        """The refund that is asked for; a second person has to approve it."""
        content = f"{place.payment_id} {kind} {amount} {self.reason}"
        return NewRefund(
            refund_id=self.refund_id,
            payment_id=place.payment_id,
            partner_id=place.partner_id,
            reference=f"{kind}:{self.refund_id}",
            fingerprint=hashlib.sha256(content.encode()).digest(),
            amount=amount,
            reason=self.reason,
            asked_by=self.by,
            needs_approval=True,
            kind=kind,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """A refund that a person decides about, with its payment and its try, all of them locked."""

    connection: Connection
    payment: Row
    one: Row
    refund: Row

    @property
    def state(self) -> RefundState:
        """How the refund stands."""
        return RefundState(self.refund["state"])

    @property
    def payment_state(self) -> State:
        """How its payment stands."""
        return State(self.payment["state"])

    @property
    def amount(self) -> Money:
        """What is to go back."""
        return Money(self.refund["amount"], self.refund["currency"])


Decision = Callable[[Case, str], Awaitable[None]]


# ---- asking


async def ask_chargeback(
    connection: Connection, new: NewRefund, place: Place, name: str
) -> RefundTaken | RefundRefusal:
    """Take a chargeback on under the connector's own name of it, so that it is written down once."""
    taken = await take_on(connection, new, place, parts_max=0, days_max=0)
    if isinstance(taken, RefundTaken) and not taken.is_repeat:
        await change(connection, "refunds", {"id": new.refund_id}, {"provider_refund": name})
    return taken


async def ask_review_give_back(connection: Connection, asking: Asking, place: Place) -> RefundView:
    """Ask for money that disagreed; which kind of refund it is follows from how its payment stands.

    Raises:
        NothingInSuspenseError: somebody was faster.
    """
    payment, one = await lock_place(connection, place)
    end = await _end_of_review(connection, payment, one)
    stands = await read_refund(connection, asking.refund_id)
    if stands is None:
        if one["refunded"]:
            raise NothingInSuspenseError
        amount = Money(one["collected"], payment["currency"])
        stands = await add_refund(connection, asking.new(place, end.kind, amount), place)
    return view_of(stands)


async def _end_of_review(connection: Connection, payment: Row, one: Row) -> ReviewEnd:
    last = await connection.fetchrow(LAST_STEP, payment["id"])
    facts = from_json(last["facts"])
    is_its_reason = "collected_amount" in facts and (
        facts.get("provider_transaction", "") == (one["provider_transaction"] or "")
    )
    return end_of_review(State(payment["state"]), State(last["from_state"]), is_its_reason=is_its_reason)


# ---- deciding


async def approve(case: Case, by: str) -> None:
    """Agree to a refund that was asked for; said again by the same person, it stands already.

    Raises:
        NotWaitingError: nobody waits for approval, or the payment has moved on.
        OnePersonError: who approves is who asked.
        DebtLimitError: its merchant has sold too little since.
    """
    if case.refund["approved_by"] == by:
        return
    _require_waiting(case, RefundState.ASKED)
    if case.refund["asked_by"] == by:
        raise OnePersonError(_ONE_PERSON)
    kind = RefundKind(case.refund["kind"])
    match kind:
        case RefundKind.REFUND:
            await _approve_refund(case, by)
        case RefundKind.CHARGEBACK:
            await _approve_chargeback(case, by)
        case RefundKind.GIVE_BACK | RefundKind.UNEXPECTED:
            await _approve_give_back(case, by, kind)
        case _:
            assert_never(kind)


async def _approve_refund(case: Case, by: str) -> None:
    _require_completed(case)
    split = await read_split(case.connection, case.payment)
    if split is not None and not split.covers(case.amount):
        raise DebtLimitError
    await _move(
        case, RefundEvent.APPROVED, Doing(by, {"approved_by": by, "next_action_at": case.refund["now"]})
    )
    await owe(case.connection, case.payment, case.refund)


async def _approve_chargeback(case: Case, by: str) -> None:
    """The connector has it already: what becomes owed is paid back in the same moment."""
    _require_completed(case)
    await _move(case, RefundEvent.TAKEN_BY_CONNECTOR, Doing(by, {"approved_by": by}))
    await owe(case.connection, case.payment, case.refund)
    await post(case.connection, case.refund, paid_back(case.refund["connector_id"], case.amount))


async def _approve_give_back(case: Case, by: str, kind: RefundKind) -> None:
    """Money leaves suspense for its payer, and the review that it caused is over."""
    end = await _end_of_review(case.connection, case.payment, case.one)
    if end.kind is not kind:
        raise NotWaitingError
    await _move(
        case, RefundEvent.APPROVED, Doing(by, {"approved_by": by, "next_action_at": case.refund["now"]})
    )
    entry = owed_back_from_suspense(case.refund["connector_id"], case.amount)
    await post(case.connection, case.refund, entry)
    if not end.payment_events:
        return
    facts = {"asked_by": case.refund["asked_by"], "reason": case.refund["reason"]}
    version = await move_payment_of_refund(case.connection, case.payment, end.payment_events, facts, by)
    if kind is RefundKind.GIVE_BACK and case.payment["refusal"] is None:
        # A bill whose money goes back is free to be paid again, whatever is found out about this one later.
        refused = {"refusal": str(Refusal.AMOUNT_DIFFERS)}
        await change(case.connection, "payments", {"id": case.payment["id"]}, refused)
    if end.notice:
        await tell(case.connection, case.payment, end.notice, version)


async def reject(case: Case, by: str) -> None:
    """Refuse what was asked for, or take one's own request back; the running total is free again.

    Raises:
        NotWaitingError: nobody waits for approval.
    """
    _require_waiting(case, RefundState.ASKED)
    # A chargeback's name over there may be written down again, rightly.
    await _move(case, RefundEvent.REJECTED, Doing(by, {"provider_refund": None}))
    await case.connection.execute(HOLD, case.refund["attempt_id"], -case.refund["amount"])


async def confirm(case: Case, by: str) -> None:
    """Confirm that a refund was paid by hand; said again by the same person, it stands already.

    Raises:
        NotWaitingError: nobody has said that it was paid.
        OnePersonError: who confirms is who said so.
    """
    if case.refund["confirmed_by"] == by:
        return
    _require_waiting(case, RefundState.BY_HAND)
    said_by, bank_reference = case.refund["by_hand_by"], case.refund["bank_reference"]
    if said_by is None:
        raise NotWaitingError
    if said_by == by:
        raise OnePersonError(_ONE_PERSON)
    plan = decide_refund(held_of(case.refund), case.payment_state, PaidByHand(bank_reference))
    doing = Doing(by, {"confirmed_by": by})
    await write_plan(case.connection, case.payment, case.refund, plan, doing)


def _require_waiting(case: Case, state: RefundState) -> None:
    if case.state is not state:
        raise NotWaitingError


def _require_completed(case: Case) -> None:
    """What the payee was credited is taken from it only while nobody doubts that it was."""
    if case.payment_state is not State.COMPLETED:
        raise NotWaitingError


async def _move(case: Case, event: RefundEvent, doing: Doing) -> None:
    await move_refund(case.connection, case.refund, event, {}, doing)
