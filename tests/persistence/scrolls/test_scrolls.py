"""A biller's files over real books: what each holds, that none changes, and that nothing is told twice."""

import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.scrolls.layouts import content_of
from ekpay_switch.domain.scrolls.scroll import RowType
from ekpay_switch.persistence.scrolls.store import ChangedScrollError, RefusedScrollError
from tests.persistence.books import APPROVED, REFUSED, SILENT, Books
from tests.persistence.scrolls.scroll_setup import PLAIN, ScrollDesk, a_day, last_of, resolved, today


@pytest.fixture
async def desk(books: Books) -> ScrollDesk:
    await books.partner(prefund=1_000_000)
    return ScrollDesk(books)


async def test_every_number_that_is_settled_stands_in_the_file_as_pay_or_void(desk: ScrollDesk) -> None:
    paid, void, _, late, also_void = await a_day(desk)

    file = await desk.make()

    assert [(row.seq, row.row_type, row.scroll_no, row.payment_id) for row in file.rows] == [
        (1, RowType.PAY, 1, paid.claim.payment_id),
        (2, RowType.VOID, 2, void.claim.payment_id),
        (3, RowType.PAY, 4, late.claim.payment_id),
        (4, RowType.VOID, 5, also_void.claim.payment_id),
    ]
    assert file.sum.minor == 2 * paid.quote.sums.amount.minor
    assert {row.scroll_date for row in file.rows} == {today()}
    assert await desk.books.audit() is None


async def test_a_row_says_what_was_paid_by_whom_under_which_names(desk: ScrollDesk) -> None:
    started = await desk.paid()
    (row,) = (await desk.make()).rows
    assert (row.collector_ref, row.ekpay_ref) == (started.claim.reference, started.claim.attempt_reference)
    assert (row.biller_ack_ref, row.channel, row.collector_code) == ("R-1", "prefund", "bank1")
    assert row.bill_ref == started.quote.bill_key
    assert (row.lines.vat.minor, row.lines.total.minor) == (5_000, started.quote.sums.amount.minor)


async def test_the_same_cycle_is_the_same_bytes_whatever_happened_since(desk: ScrollDesk) -> None:
    *_, doubted, _, _ = await a_day(desk)
    first = content_of(await desk.make())

    await resolved(desk, doubted)
    await desk.paid()

    assert content_of(await desk.make()) == first


async def test_a_second_cycle_holds_what_came_since_and_goes_on_counting(desk: ScrollDesk) -> None:
    _, _, doubted, _, _ = await a_day(desk)
    await desk.make()
    await resolved(desk, doubted)
    later = await desk.paid()

    await desk.make(cycle=2)

    assert (await desk.rows())[4:] == [
        (2, 5, "PAY", 3, doubted.claim.payment_id),
        (2, 6, "PAY", 6, later.claim.payment_id),
    ]
    assert await desk.books.audit() is None


async def test_a_payment_found_posted_after_all_follows_its_void(desk: ScrollDesk) -> None:
    started = await desk.paid(REFUSED)
    assert [row.row_type for row in (await desk.make()).rows] == [RowType.VOID]

    await desk.found_posted(started)

    (row,) = (await desk.make(cycle=2)).rows
    assert (row.row_type, row.scroll_no, row.payment_id) == (RowType.PAY, 1, started.claim.payment_id)
    assert await desk.books.audit() is None


async def test_one_found_posted_before_any_file_was_made_is_told_as_paid_alone(desk: ScrollDesk) -> None:
    started = await desk.paid(REFUSED)
    await desk.found_posted(started)
    assert [row.row_type for row in (await desk.make()).rows] == [RowType.PAY]


async def test_what_its_biller_has_let_go_of_is_told_as_reversed(desk: ScrollDesk) -> None:
    """A late success that was undone, and a completed payment that two persons returned to its prefund."""
    late, completed = await desk.paid(REFUSED), await desk.paid()
    await desk.found_posted(late)
    assert [row.row_type for row in (await desk.make()).rows] == [RowType.PAY, RowType.PAY]

    await desk.decide(late, DecisionAction.BILLER_RETURNED)
    await desk.decide(completed, DecisionAction.RETURN_TO_PREFUND)

    rows = (await desk.make(cycle=2)).rows
    assert {(row.row_type, row.payment_id, row.lines.total.minor) for row in rows} == {
        (RowType.REV, one.claim.payment_id, -one.quote.sums.amount.minor) for one in (late, completed)
    }
    assert (await desk.make(cycle=3)).rows == ()
    assert await desk.books.audit() is None


