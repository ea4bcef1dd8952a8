"""What the resolver does to payments, beside others who do the same: each held by one, each epoch once."""

import asyncio
from uuid import UUID

import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.payments.delivery import NextSend, Recorded, SendStarted, Stale
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.ports.world import LeasedPayment
from tests.persistence.books import APPROVED, REFUSED, SEALER, SILENT, Books, a_top_up, recording_of
from tests.persistence.conftest import open_books

DUE = "UPDATE payments SET next_action_at = now() - interval '1 second', lease_until = NULL"


async def _in_doubt(books: Books, count: int = 1) -> list[StartedClaim]:
    await books.partner(prefund=count * 6_000)
    started = [await books.start() for _ in range(count)]
    for one in started:
        await books.finish(one, SILENT)
    return started


async def _row(books: Books, payment_id: UUID) -> dict[str, object]:
    query = """
    SELECT epoch, asked, lease_until IS NULL AS is_free, next_action_at > now() AS is_later, state,
      extract(epoch FROM next_action_at - now())::float8 AS seconds FROM payments WHERE id = $1
    """
    return dict((await books.rows(query, payment_id))[0])


async def test_a_payment_is_leased_when_its_question_is_due_and_not_before(
    books: Books, payments: PostgresPayments
) -> None:
    (started,) = await _in_doubt(books)
    assert await payments.lease_due(10, 30) == []
    await books.tell(DUE)

    (leased,) = await payments.lease_due(10, 30)

    claim = started.claim
    assert (leased.delivery.payment_id, leased.delivery.attempt_id) == (claim.payment_id, claim.attempt_id)
    assert (leased.delivery.epoch, leased.delivery.lane, leased.questions) == (2, 0, 0)
    assert (leased.order.reference, leased.order.scroll_no) == (claim.attempt_reference, started.scroll_no)
    assert (leased.order.business_date, leased.order.sums) == (started.business_date, started.quote.sums)
    assert leased.order.biller_quote == started.quote.biller_quote
    assert (leased.state, leased.send.sends) == (State.DELIVERING, 1)
    assert leased.send.quote_expires_at == started.quote.expires_at
    assert leased.now < leased.send.send_until


async def test_a_claimer_that_vanished_loses_its_payment_when_its_lease_is_over(
    books: Books, payments: PostgresPayments
) -> None:
    """Its process died between the claim and the answer: nobody recorded anything."""
    await books.partner(prefund=6_000)
    started = await books.start()
    assert await payments.lease_due(10, 30) == []
    await books.tell("UPDATE payments SET next_action_at = now(), lease_until = now() - interval '1 second'")

    (leased,) = await payments.lease_due(10, 30)

    assert leased.delivery.epoch == 2
    assert isinstance(await books.finish(started, APPROVED), Stale)
    assert isinstance(await books.submit(recording_of(started, APPROVED, epoch=2)), Recorded)
    assert await books.audit() is None


async def test_what_is_held_finished_or_not_due_is_not_leased(
    books: Books, payments: PostgresPayments
) -> None:
    first, second, _ = await _in_doubt(books, 3)
    await books.tell(f"{DUE} WHERE id <> $1", first.claim.payment_id)
    assert len(await payments.lease_due(10, 30)) == 2
    assert await payments.lease_due(10, 30) == []
    await books.submit(recording_of(second, APPROVED, epoch=2))
    assert await payments.lease_due(10, 30) == []


async def test_resolvers_at_once_never_hold_the_same_payment(place: Endpoint) -> None:
    async with open_books(place) as books:
        await _in_doubt(books, 40)
        await books.tell(DUE)
        engines = [books.database.engine(pool_size=2) for _ in range(2)]
        resolvers = [PostgresPayments(engine, books.group_commit, 16, SEALER) for engine in engines]

        rounds = await asyncio.gather(*(resolvers[n % 2].lease_due(7, 30) for n in range(8)))
        rounds.append(await resolvers[0].lease_due(40, 30))
        for engine in engines:
            await engine.dispose()

        held = [leased.delivery.payment_id for some in rounds for leased in some]
        assert len(held) == len(set(held)) == 40
        assert {leased.delivery.epoch for some in rounds for leased in some} == {2}


async def test_a_resolver_passes_over_rows_that_somebody_holds(
    books: Books, payments: PostgresPayments
) -> None:
    first, second = await _in_doubt(books, 2)
    await books.tell(DUE)
    holder = await books.superuser()
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", first.claim.payment_id)

    leased = await asyncio.wait_for(payments.lease_due(10, 30), 60)

    await transaction.rollback()
    await holder.close()
    assert [one.delivery.payment_id for one in leased] == [second.claim.payment_id]


