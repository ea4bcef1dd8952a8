"""What staff does with refunds: request, approve, reject, pay by hand, record chargebacks, end reviews.

Whatever moves money takes two persons: one requests or records, another approves or confirms. The caller has
verified them (`Staff.verify`); that they are two is checked here, and by the constraints of `refunds`.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from ekpay_switch.domain.alarms import RaisedAlarm, refund_subject
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import UNNAMED, Bearer, Burden
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.payment_rows import from_json
from ekpay_switch.persistence.refunds.chargebacks import (
    READ_FURTHER_REFUND,
    ChargebackLimit,
    FurtherMovementError,
    ask_undisputed_chargeback,
)
from ekpay_switch.persistence.refunds.decisions import (
    NothingInSuspenseError,
    RefundCase,
    RefundRequest,
    StaffDecision,
    approve,
    ask_review_give_back,
    confirm,
    record_by_hand,
    reject,
    withdraw_by_hand,
)
from ekpay_switch.persistence.refunds.rows import (
    TARGET_IN_SUSPENSE,
    TARGET_OF_CHARGEBACK,
    TARGET_OF_FUNDING,
    TARGET_OF_REFUND,
    TARGET_OF_TRANSACTION,
    RefundTarget,
    lock_refund,
    lock_target,
    read_target,
    view_of,
)
from ekpay_switch.persistence.refunds.store import open_refund
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.collections import RefundOpened, RefundView
from ekpay_switch.security.identifiers import uuid7

_LINES = "SELECT r.*, p.currency FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id"
READ_LIST = f"{_LINES} WHERE r.state = ANY($1) ORDER BY r.created_at DESC, r.id DESC LIMIT $2"
READ_LINE = f"{_LINES} WHERE r.id = $1"
READ_STEPS = "SELECT * FROM refund_history WHERE refund_id = $1 ORDER BY seq"

Line = Mapping[str, Any]


class UnknownRefundError(SwitchError):
    """There is no such refund."""


class RefundRefusedError(SwitchError):
    """The refund was not taken on."""

    def __init__(self, refusal: RefundRefusal) -> None:
        super().__init__(f"the refund was not taken on: {refusal.replace('_', ' ')}")
        self.refusal = refusal


class ChargebackTooLargeError(RefundRefusedError):
    """More is said to be charged back than what is left of the collected money."""

    def __init__(self, limit: ChargebackLimit) -> None:
        super().__init__(RefundRefusal.EXCEEDS_REMAINING)
        self.limit = limit

    def __str__(self) -> str:
        """What is left of how much."""
        return f"at most {self.limit.collected} were collected, {self.limit.left} of it are left"


class ReferenceTakenError(SwitchError):
    """The reference is empty or belongs to another refund: a movement of money is recorded once."""


class BearerError(SwitchError):
    """A biller's consent needs its reference, and only a bill's refund has a bearer that staff names."""


class RefundStaffActions:
    """Refunds as finance works on them; each call is one transaction."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    # ---- reading

    async def list(self, states: Collection[RefundState], count_max: int = 1_000) -> Sequence[Line]:
        """Refunds in one of these states, the newest first; amounts in paisa, with their `currency`."""

        async def _read(connection: Connection) -> Sequence[Line]:
            rows = await connection.fetch(READ_LIST, sorted(states), count_max)
            return [dict(row) for row in rows]

        return await self._transactions.run(_read)

    async def details(self, refund_id: UUID) -> tuple[Line, Sequence[Line]]:
        """A refund and its steps, the oldest first.

        Raises:
            UnknownRefundError: there is no such refund.
        """

        async def _read(connection: Connection) -> tuple[Line | None, Sequence[Line]]:
            row = await connection.fetchrow(READ_LINE, refund_id)
            steps = await connection.fetch(READ_STEPS, refund_id)
            decoded_steps = [{**step, "facts": from_json(step["facts"])} for step in steps]
            return row and dict(row), decoded_steps

        line, steps = await self._transactions.run(_read)
        if line is None:
            raise UnknownRefundError
        return line, steps

    async def connector_of(self, payment_id: UUID) -> str | None:
        """The connector that collected this payment's money; None if there is none, or no such payment."""
        target = await self._find(TARGET_OF_FUNDING, payment_id)
        return None if target is None else target.connector_id

    async def payee_of(self, payment_id: UUID) -> str | None:
        """The biller or merchant of this payment; None if nothing was collected, or no such payment."""
        target = await self._find(TARGET_OF_FUNDING, payment_id)
        return None if target is None else target.payee

    # ---- the first person

    async def request(
        self,
        payment_id: UUID,
        amount: Money,
        reason: str,
        by: str,
        parts_max: int,
        days_max: int,
        *,
        burden: Burden = UNNAMED,
    ) -> RefundView:
        """Request a refund of a completed payment, within what its connector allows.

        Where its biller takes nothing back, `burden` names who bears the refund.

        Raises:
            RefundRefusedError: the refund is refused; its `refusal` says why.
            BearerError: `burden` names nobody who can bear it.
        """
        target = await self._funding(payment_id)
        _require_bearer(burden, target)
        new = RefundRequest(uuid7(), reason, by, burden).new(target, RefundKind.REFUND, amount)
        work = partial(open_refund, new=new, target=target, parts_max=parts_max, days_max=days_max)
        return _view_or_raise(await self._transactions.run(work, target.accounts))

    async def record_chargeback(
        self,
        payment_id: UUID,
        amount: Money,
        reference: str,
        by: str,
        burden: Burden = UNNAMED,
        *,
        transaction: str = "",
    ) -> RefundView:
        """Record that the connector has taken collected money back, under its own reference.

        The payment may be in any state. `transaction` is the connector's name of the collected movement; if
        it is empty, the one that paid for the payment is meant, else the oldest one. Where the payment's
        biller takes nothing back, `burden` names who bears what the payee would give.

        Raises:
            RefundRefusedError: this amount cannot have been taken; its `refusal` says why.
            ChargebackTooLargeError: no so much is left of what was collected; it says how much is.
            FurtherMovementError: the transaction is a further movement; it names what to do instead.
            ReferenceTakenError: the reference is empty, or exists already.
            BearerError: `burden` names nobody who can bear it.
            DisputedError: it is the money of a dispute, which alone records it.
            DecidedRowError: a decision about the break of its row has booked its money.
        """
        query, names = (TARGET_OF_TRANSACTION, (transaction,)) if transaction else (TARGET_OF_CHARGEBACK, ())
        target, name = await self._find(query, payment_id, *names), reference.strip()
        if target is None:
            await self._refuse_further_movement(payment_id, transaction)
            raise RefundRefusedError(RefundRefusal.NOT_REFUNDABLE)
        if not name:
            raise ReferenceTakenError
        _require_bearer(burden, target)
        request = RefundRequest(uuid7(), "taken back by the connector", by, burden)
        new = request.new(target, RefundKind.CHARGEBACK, amount)
        work = partial(ask_undisputed_chargeback, new=new, target=target, name=name)
        try:
            answer = await self._transactions.run(work, target.accounts)
        except asyncpg.UniqueViolationError as problem:
            raise ReferenceTakenError from problem
        if isinstance(answer, ChargebackLimit):
            raise ChargebackTooLargeError(answer)
        return _view_or_raise(answer)

    async def request_review_give_back(self, payment_id: UUID, reason: str, by: str) -> RefundView:
        """Request that collected money which disagreed go back; its approval ends the review that it caused.

        Raises:
            NothingInSuspenseError: there is none.
            PaidAtDeskError: a decision about a break owes it, or has paid it.
        """
        target = await self._find(TARGET_IN_SUSPENSE, payment_id)
        if target is None:
            raise NothingInSuspenseError
        work = partial(ask_review_give_back, asking=RefundRequest(uuid7(), reason, by), target=target)
        return await self._transactions.run(work, target.accounts)

    async def record_paid_by_hand(self, refund_id: UUID, bank_reference: str, by: str) -> None:
        """Record who paid it by hand and the bank's reference; recorded again, it replaces the first record.

        Raises:
            UnknownRefundError: there is no such refund.
            PaidByConnectorError: the connector says that it has paid it; the error names the evidence.
            AlreadyWithPayerError: the payer would have more than was collected.
            NotWaitingError: the refund does not wait to be paid by hand.
            ReferenceTakenError: the bank's reference is empty, or belongs to another refund.
        """
        reference = bank_reference.strip()
        if not reference:
            raise ReferenceTakenError
        try:
            await self._decide(refund_id, by, partial(record_by_hand, bank_reference=reference))
        except asyncpg.UniqueViolationError as problem:
            raise ReferenceTakenError from problem

    async def withdraw_paid_by_hand(self, refund_id: UUID, reason: str, by: str) -> RefundView:
        """Withdraw that our bank has paid it, for a reason; any person of finance may, until it is confirmed.

        The refund waits again to be paid by hand, or ends as paid back where the connector has paid it.

        Raises:
            UnknownRefundError: there is no such refund.
            NotWaitingError: nobody has recorded that it was paid by hand, or it is confirmed.
        """
        return await self._decide(refund_id, by, partial(withdraw_by_hand, reason=reason))

    # ---- the second person

    async def approve(self, refund_id: UUID, by: str) -> RefundView:
        """Approve a refund that another person requested; a chargeback is then paid back, any other owed.

        Raises:
            UnknownRefundError: there is no such refund.
            OnePersonError: the approver is the person who requested it.
            NotWaitingError: the refund does not wait for approval, or its payment has moved on.
            DebtLimitError: the merchant's debt limit does not allow it.
            PaidAtDeskError: a decision about a break owes the money, or has paid it.
            ChargedBackError: the connector has taken the money back since it was requested.
        """
        return await self._decide(refund_id, by, approve)

    async def reject(self, refund_id: UUID, by: str) -> RefundView:
        """Reject a requested refund, also one's own; no money moves.

        Raises:
            UnknownRefundError: there is no such refund.
            NotWaitingError: the refund does not wait for approval.
        """
        return await self._decide(refund_id, by, reject)

    async def confirm_paid_by_hand(self, refund_id: UUID, by: str) -> RefundView:
        """Confirm that our bank has paid it, as another person recorded; the payer has the money.

        Raises:
            UnknownRefundError: there is no such refund.
            OnePersonError: the same person has recorded the payment.
            PaidByConnectorError: the connector says that it has paid it; the error names the evidence.
            AlreadyWithPayerError: the payer would have more than was collected.
            NotWaitingError: nobody has recorded that it was paid by hand.
        """
        return await self._decide(refund_id, by, confirm)

    async def _decide(self, refund_id: UUID, by: str, decision: StaffDecision) -> RefundView:
        target = await self._find(TARGET_OF_REFUND, refund_id)
        if target is None:
            raise UnknownRefundError

        async def _work(connection: Connection) -> RefundView:
            payment, try_row = await lock_target(connection, target)
            refund = await lock_refund(connection, refund_id)
            alarm = await decision(RefundCase(connection, payment, try_row, refund), by)
            view = view_of(await lock_refund(connection, refund_id))
            if alarm is not None:
                facts = {"refund_id": str(refund_id), "connector_id": target.connector_id}
                raised = RaisedAlarm(
                    alarm, refund_subject(refund_id), view.payment_id, view.amount.minor, facts
                )
                await raise_alarms(connection, [raised])
            return view

        return await self._transactions.run(_work, target.accounts)

    async def _funding(self, payment_id: UUID) -> RefundTarget:
        target = await self._find(TARGET_OF_FUNDING, payment_id)
        if target is None:
            raise RefundRefusedError(RefundRefusal.NOT_REFUNDABLE)
        return target

    async def _refuse_further_movement(self, payment_id: UUID, transaction: str) -> None:
        row = await self._transactions.run(
            lambda connection: connection.fetchrow(READ_FURTHER_REFUND, payment_id, transaction)
        )
        if row is not None:
            raise FurtherMovementError(row["id"], RefundState(row["state"]))

    async def _find(self, query: str, row_id: UUID, *names: str) -> RefundTarget | None:
        return await self._transactions.run(lambda connection: read_target(connection, query, row_id, *names))


def _require_bearer(burden: Burden, target: RefundTarget) -> None:
    """Raise BearerError unless a consent has its reference, and a merchant's payment no named bearer."""
    is_complete = (burden.bearer is Bearer.CONSENT) == bool(burden.consent.strip())
    if not is_complete or (burden.is_named and is_merchant(target.payee)):
        raise BearerError


def _view_or_raise(answer: RefundOpened | RefundRefusal) -> RefundView:
    if isinstance(answer, RefundRefusal):
        raise RefundRefusedError(answer)
    return answer.view
