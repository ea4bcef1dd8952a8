"""Tax is withheld from payouts, restored with their rejection, and proven by database and audit."""

import runpy
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.instructions.account_registry import PayoutSettings
from reconciliation.settlement.instructions.withholding_rows import TaxpayerRow, WithholdingRow
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.preview import current_cover, preview_sheet
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.store.contradictions import Verdict
from tests.reconciliation.settlement.sample_lines import CALENDAR, MON, SUN, TUE
from tests.reconciliation.settlement.stage import Stage, booked, pair, report

MIGRATION = Path(__file__).parents[3] / "migrations/versions/from_0026/0053_withheld_tax.py"
DESCO_ACCOUNT = "payable:desco_postpaid"
INSTRUCTIONS = """
SELECT end_to_end_id, amount, withheld FROM reconciliation.settlement_instructions ORDER BY value_date
"""
MOVEMENTS = "SELECT revision, gross, tax FROM reconciliation.withheld_taxes ORDER BY id"
TAX = """
SELECT j.moment, p.account, p.amount FROM journal_entries AS j JOIN postings AS p ON p.entry_id = j.id
WHERE starts_with(j.moment, 'settlement_tax') ORDER BY j.seq, p.seq
"""


def row(**more: object) -> WithholdingRow:
    told = {"role": "biller", "section": "94", "basis_points": 1_000, "valid_from": date(2026, 1, 1)}
    return WithholdingRow.model_validate(told | more)


def with_taxes(stage: Stage, *rows: WithholdingRow, taxpayers: tuple[TaxpayerRow, ...] = ()) -> Stage:
    payouts = PayoutSettings(withholding=rows or (row(),), taxpayers=taxpayers)
    return stage.with_registry(stage.desk.registry.model_copy(update={"payouts": payouts}))


async def agreed(stage: Stage, paisa: int, day: date = SUN, ordinal: int = 1) -> None:
    """What a biller's file of a day and our books agree on."""
    file = f"desco_postpaid_{day:%Y%m%d}_01.txt"
    stage.rows += pair("desco_postpaid", f"D{ordinal}", paisa, file=file, ordinal=ordinal, business_date=day)
    await stage.hold({DESCO_ACCOUNT: paisa, "settlement_bank": paisa})


async def settled(stage: Stage, night: date) -> SettledValueDate:
    await stage.run(night)
    return await stage.settle(CALENDAR.business_day_after(night))


async def names(stage: Stage) -> list[str]:
    return [line[0] for line in await stage.books.rows(INSTRUCTIONS)]


async def movements(stage: Stage) -> list[tuple[int, int, int]]:
    return [tuple(line) for line in await stage.books.rows(MOVEMENTS)]


async def debited(stage: Stage, name: str, paisa: int, night: date) -> None:
    stage.rows.append(booked("stmt_sonali", name, -paisa, night, ordinal=len(stage.rows) + 1))
    await stage.run(night)
    await stage.follow()


async def audited(stage: Stage) -> object:
    connection = await stage.office.connect("audit")
    try:
        return await first_broken(connection) or await stage.books.audit()
    finally:
        await connection.close()


async def test_the_payee_gets_the_net_and_the_state_is_owed_the_tax(stage: Stage) -> None:
    with_taxes(stage)
    await agreed(stage, 123_456)
    await stage.run(SUN)
    async with open_work(stage.desk) as work:
        preview = await preview_sheet(work, MON)
        before = (await current_cover(work)).strict
    sheet = await stage.settle(MON)
    assert preview.taxes == sheet.taxes
    ((_, amount, withheld),) = await stage.books.rows(INSTRUCTIONS)
    assert (amount, withheld) == (111_110, 12_346)
    ((taxed,),) = (sheet.taxes,)
    assert (taxed.withheld.gross, taxed.withheld.tax, taxed.withheld.net) == (123_456, 12_346, 111_110)
    (position,) = [item for item in sheet.rows if item.position.party == taxed.payee]
    assert (position.instructed, position.carried_out, position.rest) == (123_456, 0, 0)
    assert sum(file.amount for file in sheet.files) == amount
    assert [tuple(line) for line in await stage.books.rows(TAX)] == [
        ("settlement_tax_withheld", DESCO_ACCOUNT, 12_346),
        ("settlement_tax_withheld", "withheld_tax_payable", -12_346),
    ]
    async with open_work(stage.desk) as work:
        assert (await current_cover(work)).strict == before, "the state's money is money of others"
    await debited(stage, (await names(stage))[0], amount, MON)
    assert await stage.balances() == {"settlement_bank": 12_346, "withheld_tax_payable": 12_346}
    assert (await stage.settle(MON)).taxes == sheet.taxes
    assert await audited(stage) is None


