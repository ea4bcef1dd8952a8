"""What staff does with refunds: agree, refuse, pay by hand, write chargebacks down, give back what disagreed.

Whatever moves money takes two persons: one asks or says, another approves or confirms. Callers have checked
who they are (`Staff.verify`); that they are two is checked here, and by the constraints of `refunds`.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import RefundKind, RefundRefusal, RefundState
from ekpay_switch.persistence.own_transactions import Connection, OwnTransactions
from ekpay_switch.persistence.payment_rows import from_json
from ekpay_switch.persistence.refunds.decisions import (
    Asking,
    Case,
    Decision,
    NothingInSuspenseError,
    NotWaitingError,
    approve,
    ask_chargeback,
    ask_review_give_back,
    confirm,
    reject,
)
from ekpay_switch.persistence.refunds.rows import (
    PLACE_IN_SUSPENSE,
    PLACE_OF_FUNDING,
    PLACE_OF_REFUND,
    Place,
    lock_place,
    lock_refund,
    read_place,
    view_of,
)
from ekpay_switch.persistence.refunds.store import take_on
from ekpay_switch.ports.collections import RefundTaken, RefundView
from ekpay_switch.security.identifiers import uuid7

_LINES = "SELECT r.*, p.currency FROM refunds AS r JOIN payments AS p ON p.id = r.payment_id"
READ_LIST = f"{_LINES} WHERE r.state = ANY($1) ORDER BY r.created_at DESC, r.id DESC LIMIT $2"
READ_LINE = f"{_LINES} WHERE r.id = $1"
READ_STEPS = "SELECT * FROM refund_history WHERE refund_id = $1 ORDER BY seq"
SAY_BY_HAND = """
UPDATE refunds SET by_hand_by = $2, bank_reference = $3, updated_at = now()
WHERE id = $1 AND state = 'by_hand' RETURNING true
"""

Line = Mapping[str, Any]


class UnknownRefundError(SwitchError):
    """There is no such refund."""


class RefundRefusedError(SwitchError):
    """The refund was not taken on."""

    def __init__(self, refusal: RefundRefusal) -> None:
        super().__init__(f"the refund was not taken on: {refusal.replace('_', ' ')}")
        self.refusal = refusal


class ReferenceTakenError(SwitchError):
    """The reference is empty or belongs to another refund: a movement of money is written down once."""


class RefundDesk:
    """Refunds as finance works on them; each call is one transaction."""

    def __init__(self, transactions: OwnTransactions) -> None:
        self._transactions = transactions

    # ---- looking

    async def list(self, states: Collection[RefundState], count_max: int = 1_000) -> Sequence[Line]:
        """Refunds in one of these states, the newest first; amounts in paisa, with their `currency`."""
        wanted = (sorted(states), count_max)

        async def _read(connection: Connection) -> Sequence[Line]:
            return [dict(row) for row in await connection.fetch(READ_LIST, *wanted)]

        return await self._transactions.run(_read)

    async def story(self, refund_id: UUID) -> tuple[Line, Sequence[Line]]:
        """A refund and its steps, the oldest first.

        Raises:
            UnknownRefundError: there is no such refund.
        """

        async def _read(connection: Connection) -> tuple[Line | None, Sequence[Line]]:
            row = await connection.fetchrow(READ_LINE, refund_id)
            steps = await connection.fetch(READ_STEPS, refund_id)
            told = [{**step, "facts": from_json(step["facts"])} for step in steps]
            return row and dict(row), told

        line, steps = await self._transactions.run(_read)
        if line is None:
            raise UnknownRefundError
        return line, steps

    async def connector_of(self, payment_id: UUID) -> str | None:
        """The connector that brought this payment's money, or None: there is none, or no such payment."""
        place = await self._find(PLACE_OF_FUNDING, payment_id)
        return None if place is None else place.connector_id

    # ---- the first person

    async def ask(
        self, payment_id: UUID, amount: Money, reason: str, by: str, parts_max: int, days_max: int
    ) -> RefundView:
        """Ask for a refund of a completed payment, within what its connector allows.

        Raises:
            RefundRefusedError: it cannot be given back so, and why.
        """
        place = await self._funding(payment_id)
        new = Asking(uuid7(), reason, by).new(place, RefundKind.REFUND, amount)
        work = partial(take_on, new=new, place=place, parts_max=parts_max, days_max=days_max)
        return _view(await self._transactions.run(work, place.accounts))

    async def ask_chargeback(self, payment_id: UUID, amount: Money, reference: str, by: str) -> RefundView:
        """Write down that the connector has taken money back, under its own reference.

        Raises:
            RefundRefusedError: so much of the payment cannot have been taken, and why.
            ReferenceTakenError: the reference is empty, or stands already.
        """
        place, name = await self._funding(payment_id), reference.strip()
        if not name:
            raise ReferenceTakenError
        new = Asking(uuid7(), "taken back by the connector", by).new(place, RefundKind.CHARGEBACK, amount)
        work = partial(ask_chargeback, new=new, place=place, name=name)
        try:
            return _view(await self._transactions.run(work, place.accounts))
        except asyncpg.UniqueViolationError as problem:
            raise ReferenceTakenError from problem

    async def ask_review_give_back(self, payment_id: UUID, reason: str, by: str) -> RefundView:
        """Ask that collected money which disagreed goes back; approved, it ends the review that it caused.

        Raises:
            NothingInSuspenseError: there is none.
        """
        place = await self._find(PLACE_IN_SUSPENSE, payment_id)
        if place is None:
            raise NothingInSuspenseError
        work = partial(ask_review_give_back, asking=Asking(uuid7(), reason, by), place=place)
        return await self._transactions.run(work, place.accounts)

    async def say_paid_by_hand(self, refund_id: UUID, bank_reference: str, by: str) -> None:
        """Write down who paid it and how our bank calls the transfer; said again, it replaces what was said.

        Raises:
            NotWaitingError: it is not to be paid by hand.
            ReferenceTakenError: the bank's reference is empty, or belongs to another refund.
        """
        named = bank_reference.strip()
        if not named:
            raise ReferenceTakenError

        async def _say(connection: Connection) -> bool:
            return bool(await connection.fetchval(SAY_BY_HAND, refund_id, by, named))

        try:
            is_said = await self._transactions.run(_say)
        except asyncpg.UniqueViolationError as problem:
            raise ReferenceTakenError from problem
        if not is_said:
            raise NotWaitingError

    # ---- the second person

    async def approve(self, refund_id: UUID, by: str) -> RefundView:
        """Agree to what somebody else asked for; the money is owed from now on, or is back already.

        Raises:
            UnknownRefundError: there is no such refund.
            OnePersonError: who approves is who asked.
            NotWaitingError: nobody waits for approval, or the payment has moved on.
            DebtLimitError: its merchant has sold too little since.
        """
        return await self._decide(refund_id, by, approve)

    async def reject(self, refund_id: UUID, by: str) -> RefundView:
        """Refuse what somebody asked for, or take one's own request back; nothing moves.

        Raises:
            UnknownRefundError: there is no such refund.
            NotWaitingError: nobody waits for approval.
        """
        return await self._decide(refund_id, by, reject)

    async def confirm_paid_by_hand(self, refund_id: UUID, by: str) -> RefundView:
        """Confirm that our bank has paid it, as somebody else said; the payer has the money.

        Raises:
            UnknownRefundError: there is no such refund.
            OnePersonError: who confirms is who said so.
            NotWaitingError: nobody has said that it was paid by hand.
        """
        return await self._decide(refund_id, by, confirm)

    async def _decide(self, refund_id: UUID, by: str, decision: Decision) -> RefundView:
        place = await self._find(PLACE_OF_REFUND, refund_id)
        if place is None:
            raise UnknownRefundError

        async def _work(connection: Connection) -> RefundView:
            payment, one = await lock_place(connection, place)
            refund = await lock_refund(connection, refund_id)
            await decision(Case(connection, payment, one, refund), by)
            return view_of(await lock_refund(connection, refund_id))

        return await self._transactions.run(_work, place.accounts)

    async def _funding(self, payment_id: UUID) -> Place:
        place = await self._find(PLACE_OF_FUNDING, payment_id)
        if place is None:
            raise RefundRefusedError(RefundRefusal.NOT_REFUNDABLE)
        return place

    async def _find(self, query: str, row_id: UUID) -> Place | None:
        return await self._transactions.run(partial(read_place, query=query, row_id=row_id))


def _view(answer: RefundTaken | RefundRefusal) -> RefundView:
    if isinstance(answer, RefundRefusal):
        raise RefundRefusedError(answer)
    return answer.view
