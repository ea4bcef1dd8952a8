"""Codes, diagnoses and nearest candidates beyond the twenty cases."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.breaks.codes import DifferenceCause
from reconciliation.breaks.diagnosis import ComparedAmounts, DiagnosisContext, are_swapped, diagnose
from reconciliation.breaks.nearest_candidate import edit_distance
from reconciliation.intake.file_names import LogicalKey
from tests.reconciliation.institution_files import Credit, Head, Movement, at, bkash
from tests.reconciliation.small_month import SmallMonth

SUN, MON, TUE = date(2026, 4, 5), date(2026, 4, 6), date(2026, 4, 7)
ROW = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000)
NOTHING = DiagnosisContext()

Make = Callable[..., SmallMonth]


@pytest.fixture
def small(tmp_path: Path) -> Make:
    return lambda *institutions, **more: SmallMonth(tmp_path, institutions, **more)


@pytest.mark.parametrize(
    ("compared", "around", "cause"),
    [
        (ComparedAmounts(100_000, 98_677, 1_150, 173), NOTHING, DifferenceCause.FEE_AND_VAT),
        (ComparedAmounts(100_000, 98_850, 1_150, 173), NOTHING, DifferenceCause.FEE),
        (ComparedAmounts(100_000, 99_827, 1_150, 173), NOTHING, DifferenceCause.VAT),
        (ComparedAmounts(100_000, 70_000), DiagnosisContext(refunds=[-30_000]), DifferenceCause.REFUND),
        (ComparedAmounts(123, 12_300), NOTHING, DifferenceCause.HUNDREDFOLD),
        (ComparedAmounts(12_300, 123), NOTHING, DifferenceCause.HUNDREDTH),
        (ComparedAmounts(12_345, 13_245), NOTHING, DifferenceCause.SWAPPED_DIGITS),
        (ComparedAmounts(10_000, 10_111), DiagnosisContext(differences=[-111]), DifferenceCause.COMPENSATING),
        (ComparedAmounts(10_000, 10_111), DiagnosisContext(batches=[111]), DifferenceCause.BATCH),
        (ComparedAmounts(10_000, 9_889), DiagnosisContext(cycles=[-111]), DifferenceCause.MISSING_CYCLE),
        (ComparedAmounts(10_000, 10_100), NOTHING, DifferenceCause.ROUND_TAKA),
        (ComparedAmounts(10_000, 10_111), NOTHING, DifferenceCause.UNEXPLAINED),
    ],
)
def test_a_difference_is_diagnosed_by_arithmetic(
    compared: ComparedAmounts, around: DiagnosisContext, cause: DifferenceCause
) -> None:
    assert diagnose(compared, around) is cause


@pytest.mark.parametrize(("ours", "theirs"), [(12, 12), (12, 34), (12, 210), (1_234, 4_321), (19, 28)])
def test_what_no_exchange_of_two_digits_explains(ours: int, theirs: int) -> None:
    assert not are_swapped(ours, theirs)


@given(st.integers(min_value=10, max_value=10**9), st.data())
def test_exchanged_digits_are_recognised(amount: int, data: st.DataObject) -> None:
    digits = list(str(amount))
    one, other = data.draw(st.tuples(*[st.integers(0, len(digits) - 1)] * 2))
    digits[one], digits[other] = digits[other], digits[one]
    swapped = "".join(digits)
    expected = swapped != str(amount) and not swapped.startswith("0")
    assert are_swapped(amount, int(swapped)) == expected


@given(st.text(max_size=12), st.text(max_size=12))
def test_an_edit_distance_is_a_distance(one: str, other: str) -> None:
    assert edit_distance(one, other) == edit_distance(other, one)
    assert (edit_distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= edit_distance(one, other) <= max(len(one), len(other))


def test_another_currency_is_no_amount(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    done = small("bkash").book("bkash", row).send("bkash", [row.but(currency="USD")], SUN).run()
    assert done.found == {("CURRENCY", "EKF1", "2026-04-06")}


def test_our_success_and_their_failure(small: Make) -> None:
    done = small("npsb").book("npsb", ROW).send("npsb", [ROW.but(status="failed")], SUN).run()
    assert done.found == {("WE_SUCCESS_THEY_FAILED", ROW.ours, "2026-04-05")}


@pytest.mark.parametrize("sent", [True, False])
def test_a_failure_of_both_or_of_ours_alone_is_nothing(small: Make, sent: bool) -> None:  # noqa: FBT001
    failed = ROW.but(status="failed")
    month = small("npsb").book("npsb", failed)
    assert (month.send("npsb", [failed], SUN) if sent else month).run().found == set()


def test_a_failed_try_beside_a_success_says_nothing(small: Make) -> None:
    rows = [ROW.but(status="failed", theirs="T0"), ROW]
    assert small("npsb").book("npsb", ROW).send("npsb", rows, SUN).run().found == set()


def test_a_row_that_nobody_of_ours_knows(small: Make) -> None:
    assert small("npsb").send("npsb", [ROW], SUN).run().found == {("FILE_ONLY", ROW.ours, "2026-04-05")}


def test_a_row_without_our_reference_is_found_by_their_name(small: Make) -> None:
    row = ROW.but(ours="EKF1", theirs="B1")
    month = small("bkash").book("bkash", row).send("bkash", [row.but(ours="")], SUN)
    done = month.run()
    assert done.found == set()
    assert {fate for *_, fate in done.fates("EKF1")} == {"matched"}


def test_one_name_for_two_of_ours_proves_nothing(small: Make) -> None:
    rows = [ROW.but(ours="EKF1", theirs="B1"), ROW.but(ours="EKF2", theirs="B1")]
    done = small("bkash").book("bkash", *rows).send("bkash", [rows[0].but(ours="")], SUN).run()
    assert done.codes == ["FILE_ONLY", "LEDGER_ONLY", "LEDGER_ONLY"]


def test_a_name_that_was_learnt_on_an_earlier_night_is_known(small: Make) -> None:
    row = ROW.but(ours="EKF1", theirs="B1")
    month = small("bkash", days=5).book("bkash", row).send("bkash", [row], SUN)
    done = month.send("bkash", [row.but(ours="")], MON).run()
    assert done.found == {("DUP_ACROSS_FILES", "EKF1", "2026-04-07")}


def test_a_reversal_that_comes_a_file_late_was_pending(small: Make) -> None:
    back = ROW.but(event="reversal", gross=-100_000, at=at("2026-04-05 11:00:00"), theirs="T2")
    month = small("npsb").book("npsb", ROW, back).send("npsb", [ROW], SUN).send("npsb", [back], MON)
    done = month.run()
    assert done.found == {("REVERSAL_PENDING", ROW.ours, "2026-04-05")}
    assert {fate for *_, fate in done.fates(ROW.ours)} == {"matched"}


def test_a_refund_told_after_it_was_netted_is_a_second_outflow(small: Make) -> None:
    payment = ROW.but(ours="EKF1", theirs="V1")
    refund = payment.but(event="refund", gross=-30_000, at=at("2026-04-05 11:00:00"), theirs="R1")
    month = small("sslcommerz", days=6).book("sslcommerz", payment, refund)
    month.send("sslcommerz", [payment.but(gross=70_000)], SUN)
    done = month.send("sslcommerz", [refund], MON).run()
    # With a row of its own the refund is no longer inside the payment's row, whose amount is now short.
    assert done.found == {("AMOUNT", "EKF1", "2026-04-08")}


def test_a_line_that_stands_twice_in_our_books_is_matched_once(small: Make) -> None:
    done = small("npsb").book("npsb", ROW, ROW).send("npsb", [ROW], SUN).run()
    assert done.found == {("DUP_IN_LEDGER", ROW.ours, "2026-04-05")}
    assert sorted(fate for *_, fate in done.fates(ROW.ours)) == ["break", "matched", "matched"]


def test_a_rejected_row_still_answers_for_its_payment(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    month = small("bkash").book("bkash", row)
    blank = bkash([row], Head(SUN)).replace(b"2026-04-05T10:00:00:000 GMT+0600", b"")
    done = month.put(LogicalKey("bkash", SUN, 1), blank).run()
    assert done.found == {("ROW_REJECTED", "bkash_20260405_01.csv:1", "2026-04-06")}
    assert sorted(fate for *_, fate in done.fates("EKF1")) == ["break", "rejected"]


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("2026-04-05 19:49:59", {("LEDGER_ONLY", "2026-04-05")}),
        ("2026-04-05 19:50:00", {("TIMING", "2026-04-05"), ("LEDGER_ONLY", "2026-04-06")}),
        ("2026-04-05 20:00:00", {("LEDGER_ONLY", "2026-04-06")}),
        ("2026-04-07 20:00:00", set()),
    ],
)
def test_the_late_window_is_the_last_ten_minutes_before_the_cut_off(
    small: Make, when: str, found: set[tuple[str, str]]
) -> None:
    done = small("janata").book("janata", ROW.but(at=at(when))).run()
    assert {(code, night) for code, _, night in done.found} == found


def test_a_closed_days_payment_is_due_on_the_next_business_day(small: Make) -> None:
    friday = ROW.but(at=at("2026-04-10 10:00:00"))
    month = small("janata", days=4, first=date(2026, 4, 9)).book("janata", friday)
    assert month.run().found == {("LEDGER_ONLY", ROW.ours, "2026-04-12")}


def test_a_payout_that_is_not_on_its_statement(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    done = small("bkash", "stmt_sonali").book("bkash", row).send("bkash", [row], SUN).run()
    assert done.found == {("LEDGER_ONLY", "BKASH20260407", "2026-04-07")}


def test_an_entry_waits_until_all_files_of_its_batch_are_loaded(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    month = small("bkash", "stmt_sonali", days=4).book("bkash", row).send("bkash", [row], SUN, night=3)
    done = month.credit([Credit(98_850, "BKASH20260407")], TUE).run()
    assert done.found == {("FILE_MISSING", "bkash_20260405_01.csv", "2026-04-06")}
    assert {fate for *_, fate in done.fates("BKASH20260407")} == {"matched"}


def test_two_credits_of_one_key_that_come_to_a_payout_are_matched_together(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    month = small("bkash", "stmt_sonali").book("bkash", row).send("bkash", [row], SUN)
    parts = [Credit(50_000, "BKASH20260407", "SB1"), Credit(48_850, "BKASH20260407", "SB2")]
    done = month.credit(parts, TUE).run()
    assert done.found == set()
    assert [fate for *_, fate in done.fates("BKASH20260407")] == ["matched"] * 3


@pytest.mark.parametrize(
    "parts",
    [
        # The same line twice is no payout in two parts, and parts that do not come to it are a break.
        [Credit(49_425, "BKASH20260407"), Credit(49_425, "BKASH20260407")],
        [Credit(50_000, "BKASH20260407", "SB1"), Credit(48_849, "BKASH20260407", "SB2")],
    ],
)
def test_two_credits_that_are_no_parts_of_a_payout_are_breaks(small: Make, parts: list[Credit]) -> None:
    row = ROW.but(ours="EKF1")
    month = small("bkash", "stmt_sonali").book("bkash", row).send("bkash", [row], SUN)
    assert month.credit(parts, TUE).run().codes != []


def test_a_credit_for_files_without_money_belongs_to_nobody(small: Make) -> None:
    done = small("bkash", "stmt_sonali").credit([Credit(5_000, "BKASH20260407")], TUE).run()
    assert done.found == {("FILE_ONLY", "BKASH20260407", "2026-04-07")}


def test_a_correction_after_the_payout_leaves_the_credit_short(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    month = small("bkash", "stmt_sonali", days=4).book("bkash", row)
    month.send("bkash", [row.but(gross=90_000)], SUN).send("bkash", [row], SUN, correction=1, night=3)
    done = month.credit([Credit(88_850, "BKASH20260407")], TUE).run()
    assert done.found == {
        ("AMOUNT", "EKF1", "2026-04-06"),
        ("FILE_SUPERSEDED", "bkash_20260405_01.csv", "2026-04-08"),
        ("AMOUNT", "BKASH20260407", "2026-04-08"),
    }


def test_a_nearest_candidate_has_the_sign_of_its_row(small: Make) -> None:
    """Money that they took back is nothing like money that we have collected."""
    ours = ROW.but(ours="EKF1", theirs="B1")
    back = ROW.but(ours="EKF2", theirs="B2", event="refund", gross=-100_000)
    done = small("bkash").book("bkash", ours).send("bkash", [back], SUN).run()
    assert done.found == {("LEDGER_ONLY", "EKF1", "2026-04-06"), ("FILE_ONLY", "EKF2", "2026-04-06")}
    assert [finding.nearest for _, finding in done.progress.findings.values()] == ["", ""]


def test_a_paisa_that_a_row_rounds_is_no_break_where_its_net_is_by_the_schedule(small: Make) -> None:
    row = ROW.but(ours="EKF1", kept=1_725)
    month = small("bkash").book("bkash", row)
    rounded = bkash([row], Head(SUN)).replace(b",17.25,", b",17.24,")
    assert month.put(LogicalKey("bkash", SUN, 1), rounded).run().found == set()


PARTS = [
    ROW.but(event="refund", gross=-amount, at=at("2026-04-05 11:00:00"), theirs=f"R{amount}")
    for amount in (20_000, 30_000)
]


def test_refunds_in_parts_under_one_reference_match_together(small: Make) -> None:
    month = small("npsb").book("npsb", ROW, *PARTS)
    assert month.send("npsb", [ROW, *reversed(PARTS)], SUN).run().found == set()


def test_refunds_that_do_not_pair_off_are_ambiguous(small: Make) -> None:
    done = small("npsb").book("npsb", ROW, *PARTS).send("npsb", [ROW, PARTS[0]], SUN).run()
    assert done.found == {("AMBIGUOUS", ROW.ours, "2026-04-05")}
    assert sorted(fate for *_, fate in done.fates(ROW.ours)) == ["break"] * 3 + ["matched"] * 2


def test_several_refunds_may_be_netted_into_one_row(small: Make) -> None:
    payment = ROW.but(ours="EKF1")
    refunds = [row.but(ours="EKF1") for row in PARTS]
    failed = refunds[0].but(status="failed", gross=-500)
    month = small("sslcommerz", days=4).book("sslcommerz", payment, *refunds, failed)
    done = month.send("sslcommerz", [payment.but(gross=50_000)], SUN).run()
    assert done.found == set()
    assert sorted(fate for *_, fate in done.fates("EKF1")) == ["matched"] * 4 + ["quiet"]


def test_a_refund_that_failed_is_missed_by_nobody(small: Make) -> None:
    failed = PARTS[0].but(status="failed")
    assert small("npsb").book("npsb", ROW, failed).send("npsb", [ROW], SUN).run().found == set()


def test_entries_of_a_batch_that_waits_are_not_judged_however_many(small: Make) -> None:
    row = ROW.but(ours="EKF1")
    month = small("bkash", "stmt_sonali", days=3, absent={LogicalKey("bkash", SUN, 1)}).book("bkash", row)
    entries = [Credit(98_850, "BKASH20260407"), Credit(98_850, "BKASH20260407")]
    assert month.credit(entries, TUE).run().codes == ["DUP_IN_FILE", "FILE_MISSING"]
