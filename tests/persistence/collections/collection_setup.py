"""Collected payments over real books: what a payer, a connector and the clock do, a line each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryEnd,
)
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Outcome
from ekpay_switch.domain.payments.delivery import RecordAnswer, Recording, plan_outcome
from ekpay_switch.persistence.collections.callbacks import PostgresCallbacks
from ekpay_switch.persistence.collections.store import PostgresCollections
from ekpay_switch.persistence.short_transactions import Connect, ShortTransactions, TransactionLimits
from ekpay_switch.ports.collections import (
    CollectionOpened,
    DeliveryStart,
    PaymentView,
    StartedDelivery,
    TryRecorded,
)
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.persistence.books import APPROVED, BILLER, Books

SUMS = Sums(Money(105_000), Money(1_575), Money(500), Money(75))
TAKEN = SUMS.total.minor
KEPT_BASIS_POINTS = 150
KEPT = 1_607  # 1.5 % of what is taken, half up
HOLD_SECONDS = 42.0
LAPSED = NothingCollected(TryEnd.NEVER_PAID, "cancelled by the payer")
NOT_YET = StillOpen(180.0, "the payer has not agreed yet")
QUOTE_OVER = "UPDATE payments SET quote_expires_at = now() - interval '1 second' WHERE id = $1"
DUE = (
    "UPDATE tries SET next_action_at = now() - interval '1 second', lease_until = NULL WHERE attempt_id = $1"
)
ROW = """
SELECT a.state, a.outcome, a.step, a.sends, a.closed_at, t.*, t.lease_until IS NULL AS is_free,
  extract(epoch FROM t.next_action_at - now())::float8 AS due_seconds
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id WHERE t.attempt_id = $1
"""


def a_try(connector_id: str = "bkash") -> NewTry:
    return NewTry(uuid7(), unguessable(), connector_id, 10.0, HOLD_SECONDS)


def agreed(held: LockedTry, transaction: str = "TRX1", **changes: Any) -> MoneyCollected:  # noqa: ANN401 - fields of Collected
    """The connector has the money, whole and right unless changed."""
    facts = {"payer_account_tail": "770"}
    came = Collected(held.order.reference, held.order.amount, transaction, facts)
    judged: ConfirmedCollection | MismatchedCollection = judge_collected(held.order, replace(came, **changes))
    return MoneyCollected(judged, KEPT_BASIS_POINTS)


def page(name: str, **changes: Any) -> PageOpened:  # noqa: ANN401 - fields of PageOpened
    created = PageCreated(name, f"https://page.example/{name}", {"created_at": "over there"})
    return replace(PageOpened(created, 180.0, 86_400.0), **changes)


@dataclass
class Till:
    """One test's collections and callbacks upon its books."""

    books: Books
    collections: PostgresCollections
    callbacks: PostgresCallbacks
    pages: int = 0

    # ---- what is made ready

    def new(self, reference: str = "", bill: str = "", **changes: Any) -> NewCollection:  # noqa: ANN401 - its fields
        payment_id = uuid7()
        new = NewCollection(
            payment_id=payment_id,
            partner_id="bank1",
            lane=0,
            reference=f"v1:{reference or payment_id.hex}",
            fingerprint=b"POST /v1/payments and its bytes",
            biller_id=BILLER,
            bill_key=bill or payment_id.hex,
            bucket="postpaid",
            sums=SUMS,
            biller_quote={"billToken": "T"},
            bill={"number": "0925", "amount": 105_000, "lines": [{"label": "ভ্যাট", "amount": 5_000}]},
            pay_until=datetime.now(UTC) + timedelta(minutes=15),
            return_url="https://shop.example/done?order=7",
            first=a_try(),
        )
        return replace(new, **changes)

    # ---- what happens

    async def opened(self, new: NewCollection | None = None) -> LockedTry:
        """A payment whose first page is being asked for."""
        answer = await self.collections.open(new or self.new())
        assert isinstance(answer, CollectionOpened), answer
        return answer.locked_try

    async def on_page(self, new: NewCollection | None = None) -> LockedTry:
        """A payment whose payer is on the page."""
        held = await self.opened(new)
        await self.record(held, page(self.next_page()))
        return held

    async def funded(self, new: NewCollection | None = None) -> LockedTry:
        held = await self.leased(await self.on_page(new))
        await self.record(held, agreed(held, f"TRX{self.pages}"))
        return held

    async def another(self, held: LockedTry) -> LockedTry:
        """One more try of the same payment, on its page."""
        began = await self.collections.open_try(held.partner_id, held.payment_id, a_try(), 0.0)
        assert isinstance(began, LockedTry), began
        await self.record(began, page(self.next_page()))
        return began

    async def delivering(self, held: LockedTry) -> StartedDelivery:
        started = await self.collections.start_delivery(self.delivery_of(held))
        assert started is not None
        return started

    async def delivered(self, started: StartedDelivery, outcome: Outcome = APPROVED) -> RecordAnswer:
        plan = plan_outcome(started.delivery, outcome)
        ask_again_seconds = None if plan.end == "approved" else 0.0
        answer: RecordAnswer = await self.books.submit(Recording(started.delivery, plan, ask_again_seconds))
        return answer

    async def leased(self, held: LockedTry) -> LockedTry:
        """The same try, due and held under a fresh epoch."""
        await self.books.tell(DUE, held.attempt_id)
        again = await self.collections.lease_try(held.order.reference, HOLD_SECONDS)
        assert again is not None
        return again

    async def record(self, held: LockedTry, finding: Any) -> TryRecorded:  # noqa: ANN401 - any Finding
        recorded = await self.collections.record(held, finding)
        assert recorded is not None
        return recorded

    def delivery_of(self, held: LockedTry, series: str = BILLER) -> DeliveryStart:
        attempt_id = uuid7()
        return DeliveryStart(held.payment_id, attempt_id, f"D{attempt_id.hex}", "pay", series, 10.0, 90.0)

    def next_page(self) -> str:
        self.pages += 1
        return f"TR0011{self.pages:04d}"

    # ---- what is asked

    async def row(self, held: LockedTry) -> Any:  # noqa: ANN401 - a record of the driver
        """The try's row with its attempt's."""
        return (await self.books.rows(ROW, held.attempt_id))[0]

    async def payment(self, held: LockedTry) -> Any:  # noqa: ANN401 - a record of the driver
        query = "SELECT *, extract(epoch FROM next_action_at - now())::float8 AS due_seconds FROM payments"
        return (await self.books.rows(f"{query} WHERE id = $1", held.payment_id))[0]

    async def view(self, held: LockedTry) -> PaymentView:
        found = await self.collections.view(held.partner_id, held.payment_id)
        assert found is not None
        return found

    async def events(self, held: LockedTry) -> list[str]:
        rows = await self.books.rows(
            "SELECT event FROM history WHERE payment_id = $1 ORDER BY seq", held.payment_id
        )
        return [row[0] for row in rows]

    async def notices(self, held: LockedTry) -> list[tuple[str, int]]:
        query = "SELECT notice, version FROM notifications WHERE payment_id = $1 ORDER BY version"
        return [tuple(row) for row in await self.books.rows(query, held.payment_id)]

    async def evidence(self, held: LockedTry) -> list[str]:
        query = "SELECT kind FROM evidence WHERE payment_id = $1 ORDER BY id"
        return [row[0] for row in await self.books.rows(query, held.payment_id)]

    async def balances(self) -> dict[str, int]:
        """Every account that holds anything, debit positive."""
        query = "SELECT account, sum(amount)::bigint AS sum FROM postings GROUP BY 1 HAVING sum(amount) <> 0"
        return {row["account"]: row["sum"] for row in await self.books.rows(query)}


@asynccontextmanager
async def open_till(
    books: Books, connect: Connect | None = None, connections: int = 4
) -> AsyncIterator[Till]:
    engine = books.database.engine()
    limits = TransactionLimits(connections)
    transactions = ShortTransactions(connect or books.database.connect_hot, limits)
    yield Till(books, PostgresCollections(engine, transactions), PostgresCallbacks(transactions))
    await transactions.close()
    await engine.dispose()
