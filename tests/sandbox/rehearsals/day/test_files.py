"""Whatever an institution leaves, the product reads as its book meant it; both sides share no code."""

import json
import tomllib
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from reconciliation.calendar import read_calendar
from sandbox.rehearsals.day.bank_transfers import OWN_BANK, BankTransfer
from sandbox.rehearsals.day.file_writer import Night, deposit_files_of
from sandbox.rehearsals.day.institutions import BANKS, INSTITUTIONS, SECOND_ROUTES, book_sources
from sandbox.rehearsals.month.model.days import date_of, day_number, is_business
from sandbox.rehearsals.month.model.institutions import BANK_CHARGES, Leg, MonthInstitution, Trait
from tests.sandbox.caller import ROOT
from tests.sandbox.rehearsals.day.sample_books import (
    DAY,
    LAYOUTS,
    at,
    day_of,
    movement,
    nights,
    readings,
    rows_read,
    told_by,
    told_in,
)

CALENDAR = read_calendar(ROOT / "config" / "calendar.toml")
UNTIL_ALL_IS_THERE = 7


def leave_all(books: dict[str, "object"], folder: Path, first: date = DAY) -> None:
    for night in nights(first, UNTIL_ALL_IS_THERE):
        deposit_files_of(books, Night(night, folder / "home", folder / "out"))  # type: ignore[arg-type]


@pytest.mark.parametrize("house", INSTITUTIONS.values(), ids=INSTITUTIONS)
def test_a_file_is_read_as_its_book_meant_it(house: MonthInstitution, tmp_path: Path) -> None:
    book = day_of(house)
    leave_all({house.id: book}, tmp_path)
    rows = rows_read(tmp_path / "out")
    mine = rows.filter(rows["institution"] == house.id)
    assert sorted(told_in(mine)) == sorted(told_by(house, book))
    assert mine["rejected"].null_count() == mine.height
    if not house.has(Trait.NET_ONLY):
        assert set(mine["gross"]) == {one.gross_paisa for one in book.movements if _is_listed(house, one)}
    if not house.has(Trait.NO_THEIRS):
        assert set(mine["theirs"]) == {
            one.their_reference for one in book.movements if _is_listed(house, one)
        }


def _is_listed(house: MonthInstitution, one: object) -> bool:
    return one.is_success or house.has(Trait.STATUS)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "house", [house for house in INSTITUTIONS.values() if house.bank], ids=lambda one: one.id
)
def test_a_connector_pays_what_its_files_settle(house: MonthInstitution, tmp_path: Path) -> None:
    book = day_of(house)
    leave_all({house.id: book}, tmp_path)
    settled = [reading.settled for layout, reading in readings(tmp_path / "out") if layout.kind == "funds"]
    credits_ = [
        (ours, net)
        for layout, reading in readings(tmp_path / "out")
        if layout.kind == "statement"
        for ours, net in reading.rows.select("ours", "net").rows()
    ]
    [(batch, paid)] = credits_
    assert paid == sum(settled) - LAYOUTS[house.bank].charge
    payout = CALENDAR.business_day_after(CALENDAR.arrival(house.id, CALENDAR.on_or_after(DAY)))
    assert batch == f"{LAYOUTS[house.id].code}{payout:%Y%m%d}"


def test_statements_go_on_from_each_other(tmp_path: Path) -> None:
    house = INSTITUTIONS["npsb"]
    days = [day_of(house, day=day) for day in nights(DAY, 2)]
    movements = tuple(one for day in days for one in day.movements)
    leave_all({house.id: type(days[0])(DAY, movements)}, tmp_path)
    told = [reading for layout, reading in readings(tmp_path / "out") if layout.institution == house.bank]
    assert len(told) > 2
    assert [one.opening for one in told] == [0, *(one.closing for one in told[:-1])]


def test_transfers_of_persons_are_on_the_first_statement_of_their_day_or_later(tmp_path: Path) -> None:
    """Each once, with the sign of the money and under the bank's reference alone."""
    house = next(house for house in INSTITUTIONS.values() if house.bank == OWN_BANK)
    folder = tmp_path / "home"
    first = day_number(DAY)
    folder.mkdir()
    noted = [BankTransfer("T1", 50_000, first - 3), BankTransfer("T2", -70_000, first)]
    lines = [json.dumps(asdict(transfer)) for transfer in noted]
    (folder / "transfers.jsonl").write_text("\n".join(lines) + "\n")
    leave_all({house.id: day_of(house)}, tmp_path)
    told = [
        row
        for layout, reading in readings(tmp_path / "out")
        if layout.institution == OWN_BANK
        for row in reading.rows.select("ours", "theirs", "net").rows()
    ]
    assert [row for row in told if row[1].startswith("T")] == [("", "T1", 50_000), ("", "T2", -70_000)]


