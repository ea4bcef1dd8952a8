"""What the database and the audit hold of top-ups: one on its way at a time, and nothing lost in transit."""

import asyncpg
import pytest

from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.top_ups import approve_top_up
from tests.reconciliation.settlement.deposit_desk import (
    NESCO,
    PROPOSED,
    PUT_THERE,
    VENDED,
    debited,
    deposit_accounts,
    last_id,
    settled,
    vended,
)
from tests.reconciliation.settlement.payout_desk import top_up
from tests.reconciliation.settlement.sample_lines import MON, TUE
from tests.reconciliation.settlement.stage import CHECKER, Stage


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """Our own money is at the bank and at NESCO, and Sunday has vended most of the latter."""
    return await vended(stage)


TAMPER = {
    "another amount": "UPDATE reconciliation.withdrawals SET amount = amount + 1",
    "below the reserve": "ALTER TABLE reconciliation.withdrawals DROP CONSTRAINT ck_withdrawals_reserve; "
    "UPDATE reconciliation.withdrawals SET reserve = cover_after + 1",
    "no top-up": "DELETE FROM reconciliation.withdrawals",
    "not arrived": "UPDATE reconciliation.settlement_endings SET moved = moved + 1",
    "elsewhere": "UPDATE postings SET account = 'biller_deposit:breb_prepaid' "
    "WHERE account = 'biller_deposit:nesco_prepaid' AND amount = 110000000",
}


@pytest.mark.parametrize("what", TAMPER)
async def test_the_audit_names_what_was_tampered_with(given: Stage, what: str) -> None:
    await top_up(given, NESCO)
    await settled(given, MON, TUE)
    await debited(given, PROPOSED, TUE)
    await top_up(given, NESCO, 100, "second")
    connection = await given.books.superuser()
    try:
        assert await first_broken(connection) is None
        await connection.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {TAMPER[what]}")
        assert await first_broken(connection) is not None
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()


async def test_the_audit_finds_two_top_ups_on_their_way_at_once(given: Stage) -> None:
    await top_up(given, NESCO)
    await given.books.tell("ALTER TABLE reconciliation.withdrawals DISABLE TRIGGER withdrawals_top_ups")
    row = (
        "INSERT INTO reconciliation.withdrawals (id, partner, bucket, amount, reference, asked_by) "
        "VALUES (gen_random_uuid(), 'nesco_prepaid', 'deposit', 5, 'beside', 'Rahima')"
    )
    await given.books.tell(row)
    async with open_work(given.desk) as work:
        await approve_top_up(work, 2, CHECKER)
    connection = await given.office.connect("audit")
    try:
        finding = await first_broken(connection)
    finally:
        await connection.close()
    assert finding is not None
    assert (finding.row, finding.why) == (
        "reconciliation.withdrawals 2",
        "another top-up of the deposit was on its way",
    )


ASKED = """
INSERT INTO reconciliation.withdrawals (id, partner, bucket, amount, reference, asked_by)
VALUES (gen_random_uuid(), $1, 'deposit', 5, 'R', 'Rahima')
"""


async def test_the_database_takes_one_top_up_at_a_time(given: Stage) -> None:
    connection = await given.office.connect()
    try:
        await connection.execute(ASKED, NESCO)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(ASKED, NESCO)
        with pytest.raises(asyncpg.CheckViolationError, match="ck_withdrawals_bucket"):
            await connection.execute(ASKED, "")
        async with open_work(given.desk) as work:
            await approve_top_up(work, 1, CHECKER)
        with pytest.raises(asyncpg.CheckViolationError, match="one top-up of a deposit is on its way"):
            await connection.execute(ASKED, NESCO)
    finally:
        await connection.close()


async def test_a_top_up_that_waited_while_another_left_is_refused(given: Stage) -> None:
    """Nothing asks for two, but what stands in the table decides."""
    await given.books.tell("DROP INDEX reconciliation.uq_withdrawals_top_up_waiting")
    connection = await given.office.connect()
    try:
        for reference in ("first", "second"):
            await connection.execute(ASKED.replace("'R'", f"'{reference}'"), NESCO)
    finally:
        await connection.close()
    async with open_work(given.desk) as work:
        await approve_top_up(work, 1, CHECKER)
        with pytest.raises(SettlementError, match=f"biller: another top-up of {NESCO} is on its way by now"):
            await approve_top_up(work, 2, CHECKER)
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, 5, 5)


async def test_the_database_lets_nothing_leave_transit_but_into_the_deposit(given: Stage) -> None:
    await top_up(given, NESCO)
    await settled(given, MON, TUE)
    entry = await given.books.value("SELECT entry_id FROM reconciliation.withdrawals")
    step = """
    INSERT INTO reconciliation.settlement_endings
      (end_to_end_id, revision, ending, moved, is_owed_again, why, moved_entry_id)
    VALUES ($1, 1, 'settled', $2, false, '', $3)
    """
    connection = await given.office.connect()
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="in the deposit and no more in transit"):
            await connection.execute(step, await last_id(given), PROPOSED, entry)
    finally:
        await connection.close()
