"""A plan made on empty tables is kept while they grow, so it must find every row by its own key already."""

import re
from itertools import pairwise

import pytest

from ekpay_switch.persistence.group_commit import lock_and_read as batch_read
from ekpay_switch.persistence.group_commit import write as batch_write
from ekpay_switch.persistence.group_commit.batch import write_batch
from tests.persistence.books import Books, a_top_up

READS = {
    "claims": (batch_read.READ_CLAIMS, "text[], text[], text[]", "NULL, NULL, NULL"),
    "bills and payments": (batch_read.LOCK_BILLS_AND_PAYMENTS, "text[], uuid[]", "NULL, NULL"),
    "accounts": (batch_read.LOCK_ACCOUNTS, "text[]", "NULL"),
    "entries": (batch_read.READ_ENTRIES, "uuid[]", "NULL"),
    "lanes and accounts": (batch_read.LOCK_LANES_AND_ACCOUNTS, "smallint[], text[]", "NULL, NULL"),
}
_TYPES = [
    *batch_write.COUNTED_TYPES,
    *(f"{kind}[]" for insert in batch_write.INSERTS for kind in insert.types),
    *(f"{kind}[]" for _, _, kinds in batch_write.UPDATES for kind in kinds),
]
WRITE = (
    batch_write.WRITE_BATCH,
    ", ".join(_TYPES),
    ", ".join("NULL" for _ in _TYPES),
)
# Tables that grow with every payment; lanes, windows and partners' accounts are few.
GROWING = re.compile(r"Scan using \w+ on (quotes|payments|attempts|evidence|journal_entries)\b")


async def _plan(books: Books, name: str) -> str:
    query, types, values = WRITE if name == "write" else READS[name]
    connection = await books.database.connect_hot()
    try:
        await connection.execute(f"PREPARE hot ({types}) AS {query}")
        lines = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE hot ({values})")
        return "\n".join(str(line[0]) for line in lines)
    finally:
        await connection.close()


@pytest.mark.parametrize("name", READS)
async def test_no_read_of_the_hot_path_scans_a_table(books: Books, name: str) -> None:
    assert "Seq Scan" not in await _plan(books, name)


async def test_a_quote_is_found_by_its_id_and_not_among_all_of_its_partner(books: Books) -> None:
    plan = await _plan(books, "claims")
    assert "using pk_quotes" in plan
    assert "ix_quotes_partner_id" not in plan
    assert "using uq_payments_one_per_bill" in plan
    assert "using ix_payments_bill_in_review" in plan


async def test_late_success_is_looked_for_by_payment(books: Books) -> None:
    assert "Index Cond: ((payment_id = payments.id)" in await _plan(books, "bills and payments")


@pytest.mark.parametrize("name", [*READS, "write"])
async def test_nor_does_a_plan_made_when_statistics_said_that_there_is_nothing(
    books: Books, name: str
) -> None:
    """Statistics of an empty or a small table make reading it whole as cheap as one key, for ever after."""
    owner = await books.database.connect("owner")
    try:
        await owner.execute("ANALYZE")
    finally:
        await owner.close()
    plan = await _plan(books, name)
    scans = [line for line, following in pairwise(plan.splitlines())
             if GROWING.search(line) and "Index Cond" not in following]  # fmt: skip
    assert not scans, plan


async def test_the_balance_of_an_entry_is_checked_by_its_own_postings_alone(books: Books) -> None:
    """Its plan is made in the first batch of a connection, when statistics may say that there is nothing."""
    await books.partner()
    owner = await books.database.connect("owner")
    await owner.execute("ANALYZE")
    await owner.close()
    connection, read = await books.database.connect_hot(), []
    await books.submit(a_top_up("bank1", 500))  # opens the accounts
    # Within one transaction, since a session hands its statistics over between two.
    async with connection.transaction():
        for _ in range(5):
            await write_batch(connection, [a_top_up("bank1", 500) for _ in range(20)])
            seen = "SELECT pg_stat_get_xact_tuples_returned('pk_postings'::regclass)"
            read.append(await connection.fetchval(seen))
    await connection.close()
    assert [after - before for before, after in pairwise([0, *read])] == [40] * 5
