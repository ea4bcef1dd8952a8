"""What a database does not know of a journal: kept once, found out about, and learnt from."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.payments.lost_sends import LostFinding, LostSend, LostState
from ekpay_switch.domain.payments.sends import Send, SendKind
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.flows.payments.book_lost_sends import book_lost_sends
from ekpay_switch.persistence.host_links.store import PostgresHosts
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.sends.lost import TRACES_BEYOND, PostgresLostSends
from ekpay_switch.persistence.sends.parts import SendLine, TraceLine, line_of, read_line
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.world import World
from tests.fakes.world import SmallWorld
from tests.persistence.books import BILLER, Books
from tests.persistence.sends.a_send import CODE_KEY, SEALER, a_send

POSTED = Posted("A1", 105_000, {"receipt": "R"}, (TokenLine(1, TokenKind.CREDIT, "1" * 20),))


@pytest.fixture
async def lost_sends(books: Books) -> AsyncIterator[PostgresLostSends]:
    transactions = ShortTransactions(books.database.connect_hot)
    yield PostgresLostSends(transactions, SEALER)
    await transactions.close()


def a_line(send: Send) -> SendLine:
    line = read_line(line_of(send, CODE_KEY, SEALER).strip(b"\n"), CODE_KEY)
    assert isinstance(line, SendLine)
    return line


async def test_what_the_books_do_not_know_is_kept_once(lost_sends: PostgresLostSends) -> None:
    lines = [a_line(a_send(1)), a_line(a_send(2))]
    assert await lost_sends.keep_unknown(lines) == 2
    assert await lost_sends.keep_unknown(lines) == 0
    kept = await lost_sends.to_ask()
    assert [lost.send for lost in kept] == [a_send(1), a_send(2)]
    assert {lost.state for lost in kept} == {LostState.UNKNOWN}


async def test_what_the_books_know_is_not_lost(books: Books, lost_sends: PostgresLostSends) -> None:
    await books.partner(prefund=10_000)
    started = await books.start()
    known = replace(a_send(), reference=started.claim.attempt_reference)
    assert await lost_sends.keep_unknown([a_line(known)]) == 0
    assert await lost_sends.all() == []


async def test_a_later_line_says_when_it_was_sent_last_and_the_claim_stays(
    lost_sends: PostgresLostSends,
) -> None:
    first = a_send()
    again = replace(
        first, step="acknowledge", sends=2, claim=None, send_until=first.send_until + timedelta(seconds=60)
    )
    assert await lost_sends.keep_unknown([a_line(again), a_line(first)]) == 1
    (lost,) = await lost_sends.all()
    assert (lost.send.step, lost.send.sends, lost.send.send_until) == ("acknowledge", 2, again.send_until)
    assert lost.send.claim == first.claim
    assert lost.send.order is not None
    assert lost.send.order.step == "acknowledge"


async def test_an_attempt_that_is_open_learns_of_a_later_send(
    books: Books, lost_sends: PostgresLostSends
) -> None:
    await books.partner(prefund=10_000)
    started = await books.start()
    reference = started.claim.attempt_reference
    (row,) = await books.rows("SELECT step, sends, send_until FROM attempts WHERE reference = $1", reference)
    later = replace(
        a_send(),
        far_side=BILLER,
        reference=reference,
        sends=2,
        send_until=row["send_until"] + timedelta(seconds=90),
    )
    await lost_sends.keep_unknown([a_line(later)])
    (row,) = await books.rows("SELECT step, sends, send_until FROM attempts WHERE reference = $1", reference)
    assert (row["step"], row["sends"], row["send_until"]) == ("pay", 2, later.send_until)


async def test_an_answer_is_kept_sealed_and_does_not_change_any_more(
    books: Books, lost_sends: PostgresLostSends
) -> None:
    await lost_sends.keep_unknown([a_line(a_send())])
    (lost,) = await lost_sends.to_ask()
    await lost_sends.record(lost.lost_id, LostFinding(LostState.UNKNOWN, "silent"))
    finding = LostFinding(LostState.POSTED, "it is there", POSTED)
    await lost_sends.record(lost.lost_id, finding)
    await lost_sends.record(lost.lost_id, LostFinding(LostState.NOT_POSTED, "not found"))
    assert [kept.finding for kept in await lost_sends.all()] == [finding]
    assert await lost_sends.to_ask() == []
    sealed = await books.value("SELECT answer_sealed FROM lost_sends")
    assert b"11111" not in sealed


async def test_refunds_and_executes_are_kept_as_what_they_are(lost_sends: PostgresLostSends) -> None:
    bare = replace(a_send(), order=None, claim=None, far_side="bkash")
    lines = [replace(bare, kind=kind, reference=kind) for kind in (SendKind.REFUND, SendKind.EXECUTE)]
    await lost_sends.keep_unknown([a_line(line) for line in lines])
    assert [(lost.send.kind, lost.is_open) for lost in await lost_sends.all()] == [
        (SendKind.REFUND, True),
        (SendKind.EXECUTE, False),
    ]


async def test_numbers_that_a_bank_was_told_are_not_given_again(
    books: Books, lost_sends: PostgresLostSends
) -> None:
    hosts = PostgresHosts(books.database.connect_hot)
    today = business_date(await books.value("SELECT now()"))
    await hosts.messages.next_trace("601")
    lines = [TraceLine("601", today, stan) for stan in (7, 9, 8)]
    for _ in range(2):
        await lost_sends.keep_unknown(lines)
    trace = await hosts.messages.next_trace("601")
    await hosts.close()
    assert trace is not None
    assert trace.stan == 9 + TRACES_BEYOND + 1


async def test_numbers_that_the_database_knows_stay(books: Books, lost_sends: PostgresLostSends) -> None:
    hosts = PostgresHosts(books.database.connect_hot)
    today = business_date(await books.value("SELECT now()"))
    for _ in range(3):
        trace = await hosts.messages.next_trace("601")
    await lost_sends.keep_unknown([TraceLine("601", today, 3)])
    trace = await hosts.messages.next_trace("601")
    await hosts.close()
    assert trace is not None
    assert trace.stan == 4


async def test_a_number_that_is_not_kept_outside_is_not_used(books: Books) -> None:
    hosts = PostgresHosts(books.database.connect_hot, lambda _acquirer, _trace: False)
    assert await hosts.messages.next_trace("601") is None
    await hosts.close()


# ---- booking


@pytest.fixture
async def world(books: Books, payments: PostgresPayments) -> World:
    """The books of bank1, of before a payment that its biller has."""
    small = SmallWorld()
    await books.partner(prefund=200_000)
    return replace(small.world, payments=payments)


async def a_find(lost_sends: PostgresLostSends, *, posted: Posted | None = POSTED) -> LostSend:
    await lost_sends.keep_unknown([a_line(a_send())])
    (lost,) = await lost_sends.to_ask()
    if posted is not None:
        await lost_sends.record(lost.lost_id, LostFinding(LostState.POSTED, "it is there", posted))
    return lost


async def test_a_lost_vend_is_booked_with_its_token_and_the_audit_is_clean(
    books: Books, lost_sends: PostgresLostSends, world: World
) -> None:
    lost = await a_find(lost_sends)
    await book_lost_sends(lost_sends, world)
    assert await books.state_of(lost.send.payment_id) == "completed"
    assert await books.balance() == 200_000 - 105_575
    assert await world.payments.tokens(lost.send.payment_id) == list(POSTED.tokens)
    assert await books.audit() is None
    (booked,) = await lost_sends.all()
    assert (booked.is_open, await lost_sends.to_book()) == (False, [])


async def test_a_crash_between_the_claim_and_its_record_loses_nothing(
    books: Books, lost_sends: PostgresLostSends, world: World
) -> None:
    lost = await a_find(lost_sends)
    await book_lost_sends(lost_sends, world)
    await books.tell("UPDATE lost_sends SET booked_at = NULL")
    await book_lost_sends(lost_sends, world)
    assert await books.count("payments") == 1
    assert await books.balance() == 200_000 - 105_575
    (booked,) = await lost_sends.all()
    assert booked.booked_at is not None
    assert await books.state_of(lost.send.payment_id) == "completed"


async def test_what_cannot_be_booked_stores_nothing_and_says_why(
    books: Books, lost_sends: PostgresLostSends, world: World
) -> None:
    await books.tell("UPDATE accounts SET balance = 0 WHERE code = 'prefund:bank1:postpaid'")
    await a_find(lost_sends)
    await book_lost_sends(lost_sends, world)
    assert await books.count("payments") == 0
    (lost,) = await lost_sends.to_book()
    assert lost.booking_refusal == "it cannot be booked yet: prefund_too_low"


async def test_a_partner_that_the_database_does_not_know_is_said(
    lost_sends: PostgresLostSends, world: World
) -> None:
    await lost_sends.keep_unknown([a_line(replace(a_send(), partner_id="bank9"))])
    await book_lost_sends(lost_sends, world)
    (lost,) = await lost_sends.to_book()
    assert lost.booking_refusal.startswith("it could not be booked: ")


async def test_a_doubt_is_due_for_the_resolver(
    books: Books, lost_sends: PostgresLostSends, world: World
) -> None:
    lost = await a_find(lost_sends, posted=None)
    await book_lost_sends(lost_sends, world)
    assert await books.state_of(lost.send.payment_id) == "delivering"
    assert await books.value("SELECT next_action_at > now() FROM payments")
    assert await books.audit() is None
