"""Disputes over real books: what connectors tell, and what two persons say became of it, a line each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.disputes.dispute import DisputeEvent
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.persistence.disputes.desk import PostgresDisputes
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.ports.disputes import DisputeProposal, DisputeView, NewDispute
from tests.persistence.collections.collection_setup import Till
from tests.persistence.refunds.refund_setup import UNDOABLE, Office, open_office

ASKS, AGREES = "Rahima", "Karim"
DUE = date(2026, 12, 9)
WORD = "LETTER-1"
# 1,689.77 are collected for a bill of 1,600.00.
BILL, COLLECTED = 160_000, 168_977
DEARLY = Sums(Money(BILL), Money(8_000), Money(850), Money(127))


@dataclass
class DisputeRoom:
    """One test's disputes upon its office."""

    office: Office
    desk: PostgresDisputes

    async def completed(self) -> LockedTry:
        """A payment whose payee was credited with the bill."""
        till = self.office.till
        held = await till.funded(till.new(sums=DEARLY))
        await till.delivered(await till.delivering(held))
        return held

    async def opened(
        self, paid: LockedTry, amount: int, name: str = "D-1", *, transaction: str = ""
    ) -> DisputeView:
        new = NewDispute(paid.payment_id, name, Money(amount), "goods not received", DUE, transaction)
        return await self.desk.open(new, ASKS)

    async def decided(
        self,
        dispute: DisputeView,
        event: DisputeEvent,
        *,
        movement: str = "",
        settlement: str = "",
        burden: Burden = UNDOABLE,
    ) -> DisputeView:
        """What one person proposes and another approves."""
        proposal = DisputeProposal(event, WORD, movement, settlement, burden)
        await self.desk.propose(dispute.id, proposal, ASKS)
        return await self.desk.approve(dispute.id, AGREES)

    async def held(self, dispute: DisputeView, movement: str = "CB-1", burden: Burden = UNDOABLE) -> Any:  # noqa: ANN401 - a record of the driver
        """The chargeback of a dispute whose connector holds the money."""
        view = await self.decided(dispute, DisputeEvent.MONEY_HELD, movement=movement, burden=burden)
        assert view.refund_id is not None
        return await self.office.row(view.refund_id)

    async def represented(self, dispute: DisputeView) -> None:
        await self.desk.attach(dispute.id, "receipt.txt", f"sent {dispute.id} {dispute.round}".encode(), ASKS)
        await self.desk.represent(dispute.id, WORD, ASKS)

    async def moved(self, before: dict[str, int]) -> dict[str, int]:
        """What has changed on each account, debit positive."""
        after = await self.office.till.balances()
        changes = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
        return {name: change for name, change in changes.items() if change}

    async def alarms(self, dispute: DisputeView) -> list[str]:
        query = "SELECT kind FROM alarms WHERE subject = $1 AND ended_at IS NULL ORDER BY kind"
        return [row[0] for row in await self.office.books.rows(query, f"dispute {dispute.id}")]


@asynccontextmanager
async def open_room(till: Till) -> AsyncIterator[DisputeRoom]:
    transactions = ShortTransactions(till.books.database.connect_hot, TransactionLimits(4))
    async with open_office(till) as office:
        yield DisputeRoom(office, PostgresDisputes(transactions))
    await transactions.close()
