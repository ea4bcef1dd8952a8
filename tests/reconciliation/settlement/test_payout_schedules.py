"""Payouts keep to schedules, minimums and holds over real tables; what waits is owed and comes by itself."""

from datetime import date

import asyncpg
import pytest

from reconciliation.cli.payouts.order_basis import basis_facts, show_basis
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.instructions.account_registry import PayoutSettings, ScheduleRow
from reconciliation.settlement.preview import preview_sheet
from reconciliation.settlement.settle_value_date import SettledValueDate
from tests.reconciliation.settlement.sample_lines import CALENDAR, DESCO, MON, SUN, TUE
from tests.reconciliation.settlement.stage import Stage, booked, expected, pair, report
from tests.reconciliation.settlement.test_payout_rules import (
    CHARGE,
    CREDIT,
    FIRST,
    SECOND,
    bill,
    collection,
    sold,
)

WED, THU, SUNDAY = date(2026, 4, 8), date(2026, 4, 9), date(2026, 4, 12)


def with_terms(stage: Stage, default: str = "received", **terms: object) -> Stage:
    row = ScheduleRow.model_validate({"role": "biller", "party": "desco_postpaid", **terms})
    payouts = PayoutSettings(default=default, schedules=(row,))  # type: ignore[arg-type]
    return stage.with_registry(stage.desk.registry.model_copy(update={"payouts": payouts}))


async def agreed(stage: Stage, paisa: int, day: date = SUN, ordinal: int = 1) -> None:
    """What a biller's file of a day and our books agree on."""
    file = f"desco_postpaid_{day:%Y%m%d}_01.txt"
    stage.rows += pair("desco_postpaid", f"D{ordinal}", paisa, file=file, ordinal=ordinal, business_date=day)
    await stage.hold({"payable:desco_postpaid": paisa, "settlement_bank": paisa})


def figures(sheet: SettledValueDate) -> tuple[int, int, str]:
    (row,) = [row for row in sheet.rows if row.position.party == DESCO]
    return row.instructed, row.carried_out, row.reason


def why(sheet: SettledValueDate) -> list[str]:
    waiting = basis_facts(sheet.holdbacks, sheet.cover)["waiting"]
    assert isinstance(waiting, list)
    return [item["why"] for item in waiting]


async def audited(stage: Stage) -> object:
    connection = await stage.office.connect("audit")
    try:
        return await first_broken(connection)
    finally:
        await connection.close()


async def settled(stage: Stage, night: date) -> SettledValueDate:
    await stage.run(night)
    return await stage.settle(CALENDAR.business_day_after(night))


