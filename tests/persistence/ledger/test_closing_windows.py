"""Closing a window freezes what every side is to be matched with: once, whole, and open questions again."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ekpay_switch.domain.collections.funding import NothingCollected, TryEnd
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Posted, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import Recording, plan_not_posted, plan_posted
from tests.persistence.books import REFUSED, Books, delivery_of
from tests.persistence.collections.collection_setup import KEPT, LAPSED, TAKEN, Till, agreed
from tests.persistence.host_links.host_message_setup import BANK, rows_desk
from tests.persistence.ledger.window_closing_setup import Closing
from tests.persistence.refunds.refund_setup import BILLED, NO, SILENCE, UNDOABLE, Office, given, open_office

ASKS, AGREES = "Rahima", "Karim"
ROUNDED_UP = """
UPDATE postings SET amount = amount + 10 FROM journal_entries AS e
WHERE e.id = entry_id AND e.moment = 'delivered' AND account LIKE 'payable:%'
"""


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    async with open_office(till) as office:
        yield office


@pytest.fixture
async def closing(books: Books) -> AsyncIterator[Closing]:
    """Windows upon the books; whatever was closed is whole at the end."""
    closing = Closing(books)
    yield closing
    await closing.is_whole()


# ---- what a line says


async def test_what_a_connector_brought_has_its_fee_and_both_names(closing: Closing, till: Till) -> None:
    held = await till.funded()

    (window,) = await closing.close()

    (line,) = await closing.lines(role="connector")
    assert (window.lines, window.business_date) == (1, await closing.today())
    told = [line[name] for name in ("party", "event", "status", "gross", "fee", "vat", "net", "currency")]
    assert told == ["bkash", "payment", "success", TAKEN, KEPT, 0, TAKEN - KEPT, "BDT"]
    assert (line["our_reference"], line["their_reference"]) == (held.order.reference, "TRX1")
    assert (line["movement"], line["payment_id"]) == (held.attempt_id, held.payment_id)
    assert line["instant"] == (await till.row(held))["collected_at"]


async def test_what_a_biller_was_told_has_its_receipt(closing: Closing, till: Till) -> None:
    started = await till.delivering(await till.funded())
    await till.delivered(started)
    await closing.close()
    (line,) = await closing.lines(role="biller")
    assert (line["party"], line["gross"], line["fee"], line["status"]) == (
        "desco_postpaid", BILLED, 0, "success",
    )  # fmt: skip
    assert (line["our_reference"], line["their_reference"]) == (started.order.reference, "R-1")


async def test_what_a_biller_was_told_in_whole_taka_is_what_it_is_matched_with(
    closing: Closing, books: Books
) -> None:
    """Books where ten paisa were given beyond the bill; the biller is owed the bill."""
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.finish(started)
    await books.tell("UPDATE payments SET amount = amount - 10, rounding = 10")
    await books.tell(ROUNDED_UP)
    await closing.close()
    (line,) = await closing.lines(role="biller")
    assert (line["gross"], line["net"]) == (5_425, 5_425)


async def test_a_prefund_pays_above_nothing_and_gets_back_below(closing: Closing, books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    await books.finish(started, REFUSED)
    await closing.close()
    paid, back = await closing.lines(role="partner")
    assert [(line["event"], line["net"]) for line in (paid, back)] == [
        ("payment", 6_000),
        ("reversal", -6_000),
    ]
    assert {line["account"] for line in (paid, back)} == {"prefund:bank1:postpaid"}
    assert (paid["our_reference"], paid["their_reference"]) == (
        str(started.claim.payment_id), started.claim.reference,
    )  # fmt: skip
    assert [line["status"] for line in await closing.lines(role="biller")] == ["failed"]
    assert await books.audit() is None


async def test_refunds_bear_the_reference_of_what_they_take_back(closing: Closing, office: Office) -> None:
    held = await office.completed()
    for amount in (30_000, 20_000):
        await office.done((await office.take(held, amount)).refund_id)
    view = await office.desk.record_chargeback(held.payment_id, Money(9_000), "CB-1", ASKS, UNDOABLE)
    await office.desk.approve(view.refund_id, AGREES)

    await closing.close()

    lines = await closing.lines(event="refund")
    assert [line["net"] for line in lines] == [-30_000, -20_000, -9_000]
    assert {line["our_reference"] for line in lines} == {held.order.reference}
    assert lines[2]["their_reference"] == "CB-1"
    assert len({line["their_reference"] for line in lines}) == len({line["movement"] for line in lines}) == 3


async def test_what_brought_nothing_has_the_price_and_the_fee_of_the_manifest(
    closing: Closing, till: Till
) -> None:
    first = await till.on_page()
    await till.record(await till.leased(first), LAPSED)
    second = await till.on_page()
    await closing.close()
    lines = {line["movement"]: line for line in await closing.lines(role="connector")}
    told = {held.attempt_id: [lines[held.attempt_id][name] for name in ("status", "gross", "fee", "net")]
            for held in (first, second)}  # fmt: skip
    assert told == {
        first.attempt_id: ["failed", TAKEN, KEPT, TAKEN - KEPT],
        second.attempt_id: ["unknown", TAKEN, KEPT, TAKEN - KEPT],
    }


async def test_a_connector_without_a_manifest_is_taken_to_keep_nothing(closing: Closing, till: Till) -> None:
    await till.on_page()
    await closing.windows(nagad=100).close(await closing.today())
    (line,) = await closing.lines()
    assert (line["party"], line["fee"], line["net"]) == ("bkash", 0, TAKEN)


async def test_a_host_is_matched_by_the_number_of_our_message(closing: Closing, till: Till) -> None:
    """It knows no other name of ours, whatever became of the request; one withdrawn never left us."""
    asked, withdrawn = await till.on_page(), await till.on_page()
    for held in (asked, withdrawn):
        await till.books.tell("UPDATE attempts SET far_side = $2 WHERE id = $1", held.attempt_id, BANK)
        await till.books.tell(
            "UPDATE tries SET connector_id = $2 WHERE attempt_id = $1", held.attempt_id, BANK
        )
    async with rows_desk(till.books) as desk:
        number = (await desk.sent(asked.order.reference)).new.rrn
        await desk.handed(withdrawn.order.reference)
        await desk.messages.settle(BANK, withdrawn.order.reference, 2)

    await closing.close()

    named = {line["movement"]: line["our_reference"] for line in await closing.lines(role="connector")}
    assert named == {asked.attempt_id: number, withdrawn.attempt_id: withdrawn.order.reference}


async def test_money_that_nobody_waited_for_is_a_line_each(closing: Closing, office: Office) -> None:
    second = await office.paid_twice()
    review = await office.disagreed(99_900)
    await closing.close()
    lines = await closing.lines(role="connector", status="success")
    assert len(lines) == 3
    assert await closing.told(second.attempt_id) == ["success"]
    (line,) = await closing.lines(movement=review.attempt_id)
    assert (line["gross"], line["fee"]) == (99_900, 1_499)


async def test_a_posting_is_not_lost_though_its_attempt_says_otherwise(closing: Closing, till: Till) -> None:
    held = await till.funded()
    started = await till.delivering(held)
    await till.delivered(started)
    await till.books.tell("UPDATE attempts SET outcome = 'declined'")
    await till.books.tell("UPDATE tries SET collected = NULL, collected_at = NULL")
    await closing.close()
    assert await closing.told(held.attempt_id) == ["success"]
    assert await closing.told(started.delivery.attempt_id, "biller") == ["success"]


# ---- once, and open questions again


async def test_closing_again_closes_and_freezes_nothing(closing: Closing, office: Office) -> None:
    await office.completed()
    await office.till.on_page()
    first = await closing.close()
    before = await closing.lines()
    assert len(first) == 1
    assert await closing.close() == []
    assert await closing.lines() == before


async def test_a_day_on_which_nothing_was_paid_was_closed(closing: Closing, books: Books) -> None:
    (window,) = await closing.close(-3)
    assert (window.business_date, window.lines) == (await closing.today() - timedelta(days=3), 0)
    assert await books.count("settlement_windows", "state = 'closed'") == 1
    assert await closing.close(-3) == []
    await books.partner(prefund=60_000)
    assert await books.count("settlement_windows", "state = 'open'") == 1
    assert await books.audit() is None


async def test_an_earlier_day_leaves_today_open(closing: Closing, books: Books) -> None:
    await books.partner(prefund=60_000)
    started = await books.start()
    assert [window.lines for window in await closing.close(-1)] == [0]
    await books.finish(started)
    assert await books.count("settlement_windows", "state = 'open'") == 1
    assert [window.lines for window in await closing.close()] == [2]


async def test_an_open_question_comes_again_with_its_end_and_only_then(
    closing: Closing, office: Office
) -> None:
    till, books = office.till, office.books
    await books.top_up("bank1", 60_000)
    paid, lapsed, quiet = [await till.on_page() for _ in range(3)]
    refunds = [(await office.take(await office.completed(), 10_000)).refund_id for _ in range(3)]
    held = [await office.sent(refund_id) for refund_id in refunds]
    for one in held:
        await office.record(one, SILENCE)
    prefund = [await books.start() for _ in range(3)]
    await closing.close()

    paid = await till.leased(paid)
    await till.record(paid, agreed(paid, "TRX-LATE"))
    await till.record(await till.leased(lapsed), LAPSED)
    await office.done(refunds[0])
    await office.record(await office.sent(refunds[1]), NO)
    await books.finish(prefund[0])
    await books.finish(prefund[1], REFUSED)
    await closing.close()
    await books.top_up("bank1", 1)
    await closing.close()

    ends = [["unknown", "success"], ["unknown", "failed"], ["unknown"]]
    assert [await closing.told(one.attempt_id) for one in (paid, lapsed, quiet)] == ends
    assert [await closing.told(refund_id) for refund_id in refunds] == ends
    assert [await closing.told(one.claim.attempt_id, "biller") for one in prefund] == ends
    assert await books.audit() is None


async def test_a_refund_that_finance_paid_by_hand_failed_at_its_connector(
    closing: Closing, office: Office
) -> None:
    refund_id = await office.given_back(await office.refused())
    await office.record(await office.sent(refund_id), SILENCE)
    unsent = (await office.take(await office.completed(), 10_000)).refund_id
    await closing.close()
    await office.record(await office.sent(refund_id), NO)
    await office.desk.record_paid_by_hand(refund_id, "BANK-1", ASKS)
    await office.desk.confirm_paid_by_hand(refund_id, AGREES)
    await closing.close()
    assert await closing.told(refund_id) == ["unknown", "failed"]
    assert await closing.told(unsent) == []
    assert await office.books.audit() is None


async def test_a_refund_that_its_connector_paid_beside_finance_has_a_line(
    closing: Closing, office: Office
) -> None:
    refund_id = await office.given_back(await office.refused())
    slow = await office.sent(refund_id)
    await office.record(await office.sent(refund_id), SILENCE)
    await closing.close()
    await office.record(await office.sent(refund_id), NO)
    await office.desk.record_paid_by_hand(refund_id, "BANK-1", ASKS)
    await office.desk.confirm_paid_by_hand(refund_id, AGREES)
    await closing.close()

    await office.record(slow, given("RFD1", TAKEN))
    await closing.close()

    assert await closing.told(refund_id) == ["unknown", "failed", "success"]
    line = (await closing.lines(event="refund"))[-1]
    assert (line["their_reference"], line["net"]) == ("RFD1", -TAKEN)
    assert await office.books.audit() is None


async def test_a_failure_that_turned_out_well_comes_again(closing: Closing, books: Books) -> None:
    """The biller holds what we gave back, and is owed it."""
    await books.partner(prefund=60_000)
    started = await books.start()
    delivery = delivery_of(started)
    await books.submit(Recording(delivery, plan_not_posted(delivery)))
    await closing.close()
    late = plan_posted(delivery, State.REFUNDED, Posted("A1", None, {"receipt": "R-9"}))
    await books.submit(Recording(delivery, late))
    await closing.close()
    first, last = await closing.lines(role="biller")
    assert [(line["status"], line["revision"]) for line in (first, last)] == [("failed", 1), ("success", 2)]
    assert last["movement"] == started.claim.attempt_id
    assert last["their_reference"] == "R-9"
    assert await books.audit() is None


async def test_a_lapsed_try_that_brought_money_after_all_comes_again(closing: Closing, till: Till) -> None:
    held = await till.leased(await till.on_page())
    await till.record(held, NothingCollected(TryEnd.LAPSED, "our time was over", look_again_seconds=60.0))
    await closing.close()
    held = await till.leased(held)
    await till.record(held, agreed(held))
    await closing.close()
    assert await closing.told(held.attempt_id) == ["failed", "success"]
    assert await till.books.audit() is None


async def test_a_route_that_was_never_reached_failed_and_the_next_one_succeeded(
    closing: Closing, till: Till
) -> None:
    held = await till.funded()
    first = await till.delivering(held)
    await till.delivered(first, Unreached("connection refused"))
    second = await till.delivering(held)
    await till.delivered(second)
    await closing.close()
    assert await closing.told(first.delivery.attempt_id, "biller") == ["failed"]
    assert await closing.told(second.delivery.attempt_id, "biller") == ["success"]


# ---- days


async def test_what_was_asked_before_midnight_and_booked_after_it_was_open_that_day(
    closing: Closing, till: Till
) -> None:
    held, failed = await till.on_page(), await till.on_page()
    yesterday = await closing.back_to_yesterday()
    held = await till.leased(held)
    await till.record(held, agreed(held))
    await till.record(await till.leased(failed), LAPSED)

    await closing.close()

    days = [(line["business_date"], line["status"]) for line in await closing.lines(movement=held.attempt_id)]
    assert days == [(yesterday, "unknown"), (await closing.today(), "success")]
    (line,) = await closing.lines(movement=failed.attempt_id)
    assert (line["business_date"], line["status"]) == (yesterday, "failed")


async def test_a_refund_that_was_done_after_midnight_was_open_the_day_before(
    closing: Closing, office: Office
) -> None:
    refund_id = (await office.take(await office.completed(), 10_000)).refund_id
    held = await office.sent(refund_id)
    yesterday = await closing.back_to_yesterday()
    await office.record(held, given("R-1", 10_000))

    await closing.close(-1)
    await closing.close()

    lines = await closing.lines(movement=refund_id)
    assert [(line["business_date"], line["status"]) for line in lines] == [
        (yesterday, "unknown"), (await closing.today(), "success"),
    ]  # fmt: skip


async def test_several_days_close_at_once_each_with_its_own(closing: Closing, till: Till) -> None:
    await till.funded()
    await closing.back_to_yesterday()
    await till.funded()
    await till.on_page()
    today = await closing.today()
    windows = await closing.close()
    assert [(window.business_date, window.lines) for window in windows] == [
        (today - timedelta(days=1), 1), (today, 2),
    ]  # fmt: skip
