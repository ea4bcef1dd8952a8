"""Two ways to one biller: the second is taken only where nothing left us on the first, and then for good."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NotFound, Outcome, Posted, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.factories import TOTAL, a_world, an_order
from tests.fakes.billers import PROFILE, Deed
from tests.fakes.world import SmallWorld

SECOND = "second_route"
DARK = Deed(Unreached("connection refused"))
# The biller behind the first route cannot be reached by it: nothing was sent on, so it may be by the second.
NOT_SENT_ON = Deed(Declined("refused", "1007", may_reroute=True))


def a_world_of_two_routes(*deeds: Deed) -> SmallWorld:
    small = a_world()
    small.biller.profile = replace(PROFILE, second_route=SECOND)
    small.biller.deeds.extend(deeds)
    return small


def routes(small: SmallWorld) -> list[str]:
    return [order.step for order in small.biller.orders]


async def test_an_unreached_first_route_is_followed_by_the_second_made_durable_before() -> None:
    small = a_world_of_two_routes(DARK)
    await pay_bill(an_order(), small.world)
    assert routes(small) == ["pay", SECOND]
    assert small.books.only().state is State.COMPLETED
    assert small.steps.taken == ["claim", "pay", "begin_send", "pay", "record"]
    assert small.books.balance("payable:desco_postpaid") == TOTAL


@pytest.mark.parametrize(
    "says", [Approved(), Declined("refused", "328"), InDoubt("the answer was cut off")], ids=str
)
async def test_whatever_the_first_route_answered_is_the_answer(says: Outcome) -> None:
    small = a_world_of_two_routes(Deed(says))
    await pay_bill(an_order(), small.world)
    assert routes(small) == ["pay"]


async def test_a_named_decline_is_followed_by_the_second_route_made_durable_before() -> None:
    small = a_world_of_two_routes(NOT_SENT_ON)
    await pay_bill(an_order(), small.world)
    assert routes(small) == ["pay", SECOND]
    assert len({order.reference for order in small.biller.orders}) == 1
    assert small.books.only().state is State.COMPLETED
    assert small.steps.taken == ["claim", "pay", "begin_send", "pay", "record"]
    assert small.books.balance("payable:desco_postpaid") == TOTAL


async def test_a_named_decline_without_a_second_route_is_a_refusal() -> None:
    small = a_world()
    small.biller.deeds.append(NOT_SENT_ON)
    await pay_bill(an_order(), small.world)
    assert routes(small) == ["pay"]
    assert small.books.only().state is State.REFUNDED


@pytest.mark.parametrize("second", [DARK, NOT_SENT_ON, Deed(Declined("refused", "328"))], ids=repr)
async def test_the_second_route_is_tried_once_and_what_it_refuses_goes_back(second: Deed) -> None:
    small = a_world_of_two_routes(NOT_SENT_ON, second)
    await pay_bill(an_order(), small.world)
    assert routes(small) == ["pay", SECOND]
    assert small.books.only().state is State.REFUNDED
    assert small.books.balance(IN_FLIGHT) == 0


async def test_where_both_are_dark_the_money_goes_back() -> None:
    small = a_world_of_two_routes(DARK, DARK)
    await pay_bill(an_order(), small.world)
    assert small.books.only().state is State.REFUNDED
    assert small.books.balance(IN_FLIGHT) == 0


async def test_a_doubt_on_the_second_route_is_asked_about_there() -> None:
    small = a_world_of_two_routes(DARK, Deed(InDoubt("the answer was cut off"), posts=True))
    await pay_bill(an_order(), small.world)
    small.clock.pass_by(100)
    (leased,) = await small.books.lease_due(16, 60.0)
    assert leased.order.step == SECOND
    small.biller.inquiries.append(Posted(leased.order.reference, TOTAL))
    await resolve_in_doubt(leased, small.world)
    assert small.books.only().state is State.COMPLETED


async def test_after_a_proven_loss_a_named_decline_leads_to_no_other_route() -> None:
    """What was lost on the first route may yet arrive there: on another it could be paid beside it."""
    small = a_world_of_two_routes(Deed(InDoubt("the answer was cut off")), NOT_SENT_ON)
    await pay_bill(an_order(), small.world)
    small.clock.pass_by(400)
    (leased,) = await small.books.lease_due(16, 60.0)
    small.biller.inquiries.append(NotFound())
    await resolve_in_doubt(leased, small.world)
    assert routes(small) == ["pay", "pay"]
    assert small.books.only().state is State.DELIVERING  # asked about before anything is given back


@pytest.mark.parametrize("step", ["pay", SECOND])
async def test_what_was_lost_on_a_route_is_sent_again_on_that_one_and_no_other(step: str) -> None:
    lost = Deed(InDoubt("the answer was cut off"))
    small = a_world_of_two_routes(*([DARK] if step == SECOND else []), lost, DARK)
    await pay_bill(an_order(), small.world)
    small.clock.pass_by(400)
    (leased,) = await small.books.lease_due(16, 60.0)
    small.biller.inquiries.append(NotFound())
    await resolve_in_doubt(leased, small.world)
    assert routes(small)[-1] == step
    assert routes(small).count(SECOND) == (2 if step == SECOND else 0)
    assert small.books.only().state is State.REFUNDED
