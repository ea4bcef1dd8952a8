"""Steps of one attempt, tokens at rest and whole-taka rounding, in PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import Claim, StartedClaim
from ekpay_switch.domain.payments.delivery import (
    NextSend,
    Recorded,
    Recording,
    SendStarted,
    Stale,
    plan_not_posted,
)
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.persistence.group_commit.steps import SaveQuote
from ekpay_switch.persistence.payments.payment_details import read_payment_details
from ekpay_switch.persistence.payments.store import PostgresPayments, read_tokens
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer
from tests.factories import a_bill, a_quote
from tests.persistence.books import APPROVED, SEALER, SILENT, Books, delivery_of, recording_of

DUE = "UPDATE payments SET next_action_at = now() - interval '1 second', lease_until = NULL"
DIGITS = [f"{number:020d}" for number in range(10**19, 10**19 + 12)]
TARIFF_CHANGE = tuple(
    TokenLine(seq, TokenKind.TARIFF if seq < 12 else TokenKind.CREDIT, digits)
    for seq, digits in enumerate(DIGITS, 1)
)


async def _saving(books: Books) -> StartedClaim:
    """A payment whose first step, save, is ready to be sent."""
    await books.partner(prefund=60_000)
    claim = replace(books.claim_on(await books.quote()), step="save")
    started = await books.submit(claim)
    assert isinstance(started, StartedClaim)
    return started


def _acknowledge(started: StartedClaim, epoch: int = 1) -> NextSend:
    return NextSend(delivery_of(started, epoch), "acknowledge", 1, 10, 90, {"bill": "B1"})


async def test_a_following_step_is_durable_before_it_is_sent(
    books: Books, payments: PostgresPayments
) -> None:
    started = await _saving(books)
    assert await books.value("SELECT step FROM attempts") == "save"

    assert await payments.begin_send(_acknowledge(started)) == SendStarted()

    (attempt,) = await books.rows("SELECT step, sends, state, outcome FROM attempts")
    assert dict(attempt) == {"step": "acknowledge", "sends": 1, "state": "open", "outcome": None}
    (kept,) = await books.rows("SELECT kind, facts::text FROM evidence")
    assert tuple(kept) == ("begun:acknowledge:1", '{"bill": "B1"}')
    assert await payments.lease_due(10, 30) == []
    assert await books.audit() is None


async def test_a_step_that_is_written_twice_is_the_same_step(
    books: Books, payments: PostgresPayments
) -> None:
    started = await _saving(books)
    send = _acknowledge(started)
    answers = await asyncio.gather(*(payments.begin_send(send) for _ in range(5)), payments.begin_send(send))
    assert answers == [SendStarted()] * 6
    assert await books.count("evidence") == 1
    assert await books.value("SELECT sends FROM attempts") == 1


async def test_who_lost_the_payment_begins_no_step(books: Books, payments: PostgresPayments) -> None:
    started = await _saving(books)
    await books.tell(DUE)
    (leased,) = await payments.lease_due(10, 30)
    assert leased.order.step == "save"
    assert isinstance(await payments.begin_send(_acknowledge(started)), Stale)
    assert await payments.begin_send(_acknowledge(started, epoch=2)) == SendStarted()
    await books.tell(DUE)
    (leased,) = await payments.lease_due(10, 30)
    assert (leased.order.step, leased.delivery.sends) == ("acknowledge", 1)


async def test_steps_of_many_payments_share_their_batches_with_claims(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner(prefund=600_000)
    started = [await books.start() for _ in range(20)]
    claims = [books.claim_on(await books.quote()) for _ in range(20)]
    work = [payments.begin_send(_acknowledge(one)) for one in started]
    answers = await asyncio.gather(*work, *(payments.claim(claim) for claim in claims))
    assert [type(answer) for answer in answers] == [SendStarted] * 20 + [StartedClaim] * 20
    assert await books.count("attempts", "step = 'acknowledge'") == 20
    assert await books.audit() is None


# ---- tokens


async def test_tokens_come_back_in_order_for_ever_and_no_digit_is_at_rest(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    recording = recording_of(started, Approved({"order_no": "N-1"}, TARIFF_CHANGE))
    for _ in range(3):
        assert isinstance(await payments.record(recording), Recorded)

    for _ in range(2):
        assert tuple(await payments.tokens(started.claim.payment_id)) == TARIFF_CHANGE
    assert await books.count("token_lines") == 12
    for table in ("payments", "history", "evidence", "token_lines", "notifications", "attempts"):
        kept = await books.value(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")  # noqa: S608
        assert not any(digits in kept or digits.encode().hex() in kept for digits in DIGITS)
    assert await books.audit() is None


async def test_a_token_opens_under_its_own_key_and_for_its_own_payment_alone(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner(prefund=60_000)
    mine, other = await books.start(), await books.start()
    await payments.record(recording_of(mine, Approved({}, TARIFF_CHANGE[:1])))
    await payments.record(recording_of(other, Approved({}, TARIFF_CHANGE[1:2])))
    engine = books.database.engine()
    try:
        with pytest.raises(SealBrokenError):
            await read_tokens(engine, Sealer(bytes([1]) * 32), mine.claim.payment_id)
        await books.tell(
            "UPDATE token_lines AS t SET digits_sealed = o.digits_sealed FROM token_lines AS o"
            " WHERE t.payment_id = $1 AND o.payment_id = $2",
            mine.claim.payment_id,
            other.claim.payment_id,
        )
        with pytest.raises(SealBrokenError):
            await read_tokens(engine, SEALER, mine.claim.payment_id)
    finally:
        await engine.dispose()


async def test_the_application_can_neither_change_nor_remove_a_token(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner(prefund=60_000)
    await payments.record(recording_of(await books.start(), Approved({}, TARIFF_CHANGE)))
    connection = await asyncpg.connect(books.endpoint.dsn("ekpay_app"))
    try:
        for statement in ("UPDATE token_lines SET seq = 99", "DELETE FROM token_lines"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_late_answer_brings_no_token_into_the_books(books: Books, payments: PostgresPayments) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.finish(started, SILENT)
    await books.tell(DUE)
    await payments.lease_due(10, 30)
    late = await payments.record(recording_of(started, Approved({}, TARIFF_CHANGE)))
    assert isinstance(late, Stale)
    assert await payments.tokens(started.claim.payment_id) == []


# ---- rounding


async def _rounded_quote(books: Books) -> Quote:
    bill = replace(a_bill("900", 123_456), rounding=Money(44))
    quote = replace(a_quote("QR", bill), expires_at=datetime.now(UTC) + timedelta(minutes=15))
    await books.submit(SaveQuote(quote, 0))
    return quote


def _claim_of(books: Books, quote: Quote, paid: int) -> Claim:
    return replace(books.claim_on(quote), paid=Money(paid))


async def test_what_is_rounded_up_is_taken_from_the_payer_and_owed_to_nobody(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner(prefund=200_000)
    quote = await _rounded_quote(books)
    refused = await books.submit(_claim_of(books, quote, 123_456))
    assert refused.refusal == "amount_differs"
    started = await books.submit(_claim_of(books, quote, 123_500))
    assert isinstance(started, StartedClaim)
    assert started.quote.sums.billed_amount == Money(123_500)
    await payments.record(recording_of(started, APPROVED))

    sums = dict(await books.rows("SELECT account, sum(amount)::bigint FROM postings GROUP BY account"))
    assert sums["payable:desco_postpaid"] == -123_456
    assert sums["rounding"] == -44
    assert sums["in_flight"] == 0
    assert await books.balance() == 200_000 - 123_500 - 575
    status = await payments.status_of_request("bank1", quote.request_reference)
    assert status is not None
    assert status.amount == Money(123_500)
    assert await books.audit() is None


async def test_rounding_is_given_back_whole(books: Books, payments: PostgresPayments) -> None:
    await books.partner(prefund=200_000)
    started = await books.submit(_claim_of(books, await _rounded_quote(books), 123_500))
    await payments.record(recording_of(started, SILENT))
    await books.tell(DUE)
    (leased,) = await payments.lease_due(10, 30)
    assert leased.order.sums.billed_amount == Money(123_500)
    await payments.record(Recording(leased.delivery, plan_not_posted(leased.delivery)))
    assert await books.state_of(started.claim.payment_id) == State.REFUNDED
    assert await books.balance() == 200_000
    assert await books.audit() is None


async def test_the_story_tells_the_billers_own_lines(books: Books, payments: PostgresPayments) -> None:
    await books.partner(prefund=200_000)
    started = await books.start()
    await payments.record(recording_of(started, APPROVED))
    engine = books.database.engine()
    try:
        story = await read_payment_details(engine, started.claim.payment_id)
    finally:
        await engine.dispose()
    assert story is not None
    assert story.charges == []
