"""Payers, callbacks, workers and two processes at once: one of each wins, and nobody waits crosswise."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.collections import AlreadyOpened, CollectionOpened, RawCallback, StartedDelivery
from tests.persistence.books import APPROVED, BILLER, REFUSED, Books, kinds
from tests.persistence.collections.collection_setup import (
    LAPSED,
    NOT_YET,
    QUOTE_OVER,
    TAKEN,
    Till,
    a_try,
    agreed,
    open_till,
    page,
)

BILL = "000000000042"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
ALL_DUE = """
UPDATE tries SET next_action_at = now() - interval '1 second', lease_until = NULL
WHERE next_action_at IS NOT NULL
"""


@asynccontextmanager
async def two_tills(books: Books) -> AsyncIterator[tuple[Till, Till]]:
    """Two processes' ways to the same books."""
    async with open_till(books) as here, open_till(books) as there:
        yield here, there


async def _at_once(*calls: Awaitable[Any]) -> list[Any]:
    """Every answer; an error of any call is one too, and no test expects it."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def _is_well(books: Books) -> bool:
    return await books.audit() is None and await books.value(DEADLOCKS) == 0


async def test_a_hundred_first_uses_of_a_key_are_one_payment(books: Books) -> None:
    """Each has fetched the bill for itself, so that the bills may even have names of their own."""
    await books.partner()
    async with two_tills(books) as tills:
        news = [tills[0].new("the same") for _ in range(100)]

        answers = await _at_once(*(tills[n % 2].collections.open(new) for n, new in enumerate(news)))

    assert kinds(answers) == {"AlreadyOpened": 99, "CollectionOpened": 1}
    told = {answer.view.payment_id for answer in answers if isinstance(answer, AlreadyOpened)}
    assert told == {
        answer.locked_try.payment_id for answer in answers if isinstance(answer, CollectionOpened)
    }
    assert await books.count("payments") == await books.count("tries") == 1
    assert await _is_well(books)


async def test_a_hundred_keys_on_one_bill_are_one_payment(books: Books) -> None:
    for lane in range(4):
        await books.partner(f"bank{lane}", lane)
    async with two_tills(books) as tills:
        news = [tills[0].new(bill=BILL, partner_id=f"bank{n % 4}", lane=n % 4) for n in range(100)]

        answers = await _at_once(*(tills[n % 2].collections.open(new) for n, new in enumerate(news)))

    assert kinds(answers) == {"BillTaken": 99, "CollectionOpened": 1}
    assert await books.count("payments") == 1
    assert await _is_well(books)


async def test_of_a_syndicate_order_and_a_payer_one_gets_the_bill(books: Books) -> None:
    for lane in range(4):
        await books.partner(f"bank{lane}", lane, prefund=30 * 6_000)
    won: set[str] = set()
    async with open_till(books) as till:
        for number in range(15):
            bill = f"{number:012d}"
            quotes = [await books.quote(f"bank{n}", bill=bill, lane=n) for n in range(4)]
            claims = [books.submit(books.claim_on(quote, lane=n)) for n, quote in enumerate(quotes)]
            opens = [
                till.collections.open(till.new(bill=bill, partner_id=f"bank{n}", lane=n)) for n in range(4)
            ]
            calls = [call for pair in zip(claims, opens, strict=True) for call in pair]
            random.Random(number).shuffle(calls)  # noqa: S311 - a seeded shuffle is wanted

            told = kinds(await _at_once(*calls))

            winners = {
                name: count for name, count in told.items() if name in {"StartedClaim", "CollectionOpened"}
            }
            assert sum(winners.values()) == 1, told
            assert set(told) <= {"StartedClaim", "CollectionOpened", "RefusedClaim", "BillTaken"}
            won |= set(winners)
        live = "state NOT IN ('declined', 'expired', 'refunded') AND refusal IS NULL"
        assert await books.count("payments", live) == 15
        assert await _is_well(books)
    assert won


async def test_every_try_is_held_by_one_of_many_workers(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as tills:
        opened = [await tills[0].on_page() for _ in range(30)]
        await books.tell(ALL_DUE)

        due = (tills[n % 2].collections.lease_due_tries(7, 30, per_far_side=7) for n in range(6))
        named = (tills[n % 2].collections.lease_try(one.order.reference, 30) for n, one in enumerate(opened))
        rounds = await _at_once(*due, *named)
        rest = await tills[0].collections.lease_due_tries(30, 30, per_far_side=30)

    flat = [one for some in (*rounds, rest) for one in (some if isinstance(some, list) else [some])]
    held = [one.attempt_id for one in flat if isinstance(one, LockedTry)]
    assert len(held) == len(set(held)) == 30
    assert {one.epoch for one in flat if isinstance(one, LockedTry)} == {2}


async def test_two_pages_paid_at_once_fund_the_payment_once(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as (here, there):
        for number in range(10):
            first = await here.on_page()
            second = await here.leased(await here.another(first))
            first = await here.leased(first)

            answers = await _at_once(
                here.collections.record(first, agreed(first, f"A{number}")),
                there.collections.record(second, agreed(second, f"B{number}")),
            )

            assert kinds(answers) == {"TryRecorded": 2}
            assert sorted(str(answer.alarm) for answer in answers) == ["None", "unexpected_money"]
    assert await books.count("attempts", "outcome = 'approved'") == 10
    assert await books.count("attempts", "outcome = 'second_success'") == await books.count("refunds") == 10
    sums = await here.balances()
    assert (sums["in_flight"], sums["refund_due:bkash"]) == (-10 * TAKEN, -10 * TAKEN)
    assert "suspense:bkash" not in sums
    assert await _is_well(books)


async def test_money_that_comes_while_the_biller_answers_is_written_in_the_order_of_the_group_commit(
    till: Till,
) -> None:
    """Both want the lane and the payment's row, and both have to wait for the row at first."""
    books = till.books
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    await till.record(second, agreed(second, "A"))
    started, first = await till.delivering(second), await till.leased(first)
    blocker = await books.superuser()
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT FROM payments FOR UPDATE")
    calls = []
    for call in (till.collections.record(first, agreed(first, "B")), till.delivered(started)):
        calls.append(asyncio.ensure_future(call))
        async with asyncio.timeout(10):
            while await books.count("pg_locks", "NOT granted") < len(calls):
                assert not calls[-1].done()

    await transaction.rollback()
    await blocker.close()

    assert kinds(await asyncio.gather(*calls)) == {"Recorded": 1, "TryRecorded": 1}
    assert (await till.view(first)).state is State.COMPLETED
    assert await _is_well(books)


