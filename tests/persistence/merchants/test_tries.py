"""Tries of a merchant's payment: each at a price of its own, each begun once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ekpay_switch.domain.collections.funding import LockedTry, NothingCollected, TryEnd, TryState
from ekpay_switch.domain.ledger.posting_rules import Charges, Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import NoNewTry
from ekpay_switch.ports.merchants import MerchantPayment
from tests.persistence.books import Books, kinds
from tests.persistence.collections.collection_setup import LAPSED, QUOTE_OVER, a_try, agreed, page
from tests.persistence.merchants.merchant_setup import BKASH, CARD, Shop, a_priced_try, open_shop

AMOUNT = Money(105_000)
PRICE = "SELECT charge, fee, vat FROM {} WHERE {} = $1"
FREE = Charges(Money(0), Money(0), Money(0))


def sums_with(charges: Charges) -> Sums:
    return Sums(AMOUNT, charges.charge, charges.fee, charges.vat)


async def _begin(shop: Shop, payment: MerchantPayment, new: Any) -> LockedTry | NoNewTry:  # noqa: ANN401 - a NewTry
    return await shop.till.collections.open_try(payment.partner_id, payment.payment_id, new, 0.0)


async def test_each_try_asks_for_its_own_price_and_the_payment_shows_the_newest(shop: Shop) -> None:
    payment = await shop.opened()

    first = await shop.begun(payment, BKASH)
    await shop.till.record(first, page("TR1"))
    second = await shop.begun(payment, CARD, connector="ebl")

    assert (first.sums, first.order.amount) == (sums_with(BKASH), Money(107_150))
    assert (second.sums, second.order.amount) == (sums_with(CARD), Money(107_675))
    assert (await shop.till.leased(first)).sums == sums_with(BKASH)
    seen = await shop.seen(payment.payment_id)
    assert (seen.state, seen.sums) == (State.COLLECTING, sums_with(CARD))
    assert [one.total for one in seen.tries] == [Money(107_150), Money(107_675)]
    view = await shop.till.view(first)
    assert (view.sums, view.connector_id) == (sums_with(CARD), "ebl")
    assert await shop.books.audit() is None


async def test_a_try_without_charges_costs_the_price_alone(shop: Shop) -> None:
    held = await shop.begun(await shop.opened(), FREE)
    assert held.order.amount == AMOUNT


async def test_the_price_of_a_bill_is_its_payments_own(shop: Shop) -> None:
    await shop.books.partner()
    held = await shop.till.on_page()
    price = await shop.books.rows(PRICE.format("tries", "attempt_id"), held.attempt_id)
    assert tuple(price[0]) == (None, None, None)
    priced = await shop.till.collections.open_try("bank1", held.payment_id, a_priced_try(), 0.0)
    assert priced == NoNewTry(State.COLLECTING)
    assert (await shop.till.view(held)).sums == held.sums


async def test_a_merchants_payment_begins_no_try_that_has_no_price(shop: Shop) -> None:
    """Through REST v1 a merchant could ask for one of its own payments."""
    payment = await shop.opened()
    assert await _begin(shop, payment, a_try()) == NoNewTry(State.CREATED)
    assert await shop.books.count("tries") == 0


async def test_a_payer_who_clicks_twice_begins_one_try(shop: Shop) -> None:
    payment = await shop.opened()
    first = await shop.begun(payment, nth=1)

    assert await _begin(shop, payment, a_priced_try(nth=1)) == NoNewTry(State.COLLECTING)
    assert await _begin(shop, payment, a_priced_try(nth=3)) == NoNewTry(State.COLLECTING)
    await shop.till.record(first, page("TR1"))
    assert isinstance(await _begin(shop, payment, a_priced_try(nth=2)), LockedTry)
    assert await shop.books.count("tries") == 2


async def test_of_many_clicks_at_once_one_begins_a_try(books: Books) -> None:
    async with open_shop(books) as here, open_shop(books) as there:
        await here.merchant()
        payment = await here.opened()
        for nth in (1, 2):
            answers = await asyncio.gather(
                *(_begin((here, there)[n % 2], payment, a_priced_try(CARD, nth)) for n in range(20))
            )
            assert kinds(answers) == {"LockedTry": 1, "NoNewTry": 19}
            (held,) = (answer for answer in answers if isinstance(answer, LockedTry))
            await here.till.record(held, page(f"TR{nth}"))
        assert await books.count("tries") == 2
        assert await books.audit() is None


async def test_a_try_whose_commit_was_not_heard_of_is_begun_once(shop: Shop) -> None:
    payment, new = await shop.opened(), a_priced_try(nth=1)
    first, again = await _begin(shop, payment, new), await _begin(shop, payment, new)
    assert isinstance(first, LockedTry)
    assert again == replace(first, now=again.now if isinstance(again, LockedTry) else first.now)
    assert await shop.books.count("tries") == 1


async def test_no_try_of_another_merchants_payment_or_after_the_token(shop: Shop) -> None:
    payment = await shop.opened()
    other = await shop.till.collections.open_try("other", payment.payment_id, a_priced_try(), 0.0)
    assert other == NoNewTry(None)
    await shop.books.tell(QUOTE_OVER, payment.payment_id)
    assert await _begin(shop, payment, a_priced_try()) == NoNewTry(State.CREATED)


async def test_a_payment_without_a_try_can_be_seen_and_cancelled(shop: Shop) -> None:
    payment = await shop.opened()
    view = await shop.till.collections.view("shop", payment.payment_id)
    assert view is not None
    assert (view.connector_id, view.page_url, view.biller_id) == ("", "", "merchant:shop")
    assert view.next_look_at == payment.token_expires_at

    assert await shop.till.collections.cancel("shop", payment.payment_id) is None

    seen = await shop.seen(payment.payment_id)
    assert (seen.state, seen.refusal, seen.steps) == (State.DECLINED, Refusal.CANCELLED, 1)
    assert await shop.books.audit() is None


async def test_a_payer_who_comes_back_belongs_to_our_own_page(shop: Shop) -> None:
    payment = await shop.opened()
    first = await shop.begun(payment, BKASH)
    await shop.begun(payment, CARD, connector="ebl")

    returning = await shop.till.collections.return_page(first.order.reference)

    assert returning is not None
    assert (returning.checkout_reference, returning.client_name) == (payment.checkout_reference, "shop Ltd.")
    assert (returning.total, returning.try_state) == (Money(107_150), TryState.ABANDONED)
    await shop.books.partner()
    of_bill = await shop.till.collections.return_page((await shop.till.on_page()).order.reference)
    assert of_bill is not None
    assert of_bill.checkout_reference == ""


async def test_tries_are_seen_with_what_became_of_them(shop: Shop) -> None:
    payment = await shop.opened()
    first = await shop.begun(payment)
    await shop.till.record(first, page("TR1"))
    await shop.till.record(await shop.till.leased(first), LAPSED)
    second = await shop.begun(payment, CARD, connector="ebl")
    await shop.till.record(second, page("TR2"))
    third = await shop.begun(payment)

    seen = await shop.seen(payment.payment_id)

    lines = [(one.reference, one.connector_id, one.state, one.end) for one in seen.tries]
    assert lines == [
        (first.order.reference, "bkash", TryState.CLOSED, TryEnd.NEVER_PAID),
        (second.order.reference, "ebl", TryState.ABANDONED, None),
        (third.order.reference, "bkash", TryState.OPEN, None),
    ]
    assert [one.why for one in seen.tries] == ["cancelled by the payer", "", ""]
    assert [one.page_url for one in seen.tries] == [
        "https://page.example/TR1",
        "https://page.example/TR2",
        "",
    ]
    assert [one.page_until is None for one in seen.tries] == [False, False, True]
    assert all(one.next_look_at for one in seen.tries[1:])

    # What is found out about a try that its payment does not wait for is kept as evidence.
    await shop.till.record(await shop.till.leased(second), replace(LAPSED, why="the card was refused"))
    assert (await shop.seen(payment.payment_id)).tries[1].why == "the card was refused"


async def test_money_of_an_older_try_is_what_funded_the_payment(shop: Shop) -> None:
    payment = await shop.opened()
    first = await shop.begun(payment, BKASH)
    await shop.till.record(first, page("TR1"))
    await shop.begun(payment, CARD, connector="ebl")

    await shop.till.record(await shop.till.leased(first), agreed(first, "TRX9"))

    seen = await shop.seen(payment.payment_id)
    assert (seen.state, seen.sums, seen.refunded) == (State.COMPLETED, sums_with(BKASH), Money(0))
    assert seen.funding is not None
    assert (seen.funding.connector_id, seen.funding.transaction) == ("bkash", "TRX9")
    assert seen.funding.facts["payer_account_tail"] == "770"
    assert seen.created_at <= seen.funding.collected_at <= seen.read_at
    assert [one.end for one in seen.tries] == [TryEnd.APPROVED, None]
    assert await shop.books.audit() is None


@pytest.mark.parametrize(
    ("sql", "is_told", "tries"),
    [
        ("SELECT 1", False, 0),
        ("INSERT INTO notification_deliveries (notification_id, endpoint_id) SELECT n.id, e.id {}", False, 0),
        (
            """
            WITH made AS (
              INSERT INTO notification_deliveries (notification_id, endpoint_id, state, tries, next_try_at,
                delivered_at) SELECT n.id, e.id, 'delivered', 2, NULL, now() {} RETURNING *)
            SELECT 1 FROM made
            """,
            True,
            0,
        ),
    ],
)
async def test_a_merchant_is_told_once_its_ipn_was_taken(
    shop: Shop, sql: str, *, is_told: bool, tries: int
) -> None:
    payment = await shop.opened()
    await shop.till.collections.cancel("shop", payment.payment_id)
    await shop.books.tell(
        sql.format("FROM notifications AS n JOIN notification_endpoints AS e USING (partner_id)")
    )
    seen = await shop.seen(payment.payment_id)
    assert (seen.is_told, seen.ipn_tries) == (is_told, tries)


async def test_sendings_are_counted_and_the_newest_message_is_the_one_that_counts(shop: Shop) -> None:
    payment = await shop.opened()
    await shop.till.collections.cancel("shop", payment.payment_id)
    deliver = """
    INSERT INTO notification_deliveries (notification_id, endpoint_id, state, next_try_at, delivered_at)
    SELECT n.id, e.id, 'delivered', NULL, now()
    FROM notifications AS n JOIN notification_endpoints AS e USING (partner_id)
    """
    tried = """
    INSERT INTO notification_tries (id, notification_id, endpoint_id, number, why, took_ms, is_replay)
    SELECT g, d.notification_id, d.endpoint_id, g, '', 5, g = 3
    FROM notification_deliveries AS d, generate_series(1, 3) AS g
    """
    await shop.books.tell(deliver)
    await shop.books.tell(tried)
    replayed = "UPDATE notification_deliveries SET state = 'waiting', next_try_at = now(), tries = 0"
    await shop.books.tell(replayed)
    seen = await shop.seen(payment.payment_id)
    assert (seen.is_told, seen.ipn_tries) == (True, 3)

    newer = """
    INSERT INTO notifications (id, payment_id, partner_id, notice, version)
    SELECT gen_random_uuid(), payment_id, partner_id, 'completed', version + 1 FROM notifications
    """
    await shop.books.tell(newer)
    seen = await shop.seen(payment.payment_id)
    assert (seen.is_told, seen.ipn_tries) == (False, 0)


# ---- refusals of instruments


async def _refused(shop: Shop, payment: MerchantPayment, nth: int) -> State:
    """One more try, whose payer is refused at the instrument."""
    held = await shop.begun(payment, BKASH, nth=nth)
    await shop.till.record(held, page(f"TR{nth}"))
    recorded = await shop.till.record(await shop.till.leased(held), LAPSED)
    assert recorded is not None
    return recorded.state


async def test_an_order_ends_after_so_many_refusals_as_its_merchant_agreed_to(shop: Shop) -> None:
    await shop.books.tell("UPDATE merchants SET refusals_max = 3")
    payment = await shop.opened()
    states = [await _refused(shop, payment, nth) for nth in (1, 2, 3)]
    assert states == [State.CREATED, State.CREATED, State.DECLINED]
    seen = await shop.seen(payment.payment_id)
    assert (seen.state, seen.refusal) == (State.DECLINED, Refusal.INSTRUMENT_REFUSED)
    notice = "SELECT notice FROM notifications WHERE payment_id = $1"
    assert await shop.books.value(notice, payment.payment_id) == "instrument_refused"
    assert await _begin(shop, payment, a_priced_try(nth=4)) == NoNewTry(State.DECLINED)
    assert await shop.books.audit() is None


async def test_a_merchant_may_end_its_orders_at_the_first_refusal(shop: Shop) -> None:
    await shop.books.tell("UPDATE merchants SET refusals_max = 1")
    assert await _refused(shop, await shop.opened(), 1) is State.DECLINED


async def test_a_page_that_the_connector_never_opened_is_no_refusal_of_the_payers(shop: Shop) -> None:
    await shop.books.tell("UPDATE merchants SET refusals_max = 1")
    payment = await shop.opened()
    held = await shop.begun(payment, BKASH)
    recorded = await shop.till.record(held, NothingCollected(TryEnd.NO_PAGE, "no answer"))
    assert recorded is not None
    assert recorded.state is State.CREATED


async def test_a_payer_who_gives_up_after_a_refusal_did_not_cancel(shop: Shop) -> None:
    payment = await shop.opened()
    await _refused(shop, payment, 1)
    refusal = Refusal.INSTRUMENT_REFUSED
    assert await shop.till.collections.cancel("shop", payment.payment_id, refusal) is None
    assert (await shop.seen(payment.payment_id)).refusal is refusal
    assert await shop.till.collections.cancel("shop", payment.payment_id) is None, "leaving twice is leaving"


async def test_the_payment_of_a_bill_bears_any_refusal(shop: Shop) -> None:
    await shop.books.tell("UPDATE merchants SET refusals_max = 1")
    await shop.books.partner()
    held = await shop.till.on_page()
    recorded = await shop.till.record(await shop.till.leased(held), LAPSED)
    assert recorded is not None
    assert recorded.state is State.CREATED
