"""Bills that are raised here: all or none, each with one code, paid as any other, withdrawn while unpaid."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest

from ekpay_switch.domain.scrolls.bill_files import TakenBill, TakingRefusal
from ekpay_switch.domain.scrolls.bill_notices import BillOfNotice, read_notice_code
from ekpay_switch.persistence.bill_notices.raised_bills import PostgresRaisedBills, RefusedBillError
from ekpay_switch.persistence.parties.staff import NotAllowedError
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.persistence.books import BILLER
from tests.persistence.scrolls.test_bill_files import Shelf, a_bill, shelf
from tests.persistence.staff_rows import persons

__all__ = ["shelf"]  # a fixture

TODAY = date(2099, 3, 2)
FILES = "SELECT number, bills, sum FROM bill_files ORDER BY number"


@pytest.fixture
async def raised(shelf: Shelf) -> AsyncIterator[PostgresRaisedBills]:
    transactions = ShortTransactions(shelf.books.database.connect_hot)
    yield PostgresRaisedBills(transactions)
    await transactions.close()


async def test_raised_bills_stand_beside_those_of_files(shelf: Shelf, raised: PostgresRaisedBills) -> None:
    await shelf.load(6, a_bill("NU-1"))
    codes = await raised.raise_bills(BILLER, [a_bill("NU-2"), a_bill("NU-3")], TODAY)
    assert {read_notice_code(code) for code in codes.values()} == set(codes.values())
    assert [key for key, _, _ in await shelf.statuses()] == ["NU-1", "NU-2", "NU-3"]
    assert [tuple(row) for row in await shelf.books.rows(FILES)] == [(6, 1, 5_425), (7, 2, 10_850)]
    assert await raised.by_code(codes["NU-2"]) == BillOfNotice(
        codes["NU-2"], BILLER, "NU-2", a_bill("NU-2").parameters
    )
    assert await raised.by_code("1" * 16) is None
    await shelf.load(8, a_bill("NU-4"))


async def test_all_are_raised_or_none(shelf: Shelf, raised: PostgresRaisedBills) -> None:
    await raised.raise_bills(BILLER, [a_bill("NU-1")], TODAY)
    with pytest.raises(RefusedBillError, match="bill_no: there already: NU-1"):
        await raised.raise_bills(BILLER, [a_bill("NU-2"), a_bill("NU-1")], TODAY)
    assert [key for key, _, _ in await shelf.statuses()] == ["NU-1"]
    assert await shelf.books.count("bill_files") == 1


async def test_of_many_numbers_that_are_there_ten_are_named(raised: PostgresRaisedBills) -> None:
    bills = [a_bill(f"NU-{nth:02}") for nth in range(12)]
    await raised.raise_bills(BILLER, bills, TODAY)
    with pytest.raises(RefusedBillError, match=r"NU-00, .*, NU-09 and 2 more$"):
        await raised.raise_bills(BILLER, bills, TODAY)


async def test_offices_beside_each_other_get_a_number_each(shelf: Shelf, raised: PostgresRaisedBills) -> None:
    calls = (raised.raise_bills(BILLER, [a_bill(f"NU-{nth}")], TODAY) for nth in range(1, 9))
    codes = [code for done in await asyncio.gather(*calls) for code in done.values()]
    assert len(set(codes)) == len(codes)
    assert [row["number"] for row in await shelf.books.rows(FILES)] == list(range(1, 9))


async def test_a_notice_keeps_its_code_and_a_bill_of_a_file_gets_one(
    shelf: Shelf, raised: PostgresRaisedBills
) -> None:
    await shelf.load(1, a_bill("NU-1"))
    codes = await raised.raise_bills(BILLER, [a_bill("NU-2")], TODAY)
    many = await asyncio.gather(*(raised.notices(BILLER, ["NU-2", "NU-1"]) for _ in range(4)))
    assert all(notices == many[0] for notices in many)
    assert [(one.stored.bill.bill_key, one.stored.is_taken) for one in many[0]] == [
        ("NU-2", False),
        ("NU-1", False),
    ]
    assert many[0][0].code == codes["NU-2"]
    with pytest.raises(RefusedBillError, match=f"{BILLER} has no bill NU-9"):
        await raised.notices(BILLER, ["NU-1", "NU-9"])


async def test_a_code_that_another_bill_has_is_tried_again(
    raised: PostgresRaisedBills, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter([5, 5, 6])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(numbers))
    codes = await raised.raise_bills(BILLER, [a_bill("NU-1"), a_bill("NU-2")], TODAY)
    assert sorted(code[:14] for code in codes.values()) == ["10000000000005", "10000000000006"]


async def test_a_raised_bill_is_taken_once_and_not_withdrawn_after(
    shelf: Shelf, raised: PostgresRaisedBills
) -> None:
    started = await shelf.payment("NU-1")
    await raised.raise_bills(BILLER, [replace(a_bill(), amount=started.quote.sums.amount, lines=())], TODAY)
    await shelf.books.tell(persons("Rahima"))
    assert isinstance(await shelf.take(started), TakenBill)
    with pytest.raises(RefusedBillError, match="NU-1 is paid"):
        await raised.withdraw(BILLER, "NU-1", "wrong house", "Rahima")


async def test_a_withdrawn_bill_is_not_taken(shelf: Shelf, raised: PostgresRaisedBills) -> None:
    started = await shelf.payment("NU-1")
    await raised.raise_bills(BILLER, [replace(a_bill(), amount=started.quote.sums.amount, lines=())], TODAY)
    await shelf.books.tell(persons("Rahima"))
    assert await raised.withdraw(BILLER, "NU-1", "wrong house", "Rahima")
    assert not await raised.withdraw(BILLER, "NU-1", "wrong house", "Rahima")
    assert await shelf.take(started) is TakingRefusal.NO_SUCH_BILL
    (row,) = await shelf.books.rows("SELECT bill_key, reason, withdrawn_by FROM bill_withdrawals")
    assert tuple(row) == ("NU-1", "wrong house", "Rahima")


async def test_only_the_staff_withdraw_and_only_what_is_there(
    shelf: Shelf, raised: PostgresRaisedBills
) -> None:
    await raised.raise_bills(BILLER, [a_bill()], TODAY)
    with pytest.raises(NotAllowedError):
        await raised.withdraw(BILLER, "NU-1", "wrong house", "Nobody")
    await shelf.books.tell(persons("Rahima"))
    with pytest.raises(RefusedBillError, match="has no bill NU-9"):
        await raised.withdraw(BILLER, "NU-9", "wrong house", "Rahima")
    assert await shelf.statuses() == [("NU-1", "unpaid", False)]


async def test_a_withdrawal_and_a_payment_beside_it_have_one_winner(
    shelf: Shelf, raised: PostgresRaisedBills
) -> None:
    started = await shelf.payment("NU-1")
    await raised.raise_bills(BILLER, [replace(a_bill(), amount=started.quote.sums.amount, lines=())], TODAY)
    await shelf.books.tell(persons("Rahima"))
    taken, withdrawn = await asyncio.gather(
        shelf.take(started), raised.withdraw(BILLER, "NU-1", "wrong", "Rahima"), return_exceptions=True
    )
    assert isinstance(taken, TakenBill) is isinstance(withdrawn, RefusedBillError)
