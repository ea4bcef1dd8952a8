"""Many orders at once through one process: each gets its own verdict, and the money stays exact."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.errors import OverloadedError
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import (
    Claim,
    ConflictingClaim,
    RefusedClaim,
    RepeatedClaim,
    StartedClaim,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.group_commit.batch import write_batch
from tests.persistence.books import (
    APPROVED,
    REFUSED,
    Books,
    a_top_up,
    kinds,
    recording_of,
    refusals,
    standing_ids,
)
from tests.persistence.conftest import open_books


async def test_concurrent_claims_each_start_a_payment_of_their_own(books: Books) -> None:
    await books.partner(prefund=100 * 6_000)
    quotes = [await books.quote() for _ in range(100)]

    answers = await books.submit_all([books.claim_on(quote) for quote in quotes])

    assert kinds(answers) == {"StartedClaim": 100}
    assert [answer.claim.quote_id for answer in answers] == [quote.quote_id for quote in quotes]
    assert await books.balance() == 0
    assert await books.audit() is None


async def test_batch_cap_overshoot(books: Books) -> None:
    """A refused order frees its room for those behind it, and never the room of those before."""
    await books.partner(prefund=100_00)
    quotes = [await books.quote(total=total) for total in (60_00, 60_00, 30_00)]

    connection = await books.database.connect_hot()
    try:
        answers = await write_batch(connection, [books.claim_on(quote) for quote in quotes])
    finally:
        await connection.close()

    assert [type(answer) for answer in answers] == [StartedClaim, RefusedClaim, StartedClaim]
    assert refusals([answers[1]]) == [Refusal.PREFUND_TOO_LOW]  # type: ignore[list-item]
    assert await books.balance() == 10_00
    assert await books.audit() is None


async def test_of_three_sixties_on_a_hundred_one_is_paid(books: Books) -> None:
    await books.partner(prefund=100_00)
    quotes = [await books.quote(total=60_00) for _ in range(3)]

    answers = await books.submit_all([books.claim_on(quote) for quote in quotes])

    assert kinds(answers) == {"RefusedClaim": 2, "StartedClaim": 1}
    assert await books.balance() == 40_00


async def test_idempotency_key_concurrent_first_use(books: Books) -> None:
    """A hundred first uses of one reference at once are one payment, and all are told of it."""
    await books.partner(prefund=100 * 6_000)
    quote = await books.quote()

    answers = await books.submit_all([books.claim_on(quote, "the same") for _ in range(100)])

    assert kinds(answers) == {"RepeatedClaim": 99, "StartedClaim": 1}
    assert len(standing_ids(answers)) == 1
    assert await books.count("payments") == await books.count("attempts") == 1
    assert await books.balance() == 99 * 6_000


async def test_the_same_first_use_in_every_committer_at_once_is_one_payment(place: Endpoint) -> None:
    """Two processes, or two connections: what one batch holds the other waits for."""
    async with open_books(place) as here, open_books(place) as there:
        await here.partner(prefund=100 * 6_000)
        quote = await here.quote()
        claims = [here.claim_on(quote, "the same") for _ in range(60)]

        answers = await asyncio.gather(
            *(here.submit(claim) for claim in claims[:30]), *(there.submit(claim) for claim in claims[30:])
        )

        assert kinds(answers) == {"RepeatedClaim": 59, "StartedClaim": 1}
        assert len(standing_ids(answers)) == 1
        assert await here.balance() == 99 * 6_000


async def test_a_bill_is_paid_under_one_reference_of_fifty(books: Books) -> None:
    for lane in range(5):
        await books.partner(f"bank{lane}", lane, prefund=100 * 6_000)
    claims = []
    for number in range(50):
        lane = number % 5
        quote = await books.quote(f"bank{lane}", bill="000000000042", lane=lane)
        claims.append(books.claim_on(quote, lane=lane))

    answers = await books.submit_all(claims)

    assert kinds(answers) == {"RefusedClaim": 49, "StartedClaim": 1}
    assert set(refusals(answers)) == {Refusal.BILL_TAKEN}
    assert await books.count("payments", "state = 'declined' AND refusal = 'bill_taken'") == 49
    assert sum([await books.balance(f"bank{lane}") for lane in range(5)]) == 499 * 6_000
    assert await books.audit() is None


async def test_a_batch_waits_for_a_bill_that_another_lane_is_taking_and_then_sees_it_taken(
    books: Books,
) -> None:
    """The unique index alone would break the second batch, and with it everybody in it."""
    bill = "000000000042"
    for lane in range(2):
        await books.partner(f"bank{lane}", lane, prefund=6_000)
    quotes = [await books.quote(f"bank{lane}", bill=bill, lane=lane) for lane in range(2)]
    first, second = [await books.database.connect_hot() for _ in range(2)]
    taking = first.transaction()
    await taking.start()
    await write_batch(first, [books.claim_on(quotes[0])])

    waiting = asyncio.ensure_future(write_batch(second, [books.claim_on(quotes[1], lane=1)]))
    async with asyncio.timeout(10):
        while not await books.count("pg_locks", "locktype = 'advisory' AND NOT granted"):
            assert not waiting.done()
    await taking.commit()

    assert refusals(await waiting) == [Refusal.BILL_TAKEN]  # type: ignore[arg-type]
    await first.close()
    await second.close()
    assert await books.audit() is None


async def test_callers_who_drain_one_prefund_never_get_below_zero(books: Books) -> None:
    await books.partner(prefund=20 * 6_000 + 1)
    quotes = [await books.quote() for _ in range(50)]

    async def pay(number: int) -> bool:
        started = await books.submit(books.claim_on(quotes[number]))
        if isinstance(started, StartedClaim):
            await books.finish(started, APPROVED if number % 2 else REFUSED)
        return isinstance(started, StartedClaim)

    paid = await asyncio.gather(*map(pay, range(50)))

    completed = await books.count("payments", "state = 'completed'")
    assert sum(paid) >= 20
    assert await books.balance() == 20 * 6_000 + 1 - completed * 6_000 >= 0
    assert await books.value("SELECT sum(amount)::bigint FROM postings") == 0
    assert await books.count("postings", "account = 'in_flight'") == 2 * sum(paid)
    assert await books.audit() is None


async def test_a_burnt_reference_stays_burnt_after_a_top_up(books: Books) -> None:
    await books.partner()
    quote = await books.quote()
    claim = books.claim_on(quote)
    assert refusals([await books.submit(claim)]) == [Refusal.PREFUND_TOO_LOW]
    await books.top_up("bank1", 60_000)

    again = await books.submit(books.claim_on(quote, claim.reference))

    assert isinstance(again, RepeatedClaim)
    assert (again.payment.state, again.payment.refusal) == (State.DECLINED, Refusal.PREFUND_TOO_LOW)
    assert await books.balance() == 60_000
    # What is burnt is the reference: the bill is free for another.
    assert isinstance(await books.submit(books.claim_on(quote)), StartedClaim)


async def test_a_reference_with_other_content_conflicts_and_stores_nothing(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    other = await books.quote(total=7_000)
    before = await books.rows("SELECT * FROM payments")

    answer = await books.submit(books.claim_on(other, started.claim.reference))

    assert isinstance(answer, ConflictingClaim)
    assert answer.payment.payment_id == started.claim.payment_id
    assert await books.rows("SELECT * FROM payments") == before
    assert await books.balance() == 54_000


async def test_what_a_refused_payment_gives_back_pays_for_a_claim_of_the_same_batch(books: Books) -> None:
    await books.partner(prefund=6_000)
    started = await books.start()
    claim = books.claim_on(await books.quote())

    connection = await books.database.connect_hot()
    try:
        # The claim stands first in the queue; what frees money is still judged before it.
        answers = await write_batch(connection, [claim, recording_of(started, REFUSED)])
    finally:
        await connection.close()

    assert isinstance(answers[0], StartedClaim)
    assert await books.state_of(started.claim.payment_id) == State.REFUNDED
    assert await books.balance() == 0
    assert await books.audit() is None


async def test_a_partner_pays_with_its_own_quotes_and_money_only(books: Books) -> None:
    await books.partner("rich", prefund=60_000)
    await books.partner("poor", 1)
    quote = await books.quote("rich")

    answer = await books.submit(replace(books.claim_on(quote, lane=1), partner_id="poor"))

    assert refusals([answer]) == [Refusal.QUOTE_EXPIRED]
    assert await books.balance("rich") == 60_000


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("UPDATE quotes SET expires_at = now() - interval '1 second'", Refusal.QUOTE_EXPIRED),
        ("UPDATE quotes SET is_paid = true", Refusal.ALREADY_PAID),
        ("UPDATE quotes SET amount = amount + 1", Refusal.AMOUNT_DIFFERS),
        ("DELETE FROM quotes", Refusal.QUOTE_EXPIRED),
    ],
)
async def test_a_claim_is_judged_by_the_stored_quote(books: Books, change: str, refusal: Refusal) -> None:
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    await books.tell(change)

    assert refusals([await books.submit(claim)]) == [refusal]
    assert await books.balance() == 60_000
    assert await books.count("attempts") == 0
    assert await books.audit() is None


async def test_a_bill_that_was_given_back_may_be_paid_again(books: Books) -> None:
    await books.partner(prefund=60_000)
    await books.finish(await books.start(bill="000000000042"), REFUSED)

    assert isinstance(await books.start(bill="000000000042"), StartedClaim)
    assert await books.audit() is None


# ---- scroll numbers


async def test_scroll_numbers_have_no_gap_over_concurrent_batches_and_refusals(place: Endpoint) -> None:
    async with open_books(place, batch_max=7) as books:
        claims: list[Claim] = []
        for lane in range(4):
            # Each partner can pay for six of its ten.
            await books.partner(f"bank{lane}", lane, prefund=6 * 6_000)
            quotes = [await books.quote(f"bank{lane}", lane=lane) for _ in range(10)]
            claims += [books.claim_on(quote, lane=lane) for quote in quotes]

        answers = await books.submit_all(claims)

        numbers = [answer.scroll_no for answer in answers if isinstance(answer, StartedClaim)]
        assert sorted(numbers) == list(range(1, 25))
        assert kinds(answers) == {"RefusedClaim": 16, "StartedClaim": 24}
        assert await books.audit() is None


async def test_a_scroll_number_stays_with_its_payment_through_repeats_and_give_backs(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()

    again = await books.submit(started.claim)
    await books.finish(started, REFUSED)
    following = await books.start()

    assert (again.scroll_no, again.business_date) == (started.scroll_no, started.business_date) == (
        1, started.business_date,
    )  # fmt: skip
    assert following.scroll_no == 2
    stored = await books.value("SELECT scroll_no FROM payments WHERE id = $1", started.claim.payment_id)
    assert stored == 1
    assert await books.audit() is None


# ---- the queue


async def test_a_full_queue_refuses_and_writes_nothing(place: Endpoint) -> None:
    async with open_books(place, queue_max=3, committers=1) as books:
        await books.partner(prefund=60_000)
        quotes = [await books.quote() for _ in range(6)]

        answers = await books.submit_all([books.claim_on(quote) for quote in quotes])

        assert kinds(answers) == {"OverloadedError": 3, "StartedClaim": 3}
        assert await books.count("payments") == 3
        assert await books.balance() == 60_000 - 3 * 6_000


async def test_stopping_writes_what_waits_and_takes_no_more(place: Endpoint) -> None:
    async with open_books(place, batch_max=2) as books:
        await books.partner(prefund=60_000)
        claims = [books.claim_on(await books.quote()) for _ in range(7)]
        waiting = [asyncio.ensure_future(books.submit(claim)) for claim in claims]
        await asyncio.sleep(0)

        await books.group_commit.stop()

        assert kinds(await asyncio.gather(*waiting)) == {"StartedClaim": 7}
        with pytest.raises(OverloadedError):
            await books.submit(a_top_up("bank1", 1))
