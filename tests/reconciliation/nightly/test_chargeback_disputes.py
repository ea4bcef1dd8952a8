"""Chargeback rows of a night: the disputes that they open, and the breaks that the disputes end."""

from datetime import date

import polars as pl
import pytest

from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.disputes import ChargebackRow
from reconciliation.results.committed_rows import all_rows
from tests.reconciliation.institution_files import Movement, at
from tests.reconciliation.nightly.stage import MON, SUN, TUE, WED, NightStage

BKASH = "bkash"
PAID = Movement("EKF1", at("2026-04-05 10:00:00"), 100_000, theirs="B1")
TAKEN = PAID.but(gross=-100_000, event="chargeback", at=at("2026-04-06 10:00:00"), theirs="CB-1")
# Our line of the chargeback, of the day on which two persons have recorded it.
HELD = TAKEN.but(event="refund", at=at("2026-04-07 15:00:00"))
OTHER = Movement("EKF2", at("2026-04-06 11:00:00"), 7_000, theirs="B2", status="failed")
ROW = ChargebackRow(
    BKASH, "CB-1", "EKF1", Money(100_000), "bkash_20260406_01.csv", answer_due_on=date(2026, 4, 13)
)


@pytest.fixture
def funds(stage: NightStage) -> NightStage:
    """An installation that bKash has paid on Sunday."""
    stage.institutions = (BKASH,)
    return stage.book(BKASH, PAID).send(BKASH, [PAID], SUN)


async def breaks_of(stage: NightStage, reference: str = "EKF1") -> set[tuple[str, str, str]]:
    """Code, first night and state of every break of a payment."""
    return {(code, first, state) for code, named, first, state in await stage.breaks() if named == reference}


async def words_of_breaks(stage: NightStage) -> list[tuple[str, str]]:
    """The diagnosis and the sentence of every break."""
    found = await stage.rows(
        "SELECT diagnosis, told ->> 'en' AS en FROM reconciliation.breaks WHERE code = 'FILE_ONLY'"
    )
    return [(row["diagnosis"], row["en"]) for row in found]


