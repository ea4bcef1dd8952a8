"""What was sent to whom, and sending it again: the log of tries, and replays of one message or of a range.

A replay keeps the message's id, so a receiver that has it already can tell. An event keeps its body too, and
only the time and the signatures are new; an IPN is the payment's document of the moment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, TextClause, bindparam, case, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.notices import NOTICES, EndpointKind
from ekpay_switch.persistence.notifications.ipn_rows import IS_OUTDATED, KINDS, WANTS
from ekpay_switch.persistence.notifications.store import UUIDS, lock
from ekpay_switch.persistence.schema.books import notifications
from ekpay_switch.persistence.schema.merchants import merchant_orders
from ekpay_switch.persistence.schema.notifications import (
    notification_deliveries,
    notification_endpoints,
    notification_tries,
)

Line = Mapping[str, Any]

REPLAYED_AT_ONCE = 500
# How far the time inside an id may be from the time of its row: clocks of processes, a slow commit.
_ID_MARGIN = timedelta(minutes=10)

_EVENT_OF = {notice: told.event.value for notice, told in NOTICES.items()}
_CHOSEN_ENDPOINT = """
e.state = 'active' AND (CAST(:endpoint AS uuid) IS NULL OR e.id = :endpoint)
  AND (CAST(:kind AS text) IS NULL OR e.kind = :kind)
"""
# Deliveries that were given up, at endpoints that take messages now. Of a payment's IPNs only the newest goes
# out again, and not beside one that is on its way.
_AGAIN_FROM = f"""
FROM notification_endpoints AS e, notifications AS n
WHERE e.id = d.endpoint_id AND n.id = d.notification_id AND {_CHOSEN_ENDPOINT}
  AND d.notification_id = ANY(:ids) AND (d.state = 'given_up' OR NOT :is_failed_only)
  AND NOT (e.kind = 'ipn' AND coalesce(d.lease_until >= now(), false)) AND NOT {IS_OUTDATED}
"""
# Endpoints that were disabled when it arose; unless only failures are wanted, also those that came later.
_FIRST_FROM = f"""
FROM notifications AS n
JOIN notification_endpoints AS e ON e.partner_id = n.partner_id AND {_CHOSEN_ENDPOINT}
WHERE n.id = ANY(:ids) AND ({WANTS}) AND NOT {IS_OUTDATED}
  AND (e.created_at <= n.created_at OR NOT :is_failed_only)
"""


def _of_ids(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("ids", type_=UUIDS))


_AGAIN = _of_ids(f"""
UPDATE notification_deliveries AS d SET state = 'waiting', tries = 0, is_replay = true, next_try_at = now(),
  lease_until = NULL, epoch = d.epoch + 1, asked_at = now()
{_AGAIN_FROM} RETURNING d.notification_id
""")  # noqa: S608 - our own words
_FOR_THE_FIRST_TIME = _of_ids(f"""
INSERT INTO notification_deliveries (notification_id, endpoint_id, is_replay)
SELECT n.id, e.id, true {_FIRST_FROM}
ON CONFLICT (notification_id, endpoint_id) DO NOTHING RETURNING notification_id
""")
_COUNT = _of_ids(f"""
SELECT (SELECT count(*) FROM notification_deliveries AS d WHERE EXISTS (SELECT {_AGAIN_FROM}))
  + (SELECT count(*) {_FIRST_FROM} AND NOT EXISTS (
    SELECT FROM notification_deliveries AS d WHERE d.notification_id = n.id AND d.endpoint_id = e.id))
""")  # noqa: S608 - our own words
_SEND = text("UPDATE notifications SET state = 'sending' WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=UUIDS)
)


class UnknownNotificationError(SwitchError):
    """There is no such notification, or it is about to be sent for the first time."""


class NobodyToTellError(SwitchError):
    """No active endpoint of the partner takes it: add one, or enable one."""


class IpnNotReplayedError(SwitchError):
    """A payment's newest IPN alone is sent again, if its order wants one and none is on its way."""


