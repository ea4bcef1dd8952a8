"""Bugs of other payment switches that collect money, each by its own name (docs/lessons-of-others.md)."""

import asyncio

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
)
from ekpay_switch.domain.collections.funding import TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.flows.collections.payer_returned import CallbackReceipt, receive_callback
from ekpay_switch.ports.collections import RefundOpened
from tests.factories import BILL_NO, TOTAL, a_bill
from tests.fakes.connectors import LOST, FakeConnector
from tests.fakes.world import SmallWorld
from tests.scenarios.collections import COLLECTED, KEPT, RECEIVABLE, Payer, a_paid_bill, a_refund
from tests.scenarios.job_rounds import collect_due


class EagerConnector(FakeConnector):
    """Tells of the payment by a callback of its own before its answer is on the way."""

    world: SmallWorld
    tells_during = ""

    async def create(self, order: CollectOrder) -> CreateOutcome:
        answer = await super().create(order)
        await self._tell("create")
        return answer

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        answer = await super().execute(order)
        await self._tell("execute")
        return answer

    async def _tell(self, call: str) -> None:
        if call == self.tells_during:
            self.latest().is_agreed = True
            await receive_callback(self, {}, b"paymentID=P1&status=success", self.world.world)


def eager(tells_during: str) -> Payer:
    payer = Payer()
    connector = EagerConnector(payer.small.clock, payer.small.steps)
    connector.world, connector.tells_during = payer.small, tells_during
    payer.small.connector = connector
    payer.small.connectors.known[:] = [connector]
    return payer


@pytest.mark.parametrize("is_lost", ["the answer comes", "the answer is lost"])
@pytest.mark.parametrize("call", ["create", "execute"])
async def test_webhook_before_response(call: str, is_lost: str) -> None:
    """It names a page that we have not heard of yet, or an execute whose answer is on the way."""
    payer = eager(call)
    if is_lost == "the answer is lost":
        payer.small.connector.executes.append(LOST)
    await payer.order()
    if call == "execute":
        payer.agree()
        await payer.come_back()
    await payer.wait(0)
    await payer.wait(90)
    await payer.wait(1)
    assert payer.state is State.COMPLETED
    assert payer.moments() == ["collected", "delivered"]
    assert payer.balance(RECEIVABLE) == COLLECTED - KEPT
    assert payer.small.connector.asked["execute"] == 1


async def test_refund_webhook_without_peer_id() -> None:
    payer = await a_paid_bill()
    await payer.small.refunds.request(a_refund(payer.payment_id), 10, 60)
    payer.small.connector.refunds.append(LOST)
    await collect_due(payer.small.world)
    refund = payer.small.refunds.only()
    payer.small.clock.pass_by(1)
    await collect_due(payer.small.world)
    assert refund.state is RefundState.IN_DOUBT
    body = f"status=refunded&reference={refund.our_reference}".encode()
    connector, world = payer.small.connector, payer.small.world
    assert await receive_callback(connector, {}, body, world) is CallbackReceipt.UNDERSTOOD
    await collect_due(world)
    assert (refund.state.value, connector.given_back()) == ("done", TOTAL)


async def test_refund_toctou() -> None:
    """The race itself is run against PostgreSQL; here the judgement."""
    payer = Payer()
    payer.small.biller.bills[BILL_NO] = a_bill(total=10_000)
    await payer.order()
    await payer.pay()
    refunds = [a_refund(payer.payment_id, number, amount=6_000) for number in (1, 2)]
    answers = await asyncio.gather(*(payer.small.refunds.request(new, 10, 60) for new in refunds))
    assert [isinstance(answer, RefundOpened) for answer in answers].count(True) == 1
    assert RefundRefusal.EXCEEDS_REMAINING in answers
    await payer.wait_for_days()
    assert payer.small.connector.given_back() == 6_000


async def test_gateway_pending_is_not_failed() -> None:
    """Whatever is no final answer keeps the try open: it is asked again, and its late success is booked."""
    payer = Payer()
    payer.small.connector.inquiries.extend([AwaitingPayer(), NoAnswer("an unknown state")])
    await payer.order()
    await payer.come_back(status="failure")
    for _ in range(2):
        await payer.wait(200)
    assert (payer.small.connector.asked["inquire"], payer.state) == (2, State.COLLECTING)
    assert [one.state for one in payer.tries()] == [TryState.OPEN]
    await payer.pay()
    assert payer.state is State.COMPLETED
    assert payer.moments() == ["collected", "delivered"]


async def test_amount_mismatch_is_review_not_failed() -> None:
    """Money of another amount is booked and waits for two persons; the payer is told of no failure."""
    payer = Payer()
    await payer.order()
    order = payer.page().order
    paid = Collected(order.reference, Money(order.amount.minor - 100), "TRX9", {})
    payer.small.connector.inquiries.append(paid)
    await payer.wait(200)
    assert payer.state is State.IN_REVIEW
    assert payer.moments() == ["collected_without_payment"]
    assert payer.notices() == ["collected_mismatch"]
    assert payer.balance("suspense:bkash") == paid.amount.minor
