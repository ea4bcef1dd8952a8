"""Payouts keep to their rules over real tables: matched, received, at our risk, above the reserve."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    collected_entry,
    collected_without_payment_entry,
    delivered_entry,
    prefund_accepted_entry,
)
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.security.identifiers import uuid7
from reconciliation.errors import SettlementError
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.instructions.account_registry import CoverSettings, PayoutRow, PayoutSettings
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.holdbacks import MissingFact
from reconciliation.settlement.preview import explain_party, preview_sheet
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.store.payout_limits import LimitChange, write_limit
from tests.reconciliation.settlement.sample_lines import DESCO, MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, booked, expected, pair

WED = date(2026, 4, 8)
CREDIT = "NPSB20260406"
CHARGE = 1_150
FIRST, SECOND = UUID(int=1), UUID(int=2)


def sums(paisa: int) -> Sums:
    return Sums(Money(paisa), ZERO, ZERO, ZERO)


async def sold(
    stage: Stage, payment: UUID, paisa: int, *connectors: str, biller: str = "desco_postpaid"
) -> None:
    """A bill that the first connector collected, and others beside it; without any, a prefund's."""
    if not connectors:
        partner = await stage.books.partner("bank1", prefund=paisa)
        entries = [prefund_accepted_entry(f"prefund:{partner}:postpaid", sums(paisa))]
    else:
        entries = [collected_entry(connectors[0], sums(paisa), ZERO)]
    entries += [collected_without_payment_entry(name, Money(paisa), ZERO) for name in connectors[1:]]
    entries.append(delivered_entry(biller, sums(paisa)))
    accounts = {line.account for entry in entries for line in entry.postings if line.account[:7] != "prefund"}
    await stage.office.books.open_accounts(sorted(accounts))
    for entry in entries:
        await stage.books.submit(PostEntry(uuid7(), 0, entry, payment))


def bill(
    payment: UUID, paisa: int, ordinal: int = 1, biller: str = "desco_postpaid"
) -> list[dict[str, object]]:
    """Both sides of a bill that the biller's file agrees on."""
    return pair(biller, f"D{ordinal}", paisa, payment_id=str(payment), ordinal=ordinal)


def collection(
    payment: UUID, paisa: int, ordinal: int = 1, connector: str = "npsb"
) -> list[dict[str, object]]:
    """Both sides of a collection that the connector's file agrees on."""
    return pair(connector, f"N{ordinal}", paisa, payment_id=str(payment), ordinal=ordinal)


def with_rules(
    stage: Stage, default: str = "received", rules: Iterable[PayoutRow] = (), reserve: int = 0
) -> Stage:
    payouts = PayoutSettings(default=default, rules=tuple(rules))  # type: ignore[arg-type]
    cover = CoverSettings.model_construct(reserve=reserve)
    return stage.with_registry(stage.desk.registry.model_copy(update={"payouts": payouts, "cover": cover}))


def figures(sheet: SettledValueDate, party: Party = DESCO) -> tuple[int, int, str]:
    (row,) = [row for row in sheet.rows if row.position.party == party]
    return row.instructed, row.carried_out, row.reason


async def audited(stage: Stage) -> object:
    connection = await stage.office.connect("audit")
    try:
        return await first_broken(connection)
    finally:
        await connection.close()


async def test_a_payee_is_paid_once_the_connectors_money_stands_and_no_more_when_it_is_taken_back(
    stage: Stage,
) -> None:
    await sold(stage, FIRST, 70_000, "npsb")
    stage.rows = [
        *collection(FIRST, 70_000),
        *bill(FIRST, 70_000),
        expected("stmt_janata", CREDIT, 70_000 - CHARGE, MON),
    ]
    await stage.run(SUN)
    assert figures(await stage.settle(MON, "")) == (0, 70_000, "not_received")
    stage.rows.append(booked("stmt_janata", CREDIT, 70_000 - CHARGE, MON, ordinal=9))
    await stage.run(MON)
    # Read, and not booked: nothing has been received yet.
    async with open_work(stage.desk) as work:
        assert (await preview_sheet(work, TUE)).holdbacks[0].holdback.not_received == 70_000
    await stage.follow()
    assert figures(await stage.settle(TUE)) == (70_000, 0, ""), (
        "carried in by itself, with no line of its own"
    )
    # The statement is corrected and has no such credit: what comes next goes against what was paid.
    stage.rows.pop()
    await sold(stage, SECOND, 80_000, "npsb")
    stage.rows += [*collection(SECOND, 80_000, 2), *bill(SECOND, 80_000, 2)]
    await stage.run(TUE)
    await stage.follow()
    assert figures(await stage.settle(WED)) == (0, 80_000, "not_received")
    async with open_work(stage.desk) as work:
        found = await explain_party(work, "biller:desco_postpaid", WED)
    assert [(item.payment_id, item.connector, item.amount, item.missing) for item in found.unreceived] == [
        (FIRST, "npsb", 70_000, MissingFact.NOT_RECEIVED),
        (SECOND, "npsb", 80_000, MissingFact.NOT_RECEIVED),
    ]
    assert await audited(stage) is None


async def test_a_payment_is_held_until_the_file_of_its_own_connector_agrees(stage: Stage) -> None:
    with_rules(stage, "matched")
    await sold(stage, FIRST, 70_000, "npsb", "bkash")
    # The money beside it is the payer's, whatever its file says.
    stage.rows = [*bill(FIRST, 70_000), *collection(FIRST, 70_000, 1, "bkash")]
    await stage.run(SUN)
    assert figures(await stage.settle(MON, "")) == (0, 70_000, "not_matched")
    stage.rows += collection(FIRST, 70_000, 2)
    await stage.run(MON)
    sheet = await stage.settle(TUE)
    assert figures(sheet) == (70_000, 0, "")
    assert sheet.cover is not None
    assert (sheet.cover.before, sheet.cover.after) == (0, -70_000), "paid before the money came"


