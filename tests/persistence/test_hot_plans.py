"""A plan made on empty tables is kept while they grow, so it must find every row by its own key already."""

import re
from itertools import pairwise

import pytest

from ekpay_switch.persistence import batch_read, batch_write
from tests.persistence.books import Books

READS = {
    "claims": (batch_read.READ_CLAIMS, "text[], text[], text[]", "NULL, NULL, NULL"),
    "payments": (batch_read.LOCK_PAYMENTS, "uuid[]", "NULL"),
    "bills": (batch_read.LOCK_BILLS, "text[]", "NULL"),
    "accounts": (batch_read.LOCK_ACCOUNTS, "text[]", "NULL"),
    "entries": (batch_read.READ_ENTRIES, "uuid[]", "NULL"),
    "lanes": (batch_read.LOCK_LANES_IN_WINDOW, "smallint[]", "NULL"),
}
_TYPES = [
    *(kind for insert in batch_write.INSERTS for kind in insert.columns.values()),
    *(kind for _, _, kinds in batch_write.UPDATES for kind in kinds),
]
WRITE = (
    batch_write.WRITE_BATCH,
    ", ".join(f"{kind}[]" for kind in _TYPES),
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
    assert "Index Cond: ((payment_id = payments.id)" in await _plan(books, "payments")


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
