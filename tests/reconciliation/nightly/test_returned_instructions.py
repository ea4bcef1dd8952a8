"""An instruction that the bank books and returns: its break ends once our own steps know both."""

from pathlib import Path

import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from tests.reconciliation.institution_files import Credit
from tests.reconciliation.nightly.stage import MON, SUN, TUE, WED
from tests.reconciliation.nightly.test_bank_transfers import sound, staffed, statement
from tests.reconciliation.resolutions.test_case_thirteen import Switch

NAME, AMOUNT = "EABCDEFGHIJKLMN", 40_000
DEBIT, RETURN = Credit(-AMOUNT, NAME, "SB1", charge=0), Credit(AMOUNT, NAME, "SB2", charge=0)
# Without the sheet, position and entries behind it, which the night does not read.
INSTRUCTION = """
INSERT INTO reconciliation.settlement_instructions (value_date, role, party, end_to_end_id, amount, set_off,
  rail, statement, ledger_account, name, bic, routing_number, account, holds, entry_id)
VALUES ('2026-04-06', 'biller', 'desco_postpaid', $1, $2, 0, 'rtgs', 'stmt_sonali', 'payable:desco_postpaid',
  'DESCO', '', '', '1', 'current', gen_random_uuid())
"""
STEP = """
INSERT INTO reconciliation.settlement_endings (end_to_end_id, revision, ending, moved, is_owed_again, why)
VALUES ($1, $2, $3, $4, $3 = 'rejected', '')
"""


@pytest.fixture
def stage(place: Endpoint, tmp_path: Path) -> Switch:
    return Switch(place, tmp_path / "home")


async def write(stage: Switch, statement: str, *values: object) -> None:
    """Write a row of settlement alone."""
    root = await stage.superuser()
    try:
        await root.execute("SET session_replication_role = replica")
        await root.execute(statement, *values)
    finally:
        await root.close()


async def test_a_debit_and_its_return_are_matched_once_our_steps_have_both(stage: Switch) -> None:
    await staffed(stage)
    await sound(stage, SUN)
    await write(stage, INSTRUCTION, NAME, AMOUNT)
    statement(stage, MON, DEBIT)
    assert await sound(stage, MON) == set()
    await write(stage, STEP, NAME, 1, "settled", AMOUNT)
    statement(stage, TUE, RETURN)
    assert await sound(stage, TUE) == {("AMBIGUOUS", NAME, "open")}, "nothing of ours says so yet"
    await write(stage, STEP, NAME, 2, "rejected", 0)
    assert await sound(stage, WED) == {("AMBIGUOUS", NAME, "closed")}


async def test_a_debit_and_its_return_of_one_statement_are_matched_by_the_night_after(stage: Switch) -> None:
    """`ekpay settle credits` reads both in one run, and writes a step of each."""
    await staffed(stage)
    await sound(stage, SUN)
    await write(stage, INSTRUCTION, NAME, AMOUNT)
    statement(stage, MON, DEBIT, RETURN)
    assert await sound(stage, MON) == {("AMBIGUOUS", NAME, "open")}
    await write(stage, STEP, NAME, 1, "settled", AMOUNT)
    await write(stage, STEP, NAME, 2, "rejected", 0)
    assert await sound(stage, TUE) == {("AMBIGUOUS", NAME, "closed")}