@dataclass(frozen=True, slots=True)
class TryFilter:
    """Which tries to list, the newest first; None leaves a question out."""

    partner_id: str | None = None
    endpoint_id: UUID | None = None
    payment_id: UUID | None = None
    is_failed_only: bool = False
    count_max: int = 50
    kind: EndpointKind | None = None


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """Notifications of one partner that arose from `since` until before `until`; `kind` None: of both kinds.

    With `is_failed_only` those that an endpoint has not got: given up, or skipped while it was disabled.
    """

    partner_id: str
    since: datetime
    until: datetime
    endpoint_id: UUID | None = None
    is_failed_only: bool = False
    kind: EndpointKind | None = None


@dataclass(frozen=True, slots=True)
class RangeCount:
    """How many notifications a range holds, and how many deliveries a replay of it would make."""

    notifications: int
    deliveries: int


def url_of_delivery() -> ColumnElement[str]:
    """Where a delivery goes; both tables stand in the query, `notifications` and `notification_endpoints`."""
    of_order = select(merchant_orders.c.ipn_uri).where(
        merchant_orders.c.payment_id == notifications.c.payment_id
    )
    is_ipn = notification_endpoints.c.kind == EndpointKind.IPN.value
    return case((is_ipn, of_order.scalar_subquery()), else_=notification_endpoints.c.url)


async def list_tries(engine: AsyncEngine, wanted: TryFilter) -> Sequence[Line]:
    """The newest tries that the filter lets through; a failed one is a try without an answer of 2xx."""
    tries, endpoints = notification_tries, notification_endpoints
    query = (
        select(
            tries, endpoints.c.partner_id, endpoints.c.kind, url_of_delivery().label("url"),
            notifications.c.payment_id,
            notifications.c.notice, notification_deliveries.c.state, notification_deliveries.c.next_try_at,
        )
        .join(notifications, notifications.c.id == tries.c.notification_id)
        .join(endpoints, endpoints.c.id == tries.c.endpoint_id)
        .join(
            notification_deliveries,
            (notification_deliveries.c.notification_id == tries.c.notification_id)
            & (notification_deliveries.c.endpoint_id == tries.c.endpoint_id),
        )
        .order_by(tries.c.id.desc())
        .limit(wanted.count_max)
    )  # fmt: skip
    if wanted.partner_id is not None:
        query = query.where(endpoints.c.partner_id == wanted.partner_id)
    if wanted.endpoint_id is not None:
        query = query.where(tries.c.endpoint_id == wanted.endpoint_id)
    if wanted.payment_id is not None:
        query = query.where(notifications.c.payment_id == wanted.payment_id)
    if wanted.kind is not None:
        query = query.where(endpoints.c.kind == wanted.kind.value)
    if wanted.is_failed_only:
        query = query.where(tries.c.status.is_(None) | ~tries.c.status.between(200, 299))
    async with engine.connect() as connection:
        found = (await connection.execute(query)).mappings()
        return [{**row, "event": _EVENT_OF.get(row["notice"], row["notice"])} for row in found]


async def replay_one(
    engine: AsyncEngine,
    notification_id: UUID,
    endpoint_id: UUID | None = None,
    kind: EndpointKind | None = None,
) -> int:
    """Send one notification again to the partner's active endpoints, or to some of them; how many there are.

    Raises:
        UnknownNotificationError: there is none, or the worker has not even seen it.
        IpnNotReplayedError: the partner is a merchant, and its rules for IPNs leave nothing to send.
        NobodyToTellError: nobody takes it.
    """
    known = select(notifications.c.partner_id).where(
        notifications.c.id == notification_id, notifications.c.state != "waiting"
    )
    wanted = _Wanted(endpoint_id, kind)
    async with engine.begin() as connection:
        partner_id = await connection.scalar(known)
        if partner_id is None:
            raise UnknownNotificationError
        again = await _replay(connection, [notification_id], wanted)
        if not again and await connection.scalar(_ipn_endpoint_of(partner_id)):
            raise IpnNotReplayedError
    if not again:
        raise NobodyToTellError
    return again