async def test_nothing_is_withheld_without_a_rule(stage: Stage) -> None:
    await agreed(stage, 123_456)
    sheet = await settled(stage, SUN)
    assert (sheet.taxes, await movements(stage)) == ((), [])
    assert (await stage.books.rows(INSTRUCTIONS))[0][1:] == (123_456, 0)
    assert await audited(stage) is None


async def test_a_rejection_restores_the_tax_and_the_next_payout_withholds_it_again(stage: Stage) -> None:
    with_taxes(stage)
    await agreed(stage, 100_005)
    await settled(stage, SUN)
    await stage.follow(report((await names(stage))[0], "RJCT"))
    assert await movements(stage) == [(0, 100_005, 10_001), (1, -100_005, -10_001)]
    assert (await stage.balances())[DESCO_ACCOUNT] == 100_005
    assert "withheld_tax_payable" not in await stage.balances()
    await settled(stage, MON)
    assert (await stage.books.rows(INSTRUCTIONS))[1][1:] == (90_004, 10_001)
    assert await audited(stage) is None


async def test_a_reinstatement_withholds_again(stage: Stage) -> None:
    with_taxes(stage)
    await agreed(stage, 100_005)
    await settled(stage, SUN)
    (name,) = await names(stage)
    await stage.follow(report(name, "RJCT"))
    await debited(stage, name, 90_004, MON)
    assert await movements(stage) == [(0, 100_005, 10_001), (1, -100_005, -10_001), (2, 100_005, 10_001)]
    assert await stage.balances() == {"settlement_bank": 10_001, "withheld_tax_payable": 10_001}
    await stage.decide(name, Verdict.EXECUTED)
    assert await audited(stage) is None
    # The bank gives the money back: two persons need say nothing, and nothing was withheld.
    stage.rows.append(booked("stmt_sonali", name, 90_004, TUE, ordinal=99))
    await stage.run(TUE)
    await stage.follow()
    assert (await movements(stage))[-1] == (3, -100_005, -10_001)
    assert await audited(stage) is None


async def test_two_persons_who_say_rejected_restore_the_tax(stage: Stage) -> None:
    with_taxes(stage)
    await agreed(stage, 100_005)
    await settled(stage, SUN)
    (name,) = await names(stage)
    await stage.follow(report(name, "ACSC"))
    await stage.follow(report(name, "RJCT"))
    await stage.decide(name, Verdict.REJECTED)
    assert (await movements(stage))[-1][2] == -10_001
    assert await audited(stage) is None


async def test_the_tax_of_a_month_is_the_rate_of_its_sum(stage: Stage) -> None:
    with_taxes(stage)
    for ordinal, night in enumerate((SUN, MON, TUE), start=1):
        await agreed(stage, 100_004, night, ordinal)
        await settled(stage, night)
    # Each alone would withhold 10,000; together it is 30,001.2.
    assert [tax for _, _, tax in await movements(stage)] == [10_000, 10_001, 10_000]
    assert await audited(stage) is None


