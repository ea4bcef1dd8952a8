"""Scrolls over real books: files that are made, days that are over, and makers in processes of their own."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.outcome import Outcome, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import Recording, plan_posted
from ekpay_switch.domain.scrolls.scroll import ScrollFile, ScrollTerms
from ekpay_switch.persistence.decisions.desk import PostgresDecisionDesk
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.scrolls.store import ScrollOrder, Scrolls
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.decisions import Proposal
from ekpay_switch.security.identifiers import uuid7
from tests.database import database_of
from tests.persistence.books import APPROVED, BILLER, REFUSED, Books, delivery_of, recording_of
from tests.persistence.decisions.decision_setup import APPROVES, BILLERS, CHART, PROPOSES
from tests.persistence.staff_rows import persons

NUMBERED = ScrollTerms(layout="common", cycles=4, is_numbered=True, base=1)
PLAIN = ScrollTerms(layout="common", cycles=4)
# What happened on a day is moved to another one, as a superuser may; the chain of hashes is broken by it.
MOVE_ENTRIES = "UPDATE journal_entries SET business_date = business_date + $2::int WHERE payment_id = $1"
MOVE_PAYMENT = "UPDATE payments SET business_date = business_date + $2::int, scroll_no = $3 WHERE id = $1"


def today() -> date:
    return business_date(datetime.now(UTC))


def order_of(cycle: int = 1, days: int = 0, terms: ScrollTerms = NUMBERED) -> ScrollOrder:
    return ScrollOrder(BILLER, today() + timedelta(days=days), cycle, terms)


@dataclass
class ScrollDesk:
    """One test's scrolls upon its books."""

    books: Books

    async def make(self, cycle: int = 1, days: int = 0, terms: ScrollTerms = NUMBERED) -> ScrollFile:
        transactions = ShortTransactions(self.books.database.connect)
        try:
            return await Scrolls(transactions).make(order_of(cycle, days, terms))
        finally:
            await transactions.close()

    async def paid(self, outcome: Outcome = APPROVED, total: int = 6_000) -> StartedClaim:
        started = await self.books.start(total=total)
        await self.books.finish(started, outcome)
        return started

    async def found_posted(self, started: StartedClaim) -> None:
        """What was given back was posted after all."""
        posted = Posted(started.claim.attempt_reference, started.quote.sums.amount.minor)
        plan = plan_posted(delivery_of(started), State.REFUNDED, posted)
        await self.books.submit(Recording(delivery_of(started), plan))

    async def decide(self, started: StartedClaim, action: DecisionAction) -> None:
        """Two persons decide about a payment."""
        await self.books.tell(persons(PROPOSES, APPROVES))
        transactions = ShortTransactions(self.books.database.connect_hot)
        desk = PostgresDecisionDesk(transactions, BILLERS, CHART)
        try:
            proposal = Proposal(uuid7(), started.claim.payment_id, action, "they said so", PROPOSES, "DOC-1")
            view = await desk.propose(proposal)
            await desk.approve(view.id, view.code, APPROVES)
        finally:
            await transactions.close()

    async def move(self, started: StartedClaim, days: int, number: int = 1) -> None:
        """Let a payment have happened on another day."""
        await self.books.tell(MOVE_ENTRIES, started.claim.payment_id, days)
        await self.books.tell(MOVE_PAYMENT, started.claim.payment_id, days, number)

    async def rows(self) -> list[tuple[int, int, str, int, UUID]]:
        """Cycle, seq, type, place and payment of every row of today, in order."""
        found = await self.books.rows(
            "SELECT cycle, seq, row_type, scroll_no, payment_id FROM scroll_rows "
            "WHERE business_date = $1 ORDER BY seq",
            today(),
        )
        return [tuple(row) for row in found]


async def a_day(desk: ScrollDesk) -> list[StartedClaim]:
    """Five numbers of one day: paid, refused, in doubt, paid, refused."""
    started = [await desk.books.start() for _ in range(5)]
    for one, outcome in zip(started, (APPROVED, REFUSED, None, APPROVED, REFUSED), strict=True):
        if outcome is not None:
            await desk.books.finish(one, outcome)
    return started


async def resolved(desk: ScrollDesk, started: StartedClaim) -> None:
    await desk.books.submit(recording_of(started, APPROVED))


def make_elsewhere(endpoint: Endpoint, order: ScrollOrder) -> str:
    """Make a file in a process of its own; its digest."""

    async def make() -> str:
        transactions = ShortTransactions(database_of(endpoint).connect)
        try:
            return (await Scrolls(transactions).make(order)).sha256
        finally:
            await transactions.close()

    with suppress(KeyboardInterrupt):
        return asyncio.run(make())
    return ""


def last_of(terms: ScrollTerms) -> ScrollTerms:
    """The same terms with one file a day."""
    return replace(terms, cycles=1)
