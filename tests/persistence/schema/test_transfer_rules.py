"""What Python refuses of corrections of transfers, PostgreSQL refuses again."""

import asyncpg
import pytest

from ekpay_switch.persistence.ledger.transfer_corrections import DEPOSITS, TOP_UPS
from tests.persistence.books import Books
from tests.persistence.ledger.transfer_setup import Desk, open_desk

_REVERSAL = """
INSERT INTO transfer_reversals (id, {column}, reason, asked_by) SELECT gen_random_uuid(), id, 'x', 'Selim'
FROM {table}
"""
BROKEN_RULES = {
    "approved and rejected": (
        "UPDATE {table} SET rejected_by = 'Selim', rejected_at = now(), rejection_reason = 'x'",
        "ck_{table}_one_decision",
    ),
    "rejected for no reason": (
        "UPDATE {table} SET approved_by = NULL, rejected_by = 'Selim', rejected_at = now()",
        "ck_{table}_rejection",
    ),
    "reversed before it was approved": (
        "UPDATE {table} SET approved_by = NULL, reversed_at = now()",
        "ck_{table}_reversal",
    ),
    "one person reverses": (
        "UPDATE transfer_reversals SET approved_by = asked_by, approved_at = now()",
        "ck_transfer_reversals_two_persons",
    ),
    "a reversal approved at no time": (
        "UPDATE transfer_reversals SET approved_by = 'Selim'",
        "ck_transfer_reversals_approval",
    ),
    "a reversal for no reason": (
        "UPDATE transfer_reversals SET reason = ''",
        "ck_transfer_reversals_reason",
    ),
    "a reversal rejected for no reason": (
        "UPDATE transfer_reversals SET rejected_by = 'Selim', rejected_at = now()",
        "ck_transfer_reversals_rejection",
    ),
    "a reversal approved and rejected": (
        (
            "UPDATE transfer_reversals SET approved_by = 'Selim', approved_at = now(), rejected_by = 'Karim',"
            " rejected_at = now(), rejection_reason = 'x'"
        ),
        "ck_transfer_reversals_one_decision",
    ),
    "a reversal of nothing": (
        "UPDATE transfer_reversals SET {column} = NULL",
        "ck_transfer_reversals_one_transfer",
    ),
}


@pytest.fixture(params=[TOP_UPS, DEPOSITS], ids=["top-up", "deposit"])
async def desk(books: Books, request: pytest.FixtureRequest) -> Desk:
    return await open_desk(books, request.param)


async def _refusing_rule(desk: Desk, statement: str, error: type[asyncpg.PostgresError]) -> str:
    """The constraint that refuses the statement."""
    names = {"table": desk.kind.table, "column": desk.kind.reversal_column}
    connection = await desk.books.database.connect()
    try:
        with pytest.raises(error) as refusal:
            await connection.execute(statement.format(**names))
    finally:
        await connection.close()
    return str(refusal.value.constraint_name)


@pytest.mark.parametrize("rule", BROKEN_RULES)
async def test_a_rule_that_python_keeps_is_kept_by_the_database(desk: Desk, rule: str) -> None:
    await desk.asked_back()
    statement, constraint = BROKEN_RULES[rule]
    refused_by = await _refusing_rule(desk, statement, asyncpg.CheckViolationError)
    assert refused_by == constraint.format(table=desk.kind.table)


async def test_the_database_knows_one_reversal_and_one_booking(desk: Desk) -> None:
    transfer_id = await desk.asked_back()
    one_reversal = f"uq_transfer_reversals_{desk.kind.reversal_column}"
    assert await _refusing_rule(desk, _REVERSAL, asyncpg.UniqueViolationError) == one_reversal
    await desk.corrections.approve_reversal(transfer_id, "Karim")
    assert await _refusing_rule(desk, _REVERSAL, asyncpg.UniqueViolationError) == one_reversal
    await desk.ask()
    again = "UPDATE {table} SET reversed_at = NULL"
    refused_by = await _refusing_rule(desk, again, asyncpg.UniqueViolationError)
    assert refused_by == f"uq_{desk.kind.table}_reference"
