"""The naive build decides what the group commit decides and leaves books that the audit proves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from benchmarks.kit.turns import Turn
from benchmarks.paying.naive_build import NaiveRatio
from benchmarks.paying.naive_store import StepwiseStore
from ekpay_switch.domain.outcome import Outcome
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import ConflictingClaim, RepeatedClaim, StartedClaim
from ekpay_switch.domain.payments.delivery import NextSend, Recorded, SendStarted, Stale
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.payments.store import PostgresPayments
from tests.database import a_copy, database_of
from tests.persistence.books import (
    APPROVED,
    REFUSED,
    SEALER,
    SILENT,
    Books,
    a_top_up,
    delivery_of,
    kinds,
    recording_of,
    refusals,
)

ROWS = {
    "quotes": "SELECT * FROM quotes ORDER BY quote_id",
    "payments": "SELECT * FROM payments ORDER BY reference",
    "attempts": "SELECT leg, state, outcome, step, sends, closed_at FROM attempts ORDER BY opened_at",
    "history": "SELECT h.* FROM history AS h JOIN payments AS p ON p.id = payment_id ORDER BY reference, seq",
    "evidence": "SELECT * FROM evidence ORDER BY id",
    "entries": "SELECT * FROM journal_entries ORDER BY lane, seq",
    "postings": """
