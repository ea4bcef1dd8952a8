"""A client's order: the bill, the payment with its first try, the page."""

from collections import deque
from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound
from ekpay_switch.domain.collections.connector_calls import CreateOutcome
from ekpay_switch.domain.collections.funding import TryEnd, TryState
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.collections.collect import (
    ClientCollectOrder,
    CollectionAnswer,
    CollectRefusal,
    collect,
    try_again,
)
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.ports.collections import BillTaken, Client, NoNewTry, PaymentView
from tests.factories import BILL_NO, TOTAL, a_bill, a_world, an_order
from tests.fakes.connectors import LOST
from tests.scenarios.collections import CHARGE, CLIENT, COLLECTED, KEPT, RECEIVABLE, Payer, a_collect_order

NO_PAGE: dict[TryEnd, CreateOutcome] = {
    TryEnd.DECLINED: Declined("blocked", "2006"),
    TryEnd.UNREACHED: Unreached("the breaker is open"),
    TryEnd.NO_PAGE: InDoubt("the answer was cut off"),
}


async def refused(payer: Payer, order: ClientCollectOrder) -> object:
    """What the order is answered with, provided that it left nothing behind."""
    answer = await collect(order, payer.small.world)
    assert payer.small.books.payments == {}
    assert payer.small.connector.asked == {}
    return answer


async def test_an_order_opens_a_page_for_the_payer() -> None:
    payer = Payer()
    view = await payer.order()
    assert view.state is State.COLLECTING
    assert view.page_url == "https://bkash.example/pay/P1"
    reference = payer.tries()[0].new.reference
    assert payer.page().order.reference == reference
    assert payer.page().order.return_url == f"https://pay.example/pay/return/{reference}"
    assert payer.page().order.notify_url == "https://pay.example/callbacks/bkash"
    assert view.sums == Sums(Money(TOTAL), Money(CHARGE), Money(500), Money(75))
    assert payer.page().order.amount == Money(COLLECTED) == view.sums.total
    assert view.next_look_at is not None
    assert (view.next_look_at - view.created_at).total_seconds() == 180
    assert (view.pay_until - view.created_at).total_seconds() == 900
    assert (view.bill["number"], view.bill["amount"], view.bill["due_on"]) == (BILL_NO, TOTAL - 5_000, None)


async def test_the_providers_page_is_told_the_biller_and_the_payers_language() -> None:
    payer = Payer()
    order = replace(a_collect_order(), language=PayerLanguage.ENGLISH)
    answer = await collect(order, payer.small.world)
    assert isinstance(answer, CollectionAnswer)
    biller = payer.small.world.billers.by_ekpay_id(order.ekpay_biller_id)
    assert biller is not None
    names = biller.profile.name_en, biller.profile.name_bn
    assert all(names)
    assert payer.page().order.page == PageContent(*names, PayerLanguage.ENGLISH)
    payment_id = answer.view.payment_id
    await try_again(CLIENT, payment_id, "bkash", payer.small.world, PayerLanguage.BANGLA)
    again, first = payer.small.connector.orders[-1], payer.small.connector.orders[0]
    assert again.page == PageContent(*names, PayerLanguage.BANGLA)
    assert again.reference != first.reference


async def test_the_page_of_a_biller_that_is_gone_is_told_no_name() -> None:
    """A payment outlives the manifest of its biller; its payer may still try again."""
    payer = Payer()
    answer = await collect(a_collect_order(), payer.small.world)
    assert isinstance(answer, CollectionAnswer)
    payer.small.billers.known.clear()
    await try_again(CLIENT, answer.view.payment_id, "bkash", payer.small.world, PayerLanguage.BANGLA)
    assert len(payer.small.connector.orders) == 2
    assert payer.small.connector.orders[-1].page == PageContent(language=PayerLanguage.BANGLA)


async def test_a_reference_is_as_long_as_the_provider_takes() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(payer.small.connector.profile, reference_length=20)
    await payer.order()
    assert len(payer.page().order.reference) == 20


async def test_the_try_is_durable_before_the_connector_is_asked() -> None:
    payer = Payer()
    await payer.order()
    steps = [step for step in payer.small.steps.taken if step in {"open", "create", "record_try"}]
    assert steps == ["open", "create", "record_try"]