async def test_what_a_partner_has_paid_for_beforehand_is_received(stage: Stage) -> None:
    await sold(stage, FIRST, 70_000)
    stage.rows = bill(FIRST, 70_000)
    await stage.run(SUN)
    sheet = await stage.settle(MON, "")
    assert figures(sheet) == (70_000, 0, "")
    assert sheet.cover is not None
    assert (sheet.cover.before, sheet.cover.after, sheet.cover.override) == (0, 0, "")
    assert await audited(stage) is None


async def test_of_a_short_payout_the_largest_payments_are_received(stage: Stage) -> None:
    await sold(stage, FIRST, 70_000, "npsb")
    await sold(stage, SECOND, 80_000, "npsb")
    stage.rows = [
        *collection(FIRST, 70_000),
        *collection(SECOND, 80_000, 2),
        *bill(FIRST, 70_000),
        *bill(SECOND, 80_000, 2),
        expected("stmt_janata", CREDIT, 150_000 - CHARGE, MON),
        booked("stmt_janata", CREDIT, 150_000 - CHARGE - 1, MON, ordinal=9),
    ]
    await stage.run(SUN)
    await stage.follow()
    assert figures(await stage.settle(MON, "the paisa is asked for")) == (80_000, 70_000, "not_received")


TAMPERING = """
ALTER TABLE reconciliation.settlement_holdbacks DROP CONSTRAINT ck_settlement_holdbacks_rules;
UPDATE reconciliation.settlement_holdbacks SET at_risk = 70001, unreceived = 70001 WHERE instructed = 30000
"""


async def test_a_collection_that_was_taken_in_before_there_were_rules_counts_for_a_later_bill(
    stage: Stage,
) -> None:
    with_rules(stage, "matched")
    await sold(stage, FIRST, 70_000, "npsb")
    await stage.hold({"settlement_bank": 70_000})
    stage.rows = collection(FIRST, 70_000)
    await stage.run(SUN)
    await stage.settle(MON, "")
    await stage.books.tell("DELETE FROM reconciliation.settlement_line_payments")
    stage.rows += bill(FIRST, 70_000)
    await stage.run(MON)
    assert figures(await stage.settle(TUE)) == (70_000, 0, "")


async def limited(stage: Stage, paisa: int, *persons: str) -> None:
    async with open_work(stage.desk) as work:
        await write_limit(work.connection, LimitChange(DESCO, paisa, *(persons or (MAKER, CHECKER))))


async def test_at_our_risk_a_payee_is_paid_up_to_the_limit_and_the_rest_when_the_money_comes(
    stage: Stage,
) -> None:
    rule = PayoutRow(role="biller", party="desco_postpaid", rule="on_risk")
    with_rules(stage, rules=[rule])
    await sold(stage, FIRST, 70_000, "npsb")
    await stage.hold({"settlement_bank": 40_000})
    stage.rows = bill(FIRST, 70_000)
    await stage.run(SUN)
    with pytest.raises(asyncpg.CheckViolationError, match="ck_settlement_limits_persons"):
        await limited(stage, 1, MAKER, MAKER)
    await limited(stage, 30_000)
    sheet = await stage.settle(MON, "")
    assert figures(sheet) == (30_000, 40_000, "beyond_limit")
    assert sheet.cover is not None
    assert (sheet.cover.before, sheet.cover.after) == (40_000, 10_000)
    await stage.run(MON)
    assert figures(await stage.settle(TUE)) == (0, 40_000, "beyond_limit"), "the limit is in use"
    await limited(stage, 0)
    await limited(stage, 50_000)
    await stage.run(TUE)
    assert figures(await stage.settle(WED)) == (20_000, 20_000, "beyond_limit")
    assert await audited(stage) is None
    await stage.books.tell(TAMPERING)
    assert "settlement_holdbacks 2026-04-06 biller:desco_postpaid" in str(await audited(stage))


async def test_an_order_below_the_reserve_or_over_open_nights_takes_two_persons_to_override(
    stage: Stage,
) -> None:
    with_rules(stage, reserve=10_000)
    await sold(stage, FIRST, 70_000)
    stage.rows = bill(FIRST, 70_000)
    await stage.hold({"settlement_bank": 9_999})
    await stage.run(SUN)
    await stage.run(MON)
    with pytest.raises(
        SettlementError, match=r"99\.99 taka, below the reserve of 100\.00.*not closed: 2026-04-05"
    ):
        await stage.settle(TUE, "")
    assert await stage.books.count("reconciliation.settlement_sheets") == 0
    assert await stage.journal_of_settlement() == []
    sheet = await stage.settle(TUE, "the bank is closed tomorrow")
    assert figures(sheet) == (70_000, 0, "")
    assert sheet.cover is not None
    assert (sheet.cover.after, sheet.cover.reserve, sheet.cover.open_nights) == (9_999, 10_000, (SUN,))
    assert sheet.cover.override == "the bank is closed tomorrow"
    assert await audited(stage) is None
    connection = await stage.office.connect()
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="ck_settlement_overrides_persons"):
            await connection.execute(
                "INSERT INTO reconciliation.settlement_overrides VALUES ($1, 'x', $2, $2)", MON, MAKER
            )
    finally:
        await connection.close()
    await stage.books.tell("DELETE FROM reconciliation.settlement_overrides")
    assert "settlement_covers 2026-04-07" in str(await audited(stage))
