"""Frozen lines by few columns, and a date judged by itself: the same as all lines of a night at once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import polars as pl
import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from reconciliation.breaks.codes import BreakCode
from reconciliation.calendar import read_calendar
from reconciliation.canonical_row import BRINGS, LEDGER, MATCHED, SCHEMA, SUCCESS, complete
from reconciliation.intake.file_names import parse_file_name
from reconciliation.intake.ledger_rows import read_lines, rows_of_lines, with_institutions
from reconciliation.matching.due_windows import InstantRange, due_states, span_of, with_due, with_windows
from reconciliation.matching.engines import PolarsEngine
from reconciliation.matching.frozen_lines import FrozenLines
from reconciliation.matching.institution_day import InstitutionDay, judge_day
from reconciliation.matching.reference_keys import with_references
from reconciliation.matching.row_pool import judge_pool
from reconciliation.postgres_arrow import Database
from reconciliation.statement.layout import read_layout
from reconciliation.statement.reader import read_file

CONFIG = Path(__file__).parents[3] / "config"
DAY = date(2026, 4, 5)
SECOND = timedelta(seconds=1)
LAST = 2**62
CALENDAR = read_calendar(CONFIG / "calendar.toml")
SPAN = span_of(CALENDAR, "upay", DAY)
WINDOW = """
INSERT INTO settlement_windows (business_date, state, closed_at) VALUES ($1, 'closed', now()) RETURNING id
"""
LINE = """
INSERT INTO ledger_lines (window_id, business_date, ordinal, role, party, payment_id, movement, event,
  revision, status, our_reference, their_reference, gross, fee, vat, net, currency, instant)
VALUES ($1, '2026-04-05', $2, $3, $4, gen_random_uuid(), $5::text::uuid, $6, $7, $8, $9, $10, $11::bigint,
  150, 0, $11::bigint - 150, $12, '2026-04-05T04:00:00Z')
