"""A connector that cannot be asked: what an agreement brings, and an execute that provably never left us."""

import pytest

from ekpay_switch.domain.collections.connector_calls import AwaitingPayer, CollectOrder, NeverPaid
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.collections.payer_returned import payer_returned
from tests.fakes.connectors import LOST_ORDER, Move
from tests.scenarios.collections import Payer
from tests.scenarios.job_rounds import collect_due

UNDONE = AwaitingPayer(may_execute=True, is_execute_undone=True)


async def an_open_page() -> Payer:
    payer = Payer()
    await payer.order()
    return payer


async def agree(payer: Payer, consent: str) -> None:
    """The payer agrees, and its browser brings something to be shown when the money is asked for."""
    payer.agree()
    one = payer.tries()[-1]
    query = f"paymentID={one.provider_reference}&status=success&consent={consent}".encode()
    await payer_returned(one.new.reference, {}, query, payer.small.world)


def executed(payer: Payer) -> CollectOrder:
    return payer.small.connector.orders[-1]


async def test_what_an_agreement_brought_is_shown_when_the_money_is_asked_for() -> None:
    payer = await an_open_page()
    await agree(payer, "ALIAS1")
    order = executed(payer)
    assert (order.consent, order.executes_begun) == ("ALIAS1", 1)
    assert order.epoch == payer.tries()[0].epoch
    assert payer.state is State.COMPLETED


async def test_the_first_consent_stays() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(Move(Unreached("the link is down")))
    await agree(payer, "ALIAS1")
    payer.small.clock.pass_by(10)
    await agree(payer, "ALIAS2")
    assert [order.consent for order in payer.small.connector.orders[1:]] == ["ALIAS1", "ALIAS1"]
    assert payer.state is State.COMPLETED


async def test_an_execute_that_turns_out_never_to_have_left_us_does_not_count() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST_ORDER)
    await agree(payer, "ALIAS1")
    assert payer.tries()[0].executes_begun == 1
    payer.small.connector.inquiries.append(UNDONE)
    payer.small.clock.pass_by(90)
    await collect_due(payer.small.world)
    one = payer.tries()[0]
    assert (one.executes_begun, payer.state) == (0, State.COLLECTING)
    # The payer's agreement stands, so the money is asked for with the next look.
    await payer.wait(210)
    assert (payer.state, payer.small.connector.asked["execute"]) == (State.COMPLETED, 2)


async def test_after_that_the_payer_may_also_turn_to_another_page() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST_ORDER)
    await agree(payer, "ALIAS1")
    payer.small.connector.inquiries.append(UNDONE)
    payer.small.clock.pass_by(90)
    await collect_due(payer.small.world)
    await payer.another_page()
    await payer.pay()
    assert payer.state is State.COMPLETED
    await payer.wait(1_000)
    assert payer.tries()[0].end is TryEnd.LAPSED
    assert payer.alarms() == []


async def test_who_never_was_executed_is_not_undone() -> None:
    """A connector may say so of a try whose execute another holder has counted out already."""
    payer = await an_open_page()
    payer.small.connector.inquiries.append(AwaitingPayer(is_execute_undone=True))
    payer.small.clock.pass_by(180)
    await collect_due(payer.small.world)
    assert payer.tries()[0].executes_begun == 0


async def test_what_is_undone_and_begun_again_at_once_is_not_executed_in_the_same_look() -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(LOST_ORDER)
    await agree(payer, "ALIAS1")
    payer.small.connector.inquiries.append(UNDONE)
    before = payer.small.connector.asked["execute"]
    payer.small.clock.pass_by(90)
    await collect_due(payer.small.world)
    assert payer.small.connector.asked["execute"] == before


@pytest.mark.parametrize("minutes", [10, 60])
async def test_a_quotes_death_does_not_close_a_try_whose_reversal_is_not_confirmed(minutes: int) -> None:
    payer = await an_open_page()
    payer.small.connector.executes.append(Move(InDoubt("no answer in time"), moves=True))
    await agree(payer, "ALIAS1")
    payer.small.connector.inquiries.extend([NoAnswer("no answer to the reversal")] * 50)
    for _ in range(minutes):
        await payer.wait(60)
    assert (payer.state, payer.tries()[0].end) == (State.COLLECTING, None)
    payer.small.connector.inquiries.clear()
    payer.small.connector.inquiries.append(NeverPaid("reversed, response code 00"))
    await payer.wait(3_700)
    assert payer.tries()[0].end is TryEnd.NEVER_PAID
    assert payer.state is State.EXPIRED
