"""`ekpay audit` finds a lively book clean, and names the row that a superuser has touched."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from ekpay_switch.domain.delivery import Recording, plan_posted
from ekpay_switch.domain.ledger import GENESIS, Entry, Posting, Written, chain_hash
from ekpay_switch.domain.outcome import Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.embedded import Endpoint
from tests.persistence.books import APPROVED, REFUSED, SILENT, Books, a_top_up, delivery_of
from tests.persistence.conftest import a_copy, at_the_server, open_books

LIVELY = "lively"

# A middle entry of lane 0's chain, which takes a prefund, the one after it and the last.
MIDDLE = "(SELECT id FROM journal_entries WHERE lane = 0 AND seq = 4)"
NEXT = "(SELECT id FROM journal_entries WHERE lane = 0 AND seq = 5)"
LAST = "(SELECT id FROM journal_entries WHERE lane = 0 ORDER BY seq DESC LIMIT 1)"
COMPLETED = "(SELECT id FROM payments WHERE state = 'completed' ORDER BY id LIMIT 1)"
DELIVERING = "(SELECT id FROM payments WHERE state = 'delivering' ORDER BY id LIMIT 1)"
REFUNDED = "(SELECT id FROM payments WHERE state = 'refunded' ORDER BY id LIMIT 1)"
DECLINED = "(SELECT id FROM payments WHERE state = 'declined' ORDER BY id LIMIT 1)"


@dataclass(frozen=True)
class Tampering:
    """What a superuser does, and the row that the audit must name: a query for the text it contains."""

    name: str
    row: str
    statements: tuple[str, ...]


TAMPERINGS = (
    Tampering(
        "one posting changed", f"SELECT 'journal_entries ' || {MIDDLE}",
        (f"UPDATE postings SET amount = amount + 1 WHERE entry_id = {MIDDLE} AND seq = 1",),
    ),
    Tampering(
        "two postings changed in balance", f"SELECT 'journal_entries ' || {MIDDLE}",
        (
            f"UPDATE postings SET amount = amount + 1 WHERE entry_id = {MIDDLE} AND seq = 1",
            f"UPDATE postings SET amount = amount - 1 WHERE entry_id = {MIDDLE} AND seq = 2",
        ),
    ),
    Tampering(
        "two postings swapped with the balances they move", f"SELECT 'journal_entries ' || {MIDDLE}",
        (
            f"UPDATE postings SET account = 'prefund:bank1:postpaid' WHERE entry_id = {MIDDLE} "
            "AND account LIKE 'prefund:%'",
            "UPDATE accounts SET balance = balance + 6000 WHERE code = 'prefund:bank0:postpaid'",
            "UPDATE accounts SET balance = balance - 6000 WHERE code = 'prefund:bank1:postpaid'",
        ),
    ),
    Tampering(
        "a posting inserted in balance", f"SELECT 'journal_entries ' || {MIDDLE}",
        (f"INSERT INTO postings VALUES ({MIDDLE}, 90, 'in_flight', 5), ({MIDDLE}, 91, 'settlement_bank', -5)",),
    ),
    Tampering(
        "a posting deleted", f"SELECT 'journal_entries ' || {LAST}",
        (f"DELETE FROM postings WHERE entry_id = {LAST} AND seq = 2",),
    ),
    Tampering(
        "the moment of an entry changed", f"SELECT 'journal_entries ' || {MIDDLE}",
        (f"UPDATE journal_entries SET moment = 'given_back' WHERE id = {MIDDLE}",),
    ),
    Tampering(
        "an entry given to another payment", f"SELECT 'journal_entries ' || {MIDDLE}",
        (f"UPDATE journal_entries SET payment_id = {REFUNDED} WHERE id = {MIDDLE}",),
    ),
    Tampering(
        "the hash of an entry changed", f"SELECT 'journal_entries ' || {MIDDLE}",
        (f"UPDATE journal_entries SET hash = sha256(hash) WHERE id = {MIDDLE}",),
    ),
    Tampering(
        "a middle entry deleted", f"SELECT 'journal_entries ' || {NEXT}",
        (
            f"DELETE FROM postings WHERE entry_id = {MIDDLE}",
            "DELETE FROM journal_entries WHERE lane = 0 AND seq = 4",
        ),
    ),
    Tampering(
        "a middle entry deleted and the rest renumbered",
        f"SELECT 'journal_entries ' || {NEXT}",
        (
            f"DELETE FROM postings WHERE entry_id = {MIDDLE}",
            "DELETE FROM journal_entries WHERE lane = 0 AND seq = 4",
            "UPDATE journal_entries SET seq = -seq WHERE lane = 0 AND seq > 4",
            "UPDATE journal_entries SET seq = -seq - 1 WHERE lane = 0 AND seq < 0",
        ),
    ),
    Tampering(
        "the last entry deleted", "SELECT 'lanes 0'",
        (
            f"DELETE FROM postings WHERE entry_id = {LAST}",
            "DELETE FROM journal_entries AS e USING lanes AS l WHERE e.lane = 0 AND l.lane = 0 AND e.seq = l.seq",
        ),
    ),
    Tampering(
        "an entry deleted and its postings left", "SELECT 'lanes 0'",
        ("DELETE FROM journal_entries AS e USING lanes AS l WHERE e.lane = 0 AND l.lane = 0 AND e.seq = l.seq",),
    ),
    Tampering("the head of a lane moved", "SELECT 'lanes 0'", ("UPDATE lanes SET seq = seq - 1 WHERE lane = 0",)),
    Tampering(
        "the head of a lane rehashed", "SELECT 'lanes 1'",
        ("UPDATE lanes SET hash = sha256(hash) WHERE lane = 1",),
    ),
    Tampering("a lane deleted", "SELECT 'lanes 1'", ("DELETE FROM lanes WHERE lane = 1",)),
    Tampering(
        "postings without an entry", "SELECT 'postings 00000000-0000-0000-0000-000000000001 line 1'",
        (
            "ALTER TABLE postings DISABLE TRIGGER postings_balance",
            "INSERT INTO postings VALUES ('00000000-0000-0000-0000-000000000001', 1, 'in_flight', 5),"
            " ('00000000-0000-0000-0000-000000000001', 2, 'settlement_bank', -5)",
        ),
    ),
    Tampering(
        "the day of a window changed", "SELECT 'journal_entries ' || id FROM journal_entries "
        "ORDER BY lane, seq LIMIT 1",
        ("UPDATE settlement_windows SET business_date = business_date - 1",),
    ),
    Tampering(
        "a balance changed", "SELECT 'accounts prefund:bank0:postpaid'",
        ("UPDATE accounts SET balance = balance + 1 WHERE code = 'prefund:bank0:postpaid'",),
    ),
    Tampering(
        "a floor lowered", "SELECT 'accounts prefund:bank0:postpaid'",
        ("UPDATE accounts SET floor = -100 WHERE code = 'prefund:bank0:postpaid'",),
    ),
    Tampering(
        "a kind changed", "SELECT 'accounts in_flight'",
        ("UPDATE accounts SET kind = 'asset' WHERE code = 'in_flight'",),
    ),
    Tampering(
        "a currency changed", "SELECT 'accounts settlement_bank'",
        ("UPDATE accounts SET currency = 'USD' WHERE code = 'settlement_bank'",),
    ),
    Tampering(
        "an account deleted", "SELECT 'accounts prefund:bank0:postpaid'",
        ("DELETE FROM accounts WHERE code = 'prefund:bank0:postpaid'",),
    ),
    Tampering(
        "an account invented", "SELECT 'accounts pocket'",
        ("INSERT INTO accounts (code, kind) VALUES ('pocket', 'asset')",),
    ),
    Tampering(
        "a state changed", f"SELECT 'payments ' || {DELIVERING}",
        (f"UPDATE payments SET state = 'completed' WHERE id = {DELIVERING}",),
    ),
    Tampering(
        "a payment declined after the fact", f"SELECT 'payments ' || {COMPLETED}",
        (f"UPDATE payments SET state = 'declined', refusal = 'bill_taken' WHERE id = {COMPLETED}",),
    ),
    Tampering(
        "the amount of a payment changed", f"SELECT 'payments ' || {COMPLETED}",
        (f"UPDATE payments SET amount = amount + 1 WHERE id = {COMPLETED}",),
    ),
    Tampering(
        "a payment deleted", f"SELECT 'payments ' || {COMPLETED}",
        (
            "SET session_replication_role = replica",
            f"DELETE FROM payments WHERE id = {COMPLETED}",
        ),
    ),
    Tampering(
        "a success doubled", f"SELECT 'attempts of payment ' || {COMPLETED}",
        (
            "DROP INDEX uq_attempts_one_success",
            "INSERT INTO attempts SELECT gen_random_uuid(), payment_id, leg, far_side, 'another', state, outcome, "
            f"sends, send_until, opened_at, closed_at FROM attempts WHERE payment_id = {COMPLETED}",
        ),
    ),
    Tampering(
        "a success taken away", f"SELECT 'attempts of payment ' || {COMPLETED}",
        (f"UPDATE attempts SET outcome = 'declined' WHERE payment_id = {COMPLETED}",),
    ),
    Tampering(
        "an attempt deleted", f"SELECT 'attempts of payment ' || {COMPLETED}",
        (f"DELETE FROM attempts WHERE payment_id = {COMPLETED}",),
    ),
    Tampering(
        "a finished attempt opened", f"SELECT 'attempts of payment ' || {REFUNDED}",
        (f"UPDATE attempts SET state = 'open', closed_at = NULL WHERE payment_id = {REFUNDED}",),
    ),
    Tampering(
        "a step changed", f"SELECT 'history of payment ' || {REFUNDED}",
        (
            "UPDATE history SET event = 'proven_not_posted' WHERE event = 'biller_refused' "
            f"AND payment_id = {REFUNDED}",
            f"UPDATE history SET from_state = 'funded', event = 'delivery_given_up' WHERE seq = 2 "
            f"AND payment_id = {REFUNDED}",
        ),
    ),
    Tampering(
        "a step deleted", f"SELECT 'history of payment ' || {REFUNDED}",
        (f"DELETE FROM history WHERE seq = 2 AND payment_id = {REFUNDED}",),
    ),
    Tampering(
        "all history of a declined payment deleted", f"SELECT 'history of payment ' || {DECLINED}",
        (f"DELETE FROM history WHERE payment_id = {DECLINED}",),
    ),
    Tampering(
        "a scroll number changed", "SELECT 'scroll desco_postpaid'",
        ("UPDATE payments SET scroll_no = scroll_no + 100 WHERE scroll_no = 2",),
    ),
    Tampering(
        "a scroll number taken away", "SELECT 'scroll desco_postpaid'",
        ("UPDATE payments SET scroll_no = NULL WHERE scroll_no = 1",),
    ),
    Tampering(
        "the scroll counter set back", "SELECT 'scroll desco_postpaid'",
        ("UPDATE scroll_counters SET last = last - 1",),
    ),
    Tampering(
        "the scroll counter deleted", "SELECT 'scroll desco_postpaid'", ("DELETE FROM scroll_counters",),
    ),
)  # fmt: skip


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


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda tampering: tampering.name.replace(" ", "_"))
async def test_a_tampering_is_found_and_its_row_named(books: Books, tampering: Tampering) -> None:
    named = await books.value(tampering.row)
    connection = await books.superuser()
    for statement in tampering.statements:
        touched = await connection.execute(statement)
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
        written = Written(row["id"], row["payment_id"], row["business_date"], row["window_id"])
        digest = chain_hash(digest, written, entry)
        await books.tell("UPDATE journal_entries SET hash = $2 WHERE id = $1", row["id"], digest)
    await books.tell("UPDATE lanes SET hash = $2 WHERE lane = $1", lane, digest)


async def test_the_command_exits_1_and_names_the_row_last(books: Books) -> None:
    victim = await books.value(f"SELECT {MIDDLE}")
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
