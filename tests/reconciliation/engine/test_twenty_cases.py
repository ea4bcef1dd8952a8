"""The subtle cases of reconciliation.md 5, under their numbers. Amounts in paisa, days in Dhaka.

Cases 10 (c) and 13 have a second half that needs the database: the negative answer that closes a doubt, and
the write-off that a restatement reverses. Case 20, a write-off by its own maker, needs it altogether.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import ibis
import polars as pl
import pytest

from reconciliation.breaks.explanation import Explainer
from reconciliation.canonical_row import FILE, LEDGER, MATCHED, complete
from reconciliation.engine.restatement import outcome
from reconciliation.intake.file_names import LogicalKey
from reconciliation.matching.engines import DuckDbEngine, PolarsEngine, kernel_columns
from reconciliation.matching.institution_positions import positions
from reconciliation.matching.kernel import groups_of
from reconciliation.statement.reader import read_file
from reconciliation.statement.values.dates import dhaka_date
from tests.reconciliation.institution_files import Credit, Head, Movement, at, bkash, npsb
from tests.reconciliation.small_month import SmallMonth

SUN, MON, TUE, WED, THU = (date(2026, 4, day) for day in (5, 6, 7, 8, 9))
NEXT_SUN = date(2026, 4, 12)

Make = Callable[..., SmallMonth]


@pytest.fixture
def small(tmp_path: Path) -> Make:
    def make(*institutions: str, **more: object) -> SmallMonth:
        return SmallMonth(tmp_path, institutions, **more)  # type: ignore[arg-type]

    return make


def paid(ours: str = "000000000001", when: str = "2026-04-05 10:00:00", gross: int = 100_000) -> Movement:
    return Movement(ours, at(when), gross)


def test_case_1_paid_just_before_the_cut_off_is_timing_and_then_matched(small: Make) -> None:
    row = paid("EKF1", "2026-04-09 23:59:58")
    month = small("sonali_spg", days=4, first=THU).book("sonali_spg", row).send("sonali_spg", [row], NEXT_SUN)
    done = month.run()
    assert done.found == {("TIMING", "EKF1", "2026-04-09")}
    assert done.fates("EKF1") == [(LEDGER, 100_000, MATCHED), (FILE, 100_000, MATCHED)]


def test_case_1_absent_from_the_next_file_too_is_ledger_only_with_age_one(small: Make) -> None:
    month = small("sonali_spg", days=4, first=THU).book("sonali_spg", paid("EKF1", "2026-04-09 23:59:58"))
    done = month.run()
    assert done.found == {("TIMING", "EKF1", "2026-04-09"), ("LEDGER_ONLY", "EKF1", "2026-04-12")}
    assert done.setting.calendar.age(THU, NEXT_SUN) == 1
    assert done.setting.calendar.age(THU, date(2026, 4, 11)) == 0


def test_case_2_an_instant_late_in_utc_is_thursday_on_both_sides(small: Make) -> None:
    row = paid("EKF1", "2026-04-09 23:59:58")
    layout = small("bkash").setting.layouts["bkash"]
    theirs = read_file(bkash([row], Head(THU)), layout, "bkash_20260409_01.csv", THU).rows
    ours = complete(pl.DataFrame({"instant": [row.at]}).cast(pl.Datetime("us", "UTC")))
    for rows in (theirs, ours):
        assert rows.select(dhaka_date(pl.col("instant"))).item() == THU


def test_case_3_a_reversal_after_the_cut_off_belongs_to_its_payment(small: Make) -> None:
    payment = paid("000000000001", "2026-04-05 22:00:00")
    reversal = payment.but(at=at("2026-04-06 00:10:00"), gross=-100_000, event="reversal", theirs="T2")
    month = small("npsb").book("npsb", payment, reversal)
    month.send("npsb", [payment], SUN).send("npsb", [reversal], MON, cycle=1)
    done = month.run()
    assert done.found == set()
    assert {fate for *_, fate in done.fates("000000000001")} == {MATCHED}
    first = done.nights[0].judged.rows
    assert first.filter(pl.col("verdict") == MATCHED)["net"].to_list() == [100_000, 100_000]
    assert positions(done.progress.store.all_rows())["settled"].to_list() == [0]


def test_case_4_a_refund_netted_inside_the_row_is_matched(small: Make) -> None:
    payment = paid("EKF1")
    refund = payment.but(at=at("2026-04-06 10:00:00"), gross=-30_000, event="refund", theirs="R1")
    month = small("sslcommerz", days=4).book("sslcommerz", payment, refund)
    month.send("sslcommerz", [payment.but(gross=70_000)], SUN)
    done = month.run()
    assert done.found == set()
    assert done.fates("EKF1") == [
        (LEDGER, -30_000, MATCHED),
        (LEDGER, 100_000, MATCHED),
        (FILE, 70_000, MATCHED),
    ]


def test_case_4_without_a_refund_of_ours_it_is_an_amount(small: Make) -> None:
    payment = paid("EKF1")
    month = small("sslcommerz", days=4).book("sslcommerz", payment)
    done = month.send("sslcommerz", [payment.but(gross=70_000)], SUN).run()
    assert done.found == {("AMOUNT", "EKF1", "2026-04-07")}
    assert done.difference("AMOUNT") == -30_000


def test_case_5_a_doubled_row_is_one_match_and_one_claim(small: Make) -> None:
    row = paid()
    done = small("npsb").book("npsb", row).send("npsb", [row, row], SUN).run()
    assert done.found == {("DUP_IN_FILE", row.ours, "2026-04-05")}
    assert [fate for *_, fate in done.fates(row.ours)] == [MATCHED, "break", MATCHED]
    sheet = positions(done.progress.store.all_rows())
    assert sheet.select("gross", "suspense").row(0) == (100_000, 100_000)


@pytest.mark.parametrize("turned", [False, True])
def test_case_5_a_partial_twin_is_ambiguous_and_matches_nothing(small: Make, turned: bool) -> None:  # noqa: FBT001
    row = paid()
    rows = [row, row.but(gross=90_000, theirs="T2")]
    done = small("npsb").book("npsb", row).send("npsb", rows[::-1] if turned else rows, SUN).run()
    assert done.found == {("AMBIGUOUS", row.ours, "2026-04-05")}
    assert {fate for *_, fate in done.fates(row.ours)} == {"break"}


@pytest.mark.parametrize(("status", "difference"), [("success", 100_000), ("unknown", 200_000)])
def test_a_page_that_was_paid_twice_says_what_our_books_lack(
    small: Make, status: str, difference: int
) -> None:
    row = paid()
    month = small("npsb").book("npsb", row.but(status=status))
    done = month.send("npsb", [row, row.but(theirs="T2")], SUN).run()
    assert done.found == {("AMBIGUOUS", row.ours, "2026-04-05")}
    assert done.difference("AMBIGUOUS") == difference


def test_case_6_the_same_row_in_tomorrows_file_is_a_duplicate_there(small: Make) -> None:
    row = paid()
    done = small("npsb").book("npsb", row).send("npsb", [row], SUN).send("npsb", [row], MON, cycle=1).run()
    assert done.found == {("DUP_ACROSS_FILES", row.ours, "2026-04-06")}
    assert sorted(fate for *_, fate in done.fates(row.ours)) == ["break", MATCHED, MATCHED]


@pytest.mark.parametrize(
    ("kept", "codes"),
    [(1_323, []), (1_322, []), (1_324, []), (1_321, ["FEE_VARIANCE"]), (1_500, ["FEE_VARIANCE"])],
)
def test_case_7_one_paisa_is_rounding_and_more_is_never_absorbed(
    small: Make, kept: int, codes: list[str]
) -> None:
    row = paid().but(kept=1_323)
    done = small("janata").book("janata", row).send("janata", [row.but(kept=kept)], SUN).run()
    assert done.codes == codes
    assert {fate for *_, fate in done.fates(row.ours)} == ({"break"} if codes else {MATCHED})
    if codes:
        assert done.difference("FEE_VARIANCE") == 1_323 - kept


@pytest.mark.parametrize(("count", "codes"), [(10, []), (11, ["ROUNDING"])])
def test_case_8_rounding_adds_up_to_one_break_of_the_file(small: Make, count: int, codes: list[str]) -> None:
    rows = [paid(f"{number:012d}").but(kept=1_323, theirs=f"T{number:05d}") for number in range(1, count + 1)]
    done = (
        small("janata").book("janata", *rows).send("janata", [row.but(kept=1_324) for row in rows], SUN).run()
    )
    assert done.codes == codes
    fates = {fate for row in rows for *_, fate in done.fates(row.ours)}
    assert fates == ({"break"} if codes else {MATCHED})


def test_case_9_their_success_and_our_failure_goes_to_suspense(small: Make) -> None:
    row = paid()
    done = small("npsb").book("npsb", row.but(status="failed")).send("npsb", [row], SUN).run()
    assert done.found == {("THEY_SUCCESS_WE_FAILED", row.ours, "2026-04-05")}
    assert positions(done.progress.store.all_rows()).select("gross", "suspense").row(0) == (0, 100_000)
    assert "two persons" in done.setting.rules.meanings[next(iter(done.progress.findings)).code].action


@pytest.mark.parametrize("answer", ["success", "failed"])
def test_case_10_a_file_answers_what_we_do_not_know(small: Make, answer: str) -> None:
    row = paid()
    done = (
        small("npsb")
        .book("npsb", row.but(status="unknown"))
        .send("npsb", [row.but(status=answer)], SUN)
        .run()
    )
    assert done.found == set()
    assert {fate for *_, fate in done.fates(row.ours)} == {MATCHED}


def test_case_10_a_doubt_that_no_file_answers_stays_open(small: Make) -> None:
    row = paid()
    done = small("npsb").book("npsb", row.but(status="unknown")).run()
    assert done.found == {("UNKNOWN_OPEN", row.ours, "2026-04-05")}


def test_case_11_a_second_receipt_of_the_biller_is_claimed(small: Make) -> None:
    row = paid("EKD1")
    month = small("breb_postpaid", "npsb").book("breb_postpaid", row).book("npsb", paid())
    month.send("npsb", [paid()], SUN).send("breb_postpaid", [row, row.but(theirs="T2")], SUN)
    done = month.run()
    assert done.found == {("BILLER_DOUBLE_POST", "EKD1", "2026-04-05")}
    assert {fate for *_, fate in done.fates("000000000001")} == {MATCHED}


def test_cases_11_and_12_one_pass_counts_every_source() -> None:
    """Ledger, bank and biller together: 1, 1, 2 and 1, 1, 0."""

    def side(*references: str) -> pl.DataFrame:
        rows = {
            "institution": "any",
            "reference": list(references),
            "direction": 0,
            "status": 0,
            "gross": 1,
            "net": 1,
        }
        frame = pl.DataFrame(rows | {"currency": "BDT", "business_date": SUN})
        return kernel_columns(complete(frame).with_columns(due=pl.lit(1, pl.Int8)))

    sources = {
        "ledger": side("twice", "never"),
        "bank": side("twice", "never"),
        "biller": side("twice", "twice"),
    }
    counts = groups_of({name: ibis.memtable(frame.to_arrow()) for name, frame in sources.items()})
    told = ibis.duckdb.connect().to_polars(counts).sort("reference")
    assert told.select("reference", "ledger_rows", "bank_rows", "biller_rows").rows() == [
        ("never", 1, 1, 0),
        ("twice", 1, 1, 2),
    ]


def test_case_12_what_the_biller_did_not_post(small: Make) -> None:
    row = paid("EKD1")
    done = (
        small("breb_postpaid", "npsb")
        .book("breb_postpaid", row)
        .book("npsb", paid())
        .send("npsb", [paid()], SUN)
        .run()
    )
    assert done.found == {("BILLER_NOT_POSTED", "EKD1", "2026-04-05")}
    assert "breb_postpaid" not in positions(done.progress.store.all_rows())["institution"].to_list()


def test_case_13_a_correction_comes_to_the_same_as_from_scratch(tmp_path: Path) -> None:
    rows = [paid(f"{number:012d}").but(gross=100_000 + number, theirs=f"T{number}") for number in range(1, 6)]
    wrong = [*rows[:2], *(row.but(gross=row.gross + 700) for row in rows[2:])]

    def month(name: str) -> SmallMonth:
        return SmallMonth(tmp_path / name, ["npsb"]).book("npsb", *rows)

    restated = month("restated").send("npsb", wrong, SUN).send("npsb", rows, SUN, correction=1, night=2).run()
    scratch = month("scratch").send("npsb", rows, SUN).run()
    assert restated.codes == ["AMOUNT"] * 3 + ["FILE_SUPERSEDED"]
    assert scratch.found == set()
    (told,) = [one for key, (_, one) in restated.progress.findings.items() if key.code == "FILE_SUPERSEDED"]
    assert (len(told.rows), told.difference) == (3, -2_100)
    assert outcome(restated.progress.store.all_rows()) == outcome(scratch.progress.store.all_rows())
    # The night in which the first file was judged keeps its outcome: it is evidence.
    assert restated.nights[0].judged.rows.filter(pl.col("verdict") == "break").height == 6


def test_case_14_the_same_bytes_again_have_no_effect(small: Make) -> None:
    row = paid()
    month = small("npsb").book("npsb", row).send("npsb", [row], SUN).send("npsb", [row], SUN, night=1)
    done = month.run()
    assert done.found == {("FILE_DUPLICATE", "npsb_20260405_04.txt", "2026-04-06")}
    assert done.fates(row.ours) == [(LEDGER, 100_000, MATCHED), (FILE, 100_000, MATCHED)]


def test_case_14_other_bytes_without_a_mark_are_held(small: Make) -> None:
    row = paid()
    month = small("npsb").book("npsb", row).send("npsb", [row], SUN)
    done = month.send("npsb", [row.but(gross=999_900)], SUN, night=1).run()
    assert done.found == {("FILE_REPLAYED", "npsb_20260405_04.txt", "2026-04-06")}
    assert done.fates(row.ours) == [(LEDGER, 100_000, MATCHED), (FILE, 100_000, MATCHED)]


def test_case_15_days_out_of_order_come_to_the_same(tmp_path: Path) -> None:
    first, second = paid("000000000001"), paid("000000000002", "2026-04-06 10:00:00")

    def month(name: str, night: int) -> SmallMonth:
        made = SmallMonth(tmp_path / name, ["janata"]).book("janata", first, second)
        return made.send("janata", [first], SUN, night=night).send("janata", [second], MON)

    late, in_order = month("late", 2).run(), month("in_order", 0).run()
    assert late.found == {("FILE_MISSING", "janata_20260405_01.txt", "2026-04-05")}
    assert in_order.found == set()
    assert outcome(late.progress.store.all_rows()) == outcome(in_order.progress.store.all_rows())


def test_case_16_a_cut_off_file_is_refused_whole_and_makes_no_noise(small: Make) -> None:
    rows = [paid(f"{number:012d}").but(theirs=f"T{number}") for number in range(1, 1_001)]
    month = small("npsb").book("npsb", *rows)
    content = npsb(rows, Head(SUN, 4, 4)).split(b"\n")
    del content[500]
    done = month.put(LogicalKey("npsb", SUN, 4), b"\n".join(content)).run()
    assert done.found == {("CONTROL_TOTAL", "npsb_20260405_04.txt", "2026-04-05")}
    assert done.progress.store.all_rows().filter(pl.col("source") == FILE).is_empty()


def test_case_17_two_payers_alike_are_only_suggested(small: Make) -> None:
    one = paid("EKF1").but(theirs="B1")
    other = paid("EKF2", "2026-04-05 10:00:30").but(theirs="B2")
    month = small("bkash").book("bkash", one).book("bkash", other, theirs_known=False)
    done = month.send("bkash", [one, other.but(ours="")], SUN).run()
    assert done.found == {("LEDGER_ONLY", "EKF2", "2026-04-06"), ("FILE_ONLY", "B2", "2026-04-06")}
    alone = next(one for key, (_, one) in done.progress.findings.items() if key.code == "LEDGER_ONLY")
    assert alone.passes[-1] == "6: suggested only, ~B2 is alike"
    assert alone.nearest.startswith("~B2: 0 paisa, 0 seconds")


@pytest.mark.parametrize(("short", "codes"), [(0, []), (1, ["AMOUNT"])])
def test_case_18_three_files_are_paid_by_one_credit_less_the_charge(
    small: Make, short: int, codes: list[str]
) -> None:
    days = [date(2026, 4, 2), date(2026, 4, 3), date(2026, 4, 4)]
    month = small("bkash", "stmt_sonali", days=6, first=date(2026, 4, 1))
    for day in days:
        row = paid(f"EKF{day.day}", f"{day} 10:00:00", 50_000).but(theirs=f"B{day.day}")
        month.book("bkash", row).send("bkash", [row], day)
    # All three come on Sunday the 5th and are paid on Monday.
    done = month.credit([Credit(150_000 - 1_150 - short, "BKASH20260406")], MON).run()
    assert done.codes == codes
    if codes:
        assert done.found == {("AMOUNT", "BKASH20260406", "2026-04-06")}
        assert done.difference("AMOUNT") == -1


def test_case_19_a_chargeback_after_a_refund_is_exposed_in_full(small: Make) -> None:
    payment = paid("EKF1").but(theirs="B1")
    refund = payment.but(gross=-100_000, event="refund", at=at("2026-04-06 10:00:00"), theirs="B2")
    chargeback = refund.but(event="chargeback", at=at("2026-04-07 10:00:00"), theirs="B3")
    month = small("bkash", days=5).book("bkash", payment, refund)
    month.send("bkash", [payment], SUN).send("bkash", [refund], MON).send("bkash", [chargeback], TUE)
    done = month.run()
    assert done.found == {("FILE_ONLY", "EKF1", "2026-04-08")}
    ((night, one),) = done.progress.findings.values()
    told = Explainer(done.setting.rules, done.setting.calendar).explain(one, night, night)
    assert told.exposure == 100_000
    assert positions(done.progress.store.all_rows())["suspense"].sum() == -100_000


def test_engines_agree_on_every_case_of_a_small_month(small: Make, tmp_path: Path) -> None:
    rows = [paid(f"{number:012d}").but(theirs=f"T{number}") for number in range(1, 20)]
    month = small("npsb").book("npsb", *rows[:15])
    done = month.send("npsb", [*rows[3:], rows[5], rows[6].but(gross=7)], SUN).run()
    pool = done.nights[0].pool
    sides = {
        "ledger": kernel_columns(pool.filter(pl.col("source") == LEDGER)),
        "file": kernel_columns(pool.filter(pl.col("source") == FILE)),
    }
    duckdb = DuckDbEngine(tmp_path)
    try:
        columns = ["reference", "direction"]
        assert duckdb.judge(sides).sort(columns).equals(PolarsEngine().judge(sides).sort(columns))
    finally:
        duckdb.close()
