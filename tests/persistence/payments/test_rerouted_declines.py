"""A named decline over the wire: the first route answers 1007, the second pays, and the books know of both.

Both routes are HTTP servers that speak the syndicate protocol; the payment stands in a real PostgreSQL.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from biller_adapters.two_routes import SECOND_ROUTE, TwoRoutes
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.payments.pay_bill import PartnerPayOrder, PaymentAnswer, pay_bill
from ekpay_switch.persistence.group_commit.steps import SaveQuote
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.ports.world import World
from ekpay_switch.system_clock import SystemClock
from tests.biller_adapters.families.syndicate_client.syndicate_stage import (
    JALALABAD,
    PAY,
    QUERY,
    Answering,
    SyndicateDesk,
    coded,
    saying,
    sent,
    syndicate_stage,
)
from tests.biller_adapters.far_side_stage import FarStage
from tests.factories import a_quote
from tests.fakes.billers import FakeBillers
from tests.fakes.world import SmallWorld
from tests.persistence.books import Books
from tests.wire.scripted_peer import Caller

PREFUND = 1_000_000


@dataclass
class Switch:
    """A partner with a prefund, and a biller with two routes."""

    books: Books
    payments: PostgresPayments
    first: FarStage
    second: FarStage

    async def pay(self, reference: str) -> PaymentAnswer:
        bill = await self.first.bill()
        bill = replace(bill, biller_quote={**bill.biller_quote, **QUERY.payer})
        quote = replace(
            a_quote("Q1", bill), biller_id=JALALABAD.id, expires_at=datetime.now(UTC) + timedelta(minutes=15)
        )
        await self.books.submit(SaveQuote(quote, 0))
        order = PartnerPayOrder(
            partner_id="bank1",
            lane=0,
            reference=reference,
            fingerprint=b"f",
            quote_id=quote.quote_id,
            ekpay_biller_id=JALALABAD.ekpay_id,
            paid=quote.bill.total,
            stated_total=None,
            stated_fee=None,
            answer_before=SystemClock().monotonic() + 20,
        )
        answer = await pay_bill(order, self.world)
        assert isinstance(answer, PaymentAnswer), answer
        return answer

    @property
    def world(self) -> World:
        biller = TwoRoutes(self.first.adapter, self.second.adapter)
        return replace(
            SmallWorld().world, payments=self.payments, billers=FakeBillers([biller]), clock=SystemClock()
        )

    def references(self, stage: FarStage) -> list[str]:
        return [str(message["pyd_inf"]["pyd_trxn_refid"]) for message in sent(stage, PAY)]


@dataclass
class WatchingDesk(SyndicateDesk):
    """A far side that looks, as a payment arrives, at what the switch has written about it."""

    books: Books | None = None
    attempts_at_arrival: list[tuple[object, ...]] = field(default_factory=list)

    async def serve(self, caller: Caller) -> None:
        if caller.heard.path.endswith(PAY) and self.books is not None:
            rows = await self.books.rows("SELECT step, sends, state, outcome FROM attempts")
            self.attempts_at_arrival += [tuple(row) for row in rows]
        await super().serve(caller)


@asynccontextmanager
async def a_switch(
    books: Books, payments: PostgresPayments, first: Answering, second: SyndicateDesk
) -> AsyncIterator[Switch]:
    await books.partner(prefund=PREFUND)
    async with syndicate_stage(saying(PAY, first)) as first_door, syndicate_stage(second) as second_door:
        yield Switch(books, payments, first_door, second_door)
        assert await books.audit() is None


async def test_a_named_decline_goes_to_the_second_route_once_and_is_durable_before(
    books: Books, payments: PostgresPayments
) -> None:
    async with a_switch(books, payments, coded("1007"), SyndicateDesk()) as switch:
        answer = await switch.pay("R1")
        assert (answer.state, answer.refusal) == (State.COMPLETED, None)
        first, second = switch.references(switch.first), switch.references(switch.second)
        assert len(first) == len(second) == 1
        assert first == second
    (attempt,) = await books.rows("SELECT step, sends, state, outcome FROM attempts")
    assert tuple(attempt) == (SECOND_ROUTE, 1, "closed", "approved")
    kinds = await books.rows("SELECT kind, facts FROM evidence WHERE kind LIKE 'begun:%'")
    assert [row["kind"] for row in kinds] == [f"begun:{SECOND_ROUTE}:1"]
    assert '"1007"' in kinds[0]["facts"]


async def test_the_second_send_is_durable_before_its_biller_hears_of_it(
    books: Books, payments: PostgresPayments
) -> None:
    desk = WatchingDesk(books=books)
    async with a_switch(books, payments, coded("1007"), desk) as switch:
        await switch.pay("R1")
    assert desk.attempts_at_arrival == [(SECOND_ROUTE, 1, "open", None)]


async def test_a_decline_that_no_manifest_names_stays_on_its_route(
    books: Books, payments: PostgresPayments
) -> None:
    async with a_switch(books, payments, coded("1008"), SyndicateDesk()) as switch:
        answer = await switch.pay("R1")
        assert (answer.state, answer.refusal) == (State.REFUNDED, Refusal.BILLER_REFUSED)
        assert switch.references(switch.second) == []


async def test_where_both_routes_decline_the_prefund_is_whole_again(
    books: Books, payments: PostgresPayments
) -> None:
    async with a_switch(books, payments, coded("1007"), saying(PAY, coded("1007"))) as switch:
        answer = await switch.pay("R1")
        assert answer.state is State.REFUNDED
        assert [len(switch.references(stage)) for stage in (switch.first, switch.second)] == [1, 1]
    assert await books.value("SELECT balance FROM accounts WHERE code = 'prefund:bank1:postpaid'") == PREFUND
