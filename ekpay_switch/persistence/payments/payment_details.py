"""Everything the books hold about one payment, for operators; and lists of payments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.persistence.notifications.delivery_log import url_of_delivery
from ekpay_switch.persistence.schema.books import (
    attempts,
    evidence,
    history,
    journal_entries,
    notifications,
    payments,
    postings,
    quotes,
)
from ekpay_switch.persistence.schema.collections import callbacks, collections, refund_history, refunds, tries
from ekpay_switch.persistence.schema.notifications import notification_deliveries, notification_endpoints
from ekpay_switch.persistence.schema.routing import routing_decisions

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PaymentDetails:
    """One payment's rows, each list in the order of events; postings by the id of their entry.

    A collected payment also has `tries` with the references of their attempts, the routing `decisions` of
    their connectors, a count of `callbacks` that named one of them, and `refunds`, with their steps by refund
    id.
    """

    payment: Line
    history: Sequence[Line]
    attempts: Sequence[Line]
    evidence: Sequence[Line]
    entries: Sequence[Line]
    postings: Mapping[UUID, Sequence[Line]]
    notifications: Sequence[Line]
    charges: Sequence[Line] = ()
    deliveries: Sequence[Line] = ()
    tries: Sequence[Line] = ()
    decisions: Sequence[Line] = ()
    callbacks: int = 0
    refunds: Sequence[Line] = ()
    refund_steps: Mapping[UUID, Sequence[Line]] = field(default_factory=dict)


async def read_payment_details(engine: AsyncEngine, payment_id: UUID) -> PaymentDetails | None:
    """All rows of a payment in one snapshot, or None if there is no such payment."""
    async with engine.connect() as connection:
        # One snapshot: a payment that moves meanwhile must not be read half before and half after.
        await connection.execution_options(isolation_level="REPEATABLE READ")
        rows = await _read_lines(connection, select(payments).where(payments.c.id == payment_id))
        if not rows:
            return None
        entries = await _read_lines(
            connection, _rows_of(journal_entries, payment_id).order_by(journal_entries.c.seq)
        )
        lines = select(postings).where(postings.c.entry_id.in_([entry["id"] for entry in entries]))
        posted = await _read_lines(connection, lines.order_by(postings.c.seq))
        return PaymentDetails(
            payment=rows[0],
            history=await _read_lines(connection, _rows_of(history, payment_id).order_by(history.c.seq)),
            attempts=await _read_lines(
                connection, _rows_of(attempts, payment_id).order_by(attempts.c.opened_at)
            ),
            evidence=await _read_lines(connection, _rows_of(evidence, payment_id).order_by(evidence.c.id)),
            entries=entries,
            postings={
                entry["id"]: [line for line in posted if line["entry_id"] == entry["id"]] for entry in entries
            },
            charges=await _charges(connection, rows[0]["quote_id"]),
            notifications=await _read_lines(
                connection, _rows_of(notifications, payment_id).order_by(notifications.c.created_at)
            ),
            deliveries=await _read_lines(connection, _deliveries(payment_id)),
            **await _read_collection(connection, payment_id),
        )


async def _read_collection(connection: AsyncConnection, payment_id: UUID) -> dict[str, Any]:
    """The fields of a story that only collected payments have."""
    refunded = await _read_lines(
        connection, _rows_of(refunds, payment_id).order_by(refunds.c.created_at, refunds.c.id)
    )
    ids = [refund["id"] for refund in refunded]
    steps = select(refund_history).where(refund_history.c.refund_id.in_(ids)).order_by(refund_history.c.seq)
    stepped = await _read_lines(connection, steps)
    return {
        "tries": await _read_lines(
            connection, _tries_with_attempts().where(tries.c.payment_id == payment_id)
        ),
        "decisions": await _read_lines(
            connection, _rows_of(routing_decisions, payment_id).order_by(routing_decisions.c.attempt_id)
        ),
        "callbacks": await connection.scalar(_callbacks(payment_id)),
        "refunds": refunded,
        "refund_steps": {
            refund_id: [step for step in stepped if step["refund_id"] == refund_id] for refund_id in ids
        },
    }


def _callbacks(payment_id: UUID) -> Select[Any]:
    """How many callbacks named a try of this payment, by the provider's reference or by ours."""
    is_named = or_(
        and_(
            callbacks.c.connector_id == tries.c.connector_id,
            callbacks.c.provider_reference == tries.c.provider_reference,
        ),
        callbacks.c.reference == attempts.c.reference,
    )
    return (
        select(func.count(callbacks.c.id.distinct()))
        .select_from(callbacks)
        .join(tries, tries.c.payment_id == payment_id)
        .join(attempts, and_(attempts.c.id == tries.c.attempt_id, is_named))
    )


