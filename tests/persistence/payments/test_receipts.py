"""A receipt buys one service, and a final receipt is kept, in PostgreSQL."""

import asyncio
from dataclasses import replace

from ekpay_switch.domain.outcome import Approved
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import (
    BillerTerms,
    Delivery,
    Recorded,
    Recording,
    plan_outcome,
    plan_receipt,
)
from ekpay_switch.persistence.payments.receipts import ask_for_final_receipt
from ekpay_switch.persistence.payments.store import PostgresPayments
from tests.persistence.books import Books, delivery_of

CHALLAN = "2526-0000000017"
DUE = "UPDATE payments SET next_action_at = now() - interval '1 second', lease_until = NULL"


async def _started(books: Books, how_many: int) -> list[Delivery]:
    await books.partner(prefund=10_000_000)
    deliveries = []
    for _ in range(how_many):
        started = await books.submit(books.claim_on(await books.quote()))
        assert isinstance(started, StartedClaim)
        deliveries.append(replace(delivery_of(started), terms=BillerTerms(has_unique_receipt=True)))
    return deliveries


def _with(receipt: str, delivery: Delivery) -> Recording:
    return Recording(delivery, plan_outcome(delivery, Approved({"receipt": receipt})))


async def test_one_challan_cannot_buy_two_services(books: Books) -> None:
    first, second = await _started(books, 2)
    one = await books.submit(_with(CHALLAN, first))
    assert isinstance(one, Recorded)
    assert (one.state, one.receipt_was_taken) == (State.COMPLETED, False)

    other = await books.submit(_with(CHALLAN, second))

    assert isinstance(other, Recorded)
    assert (other.state, other.receipt_was_taken) == (State.IN_REVIEW, True)
    assert await books.value("SELECT payment_id FROM used_receipts") == first.payment_id
    notice = "SELECT notice FROM notifications WHERE payment_id = $1"
    assert await books.value(notice.replace("$1", f"'{second.payment_id}'")) == "receipt_used_twice"
    assert await books.audit() is None


async def test_the_same_challan_in_one_batch_and_from_many_sides_completes_one(books: Books) -> None:
    deliveries = await _started(books, 12)
    answers = await asyncio.gather(*(books.submit(_with(CHALLAN, one)) for one in deliveries))
    states = [answer.state for answer in answers if isinstance(answer, Recorded)]
    assert sorted(states) == [State.COMPLETED] + [State.IN_REVIEW] * 11
    assert await books.audit() is None


async def test_an_answer_that_is_written_twice_keeps_its_receipt(books: Books) -> None:
    (delivery,) = await _started(books, 1)
    again = [await books.submit(_with(CHALLAN, delivery)) for _ in range(2)]
    assert [answer.state for answer in again if isinstance(answer, Recorded)] == [State.COMPLETED] * 2
    assert await books.count("used_receipts") == 1


async def test_a_final_receipt_joins_what_was_known_and_is_kept_once(
    books: Books, payments: PostgresPayments
) -> None:
    (delivery,) = await _started(books, 1)
    interim = Recording(delivery, plan_outcome(delivery, Approved({"receipt": "INT-1"})), 60.0)
    await books.submit(interim)
    await books.tell(DUE)
    (leased,) = await payments.lease_due(10, 30)
    assert leased.state is State.COMPLETED

    for _ in range(2):
        recorded = await payments.record(Recording(leased.delivery, plan_receipt("DAK-9")))
        assert recorded.state is State.COMPLETED

    standing = await payments.by_id(delivery.payment_id)
    assert standing is not None
    assert standing.facts == {"receipt": "INT-1", "final_receipt": "DAK-9"}
    assert await books.count("history", "event = 'receipt_issued'") == 1
    assert await payments.lease_due(10, 30) == []
    assert await books.audit() is None


async def test_a_final_receipt_is_asked_for_again_until_it_is_there(books: Books) -> None:
    (delivery,) = await _started(books, 1)
    engine = books.database.engine()

    async def ask(*billers: str) -> str | None:
        return await ask_for_final_receipt(engine, delivery.payment_id, billers)

    assert await ask("desco_postpaid") is None
    await books.submit(_with(CHALLAN, delivery))
    assert await ask("ldtax") is None
    assert await books.value("SELECT next_action_at FROM payments") is None

    assert await ask("ldtax", "desco_postpaid") == "desco_postpaid"
    assert await books.value("SELECT next_action_at <= now() FROM payments")
    await books.submit(Recording(delivery, plan_receipt("DAK-9")))
    assert await ask("desco_postpaid") is None
    await engine.dispose()
