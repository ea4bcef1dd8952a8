"""Whatever payers, connectors and billers do, in any order: no money is lost, doubled or taken unasked."""

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ekpay_switch.domain.collections.connector_calls import CollectOrder, ExecuteOutcome, RefundOutcome
from ekpay_switch.domain.collections.funding import TryState
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.domain.payment import FINAL, State
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.flows.collections.collect import try_again
from ekpay_switch.ports.collections import NoNewTry
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.connectors import LOST, LOST_ORDER, FakeConnector, Move
from tests.scenarios.collections import (
    CLIENT,
    COLLECTED,
    REFUND_DUE,
    SUSPENSE,
    Payer,
    assert_accounted,
    given_back,
)
from tests.scenarios.job_rounds import collect_due

EXECUTES: dict[str, Move[ExecuteOutcome]] = {
    "loses the answer": LOST,
    "loses the order": LOST_ORDER,
    "declines": Move(Declined("insufficient_balance")),
    "is not reached": Move(Unreached("refused")),
}
REFUNDS: dict[str, Move[RefundOutcome]] = {
    "loses the refund's answer": LOST,
    "loses the refund": LOST_ORDER,
    "refuses the refund": Move(Declined("refused")),
    "is not reached for the refund": Move(Unreached("refused")),
}
DEEDS = {
    "the biller loses the answer": LOSES_ANSWER,
    "the biller loses the order": LOSES_ORDER,
    "the biller declines": Deed(Declined("blocked")),
    "the biller is not reached": Deed(Unreached("refused")),
}
OF_A_PAGE = ["agrees", "comes back", "comes back cancelled", "cancels over there", "is charged unasked"]
OTHERS = ["takes another page", "cancels", "no page", "no answer", *EXECUTES, *REFUNDS, *DEEDS]
WAITS = [1, 60, 200, 700, 4_000]
ACTS = st.one_of(
    st.tuples(st.sampled_from(OF_A_PAGE), st.integers(0, 2)),
    st.tuples(st.sampled_from(OTHERS), st.just(0)),
    st.tuples(st.just("waits"), st.sampled_from(WAITS)),
)
Act = tuple[str, int]


class WatchedConnector(FakeConnector):
    """Notes how our books stood when it was asked for money."""

    payer: Payer
    unasked: tuple[str, ...] = ()

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        one = next(one for one in self.payer.tries() if one.new.reference == order.reference)
        is_late = self.payer.small.tables.is_over(self.payer.payment_id)
        if one.state is not TryState.OPEN or self.payer.state is not State.COLLECTING or is_late:
            self.unasked += (f"{one.state} {self.payer.state}",)
        return await super().execute(order)


def a_watched_payer() -> Payer:
    payer = Payer()
    connector = WatchedConnector(payer.small.clock, payer.small.steps)
    connector.payer, payer.small.connector = payer, connector
    payer.small.connectors.known[:] = [connector]
    return payer


async def of_a_page(payer: Payer, act: str, number: int) -> None:
    pages = payer.small.connector.pages
    one = payer.tries()[number] if number < len(payer.tries()) else None
    if one is None or one.provider_reference not in pages:
        return
    page = pages[one.provider_reference]
    match act:
        case "agrees":
            page.is_agreed = True
        case "comes back":
            await payer.come_back(number)
        case "comes back cancelled":
            await payer.come_back(number, "cancel")
        case "cancels over there":
            page.is_gone = not page.transaction
        case _:
            payer.small.connector.take(page)


async def do(payer: Payer, act: str, number: int) -> None:
    small = payer.small
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "waits": lambda: payer.wait(number),
        "takes another page": lambda: try_again(CLIENT, payer.payment_id, "bkash", small.world),
        "cancels": lambda: small.collections.cancel("bank1", payer.payment_id),
    }
    if act in OF_A_PAGE:
        await of_a_page(payer, act, number)
    elif act in acts:
        await acts[act]()
    elif act == "no page":
        small.connector.creates.append(InDoubt("the answer was cut off"))
    elif act == "no answer":
        small.connector.inquiries.append(NoAnswer("silence"))
    else:
        say_later(payer, act)


def say_later(payer: Payer, act: str) -> None:
    small = payer.small
    if act in EXECUTES:
        small.connector.executes.append(EXECUTES[act])
    elif act in REFUNDS:
        small.connector.refunds.append(REFUNDS[act])
    else:
        small.biller.deeds.append(DEEDS[act])


async def live(acts: list[Act]) -> Payer:
    """All that happens, and then days in which every page lapses and every job runs."""
    payer = a_watched_payer()
    await payer.order()
    for act, number in acts:
        await do(payer, act, number)
        assert_accounted(payer)
        assert_asked_for_rightly(payer)
    for page in payer.small.connector.pages.values():
        page.is_gone = not page.transaction
    await payer.wait_for_days()
    await collect_due(payer.small.world)
    return payer


def assert_asked_for_rightly(payer: Payer) -> None:
    assert isinstance(payer.small.connector, WatchedConnector)
    assert payer.small.connector.unasked == ()


@example(acts=[("agrees", 0), ("loses the answer", 0), ("comes back", 0), ("waits", 200)])
@example(acts=[("takes another page", 0), ("is charged unasked", 0), ("agrees", 1), ("comes back", 1)])
@example(acts=[("agrees", 0), ("comes back", 0), ("the biller declines", 0), ("refuses the refund", 0)])
@given(acts=st.lists(ACTS, max_size=14))
@settings(max_examples=150, deadline=None)
def test_in_any_order_no_money_is_lost_or_doubled_or_taken_unasked(acts: list[Act]) -> None:
    payer = asyncio.run(live(acts))
    small = payer.small
    assert_accounted(payer)
    assert_asked_for_rightly(payer)
    assert payer.balance(SUSPENSE) == 0
    assert small.connector.given_back() == given_back(payer)
    by_hand = [one for one in small.tables.refunds.values() if one.state is RefundState.BY_HAND]
    assert payer.balance(REFUND_DUE) == COLLECTED * len(by_hand)
    assert payer.state in FINAL or (payer.state is State.REFUNDING and by_hand)
    assert len(small.biller.book) == (payer.state is State.COMPLETED)
    assert small.alarms.raised.count(("refund_needs_a_person", payer.payment_id)) == len(by_hand)


@given(acts=st.lists(ACTS, max_size=10))
@settings(max_examples=50, deadline=None)
def test_in_any_order_a_payment_whose_money_was_asked_for_gets_no_other_page(acts: list[Act]) -> None:
    async def run() -> None:
        payer = a_watched_payer()
        await payer.order()
        for act, number in acts:
            await do(payer, act, number)
        is_asked_for = any(one.executes_begun and one.state is TryState.OPEN for one in payer.tries())
        answer = await try_again(CLIENT, payer.payment_id, "bkash", payer.small.world)
        assert isinstance(answer, NoNewTry) or not is_asked_for

    asyncio.run(run())
