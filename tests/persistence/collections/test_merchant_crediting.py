"""Money for a merchant: credited to its shares in the transaction that believes it, at its try's price."""

import asyncio

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import LockedTry, StillOpen
from ekpay_switch.domain.ledger.posting_rules import Charges
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.collections.deliveries import give_up_delivery
from ekpay_switch.ports.collections import NoNewTry
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import LAPSED, QUOTE_OVER
from tests.persistence.collections.merchant_money_setup import (
    ACCOUNTS,
    AGREES,
    AMOUNT,
    ASKS,
    OWN,
    SPLIT,
    Stall,
    open_stall,
)
from tests.persistence.merchants.merchant_setup import BKASH, CARD, a_priced_try

PAYER_GAVE = AMOUNT + 2_150  # with bKash's charge, our fee and its VAT
KEPT = 1_607
FREE = Charges(Money(0), Money(0), Money(0))


async def test_money_is_credited_as_it_comes(stall: Stall) -> None:
    held = await stall.sold()
    assert held.order.amount == Money(PAYER_GAVE)
    payment = await stall.till.payment(held)
    assert (payment["state"], payment["collected_by"], payment["next_action_at"]) == (
        "completed",
        "bkash",
        None,
    )
    assert await stall.till.events(held) == ["collection_started", "collected", "merchant_credited"]
    assert await stall.till.notices(held) == [("completed", 3)]
    assert await stall.moments(held) == ["collected", "delivered"]
    assert await stall.till.balances() == {
        "receivable:bkash": PAYER_GAVE - KEPT,
        "connector_fee:bkash": KEPT,
        OWN: -AMOUNT,
        "charge_income": -1_575,
        "fee_income": -500,
        "vat_payable": -75,
    }
    assert await stall.owed() == AMOUNT
    assert await stall.till.collections.funded_due(10) == []


async def test_a_split_is_credited_to_every_share(stall: Stall) -> None:
    await stall.sold(SPLIT)
    balances = await stall.till.balances()
    assert [balances[account] for account in ACCOUNTS] == [-70_001, -19_999, -10_000, -5_000]
    assert await stall.owed() == AMOUNT


async def test_without_charges_no_charge_is_posted(stall: Stall) -> None:
    held = await stall.sold(charges=FREE)
    assert held.order.amount == Money(AMOUNT)
    assert not {"charge_income", "fee_income", "vat_payable"} & set(await stall.till.balances())


@pytest.mark.parametrize("paid", [0, 1])
async def test_whichever_try_is_paid_its_price_counts(stall: Stall, paid: int) -> None:
    payment = await stall.ordered(SPLIT)
    tries = [await stall.on_page(payment, BKASH), await stall.on_page(payment, CARD)]
    assert (await stall.till.payment(tries[0]))["charge"] == CARD.charge.minor
    charges = (BKASH, CARD)[paid]

    held = await stall.paid(tries[paid])

    row = await stall.till.payment(held)
    assert [row[name] for name in ("charge", "fee", "vat")] == [charges.charge.minor, 500, 75]
    assert held.order.amount.minor == AMOUNT + charges.charge.minor + 575
    assert await stall.balance("charge_income") == -charges.charge.minor
    assert await stall.owed() == AMOUNT


async def test_a_second_success_goes_back_with_its_own_price(stall: Stall) -> None:
    payment = await stall.ordered(SPLIT)
    first, second = await stall.on_page(payment, BKASH), await stall.on_page(payment, CARD)
    await stall.paid(second)
    late = await stall.till.leased(first)

    recorded = await stall.till.record(late, stall.came(late))

    assert (recorded.state, recorded.alarm) == (State.COMPLETED, Alarm.UNEXPECTED_MONEY)
    assert await stall.owed() == AMOUNT
    assert await stall.balance("refund_due:bkash") == -PAYER_GAVE
    assert (await stall.till.payment(second))["charge"] == CARD.charge.minor


# ---- at once, and once more


