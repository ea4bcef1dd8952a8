"""`ekpay audit` finds lively scrolls clean, and names the row that a superuser has touched."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date

import asyncpg
import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.scrolls.layouts import digest_of
from ekpay_switch.persistence.audit.run import audit
from ekpay_switch.persistence.audit.scrolls import scroll_totals_fault
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.scrolls.reading import read_file
from tests.database import a_copy, at_the_server
from tests.persistence.audit.scroll_tamperings import REWRITTEN, TAMPERINGS
from tests.persistence.audit.tamperings import Tampering
from tests.persistence.books import REFUSED
from tests.persistence.collections.collection_setup import open_till
from tests.persistence.conftest import open_books
from tests.persistence.refunds.refund_setup import BILLED, UNDOABLE, Office, open_office
from tests.persistence.scrolls.scroll_setup import ScrollDesk, a_day, resolved

SCROLLED = "scrolled"


async def _live(desk: ScrollDesk, office: Office) -> None:
    """Numbers of every fate, refunds in parts and whole, and what was found posted after its void."""
    _, void, doubted, _, _ = await a_day(desk)
    part, whole, unfinished = [await office.completed() for _ in range(3)]
    await office.done((await office.take(part, 30_000)).refund_id)
    await desk.make()
    await resolved(desk, doubted)
    await desk.found_posted(void)
    await office.done((await office.take(whole, BILLED)).refund_id)
    await office.done((await office.take(part, 20_000)).refund_id)
    await office.take(unfinished, 10_000)
    view = await office.desk.record_chargeback(
        unfinished.payment_id, Money(9_000), "CB-1", "Rahima", UNDOABLE
    )
    await office.desk.approve(view.refund_id, "Karim")
    await desk.make(cycle=2)
    await desk.paid(REFUSED)


@pytest.fixture(scope="module")
def scrolled(endpoint: Endpoint) -> Iterator[Endpoint]:
    """A database with lively scrolls, which no test changes for good."""

    async def build() -> None:
        async with a_copy(endpoint) as place:
            async with open_books(place) as books:
                await books.partner(prefund=1_000_000)
                async with open_till(books) as till, open_office(till) as office:
                    await _live(ScrollDesk(books), office)
            await at_the_server(endpoint, f"ALTER DATABASE {place.database} RENAME TO {SCROLLED}")
            await at_the_server(endpoint, f"CREATE DATABASE {place.database}")

    asyncio.run(build())
    yield replace(endpoint, database=SCROLLED)
    asyncio.run(at_the_server(endpoint, f"DROP DATABASE {SCROLLED} WITH (FORCE)"))


@pytest.fixture
async def superuser(scrolled: Endpoint) -> AsyncIterator[asyncpg.Connection]:
    """Whom no grant and no trigger holds back, and whose changes are undone after the test."""
    connection = await asyncpg.connect(scrolled.dsn("postgres"))
    tampering = connection.transaction(isolation="repeatable_read")
    await tampering.start()
    await connection.execute("SET LOCAL session_replication_role = replica")
    yield connection
    await tampering.rollback()
    await connection.close()


async def test_lively_scrolls_are_clean(superuser: asyncpg.Connection) -> None:
    counts = dict(await superuser.fetch("SELECT row_type, count(*) FROM scroll_rows GROUP BY 1"))
    assert counts == {"PAY": 7, "VOID": 2, "REV": 4}
    assert await audit(superuser) is None


async def test_parts_and_wholes_are_taken_back_with_their_lines(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch(
        "SELECT cycle, principal, vat, total FROM scroll_rows WHERE row_type = 'REV' ORDER BY seq"
    )
    assert sorted(map(tuple, rows)) == [
        (1, -30_000, 0, -30_000),
        (2, -105_000, 0, -105_000),
        (2, -20_000, 0, -20_000),
        (2, -9_000, 0, -9_000),
    ]


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name.replace(" ", "_"))
async def test_a_tampering_is_found_and_its_row_named(
    superuser: asyncpg.Connection, tampering: Tampering
) -> None:
    await _is_found(superuser, tampering)


@pytest.mark.parametrize("tampering", REWRITTEN, ids=lambda tampering: tampering.name.replace(" ", "_"))
async def test_who_makes_totals_and_digests_right_again_is_found_by_what_the_books_say(
    superuser: asyncpg.Connection, tampering: Tampering
) -> None:
    await _is_found(superuser, tampering, seals_again=True)


async def _is_found(
    superuser: asyncpg.Connection, tampering: Tampering, *, seals_again: bool = False
) -> None:
    named = await superuser.fetchval(tampering.row)
    for statement in tampering.statements:
        touched = await superuser.execute(statement)
        assert not touched.endswith(" 0"), f"changed nothing: {statement}"
    if seals_again:
        await _seal_again(superuser)

    finding = await audit(superuser)

    assert finding is not None, "not found"
    assert finding.row.startswith(named), str(finding)
    assert finding.why


async def _seal_again(superuser: asyncpg.Connection) -> None:
    """Give every file the totals and the digest that its rows have now."""
    for row in await superuser.fetch("SELECT biller_id, business_date, cycle FROM scroll_files"):
        file = await read_file(superuser, row["biller_id"], row["business_date"], row["cycle"])
        assert file is not None
        await superuser.execute(
            "UPDATE scroll_files SET rows = $1, sum = $2, sha256 = $3 WHERE cycle = $4",
            len(file.rows), file.sum.minor, digest_of(file), file.cycle,
        )  # fmt: skip


@pytest.mark.parametrize(("taken_back", "is_fault"), [(0, True), (5_425, False)])
def test_what_its_biller_let_go_of_and_no_later_scroll_tells_is_found(
    taken_back: int, *, is_fault: bool
) -> None:
    today = date(2026, 11, 29)
    row = {
        "billers": ["desco_postpaid"], "biller_id": "desco_postpaid", "pays": 1, "voids": 0, "paid": 5_425,
        "amount": 5_425, "rounding": 0, "taken_back": taken_back, "told_refunded": 0, "refunded": 0,
        "scroll_no": 1, "posted_on": date(2026, 11, 24), "back_on": date(2026, 11, 25),
        "returned_on": date(2026, 11, 25), "newest": today, "told_stand_in": False, "is_stand_in": False,
    }  # fmt: skip
    assert bool(scroll_totals_fault(row)) is is_fault
    assert scroll_totals_fault(row | {"newest": date(2026, 11, 26)}) is None