async def test_a_weekly_payee_is_paid_everything_on_its_day(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with_terms(stage, schedule="weekly", weekdays=["wednesday"])
    await agreed(stage, 70_000)
    await stage.run(SUN)
    async with open_work(stage.desk) as work:
        preview = await preview_sheet(work, MON)
    sheet = await stage.settle(MON)
    assert preview.holdbacks == sheet.holdbacks
    assert (figures(sheet), why(sheet)) == ((0, 70_000, "not_scheduled"), ["next payout 2026-04-08"])
    show_basis(sheet.holdbacks, None)
    assert "next payout 2026-04-08" in capsys.readouterr().out
    await agreed(stage, 5_000, MON, 2)
    assert figures(await settled(stage, MON)) == (0, 75_000, "not_scheduled")
    sheet = await settled(stage, TUE)
    assert (figures(sheet), why(sheet)) == ((75_000, 0, ""), [])
    assert await audited(stage) is None
    await stage.books.tell(
        "ALTER TABLE reconciliation.settlement_holdbacks DROP CONSTRAINT ck_settlement_holdbacks_terms;"
        "UPDATE reconciliation.settlement_holdbacks SET minimum = 75001 WHERE instructed > 0"
    )
    assert "settlement_holdbacks 2026-04-08 biller:desco_postpaid" in str(await audited(stage))


async def test_a_payout_date_that_was_forgotten_or_rejected_is_made_up_for(stage: Stage) -> None:
    with_terms(stage, schedule="weekly", weekdays=["tuesday"])
    await agreed(stage, 70_000)
    assert figures(await settled(stage, SUN)) == (0, 70_000, "not_scheduled")
    # Nobody settles Tuesday.
    await stage.run(MON)
    sheet = await settled(stage, TUE)
    assert figures(sheet) == (70_000, 0, "")
    (name,) = [row[0] for row in await stage.books.rows(INSTRUCTIONS)]
    await stage.follow(report(name, "RJCT"))
    assert figures(await settled(stage, WED)) == (70_000, 0, ""), "its bank has sent it back: it is due"
    await agreed(stage, 5_000, THU, 2)
    assert figures(await settled(stage, THU)) == (0, 5_000, "not_scheduled")
    assert await audited(stage) is None


INSTRUCTIONS = "SELECT end_to_end_id FROM reconciliation.settlement_instructions"


async def test_less_than_the_minimum_is_carried_until_it_is_reached(stage: Stage) -> None:
    with_terms(stage, minimum="500.00")
    await agreed(stage, 49_999)
    sheet = await settled(stage, SUN)
    assert (figures(sheet), why(sheet)) == (
        (0, 49_999, "below_payout_minimum"),
        ["below the minimum of 500.00"],
    )
    await agreed(stage, 1_000, MON, 2)
    assert figures(await settled(stage, MON)) == (50_999, 0, "")
    assert await audited(stage) is None


async def test_money_rests_after_its_value_date_and_a_refund_of_it_counts_at_once(stage: Stage) -> None:
    with_terms(stage, hold_days=2)
    await agreed(stage, 70_000)
    sheet = await settled(stage, SUN)
    assert (figures(sheet), why(sheet)) == ((0, 70_000, "resting"), ["700.00 rests"])
    await agreed(stage, 30_000, MON, 2)
    assert figures(await settled(stage, MON)) == (0, 100_000, "resting")
    # A corrected file has the second bill no more: what was taken back does not hold the first one longer.
    del stage.rows[2:]
    await stage.hold({"payable:desco_postpaid": -30_000, "settlement_bank": -30_000})
    sheet = await settled(stage, TUE)
    assert (figures(sheet), why(sheet)) == ((70_000, 0, ""), [])
    assert await audited(stage) is None


async def test_what_rests_is_held_once_though_its_money_has_not_come(stage: Stage) -> None:
    with_terms(stage, hold_days=1)
    await sold(stage, FIRST, 70_000, "npsb")
    await sold(stage, SECOND, 40_000)
    stage.rows = [
        *collection(FIRST, 70_000),
        *bill(FIRST, 70_000),
        *bill(SECOND, 40_000, 2),
        expected("stmt_janata", CREDIT, 70_000 - CHARGE, MON),
    ]
    sheet = await settled(stage, SUN)
    (held,) = [item.holdback for item in sheet.holdbacks if item.payee == DESCO]
    assert (held.resting, held.not_received, held.unreceived) == (110_000, 0, 0)
    assert figures(sheet) == (0, 110_000, "resting")
    sheet = await settled(stage, MON)
    assert figures(sheet) == (40_000, 70_000, "not_received")
    stage.rows.append(booked("stmt_janata", CREDIT, 70_000 - CHARGE, MON, ordinal=9))
    await stage.run(TUE)
    await stage.follow()
    assert figures(await stage.settle(WED)) == (70_000, 0, "")
    assert await audited(stage) is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reconciliation.settlement_holdbacks SET minimum = instructed + 1",
        "UPDATE reconciliation.settlement_holdbacks SET next_payout = value_date + 1",
        "UPDATE reconciliation.settlement_holdbacks SET resting = owed - instructed + 1",
    ],
)
async def test_the_database_refuses_what_terms_do_not_allow(stage: Stage, change: str) -> None:
    with_terms(stage, minimum="500.00")
    await agreed(stage, 70_000)
    await settled(stage, SUN)
    with pytest.raises(asyncpg.CheckViolationError, match=r"ck_settlement_holdbacks_(terms|rules)"):
        await stage.books.tell(change)