async def test_two_tries_that_are_paid_at_once_credit_once(stall: Stall, books: Books) -> None:
    async with open_stall(books) as other:
        for _ in range(6):
            payment = await stall.ordered(SPLIT)
            pages = [await stall.on_page(payment, charges) for charges in (BKASH, CARD)]
            tries = [await stall.till.leased(one) for one in pages]

            tills = (stall.till, other.till)
            recorded = await asyncio.gather(
                *(till.record(one, stall.came(one)) for till, one in zip(tills, tries, strict=True))
            )

            assert sorted(one.alarm is None for one in recorded) == [False, True]
            assert (await stall.moments(tries[0])).count("delivered") == 1
    assert await stall.owed() == 6 * AMOUNT


async def test_payments_of_one_merchant_are_credited_side_by_side(stall: Stall, books: Books) -> None:
    async with open_stall(books) as other:
        tries = [await stall.on_page(await stall.ordered(SPLIT)) for _ in range(24)]
        held = [await stall.till.leased(one) for one in tries]
        tills = (stall.till, other.till)
        await asyncio.gather(
            *(tills[number % 2].record(one, stall.came(one)) for number, one in enumerate(held))
        )
    assert await stall.owed() == 24 * AMOUNT


async def test_what_is_written_again_is_written_once(stall: Stall) -> None:
    """The COMMIT was not heard of, and the same finding comes once more."""
    held = await stall.sold(SPLIT)
    again = await stall.till.record(held, stall.came(held))
    assert (again.state, again.alarm) == (State.COMPLETED, None)
    assert await stall.moments(held) == ["collected", "delivered"]
    assert await stall.owed() == AMOUNT
    assert await stall.till.notices(held) == [("completed", 3)]


# ---- an amount that somebody has changed on its way (T32)