async def test_a_row_opens_its_dispute_and_the_dispute_ends_its_break(funds: NightStage) -> None:
    await funds.full_night(SUN)
    ran = await funds.send(BKASH, [TAKEN], MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert funds.chargeback_rows.told == [ROW]
    assert [answer.outcome for answer in ran.chargebacks] == [ChargebackRowOutcome.OPENED]
    assert await breaks_of(funds) == {("FILE_ONLY", "2026-04-06", "open")}
    ((diagnosis, en),) = await words_of_breaks(funds)
    assert diagnosis == "chargeback"
    assert "ekpay disputes held" in en

    ran = await funds.book(BKASH, HELD).full_night(TUE)
    assert ran.run.holds, ran.run.invariants
    assert await breaks_of(funds) == {("FILE_ONLY", "2026-04-06", "closed")}
    rows = all_rows(funds.home_folder, ran.run).filter(pl.col("reference") == "EKF1")
    assert set(rows["verdict"]) == {"matched"}
    ran = await funds.full_night(WED)
    assert ran.run.holds, ran.run.invariants
    assert ran.chargebacks == ()


async def test_a_night_that_is_run_again_and_a_corrected_file_pass_on_the_same_row(funds: NightStage) -> None:
    await funds.full_night(SUN)
    await funds.send(BKASH, [TAKEN], MON).full_night(MON)
    again = await funds.night(MON)
    assert not again.is_new
    assert {answer.outcome for answer in again.chargebacks} == {ChargebackRowOutcome.KNOWN}
    ran = await funds.send(BKASH, [TAKEN, OTHER], MON, correction=1).full_night(TUE)
    assert ran.run.holds, ran.run.invariants
    assert [answer.outcome for answer in ran.chargebacks] == [ChargebackRowOutcome.KNOWN]
    assert {(row.connector_id, row.name, row.answer_due_on) for row in funds.chargeback_rows.told} == {
        (BKASH, "CB-1", ROW.answer_due_on)
    }


async def test_a_night_that_died_after_its_commit_is_made_up_for_by_the_next(funds: NightStage) -> None:
    await funds.full_night(SUN)
    await funds.send(BKASH, [TAKEN], MON).full_night(MON)
    funds.chargeback_rows.told.clear()
    await funds.full_night(TUE)
    assert funds.chargeback_rows.told == [ROW]


async def test_a_dispute_that_could_not_be_opened_is_said_and_opened_by_the_same_night_again(
    funds: NightStage,
) -> None:
    await funds.full_night(SUN)
    funds.chargeback_rows.failures = 1
    ran = await funds.send(BKASH, [TAKEN], MON).full_night(MON)
    assert (ran.run.seq, ran.chargebacks) == (2, ())
    assert "lock timeout" in ran.dispute_failure
    again = await funds.night(MON)
    assert (again.is_new, again.dispute_failure) == (False, "")
    assert set(funds.chargeback_rows.told) == {ROW}


@pytest.mark.parametrize(
    ("row", "diagnosis"),
    [
        (TAKEN.but(ours="EKF9"), "chargeback_of_no_payment"),
        (TAKEN.but(gross=-100_001), "chargeback_beyond_payment"),
        (TAKEN.but(currency="USD"), "chargeback_in_other_currency"),
    ],
)
async def test_a_row_that_cannot_be_disputed_stays_a_break_that_says_what_to_do(
    funds: NightStage, row: Movement, diagnosis: str
) -> None:
    await funds.full_night(SUN)
    ran = await funds.send(BKASH, [row], MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert [(told, "claim" in en) for told, en in await words_of_breaks(funds)] == [(diagnosis, True)]


async def test_a_second_row_of_a_further_round_is_passed_on_and_agrees_apart(funds: NightStage) -> None:
    await funds.full_night(SUN)
    await funds.book(BKASH, HELD.but(at=at("2026-04-06 15:00:00"))).send(BKASH, [TAKEN], MON).full_night(MON)
    assert await breaks_of(funds) == set()
    assert funds.chargeback_rows.told == []
    second = TAKEN.but(theirs="CB-2", at=at("2026-04-07 10:00:00"))
    ran = await funds.send(BKASH, [second], TUE).full_night(TUE)
    assert ran.run.holds, ran.run.invariants
    assert [row.name for row in funds.chargeback_rows.told] == ["CB-2"]
    assert await breaks_of(funds) == {("FILE_ONLY", "2026-04-07", "open")}
    # Named otherwise than the row, our line of it is no proof.
    ran = await funds.book(BKASH, HELD.but(theirs="CB-3"), day=WED, further="other").full_night(WED)
    assert ran.run.holds, ran.run.invariants
    assert ("FILE_ONLY", "2026-04-07", "open") in await breaks_of(funds)


async def test_the_same_row_in_two_files_is_one_chargeback_and_a_duplicate(funds: NightStage) -> None:
    await funds.full_night(SUN)
    await funds.send(BKASH, [TAKEN], MON).full_night(MON)
    ran = await funds.send(BKASH, [TAKEN, OTHER], TUE).full_night(TUE)
    assert ran.run.holds, ran.run.invariants
    assert {code for code, *_ in await breaks_of(funds)} == {"FILE_ONLY", "DUP_ACROSS_FILES"}
    ran = await funds.book(BKASH, HELD, day=WED).full_night(WED)
    assert ran.run.holds, ran.run.invariants
    assert {(code, state) for code, _, state in await breaks_of(funds)} == {
        ("FILE_ONLY", "closed"),
        ("DUP_ACROSS_FILES", "open"),
    }


async def test_a_refund_beside_a_chargeback_agrees_with_its_own_row(funds: NightStage) -> None:
    await funds.full_night(SUN)
    refund = TAKEN.but(gross=-30_000, event="refund", theirs="R-1")
    part = TAKEN.but(gross=-50_000)
    held = HELD.but(gross=-50_000, at=at("2026-04-06 16:00:00"))
    funds.book(BKASH, refund).book(BKASH, held, further="the chargeback")
    ran = await funds.send(BKASH, [refund, part], MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert await breaks_of(funds) == set()
    rows = all_rows(funds.home_folder, ran.run).filter(pl.col("reference") == "EKF1")
    assert (rows.height, set(rows["verdict"])) == (6, {"matched"})


async def test_a_chargeback_that_failed_took_nothing_and_is_not_passed_on(funds: NightStage) -> None:
    await funds.full_night(SUN)
    ran = await funds.send(BKASH, [TAKEN.but(status="failed")], MON).full_night(MON)
    assert ran.run.holds, ran.run.invariants
    assert funds.chargeback_rows.told == []
