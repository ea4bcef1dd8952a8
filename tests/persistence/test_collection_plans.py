"""Collected payments are read by key on connections that keep their plans, however large the tables get."""

import pytest

from ekpay_switch.persistence import callbacks, collection_deliveries, collection_findings, collection_rows
from ekpay_switch.persistence import collection_openings as openings
from ekpay_switch.persistence import collections as leases
from tests.persistence.books import Books

PAGE = collection_findings.OTHER_WITH.format("provider_reference")
MOVEMENT = collection_findings.OTHER_WITH.format("provider_transaction")
READS = {
    "lease one": (leases.LEASE_ONE, "interval, text"),
    "lease due": (leases.LEASE_DUE, "interval, int, int, text[]"),
    "held": (collection_rows.READ_HELD, "uuid[]"),
    "payment": (collection_rows.LOCK_PAYMENT, "uuid"),
    "try": (collection_rows.LOCK_TRY, "uuid"),
    "undecided": (collection_rows.LOCK_UNDECIDED, "uuid"),
    "standing": (openings.READ_STANDING, "text, text"),
    "holder": (openings.READ_HOLDER, "text, text"),
    "of partner": (openings.LOCK_OF_PARTNER, "uuid, text"),
    "page": (PAGE, "text, uuid, text"),
    "movement": (MOVEMENT, "text, uuid, text"),
    "called back": (collection_findings.CALLED_BACK, "text, text"),
    "begun": (collection_findings.IS_BEGUN, "uuid, uuid, int, text"),
    "abandon": (collection_findings.ABANDON_OTHERS, "uuid, text, uuid"),
    "expire": (collection_deliveries.EXPIRE, "int, text, text, text, text, uuid[], text"),
    "funded": (collection_deliveries.FUNDED_DUE, "int, int, text[]"),
    "named": (callbacks.LOCK_NAMED, "text, text, text"),
    "wake tries": (callbacks.WAKE_TRIES, "uuid[], boolean"),
    "wake refunds": (callbacks.WAKE_REFUNDS, "text, text, text"),
}


@pytest.mark.parametrize("name", READS)
async def test_nothing_about_a_collected_payment_scans_a_table(books: Books, name: str) -> None:
    query, types = READS[name]
    values = ", ".join("NULL" for _ in types.split(","))
    connection = await books.database.connect_hot()
    try:
        await connection.execute(f"PREPARE hot ({types}) AS {query}")
        lines = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE hot ({values})")
    finally:
        await connection.close()
    plan = "\n".join(str(line[0]) for line in lines)
    assert "Seq Scan" not in plan, plan
