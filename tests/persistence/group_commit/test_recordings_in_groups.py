"""What an answer leads to, written under its epoch, once, and never at a neighbour's cost."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.domain.outcome import Outcome, Posted, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import (
    DeliveryPlan,
    Recorded,
    Recording,
    Stale,
    plan_not_posted,
    plan_posted,
)
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import Answer, Step
from ekpay_switch.persistence.payments.store import PostgresPayments
from tests.persistence.books import (
    APPROVED,
    REFUSED,
    SILENT,
    Books,
    a_top_up,
    delivery_of,
    recording_of,
)

BILL = "000000000042"


async def _in_one_batch(books: Books, *steps: Step) -> list[Answer]:
    connection = await books.database.connect_hot()
    try:
        return await write_batch(connection, list(steps))
    finally:
        await connection.close()


async def _taken_over(books: Books, started: StartedClaim) -> None:
    """The resolver holds the payment now: the epoch of its claim is old."""
    lease = "UPDATE payments SET epoch = epoch + 1, lease_until = now() + interval '1 minute' WHERE id = $1"
    await books.tell(lease, started.claim.payment_id)


async def _is_due(books: Books, started: StartedClaim) -> bool:
    due = (
        "SELECT coalesce(next_action_at <= now() AND lease_until IS NULL, false) FROM payments WHERE id = $1"
    )
    return bool(await books.value(due, started.claim.payment_id))


@pytest.mark.parametrize(
    ("outcome", "state", "left"),
    [
        (APPROVED, State.COMPLETED, 54_000),
        (REFUSED, State.REFUNDED, 60_000),
        (Unreached("connection refused"), State.REFUNDED, 60_000),
        (SILENT, State.DELIVERING, 54_000),
    ],
)
async def test_each_outcome_leaves_the_money_where_its_state_says(
    books: Books, outcome: object, state: State, left: int
) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()

    answer = await books.finish(started, outcome)  # type: ignore[arg-type]

    assert isinstance(answer, Recorded)
    assert answer.state == state == await books.state_of(started.claim.payment_id)
    assert await books.balance() == left
    assert await books.count("notifications") == (0 if state is State.DELIVERING else 1)
    assert await books.audit() is None


async def test_an_answer_under_an_old_epoch_is_evidence_and_nothing_else(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await _taken_over(books, started)
    before = await books.rows("SELECT * FROM payments")

    answer = await books.finish(started, REFUSED)

    assert answer == Stale(State.DELIVERING, None, answer.recorded_at)
    assert await books.rows("SELECT * FROM payments") == before
    assert [row["kind"] for row in await books.rows("SELECT kind FROM evidence")] == ["late:declined"]
    assert await books.count("notifications") == 0
    assert await books.balance() == 54_000
    assert await books.audit() is None


async def test_success_after_the_give_back_wakes_the_resolver(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await _taken_over(books, started)
    await books.submit(Recording(delivery_of(started, 2), plan_not_posted(delivery_of(started, 2))))
    assert not await _is_due(books, started)

    answer = await books.finish(started, APPROVED)

    assert isinstance(answer, Stale)
    assert answer.state is State.REFUNDED
    assert await _is_due(books, started)
    assert await books.balance() == 60_000
    assert await books.audit() is None


@pytest.mark.parametrize("late_first", [True, False])
@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_success_and_give_back_that_cross_wake_the_resolver_in_any_order(
    books: Books, *, late_first: bool, is_one_batch: bool
) -> None:
    """Evidence of success beside a give-back is a contradiction, whichever of the two was written first."""
    await books.partner(prefund=60_000)
    started = await books.start()
    await _taken_over(books, started)
    give_back = Recording(delivery_of(started, 2), plan_not_posted(delivery_of(started, 2)))
    steps = [recording_of(started, APPROVED), give_back] if late_first else [
        give_back, recording_of(started, APPROVED),
    ]  # fmt: skip

    if is_one_batch:
        await _in_one_batch(books, *steps)
    else:
        for step in steps:
            await _in_one_batch(books, step)

    assert await books.state_of(started.claim.payment_id) == State.REFUNDED
    assert await books.count("evidence", "kind = 'late:approved'") == 1
    assert await _is_due(books, started)
    assert await books.audit() is None


async def test_completing_and_giving_back_at_once_exactly_one_wins(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()

    answers = await _in_one_batch(books, recording_of(started, REFUSED), recording_of(started, APPROVED))

    assert [type(answer) for answer in answers] == [Recorded, Stale]
    assert await books.state_of(started.claim.payment_id) == State.REFUNDED
    assert await books.count("journal_entries", "payment_id IS NOT NULL") == 2
    assert await books.audit() is None


async def test_late_success_is_booked_though_its_bill_was_paid_again(books: Books) -> None:
    """The partner was given back and paid the bill anew; then the biller says that it holds the first too."""
    await books.partner(prefund=60_000)
    first = await books.start(bill=BILL)
    await books.finish(first, REFUSED)
    second = await books.start(bill=BILL)
    await books.finish(second, APPROVED)
    posted = Posted(first.claim.attempt_reference, first.quote.sums.amount.minor)

    answer = await books.submit(
        Recording(delivery_of(first), plan_posted(delivery_of(first), State.REFUNDED, posted))
    )

    assert isinstance(answer, Recorded)
    assert answer.state is State.IN_REVIEW
    assert await books.state_of(second.claim.payment_id) == State.COMPLETED
    suspense = "SELECT sum(amount)::bigint FROM postings WHERE account = 'suspense:desco_postpaid'"
    assert await books.value(suspense) == first.quote.sums.amount.minor
    assert await books.audit() is None


async def test_a_bill_under_review_is_not_paid_again(books: Books) -> None:
    await books.partner(prefund=60_000)
    first = await books.start(bill=BILL)
    await books.finish(first, REFUSED)
    posted = Posted(first.claim.attempt_reference, first.quote.sums.amount.minor)
    plan = plan_posted(delivery_of(first), State.REFUNDED, posted)
    await books.submit(Recording(delivery_of(first), plan))

    answer = await books.submit(books.claim_on(await books.quote(bill=BILL)))

    assert answer.refusal == "bill_taken"
    assert await books.audit() is None


# ---- written twice


@pytest.mark.parametrize("outcome", [APPROVED, REFUSED, Unreached("connection refused"), SILENT])
async def test_a_batch_that_is_written_twice_stands_once(books: Books, outcome: object) -> None:
    await books.partner(prefund=60_000)
    # The accounts that a completed payment posts to are opened before the batch, by whoever comes first.
    await books.finish(await books.start(), APPROVED)
    quote = await books.quote()
    fresh, started = books.claim_on(quote), await books.start()
    refused = books.claim_on(quote)
    batch: list[Step] = [fresh, refused, recording_of(started, outcome), a_top_up("bank1", 500)]  # type: ignore[arg-type]
    counted = ("payments", "attempts", "history", "evidence", "journal_entries", "postings", "notifications")

    first = await _in_one_batch(books, *batch)
    stands = [await books.count(table) for table in counted], await books.balance()
    second = await _in_one_batch(books, *batch)

    assert ([await books.count(table) for table in counted], await books.balance()) == stands
    assert isinstance(first[0], StartedClaim)
    assert second[0] == first[0]
    assert isinstance(first[2], Recorded)
    assert isinstance(second[2], Recorded)
    assert (first[2].state, first[2].refusal) == (second[2].state, second[2].refusal)
    assert await books.audit() is None


async def test_an_entry_that_comes_twice_is_posted_once(books: Books) -> None:
    await books.partner(prefund=1)
    top_up = a_top_up("bank1", 500)

    await _in_one_batch(books, top_up, top_up)
    assert await asyncio.gather(*(books.submit(top_up) for _ in range(5))) == [None] * 5

    assert await books.balance() == 501
    assert await books.audit() is None


async def test_a_repeated_claim_starts_nothing_once_the_resolver_has_taken_it_over(books: Books) -> None:
    """The verdict was lost for so long that somebody else asks about the payment now: nothing may be sent."""
    await books.partner(prefund=60_000)
    started = await books.start()
    await _taken_over(books, started)

    answer = await books.submit(started.claim)

    assert type(answer).__name__ == "RepeatedClaim"
    assert answer.payment.state is State.DELIVERING


# ---- one bad step among good ones


def _posting_to(account: str) -> DeliveryPlan:
    return DeliveryPlan("approved", (), Entry("made_up", (Posting(account, 1), Posting("in_flight", -1))))


async def _poison(books: Books, started: StartedClaim, kind: str) -> Step:
    recording, claim = recording_of(started, APPROVED), books.claim_on(await books.quote())
    silent = recording_of(started, SILENT)
    nul = replace(silent, plan=replace(silent.plan, facts={"why": "\0"}))
    poisons: dict[str, Step] = {
        "account outside the chart": replace(recording, plan=_posting_to("nowhere:x")),
        "prefund of nobody": replace(recording, plan=_posting_to("prefund:nobody:postpaid")),
        "payment of nobody": replace(recording, delivery=replace(recording.delivery, payment_id=uuid4())),
        "NUL in facts": nul,
        "NUL in a reference": replace(claim, reference="R\0"),
        "half a character": replace(claim, reference="R\ud800"),
        "prefund below its floor": a_top_up("bank1", -10_000_000),
        "lane that does not exist": replace(claim, lane=2_000),
        "number too big for its column": a_top_up("bank1", 2**63),
    }
    return poisons[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "account outside the chart", "prefund of nobody", "payment of nobody", "NUL in facts",
        "NUL in a reference", "half a character", "prefund below its floor", "lane that does not exist",
        "number too big for its column",
    ],
)  # fmt: skip
async def test_a_step_that_cannot_be_written_fails_alone(books: Books, kind: str) -> None:
    await books.partner(prefund=600_000)
    claims = [books.claim_on(await books.quote()) for _ in range(10)]
    started = await books.start()
    poison = await _poison(books, started, kind)

    answers = await asyncio.wait_for(books.submit_all([*claims[:5], poison, *claims[5:]]), 60)

    failed = answers.pop(5)
    assert isinstance(failed, Exception)
    assert type(failed).__name__ != "CommitUnknownError"
    assert all(isinstance(answer, StartedClaim) for answer in answers)
    assert sorted(answer.scroll_no for answer in answers) == list(range(2, 12))
    assert await books.state_of(started.claim.payment_id) == State.DELIVERING
    assert await books.balance() == 600_000 - 11 * 6_000
    assert await books.audit() is None


async def test_the_port_writes_through_the_group_commit(books: Books, payments: PostgresPayments) -> None:
    await books.partner(prefund=60_000)
    started = await payments.claim(books.claim_on(await books.quote()))
    assert isinstance(started, StartedClaim)

    recorded = await payments.record(recording_of(started, APPROVED))

    standing = await payments.by_id(started.claim.payment_id)
    assert standing is not None
    assert standing.state == recorded.state == State.COMPLETED
    assert standing.facts == {"receipt": "R-1"}
    assert await payments.by_id(uuid4()) is None


@pytest.mark.parametrize("late", [APPROVED, SILENT])
async def test_a_late_answer_about_what_was_given_back_is_asked_about_at_once(
    books: Books, late: Outcome
) -> None:
    """A stalled process whose late write was never answered knows no more than one whose was."""
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.tell("UPDATE payments SET epoch = 2")
    given_back = Recording(delivery_of(started, 2), plan_not_posted(delivery_of(started, 2)), 3_600.0)
    await books.submit(given_back)
    assert isinstance(await books.submit(recording_of(started, late)), Stale)
    assert await books.value("SELECT next_action_at <= now() FROM payments")
    assert await books.audit() is None


async def test_a_late_answer_that_came_before_the_give_back_is_asked_about_after_it(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.tell("UPDATE payments SET epoch = 2")
    assert isinstance(await books.submit(recording_of(started, SILENT)), Stale)
    await books.submit(Recording(delivery_of(started, 2), plan_not_posted(delivery_of(started, 2)), 3_600.0))
    assert await books.value("SELECT next_action_at <= now() FROM payments")


async def test_a_late_refusal_of_what_was_given_back_wakes_nobody(books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.tell("UPDATE payments SET epoch = 2")
    await books.submit(Recording(delivery_of(started, 2), plan_not_posted(delivery_of(started, 2)), 3_600.0))
    await books.submit(recording_of(started, REFUSED))
    assert await books.value("SELECT next_action_at > now() FROM payments")
