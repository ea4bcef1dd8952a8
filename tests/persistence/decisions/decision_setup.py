"""The desk of two persons over real books: what waits there, each made by what really happens."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from ekpay_switch.config_files.alarms import read_alarm_terms
from ekpay_switch.config_files.journal import read_journal_chart
from ekpay_switch.domain.decisions.actions import REFERENCE, DecisionAction
from ekpay_switch.domain.decisions.case import BillerTraits
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import (
    Recording,
    plan_half_done,
    plan_outcome,
    plan_posted,
    plan_receipt_taken,
)
from ekpay_switch.persistence.alarms.terms import store_alarm_terms
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.decisions.desk import PostgresDecisionDesk
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.decisions import Proposal, ProposalView
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import APPROVED, BILLER, REFUSED, SILENT, Books, delivery_of
from tests.persistence.collections.collection_setup import agreed
from tests.persistence.collections.test_held import held_page
from tests.persistence.refunds.refund_setup import SILENCE, Office
from tests.persistence.staff_rows import persons

PROPOSES, APPROVES, THIRD = "Rahima", "Karim", "Salma"
CHART = read_journal_chart(Path("config/journal.toml"))
UNDOING = BillerTraits(undoes=True)
BILLERS = {BILLER: UNDOING}
LONG_AGO = {
    "payments": "UPDATE payments SET updated_at = now() - interval '30 days' WHERE id = $1",
    "refunds": "UPDATE refunds SET created_at = now() - interval '30 days' WHERE id = $1",
}
RECEIPT_MISSING = """
INSERT INTO alarms (id, kind, subject, payment_id, owner, due_on, facts)
VALUES ($1, 'receipt_missing', 'payment ' || $2::uuid, $2, 'operator', current_date, '{}')
"""


@dataclass
class Desk:
    """One test's desk and what waits at it."""

    office: Office
    desk: PostgresDecisionDesk
    upkeep: AlarmUpkeep

    @property
    def books(self) -> Books:
        return self.office.books

    # ---- what waits

    async def late_success(self) -> UUID:
        """The biller holds a prefund payment that was given back."""
        return await self._after_give_back(None)

    async def late_echo(self) -> UUID:
        """The biller holds another amount of what was given back."""
        return await self._after_give_back(1_234)

    async def _after_give_back(self, echoed: int | None) -> UUID:
        late = await self.books.start()
        await self.books.finish(late, REFUSED)
        held = late.quote.sums.amount.minor if echoed is None else echoed
        plan = plan_posted(delivery_of(late), State.REFUNDED, Posted(late.claim.attempt_reference, held))
        await self.books.submit(Recording(delivery_of(late), plan))
        return late.claim.payment_id

    async def half_done(self) -> UUID:
        """The biller waits for a further step of what was given back."""
        late = await self.books.start()
        await self.books.finish(late, REFUSED)
        await self.books.submit(Recording(delivery_of(late), plan_half_done("acknowledge")))
        return late.claim.payment_id

    async def other_amount(self) -> UUID:
        """The biller holds another amount of a prefund payment in doubt."""
        started = await self.books.start()
        await self.books.finish(started, SILENT)
        plan = plan_posted(
            delivery_of(started), State.DELIVERING, Posted(started.claim.attempt_reference, 77)
        )
        await self.books.submit(Recording(delivery_of(started), plan))
        return started.claim.payment_id

    async def collected_in_review(self) -> UUID:
        """A collected payment whose receipt belongs to another one."""
        held = await self.office.till.funded()
        started = await self.office.till.delivering(held)
        plan = plan_receipt_taken(plan_outcome(started.delivery, APPROVED))
        await self.books.submit(Recording(started.delivery, plan))
        return held.payment_id

    async def stuck_delivery(self) -> UUID:
        """A prefund payment of which the biller has said nothing for a month."""
        started = await self.books.start()
        await self.books.finish(started, SILENT)
        await self.books.tell(LONG_AGO["payments"], started.claim.payment_id)
        await self.upkeep.sweep()
        return started.claim.payment_id

    async def stuck_undoing(self) -> UUID:
        """A late success that its biller was called to undo a month ago, and has not said a word since."""
        payment_id = await self.late_success()
        await self.decide(payment_id, DecisionAction.UNDO)
        await self.books.tell(LONG_AGO["payments"], payment_id)
        await self.upkeep.sweep()
        return payment_id

    async def stuck_collection(self) -> UUID:
        """A payment whose connector has not said for a month whether its payer paid."""
        held = await self.office.till.on_page()
        await self.books.tell(LONG_AGO["payments"], held.payment_id)
        await self.upkeep.sweep()
        return held.payment_id

    async def held_money(self) -> UUID:
        """A payment whose connector holds the payer's money for its risk."""
        return (await held_page(self.office.till)).payment_id

    async def short_money(self) -> UUID:
        """A payment in review whose connector collected less than it was asked for."""
        return (await self.office.disagreed()).payment_id

    async def foreign_money(self) -> UUID:
        """A payment in review whose connector says another currency: nothing of ours is in it."""
        held = await self.office.till.leased(await self.office.till.on_page())
        await self.office.till.record(held, agreed(held, "TRX-USD", amount=Money(1_000, "USD")))
        return held.payment_id

    async def money_beside(self) -> UUID:
        """A completed payment in review, since another try of it brought too little."""
        return (await self.office.completed_and_disagreed()).payment_id

    async def unbooked_money(self) -> UUID:
        """A funded payment whose connector holds another payment of its page for its risk."""
        held = await self.office.till.leased(await self.office.till.on_page())
        await self.office.till.record(held, agreed(held, unproven=(agreed(held, "TRX2").judged.collected,)))
        return held.payment_id

    async def doubtful_refund(self) -> UUID:
        """A give-back of which the connector has said nothing for a month."""
        refund_id = await self.office.given_back(await self.office.refused())
        await self.office.record(await self.office.sent(refund_id), SILENCE)
        await self.books.tell(LONG_AGO["refunds"], refund_id)
        await self.upkeep.sweep()
        return refund_id

    async def missing_receipt(self) -> UUID:
        """A completed payment whose final receipt never came."""
        started = await self.books.start()
        await self.books.finish(started, APPROVED)
        await self.books.tell(RECEIPT_MISSING, uuid7(), started.claim.payment_id)
        return started.claim.payment_id

    # ---- what two persons do

    async def propose(
        self, subject: UUID, action: DecisionAction, by: str = PROPOSES, stated: Money | None = None
    ) -> ProposalView:
        reference = "DOC-1" if action in REFERENCE else ""
        if stated is None and action is DecisionAction.PAID_BACK_OTHERWISE:
            stated = Money(1_000)
        return await self.desk.propose(
            Proposal(uuid7(), subject, action, "they said so", by, reference, stated)
        )

    async def decide(self, subject: UUID, action: DecisionAction) -> ProposalView:
        view = await self.propose(subject, action)
        return await self.desk.approve(view.id, view.code, APPROVES)

    # ---- what is asked

    async def open_alarms(self) -> list[str]:
        query = "SELECT kind FROM alarms WHERE ended_at IS NULL ORDER BY kind"
        return [row["kind"] for row in await self.books.rows(query)]

    async def balances(self) -> dict[str, int]:
        return await self.office.till.balances()


Scene = Callable[[Desk], Awaitable[UUID]]


@asynccontextmanager
async def open_desk(office: Office, traits: BillerTraits = UNDOING) -> AsyncIterator[Desk]:
    books = office.books
    await books.tell(persons(PROPOSES, APPROVES, THIRD))
    await books.top_up("bank1", 100_000)
    transactions = ShortTransactions(books.database.connect_hot)
    engine = books.database.engine()
    await store_alarm_terms(engine, read_alarm_terms(Path("config/alarms.toml")), [])
    try:
        yield Desk(office, PostgresDecisionDesk(transactions, {BILLER: traits}, CHART), AlarmUpkeep(engine))
    finally:
        await transactions.close()
        await engine.dispose()
