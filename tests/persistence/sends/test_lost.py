"""What a database does not know of a journal: kept once, found out about, and learnt from."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.lost_sends import LostFinding, LostState
from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.sends import Send, SendKind
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.persistence.sends.lost import PostgresLostSends
from ekpay_switch.persistence.sends.parts import SendLine, line_of, read_line
from ekpay_switch.persistence.short_transactions import ShortTransactions
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
    assert line is not None
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


async def test_no_scroll_number_that_a_biller_was_told_is_given_again(
    books: Books, lost_sends: PostgresLostSends
) -> None:
    await lost_sends.keep_unknown([a_line(a_send())])
    assert await books.value("SELECT last FROM scroll_counters WHERE series = $1", BILLER) == 7


async def test_refunds_and_executes_are_kept_as_what_they_are(lost_sends: PostgresLostSends) -> None:
    bare = replace(a_send(), order=None, claim=None, far_side="bkash")
    lines = [replace(bare, kind=kind, reference=kind) for kind in (SendKind.REFUND, SendKind.EXECUTE)]
    await lost_sends.keep_unknown([a_line(line) for line in lines])
    assert [(lost.send.kind, lost.is_open) for lost in await lost_sends.all()] == [
        (SendKind.REFUND, True),
        (SendKind.EXECUTE, False),
    ]