async def test_the_longest_overdue_is_leased_first(books: Books, payments: PostgresPayments) -> None:
    started = await _in_doubt(books, 3)
    for minutes, one in enumerate(started, 1):
        overdue = "UPDATE payments SET next_action_at = now() - $2 * interval '1 minute' WHERE id = $1"
        await books.tell(overdue, one.claim.payment_id, minutes)
    (leased,) = await payments.lease_due(1, 30)
    assert leased.delivery.payment_id == started[2].claim.payment_id


async def _leased(books: Books, payments: PostgresPayments) -> LeasedPayment:
    await _in_doubt(books)
    await books.tell(DUE)
    (leased,) = await payments.lease_due(10, 30)
    return leased


@pytest.mark.parametrize(("asked", "counted"), [(True, 1), (False, 0)])
async def test_postponing_gives_the_payment_back_and_counts_what_was_asked(
    books: Books, payments: PostgresPayments, *, asked: bool, counted: int
) -> None:
    leased = await _leased(books, payments)
    before = await books.count("evidence")

    await payments.postpone(leased, 600, "not found, too early to be final", was_asked=asked)

    row = await _row(books, leased.delivery.payment_id)
    assert (row["asked"], row["is_free"], row["epoch"]) == (counted, True, 2)
    assert 590 < float(str(row["seconds"])) <= 600
    assert await books.count("evidence") == before + counted


async def test_postponing_under_an_old_epoch_moves_nothing(books: Books, payments: PostgresPayments) -> None:
    leased = await _leased(books, payments)
    await books.tell(DUE)
    (newer,) = await payments.lease_due(10, 30)

    await payments.postpone(leased, 600, "late", was_asked=True)

    row = await _row(books, newer.delivery.payment_id)
    assert (row["asked"], row["is_free"], row["epoch"]) == (0, False, 3)


def _once_more(leased: LeasedPayment) -> NextSend:
    return NextSend(leased.delivery, "pay", 2, 10, 30)


async def test_one_more_send_is_durable_before_it_happens(books: Books, payments: PostgresPayments) -> None:
    leased = await _leased(books, payments)
    before = await books.value("SELECT send_until FROM attempts")

    assert await payments.begin_send(_once_more(leased)) == SendStarted()

    (attempt,) = await books.rows("SELECT sends, send_until, state, reference FROM attempts")
    assert (attempt["sends"], attempt["state"]) == (2, "open")
    assert attempt["send_until"] > before
    assert attempt["reference"] == leased.order.reference
    row = await _row(books, leased.delivery.payment_id)
    assert (row["is_free"], row["is_later"]) == (False, True)
    assert await payments.lease_due(10, 30) == []


async def test_nothing_is_sent_again_under_an_old_epoch(books: Books, payments: PostgresPayments) -> None:
    leased = await _leased(books, payments)
    await books.tell(DUE)
    await payments.lease_due(10, 30)

    assert isinstance(await payments.begin_send(_once_more(leased)), Stale)
    assert await books.value("SELECT sends FROM attempts") == 1


# ---- what a status call is answered from


async def test_the_status_of_a_fetch_prefers_the_payment_that_was_not_declined(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner()
    first, second = await books.quote(), await books.quote()
    request = first.request_reference
    assert request == second.request_reference
    unpaid = await payments.status_of_request("bank1", request)
    assert unpaid is not None
    assert unpaid.standing is None
    assert unpaid.amount == first.sums.amount

    declined = books.claim_on(second)
    await books.submit(declined)
    told = await payments.status_of_request("bank1", request)
    assert told is not None
    assert told.standing is not None
    assert told.standing.payment_id == declined.payment_id

    await books.submit(a_top_up("bank1", 60_000))
    started = await books.submit(books.claim_on(first))
    later = books.claim_on(second, declined.reference + "x")
    await books.finish(started, REFUSED)
    await books.submit(later)
    told = await payments.status_of_request("bank1", request)
    assert told is not None
    assert told.standing is not None
    assert (told.standing.payment_id, told.standing.state) == (later.payment_id, State.DELIVERING)


async def test_a_fetch_is_told_to_its_own_partner_only(books: Books, payments: PostgresPayments) -> None:
    await books.partner()
    await books.partner("bank2", 1)
    quote = await books.quote()
    assert await payments.status_of_request("bank2", quote.request_reference) is None
    assert await payments.status_of_request("bank1", "never asked") is None


async def test_no_far_side_takes_more_than_its_share_of_a_round(
    books: Books, payments: PostgresPayments
) -> None:
    await _in_doubt(books, 12)
    await books.tell(DUE)
    await books.tell("UPDATE payments SET biller_id = 'other' WHERE id IN (SELECT id FROM payments LIMIT 3)")
    first = await payments.lease_due(10, 30, per_far_side=4)
    shares = sorted(leased.delivery.biller_id for leased in first)
    assert shares == ["desco_postpaid"] * 4 + ["other"] * 3
    second = await payments.lease_due(10, 30, per_far_side=4, passing_over=["desco_postpaid"])
    assert second == []
    third = await payments.lease_due(3, 30, per_far_side=4)
    assert len(third) == 3
