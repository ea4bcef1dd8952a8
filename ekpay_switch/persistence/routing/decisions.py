"""Routing decisions in PostgreSQL: written with their try, read by operators and by simulations of rules."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.persistence.routing.documents import as_document, decision_of
from ekpay_switch.persistence.schema.routing import routing_decisions
from ekpay_switch.persistence.short_transactions import Connection

AT_ONCE = 500
NEW_DECISION = """
INSERT INTO routing_decisions (attempt_id, payment_id, instrument, kind, chosen, amount, approach, version,
  document)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A stored decision with its try and payment."""

    attempt_id: UUID
    payment_id: UUID
    at: datetime
    decision: Decision


async def keep_decision(
    connection: Connection, attempt_id: UUID, payment_id: UUID, decision: Decision, amount: Money
) -> None:
    """Write the decision in the transaction that begins the try; `amount` is what the payer is to pay."""
    assert decision.chosen_connector is not None, "a try is begun only with a chosen connector"
    kind = decision.verdict_on(decision.chosen_connector).candidate.instrument
    await connection.execute(
        NEW_DECISION, attempt_id, payment_id, decision.request.instrument, kind, decision.chosen_connector,
        amount.minor, str(decision.approach), decision.version, orjson.dumps(as_document(decision)).decode(),
    )  # fmt: skip


async def count_decisions(engine: AsyncEngine, since: datetime, until: datetime) -> int:
    """How many tries were routed from `since` until before `until`."""
    query = _within(select(func.count()), since, until)
    async with engine.connect() as connection:
        return int(await connection.scalar(query) or 0)


async def read_decisions(
    engine: AsyncEngine, since: datetime, until: datetime
) -> AsyncIterator[StoredDecision]:
    """The decisions from `since` until before `until`, the oldest first, read `AT_ONCE` at a time."""
    table, after = routing_decisions.c, (since, UUID(int=0))
    in_order = select(routing_decisions).order_by(table.at, table.attempt_id).limit(AT_ONCE)
    while True:
        query = _within(in_order, since, until).where(tuple_(table.at, table.attempt_id) > after)
        async with engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        for row in rows:
            yield StoredDecision(row.attempt_id, row.payment_id, row.at, decision_of(row.document))
        if len(rows) < AT_ONCE:
            return
        after = (rows[-1].at, rows[-1].attempt_id)


def _within(query: Select[Any], since: datetime, until: datetime) -> Select[Any]:
    table = routing_decisions.c
    return query.where(table.at >= since, table.at < until)
