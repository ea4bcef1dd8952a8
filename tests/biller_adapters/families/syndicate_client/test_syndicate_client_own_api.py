"""syndicate_client as a partner of our own switch: both readings of ekpay-syndicate-api.md must agree."""

from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from biller_adapters.families.syndicate_client import SyndicateClient
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import BillFound, BillMissing, BillQuery
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NoAnswer,
    NotFound,
    Posted,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from tests.api.api_setup import Desk
from tests.biller_adapters.conftest import the_manifest
from tests.factories import BILL_NO, PASS_KEY, PREFUND, SECRET
from tests.fakes.billers import LOSES_ANSWER
from tests.scenarios.job_rounds import resolve_due

ENVIRON = {
    "EKPAY_UPSTREAM_URL": "http://switch/syndicate/api",
    "EKPAY_UPSTREAM_USER": "bank1-user",
    "EKPAY_UPSTREAM_PASSWORD": PASS_KEY,
    "EKPAY_UPSTREAM_SECRET": SECRET,
}
QUERY = BillQuery("khulna_wasa", {"bill_no": BILL_NO})
SETTINGS = {"nd_id": "NS101", "syndct_id": "s101", "bllr_id": "b025", "reroute_codes": "1007"}


@dataclass
class DeskWire:
    """The port `Wire` straight into an application, without a network in between."""

    desk: Desk

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side
        path = request.url.removeprefix("http://switch")
        reply = await self.desk.request(request.method, path, request.body, request.headers.items())
        return WireAnswer(reply.status, reply.headers, reply.body)


@dataclass
class Partnership:
    desk: Desk
    adapter: SyndicateClient

    async def order(self, reference: str = "OURS00000000000000000000A1") -> PayOrder:
        reply = await self.adapter.fetch(QUERY)
        assert isinstance(reply, BillFound), reply
        order = order_for(QUERY.biller_id, reply.bill, self.desk.small.clock.now().date())
        return replace(order, reference=reference, payment_id=UUID(int=7))


@pytest.fixture
def partnership() -> Partnership:
    desk = Desk()
    manifest = the_manifest("khulna_wasa").model_copy(update={"family_settings": SETTINGS})
    around = FamilyContext(DeskWire(desk), InMemoryTokens(), desk.small.clock, ENVIRON)
    return Partnership(desk, SyndicateClient(manifest, around))


async def test_a_bill_is_fetched_paid_paid_again_and_asked_about(partnership: Partnership) -> None:
    adapter, order = partnership.adapter, await partnership.order()
    assert order.sums.billed_amount == Money(105_000)
    assert await adapter.inquire(order) == NotFound()
    first, again = await adapter.pay(order), await adapter.pay(order)
    assert isinstance(first, Approved)
    assert first == again
    assert (first.facts["receipt"], first.facts["upstream_fee"]) == (order.biller_quote["refno_ack"], "5.75")
    assert await adapter.inquire(order) == Posted(order.reference, 105_000, first.facts)
    assert len(partnership.desk.small.biller.orders) == 1
    assert await adapter.prefunds() == {"postpaid": Money(1_000_000 - 105_575), "prepaid": Money(0)}


async def test_an_unknown_bill_is_missing(partnership: Partnership) -> None:
    nobody = replace(QUERY, parameters={"bill_no": "092500000000"})
    assert await partnership.adapter.fetch(nobody) == BillMissing()


async def test_a_doubt_over_there_is_a_doubt_here_until_it_is_settled(partnership: Partnership) -> None:
    small = partnership.desk.small
    small.biller.deeds.append(LOSES_ANSWER)
    order = await partnership.order()
    assert await partnership.adapter.pay(order) == InDoubt("reply code 0102")
    assert isinstance(await partnership.adapter.inquire(order), NoAnswer)
    small.clock.pass_by(90)
    assert await resolve_due(small.world, 45) == 1
    assert isinstance(await partnership.adapter.inquire(order), Posted)


async def test_a_bill_that_we_paid_under_another_reference_is_taken(partnership: Partnership) -> None:
    first, other = await partnership.order(), await partnership.order("OURS00000000000000000000B2")
    assert isinstance(await partnership.adapter.pay(first), Approved)
    assert await partnership.adapter.pay(other) == Declined("begun_elsewhere", "1010")
    assert await partnership.adapter.inquire(other) == NotFound()


async def test_a_prefund_that_is_too_low_is_a_no_for_ever(partnership: Partnership) -> None:
    books = partnership.desk.small.books
    order = await partnership.order()
    books.top_up("bank1", "postpaid", -books.balance(PREFUND))
    for _ in range(2):
        assert await partnership.adapter.pay(order) == Declined("refused", "1006")
    assert await partnership.adapter.inquire(order) == NotFound()


async def test_a_fetch_that_expired_is_refused(partnership: Partnership) -> None:
    order = await partnership.order()
    partnership.desk.small.clock.pass_by(86_400)
    assert await partnership.adapter.pay(order) == Declined("quote_expired", "1005")