def _deliveries(payment_id: UUID) -> Select[Any]:
    """Each delivery of the payment's notifications, with its `url`."""
    deliveries, endpoints = notification_deliveries, notification_endpoints
    notification_ids = select(notifications.c.id).where(notifications.c.payment_id == payment_id)
    return (
        select(deliveries, url_of_delivery().label("url"))
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .join(notifications, notifications.c.id == deliveries.c.notification_id)
        .where(deliveries.c.notification_id.in_(notification_ids))
        .order_by(deliveries.c.notification_id, endpoints.c.id)
    )


async def _charges(connection: AsyncConnection, quote_id: str | None) -> Sequence[Line]:
    """The biller's own lines of the quote that was paid: `label` and `amount` in paisa."""
    bill = await connection.scalar(select(quotes.c.bill).where(quotes.c.quote_id == quote_id))
    charges: Sequence[Line] = (bill or {}).get("charges", ())
    return charges


async def export_payments(engine: AsyncEngine) -> Sequence[Line]:
    """Every payment, the oldest first, with its `attempts`, `tries` and `refunds`, in one snapshot.

    `bill_number` is the biller's own number of the quoted bill, None without one. `tries` belong to the
    attempts of the funds leg.
    """
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        named = func.coalesce(
            quotes.c.bill["bill_number"].as_string(), collections.c.bill["number"].as_string()
        )
        whole = payments.outerjoin(quotes, quotes.c.quote_id == payments.c.quote_id).outerjoin(
            collections, collections.c.payment_id == payments.c.id
        )
        query = select(payments, named.label("bill_number")).select_from(whole).order_by(payments.c.id)
        rows = await _read_lines(connection, query)
        attempts_of = await _by_payment(
            connection, select(attempts).order_by(attempts.c.opened_at, attempts.c.id)
        )
        tries_of = await _by_payment(connection, _tries_with_attempts())
        refunds_of = await _by_payment(
            connection, select(refunds).order_by(refunds.c.created_at, refunds.c.id)
        )
    return [
        {
            **line,
            "attempts": attempts_of.get(line["id"], []),
            "tries": tries_of.get(line["id"], []),
            "refunds": refunds_of.get(line["id"], []),
        }
        for line in rows
    ]


def _tries_with_attempts() -> Select[Any]:
    return (
        select(tries, attempts.c.reference, attempts.c.state, attempts.c.outcome)
        .join(attempts, attempts.c.id == tries.c.attempt_id)
        .order_by(attempts.c.opened_at, attempts.c.id)
    )


async def _by_payment(connection: AsyncConnection, query: Select[Any]) -> Mapping[UUID, list[Line]]:
    by_payment: dict[UUID, list[Line]] = {}
    for line in await _read_lines(connection, query):
        by_payment.setdefault(line["payment_id"], []).append(line)
    return by_payment


def _rows_of(table: Table, payment_id: UUID) -> Select[Any]:
    return select(table).where(table.c.payment_id == payment_id)


async def _read_lines(connection: AsyncConnection, query: Select[Any]) -> Sequence[Line]:
    return [dict(row) for row in (await connection.execute(query)).mappings()]
