"""What a night and a month report: fates, fees, files, how long breaks live, what was proven."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from reconciliation.canonical_row import BROKEN, MATCHED, OPEN
from reconciliation.digests import sha256_of
from reconciliation.engine.invariants import Invariant
from reconciliation.intake.file_names import LogicalKey
from reconciliation.matching.institution_positions import positions
from reconciliation.reports.report_model import AgeLine, Report, Tally
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.reports.stage import (
    MON,
    ROWS,
    SUN,
    TUE,
    WED,
    of_code,
    reported,
    states,
    two_breaks,
)
from tests.reconciliation.small_month import SmallMonth


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    done = reported(two_breaks(tmp_path_factory.mktemp("corrected") / "month"))
    return [*done.nights, done.whole]


def test_a_night_counts_what_it_decided(corrected: list[Report]) -> None:
    line, payout = corrected[0].institutions
    net = sum(row.gross for row in ROWS[2:])
    assert (line.institution, line.kind) == ("npsb", "funds")
    assert line.ours == {MATCHED: Tally(6, net), BROKEN: Tally(2, ROWS[0].gross + ROWS[1].gross)}
    assert line.theirs == {MATCHED: Tally(6, net), BROKEN: Tally(1, 5)}
    assert (payout.institution, payout.ours[OPEN].rows, payout.theirs) == ("stmt_janata", 1, {})
    assert (corrected[0].nights[0].matched, corrected[0].nights[0].decided) == (12, 15)


def test_a_correction_counts_in_its_night_and_the_month_tells_how_it_stands(corrected: list[Report]) -> None:
    night, month = corrected[1], corrected[3]
    assert night.institutions[0].ours == {MATCHED: Tally(2, ROWS[0].gross + ROWS[1].gross)}
    whole = {MATCHED: Tally(8, sum(row.gross for row in ROWS))}
    assert (month.institutions[0].ours, month.institutions[0].theirs) == (whole, whole)


def test_breaks_that_rows_answer_end_and_those_that_need_a_person_stay(corrected: list[Report]) -> None:
    assert states(corrected[0]) == [("AMOUNT", SUN, None), ("LEDGER_ONLY", SUN, None)]
    assert states(corrected[1]) == [
        ("AMOUNT", SUN, MON),
        ("FILE_SUPERSEDED", MON, None),
        ("LEDGER_ONLY", SUN, MON),
    ]
    assert states(corrected[2]) == [("FILE_SUPERSEDED", MON, None)]
    assert states(corrected[3]) == states(corrected[1])
    assert [(line.found_count, line.ended, line.open) for line in corrected[3].nights] == [
        (2, 0, 2),
        (1, 2, 1),
        (0, 0, 1),
    ]


def test_ages_and_deadlines_are_of_the_night_that_is_told(corrected: list[Report]) -> None:
    assert corrected[2].ages[:2] == (AgeLine(0, 0, 0, 0), AgeLine(1, 1, 1, ROWS[0].gross + ROWS[1].gross - 5))
    line = of_code(corrected[2], "FILE_SUPERSEDED")
    assert (line.explained.as_of, line.explained.age, line.is_overdue) == (TUE, 1, False)


def test_codes_add_up_to_the_open_exposure(corrected: list[Report]) -> None:
    first = corrected[0]
    assert {(line.code, line.found_count, line.open, line.exposure) for line in first.codes} == {
        ("AMOUNT", 1, 1, ROWS[1].gross - 5),
        ("LEDGER_ONLY", 1, 1, ROWS[0].gross),
    }
    assert [line.exposure for line in first.codes] == sorted(
        (line.exposure for line in first.codes), reverse=True
    )
    assert first.nights[-1].exposure == sum(line.exposure for line in first.codes)


def test_files_tell_what_was_stated_and_what_is_left(corrected: list[Report]) -> None:
    first = next(line for line in corrected[0].files if line.name == "npsb_20260405_04.txt")
    assert (first.state, first.due, first.arrived_on, first.late) == ("loaded", SUN, SUN, 0)
    assert (first.stated.rows, first.rows_by_fate.rows, first.agrees) == (7, 7, True)
    replaced = next(line for line in corrected[3].files if line.name == "npsb_20260405_04.txt")
    assert (replaced.state, replaced.rows_by_fate, replaced.agrees) == ("superseded", Tally(), True)
    assert all(line.agrees for report in corrected for line in report.files)


def test_what_is_proven_at_the_end_is_not_said_to_hold_before(corrected: list[Report]) -> None:
    assert {check.name: check.result for check in corrected[0].checks} == {
        "conservation": "later",
        "order_independence": "held",
        "idempotence": "held",
        "restatement": "held",
        "engine_independence": "held",
        "netting": "later",
        "no_double_use": "later",
    }
    assert {check.result for check in corrected[3].checks} == {"held"}


def test_an_invariant_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    done = reported(two_breaks(tmp_path / "month"), broken={Invariant.NETTING: "a paisa is left"})
    held = {check.name: (check.result, check.words) for check in done.whole.checks}
    assert held["netting"] == ("failed", "a paisa is left")
    assert held["conservation"] == ("held", "")


def test_evidence_is_of_the_bytes(corrected: list[Report]) -> None:
    assert set(corrected[0].evidence) == {"findings", "ledger", "files", "calendar_version", "rules_version"}
    assert corrected[0].evidence["ledger"] == corrected[0].books[0].sha256
    assert corrected[3].evidence["run"] == "4" * 64
    assert [line.day for line in corrected[3].books] == [SUN, MON, TUE]
    assert (corrected[3].books[0].rows, corrected[3].books[0].gross) == (8, sum(row.gross for row in ROWS))


def test_names_of_reports(corrected: list[Report]) -> None:
    assert [report.name for report in corrected] == [
        "night-2026-04-05",
        "night-2026-04-06",
        "night-2026-04-07",
        "month-2026-04",
    ]


# ---- how long breaks live


def test_a_missing_file_is_late_when_it_comes_and_ends_its_break(tmp_path: Path) -> None:
    month = SmallMonth(tmp_path / "month", ["npsb"], days=2).book("npsb", *ROWS)
    done = reported(month.send("npsb", ROWS, SUN, night=1))
    first, second = done.nights
    assert states(first) == [("FILE_MISSING", SUN, None)]
    assert of_code(first, "FILE_MISSING").explained.exposure == sum(row.gross for row in ROWS)
    missing = next(line for line in first.files if line.arrived_on is None)
    assert (missing.name, missing.state, missing.late) == ("npsb_20260405_04.txt", "missing", 0)
    assert states(second) == [("FILE_MISSING", SUN, MON)]
    assert [(line.on_time, line.late, line.missing) for line in second.nights] == [(3, 0, 1), (4, 1, 0)]
    assert first.institutions[0].ours == {OPEN: Tally(8, sum(row.gross for row in ROWS))}


def test_a_file_that_never_comes_gets_older(tmp_path: Path) -> None:
    month = SmallMonth(tmp_path / "month", ["npsb"], days=3, absent={LogicalKey("npsb", SUN, 4)})
    whole = reported(month.book("npsb", *ROWS)).whole
    missing = next(line for line in whole.files if line.arrived_on is None)
    assert (missing.late, of_code(whole, "FILE_MISSING").is_overdue) == (2, True)
    assert whole.nights[-1].missing == 0, "it counts once, in the night in which it was due"


LATE = Movement("000000000077", at("2026-04-05 23:55:00"), 4_500, theirs="T77")


@pytest.mark.parametrize(
    ("rows", "end"),
    [([LATE], [("TIMING", SUN, MON)]), ([], [("LEDGER_ONLY", MON, None), ("TIMING", SUN, MON)])],
)
def test_timing_ends_with_the_next_file_whatever_it_says(
    tmp_path: Path, rows: list[Movement], end: list[tuple[str, date, date | None]]
) -> None:
    month = SmallMonth(tmp_path / "month", ["npsb"], days=2).book("npsb", LATE)
    assert states(reported(month.send("npsb", rows, MON)).whole) == end


def test_a_break_stays_while_only_another_row_of_its_payment_waits(tmp_path: Path) -> None:
    """On Wednesday the refund alone is looked at: what was twice on Tuesday is twice for all that."""
    paid = Movement("EKF26040500000000001", at("2026-04-05 10:00:00"), 100_000, 2_875, theirs="S1")
    refund = paid.but(event="refund", gross=-40_000, kept=0, at=at("2026-04-07 10:00:00"), theirs="S2")
    month = SmallMonth(tmp_path / "month", ["sslcommerz"], days=4).book("sslcommerz", paid, refund)
    done = reported(month.send("sslcommerz", [paid, paid], SUN))
    assert [states(report) for report in done.nights[2:]] == [[("DUP_IN_FILE", TUE, None)]] * 2
    assert done.nights[3].institutions[0].ours == {OPEN: Tally(1, -40_000)}
    assert done.nights[3].last == WED


def test_a_refund_that_comes_late_ends_its_break(tmp_path: Path) -> None:
    paid = ROWS[0]
    back = paid.but(event="refund", gross=-paid.gross, at=at("2026-04-05 11:00:00"), theirs="R1")
    month = SmallMonth(tmp_path / "month", ["npsb"], days=2).book("npsb", paid, back)
    done = reported(month.send("npsb", [paid], SUN).send("npsb", [back], MON))
    assert states(done.nights[0]) == [("REVERSAL_PENDING", SUN, None)]
    assert states(done.whole) == [("REVERSAL_PENDING", SUN, MON)]


# ---- fees


def test_fees_are_those_of_what_is_matched_and_variances_stand_apart(tmp_path: Path) -> None:
    rows = [
        Movement(f"EKF2604050000000000{n}", at("2026-04-05 10:00:00"), 100_000, 1_725, f"B{n}")
        for n in range(3)
    ]
    month = SmallMonth(tmp_path / "month", ["bkash"], days=2).book("bkash", *rows)
    told = [rows[0], rows[1].but(kept=1_726), rows[2].but(kept=1_900)]
    done = reported(month.send("bkash", told, SUN))
    for report in (done.nights[1], done.whole):
        (line,) = report.fees
        assert (line.gross, line.scheduled, line.charged) == (200_000, 3_450, 3_451)
        assert (line.variances, abs(line.variance)) == (1, 175)


def test_nights_come_to_the_month_and_the_month_to_the_positions(tmp_path: Path) -> None:
    """Also where a correction repeats rows that were matched before."""
    rows = [row.but(kept=115, ours=f"EKF26040500000000{row.ours[-3:]}") for row in ROWS]
    rows = [row.but(kept=_kept(row.gross)) for row in rows]
    month = SmallMonth(tmp_path / "month", ["bkash"], days=4).book("bkash", *rows)
    month.send("bkash", [rows[0].but(gross=5, kept=0), *rows[1:]], SUN)
    done = reported(month.send("bkash", rows, SUN, correction=1, night=2))
    nights = [line for report in done.nights for line in report.fees]
    (whole,) = done.whole.fees
    assert done.checks is not None
    sheet = positions(done.checks.progress.store.all_rows())
    assert sum(line.gross for line in nights) == whole.gross == sheet["gross"].item()
    assert sum(line.scheduled for line in nights) == whole.scheduled == sheet["fees"].item()
    assert sum(line.charged for line in nights) == whole.charged
    assert whole.charged == whole.scheduled - sheet["rounding"].item()


def _kept(gross: int) -> int:
    fee = (gross * 150 + 5_000) // 10_000
    return fee + (fee * 1_500 + 5_000) // 10_000


def test_books_are_the_bytes_of_the_export(tmp_path: Path) -> None:
    month = two_breaks(tmp_path / "month")
    line = reported(month).nights[0].books[0]
    path = month.folder / "ledger" / f"{SUN}.csv"
    assert line.sha256 == sha256_of(path.read_bytes())
    assert line.rows == pl.read_csv(path).height