def test_both_sides_agree_when_files_come() -> None:
    assert set(CALENDAR.institutions) == {*INSTITUTIONS, *BANKS} == set(LAYOUTS)
    for house in (*INSTITUTIONS.values(), *BANKS.values()):
        times = CALENDAR.institutions[house.id]
        told = (times.days == "business", times.cut_off, times.cycle_ends, times.lag)
        assert told == (house.is_business, house.cut_off, house.cycle_ends, house.lag), house.id
        layout = LAYOUTS[house.id]
        assert layout.code == house.code
        assert layout.kind == house.leg.value
        if layout.payout is not None:
            assert layout.payout.bank == house.bank
    assert {bank: LAYOUTS[bank].charge for bank in BANKS} == BANK_CHARGES


def test_both_sides_agree_which_days_are_business_days() -> None:
    for number in range(2 * 365):
        day = date(2026, 1, 1) + timedelta(days=number)
        assert is_business(day_number(day)) == CALENDAR.is_business_day(day), day
        assert date_of(day_number(day)) == day


def test_everybody_whom_the_switch_pays_or_collects_over_leaves_files() -> None:
    manifests = [
        tomllib.loads(path.read_text())
        for folder in ("billers", "connectors")
        for path in (ROOT / "config" / folder).glob("*.toml")
    ]
    own = {one["id"] for one in manifests if "route_of" not in one}
    assert own == set(INSTITUTIONS)
    routes = {one["id"]: one["route_of"] for one in manifests if "route_of" in one}
    assert routes == dict(SECOND_ROUTES)
    assert set(book_sources()) == own | set(routes)


# The layouts of the month have schedules of their own.
OTHER_FUNDS = [one.id for one in INSTITUTIONS.values() if one.leg is Leg.FUNDS and one.written_as]


@pytest.mark.parametrize("house", OTHER_FUNDS)
def test_a_connectors_fee_is_that_of_its_manifest(house: str) -> None:
    manifest = tomllib.loads((ROOT / "config" / "connectors" / f"{house}.toml").read_text())
    fee = LAYOUTS[house].fee
    assert fee is not None
    assert (fee.basis_points, fee.floor, fee.cap) == (manifest["charge_basis_points"], 0, 0)


def test_what_moves_at_or_after_a_cut_off_is_in_the_next_file(tmp_path: Path) -> None:
    house = INSTITUTIONS["janata"]
    before, after = movement(house, 1, at(19, 59)), movement(house, 2, at(20, 0))
    leave_all({house.id: type(day_of(house))(DAY, (before, after))}, tmp_path)
    of_file = {
        reading.rows["business_date"][0]: reading.rows["ours"].to_list()
        for layout, reading in readings(tmp_path / "out")
        if layout.institution == house.id and reading.rows.height
    }
    assert of_file == {DAY: [before.our_reference], DAY + timedelta(days=1): [after.our_reference]}


def test_a_file_is_made_once_and_what_comes_after_an_early_end_is_in_the_next_one(tmp_path: Path) -> None:
    house = INSTITUTIONS["desco_postpaid"]
    early, late = movement(house, 1, at(9)), movement(house, 2, at(15))
    book = type(day_of(house))
    made_at = movement(house, 3, at(12)).instant
    first = Night(DAY, tmp_path / "home", tmp_path / "one", made_at=made_at)
    assert deposit_files_of({house.id: book(DAY, (early,))}, first).files
    assert deposit_files_of({house.id: book(DAY, (early, late))}, first).files == []
    second = Night(DAY + timedelta(days=1), tmp_path / "home", tmp_path / "two")
    deposit_files_of({house.id: book(DAY, (early, late))}, second)
    assert rows_read(tmp_path / "one")["ours"].to_list() == [early.our_reference]
    assert rows_read(tmp_path / "two")["ours"].to_list() == [late.our_reference]