async def replay_ipn_of(engine: AsyncEngine, payment_id: UUID) -> int:
    """Send the newest IPN of a payment again; 1.

    Raises:
        UnknownNotificationError: the payment has no notification that the worker has seen.
        IpnNotReplayedError: see there.
    """
    of_payment = select(notifications.c.id).where(
        notifications.c.payment_id == payment_id, notifications.c.state != "waiting"
    )
    async with engine.begin() as connection:
        ids = list(await connection.scalars(of_payment))
        if not ids:
            raise UnknownNotificationError
        again = await _replay(connection, ids, _Wanted(kind=EndpointKind.IPN))
    if not again:
        raise IpnNotReplayedError
    return again


async def count_range(engine: AsyncEngine, wanted: ReplayRange) -> RangeCount:
    """What a replay of this range would send now; nothing is changed."""
    looked_at = deliveries = 0
    async with engine.connect() as connection:
        after: UUID | None = None
        while ids := list(await connection.scalars(_ids_of(wanted, after))):
            deliveries += await connection.scalar(_COUNT, _Wanted.of(wanted).parameters(ids)) or 0
            looked_at, after = looked_at + len(ids), ids[-1]
    return RangeCount(looked_at, deliveries)


async def replay_range(
    engine: AsyncEngine, wanted: ReplayRange, looked_at: Callable[[int], None] = lambda _: None
) -> int:
    """Send a range again, some hundreds a transaction; how many deliveries that are.

    `looked_at` hears of each transaction how many notifications it went through. Broken off in the middle it
    may be started again: nothing is lost, and receivers know the ids.
    """
    after: UUID | None = None
    again = 0
    while True:
        async with engine.begin() as connection:
            ids = list(await connection.scalars(_ids_of(wanted, after)))
            if not ids:
                return again
            again += await _replay(connection, ids, _Wanted.of(wanted))
        after = ids[-1]
        looked_at(len(ids))


def _ids_of(wanted: ReplayRange, after: UUID | None) -> Select[UUID]:
    """The next notifications of the range, in order of their ids."""
    return (
        select(notifications.c.id)
        .where(
            notifications.c.id > (after or _id_at(wanted.since - _ID_MARGIN)),
            notifications.c.id <= _id_at(wanted.until + _ID_MARGIN),
            notifications.c.created_at >= wanted.since,
            notifications.c.created_at < wanted.until,
            notifications.c.partner_id == wanted.partner_id,
            notifications.c.state != "waiting",
        )
        .order_by(notifications.c.id)
        .limit(REPLAYED_AT_ONCE)
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """To which endpoints, and whether only what they have not got."""

    endpoint_id: UUID | None = None
    kind: EndpointKind | None = None
    is_failed_only: bool = False

    @classmethod
    def of(cls, wanted: ReplayRange) -> "_Wanted":
        return cls(wanted.endpoint_id, wanted.kind, wanted.is_failed_only)

    def parameters(self, ids: list[UUID]) -> dict[str, object]:
        kind = None if self.kind is None else self.kind.value
        chosen = {"endpoint": self.endpoint_id, "kind": kind, "is_failed_only": self.is_failed_only}
        return {"ids": ids, **chosen, **KINDS}


async def _replay(connection: AsyncConnection, ids: list[UUID], wanted: _Wanted) -> int:
    await lock(connection, ids)
    chosen = wanted.parameters(ids)
    again = list(await connection.scalars(_AGAIN, chosen))
    again += await connection.scalars(_FOR_THE_FIRST_TIME, chosen)
    await connection.execute(_SEND, {"ids": sorted(set(again))})
    return len(again)


def _ipn_endpoint_of(partner_id: str) -> Select[UUID]:
    table = notification_endpoints
    return select(table.c.id).where(table.c.partner_id == partner_id, table.c.kind == EndpointKind.IPN.value)


def _id_at(instant: datetime) -> UUID:
    """The smallest version 7 id of that millisecond, or of the beginning of time."""
    milliseconds = max(int(instant.astimezone(UTC).timestamp() * 1_000), 0)
    return UUID(int=milliseconds << 80)
