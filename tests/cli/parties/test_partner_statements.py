"""The daily statement that a partner is left: what stood in its buckets, what moved them, and its totals."""

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ekpay_switch.cli.ledger.finance import OpenedFinance
from ekpay_switch.cli.parties.partner_statements import HEADINGS
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.persistence.parties.partner_statements import DayNotClosedError
from tests.cli.command_result import Ekpay
from tests.cli.migrated_home import a_home
from tests.database import database_of
from tests.persistence.books import REFUSED, Books
from tests.persistence.conftest import open_books
from tests.persistence.staff_rows import persons

WAIT_UNTIL_OVER = "the business date is not closed: it has a settlement window that is open, or none"
DAY = date(2026, 4, 5)
TOP_UP = """
INSERT INTO top_ups (id, partner_id, bucket, amount, reference, asked_by)
SELECT id, 'bank1', 'postpaid', 60000, '=BANK(1)', 'Rahima' FROM journal_entries WHERE moment = 'topped_up'
ORDER BY seq LIMIT 1
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Books of their own with a closed date: a top-up, a payment, one given back, and a quiet partner."""
    with a_home() as home:
        asyncio.run(_a_day(home))
        yield home


async def _a_day(home: Path) -> None:
    async with open_books(EmbeddedPostgres(home).start()) as books:
        await books.partner("bank1", prefund=60_000)
        await books.partner("bank2", 1)
        await books.tell(persons("Rahima"))
        await books.tell(TOP_UP)
        await books.finish(await books.start())
        await books.finish(await books.start(), REFUSED)
        await SettlementWindows(books.database.connect).close(await _today(books))
        # What comes after the date is in no statement of it, and still in the prefund.
        await books.top_up("bank1", 500)


async def _today(books: Books) -> date:
    day: date = await books.value("SELECT (now() AT TIME ZONE INTERVAL '+06:00')::date")
    return day


def _closed_on(home: Path) -> str:
    async def _ask() -> str:
        connection = await database_of(EmbeddedPostgres(home).start()).connect()
        try:
            day = await connection.fetchval("SELECT min(business_date) FROM settlement_windows")
        finally:
            await connection.close()
        return str(day)

    return asyncio.run(_ask())


@pytest.fixture
def day(home: Path) -> Iterator[str]:
    """The date that is closed; what was posted to it since is moved away and back."""

    async def _move(days: int) -> None:
        connection = await database_of(EmbeddedPostgres(home).start()).connect("owner")
        try:
            moved = f"business_date = business_date + {days}"
            after = "(SELECT id FROM settlement_windows WHERE state = 'open')"
            await connection.execute(f"UPDATE journal_entries SET {moved} WHERE window_id = {after}")  # noqa: S608 - constants
            await connection.execute(f"UPDATE settlement_windows SET {moved} WHERE state = 'open'")  # noqa: S608 - constants
        finally:
            await connection.close()

    day = _closed_on(home)
    asyncio.run(_move(1))
    yield day
    asyncio.run(_move(-1))


def test_a_statement_tells_every_movement_between_two_balances(ekpay: Ekpay, day: str) -> None:
    told = ekpay("partners", "statement", "bank1", "--date", day)
    assert (told.code, told.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(told.out)))
    assert [(row["record"], row["bucket"], row["change"], row["balance"]) for row in rows] == [
        ("statement", "partner", "", ""),
        ("opening", "postpaid", "", "0.00"),
        ("opening", "prepaid", "", "0.00"),
        ("top_up", "postpaid", "600.00", "600.00"),
        ("payment", "postpaid", "-60.00", "540.00"),
        ("payment", "postpaid", "-60.00", "480.00"),
        ("reversal", "postpaid", "60.00", "540.00"),
        ("closing", "postpaid", "", "540.00"),
        ("closing", "prepaid", "", "0.00"),
        ("control", "lines", "", ""),
    ]
    paid = rows[4]
    assert (paid["bill"], paid["charge"], paid["fee"], paid["vat"]) == ("54.25", "0.00", "5.00", "0.75")
    assert (paid["biller"], paid["your_reference"][0], len(paid["payment_id"])) == ("desco_postpaid", "R", 36)
    assert rows[6]["payment_id"] == rows[5]["payment_id"]


def test_a_reference_is_no_formula_to_a_spreadsheet(ekpay: Ekpay, day: str) -> None:
    told = ekpay("partners", "statement", "bank1", "--date", day).out
    (top_up,) = [row for row in csv.DictReader(io.StringIO(told)) if row["record"] == "top_up"]
    assert top_up["your_reference"] == "'=BANK(1)"