async def test_opening_a_page_moves_no_money() -> None:
    payer = Payer()
    await payer.order()
    assert payer.moments() == []


@pytest.mark.parametrize("end", NO_PAGE)
async def test_without_a_page_the_payment_waits_for_another_try(end: TryEnd) -> None:
    payer = Payer()
    payer.small.connector.creates.append(NO_PAGE[end])
    view = await payer.order()
    (first,) = payer.tries()
    assert (view.state, view.page_url, first.state, first.end) == (State.CREATED, "", TryState.CLOSED, end)
    again = await payer.another_page()
    assert (again.state, again.page_url) == (State.COLLECTING, "https://bkash.example/pay/P1")
    await payer.pay()
    assert payer.state is State.COMPLETED


async def test_a_create_call_that_comes_too_late_is_not_sent() -> None:
    payer = Payer()
    payer.small.connector.stalls_seconds = 11
    view = await payer.order()
    assert (view.state, payer.small.connector.asked["create"]) == (State.CREATED, 0)


async def test_a_payment_that_nobody_pays_for_expires_and_frees_its_bill() -> None:
    payer = Payer()
    payer.small.connector.creates.append(Declined("blocked"))
    await payer.order()
    await payer.wait(899)
    assert payer.state is State.CREATED
    await payer.wait(2)
    assert (payer.state, payer.notices()) == (State.EXPIRED, ["expired"])
    assert isinstance(await collect(a_collect_order("v1:K2"), payer.small.world), CollectionAnswer)


# ---- the same again


async def test_the_same_key_repeats_the_payment_as_it_stands_now() -> None:
    payer = Payer()
    first = await payer.order()
    await payer.pay()
    payer.small.biller.bills.clear()
    repeated = await collect(a_collect_order(), payer.small.world)
    assert isinstance(repeated, CollectionAnswer)
    assert (repeated.is_repeat, repeated.view.payment_id) == (True, first.payment_id)
    assert repeated.view.state is State.COMPLETED
    assert payer.small.connector.asked["create"] == 1


async def test_the_same_key_with_other_content_is_refused() -> None:
    payer = Payer()
    await payer.order()
    answer = await collect(a_collect_order(amount=TOTAL + 1), payer.small.world)
    assert answer is CollectRefusal.KEY_REUSED
    assert len(payer.small.books.payments) == 1


async def test_the_same_key_of_another_client_is_another_payment() -> None:
    payer = Payer()
    await payer.order()
    payer.small.biller.bills["092512345679"] = a_bill("092512345679")
    other = Client("bank2", "Shop Two", 1, frozenset())
    answer = await collect(a_collect_order(client=other, bill_no="092512345679"), payer.small.world)
    assert isinstance(answer, CollectionAnswer)
    assert not answer.is_repeat


@pytest.mark.parametrize(
    ("order", "refusal"),
    [(a_collect_order(), None), (a_collect_order(amount=TOTAL + 1), CollectRefusal.KEY_REUSED)],
)
async def test_of_two_first_uses_of_a_key_at_once_one_opens_a_page(
    order: ClientCollectOrder, refusal: CollectRefusal | None
) -> None:
    """The second one looked before the first was written, and meets it when it writes."""
    payer = Payer()
    await payer.order()
    payer.small.biller.replies = deque([BillFound(a_bill(total=order.amount.minor))])
    hidden = dict(payer.small.tables.collections)

    async def not_there_yet(partner_id: str, reference: str) -> PaymentView | None:
        assert (partner_id, reference) == ("bank1", "v1:K1")
        return None

    payer.small.collections.by_reference = not_there_yet  # type: ignore[method-assign]
    answer = await collect(order, payer.small.world)
    is_repeat = isinstance(answer, CollectionAnswer) and answer.is_repeat
    assert is_repeat is (refusal is None)
    assert is_repeat or answer is refusal
    assert payer.small.tables.collections == hidden
    assert payer.small.connector.asked["create"] == 1


async def test_a_bill_that_another_payment_holds_is_not_collected_twice() -> None:
    payer = Payer()
    await payer.order()
    answer = await collect(a_collect_order("v1:K2"), payer.small.world)
    assert answer == BillTaken(payer.payment_id)


