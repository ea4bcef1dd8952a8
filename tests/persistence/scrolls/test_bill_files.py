"""Bills of files over real books: loaded whole, changed only while nobody has them, taken once."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.payments.claims import StartedClaim
from ekpay_switch.domain.scrolls.bill_files import (
    BillFile,
    BillStatus,
    BillTaking,
    FiledBill,
    LoadResult,
    TakeAnswer,
    TakenBill,
    TakingRefusal,
)
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.scrolls.bill_files import (
    FileOutOfTurnError,
    FileSeenBeforeError,
    PostgresBillFiles,
)
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.database import database_of
from tests.persistence.books import BILLER, REFUSED, Books

DUE = date(2099, 3, 20)


def a_bill(key: str = "NU-1", status: BillStatus = BillStatus.UNPAID, amount: int = 5_425) -> FiledBill:
    return FiledBill(
        bill_key=key,
        status=status,
        parameters={"pay_slip_no": f"56{key[3:]:0>8}", "application_id": "56200001"},
        customer_name="রাহেলা খাতুন",
        period="2099",
        issued_on=date(2099, 3, 1),
        due_on=DUE,
        amount=Money(amount),
        vat=Money(0),
        late_fee=Money(500),
        lines=(ChargeLine("exam", Money(amount)),),
    )


def a_file(number: int, *bills: FiledBill) -> BillFile:
    owed = total(bill.amount + bill.vat for bill in bills)
    return BillFile(BILLER, number, date(2099, 3, 2), f"digest {number}".encode(), bills, owed)


@dataclass
class Shelf:
    """One test's bill files upon its books."""

    books: Books
    files: PostgresBillFiles
    bills: dict[UUID, str] = field(default_factory=dict)

    async def load(self, number: int, *bills: FiledBill) -> LoadResult:
        return await self.files.load(a_file(number, *bills))

    async def payment(self, bill: str = "NU-1") -> StartedClaim:
        """A payment that is being delivered; nobody has taken its bill yet."""
        started = await self.books.start(bill=bill)
        self.bills[started.claim.payment_id] = bill
        return started

    def taking(self, started: StartedClaim, **changes: object) -> BillTaking:
        claim = started.claim
        taking = BillTaking(
            biller_id=BILLER,
            reference=claim.attempt_reference,
            payment_id=claim.payment_id,
            bill_key=self.bills[claim.payment_id],
            amount=started.quote.sums.amount,
            on=DUE,
            receipt=f"NUF-{claim.attempt_reference[-12:]}",
        )
        return replace(taking, **changes)  # type: ignore[arg-type]  # fields of it

    async def take(self, started: StartedClaim, **changes: object) -> TakeAnswer:
        return await self.files.take(self.taking(started, **changes))

    async def settle(self, started: StartedClaim) -> TakenBill | None:
        return await self.files.settle(BILLER, started.claim.attempt_reference, started.claim.payment_id)

    async def statuses(self, application_id: str = "56200001") -> list[tuple[str, str, bool]]:
        found = await self.files.by_parameters(BILLER, {"application_id": application_id})
        return [(one.bill.bill_key, str(one.bill.status), one.is_taken) for one in found]


@pytest.fixture
async def shelf(books: Books) -> AsyncIterator[Shelf]:
    await books.partner(prefund=1_000_000)
    transactions = ShortTransactions(books.database.connect_hot)
    yield Shelf(books, PostgresBillFiles(transactions))
    await transactions.close()


# ---- loading


async def test_a_file_is_taken_over_and_its_bills_are_found_by_any_of_their_names(shelf: Shelf) -> None:
    bill = a_bill()
    assert await shelf.load(7, bill, a_bill("NU-2")) == LoadResult(2, 0, 0)
    (found,) = await shelf.files.by_parameters(BILLER, {"pay_slip_no": "5600000001"})
    assert found.bill == bill
    assert await shelf.statuses() == [("NU-1", "unpaid", False), ("NU-2", "unpaid", False)]
    assert await shelf.statuses("56200002") == []
    assert await shelf.files.by_parameters("school_fee", {"application_id": "56200001"}) == []


async def test_a_newer_file_adds_changes_withdraws_and_says_what_was_paid_elsewhere(shelf: Shelf) -> None:
    await shelf.load(1, a_bill("NU-1"), a_bill("NU-2"), a_bill("NU-3"), a_bill("NU-4"))
    newer = (
        a_bill("NU-1", amount=6_000),
        a_bill("NU-2", BillStatus.WITHDRAWN),
        a_bill("NU-3", BillStatus.PAID),
        a_bill("NU-5"),
    )
    assert await shelf.load(2, *newer) == LoadResult(1, 3, 0)
    assert [status for _, status, _ in await shelf.statuses()] == [
        "unpaid",
        "withdrawn",
        "paid",
        "unpaid",
        "unpaid",
    ]
    assert await shelf.books.value("SELECT amount FROM biller_bills WHERE bill_key = 'NU-1'") == 6_000


