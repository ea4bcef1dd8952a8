"""A month is closed by two persons when nothing stands against it, and stays what it was."""

import runpy
from pathlib import Path

import asyncpg
import pytest

from ekpay_switch.domain.ledger.posting_rules import topped_up_entry
from ekpay_switch.domain.money import Money
from reconciliation.papers.month_closing import close_month, month_blockers
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.resolutions.closed_months import verify_closed_months
from reconciliation.resolutions.decision_records import OnePersonError, UnfitError
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30, PREFUND, MonthOfBooks
from tests.reconciliation.settlement.stage import CHECKER, MAKER

APRIL = Period(APRIL_1, APRIL_30)
MIGRATION = Path(__file__).parents[3] / "migrations/versions/from_0026/0043_closed_months.py"
CLOSED_WINDOWS = """
INSERT INTO settlement_windows (id, business_date, state, closed_at)
SELECT 1000 + extract(day FROM d), d, 'closed', now()
FROM generate_series(date '2026-04-01', date '2026-04-30', interval '1 day') AS d
"""
CLOSED_NIGHTS = """
INSERT INTO reconciliation.closed_days (night, run_id, restatement, closed_by, approved_by, figures, digest,
  delta)
SELECT d, $1, 1, 'Rahima', 'Karim', '{}', '', '{}'
FROM generate_series(date '2026-04-01', date '2026-04-30', interval '1 day') AS d
"""
SHORT_COVER = """
UPDATE reconciliation.runs SET figures = '{"cover.strict": -900, "cover.with_receivables": -150}'
"""
SHORT = (
    "trust cover of 2026-04-30 is short by 1.50 taka even with what connectors owe: bring in money of "
    "our own (ekpay decide journal), and reconcile the next night"
)
WAITING = (
    """
INSERT INTO top_ups (id, partner_id, bucket, amount, reference, asked_by, asked_at)
VALUES (gen_random_uuid(), 'bank1', 'postpaid', 5, 'SB1', 'Rahima', '2026-04-30 17:59:59+00')
""",
    """
INSERT INTO alarms (id, kind, subject, owner, due_on, facts, raised_at, last_raised_at)
VALUES (gen_random_uuid(), 'break', 'b', 'finance', '2026-05-01', '{}', '2026-04-30 17:59:59+00', now())
""",
    """
INSERT INTO alarms (id, kind, subject, owner, due_on, facts, raised_at, last_raised_at)
VALUES (gen_random_uuid(), 'break', 'of May', 'finance', '2026-05-01', '{}', '2026-04-30 18:00:00+00', now())
""",
)
ENDED = ("UPDATE top_ups SET rejected_by = 'Karim', rejected_at = now(), rejection_reason = 'twice'",
         "DELETE FROM alarms")  # fmt: skip
BY_ONE = """
INSERT INTO reconciliation.closed_months (month, closed_by, approved_by, figures, digest)
VALUES ('2026-03-01', 'Karim', 'Karim', '{}', '')
"""


async def blockers(month: MonthOfBooks) -> list[str]:
    async with read_snapshot(month.finance) as connection:
        return await month_blockers(connection, APRIL)


async def test_a_month_is_closed_only_when_nothing_stands_against_it(month: MonthOfBooks) -> None:
    books = month.stage.books
    first = await blockers(month)
    assert first[0] == "settlement window of 2026-04-01 was never closed"
    assert first[30:31] == ["night of 2026-04-01 was not reconciled: ekpay reconcile run"]
    assert len(first) == 60
    run_id = await month.stage.run(APRIL_30)
    assert (await blockers(month))[-1] == "night of 2026-04-30 is not closed: ekpay reconcile close"
    await books.tell(CLOSED_WINDOWS)
    await books.tell(CLOSED_NIGHTS, run_id)
    for statement in WAITING:
        await books.tell(statement)
    await books.tell(SHORT_COVER)
    assert await blockers(month) == [
        "1 alarms break of finance are open: ekpay alarms list",
        "1 top-ups wait for a second person",
        SHORT,
    ]
    with pytest.raises(UnfitError, match="1 top-ups wait for a second person"):
        await close_month(month.finance, APRIL, closed_by=MAKER, approved_by=CHECKER)
    for statement in (*ENDED, "UPDATE reconciliation.runs SET figures = '{}'"):
        await books.tell(statement)
    with pytest.raises(OnePersonError):
        await close_month(month.finance, APRIL, closed_by=MAKER, approved_by=MAKER)
    closing = await close_month(month.finance, APRIL, closed_by=MAKER, approved_by=CHECKER)
    assert closing.figures["moved"][f"{PREFUND} BDT"] == [100_575, 0]
    assert closing.figures["closing"]["settlement_bank BDT"] == 800_000
    assert await close_month(month.finance, APRIL, closed_by=MAKER, approved_by=CHECKER) == closing
    with pytest.raises(UnfitError, match="was closed by Rahima and Karim"):
        await close_month(month.finance, APRIL, closed_by=CHECKER, approved_by=MAKER)
    await _is_proven_and_kept(month)


async def _is_proven_and_kept(month: MonthOfBooks) -> None:
    """The audit sees a movement of the closed month, the database two persons, and nobody takes it away."""
    books = month.stage.books
    async with read_snapshot(month.finance) as connection:
        assert await verify_closed_months(connection) is None
    await month.post(APRIL_30, topped_up_entry(PREFUND, Money(1)))
    async with read_snapshot(month.finance) as connection:
        broken = await verify_closed_months(connection)
    assert broken is not None
    assert broken[0] == APRIL_1
    assert "has moved by" in broken[1]
    with pytest.raises(asyncpg.CheckViolationError, match="two_persons"):
        await books.tell(BY_ONE)
    with pytest.raises(asyncpg.RaiseError, match="a month is closed"):
        await books.tell(runpy.run_path(str(MIGRATION))["GUARD"])