async def test_whose_payment_holds_a_bill_is_told_to_nobody_else() -> None:
    payer = Payer()
    await payer.order()
    other = Client("bank2", "Shop Two", 1, frozenset())
    assert await collect(a_collect_order(client=other), payer.small.world) == BillTaken(None)


async def test_a_bill_that_a_prefund_pays_is_not_collected_for() -> None:
    small = a_world()
    await pay_bill(an_order(), small.world)
    assert await collect(a_collect_order(), small.world) == BillTaken(small.books.only().standing.payment_id)


# ---- what is not collected


async def test_an_unknown_biller_is_refused() -> None:
    order = replace(a_collect_order(), ekpay_biller_id="b999")
    assert await refused(Payer(), order) is CollectRefusal.UNKNOWN_BILLER


async def test_an_unknown_instrument_is_refused_before_anybody_is_asked() -> None:
    payer = Payer()
    order = replace(a_collect_order(), instrument="nagad")
    assert await refused(payer, order) is CollectRefusal.UNKNOWN_INSTRUMENT
    assert "fetch" not in payer.small.steps.taken


async def test_an_instrument_that_is_not_active_is_as_good_as_unknown() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(payer.small.connector.profile, status="disabled")
    assert await refused(payer, a_collect_order()) is CollectRefusal.UNKNOWN_INSTRUMENT


@pytest.mark.parametrize("parameters", [{}, {"bill_no": "12"}, {"bill_no": BILL_NO, "meter": "1"}])
async def test_parameters_that_are_none_of_the_billers_are_refused(parameters: dict[str, str]) -> None:
    order = replace(a_collect_order(), parameters=parameters)
    assert await refused(Payer(), order) is CollectRefusal.MALFORMED_PARAMETERS


async def test_no_such_bill() -> None:
    order = a_collect_order(bill_no="000000000000")
    assert await refused(Payer(), order) is CollectRefusal.BILL_NOT_FOUND


async def test_a_biller_that_does_not_answer_is_unavailable() -> None:
    payer = Payer()
    payer.small.biller.replies.append(BillerSilent("refused"))
    assert await refused(payer, a_collect_order()) is CollectRefusal.BILLER_UNAVAILABLE


@pytest.mark.parametrize("bill", [a_bill(is_paid=True), a_bill(total=0)])
async def test_a_bill_that_is_paid_already_is_not_collected_for(bill: Bill) -> None:
    payer = Payer()
    payer.small.biller.bills[BILL_NO] = bill
    assert await refused(payer, a_collect_order()) is CollectRefusal.BILL_ALREADY_PAID


@pytest.mark.parametrize("amount", [TOTAL - 1, TOTAL + 1, COLLECTED])
async def test_another_amount_than_the_bills_is_refused_and_never_corrected(amount: int) -> None:
    assert await refused(Payer(), a_collect_order(amount=amount)) is CollectRefusal.AMOUNT_MISMATCH


async def test_an_amount_in_another_currency_is_refused() -> None:
    order = replace(a_collect_order(), amount=Money(TOTAL, "USD"))
    assert await refused(Payer(), order) is CollectRefusal.AMOUNT_MISMATCH


async def test_what_a_biller_rounds_up_is_part_of_the_amount() -> None:
    payer = Payer()
    payer.small.biller.bills[BILL_NO] = replace(a_bill(total=TOTAL), rounding=Money(44))
    assert await collect(a_collect_order(), payer.small.world) is CollectRefusal.AMOUNT_MISMATCH
    answer = await collect(a_collect_order(amount=TOTAL + 44), payer.small.world)
    assert isinstance(answer, CollectionAnswer)
    assert answer.view.sums.billed_amount == Money(TOTAL + 44)


@pytest.mark.parametrize(("least", "most"), [(COLLECTED + 1, 10**9), (1, COLLECTED - 1)])
async def test_an_amount_that_the_connector_does_not_take_is_refused(least: int, most: int) -> None:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile, amount_min=Money(least), amount_max=Money(most)
    )
    assert await refused(payer, a_collect_order()) is CollectRefusal.AMOUNT_OUT_OF_RANGE