async def test_a_file_seen_before_and_one_out_of_turn_are_refused_whole(shelf: Shelf) -> None:
    await shelf.load(4, a_bill())
    with pytest.raises(FileSeenBeforeError):
        await shelf.load(4, a_bill("NU-2"))
    for number in (3, 6):
        with pytest.raises(FileOutOfTurnError, match="number 5"):
            await shelf.load(number, a_bill("NU-2"))
    assert await shelf.books.count("biller_bills") == 1


async def test_what_we_have_taken_is_left_as_it_is(shelf: Shelf) -> None:
    await shelf.load(1, a_bill("NU-1"), a_bill("NU-2"))
    for key in ("NU-1", "NU-2"):
        assert isinstance(await shelf.take(await shelf.payment(key)), TakenBill)

    loaded = await shelf.load(2, a_bill("NU-1", BillStatus.WITHDRAWN), a_bill("NU-2", BillStatus.PAID))

    assert loaded == LoadResult(0, 0, 2, paid_twice=(4,))
    assert await shelf.statuses() == [("NU-1", "unpaid", True), ("NU-2", "unpaid", True)]


# ---- taking


async def test_a_bill_is_taken_once_and_told_again_under_the_same_reference(shelf: Shelf) -> None:
    await shelf.load(1, a_bill())
    started = await shelf.payment()
    first = await shelf.take(started)
    assert first == TakenBill(Money(5_425), f"NUF-{started.claim.attempt_reference[-12:]}")
    assert await shelf.take(started) == first
    assert await shelf.settle(started) == first
    assert await shelf.books.count("bill_takings") == 1


@pytest.mark.parametrize(
    ("bills", "changes", "answer"),
    [
        ([], {}, TakingRefusal.NO_SUCH_BILL),
        ([a_bill(status=BillStatus.WITHDRAWN)], {}, TakingRefusal.NO_SUCH_BILL),
        ([a_bill(status=BillStatus.PAID)], {}, TakingRefusal.ALREADY_PAID),
        ([a_bill(amount=5_426)], {}, TakingRefusal.AMOUNT_DIFFERS),
        ([a_bill()], {"on": date(2099, 3, 21)}, TakingRefusal.AMOUNT_DIFFERS),
    ],
)
async def test_a_bill_that_is_not_as_it_was_quoted_is_not_taken(
    shelf: Shelf, bills: Sequence[FiledBill], changes: dict[str, object], answer: TakingRefusal
) -> None:
    await shelf.load(1, *bills)
    assert await shelf.take(await shelf.payment(), **changes) is answer
    assert await shelf.books.count("bill_takings") == 0


async def test_another_reference_finds_the_bill_paid(shelf: Shelf) -> None:
    await shelf.load(1, a_bill())
    first, second = await shelf.payment("NU-1"), await shelf.payment("NU-2")
    await shelf.take(first)
    assert await shelf.take(second, bill_key="NU-1") is TakingRefusal.ALREADY_PAID


async def test_a_reference_belongs_to_one_bill_and_amount(shelf: Shelf) -> None:
    await shelf.load(1, a_bill("NU-1"), a_bill("NU-2"))
    started = await shelf.payment()
    await shelf.take(started)
    assert await shelf.take(started, bill_key="NU-2") is TakingRefusal.OTHER_CONTENT
    assert await shelf.take(started, amount=Money(1)) is TakingRefusal.OTHER_CONTENT


async def test_who_is_asked_about_before_it_takes_its_bill_never_takes_it(shelf: Shelf) -> None:
    await shelf.load(1, a_bill())
    asked, other = await shelf.payment("NU-1"), await shelf.payment("NU-2")
    assert await shelf.settle(asked) is None
    assert await shelf.take(asked) is TakingRefusal.BARRED
    assert await shelf.settle(asked) is None
    assert isinstance(await shelf.take(other, bill_key="NU-1"), TakenBill), "the bill itself is free"


# ---- at once


def race(endpoint: Endpoint, takings: list[BillTaking], *, asks: bool) -> list[str]:
    """Take, or ask about, every reference in a process of its own; what each was told."""

    async def run() -> list[str]:
        transactions = ShortTransactions(database_of(endpoint).connect)
        files = PostgresBillFiles(transactions)
        told = []
        for taking in takings:
            if asks:
                settled = await files.settle(taking.biller_id, taking.reference, taking.payment_id)
                told.append("none" if settled is None else "taken")
            else:
                answer = await files.take(taking)
                told.append("taken" if isinstance(answer, TakenBill) else str(answer))
        await transactions.close()
        return told

    return asyncio.run(run())