@pytest.mark.parametrize(
    "action", [DecisionAction.WRITE_OFF, DecisionAction.DEBIT_PARTNER], ids=lambda action: action.value
)
async def test_what_its_biller_keeps_is_not_told_as_reversed(
    desk: ScrollDesk, action: DecisionAction
) -> None:
    late = await desk.paid(REFUSED)
    await desk.found_posted(late)
    await desk.decide(late, action)
    assert [row.row_type for row in (await desk.make()).rows] == [RowType.PAY]
    assert await desk.books.audit() is None


async def test_a_biller_that_numbers_nothing_gets_its_rows_numbered(desk: ScrollDesk) -> None:
    paid, _, doubted, late, _ = await a_day(desk)
    file = await desk.make(terms=PLAIN)
    assert [(row.seq, row.scroll_no, row.payment_id) for row in file.rows] == [
        (1, 1, paid.claim.payment_id),
        (2, 2, late.claim.payment_id),
    ]
    await resolved(desk, doubted)
    (row,) = (await desk.make(cycle=2, terms=PLAIN)).rows
    assert (row.seq, row.scroll_no) == (3, 3)


async def test_a_file_of_nothing_is_a_file(desk: ScrollDesk) -> None:
    await desk.paid(SILENT)
    file = await desk.make()
    assert (file.rows, file.sum.minor) == ((), 0)
    assert content_of(await desk.make()) == content_of(file)
    assert await desk.books.audit() is None


@pytest.mark.parametrize(
    ("cycle", "days", "why"),
    [
        (4, 0, "once the day is over"),
        (5, 0, "no such cycle"),
        (1, 1, "has not begun"),
        (4, 1, "has not begun"),
    ],
)
async def test_a_file_before_its_time_is_refused(desk: ScrollDesk, cycle: int, days: int, why: str) -> None:
    with pytest.raises(RefusedScrollError, match=why):
        await desk.make(cycle, days)
    assert await desk.books.count("scroll_files") == 0


async def test_what_a_later_file_has_no_earlier_one_can_be_made_of(desk: ScrollDesk) -> None:
    await desk.make(cycle=2)
    with pytest.raises(RefusedScrollError, match=rf"a later file .* {today()}, cycle 2"):
        await desk.make(cycle=1)
    with pytest.raises(RefusedScrollError, match="a later file"):
        await desk.make(cycle=4, days=-1)


async def test_a_day_that_was_forgotten_comes_first(desk: ScrollDesk) -> None:
    yesterday = await desk.paid()
    await desk.move(yesterday, -1)
    await desk.paid()

    with pytest.raises(RefusedScrollError, match="an earlier day"):
        await desk.make()

    (row,) = (await desk.make(cycle=4, days=-1)).rows
    assert row.payment_id == yesterday.claim.payment_id
    assert len((await desk.make()).rows) == 1


async def test_an_early_file_is_followed_by_the_last_one_of_its_day(desk: ScrollDesk) -> None:
    yesterday = await desk.paid()
    await desk.move(yesterday, -1)
    await desk.make(cycle=1, days=-1)
    with pytest.raises(RefusedScrollError, match=r"an earlier day .*, cycle 1"):
        await desk.make()
    await desk.make(cycle=4, days=-1)
    await desk.make()


async def test_what_was_written_while_the_last_file_was_made_follows_in_the_next(desk: ScrollDesk) -> None:
    """A transaction that begins before midnight may be durable after the file."""
    await desk.make(cycle=4, days=-1)
    straggler = await desk.paid()
    await desk.move(straggler, -1)

    (row,) = (await desk.make()).rows

    assert (row.payment_id, row.seq, row.scroll_no) == (straggler.claim.payment_id, 1, 1)
    assert row.scroll_date < today()


async def test_a_closed_day_stays_closed_when_the_manifest_allows_more(desk: ScrollDesk) -> None:
    await desk.make(cycle=1, days=-1, terms=last_of(PLAIN))
    with pytest.raises(RefusedScrollError, match="a later file"):
        await desk.make(cycle=2, days=-1, terms=PLAIN)


async def test_a_file_whose_rows_were_changed_is_not_handed_out(desk: ScrollDesk) -> None:
    await desk.paid(APPROVED)
    await desk.make()
    await desk.books.tell("UPDATE scroll_rows SET bill_ref = 'other'")
    with pytest.raises(ChangedScrollError):
        await desk.make()
