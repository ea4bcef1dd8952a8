"""Collected payments are read by key on connections that keep their plans, however large the tables get."""

import pytest

from ekpay_switch.persistence import payment_rows as collection_rows
from ekpay_switch.persistence.collections import (
    callbacks,
    executes,
    openings,
    unclaimed_callbacks,
)
from ekpay_switch.persistence.collections import (
    deliveries as collection_deliveries,
)
from ekpay_switch.persistence.collections import (
    findings as collection_findings,
)
from ekpay_switch.persistence.collections import (
    route_outcomes as routing_outcomes,
)
from ekpay_switch.persistence.collections import store as leases
from ekpay_switch.persistence.host_links import messages as host_messages
from ekpay_switch.persistence.host_links import store as host_links
from tests.persistence.books import Books

PAGE = collection_findings.OTHER_WITH.format("provider_reference")
MOVEMENT = collection_findings.OTHER_WITH.format("provider_transaction")
_KEY = "text, text, int"
_NEW_MESSAGE = "timestamptz, text, bigint, text, text, interval"
READS = {
    "lease one": (leases.LEASE_ONE, "interval, text"),
    "lease due": (leases.LEASE_DUE, "interval, int, int, text[]"),
    "held": (collection_rows.READ_LOCKED_TRIES, "uuid[]"),
    "payment": (collection_rows.LOCK_PAYMENT, "uuid"),
    "try": (collection_rows.LOCK_TRY, "uuid"),
    "undecided": (collection_rows.LOCK_UNDECIDED, "uuid"),
    "standing": (openings.READ_STANDING, "text, text"),
    "holder": (openings.READ_HOLDER, "text, text"),
    "of partner": (openings.LOCK_OF_PARTNER, "uuid, text"),
    "page": (PAGE, "text, uuid, text"),
    "movement": (MOVEMENT, "text, uuid, text"),
    "claimed": (unclaimed_callbacks.READ_CLAIM, "text, text, text, boolean"),
    "called back": (unclaimed_callbacks.CLAIM, "text, text"),
    "begun": (executes.IS_BEGUN, "uuid, uuid, int, text"),
    "abandon": (collection_findings.ABANDON_OTHERS, "uuid, text, uuid"),
    "expire": (collection_deliveries.EXPIRE, "int, text, text, text, text, uuid[], text"),
    "funded": (collection_deliveries.FUNDED_DUE, "int, int, text[]"),
    "breaker": (routing_outcomes.LOCK_BREAKER, "text"),
    "newest outcomes": (routing_outcomes.NEWEST, "text, timestamptz, int"),
    "outcome": (routing_outcomes.NEW_OUTCOME, "uuid, text"),
    "named": (callbacks.LOCK_NAMED, "text, text, text"),
    "wake tries": (callbacks.WAKE_TRIES, "uuid[], boolean, text"),
    "wake refunds": (callbacks.WAKE_REFUNDS, "text, text, text"),
    "hand over": (host_messages.HAND_OVER, f"{_KEY}, uuid, text, date, int, {_NEW_MESSAGE}"),
    "withdraw": (host_messages.WITHDRAW, _KEY),
    "message": (host_messages.READ, _KEY),
    "messages": (host_messages.READ_ALL, "text[], text[], int[]"),
    "sent": (host_messages.READ_SENT, "text, text"),
    "begin reversal": (host_messages.BEGIN_REVERSAL, f"{_KEY}, int, timestamptz, date"),
    "reverse again": (host_messages.REVERSE_AGAIN, _KEY),
    "is leased": (host_links.IS_LEASED, "text"),
    "renew": (host_links.RENEW, "text, int, interval"),
    "lose": (host_links.LOSE, "text, int"),
    "work": (host_links.WORK, ""),
    "take": (host_links.TAKE, "text, int, int"),
    "take reversals": (host_links.TAKE_REVERSALS, "text, int, int"),
    "find": (host_links.FIND, "text, text"),
    "answer": (host_links.ANSWER, f"{_KEY}, text, boolean, jsonb"),
    "answer reversal": (host_links.ANSWER_REVERSAL, f"{_KEY}, text, boolean"),
}


@pytest.mark.parametrize("name", READS)
async def test_nothing_about_a_collected_payment_scans_a_table(books: Books, name: str) -> None:
    query, types = READS[name]
    prepared = f"hot ({types})" if types else "hot"
    values = f"({', '.join('NULL' for _ in types.split(','))})" if types else ""
    connection = await books.database.connect_hot()
    try:
        await connection.execute(f"PREPARE {prepared} AS {query}")
        lines = await connection.fetch(f"EXPLAIN (COSTS OFF) EXECUTE hot {values}")
    finally:
        await connection.close()
    plan = "\n".join(str(line[0]) for line in lines)
    assert "Seq Scan" not in plan, plan
