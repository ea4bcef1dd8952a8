"""The audit finds a top-up, a transfer to a utility or a reversal that was not posted as it was approved."""

from uuid import UUID

import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.audit.transfers import transfer_fault
from ekpay_switch.persistence.ledger.deposits import Deposits
from ekpay_switch.persistence.ledger.transfer_corrections import DEPOSITS, TOP_UPS, TransferCorrections
from ekpay_switch.persistence.parties.top_ups import TopUp, TopUps
from tests.persistence.books import Books
from tests.persistence.staff_rows import persons

# As somebody who is above the conditions would do it.
FREE = """
ALTER TABLE {table} DROP CONSTRAINT ck_{table}_two_persons;
ALTER TABLE {table} DROP CONSTRAINT ck_{table}_one_decision;
ALTER TABLE {table} DROP CONSTRAINT ck_{table}_reversal;
ALTER TABLE {table} DROP CONSTRAINT ck_{table}_rejection;
DROP INDEX uq_{table}_reference;
ALTER TABLE transfer_reversals DROP CONSTRAINT ck_transfer_reversals_two_persons
"""
TAMPERINGS = {
    "another amount": (
        "UPDATE {table} SET amount = amount + 1 WHERE reference = 'B-1'",
        "were approved, and",
    ),
    "an approval that is taken back": (
        "UPDATE {table} SET approved_by = NULL WHERE reference = 'B-1'",
        "nobody approved it, and it was posted",
    ),
    "an approval that nobody posted": (
        "UPDATE {table} SET approved_by = 'Karim' WHERE reference = 'B-3'",
        "its entry is not there",
    ),
    "an approval by one person": (
        "UPDATE {table} SET approved_by = asked_by WHERE reference = 'B-1'",
        "not a second one",
    ),
    "a rejection of what was approved": (
        "UPDATE {table} SET rejected_by = 'Karim' WHERE reference = 'B-1'",
        "it is rejected as well",
    ),
    "a reversal that nobody asked for": (
        "UPDATE {table} SET reversed_at = now() WHERE reference = 'B-1'",
        "without an approved reversal",
    ),
    "a reversal of what nobody approved": (
        "UPDATE {table} SET reversed_at = now() WHERE reference = 'B-3'",
        "without an approved reversal",
    ),
    "a reversal that is forgotten": (
        "UPDATE {table} SET reversed_at = NULL WHERE reference = 'B-2'",
        "has one and is not",
    ),
    "a reversal by one person": (
        "UPDATE transfer_reversals SET approved_by = asked_by",
        "approved its reversal is not a second one",
    ),
    "a reversal under another id": (
        "UPDATE transfer_reversals SET id = gen_random_uuid()",
        "the entry of that is not there",
    ),
    "a reversal that goes": (
        "DELETE FROM transfer_reversals; UPDATE {table} SET reversed_at = NULL",
        "it reverses a transfer, and nobody approved that",
    ),
    "a reference booked twice": (
        "UPDATE {table} SET reference = 'B-1' WHERE reference = 'B-3'",
        "the bank reference B-1 is booked 2 times",
    ),
}


async def _ask(books: Books, table: str, reference: str) -> UUID:
    if table == TOP_UPS.table:
        order = TopUp("bank1", "postpaid", Money(500), reference)
        return await TopUps(books.database.connect).request(order, "Rahima")
    return await Deposits(books.database.connect).request("nesco_prepaid", Money(500), reference, "Rahima")


async def _three_transfers(books: Books, table: str) -> None:
    """One that was posted, one that was reversed as well, and one that waits."""
    connect = books.database.connect
    await books.partner("bank1")
    for name in ("Rahima", "Karim"):
        await books.tell(persons(name))
    approver = TopUps(connect) if table == TOP_UPS.table else Deposits(connect)
    await approver.approve(await _ask(books, table, "B-1"), "Karim")
    wrong = await _ask(books, table, "B-2")
    await approver.approve(wrong, "Karim")
    await _ask(books, table, "B-3")
    corrections = TransferCorrections(connect, TOP_UPS if table == TOP_UPS.table else DEPOSITS)
    await corrections.ask_reversal(wrong, "wrong", "Rahima")
    await corrections.approve_reversal(wrong, "Karim")


@pytest.mark.parametrize("table", [TOP_UPS.table, DEPOSITS.table])
async def test_a_transfer_that_was_changed_is_found(books: Books, table: str) -> None:
    await _three_transfers(books, table)
    assert await books.audit() is None
    await books.tell(FREE.format(table=table))
    for statement, why in TAMPERINGS.values():
        connection = await books.superuser()
        try:
            # Every tampering is tried on the same rows, and undone before the next.
            await connection.execute("CREATE SCHEMA kept; CREATE TABLE kept.r AS TABLE transfer_reversals")
            await connection.execute(f"CREATE TABLE kept.t AS TABLE {table}")
            await connection.execute(statement.format(table=table))
            finding = await books.audit()
            await connection.execute(
                f"DELETE FROM transfer_reversals; DELETE FROM {table};"  # noqa: S608 - our own words
                f" INSERT INTO {table} TABLE kept.t; INSERT INTO transfer_reversals TABLE kept.r;"
                " DROP SCHEMA kept CASCADE"
            )
        finally:
            await connection.close()
        assert finding is not None, statement
        assert why in str(finding), statement
    assert await books.audit() is None


def test_a_mirror_of_another_amount_is_no_reversal() -> None:
    """By the row alone: whoever changes a posting is found by the audit of entries first."""
    row = {
        "kind": "top_ups",
        "party": "prefund:bank1:postpaid",
        "reference": "B-1",
        "standing": 0,
        "amount": 5,
        "asked_by": "Rahima",
        "approved_by": "Karim",
        "rejected_by": None,
        "reversed_at": "now",
        "posted": ["topped_up settlement_bank 5", "topped_up prefund:bank1:postpaid -5"],
        "reversal_id": "r",
        "reversal_asked_by": "Rahima",
        "reversal_approved_by": "Karim",
        "mirrored": [
            "topped_up_reversed settlement_bank -5",
            "topped_up_reversed prefund:bank1:postpaid 5",
        ],
    }
    assert transfer_fault(row) is None
    assert "the entry of that is" in str(transfer_fault({**row, "mirrored": row["posted"]}))
