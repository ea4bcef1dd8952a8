"""Everything the books hold about one payment, read for a person; and the list to find it in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Table, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.payment import FINAL, State
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
class PaymentStory:
    """One payment's rows, each list in the order things happened; postings stand by their entry's id.

    A collected payment has `tries` with their attempts' references, the `decisions` that chose their
    connectors, a count of `callbacks` that named one of them, and `refunds`, whose steps stand by their id.
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


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments to list, newest first; None leaves a question out."""

    partner_id: str | None = None
    reference: str | None = None
    state: State | None = None
    is_open: bool = False
    count_max: int = 50


async def read_story(engine: AsyncEngine, payment_id: UUID) -> PaymentStory | None:
    """All that is known of a payment as of one moment, or None."""
    async with engine.connect() as connection:
        # One snapshot: a payment that moves meanwhile must not be told half before and half after.
        await connection.execution_options(isolation_level="REPEATABLE READ")
        found = await _lines(connection, select(payments).where(payments.c.id == payment_id))
        if not found:
            return None
        entries = await _lines(connection, _of(journal_entries, payment_id).order_by(journal_entries.c.seq))
        lines = select(postings).where(postings.c.entry_id.in_([entry["id"] for entry in entries]))
        posted = await _lines(connection, lines.order_by(postings.c.seq))
        return PaymentStory(
            payment=found[0],
            history=await _lines(connection, _of(history, payment_id).order_by(history.c.seq)),
            attempts=await _lines(connection, _of(attempts, payment_id).order_by(attempts.c.opened_at)),
            evidence=await _lines(connection, _of(evidence, payment_id).order_by(evidence.c.id)),
            entries=entries,
            postings={
                entry["id"]: [line for line in posted if line["entry_id"] == entry["id"]] for entry in entries
            },
            charges=await _charges(connection, found[0]["quote_id"]),
            notifications=await _lines(
                connection, _of(notifications, payment_id).order_by(notifications.c.created_at)
            ),
            deliveries=await _lines(connection, _deliveries(payment_id)),
            **await _collected(connection, payment_id),
        )


async def _collected(connection: AsyncConnection, payment_id: UUID) -> dict[str, Any]:
    """The fields of a story that only collected payments fill."""
    refunded = await _lines(connection, _of(refunds, payment_id).order_by(refunds.c.created_at, refunds.c.id))
    ids = [refund["id"] for refund in refunded]
    steps = select(refund_history).where(refund_history.c.refund_id.in_(ids)).order_by(refund_history.c.seq)
    stepped = await _lines(connection, steps)
    return {
        "tries": await _lines(connection, _tries_with_attempts().where(tries.c.payment_id == payment_id)),
        "decisions": await _lines(
            connection, _of(routing_decisions, payment_id).order_by(routing_decisions.c.attempt_id)
        ),
        "callbacks": await connection.scalar(_callbacks(payment_id)),
        "refunds": refunded,
        "refund_steps": {one: [step for step in stepped if step["refund_id"] == one] for one in ids},
    }


def _callbacks(payment_id: UUID) -> Select[Any]:
    """How many messages came unasked that named a try of this payment, by its name over there or by ours."""
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
    """Each notification of the payment once for each endpoint, with the `url` that it goes to."""
    deliveries, endpoints = notification_deliveries, notification_endpoints
    told = select(notifications.c.id).where(notifications.c.payment_id == payment_id)
    return (
        select(deliveries, url_of_delivery().label("url"))
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .join(notifications, notifications.c.id == deliveries.c.notification_id)
        .where(deliveries.c.notification_id.in_(told))
        .order_by(deliveries.c.notification_id, endpoints.c.id)
    )


async def _charges(connection: AsyncConnection, quote_id: str | None) -> Sequence[Line]:
    """The biller's own lines of the quote that was paid: `label` and `amount` in paisa."""
    bill = await connection.scalar(select(quotes.c.bill).where(quotes.c.quote_id == quote_id))
    charges: Sequence[Line] = (bill or {}).get("charges", ())
    return charges


async def list_payments(engine: AsyncEngine, wanted: PaymentFilter) -> Sequence[Line]:
    """The newest payments that the filter lets through; their ids grow with time."""
    query = select(payments).order_by(payments.c.id.desc()).limit(wanted.count_max)
    if wanted.partner_id is not None:
        query = query.where(payments.c.partner_id == wanted.partner_id)
    if wanted.reference is not None:
        query = query.where(payments.c.reference == wanted.reference)
    if wanted.state is not None:
        query = query.where(payments.c.state == wanted.state)
    if wanted.is_open:
        query = query.where(payments.c.state.not_in(sorted(FINAL)))
    async with engine.connect() as connection:
        return await _lines(connection, query)


async def export_payments(engine: AsyncEngine) -> Sequence[Line]:
    """Every payment, the oldest first, with its `attempts`, `tries` and `refunds`; one snapshot of all.

    `bill_number` is the biller's own name of what was quoted, None where nothing was. `tries` are what the
    attempts of the funds leg have beside them.
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
        found = await _lines(connection, query)
        asked = await _by_payment(connection, select(attempts).order_by(attempts.c.opened_at, attempts.c.id))
        tried = await _by_payment(connection, _tries_with_attempts())
        refunded = await _by_payment(connection, select(refunds).order_by(refunds.c.created_at, refunds.c.id))
    return [
        {
            **line,
            "attempts": asked.get(line["id"], []),
            "tries": tried.get(line["id"], []),
            "refunds": refunded.get(line["id"], []),
        }
        for line in found
    ]


def _tries_with_attempts() -> Select[Any]:
    return (
        select(tries, attempts.c.reference, attempts.c.state, attempts.c.outcome)
        .join(attempts, attempts.c.id == tries.c.attempt_id)
        .order_by(attempts.c.opened_at, attempts.c.id)
    )


async def _by_payment(connection: AsyncConnection, query: Select[Any]) -> Mapping[UUID, list[Line]]:
    by_payment: dict[UUID, list[Line]] = {}
    for line in await _lines(connection, query):
        by_payment.setdefault(line["payment_id"], []).append(line)
    return by_payment


def _of(table: Table, payment_id: UUID) -> Select[Any]:
    return select(table).where(table.c.payment_id == payment_id)


async def _lines(connection: AsyncConnection, query: Select[Any]) -> Sequence[Line]:
    return [dict(row) for row in (await connection.execute(query)).mappings()]
