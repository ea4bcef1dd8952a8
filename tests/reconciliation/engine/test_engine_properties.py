"""What holds for any month: order, splitting, doubled rows and corrections change nothing they should not."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciliation.canonical_row import FILE
from reconciliation.engine.restatement import outcome
from reconciliation.matching.institution_positions import positions, unexplained_rest
from tests.examples import examples
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.small_month import Outcome, SmallMonth

SUN = date(2026, 4, 5)
MON = date(2026, 4, 6)
# The same empty folder serves each example, so it is emptied first.
few = settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])

amounts = st.integers(min_value=100, max_value=10_000_000)
states = st.sampled_from(["success", "success", "success", "failed", "unknown"])


@st.composite
def payments(draw: st.DrawFn) -> list[Movement]:
    minutes = draw(st.lists(st.integers(0, 23 * 60), min_size=1, max_size=12))
    return [
        Movement(f"{number:012d}", at("2026-04-05 00:00:00") + timedelta(minutes=minute), draw(amounts)).but(
            theirs=f"T{number}", status=draw(states)
        )
        for number, minute in enumerate(minutes, start=1)
    ]


@st.composite
def told(draw: st.DrawFn, rows: list[Movement]) -> list[Movement]:
    """What a far side makes of payments: leaves some out, changes some, doubles some, adds its own."""
    said: list[Movement] = []
    for row in rows:
        kind = draw(st.sampled_from(["same", "same", "out", "more", "failed", "twice", "twin"]))
        theirs = row.but(status="failed" if row.status == "failed" else "success")
        said += {
            "same": [theirs],
            "out": [],
            "more": [theirs.but(gross=theirs.gross + 900)],
            "failed": [theirs.but(status="failed")],
            "twice": [theirs, theirs],
            "twin": [theirs, theirs.but(theirs="X", gross=theirs.gross + 1)],
        }[kind]
    return said


@pytest.fixture
def npsb_month(tmp_path: Path) -> Callable[[], SmallMonth]:
    def make() -> SmallMonth:
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        return SmallMonth(tmp_path / "m", ["npsb"], days=2)

    return make


def digest(done: Outcome) -> str:
    rows = done.progress.store.all_rows()
    return outcome(rows.filter(pl.col("institution") == "npsb"))


@few
@given(st.data())
def test_no_order_of_rows_or_lines_changes_anything(
    npsb_month: Callable[[], SmallMonth], data: st.DataObject
) -> None:
    ours = data.draw(payments())
    theirs = data.draw(told(ours))
    one = npsb_month().book("npsb", *ours).send("npsb", theirs, SUN).run()
    first = (one.found, digest(one))
    turned, shuffled = data.draw(st.permutations(ours)), data.draw(st.permutations(theirs))
    other = npsb_month().book("npsb", *turned).send("npsb", shuffled, SUN).run()
    assert (other.found, digest(other)) == first


@few
@given(st.data())
def test_a_day_split_into_cycles_comes_to_the_same(
    npsb_month: Callable[[], SmallMonth], data: st.DataObject
) -> None:
    ours = data.draw(payments())
    whole = npsb_month().book("npsb", *ours).send("npsb", ours_as_told(ours), SUN).run()
    first = (whole.found, digest(whole))
    cycles = data.draw(st.lists(st.integers(1, 4), min_size=len(ours), max_size=len(ours)))
    month = npsb_month().book("npsb", *ours)
    for cycle in range(1, 5):
        part = [row for row, place in zip(ours_as_told(ours), cycles, strict=True) if place == cycle]
        month.send("npsb", part, SUN, cycle=cycle)
    split = month.run()
    assert (split.found, digest(split)) == first


@few
@given(st.data())
def test_doubled_rows_are_found_by_count_and_claimed_once(
    npsb_month: Callable[[], SmallMonth], data: st.DataObject
) -> None:
    ours = [row.but(status="success") for row in data.draw(payments())]
    doubled = data.draw(st.sets(st.sampled_from(range(len(ours)))))
    theirs = data.draw(st.permutations([*ours, *(ours[index] for index in doubled)]))
    done = npsb_month().book("npsb", *ours).send("npsb", theirs, SUN).run()
    assert done.found == {("DUP_IN_FILE", ours[index].ours, "2026-04-05") for index in doubled}
    sheet = positions(done.progress.store.all_rows())
    assert sheet["suspense"].sum() == sum(ours[index].gross for index in doubled)
    assert sheet["gross"].sum() == sum(row.gross for row in ours)


@few
@given(st.data())
def test_corrections_come_to_the_same_as_from_scratch(
    npsb_month: Callable[[], SmallMonth], data: st.DataObject
) -> None:
    ours = data.draw(payments())
    versions = data.draw(st.lists(told(ours), min_size=2, max_size=3))
    month = npsb_month().book("npsb", *ours)
    for number, rows in enumerate(versions):
        month.send("npsb", rows, SUN, correction=number, night=min(number, 1))
    restated = digest(month.run())
    scratch = npsb_month().book("npsb", *ours).send("npsb", versions[-1], SUN).run()
    assert restated == digest(scratch)


@few
@given(st.data())
def test_every_row_has_one_fate_and_positions_sum_to_zero(
    npsb_month: Callable[[], SmallMonth], data: st.DataObject
) -> None:
    ours = data.draw(payments())
    theirs = data.draw(told(ours))
    done = npsb_month().book("npsb", *ours).send("npsb", theirs, SUN).run()
    # Beside these stands the credit that is expected of the bank.
    rows = done.progress.store.all_rows().filter(pl.col("institution") == "npsb")
    assert rows.filter(pl.col("source") == FILE).height == len(theirs)
    assert rows.height == len(theirs) + len(ours)
    assert rows["verdict"].null_count() == 0
    assert unexplained_rest(positions(rows)) == 0


def ours_as_told(ours: list[Movement]) -> list[Movement]:
    return [row.but(status="failed" if row.status == "failed" else "success") for row in ours]