"""
HEADINGS = "txn_id,invoice_id,method,date_time,amount,fee,net,status"


def movement(number: int) -> str:
    return f"01980000-0000-7000-8000-{number:012d}"


# role, party, movement, event, revision, status, ours, theirs, gross, currency
LINES = [
    ("connector", "upay", 1, "payment", 1, "success", "R1", "T1", 10_000, "BDT"),
    ("connector", "upay", 2, "payment", 1, "unknown", "R2", "", 20_000, "BDT"),
    ("connector", "upay", 2, "payment", 2, "success", "R2", "T2", 20_000, "BDT"),
    ("connector", "upay", 3, "payment", 1, "unknown", "R3", "", 30_000, "BDT"),
    ("connector", "upay", 4, "payment", 1, "failed", "R4", "", 40_000, "BDT"),
    ("connector", "upay", 5, "refund", 1, "success", "R1", "T5", -5_000, "BDT"),
    ("connector", "upay", 6, "payment", 1, "success", "R6", "it's \\ T6", 60_000, "USD"),
    ("connector", "bkash", 7, "payment", 1, "success", "R7", "T1", 70_000, "BDT"),
    ("merchant", "upay", 8, "payment", 1, "success", "R8", "", 80_000, "BDT"),
    ("connector", "upay", 9, "payment", 1, "success", "R9", "T9", 90_000, "BDT"),
]


@pytest.fixture
async def url(place: Endpoint) -> str:
    connection = await asyncpg.connect(place.dsn("ekpay_owner"))
    window = await connection.fetchval(WINDOW, DAY)
    for ordinal, (role, party, number, event, revision, *more) in enumerate(LINES, start=1):
        values = (window, ordinal, role, party, movement(number), event, revision, *more)
        await connection.execute(LINE, *values)
    await connection.close()
    return place.dsn("ekpay_audit")


@pytest.fixture
def books(url: str) -> Iterator[Database]:
    with Database(url) as opened:
        yield opened


def of_the_night(url: str) -> pl.DataFrame:
    """The lines as a night has them."""
    lines = with_institutions(read_lines(url, 0, LAST).frame, {"upay"})
    return rows_of_lines(lines.filter(pl.col("institution") == "upay"))[0]


def comparable(rows: pl.DataFrame) -> list[tuple[object, ...]]:
    return sorted(rows.drop("payment_id").rows(), key=repr)


def is_plain() -> pl.Expr:
    return (pl.col("status") == SUCCESS) & (pl.col("direction") == BRINGS) & (pl.col("currency") == "BDT")


def test_whole_lines_are_those_of_a_night(url: str, books: Database) -> None:
    lines = FrozenLines(books, "upay", SPAN, LAST)
    seen = lines.at_sight()
    assert comparable(lines.of(seen["reference"].to_list())) == comparable(of_the_night(url))
    assert seen.height == 7
    # What is no payment that succeeded in taka is there without its net, so it is not settled at first sight.
    wanted = of_the_night(url).with_columns(net=pl.when(is_plain()).then("net"))
    sight = ["reference", "gross", "net"]
    assert sorted(seen.select(sight).rows(), key=repr) == sorted(wanted.select(sight).rows(), key=repr)
    assert seen["net"].null_count() == 4
    assert seen.filter(~is_plain()).is_empty()
    few = lines.of(["R3"])
    assert few["origin"].to_list() == [f"unknown-{movement(3)}-payment-1"]
    assert few.schema == pl.Schema(dict(SCHEMA))


async def test_many_lines_and_strange_references_come_row_by_row(books: Database, place: Endpoint) -> None:
    lines = FrozenLines(books, "upay", SPAN, LAST)
    few = lines.at_sight().sort("reference", "gross")
    for most in (6, 7, 8):
        again = replace(lines, texts_max=most).at_sight().sort("reference", "gross")
        assert again.equals(few)
        assert again.schema == few.schema
    connection = await asyncpg.connect(place.dsn("ekpay_owner"))
    window = await connection.fetchval("SELECT min(id) FROM settlement_windows")
    more = ("connector", "upay", movement(10), "payment", 1, "success", "R\n10", "T10", 1_000, "BDT")
    await connection.execute(LINE, window, 20, *more)
    await connection.close()
    assert sorted(lines.at_sight()["reference"]) == sorted([*few["reference"], "R\n10"])


def test_lines_of_other_dates_are_found_by_name_alone(books: Database) -> None:
    later = FrozenLines(books, "upay", span_of(CALENDAR, "upay", DAY + timedelta(days=1)), LAST)
    assert later.at_sight().is_empty()
    assert later.of(["R2", "R9", "nobody's"])["ours"].sort().to_list() == ["R2", "R9"]
    assert later.rows_with_references(["T9"])["ours"].to_list() == ["R9"]
    assert later.of([]).is_empty()
    far = FrozenLines(books, "upay", span_of(CALENDAR, "upay", DAY + timedelta(days=32)), LAST)
    assert far.of(["R2"]).is_empty()


def test_a_span_ends_at_the_cut_off_and_takes_closed_days_in() -> None:
    assert InstantRange(datetime(2026, 4, 4, 18, tzinfo=UTC), datetime(2026, 4, 5, 18, tzinfo=UTC)) == SPAN
    times = CALENDAR.institutions["upay"].model_copy(
        update={"days": "business", "cut_off": 1380, "cycle_ends": (1380,)}
    )
    early = CALENDAR.model_copy(update={"institutions": {"upay": times}})
    # A Sunday: Friday and Saturday are closed.
    span = span_of(early, "upay", DAY)
    assert span == InstantRange(datetime(2026, 4, 2, 17, tzinfo=UTC), datetime(2026, 4, 5, 17, tzinfo=UTC))
    instants = [span.start - SECOND, span.start, span.end - SECOND, span.end]
    rows = complete(pl.DataFrame({"institution": ["upay"] * 4, "instant": instants}))
    due = with_windows(rows, early)["due_date"].to_list()
    assert due == [date(2026, 4, 2), DAY, DAY, date(2026, 4, 6)]


def test_only_lines_of_the_range_count(books: Database) -> None:
    assert FrozenLines(books, "upay", SPAN, 0).at_sight().is_empty()
    assert FrozenLines(books, "okwallet", SPAN, LAST).at_sight().is_empty()


def test_names_are_looked_up_whatever_is_in_them(books: Database) -> None:
    lines = FrozenLines(books, "upay", SPAN, LAST)
    found = lines.rows_with_references(["it's \\ T6", "T9", "'); DROP TABLE ledger_lines; --"])
    assert sorted(found["ours"]) == ["R6", "R9"]
    assert lines.rows_with_references([]).is_empty()
    assert FrozenLines(books, "no'body", SPAN, LAST).at_sight().is_empty()


@pytest.mark.parametrize("engine", [PolarsEngine()])
def test_a_date_by_itself_comes_to_what_a_pool_comes_to(
    url: str, books: Database, tmp_path: Path, engine: PolarsEngine
) -> None:
    layout = read_layout(CONFIG / "statements" / "upay.toml")
    told = [
        "T1,R1,wallet,2026-04-05 10:00:00,100.00,1.50,98.50,success",
        "T2,R2,wallet,2026-04-05 10:00:00,200.00,1.50,198.50,success",
        "T3,R3,wallet,2026-04-05 10:00:00,300.00,1.50,298.50,failed",
        "T9,,wallet,2026-04-05 10:00:00,900.00,1.50,898.50,success",
        "T10,R10,wallet,no time,10.00,1.50,8.50,success",
    ]
    file = tmp_path / "upay_20260405_01.csv"
    total = 'TOTAL,5,,,"1,510.00",7.50,"1,502.50",'
    file.write_text("\n".join([HEADINGS, *told, total, ""]), encoding="utf-8")
    day = InstitutionDay(layout, DAY, {parse_file_name(file.name): file})
    judged = judge_day(day, FrozenLines(books, "upay", SPAN, LAST), CALENDAR, engine)
    apart = judged.judged
    assert (judged.ours, judged.theirs, judged.elsewhere) == (7, {file.name: 5}, frozenset())
    ours = with_windows(of_the_night(url), CALENDAR)
    theirs = with_references(read_file(file.read_bytes(), layout, file.name, DAY).rows, ours)
    states = due_states(CALENDAR, {"upay": {DAY}})
    whole = judge_pool(with_due(pl.concat([ours, theirs]), states), engine, {"upay": "funds"})
    rejected = apart.findings.pop()
    assert (rejected.key.code, rejected.key.reference) == (BreakCode.ROW_REJECTED, f"{file.name}:5")
    assert apart.findings == whole.findings
    assert {one.key.reference for one in apart.findings} == {"R1", "R6"}
    columns = [name for name in SCHEMA if name != "payment_id"]
    unsettled = whole.rows.join(apart.rows, on=["source", "origin", "ordinal"], how="semi")
    assert comparable(apart.rows.select(*columns, "payment_id")) == comparable(
        unsettled.select(*columns, "payment_id")
    )
    settled = whole.rows.join(apart.rows, on=["source", "origin", "ordinal"], how="anti")
    assert set(settled["verdict"]) == {MATCHED}
    assert set(settled.filter(pl.col("source") == LEDGER)["ours"]) == {"R2", "R9"}