async def test_a_movement_that_two_tries_name_at_once_brings_money_in_once(books: Books) -> None:
    """The unique index alone would make the second an error, and what it found would be lost."""
    for lane in range(2):
        await books.partner(f"bank{lane}", lane)
    async with two_tills(books) as tills:
        for number in range(10):
            held = [
                await tills[0].leased(
                    await tills[0].on_page(tills[0].new(partner_id=f"bank{lane}", lane=lane))
                )
                for lane in range(2)
            ]
            answers = await _at_once(
                *(tills[n].collections.record(one, agreed(one, f"T{number}")) for n, one in enumerate(held))
            )
            assert sorted(answer.state for answer in answers) == [State.FUNDED, State.IN_REVIEW]
    assert (await tills[0].balances())["in_flight"] == -10 * TAKEN
    assert await _is_well(books)


async def test_a_payment_is_cancelled_or_its_money_is_asked_for_never_both(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as (here, there):
        for _ in range(15):
            held = await here.leased(await here.on_page())

            refusal, may_send = await _at_once(
                here.collections.cancel("bank1", held.payment_id),
                there.collections.begin_execute(held, 10, 90),
            )

            assert (refusal is None) is not may_send
            state = State.COLLECTING if may_send else State.DECLINED
            assert (await here.view(held)).state is state
    assert await _is_well(books)


async def test_a_payment_gets_another_try_or_its_money_is_asked_for_never_both(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as (here, there):
        for _ in range(15):
            held = await here.leased(await here.on_page())

            another, may_send = await _at_once(
                here.collections.open_try("bank1", held.payment_id, a_try(), 0.0),
                there.collections.begin_execute(held, 10, 90),
            )

            assert isinstance(another, LockedTry) is not may_send
    assert await _is_well(books)


async def test_many_further_tries_at_once_leave_one_open(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as tills:
        held = await tills[0].on_page()

        answers = await _at_once(
            *(
                tills[n % 2].collections.open_try("bank1", held.payment_id, a_try(f"wallet{n}"), 0.0)
                for n in range(20)
            )
        )
        shown = (await tills[0].view(held)).connector_id

    assert kinds(answers) == {"LockedTry": 20}
    assert shown == await books.value("SELECT far_side FROM attempts WHERE state = 'open'")
    assert await books.count("attempts", "state = 'open'") == 1
    assert await books.count("attempts", "state = 'abandoned'") == 20


async def test_webhook_before_response_at_the_same_moment_is_never_lost(books: Books) -> None:
    """Whichever is written first, the try is due at once and knows what the callback claimed."""
    await books.partner()
    async with two_tills(books) as (here, there):
        for number in range(30):
            held, name = await here.opened(), f"TR-{number}"
            by_ours = number % 3 == 0
            hint = CallbackHint(name, "" if by_ours else name, "success", "", is_agreed=True)
            if by_ours:
                hint = replace(hint, reference=held.order.reference)

            answers = await _at_once(
                here.collections.record(held, page(name)),
                there.callbacks.keep(RawCallback("bkash", name, {}, b""), hint),
            )

            assert kinds(answers) == {"TryRecorded": 1, "bool": 1}
            row = await here.row(held)
            assert (row["due_seconds"] <= 0, row["is_agreed"]) == (True, True), number
    assert await _is_well(books)


async def test_a_hint_that_meets_an_answer_is_never_lost(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as (here, there):
        for number in range(20):
            held = await here.leased(await here.on_page())
            name = f"TR0011{here.pages:04d}"
            hint = CallbackHint(f"N{number}", name, "success", is_agreed=True)

            await _at_once(
                here.collections.record(held, NOT_YET),
                there.callbacks.keep(RawCallback("bkash", f"N{number}", {}, b""), hint),
            )

            row = await here.row(held)
            assert (row["due_seconds"] <= 5, row["is_agreed"]) == (True, True), number
    assert await _is_well(books)


async def test_a_delivery_is_begun_once_and_the_days_scroll_has_no_gap(books: Books) -> None:
    await books.partner(prefund=20 * 6_000)
    async with two_tills(books) as tills:
        held = [await tills[0].funded() for _ in range(15)]
        claims = [books.submit(books.claim_on(await books.quote())) for _ in range(15)]
        starts = [
            tills[n % 2].collections.start_delivery(tills[0].delivery_of(one))
            for one in held
            for n in range(3)
        ]

        answers = await _at_once(*starts, *claims)

        started = [answer for answer in answers if isinstance(answer, StartedDelivery)]
        assert {one.delivery.payment_id for one in started} == {one.payment_id for one in held}
        assert len(started) == 15
        assert kinds(answers) == {"NoneType": 30, "StartedClaim": 15, "StartedDelivery": 15}
        numbers = await books.rows("SELECT scroll_no FROM payments ORDER BY 1")
        assert [row[0] for row in numbers] == list(range(1, 31))
        await _at_once(*(tills[0].delivered(one) for one in started))
    assert await books.count("payments", "state = 'completed'") == 15
    assert await _is_well(books)


async def test_a_payment_expires_or_is_given_up_once(books: Books) -> None:
    await books.partner()
    async with two_tills(books) as tills:
        waiting, funded = [], []
        for _ in range(10):
            waiting.append(await tills[0].on_page())
            await tills[0].record(await tills[0].leased(waiting[-1]), LAPSED)
            funded.append(await tills[0].funded())
        for held in (*waiting, *funded):
            await books.tell(QUOTE_OVER, held.payment_id)
        await books.tell("UPDATE payments SET next_action_at = now() - interval '1 second'")

        expired = await _at_once(*(tills[n % 2].collections.expire_due(4) for n in range(8)))
        given_up = await _at_once(
            *(tills[n].collections.give_up_delivery(one.payment_id) for one in funded for n in range(2))
        )
        expired.append(await tills[0].collections.expire_due(10))

    assert sum(expired) == await books.count("notifications", "notice = 'expired'") == 10
    assert given_up.count(True) == given_up.count(False) == 10
    assert (await tills[0].balances())["refund_due:bkash"] == -10 * TAKEN
    assert await _is_well(books)


async def test_a_day_of_everything_at_once_ends_in_balanced_books_without_a_deadlock(books: Books) -> None:
    """Claims and answers of billers through the group commit beside payers, callbacks and workers."""
    chance = random.Random(4)  # noqa: S311 - a seeded shuffle is wanted
    for lane in range(3):
        await books.partner(f"bank{lane}", lane, prefund=40 * 6_000)
    async with two_tills(books) as tills:
        days = [_payer(tills[n % 2], tills[1 - n % 2], n, chance) for n in range(60)]
        days += [_syndicate(books, n % 3) for n in range(40)]
        chance.shuffle(days)

        ends = await _at_once(*days)

        assert set(kinds(ends)) == {"NoneType"}, [end for end in ends if end is not None]
    assert await books.count("payments", "state = 'completed'") > 40
    assert await books.count("attempts", "outcome = 'second_success'") > 0
    assert await books.value("SELECT sum(amount)::bigint FROM postings") == 0
    assert "suspense:bkash" not in await tills[0].balances()
    assert await _is_well(books)


async def _syndicate(books: Books, lane: int) -> None:
    started = await books.start(f"bank{lane}", lane=lane)
    await books.finish(started, APPROVED)


async def _payer(till: Till, other: Till, number: int, chance: random.Random) -> None:
    """One payer: on the page, perhaps on a second one, callbacks and workers all over, then the biller."""
    lane = number % 3
    held = await till.on_page(till.new(partner_id=f"bank{lane}", lane=lane))
    tries = [held]
    if chance.random() < 0.4:
        began = await other.collections.open_try(held.partner_id, held.payment_id, a_try(), 0.0)
        assert isinstance(began, LockedTry)
        await till.record(began, page(f"SECOND-{number}"))
        tries.append(began)
    name = (await till.row(tries[-1]))["provider_reference"]
    callback = RawCallback("bkash", f"N{number}", {}, b"")
    await asyncio.gather(
        *(
            other.callbacks.keep(callback, CallbackHint("N", name, "success", is_agreed=True))
            for _ in range(3)
        ),
        *(_paid(till, one, f"{number}-{nth}") for nth, one in enumerate(tries)),
    )
    await asyncio.gather(*(_deliver(one, held, chance) for one in (till, other)))


async def _paid(till: Till, one: LockedTry, transaction: str) -> None:
    held = await till.leased(one)
    await till.collections.begin_execute(held, 10, 90)
    await till.collections.record(held, agreed(held, transaction))


async def _deliver(till: Till, held: LockedTry, chance: random.Random) -> None:
    started = await till.collections.start_delivery(till.delivery_of(held, BILLER))
    if started is not None:
        await till.delivered(started, APPROVED if chance.random() < 0.8 else REFUSED)