async def test_a_payment_and_the_question_about_it_agree_whoever_comes_first(
    shelf: Shelf, place: Endpoint
) -> None:
    await shelf.load(1, *(a_bill(f"NU-{number}") for number in range(60)))
    takings = [shelf.taking(await shelf.payment(f"NU-{number}")) for number in range(60)]
    loop, spawn = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as processes:
        pays, asks = await asyncio.gather(
            loop.run_in_executor(processes, _take_all, place, takings),
            loop.run_in_executor(processes, _ask_all, place, takings[::-1]),
        )

    told = set(zip(pays, asks[::-1], strict=True))
    assert told <= {("taken", "taken"), ("barred", "none")}, "each has one truth"


def _take_all(endpoint: Endpoint, takings: list[BillTaking]) -> list[str]:
    return race(endpoint, takings, asks=False)


def _ask_all(endpoint: Endpoint, takings: list[BillTaking]) -> list[str]:
    return race(endpoint, takings, asks=True)


async def test_a_file_that_meets_payments_changes_only_what_they_did_not_get(
    shelf: Shelf, place: Endpoint
) -> None:
    count = 60
    await shelf.load(1, *(a_bill(f"NU-{number}") for number in range(count)))
    takings = [shelf.taking(await shelf.payment(f"NU-{number}")) for number in range(count)]
    loop, spawn = asyncio.get_running_loop(), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as processes:
        paying = loop.run_in_executor(processes, _take_all, place, takings)
        while not await shelf.books.count("bill_takings"):  # noqa: ASYNC110 - another process takes them
            await asyncio.sleep(0.001)
        loaded = await shelf.load(2, *(a_bill(f"NU-{number}", BillStatus.PAID) for number in range(count)))
        told = await paying

    assert loaded.unchanged == told.count("taken") == len(loaded.paid_twice)
    assert loaded.changed == told.count("already_paid") == count - loaded.unchanged
    unpaid = await shelf.books.count("biller_bills", "status = 'unpaid'")
    assert unpaid == loaded.unchanged


# ---- PostgreSQL's own word, and the audit's


async def test_postgresql_lets_a_bill_be_taken_once(shelf: Shelf) -> None:
    await shelf.load(1, a_bill())
    first, second = await shelf.payment("NU-1"), await shelf.payment("NU-2")
    await shelf.take(first)
    with pytest.raises(asyncpg.UniqueViolationError, match="one_per_bill"):
        await shelf.books.tell(
            "INSERT INTO bill_takings VALUES ($1, 'X', $2, 'NU-1', 'taken', 1, 'R')",
            BILLER,
            second.claim.payment_id,
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE bill_takings SET state = 'barred'", "DELETE FROM bill_takings"]
)
async def test_the_application_cannot_take_a_taking_back(shelf: Shelf, statement: str) -> None:
    connection = await shelf.books.database.connect()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def _a_lively_shelf(shelf: Shelf) -> None:
    await shelf.load(1, a_bill("NU-1"), a_bill("NU-2"), a_bill("NU-3"))
    paid, doubted, asked = [await shelf.payment(f"NU-{number}") for number in (1, 2, 3)]
    await shelf.take(paid)
    await shelf.books.finish(paid)
    await shelf.take(doubted)
    await shelf.settle(asked)
    await shelf.books.finish(asked, REFUSED)


async def test_lively_bill_files_are_clean(shelf: Shelf) -> None:
    await _a_lively_shelf(shelf)
    assert await shelf.books.audit() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bill_takings SET amount = amount + 1 WHERE bill_key = 'NU-1'",
        "UPDATE bill_takings SET bill_key = 'NU-9' WHERE bill_key = 'NU-1'",
        "UPDATE bill_takings SET reference = 'X' WHERE bill_key = 'NU-1'",
        "UPDATE bill_takings SET state = 'barred' WHERE bill_key = 'NU-1'",
        "UPDATE bill_takings SET state = 'taken' WHERE state = 'barred'",
    ],
)
async def test_a_tampered_taking_is_found(shelf: Shelf, statement: str) -> None:
    await _a_lively_shelf(shelf)
    assert not (await shelf.books.tell(statement)).endswith(" 0")
    finding = await shelf.books.audit()
    assert finding is not None
    assert finding.row.startswith(f"bill_takings {BILLER}")