def test_the_last_line_has_count_sum_and_digest_of_all_before_it(ekpay: Ekpay, day: str) -> None:
    told = ekpay("partners", "statement", "bank1", "--date", day).out
    body, _, control = told.removesuffix("\n").rpartition("\n")
    digest = hashlib.sha256(f"{body}\n".encode()).hexdigest()
    assert control.split(",")[:7] == ["control", "lines", "4", "change", "540.00", "sha256", digest]
    assert {line.count(",") for line in told.splitlines()} == {len(HEADINGS) - 1}


def test_programs_get_whole_paisa_and_a_digest_of_their_own(ekpay: Ekpay, day: str) -> None:
    told = json.loads(ekpay("partners", "statement", "bank1", "--format", "json").out)
    assert (told["partner"], told["business_date"]) == ("bank1", day)
    assert told["buckets"]["postpaid"] == {"opening": 0, "closing": 54_000}
    assert [line["change"] for line in told["lines"]] == [60_000, -6_000, -6_000, 6_000]
    control = told.pop("control")
    canonical = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    assert control == {"lines": 4, "change": 54_000, "sha256": digest}


def test_a_quiet_partner_has_a_statement_too(ekpay: Ekpay, day: str) -> None:
    told = json.loads(ekpay("partners", "statement", "bank2", "--date", day, "--format", "json").out)
    assert (told["lines"], told["control"]["lines"]) == ([], 0)


def test_it_is_written_under_its_own_name_and_never_over_another_file(
    ekpay: Ekpay, day: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bank1_{day.replace('-', '')}.csv"
    for _ in range(2):
        told = ekpay("partners", "statement", "bank1", "--date", day, "--out", str(tmp_path))
        assert (told.code, told.out) == (0, f"{path}: 4 lines of bank1 on {day}\n")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == ekpay("partners", "statement", "bank1", "--date", day).out
    path.write_text("mine", encoding="utf-8")
    refused = ekpay("partners", "statement", "bank1", "--date", day, "--out", str(path))
    assert (refused.code, path.read_text(encoding="utf-8")) == (2, "mine")


@pytest.mark.parametrize("text", ["yesterday", "2026-02-31", "05/04/2026"])
def test_a_date_that_is_none_is_told(ekpay: Ekpay, text: str) -> None:
    told = ekpay("partners", "statement", "bank1", "--date", text)
    assert told.code == 2
    assert "a business date is written 2026-04-05" in told.err


def test_a_partner_that_is_none_is_told(ekpay: Ekpay, day: str) -> None:
    told = ekpay("partners", "statement", "bank9", "--date", day)
    assert (told.code, told.err) == (1, "ekpay: There is no such partner.\n")


@pytest.mark.usefixtures("day")
def test_a_date_that_is_not_closed_is_told(ekpay: Ekpay) -> None:
    tomorrow = business_date(datetime.now(UTC)) + timedelta(days=1)
    for text in (str(tomorrow), "2020-01-01"):
        told = ekpay("partners", "statement", "bank1", "--date", text)
        assert told.code == 1
        assert WAIT_UNTIL_OVER in told.err.lower()


def test_every_partner_is_left_its_statement_once(
    ekpay: Ekpay, home: Path, day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_HOME", str(home))
    folder = tmp_path / "statements"
    night = date.fromisoformat(day)
    for _ in range(2):
        assert asyncio.run(OpenedFinance().write_partner_statements(night, folder)) == 2
    names = [f"{partner}_{night:%Y%m%d}.csv" for partner in ("bank1", "bank2")]
    assert sorted(file.name for file in folder.iterdir()) == names
    assert (folder / names[0]).read_text(encoding="utf-8") == ekpay("partners", "statement", "bank1").out

    (folder / names[0]).write_text("what was told before", encoding="utf-8")
    for _ in range(2):
        asyncio.run(OpenedFinance().write_partner_statements(night, folder))
    assert (folder / names[0]).read_text(encoding="utf-8") == "what was told before"
    revised = f"bank1_{night:%Y%m%d}_r1.csv"
    assert sorted(file.name for file in folder.iterdir()) == sorted([*names, revised])


def test_nothing_is_left_of_a_date_that_is_not_closed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_HOME", str(home))
    with pytest.raises(DayNotClosedError):
        asyncio.run(OpenedFinance().write_partner_statements(DAY, tmp_path))
    assert list(tmp_path.iterdir()) == []
