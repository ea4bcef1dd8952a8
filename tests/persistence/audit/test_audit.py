"""`ekpay audit` finds a lively book clean, and names the row that a superuser has touched."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from ekpay_switch.domain.ledger.entries import GENESIS, Entry, EntryHeader, Posting, chain_hash
from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import Recording, plan_posted
from ekpay_switch.persistence.audit.run import audit
from ekpay_switch.persistence.embedded.server import Endpoint
from tests.database import a_copy, at_the_server
from tests.persistence.audit.tamperings import PLACES, TAMPERINGS, Tampering, placed
from tests.persistence.books import APPROVED, REFUSED, SILENT, Books, a_top_up, delivery_of
from tests.persistence.conftest import open_books

LIVELY = "lively"


async def _live(books: Books) -> None:
    """Every fate a payment can have, over two partners in two lanes."""
    await books.partner("bank0", 0, prefund=60_000)
    await books.partner("bank1", 1, prefund=60_000)
    for partner, lane in (("bank0", 0), ("bank1", 1), ("bank0", 0)):
        await books.finish(await books.start(partner, lane=lane), APPROVED)
    refunded = await books.start("bank0")
    await books.finish(refunded, REFUSED)
    await books.finish(await books.start("bank0"), SILENT)
    await books.submit(books.claim_on(await books.quote("bank1", 70_000, lane=1), lane=1))
    late = await books.start("bank1", lane=1)
    await books.finish(late, REFUSED)
    posted = Posted(late.claim.attempt_reference, late.quote.sums.amount.minor)
    await books.submit(Recording(delivery_of(late), plan_posted(delivery_of(late), State.REFUNDED, posted)))
    await books.submit(a_top_up("bank0", 1_234))


@pytest.fixture(scope="module")
def lively(endpoint: Endpoint) -> Iterator[str]:
    """The name of a database with a lively book, to be copied."""

    async def build() -> None:
        async with a_copy(endpoint) as place:
            async with open_books(place) as books:
                await _live(books)
            await at_the_server(endpoint, f"ALTER DATABASE {place.database} RENAME TO {LIVELY}")
            await at_the_server(endpoint, f"CREATE DATABASE {place.database}")

    asyncio.run(build())
    yield LIVELY
    asyncio.run(at_the_server(endpoint, f"DROP DATABASE {LIVELY} WITH (FORCE)"))


@pytest.fixture
async def books(endpoint: Endpoint, lively: str) -> AsyncIterator[Books]:
    async with a_copy(endpoint, lively) as place, open_books(place) as books:
        yield books


async def test_a_lively_book_is_clean(books: Books) -> None:
    states = {row["state"] for row in await books.rows("SELECT DISTINCT state FROM payments")}
    assert states == {"completed", "refunded", "delivering", "declined", "in_review"}
    assert await books.audit() is None


async def test_a_finding_writes_a_sum_as_whole_paisa(books: Books) -> None:
    connection = await books.database.connect("audit")
    assert await audit(connection) is None
    total = await connection.fetchval("SELECT sum(amount) FROM (VALUES (50000::bigint)) AS v (amount)")
    await connection.close()
    assert f"{total} paisa" == "50000 paisa"


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name.replace(" ", "_"))
async def test_a_tampering_is_found_and_its_row_named(books: Books, tampering: Tampering) -> None:
    named = await books.value(placed(tampering.row))
    connection = await books.superuser()
    for statement in tampering.statements:
        touched = await connection.execute(placed(statement))
        assert not touched.endswith(" 0"), f"changed nothing: {statement}"
    await connection.close()

    finding = await books.audit()

    assert finding is not None, "not found"
    assert finding.row.startswith(named), str(finding)
    assert finding.why


async def test_a_chain_forged_to_its_head_is_caught_by_what_its_entries_mean(books: Books) -> None:
    """Who moves our fee to the payee and rewrites every hash after it still leaves a payment overpaid."""
    payment_id = await books.value("SELECT payment_id FROM journal_entries WHERE lane = 0 AND seq = 3")
    for account, growth in (("payable:desco_postpaid", -1), ("fee_income", 1)):
        await books.tell(
            "UPDATE postings AS p SET amount = amount + $2 FROM journal_entries AS e "
            "WHERE e.id = p.entry_id AND e.lane = 0 AND e.seq = 3 AND p.account = $1", account, growth
        )  # fmt: skip
    await _rewrite_chain(books, 0)

    finding = await books.audit()

    assert finding is not None
    assert finding.row == f"payments {payment_id}"


async def _rewrite_chain(books: Books, lane: int) -> None:
    digest = GENESIS
    for row in await books.rows("SELECT * FROM journal_entries WHERE lane = $1 ORDER BY seq", lane):
        lines = await books.rows(
            "SELECT account, amount FROM postings WHERE entry_id = $1 ORDER BY seq", row["id"]
        )
        entry = Entry(row["moment"], tuple(Posting(*line) for line in lines), row["currency"])
        written = EntryHeader(row["id"], row["payment_id"], row["business_date"], row["window_id"])
        digest = chain_hash(digest, written, entry)
        await books.tell("UPDATE journal_entries SET hash = $2 WHERE id = $1", row["id"], digest)
    await books.tell("UPDATE lanes SET hash = $2 WHERE lane = $1", lane, digest)


async def test_the_command_exits_1_and_names_the_row_last(books: Books) -> None:
    victim = await books.value(f"SELECT {PLACES['middle']}")
    environment = os.environ | {
        "EKPAY_DATABASE_URL": books.endpoint.dsn("ekpay_app"),
        "EKPAY_DATABASE_OWNER_URL": books.endpoint.dsn("ekpay_owner"),
        "EKPAY_DATABASE_AUDIT_URL": books.endpoint.dsn("ekpay_audit"),
    }
    clean = await asyncio.to_thread(_ekpay_audit, environment)
    await books.tell("UPDATE postings SET amount = amount * 2 WHERE entry_id = $1", victim)
    broken = await asyncio.to_thread(_ekpay_audit, environment)

    assert (clean.returncode, clean.stdout.splitlines()[-1]) == (0, "clean")
    assert broken.returncode == 1
    assert broken.stdout.splitlines()[-1].startswith(f"journal_entries {victim}")


def _ekpay_audit(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from ekpay_switch.cli.main import run; run()", "audit"]
    return subprocess.run(  # noqa: S603 - our own interpreter and command
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
