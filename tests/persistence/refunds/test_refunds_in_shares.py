"""Refunds of merchant payments: divided over its shares by largest remainders, within its debt limit."""

import asyncio
import contextlib
import random
from collections import Counter

import pytest

from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.merchants.shares import apportion
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.refunds.decisions import DebtLimitError
from ekpay_switch.persistence.refunds.staff_actions import BearerError, RefundRefusedError
from ekpay_switch.ports.collections import RefundOpened
from tests.persistence.books import BILLER, Books
from tests.persistence.collections.merchant_money_setup import (
    ACCOUNTS,
    AGREES,
    AMOUNT,
    ASKS,
    DEBT_LIMIT,
    OWN,
    SPLIT,
    Stall,
    open_stall,
)
from tests.persistence.refunds.refund_setup import (
    CONSENTED,
    DAYS_MAX,
    NO,
    OUR_LOSS,
    PARTS_MAX,
    Office,
    given,
    wanted,
)

WEIGHTS = [share.amount.minor for share in SPLIT]
CHARGES = [1_575, 500, 75]
RECEIVABLE = "receivable:merchant:shop"


async def ask(
    office: Office, held: LockedTry, amount: int, *, needs_approval: bool = False
) -> RefundOpened | RefundRefusal:
    new = wanted(held.payment_id, amount, partner_id="shop", needs_approval=needs_approval)
    return await office.ask(new, parts_max=100)


async def taken(stall: Stall, held: LockedTry, amount: int, *, needs_approval: bool = False) -> RefundOpened:
    answer = await ask(stall.office, held, amount, needs_approval=needs_approval)
    assert isinstance(answer, RefundOpened), answer
    return answer


# ---- the same shares


