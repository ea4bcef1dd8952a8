"""Refunds over real books: what payers, connectors, clients and finance do, a line each."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import RefundLine
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.refunds.burden import Bearer, Burden
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, RefundAnswer, RefundKind
from ekpay_switch.persistence.refunds.staff_actions import RefundStaffActions
from ekpay_switch.persistence.refunds.store import PostgresRefunds
from ekpay_switch.persistence.short_transactions import Connect, ShortTransactions, TransactionLimits
from ekpay_switch.ports.collections import RefundOpened, RefundRecorded, RefundView
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import REFUSED, Books
from tests.persistence.collections.collection_setup import KEPT, SUMS, TAKEN, Till, agreed
from tests.persistence.staff_rows import persons

PARTS_MAX, DAYS_MAX = 10, 60
# Its biller takes payments back, so a refund may be at its cost.
UNDOABLE = Burden(biller_takes_back=True)
OUR_LOSS, CONSENTED = Burden(bearer=Bearer.LOSS), Burden(bearer=Bearer.CONSENT, consent="DESCO/2026/117")
AGAIN_SECONDS = 90.0
BILLED = SUMS.amount.minor
# What the books hold of one payment that was collected and delivered, debit positive.
DELIVERED = {
    "receivable:bkash": TAKEN - KEPT,
    "connector_fee:bkash": KEPT,
    "payable:desco_postpaid": -BILLED,
    "charge_income": -SUMS.charge.minor,
    "fee_income": -SUMS.fee.minor,
    "vat_payable": -SUMS.vat.minor,
}
NO = RefundAnswer(Declined("too late", "2073"), AGAIN_SECONDS)
SILENCE = RefundAnswer(InDoubt("no answer in time"), AGAIN_SECONDS)
NOT_SENT = RefundAnswer(Unreached("connection refused"), AGAIN_SECONDS)
MATURE = "UPDATE refunds SET next_action_at = now() - interval '1 second', lease_until = NULL WHERE id = $1"


def given(name: str, amount: int, *, is_done: bool = True) -> RefundAnswer:
    """The connector says that it has this refund."""
    return RefundAnswer(RefundLine(name, Money(amount), is_done), AGAIN_SECONDS)


def wanted(payment_id: UUID, amount: int = BILLED, **changes: Any) -> NewRefund:  # noqa: ANN401 - fields of it
    refund_id = uuid7()
    new = NewRefund(
        refund_id=refund_id,
        payment_id=payment_id,
        partner_id="bank1",
        reference=f"v1:{refund_id.hex}",
        fingerprint=b"POST /v1/payments/ID/refunds and its bytes",
        amount=Money(amount),
        reason="paid for the wrong meter",
        requested_by="api:bank1",
        needs_approval=False,
        burden=UNDOABLE,
    )
    return replace(new, **changes)


@dataclass
class Office:
    """One test's refunds upon its till, and what finance does with them."""

    till: Till
    refunds: PostgresRefunds
    desk: RefundStaffActions

    @property
    def books(self) -> Books:
        return self.till.books

    # ---- payments that something goes back of

    async def completed(self, bill: int = BILLED) -> LockedTry:
        """A payment whose payee was credited with the bill."""
        held = await self.till.funded(self.till.new(sums=replace(SUMS, amount=Money(bill))))
        await self.till.delivered(await self.till.delivering(held))
        return held

    async def refused(self) -> LockedTry:
        """The biller refused what was collected, so that everything is owed back."""
        held = await self.till.funded()
        await self.till.delivered(await self.till.delivering(held), REFUSED)
        return held

    async def paid_twice(self) -> LockedTry:
        """A payment that is completed, and the second try that brought its money once more."""
        first = await self.till.on_page()
        second = await self.till.leased(await self.till.another(first))
        first = await self.till.leased(first)
        await self.till.record(first, agreed(first, f"{second.order.provider_reference}-1"))
        await self.till.record(second, agreed(second, f"{second.order.provider_reference}-2"))
        await self.till.delivered(await self.till.delivering(first))
        return second

    async def disagreed(self, amount: int = 99_900) -> LockedTry:
        """A payment in review: its connector collected something else, which stands in suspense."""
        held = await self.till.leased(await self.till.on_page())
        await self.till.record(held, agreed(held, f"TRX{self.till.pages}", amount=Money(amount)))
        return held

    async def completed_and_disagreed(self) -> LockedTry:
        """A payment that was completed and is in review, since another try of it brought too little."""
        first = await self.till.on_page()
        second = await self.till.leased(await self.till.another(first))
        first = await self.till.leased(first)
        await self.till.record(first, agreed(first, f"{second.order.provider_reference}-1"))
        await self.till.delivered(await self.till.delivering(first))
        came = agreed(second, f"{second.order.provider_reference}-2", amount=Money(100))
        await self.till.record(second, came)
        return second

    # ---- what happens to refunds

    async def take(self, held: LockedTry, amount: int = BILLED, **changes: Any) -> RefundView:  # noqa: ANN401
        """A refund that is taken on."""
        answer = await self.ask(wanted(held.payment_id, amount, **changes))
        assert isinstance(answer, RefundOpened), answer
        return answer.view

    async def ask(self, new: NewRefund, **limits: int) -> RefundOpened | RefundRefusal:
        bounds = {"parts_max": PARTS_MAX, "days_max": DAYS_MAX} | limits
        return await self.refunds.request(new, **bounds)

    async def lease(self, limit: int = 10) -> Sequence[LockedRefund]:
        return await self.refunds.lease_due(limit, 45.0)

    async def leased(self, refund_id: UUID) -> LockedRefund:
        """This refund, due and held under a fresh epoch."""
        await self.books.tell(MATURE, refund_id)
        (held,) = [one for one in await self.lease(1_000) if one.refund_id == refund_id]
        return held

    async def sent(self, refund_id: UUID) -> LockedRefund:
        """This refund, held, as its connector is being told."""
        held = await self.leased(refund_id)
        assert await self.refunds.begin_send(held, 90.0)
        return held

    async def record(self, held: LockedRefund, answered: RefundAnswer) -> RefundRecorded:
        recorded = await self.refunds.record(held, answered)
        assert recorded is not None
        return recorded

    async def done(self, refund_id: UUID) -> LockedRefund:
        held = await self.sent(refund_id)
        await self.record(held, given(f"R-{refund_id.hex[-12:]}", held.order.amount.minor))
        return held

    async def given_back(self, held: LockedTry) -> UUID:
        """The id of the give-back of a payment that is refunding."""
        await self.refunds.open_give_backs(10)
        (view,) = await self.refunds.of_payment(held.partner_id, held.payment_id)
        assert view.kind is RefundKind.GIVE_BACK
        return view.refund_id

    async def by_hand(self) -> UUID:
        """A give-back that its connector refused, so that finance has to pay it."""
        refund_id = await self.given_back(await self.refused())
        await self.record(await self.sent(refund_id), NO)
        return refund_id

    # ---- what is asked

    async def alarms(self) -> list[tuple[str, UUID]]:
        """The kind and the payment of every open alarm about a chargeback, oldest first."""
        query = (
            "SELECT kind, payment_id FROM alarms, generate_series(1, count)"
            " WHERE kind = 'chargeback_beyond_the_bill' ORDER BY id"
        )
        return [tuple(row) for row in await self.books.rows(query)]

    async def row(self, refund_id: UUID) -> Any:  # noqa: ANN401 - a record of the driver
        query = "SELECT *, extract(epoch FROM next_action_at - now())::float8 AS due_seconds FROM refunds"
        return (await self.books.rows(f"{query} WHERE id = $1", refund_id))[0]

    async def steps(self, refund_id: UUID) -> list[tuple[str, str]]:
        query = "SELECT event, actor FROM refund_history WHERE refund_id = $1 ORDER BY seq"
        return [tuple(row) for row in await self.books.rows(query, refund_id)]

    async def running_total(self, held: LockedTry) -> int:
        return int((await self.till.row(held))["refunded"])

    async def entries(self, payment_id: UUID) -> list[str]:
        query = "SELECT moment FROM journal_entries WHERE payment_id = $1 ORDER BY lane, seq"
        return [row[0] for row in await self.books.rows(query, payment_id)]


@asynccontextmanager
async def open_office(
    till: Till, connections: int = 4, connect: Connect | None = None
) -> AsyncIterator[Office]:
    limits = TransactionLimits(connections)
    transactions = ShortTransactions(connect or till.books.database.connect_hot, limits)
    await till.books.tell(persons("Karim", "Nasima", "Rahima", "Salma", "Selim"))
    yield Office(till, PostgresRefunds(transactions), RefundStaffActions(transactions))
    await transactions.close()