@pytest.mark.parametrize(
    ("more", "proof_until", "tax"),
    [
        ({"basis_points_without_proof": 1_500}, None, 15_000),
        ({"basis_points_without_proof": 1_500}, MON, 10_000),
        ({"basis_points_without_proof": 1_500}, SUN, 15_000),
        ({"threshold": "1000.00"}, None, 10_000),
        ({"threshold": "1000.01"}, None, 0),
        ({"valid_until": SUN}, None, 0),
        ({"valid_from": MON}, None, 10_000),
        ({"valid_from": TUE}, None, 0),
        ({"party": "breb_postpaid"}, None, 0),
        ({"role": "payee", "base": "commission"}, None, 0),
    ],
)
async def test_proof_threshold_dates_and_payees_decide(
    stage: Stage, more: Mapping[str, object], proof_until: date | None, tax: int
) -> None:
    known = {"role": "biller", "party": "desco_postpaid", "tin": "123456789012", "proof_until": proof_until}
    with_taxes(stage, row(**more), taxpayers=(TaxpayerRow.model_validate(known),))
    await agreed(stage, 100_000)
    await settled(stage, SUN)
    assert (await stage.books.rows(INSTRUCTIONS))[0][1:] == (100_000 - tax, tax)
    assert await audited(stage) is None


INSERTED = """
INSERT INTO reconciliation.withheld_taxes (end_to_end_id, revision, section, base, basis_points, gross_before,
  tax_before, gross, tax, entry_id)
SELECT end_to_end_id, {revision}, '94', 'paid', 1000, {gross_before}, {tax_before},
  {sign} * (amount + withheld), {sign} * withheld, gen_random_uuid()
FROM reconciliation.settlement_instructions
"""
REFUSED = {
    "another tax": ("UPDATE reconciliation.withheld_taxes SET tax = 9_999", "ck_withheld_taxes_tax"),
    "another rate": ("UPDATE reconciliation.withheld_taxes SET basis_points = 999", "ck_withheld_taxes_tax"),
    "restored without a rejection": (
        INSERTED.format(revision=1, gross_before=0, tax_before=0, sign=-1),
        "moves with its instruction",
    ),
    "an entry that is none": (
        "DELETE FROM reconciliation.withheld_taxes;"  # noqa: S608 - a constant
        + INSERTED.format(revision=0, gross_before=0, tax_before=0, sign=1),
        "from the payee to the state",
    ),
    "other sums of the month": (
        INSERTED.format(revision=0, gross_before=50, tax_before=5, sign=1),
        "rate of what its month has paid",
    ),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=list(REFUSED))
async def test_the_database_refuses_another_tax(stage: Stage, change: str, words: str) -> None:
    with_taxes(stage)
    await agreed(stage, 100_000)
    await settled(stage, SUN)
    with pytest.raises(asyncpg.CheckViolationError, match=words):
        await stage.books.tell(change)


TAMPERED = {
    "no tax": "DELETE FROM reconciliation.withheld_taxes",
    "another gross": "UPDATE reconciliation.settlement_instructions SET amount = amount + 1",
    "another entry": "UPDATE reconciliation.withheld_taxes SET entry_id = gen_random_uuid()",
    "another rate": "ALTER TABLE reconciliation.withheld_taxes DROP CONSTRAINT ck_withheld_taxes_tax; "
    "UPDATE reconciliation.withheld_taxes SET basis_points = 500",
}


@pytest.mark.parametrize("name", TAMPERED)
async def test_the_audit_finds_what_somebody_has_changed(stage: Stage, name: str) -> None:
    with_taxes(stage)
    await agreed(stage, 100_000)
    await settled(stage, SUN)
    await stage.books.tell(TAMPERED[name])
    assert "withheld_taxes" in str(await audited(stage))


async def test_the_audit_finds_withheld_tax_of_no_payout(stage: Stage) -> None:
    await stage.hold({"withheld_tax_payable": 500, "settlement_bank": 500})
    assert "no payout has withheld" in str(await audited(stage))


async def test_the_migration_is_not_taken_back_over_withheld_tax(stage: Stage) -> None:
    guard = runpy.run_path(str(MIGRATION))["GUARD"]
    await stage.books.tell(guard)
    with_taxes(stage)
    await agreed(stage, 100_000)
    await settled(stage, SUN)
    with pytest.raises(asyncpg.RaiseError, match="tax was withheld from payouts"):
        await stage.books.tell(guard)
