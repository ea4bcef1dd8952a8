"""The calendar, schedule, fees and texts of a month, each against a plain rule of its own."""

import zipfile
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kit.institution.amounts import lakh
from sandbox.rehearsals.month.files.bank_statements import plan_statements
from sandbox.rehearsals.month.files.file_faults import FilePlan, places, plan_files
from sandbox.rehearsals.month.files.layouts import bracketed, credit_or_debit
from sandbox.rehearsals.month.files.nagad_workbook import workbook
from sandbox.rehearsals.month.generator import payments_of_days
from sandbox.rehearsals.month.model.answer_key import AnswerKey, Code
from sandbox.rehearsals.month.model.days import LAST, business_days_after, date_of, is_business, on_or_after
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, STATEMENTS, MonthInstitution, Trait
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent
from tests.sandbox.rehearsals.month.break_finder import DAYS, HOUSES, dates, due, forward, works
from tests.sandbox.rehearsals.month.table_rows import paisa

BY_ID = {house.id: house for house in (*FUNDS, *DELIVERY, *STATEMENTS)}
A_HOUSE = st.sampled_from([*FUNDS, *DELIVERY])
A_DAY = st.integers(0, LAST)
GROSS = st.integers(1, 500_000_000)


def drawn(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - decides what goes wrong in a test


def a_plan(random: Random) -> FilePlan:
    return plan_files(random, lambda _house, _date: 50.0)


def test_banks_work_on_the_days_that_the_document_lists() -> None:
    listed = {1, 2, *range(5, 10), 12, 15, 16, *range(19, 24), *range(26, 31)}
    assert {date_of(day).day for day in range(LAST + 1) if is_business(day)} == listed


@given(day=A_DAY, count=st.integers(0, 5))
def test_business_days_are_counted_over_closed_ones(day: int, count: int) -> None:
    assert date_of(business_days_after(day, count)) == forward(date_of(day), count)
    assert works(date_of(on_or_after(day)))


@given(house=A_HOUSE, day=A_DAY, minute=st.integers(0, 1_439))
def test_a_row_is_due_when_calendar_and_cut_off_say(house: MonthInstitution, day: int, minute: int) -> None:
    at = datetime.combine(date_of(day), datetime.min.time()) + timedelta(minutes=minute)
    date, cycle = house.due(day, minute)
    assert date_of(date) == due(house.id, at)
    assert 1 <= cycle <= HOUSES[house.id].cycles


@pytest.mark.parametrize(
    ("minute", "cycle"), [(0, 1), (359, 1), (360, 2), (1_079, 3), (1_080, 4), (1_439, 4)]
)
def test_a_cycle_ends_before_its_minute(minute: int, cycle: int) -> None:
    assert BY_ID["npsb"].due(4, minute) == (4, cycle)


@pytest.mark.parametrize("house", [*FUNDS, *DELIVERY], ids=lambda house: house.id)
def test_files_are_expected_on_the_dates_of_the_schedule(house: MonthInstitution) -> None:
    assert [date_of(date) for date in house.dates()] == dates(house.id)


def test_the_table_is_that_of_the_document() -> None:
    document = Path(__file__).parents[4] / "docs" / "protocols" / "reconciliation-month.md"
    rows = [
        line.split("|")[1:-1]
        for line in document.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    table = {
        cells[0]: cells for cells in ([cell.strip() for cell in row] for row in rows) if cells[0] in BY_ID
    }
    assert set(table) == set(BY_ID)
    for name, cells in table.items():
        house = BY_ID[name]
        ends = ", ".join(f"{end // 60:02d}:{end % 60:02d}" for end in house.cycle_ends)
        assert cells[1:7] == [
            house.code, house.leg, "business" if house.is_business else "all",
            f"{house.cut_off // 60:02d}:{house.cut_off % 60:02d}", ends, str(house.lag),
        ]  # fmt: skip
        charge = house.charge
        if house in FUNDS:
            figures = [str(figure) for figure in (charge.basis_points, charge.floor, charge.cap)]
            fate = (
                ("returned" if charge.is_returned else "kept")
                if house.has(Trait.TAKES_BACK)
                else "none given"
            )
            assert cells[7:12] == [*figures, fate, house.bank]


def test_the_fee_of_the_document_is_charged() -> None:
    assert BY_ID["janata"].charge.of(100_000) == (1_150, 173)


@given(house=st.sampled_from(FUNDS), gross=GROSS)
def test_fees_are_rounded_half_up_between_floor_and_cap(house: MonthInstitution, gross: int) -> None:
    charge = house.charge
    exact = Decimal(gross) * charge.basis_points / 10_000
    fee = max(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), charge.floor)
    fee = min(fee, charge.cap or fee)
    vat = int((Decimal(fee) * 15 / 100).quantize(Decimal(1), ROUND_HALF_UP))
    assert charge.of(gross) == (fee, vat)
    assert charge.of_taking_back(-gross) == ((-fee, -vat) if charge.is_returned else (0, 0))


@given(house=A_HOUSE, gross=GROSS, part=GROSS)
def test_net_follows_whatever_is_changed(house: MonthInstitution, gross: int, part: int) -> None:
    row = MonthRow("payment", house, 1, "ours", 0, gross)
    back = row.taken_back(RowEvent.REFUND, part, 1, "theirs")
    for made in (row, back, row.of_amount(part), row.but(vat=row.vat + 1)):
        assert made.gross - made.fee - made.vat == made.net
    assert (back.gross, back.ours, back.original) == (-part, "ours", row)
    assert row.gross == gross


@given(payments=st.integers(10_000, 10_000_000))
def test_days_share_all_payments(payments: int) -> None:
    days = payments_of_days(payments)
    assert sum(days) == payments
    assert len(days) == len(DAYS)
    assert min(days) > payments // 50


@given(amount=st.integers(-(10**12), 10**12))
def test_amounts_can_be_read_back_from_every_form(amount: int) -> None:
    assert paisa(f"Tk {lakh(amount)}") == amount
    assert paisa(bracketed(amount)) == amount
    assert paisa(credit_or_debit(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [(5, "0.05"), (99_999, "999.99"), (12_345_678, "1,23,456.78"), (-100_000_000_000, "-1,00,00,00,000.00")],
)
def test_taka_are_grouped_by_lakh_and_crore(amount: int, text: str) -> None:
    assert lakh(amount) == text


@given(seed=st.integers(0, 2**32))
def test_no_two_files_near_each_other_go_wrong(seed: int) -> None:
    plan = a_plan(drawn(seed))
    assert {fate.code for fate in plan.fates.values()} >= {
        Code.FILE_MISSING, Code.FILE_DUPLICATE, Code.FILE_REPLAYED, Code.FILE_SUPERSEDED, Code.SEQUENCE_GAP,
        Code.CONTROL_TOTAL, Code.ROUNDING,
    }  # fmt: skip
    for name, date, _ in plan.fates:
        house = BY_ID[name]
        near = [
            place for place in plan.fates if place[0] == name and place[1] in {date, house.next_date(date)}
        ]
        assert len(near) == 1
        assert not plan.is_clean(house, date)
    assert all(fate.night is None or fate.night <= LAST for fate in plan.fates.values())


@given(seed=st.integers(0, 2**32))
def test_numbers_go_up_by_one_but_at_gaps(seed: int) -> None:
    plan = a_plan(drawn(seed))
    for house in (*FUNDS, *DELIVERY):
        numbers = [plan.sequence(place) for place in places(house)]
        jumps = [after - before for before, after in zip([0, *numbers], numbers, strict=False)]
        gaps = [place for place in places(house) if place in plan.fates]
        is_gap = [plan.fates[place].code is Code.SEQUENCE_GAP for place in gaps]
        assert sum(jumps) - len(jumps) == sum(is_gap)
        assert set(jumps) <= {1, 2}


@given(seed=st.integers(0, 2**32))
def test_no_payout_goes_wrong_whose_files_do(seed: int) -> None:
    random = drawn(seed)
    plan = a_plan(random)
    statements = plan_statements(random, plan)
    for payout, house in statements.credits:
        paid = [date for date in house.dates() if house.payout(date) == payout]
        assert paid
        assert all(plan.is_clean(house, date) for date in paid)
    assert statements.cut not in {payout for payout, _ in statements.credits}
    assert statements.cut not in statements.strays


def test_a_finding_is_not_seeded_twice() -> None:
    key = AnswerKey()
    key.add(Code.AMOUNT, "bkash", "EKF1", 3, "one")
    with pytest.raises(ValueError, match="seeded twice"):
        key.add(Code.AMOUNT, "bkash", "EKF1", 4, "two")


def test_a_workbook_has_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    for name in ("one.xlsx", "two.xlsx"):
        with workbook(tmp_path / name) as sheet:
            sheet.write(b"<worksheet/>")
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.xlsx") as book:
        assert book.testzip() is None