async def test_a_refund_is_taken_from_each_share_in_one_entry(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    before = await stall.till.balances()
    await taken(stall, held, 10_000)
    parts = [*apportion(10_000, WEIGHTS)]
    assert (await stall.refunded(held), sum(parts)) == (parts, 10_000)
    after = await stall.till.balances()
    assert [after[name] - before[name] for name in ACCOUNTS] == parts
    assert after["refund_due:bkash"] == -10_000
    assert after["charge_income"] == before["charge_income"]
    assert (await stall.moments(held))[2:] == ["owed_back_by_shares"]
    assert await stall.owed() == AMOUNT - 10_000


async def test_many_small_refunds_come_to_the_same_parts_as_one(stall: Stall) -> None:
    held, total = await stall.sold(SPLIT), 0
    for amount in (1, 2, 1, 7, 333, 1, 10_000, 5, 99, 1):
        await taken(stall, held, amount)
        total += amount
        assert await stall.refunded(held) == [*apportion(total, WEIGHTS)]
    await taken(stall, held, AMOUNT - total)
    assert await stall.refunded(held) == WEIGHTS
    assert await stall.owed() == 0
    assert await ask(stall.office, held, 1) is RefundRefusal.EXCEEDS_REMAINING


async def test_a_refund_that_fails_moves_back_to_the_parts_without_it(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    kept, failing = await taken(stall, held, 12_345), await taken(stall, held, 6_789)
    await stall.office.done(kept.view.refund_id)
    await stall.office.record(await stall.office.sent(failing.view.refund_id), NO)
    assert await stall.refunded(held) == [*apportion(12_345, WEIGHTS)]
    assert await stall.owed() == AMOUNT - 12_345
    assert (await stall.moments(held)).count("owed_back_by_shares_reversed") == 1
    assert (await stall.till.notices(held))[-1][0] == "refund_failed"


async def test_what_is_written_again_moves_the_shares_once(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    new = wanted(held.payment_id, 5_000, partner_id="shop")
    answers = [await stall.office.ask(new) for _ in range(2)]
    assert [isinstance(answer, RefundOpened) and answer.is_repeat for answer in answers] == [False, True]
    sent = await stall.office.sent(new.refund_id)
    recorded = [await stall.office.record(sent, NO) for _ in range(2)]
    assert recorded[0] == recorded[1]
    assert (await stall.refunded(held), await stall.owed()) == ([0, 0, 0, 0], AMOUNT)


# ---- charges


async def test_charges_are_kept_unless_the_agreement_says_otherwise(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    assert await ask(stall.office, held, AMOUNT + 1) is RefundRefusal.EXCEEDS_REMAINING


async def test_an_agreement_that_returns_charges_takes_them_in_the_same_shares(stall: Stall) -> None:
    await stall.agreement("returned")
    held = await stall.sold(SPLIT)
    everything = AMOUNT + sum(CHARGES)

    await taken(stall, held, 50_000)

    parts = [*apportion(50_000, WEIGHTS + CHARGES)]
    assert await stall.refunded(held) == parts[:4]
    assert await stall.owed() == AMOUNT - sum(parts[:4])
    assert await stall.balance("vat_payable") == parts[6] - 75
    assert await ask(stall.office, held, everything - 49_999) is RefundRefusal.EXCEEDS_REMAINING
    await taken(stall, held, everything - 50_000)
    balances = await stall.till.balances()
    assert not {*ACCOUNTS, "charge_income", "fee_income", "vat_payable"} & set(balances)
    assert balances["refund_due:bkash"] == -everything


async def test_what_was_agreed_when_it_was_sold_holds_for_all_its_refunds(stall: Stall) -> None:
    kept = await stall.sold(SPLIT)
    await stall.agreement("returned")
    returned = await stall.sold(SPLIT)
    await stall.agreement("kept")
    await taken(stall, kept, 10_000)
    await taken(stall, returned, 10_000)
    assert await stall.refunded(kept) == [*apportion(10_000, WEIGHTS)]
    assert await stall.refunded(returned) == [*apportion(10_000, WEIGHTS + CHARGES)][:4]


# ---- at once


async def test_many_refunds_at_once_never_exceed_what_was_credited(stall: Stall, books: Books) -> None:
    held, amounts = await stall.sold(SPLIT), [9_000 + number for number in range(20)]
    async with open_stall(books) as other:
        offices = (stall.office, other.office)
        answers = await asyncio.gather(
            *(ask(offices[number % 2], held, amount) for number, amount in enumerate(amounts))
        )
    given = [one.view.amount.minor for one in answers if isinstance(one, RefundOpened)]
    refused = Counter(str(one) for one in answers if isinstance(one, RefundRefusal))
    assert (len(given), refused) == (11, {"refund_exceeds_remaining": 9})
    assert await stall.refunded(held) == [*apportion(sum(given), WEIGHTS)]
    assert await stall.owed() == AMOUNT - sum(given)


async def test_refunds_of_many_payments_at_once_never_pass_the_debt_limit(stall: Stall, books: Books) -> None:
    sold = [await stall.sold(SPLIT) for _ in range(6)]
    await stall.settled(6 * AMOUNT)
    async with open_stall(books) as other:
        offices = (stall.office, other.office)
        answers = await asyncio.gather(
            *(ask(offices[number % 2], held, 30_000) for number, held in enumerate(sold))
        )
    assert Counter(type(answer).__name__ for answer in answers) == {"RefundOpened": 3, "RefundRefusal": 3}
    assert await stall.owed() == -90_000


async def test_selling_and_giving_back_at_once_keep_the_account_right(stall: Stall, books: Books) -> None:
    sold = [await stall.sold(SPLIT) for _ in range(8)]
    pages = [await stall.till.leased(await stall.on_page(await stall.ordered(SPLIT))) for _ in range(8)]
    async with open_stall(books) as other:
        await asyncio.gather(
            *(ask(stall.office, held, 40_000) for held in sold),
            *(other.till.record(one, stall.came(one)) for one in pages),
        )
    assert await stall.owed() == 16 * AMOUNT - 8 * 40_000


# ---- the debt limit


async def test_a_refund_that_the_debt_limit_does_not_allow_is_refused_and_writes_nothing(
    stall: Stall,
) -> None:
    held = await stall.sold(SPLIT)
    await stall.settled(AMOUNT)
    before = await stall.till.balances()

    assert await ask(stall.office, held, DEBT_LIMIT + 1) is RefundRefusal.DEBT_LIMIT

    assert (await stall.till.balances(), await stall.books.count("refunds")) == (before, 0)
    await taken(stall, held, DEBT_LIMIT)
    assert await stall.owed() == -DEBT_LIMIT
    assert await ask(stall.office, held, 1) is RefundRefusal.DEBT_LIMIT
    await stall.sold()
    await taken(stall, held, 1)


async def test_staff_is_refused_alike(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    await stall.settled(AMOUNT)
    with pytest.raises(RefundRefusedError, match="debt limit reached"):
        await stall.office.desk.request(
            held.payment_id, Money(DEBT_LIMIT + 1), "returned", ASKS, PARTS_MAX, DAYS_MAX
        )


async def test_nobody_bears_a_merchants_refund_but_its_shares(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    for burden in (OUR_LOSS, CONSENTED):
        with pytest.raises(BearerError, match="only a bill"):
            await stall.office.desk.request(
                held.payment_id, Money(1), "returned", ASKS, PARTS_MAX, DAYS_MAX, burden=burden
            )
    assert await stall.books.count("refunds") == 0


async def test_a_refund_that_waits_for_a_second_person_moves_no_share(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    asked = await taken(stall, held, 60_000, needs_approval=True)
    assert asked.view.state is RefundState.REQUESTED
    assert (await stall.refunded(held), await stall.owed()) == ([0, 0, 0, 0], AMOUNT)
    assert await ask(stall.office, held, 45_001) is RefundRefusal.EXCEEDS_REMAINING

    view = await stall.office.desk.approve(asked.view.refund_id, AGREES)

    assert view.state is RefundState.APPROVED
    assert await stall.refunded(held) == [*apportion(60_000, WEIGHTS)]
    assert await stall.owed() == AMOUNT - 60_000


async def test_an_approval_that_the_debt_limit_does_not_allow_any_more_is_refused(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    asked = await taken(stall, held, AMOUNT, needs_approval=True)
    await stall.settled(AMOUNT)

    with pytest.raises(DebtLimitError, match="debt limit"):
        await stall.office.desk.approve(asked.view.refund_id, AGREES)

    assert (await stall.office.row(asked.view.refund_id))["state"] == "asked"
    assert await stall.owed() == 0
    await stall.sold()
    await stall.office.desk.approve(asked.view.refund_id, AGREES)
    assert await stall.owed() == 0


async def test_a_refund_limit_is_not_passed_in_small_parts_at_once(stall: Stall, books: Books) -> None:
    await books.tell("UPDATE merchants SET refund_limit = 30000")
    held = await stall.sold(SPLIT)
    async with open_stall(books) as other:
        offices = (stall.office, other.office)
        answers = await asyncio.gather(*(ask(offices[number % 2], held, 10_000) for number in range(8)))
    states = Counter(str(one.view.state) for one in answers if isinstance(one, RefundOpened))
    assert states == {"approved": 3, "asked": 5}
    assert await stall.owed() == AMOUNT - 30_000


async def test_one_person_alone_gives_nothing_back(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    view = await stall.office.desk.request(held.payment_id, Money(1), "returned", ASKS, PARTS_MAX, DAYS_MAX)
    with pytest.raises(OnePersonError):
        await stall.office.desk.approve(view.refund_id, ASKS)
    assert await stall.refunded(held) == [0, 0, 0, 0]


# ---- chargebacks


async def _charged_back(stall: Stall, held: LockedTry, amount: int, name: str = "CB-1") -> None:
    view = await stall.office.desk.record_chargeback(held.payment_id, Money(amount), name, ASKS)
    assert (await stall.office.desk.approve(view.refund_id, AGREES)).state is RefundState.DONE


async def test_a_chargeback_is_taken_in_the_same_shares(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    await _charged_back(stall, held, 33_333)
    assert await stall.refunded(held) == [*apportion(33_333, WEIGHTS)]
    assert (await stall.owed(), await stall.balance("refund_due:bkash")) == (AMOUNT - 33_333, 0)


async def test_a_chargeback_beyond_the_debt_limit_is_owed_to_us_by_the_merchant(stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    await stall.settled(AMOUNT)

    await _charged_back(stall, held, AMOUNT)

    assert await stall.refunded(held) == WEIGHTS
    assert await stall.owed() == -DEBT_LIMIT
    assert await stall.balance(RECEIVABLE) == AMOUNT - DEBT_LIMIT
    accounts = [await stall.balance(account) for account in ACCOUNTS]
    assert sum(accounts) == DEBT_LIMIT
    assert await ask(stall.office, await stall.sold(), AMOUNT + 1) is RefundRefusal.EXCEEDS_REMAINING
    assert await stall.owed() == AMOUNT - DEBT_LIMIT


async def test_a_chargeback_of_all_that_was_collected_takes_the_charges_from_suspense(stall: Stall) -> None:
    held, whole = await stall.sold(SPLIT), AMOUNT + sum(CHARGES)
    await _charged_back(stall, held, whole)
    assert await stall.refunded(held) == WEIGHTS
    assert (await stall.owed(), await stall.balance("suspense:bkash")) == (0, sum(CHARGES))
    assert [event for event, _ in await stall.office.alarms()] == ["chargeback_beyond_the_bill"]


async def test_a_failed_refund_leaves_what_a_chargeback_made_the_merchant_owe(stall: Stall) -> None:
    held, other = await stall.sold(SPLIT), await stall.sold()
    await stall.settled(2 * AMOUNT)
    failing = await taken(stall, held, DEBT_LIMIT)
    await _charged_back(stall, other, 7_000)
    await stall.office.record(await stall.office.sent(failing.view.refund_id), NO)
    assert (await stall.owed(), await stall.balance(RECEIVABLE)) == (0, 7_000)


# ---- all of it, in any order


async def _answered(stall: Stall, luck: random.Random) -> None:
    """What is due is sent, and its connector gives it or does not."""
    for held in await stall.office.lease():
        assert await stall.office.refunds.begin_send(held, 90.0)
        done = given(f"R-{held.refund_id.hex}", held.order.amount.minor)
        await stall.office.record(held, luck.choice([NO, done]))


async def _anything(stall: Stall, sold: list[LockedTry], luck: random.Random, number: int) -> None:
    held, amount = luck.choice(sold), luck.randrange(1, 40_000)
    match luck.choice(["refund", "refund", "ask", "answers", "answers", "chargeback", "settle", "sell"]):
        case "settle":
            await stall.settled(max(1, min(await stall.owed(), amount)))
        case "sell":
            sold.append(await stall.sold(SPLIT))
        case "answers":
            await _answered(stall, luck)
        case "chargeback":
            with contextlib.suppress(RefundRefusedError):
                await _charged_back(stall, held, amount, f"CB-{number}")
        case word:
            await ask(stall.office, held, amount, needs_approval=word == "ask")


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_books_are_clean(stall: Stall, seed: int) -> None:
    """The audit at the end holds shares, entries and what the merchant is owed against each other."""
    luck = random.Random(seed)  # noqa: S311 - a story, not a secret
    await stall.agreement(["kept", "returned"][seed % 2])
    sold = [await stall.sold(SPLIT) for _ in range(3)]
    await stall.settled(3 * AMOUNT)
    for number in range(24):
        await _anything(stall, sold, luck, number)
        assert await stall.owed() >= -DEBT_LIMIT
    assert await stall.books.count("refunds") > 0


async def test_bills_of_the_same_books_are_as_before(stall: Stall) -> None:
    await stall.books.partner()
    held = await stall.office.completed()
    await stall.office.take(held, 1_000)
    assert await stall.balance(f"payable:{BILLER}") == 1_000 - AMOUNT
    assert OWN not in await stall.till.balances()
