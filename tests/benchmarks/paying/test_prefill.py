"""Payments put in as if they had been made: rows of the switch itself, and nothing around them changed."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from rich.console import Console

from benchmarks.paying import prefill as existing
from benchmarks.paying import prefill_schema as existing_schema
from benchmarks.paying.prefill_rows import (
    COLUMNS,
    LaneHeads,
    Payer,
    PrefillDay,
    WriterShare,
    rows_of,
    share_out,
)
from ekpay_switch.domain.ledger.entries import GENESIS
from ekpay_switch.persistence.audit.run import run
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.ledger.lines import FREEZE_STANDING
from ekpay_switch.persistence.migrate import migrate
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of

PAYMENTS = 501
DAY = PrefillDay("2026-11-01", 7, 10, 0)
PAYERS = [Payer("bank1", 0), Payer("bank2", 3), Payer("bank3", 0)]
# What tells one payment from another; everything else has to be what the switch writes of any.
OWN = {
    "id", "payment_id", "attempt_id", "entry_id", "partner_id", "lane", "seq", "reference", "fingerprint",
    "quote_id", "request_reference", "bill_key", "bill_lock", "amount", "charge", "fee", "vat", "fee_version",
    "bill", "biller_quote", "quote_expires_at", "expires_at", "created_at", "updated_at", "opened_at",
    "closed_at", "send_until", "at", "business_date", "window_id", "hash", "scroll_no", "facts", "account",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("existing") / "home")
    server.start()
    yield server
    server.destroy()


@pytest.fixture
async def filled(server: EmbeddedPostgres) -> AsyncIterator[tuple[Books, existing.PrefillResult]]:
    """Three partners, one payment by the switch itself, and many that were put in."""
    database = database_of(server.endpoint)
    await migrate(database)
    group_commit = group_commit_of(database)
    await group_commit.start()
    books = Books(server.endpoint, group_commit)
    for payer in PAYERS:
        await books.partner(payer.partner_id, payer.lane, prefund=10**12)
    await books.finish(await books.start("bank1"))
    before = await _schema(books)
    try:
        told = await existing.fill(server, PAYMENTS, Console(quiet=True))
        assert await _schema(books) == before
        yield books, told
    finally:
        await group_commit.stop()


async def _schema(books: Books) -> tuple[str, ...]:
    connection = await books.superuser()
    try:
        return await existing_schema.schema_of(connection)
    finally:
        await connection.close()


async def test_books_hold_and_payments_go_on(
    filled: tuple[Books, existing.PrefillResult], server: EmbeddedPostgres
) -> None:
    books, told = filled
    assert await run(books.database) is None
    assert await books.count("payments", "state = 'completed'") == PAYMENTS + 1
    assert await books.count("settlement_windows", "state = 'closed'") == existing.DAYS_MAX
    await books.finish(await books.start("bank2", lane=3))
    assert await run(books.database) is None
    assert told.sizes.total > 0
    await _rows_are_those_of_the_switch(books)
    await _lines_are_those_that_a_close_freezes(books)
    await _safety_is_back(books)
    with pytest.raises(existing.PrefillError, match="fresh"):
        await existing.fill(server, 1, Console(quiet=True))
    with pytest.raises(existing_schema.SchemaError, match="column of nothing"):
        await existing_schema.rebuild_keys_and_indexes(
            server.endpoint.dsn("postgres"),
            existing_schema.DroppedParts((), (), (), (*await _schema(books), "column of nothing")),
            lambda: None,
        )


def test_a_stage_that_was_kept_is_taken_once_and_for_what_stands_in_it(tmp_path: Path) -> None:
    filled = existing.PrefillResult(
        7, {"rows": 1.5}, existing.Sizes({"payments": 9}, {"payments": {"pk": 4}})
    )
    with pytest.raises(existing.PrefillError, match="not filled to its end"):
        existing.claim_stage(tmp_path, 7)
    filled.write_mark(tmp_path)
    with pytest.raises(existing.PrefillError, match="7 payments stand"):
        existing.claim_stage(tmp_path, 8)
    assert existing.claim_stage(tmp_path, 7) == filled
    with pytest.raises(existing.PrefillError, match="loaded before"):
        existing.claim_stage(tmp_path, 7)


async def _rows_are_those_of_the_switch(books: Books) -> None:
    for table, key in (
        ("payments", "id"), ("attempts", "payment_id"), ("history", "payment_id"),
        ("notifications", "payment_id"), ("journal_entries", "payment_id"),
    ):  # fmt: skip
        query = f"SELECT * FROM {table} WHERE {key} = $1 ORDER BY 1, 2, 3"  # noqa: S608 - our own words
        ours, theirs = await _one_of_each(books, query)
        assert ours == theirs, table
    ours, theirs = await _one_of_each(
        books,
        "SELECT q.* FROM quotes AS q JOIN payments AS p USING (quote_id) WHERE p.id = $1",
    )
    assert ours == theirs


async def _one_of_each(books: Books, query: str) -> tuple[Any, Any]:
    """Rows of a payment by the switch and of one put in, without what is their own."""
    found = []
    for order in ("DESC", "ASC"):
        payment = await books.value(f"SELECT id FROM payments ORDER BY created_at {order} LIMIT 1")  # noqa: S608
        rows = [dict(row) for row in await books.rows(query, payment)]
        found.append(
            [
                {
                    name: (value is None) if name in OWN else value
                    for name, value in row.items()
                    # The notifier has not been here; nobody wants what was put in.
                    if not (name == "state" and "notice" in row)
                }
                for row in rows
            ]
        )
    return found[0], found[1]


async def _lines_are_those_that_a_close_freezes(books: Books) -> None:
    connection = await books.superuser()
    try:
        window = await connection.fetchrow("SELECT * FROM settlement_windows WHERE state = 'closed' LIMIT 1")
        query = "SELECT * FROM ledger_lines WHERE window_id = $1 ORDER BY ordinal"
        before = await connection.fetch(query, window["id"])
        await connection.execute("DELETE FROM ledger_lines WHERE window_id = $1", window["id"])
        heads = [row["seq"] for row in await connection.fetch("SELECT seq FROM lanes ORDER BY lane")]
        await connection.execute(FREEZE_STANDING, heads, window["id"], window["business_date"])
        after = await connection.fetch(query, window["id"])
    finally:
        await connection.close()
    assert before
    assert [_without_id(row) for row in before] == [_without_id(row) for row in after]


def _without_id(row: asyncpg.Record) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


async def _safety_is_back(books: Books) -> None:
    for name in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
        assert await books.value(f"SHOW {name}") == "on", name
    assert await books.value("SHOW max_wal_size") == "4GB"


def test_what_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=40 * 10**9))
    with pytest.raises(existing.PrefillError, match=r"10,000,000 payments need 51 GB at .* 40 GB are free"):
        existing.check_disk_space(tmp_path, 10_000_000)
    existing.check_disk_space(tmp_path, 1_000_000)


def test_days_take_all_payments_and_number_them_through() -> None:
    days = existing.split_days(10, [("2026-11-01", 1), ("2026-11-02", 2), ("2026-11-03", 3)])
    assert [day.payments for day in days] == [4, 3, 3]
    assert [day.first for day in days] == [0, 4, 7]


def test_each_lane_has_one_writer_and_each_payment_too() -> None:
    work = share_out(PAYERS, {0: (5, GENESIS), 3: (0, GENESIS)}, [DAY], 2)
    read = [WriterShare.from_json(share.to_json()) for share in work]
    assert read == work
    places = [place for share in read for place, _ in share.places(DAY)]
    assert sorted(places) == list(range(10))
    lanes = [{payer.lane for _, payer in share.places(DAY)} for share in read]
    assert lanes == [{0}, {3}]
    assert len(share_out(PAYERS[:1], {}, [DAY], 8)) == 1


def test_rows_fill_their_columns_and_differ() -> None:
    heads = LaneHeads({0: (5, GENESIS), 3: (0, GENESIS)})
    rows = rows_of(DAY, list(enumerate(PAYERS)), heads, Random(1))  # noqa: S311 - a seed, not a secret
    lines = {table: text.decode().splitlines() for table, text in rows.items()}
    assert {table: len(texts) for table, texts in lines.items()} == {
        "quotes": 3, "payments": 3, "attempts": 3, "history": 6, "journal_entries": 6, "postings": 12,
        "notifications": 3, "ledger_lines": 6,
    }  # fmt: skip
    for table, texts in lines.items():
        assert {text.count("\t") + 1 for text in texts} == {len(COLUMNS[table])}
    ids = [text.split("\t")[0] for text in lines["payments"]]
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", one) for one in ids
    )
    assert ids == sorted(set(ids))
    assert (heads.lanes[0][0], heads.lanes[3][0]) == (9, 2)
    assert sum(heads.taken_paisa.values()) == sum(int(text.split("\t")[10]) for text in lines["payments"])
