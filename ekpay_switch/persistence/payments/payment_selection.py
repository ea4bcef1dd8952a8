"""The newest payments that match a filter."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.payment import FINAL, State
from ekpay_switch.persistence.schema.books import payments
from ekpay_switch.persistence.schema.collections import tries
from ekpay_switch.security.identifiers import uuid7_floor

# How far the clock that made an id may be from the one that dated its payment.
_CLOCKS_APART = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments to list, the newest first; None does not filter.

    `reference` is the caller's own. `biller_id` may be a merchant's, as `merchant:shop`. `connector_id` is
    whichever connector was tried. `amount` in paisa is the bill's or the whole. `first` and `last` are
    business dates, both included. `ids` are the only payments that may be listed.
    """

    partner_id: str | None = None
    reference: str | None = None
    state: State | None = None
    is_open: bool = False
    biller_id: str | None = None
    connector_id: str | None = None
    amount: int | None = None
    first: date | None = None
    last: date | None = None
    ids: Collection[UUID] | None = None
    count_max: int = 50


async def list_payments(engine: AsyncEngine, selection: PaymentFilter) -> Sequence[Mapping[str, Any]]:
    """The newest payments that match the filter; their ids grow with time."""
    query = select(payments).where(*_conditions(selection)).order_by(payments.c.id.desc())
    async with engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(query.limit(selection.count_max))).mappings()]


def _conditions(selection: PaymentFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (payments.c.partner_id, selection.partner_id),
        (payments.c.reference, selection.reference),
        (payments.c.state, selection.state),
        (payments.c.biller_id, selection.biller_id),
    ):
        if value is not None:
            yield column == value
    if selection.is_open:
        yield payments.c.state.not_in(sorted(FINAL))
    if selection.connector_id is not None:
        is_tried = and_(tries.c.payment_id == payments.c.id, tries.c.connector_id == selection.connector_id)
        yield exists().where(is_tried)
    if selection.amount is not None:
        billed = payments.c.amount + payments.c.rounding
        whole = billed + payments.c.charge + payments.c.fee + payments.c.vat
        yield or_(
            billed == selection.amount, payments.c.amount == selection.amount, whole == selection.amount
        )
    if selection.ids is not None:
        yield payments.c.id.in_(selection.ids)
    yield from _within(selection)


def _within(selection: PaymentFilter) -> Iterator[ColumnElement[bool]]:
    """Between two business dates; ids grow with time, so that they bound what is read."""
    if selection.first is not None:
        yield payments.c.business_date >= selection.first
        yield payments.c.id >= uuid7_floor(_midnight(selection.first) - _CLOCKS_APART)
    if selection.last is not None:
        yield payments.c.business_date <= selection.last
        yield payments.c.id < uuid7_floor(_midnight(selection.last) + timedelta(days=1) + _CLOCKS_APART)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, DHAKA)