SELECT p.* FROM postings AS p JOIN journal_entries AS e ON e.id = p.entry_id ORDER BY e.lane, e.seq, p.seq
""",
    "notifications": "SELECT * FROM notifications ORDER BY created_at",
    "accounts": "SELECT * FROM accounts ORDER BY code",
    "lanes": "SELECT * FROM lanes ORDER BY lane",
    "scroll counters": "SELECT * FROM scroll_counters ORDER BY series",
}


@pytest.fixture
async def books(place: Endpoint) -> AsyncIterator[Books]:
    store = StepwiseStore(database_of(place).connect_hot, GroupCommitLimits())
    await store.start()
    yield Books(place, store)
    await store.stop()


async def _scenario(books: Books) -> dict[str, list[dict[str, object]]]:
    """What is left of payments of every fate, without what differs from run to run."""
    await books.partner(prefund=60_000)
    quotes = [await books.quote() for _ in range(4)]
    outcomes: tuple[Outcome, ...] = (APPROVED, REFUSED, SILENT, APPROVED)
    for quote, outcome in zip(quotes, outcomes, strict=True):
        started = await books.submit(books.claim_on(quote, f"R {quote.quote_id}"))
        await books.finish(started, outcome)
    taken = await books.quote(bill=quotes[0].bill.bill_key)
    await books.submit(books.claim_on(taken, "R taken"))
    await books.submit(books.claim_on(await books.quote(total=90_000), "R too dear"))
    return {table: [_lasting(row) for row in await books.rows(query)] for table, query in ROWS.items()}


def _lasting(row: Mapping[str, object]) -> dict[str, object]:
    """A row whose ids, hashes and times are replaced by their types: those are made by chance."""
    return {
        name: type(value) if isinstance(value, UUID | date | bytes) else value for name, value in row.items()
    }


async def test_the_same_orders_leave_the_same_rows_as_through_the_group_commit(endpoint: Endpoint) -> None:
    left = []
    for kind in (GroupCommit, StepwiseStore):
        async with a_copy(endpoint) as place:
            store = kind(database_of(place).connect_hot, GroupCommitLimits())
            await store.start()
            left.append(await _scenario(Books(place, store)))
            await store.stop()

    assert all(left[0].values())
    assert left[1] == left[0]


async def test_payments_side_by_side_number_their_day_and_clear_what_is_in_flight(books: Books) -> None:
    for lane in range(3):
        await books.partner(f"bank{lane}", lane, prefund=10 * 6_000)

    started = await asyncio.gather(*(books.start(f"bank{n % 3}", lane=n % 3) for n in range(30)))
    answers = await asyncio.gather(*map(books.finish, started))

    assert kinds(answers) == {"Recorded": 30}
    assert sorted(one.scroll_no for one in started) == list(range(1, 31))
    assert await books.count("payments", "state = 'completed'") == 30
    assert await books.count("notifications") == 30
    assert [await books.balance(f"bank{lane}") for lane in range(3)] == [0, 0, 0]
    assert await books.audit() is None


async def test_a_refused_delivery_and_a_silent_one_leave_the_money_where_their_state_says(
    books: Books,
) -> None:
    await books.partner(prefund=60_000)
    refused, silent = await books.start(), await books.start()

    answers = await asyncio.gather(books.finish(refused, REFUSED), books.finish(silent, SILENT))

    assert [answer.state for answer in answers] == [State.REFUNDED, State.DELIVERING]
    assert await books.balance() == 54_000
    assert await books.audit() is None


async def test_a_prefund_never_gets_below_zero_and_what_was_given_back_pays_again(books: Books) -> None:
    await books.partner(prefund=10 * 6_000)
    quotes = [await books.quote() for _ in range(25)]

    answers = await books.submit_all([books.claim_on(quote) for quote in quotes])

    assert kinds(answers) == {"RefusedClaim": 15, "StartedClaim": 10}
    assert set(refusals(answers)) == {Refusal.PREFUND_TOO_LOW}
    assert await books.balance() == 0
    await books.finish(next(one for one in answers if isinstance(one, StartedClaim)), REFUSED)
    assert isinstance(await books.submit(books.claim_on(await books.quote())), StartedClaim)
    assert await books.audit() is None


async def test_fifty_first_uses_of_one_reference_are_one_payment(books: Books) -> None:
    await books.partner(prefund=100 * 6_000)
    quote = await books.quote()

    answers = await books.submit_all([books.claim_on(quote, "the same") for _ in range(50)])

    assert kinds(answers) == {"RepeatedClaim": 49, "StartedClaim": 1}
    assert await books.balance() == 99 * 6_000
    assert await books.audit() is None


async def test_a_bill_is_paid_under_one_reference_of_thirty_in_any_lane(books: Books) -> None:
    claims = []
    for lane in range(3):
        await books.partner(f"bank{lane}", lane, prefund=100 * 6_000)
    for number in range(30):
        lane = number % 3
        quote = await books.quote(f"bank{lane}", bill="000000000042", lane=lane)
        claims.append(books.claim_on(quote, lane=lane))

    answers = await books.submit_all(claims)

    assert kinds(answers) == {"RefusedClaim": 29, "StartedClaim": 1}
    assert set(refusals(answers)) == {Refusal.BILL_TAKEN}
    assert await books.audit() is None


async def test_steps_written_again_know_themselves(books: Books) -> None:
    await books.partner(prefund=60_000)
    claim, top_up = books.claim_on(await books.quote()), a_top_up("bank1", 1_000)

    started = [await books.submit(claim) for _ in range(2)]
    recording = recording_of(started[0], APPROVED)
    recorded = [await books.submit(recording) for _ in range(2)]
    for _ in range(2):
        await books.submit(top_up)

    assert started[0] == started[1]
    assert [type(one) for one in recorded] == [Recorded, Recorded]
    assert await books.count("journal_entries") == 4  # two top-ups, accepted, delivered
    assert await books.audit() is None


async def test_a_reference_with_other_content_conflicts_and_a_burnt_one_stays_burnt(books: Books) -> None:
    await books.partner(prefund=60_000)
    started, other = await books.start(), await books.quote(total=7_000)

    conflicting = await books.submit(books.claim_on(other, started.claim.reference))
    burnt = books.claim_on(await books.quote(total=70_000))
    refused = await books.submit(burnt)
    again = await books.submit(replace(burnt, payment_id=started.claim.attempt_id))

    assert isinstance(conflicting, ConflictingClaim)
    assert refused.refusal is Refusal.PREFUND_TOO_LOW
    assert isinstance(again, RepeatedClaim)
    assert await books.audit() is None


async def test_an_answer_under_an_old_epoch_is_evidence_only(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.tell("UPDATE payments SET epoch = epoch + 1")

    answer = await books.finish(started, REFUSED)

    assert isinstance(answer, Stale)
    assert await books.count("evidence", "kind = 'late:declined'") == 1
    assert await books.balance() == 54_000
    assert await books.audit() is None


async def test_a_second_send_and_the_tokens_of_a_prepaid_biller_are_kept(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    delivery = delivery_of(started)
    engine = books.database.engine()
    payments = PostgresPayments(engine, books.group_commit, 16, SEALER)

    begun = await books.submit(NextSend(delivery, "confirm", 2, 10, 30, {"step": "done"}))
    lines = (TokenLine(1, TokenKind.CREDIT, "12345678901234567890"),)
    recording = recording_of(started, APPROVED)
    await payments.record(replace(recording, plan=replace(recording.plan, tokens=lines)))

    assert begun == SendStarted()
    assert await books.value("SELECT sends FROM attempts") == 2
    assert await payments.tokens(delivery.payment_id) == list(lines)
    assert await books.audit() is None
    await engine.dispose()


def _turn(clients: int, rate: float, cores: float) -> Turn:
    return Turn("pay", clients, 1, rate, {}, {"switch": cores, "postgres": 0.5}, 0.0)


def test_the_ratio_is_the_median_of_pairs_against_the_better_number_of_connections() -> None:
    ours = tuple(_turn(128, rate, 1.0) for rate in (900, 1_000, 1_100))
    few = tuple(_turn(32, rate, 0.9) for rate in (100, 200, 100))
    many = tuple(_turn(128, rate, 0.9) for rate in (90, 90, 500))

    found = NaiveRatio(ours, few + many, "clean")

    assert found.best == 32
    assert found.ratio == 9.0
    assert found.figures()["naive_ratio"] == 9.0
    assert found.figures()["naive_payments_per_second"] == 100.0


def test_processor_time_is_compared_by_payment() -> None:
    found = NaiveRatio((_turn(128, 1_000, 1.0),), (_turn(32, 100, 1.0),), "clean")

    assert found.figures()["naive"]["switch_ms_each"] == {"switch": 1.0, "naive": 10.0}