async def test_the_limits_of_the_connector_may_be_reached_exactly() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile, amount_min=Money(COLLECTED), amount_max=Money(COLLECTED)
    )
    assert (await payer.order()).state is State.COLLECTING


# ---- another try


async def test_a_second_try_abandons_the_first_page() -> None:
    payer = Payer()
    first = await payer.order()
    second = await payer.another_page()
    assert [one.state for one in payer.tries()] == [TryState.ABANDONED, TryState.OPEN]
    assert second.page_url != first.page_url
    assert second.state is State.COLLECTING


async def test_no_second_try_where_money_was_asked_for_and_nobody_knows() -> None:
    payer = Payer()
    await payer.order()
    payer.small.connector.executes.append(LOST)
    await payer.pay()
    answer = await try_again(CLIENT, payer.payment_id, "bkash", payer.small.world)
    assert answer == NoNewTry(State.COLLECTING)


async def test_no_second_try_after_the_quote_died() -> None:
    payer = Payer()
    await payer.order()
    payer.small.clock.pass_by(900)
    answer = await try_again(CLIENT, payer.payment_id, "bkash", payer.small.world)
    assert answer == NoNewTry(State.COLLECTING)


async def test_no_second_try_of_what_is_paid_or_not_theirs() -> None:
    payer = Payer()
    await payer.order()
    await payer.pay()
    world = payer.small.world
    assert await try_again(CLIENT, payer.payment_id, "bkash", world) == NoNewTry(State.COMPLETED)
    other = Client("bank2", "Shop Two", 1, frozenset())
    assert await try_again(other, payer.payment_id, "bkash", world) == NoNewTry(None)


async def test_a_second_try_with_an_unknown_instrument_is_refused() -> None:
    payer = Payer()
    await payer.order()
    answer = await try_again(CLIENT, payer.payment_id, "nagad", payer.small.world)
    assert answer is CollectRefusal.UNKNOWN_INSTRUMENT
    assert payer.tries()[0].state is TryState.OPEN


async def test_where_the_payer_alone_moves_money_a_second_try_waits_for_the_page_to_lapse() -> None:
    payer = Payer()
    payer.small.connector.profile = replace(
        payer.small.connector.profile, executes=False, page_life_seconds=600
    )
    await payer.order()
    answer = await try_again(CLIENT, payer.payment_id, "bkash", payer.small.world)
    assert answer == NoNewTry(State.COLLECTING)
    payer.small.clock.pass_by(600)
    assert (await payer.another_page()).state is State.COLLECTING


# ---- cancelling


async def test_a_payment_can_be_cancelled_until_its_money_is_asked_for() -> None:
    payer = Payer()
    await payer.order()
    assert await payer.small.collections.cancel("bank1", payer.payment_id) is None
    assert await payer.small.collections.cancel("bank1", payer.payment_id) is None
    view = await payer.small.collections.view("bank1", payer.payment_id)
    assert view is not None
    assert (view.state, view.refusal, view.page_url) == (State.DECLINED, Refusal.CANCELLED, "")
    assert payer.notices() == ["cancelled"]


async def test_a_cancelled_payment_is_never_executed() -> None:
    payer = Payer()
    await payer.order()
    await payer.small.collections.cancel("bank1", payer.payment_id)
    await payer.pay()
    await payer.wait_for_days()
    assert (payer.state, payer.small.connector.asked["execute"]) == (State.DECLINED, 0)
    assert payer.small.connector.taken() == 0


async def test_a_payment_whose_money_was_asked_for_is_not_cancelled() -> None:
    payer = Payer()
    await payer.order()
    payer.small.connector.executes.append(LOST)
    await payer.pay()
    answer = await payer.small.collections.cancel("bank1", payer.payment_id)
    assert answer == NoNewTry(State.COLLECTING)
    assert payer.balance(RECEIVABLE) == 0
    await payer.wait(90)
    await payer.wait(1)
    assert (payer.state, payer.balance(RECEIVABLE)) == (State.COMPLETED, COLLECTED - KEPT)


async def test_nobody_cancels_the_payment_of_somebody_else() -> None:
    payer = Payer()
    await payer.order()
    assert await payer.small.collections.cancel("bank2", payer.payment_id) == NoNewTry(None)
