"""Makers of one file at once, makers that die, and whoever writes past them: scrolls stay whole."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import asyncpg
import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from tests.persistence.books import Books
from tests.persistence.scrolls.scroll_setup import ScrollDesk, a_day, make_elsewhere, order_of, today

ROW = """
INSERT INTO scroll_rows (biller_id, business_date, seq, cycle, row_type, payment_id, scroll_date, scroll_no,
  principal, total, office_code, bill_ref, account_ref, paid_at, ekpay_ref, collector_ref, biller_ack_ref,
  vat, late_fee, stamp, other_lines, channel, collector_code, charges)
VALUES ('desco_postpaid', $1, $2, $3, $4, $5, $1, $6,
  $7, $7, '', '', '', now(), '', '', '', 0, 0, 0, 0, '', '', '{}')
"""
UNTIL_IT_WAITS = """
DO $$ BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'scroll_rows'::regclass AND NOT granted)
  LOOP PERFORM pg_sleep(0.05); END LOOP;
END $$
"""
FILE = """
INSERT INTO scroll_files (biller_id, business_date, cycle, is_last, layout, rows, sum, sha256)
VALUES ('desco_postpaid', $1, $2, false, 'common', $3, $4, repeat('0', 64))
"""


@pytest.fixture
async def desk(books: Books) -> ScrollDesk:
    await books.partner(prefund=1_000_000)
    return ScrollDesk(books)


async def test_two_processes_make_one_file_while_payments_go_on(desk: ScrollDesk, place: Endpoint) -> None:
    for _ in range(3):
        await a_day(desk)
    spawn = multiprocessing.get_context("spawn")
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=spawn) as processes:
        makers = [loop.run_in_executor(processes, make_elsewhere, place, order_of(1)) for _ in range(4)]
        for _ in range(4):
            await a_day(desk)
        digests = await asyncio.gather(*makers)

    assert len(set(digests)) == 1
    assert (await desk.make()).sha256 == digests[0]
    await desk.make(cycle=2)
    assert await desk.books.count("scroll_files") == 2
    assert await desk.books.count("scroll_rows") == 7 * 4
    assert await desk.books.audit() is None


async def test_a_maker_that_is_killed_leaves_nothing_and_the_next_one_makes_it_whole(
    desk: ScrollDesk, place: Endpoint
) -> None:
    await a_day(desk)
    gate = await desk.books.superuser()
    holding = gate.transaction()
    await holding.start()
    # The maker has written its file and waits to write the rows.
    await gate.execute("LOCK TABLE scroll_rows IN EXCLUSIVE MODE")
    process = multiprocessing.get_context("spawn").Process(target=make_elsewhere, args=(place, order_of()))
    process.start()
    await gate.execute(UNTIL_IT_WAITS)
    process.kill()
    await asyncio.to_thread(process.join)
    await holding.rollback()
    await gate.close()

    assert await desk.books.count("scroll_files") == 0

    assert len((await desk.make()).rows) == 4
    assert await desk.books.audit() is None


async def _as_the_application(desk: ScrollDesk, *steps: tuple[str, tuple[object, ...]]) -> None:
    connection = await desk.books.database.connect()
    try:
        async with connection.transaction():
            for statement, values in steps:
                await connection.execute(statement, *values)
    finally:
        await connection.close()


async def test_postgresql_refuses_a_row_behind_a_gap(desk: ScrollDesk) -> None:
    started = await desk.paid()
    row = (today(), 2, 1, "PAY", started.claim.payment_id, 1, 5_425)
    with pytest.raises(asyncpg.CheckViolationError, match=r"not 1\.\.n"):
        await _as_the_application(desk, (FILE, (today(), 1, 1, 5_425)), (ROW, row))


async def test_postgresql_refuses_a_payment_that_was_never_delivered(desk: ScrollDesk) -> None:
    started = await desk.books.start()
    row = (today(), 1, 1, "PAY", started.claim.payment_id, 1, 5_425)
    with pytest.raises(asyncpg.CheckViolationError, match="never delivered"):
        await _as_the_application(desk, (FILE, (today(), 1, 1, 5_425)), (ROW, row))


@pytest.mark.parametrize(("rows", "total"), [(2, 5_425), (1, 5_426)])
async def test_postgresql_refuses_totals_that_are_not_those_of_the_rows(
    desk: ScrollDesk, rows: int, total: int
) -> None:
    started = await desk.paid()
    row = (today(), 1, 1, "PAY", started.claim.payment_id, 1, 5_425)
    with pytest.raises(asyncpg.CheckViolationError, match="totals"):
        await _as_the_application(desk, (FILE, (today(), 1, rows, total)), (ROW, row))


async def test_postgresql_refuses_a_file_without_the_rows_it_speaks_of(desk: ScrollDesk) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="totals"):
        await _as_the_application(desk, (FILE, (today(), 1, 1, 5_425)))


async def test_postgresql_refuses_one_more_row_in_a_file_that_stands(desk: ScrollDesk) -> None:
    await desk.paid()
    await desk.make()
    second = await desk.paid()
    row = (today(), 2, 1, "PAY", second.claim.payment_id, 2, 5_425)
    with pytest.raises(asyncpg.CheckViolationError, match="totals"):
        await _as_the_application(desk, (ROW, row))


async def test_postgresql_refuses_a_payment_told_twice(desk: ScrollDesk) -> None:
    started = await desk.paid()
    await desk.make()
    row = (today(), 2, 2, "PAY", started.claim.payment_id, 9, 5_425)
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_scroll_rows_once"):
        await _as_the_application(desk, (FILE, (today(), 2, 1, 5_425)), (ROW, row))


async def test_postgresql_refuses_a_number_for_a_second_payment(desk: ScrollDesk) -> None:
    await desk.paid()
    await desk.make()
    second = await desk.paid()
    row = (today(), 2, 2, "PAY", second.claim.payment_id, 1, 5_425)
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_scroll_rows_place"):
        await _as_the_application(desk, (FILE, (today(), 2, 1, 5_425)), (ROW, row))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE scroll_rows SET total = 1",
        "DELETE FROM scroll_rows",
        "UPDATE scroll_files SET sum = 1",
        "DELETE FROM scroll_files",
        "TRUNCATE scroll_rows",
    ],
)
async def test_the_application_cannot_change_what_a_biller_was_told(desk: ScrollDesk, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _as_the_application(desk, (statement, ()))
