"""Floors and daily limits of partners, as they bind payments: at once, in every process, and nothing else."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.ledger.posting_rules import given_back_entry, prefund_account, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import LimitKind
from ekpay_switch.domain.payments.claims import Claim, ClaimAnswer, RepeatedClaim, StartedClaim
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.parties.partner_limits import LimitOrder, LimitState, PartnerLimits
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import REFUSED, Books, a_top_up, kinds, recording_of, refusals
from tests.persistence.conftest import open_books
from tests.persistence.staff_rows import persons

TAKEN = "SELECT sum(taken)::bigint FROM accounts WHERE code LIKE 'prefund:bank1:%'"


@dataclass
class Finance:
    """Two persons of finance, and what they decide by a connection of their own."""

    limits: PartnerLimits

    async def lets(self, kind: LimitKind, paisa: int | None) -> None:
        amount = None if paisa is None else Money(paisa)
        change_id = await self.limits.ask(LimitOrder("bank1", kind, amount, "agreed"), "Rahima")
        await self.limits.approve(change_id, "Karim")


@pytest.fixture
async def finance(books: Books) -> AsyncIterator[Finance]:
    await books.partner(prefund=100_000)
    await books.tell(persons("Rahima", "Karim"))
    engine = books.database.engine()
    yield Finance(PartnerLimits(engine))
    await engine.dispose()


async def _pay(books: Books, total: int) -> Refusal | None:
    """One bill of exactly this total, from what stands at this moment; why it was refused, or None."""
    answer = await books.submit(books.claim_on(await books.quote(total=total)))
    return None if isinstance(answer, StartedClaim) else refusals([answer])[0]


@dataclass(frozen=True)
class Cap:
    """A limit, by what it allows in paisa when it is wide and when it is narrow, and its refusal."""

    kind: LimitKind
    wide: int
    narrow: int
    refusal: Refusal


CAPS = [
    Cap(LimitKind.POSTPAID_FLOOR, 10_000, 85_000, Refusal.PREFUND_TOO_LOW),
    Cap(LimitKind.DAILY, 90_000, 15_000, Refusal.DAILY_LIMIT_REACHED),
]


@pytest.mark.parametrize("cap", CAPS, ids=lambda cap: str(cap.kind))
async def test_cap_lowered_now(place: Endpoint, books: Books, finance: Finance, cap: Cap) -> None:
    """What two persons have approved binds the very next payment in both processes, and names them."""
    limits, narrow = finance.limits, LimitOrder("bank1", cap.kind, Money(cap.narrow), "guarantee ended")
    async with open_books(place) as there:
        there.numbers = itertools.count(500)
        await finance.lets(cap.kind, cap.wide)
        assert [await _pay(each, 6_000) for each in (books, there)] == [None, None]

        asked = await limits.ask(narrow, "Rahima")
        assert [await _pay(each, 1_000) for each in (books, there)] == [None, None]
        with pytest.raises(OnePersonError):
            await limits.approve(asked, "Rahima")
        assert [await _pay(each, 1_000) for each in (books, there)] == [None, None]

        await limits.approve(asked, "Karim")
        assert [await _pay(each, 6_000) for each in (books, there)] == [cap.refusal, cap.refusal]

        await finance.lets(cap.kind, cap.wide)
        assert [await _pay(each, 6_000) for each in (books, there)] == [None, None]
    told = [(line.amount, line.state, line.asked_by, line.approved_by) for line in await limits.list("bank1")]
    assert told == [
        (Money(cap.wide), LimitState.REPLACED, "Rahima", "Karim"),
        (Money(cap.narrow), LimitState.REPLACED, "Rahima", "Karim"),
        (Money(cap.wide), LimitState.IN_FORCE, "Rahima", "Karim"),
    ]
    assert await books.audit() is None


async def _pay_one_by_one(books: Books, claims: Sequence[Claim]) -> list[ClaimAnswer]:
    return [await books.submit(claim) for claim in claims]


@pytest.mark.parametrize(
    ("kind", "limit"), [(LimitKind.POSTPAID_FLOOR, 100_000 - 25_000), (LimitKind.DAILY, 25_000)]
)
async def test_no_payment_that_follows_the_approval_breaks_it(
    place: Endpoint, books: Books, finance: Finance, kind: LimitKind, limit: int
) -> None:
    """Orders stream through two processes while two persons lower the limit."""
    claims = [books.claim_on(await books.quote(total=1_000)) for _ in range(90)]
    async with open_books(place) as there:
        paying = [
            asyncio.ensure_future(_pay_one_by_one(each, claims[first::2]))
            for first, each in enumerate((books, there))
        ]
        while await books.value(TAKEN) < 5_000:
            assert not any(each.done() for each in paying)
        await finance.lets(kind, limit)
        taken_then = await books.value(TAKEN)
        assert not any(each.done() for each in paying)
        answers = [answer for each in paying for answer in await each]
    # What was accepted before the approval stands; after it, nothing goes past the limit.
    assert await books.value(TAKEN) <= max(25_000, taken_then)
    assert await books.value(TAKEN) == 1_000 * kinds(answers)["StartedClaim"]
    assert await books.balance() == 100_000 - await books.value(TAKEN)
    assert len(refusals(answers)) == 90 - kinds(answers)["StartedClaim"]
    assert await books.audit() is None


async def test_the_approval_waits_for_the_payments_that_are_being_written(
    books: Books, finance: Finance
) -> None:
    """The rows are locked by both, so one comes after the other: neither overlooks the other."""
    change_id = await finance.limits.ask(
        LimitOrder("bank1", LimitKind.DAILY, Money(5_000), "agreed"), "Rahima"
    )
    first, second = [books.claim_on(await books.quote(total=4_000)) for _ in range(2)]
    writing = await books.database.connect_hot()
    try:
        taking = writing.transaction()
        await taking.start()
        (started,) = await write_batch(writing, [first])
        approving = asyncio.ensure_future(finance.limits.approve(change_id, "Karim"))
        async with asyncio.timeout(10):
            while not await books.count("pg_locks", "NOT granted"):
                assert not approving.done()
        await taking.commit()
        await approving
    finally:
        await writing.close()
    assert isinstance(started, StartedClaim)
    assert refusals([await books.submit(second)]) == [Refusal.DAILY_LIMIT_REACHED]


# ---- what counts


async def test_both_buckets_of_all_processes_count_together(
    place: Endpoint, books: Books, finance: Finance
) -> None:
    await finance.lets(LimitKind.DAILY, 15_000)
    prepaid = topped_up_entry(prefund_account("bank1", "prepaid"), Money(50_000))
    await books.submit(PostEntry(uuid7(), 0, prepaid))
    quote = await books.quote(total=6_000)
    await books.tell("UPDATE quotes SET bucket = 'prepaid' WHERE quote_id = $1", quote.quote_id)
    assert isinstance(await books.submit(books.claim_on(quote)), StartedClaim)
    assert await books.balance(bucket="prepaid") == 44_000
    async with open_books(place) as there:
        there.numbers = itertools.count(500)
        assert await _pay(there, 6_000) is None
        assert await _pay(there, 6_000) is Refusal.DAILY_LIMIT_REACHED
        assert await _pay(books, 3_000) is None
    assert await books.value(TAKEN) == 15_000


async def test_what_is_given_back_the_same_day_may_be_paid_again(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.DAILY, 10_000)
    started = await books.start(total=6_000)
    assert await _pay(books, 6_000) is Refusal.DAILY_LIMIT_REACHED
    await books.finish(started, REFUSED)
    assert await books.value(TAKEN) == 0
    assert await _pay(books, 6_000) is None


async def test_what_persons_give_back_the_same_day_may_be_paid_again(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.DAILY, 10_000)
    started = await books.start(total=6_000)
    entry = given_back_entry(prefund_account("bank1", "postpaid"), started.quote.sums)
    today = await books.value("SELECT taken_on FROM accounts WHERE taken_on IS NOT NULL")
    yesterday = today - timedelta(days=1)
    for gives_back_of, left in ((None, 6_000), (yesterday, 6_000), (today, 0)):
        step = PostEntry(uuid7(), 0, entry, started.claim.payment_id, gives_back_of)
        await books.submit(step)
        assert await books.value(TAKEN) == left
        await books.submit(step)
        assert await books.value(TAKEN) == left
    assert await _pay(books, 10_000) is None


async def test_one_batch_gives_back_and_pays_again_under_a_limit(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.DAILY, 10_000)
    started = await books.start(total=6_000)
    claim = books.claim_on(await books.quote(total=10_000))
    connection = await books.database.connect_hot()
    try:
        _, answer = await write_batch(connection, [recording_of(started, REFUSED), claim])
    finally:
        await connection.close()
    assert isinstance(answer, StartedClaim)
    assert await books.value(TAKEN) == 10_000


async def test_what_was_taken_on_another_day_frees_nothing_today(books: Books, finance: Finance) -> None:
    started = await books.start(total=6_000)
    await books.tell("UPDATE payments SET business_date = business_date - 1")
    await books.finish(started, REFUSED)
    assert await books.value(TAKEN) == 6_000
    await finance.lets(LimitKind.DAILY, 10_000)
    assert await _pay(books, 6_000) is Refusal.DAILY_LIMIT_REACHED


async def test_a_total_begins_anew_each_day(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.DAILY, 10_000)
    assert await _pay(books, 6_000) is None
    await books.tell("UPDATE accounts SET taken_on = taken_on - 1 WHERE taken_on IS NOT NULL")
    assert await _pay(books, 8_000) is None
    assert await books.value(TAKEN) == 8_000


async def test_a_batch_of_before_midnight_counts_for_the_day_that_has_begun(
    books: Books, finance: Finance
) -> None:
    """Whoever is late neither loses the total of the new day nor goes past its limit."""
    await finance.lets(LimitKind.DAILY, 10_000)
    assert await _pay(books, 6_000) is None
    await books.tell("UPDATE accounts SET taken_on = taken_on + 1 WHERE taken_on IS NOT NULL")
    assert await _pay(books, 6_000) is Refusal.DAILY_LIMIT_REACHED
    late = await books.start(total=3_000)
    assert await books.value(TAKEN) == 9_000
    await books.finish(late, REFUSED)
    assert await books.value(TAKEN) == 9_000


async def test_top_ups_and_refused_orders_count_as_nothing(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.DAILY, 10_000)
    await books.top_up("bank1", 50_000)
    quote = await books.quote(total=20_000)
    claim = books.claim_on(quote)
    assert refusals([await books.submit(claim)]) == [Refusal.DAILY_LIMIT_REACHED]
    assert await books.value(TAKEN) == 0
    again = await books.submit(replace(claim, payment_id=uuid7()))
    assert isinstance(again, RepeatedClaim)
    assert again.payment.refusal is Refusal.DAILY_LIMIT_REACHED


async def test_a_batch_that_is_written_again_counts_once(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.DAILY, 6_000)
    claim = books.claim_on(await books.quote(total=6_000))
    answers = [await books.submit(claim) for _ in range(2)]
    assert kinds(answers) == {"StartedClaim": 2}
    assert await books.value(TAKEN) == 6_000


# ---- a floor above what stands


async def test_a_floor_above_the_balance_binds_payments_and_nothing_else(
    books: Books, finance: Finance
) -> None:
    """What stands is not unlawful: what is given back and put in is booked, and payments wait for more."""
    started = await books.start(total=6_000)
    await finance.lets(LimitKind.POSTPAID_FLOOR, 99_000)
    assert await _pay(books, 1_000) is Refusal.PREFUND_TOO_LOW
    await books.finish(started, REFUSED)
    assert await books.balance() == 100_000
    assert await _pay(books, 1_001) is Refusal.PREFUND_TOO_LOW
    assert await _pay(books, 1_000) is None
    await books.submit(a_top_up("bank1", -20_000))
    assert await books.balance() == 79_000
    assert await books.audit() is None


async def test_the_floor_of_one_bucket_leaves_the_other_alone(books: Books, finance: Finance) -> None:
    await finance.lets(LimitKind.PREPAID_FLOOR, 1_000_000)
    assert await _pay(books, 6_000) is None


async def test_limits_cost_no_round_trip(books: Books, finance: Finance) -> None:
    """A batch asks the database as often as it did: begin, two for the locks, the read, the write, COMMIT."""
    await finance.lets(LimitKind.DAILY, 10_000)
    await finance.lets(LimitKind.POSTPAID_FLOOR, 1_000)
    first, second = [books.claim_on(await books.quote(total=1_000)) for _ in range(2)]
    connection = await books.database.connect_hot()
    asked: list[str] = []
    try:
        # The driver learns the types of a new connection from the first batch.
        await write_batch(connection, [first])
        connection.add_query_logger(lambda record: asked.append(record.query))
        await write_batch(connection, [second])
    finally:
        await connection.close()
    assert len(asked) == 6