@pytest.mark.parametrize("change", [-1, 1, -AMOUNT, -2_150])
async def test_an_amount_changed_between_our_page_and_the_provider_credits_nobody(
    stall: Stall, change: int
) -> None:
    held = await stall.till.leased(await stall.on_page(await stall.ordered(SPLIT)))
    came = Money(PAYER_GAVE + change)

    recorded = await stall.till.record(held, stall.came(held, amount=came))

    assert (recorded.state, recorded.alarm) == (State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await stall.till.notices(held) == [("collected_mismatch", 2)]
    balances = await stall.till.balances()
    assert balances["suspense:bkash"] == -came.minor
    assert not set(ACCOUNTS) & set(balances)
    assert (await stall.owed(), await stall.refunded(held)) == (0, [0, 0, 0, 0])


async def test_money_in_another_currency_credits_nobody(stall: Stall) -> None:
    held = await stall.till.leased(await stall.on_page(await stall.ordered()))
    recorded = await stall.till.record(held, stall.came(held, amount=Money(PAYER_GAVE, "USD")))
    assert (recorded.state, recorded.alarm) == (State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert (await stall.till.balances(), await stall.owed()) == ({}, 0)


async def test_the_price_of_another_try_is_not_this_ones(stall: Stall) -> None:
    payment = await stall.ordered()
    dear, cheap = await stall.on_page(payment, CARD), await stall.on_page(payment, FREE)
    held = await stall.till.leased(dear)
    recorded = await stall.till.record(held, stall.came(held, amount=cheap.order.amount))
    assert (recorded.state, recorded.alarm) == (State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await stall.owed() == 0


async def test_what_disagreed_goes_back_by_two_persons_and_the_merchant_gets_none_of_it(
    stall: Stall,
) -> None:
    held = await stall.till.leased(await stall.on_page(await stall.ordered(SPLIT)))
    await stall.till.record(held, stall.came(held, amount=Money(99_000)))
    view = await stall.office.desk.request_review_give_back(held.payment_id, "tampered with", ASKS)
    await stall.office.desk.approve(view.refund_id, AGREES)
    await stall.office.done(view.refund_id)
    assert (await stall.till.payment(held))["state"] == "refunded"
    assert (await stall.owed(), await stall.balance("refund_due:bkash")) == (0, 0)


# ---- a payment that nobody has paid


async def test_a_payment_whose_only_try_came_to_nothing_is_payable_until_its_token_ends(
    stall: Stall,
) -> None:
    payment = await stall.ordered(SPLIT)
    held = await stall.till.leased(await stall.on_page(payment))
    recorded = await stall.till.record(held, LAPSED)
    row = await stall.till.payment(held)
    assert (recorded.state, row["next_action_at"]) == (State.CREATED, payment.token_expires_at)
    assert await stall.till.collections.expire_due(10) == 0

    again = await stall.paid(await stall.on_page(payment, CARD))

    assert (await stall.till.payment(again))["state"] == "completed"


async def test_once_its_token_has_ended_it_expires_and_takes_no_try(stall: Stall) -> None:
    payment = await stall.ordered()
    held = await stall.till.leased(await stall.on_page(payment))
    await stall.books.tell(QUOTE_OVER, payment.payment_id)

    recorded = await stall.till.record(held, LAPSED)

    assert recorded.state is State.EXPIRED
    assert await stall.till.notices(held) == [("expired", 3)]
    refused = await stall.till.collections.open_try("shop", payment.payment_id, a_priced_try(), 0.0)
    assert refused == NoNewTry(State.EXPIRED)


async def test_one_that_nobody_ever_tried_expires_by_the_clock(stall: Stall) -> None:
    payment = await stall.ordered()
    assert await stall.till.collections.expire_due(10) == 0
    over = "UPDATE payments SET quote_expires_at = now(), next_action_at = now() WHERE id = $1"
    await stall.books.tell(over, payment.payment_id)
    assert await stall.till.collections.expire_due(10) == 1
    assert (await stall.shop.seen(payment.payment_id)).state is State.EXPIRED


async def test_money_that_comes_after_the_end_goes_back_and_credits_nobody(stall: Stall) -> None:
    payment = await stall.ordered(SPLIT)
    held = await stall.on_page(payment)
    await stall.till.record(await stall.till.leased(held), StillOpen(0.0, "not yet"))
    assert await stall.till.collections.cancel("shop", payment.payment_id) is None
    late = await stall.till.leased(held)

    recorded = await stall.till.record(late, stall.came(late))

    assert (recorded.state, recorded.alarm) == (State.DECLINED, Alarm.UNEXPECTED_MONEY)
    assert await stall.balance("refund_due:bkash") == -PAYER_GAVE
    assert await stall.owed() == 0


# ---- funded by a review


async def _reviewed_to_deliver(stall: Stall) -> LockedTry:
    """A merchant payment as a review may leave it: funded, with its money in flight, and nobody credited."""
    held = await stall.on_page(await stall.ordered(SPLIT))
    await stall.books.tell("UPDATE payments SET biller_id = 'desco_postpaid' WHERE id = $1", held.payment_id)
    held = await stall.paid(held)
    back = "UPDATE payments SET biller_id = 'merchant:shop' WHERE id = $1"
    await stall.books.tell(back, held.payment_id)
    assert (await stall.till.payment(held))["state"] == "funded"
    return held


async def test_what_a_review_has_funded_is_credited_however_late(stall: Stall) -> None:
    held = await _reviewed_to_deliver(stall)
    await stall.books.tell(QUOTE_OVER, held.payment_id)
    (due,) = await stall.till.collections.funded_due(10)
    assert (due.biller_id, due.is_quote_expired) == ("merchant:shop", False)

    credited = [await stall.till.collections.credit_merchant(due.payment_id) for _ in range(2)]

    assert credited == [True, False]
    assert await stall.till.collections.funded_due(10) == []
    assert (await stall.till.notices(held))[-1] == ("completed", 3)
    assert await stall.owed() == AMOUNT
    assert (await stall.till.payment(held))["facts"] != "{}"


async def test_no_biller_is_told_of_it_and_it_is_never_given_up(stall: Stall) -> None:
    held = await _reviewed_to_deliver(stall)
    assert await stall.till.collections.start_delivery(stall.till.delivery_of(held)) is None
    await stall.books.tell(QUOTE_OVER, held.payment_id)
    assert not await stall.till.collections.give_up_delivery(held.payment_id)
    assert not await stall.transactions.run(
        lambda connection: give_up_delivery(connection, held.payment_id, 0)
    )
    assert await stall.till.collections.credit_merchant(held.payment_id)


async def test_a_bill_is_no_merchants(stall: Stall) -> None:
    await stall.books.partner()
    held = await stall.till.funded()
    assert not await stall.till.collections.credit_merchant(held.payment_id)
    assert not await stall.till.collections.credit_merchant(held.attempt_id)
    assert (await stall.till.payment(held))["state"] == "funded"
