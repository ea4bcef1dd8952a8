"""Partners' endpoints for notifications, as operators manage them.

Signing keys are derived from an endpoint's id and key generation, so a rotation only counts the generation up
and the rows contain no secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.notifications import EndpointKind, EventType
from ekpay_switch.persistence.notifications.store import valid_generations
from ekpay_switch.persistence.parties.partners import UnknownPartnerError
from ekpay_switch.persistence.schema.books import partners
from ekpay_switch.persistence.schema.notifications import notification_endpoints
from ekpay_switch.security.identifiers import uuid7

_TABLE = notification_endpoints
_KEYS = (_TABLE.c.key_generation, (_TABLE.c.previous_key_until > func.now()).label("has_previous_key"))


class UnknownEndpointError(SwitchError):
    """There is no such endpoint."""


class EndpointExistsError(SwitchError):
    """The partner has an endpoint at this URL already."""


class IpnEndpointError(SwitchError):
    """IPNs cannot be disabled: they go where each order says, and an order may ask for none."""


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """An endpoint as an operator sees it; empty `events` means all events.

    The endpoint of a merchant's IPNs has no URL of its own: its `url` is "ipn".
    """

    id: UUID
    partner_id: str
    url: str
    events: Sequence[str]
    state: str
    disabled_why: str | None
    key_generations: Sequence[int]
    previous_key_until: datetime | None
    failures_in_a_row: int
    paused_until: datetime | None
    created_at: datetime
    kind: EndpointKind = EndpointKind.WEBHOOK
    has_shared_secret: bool = False


class Endpoints:
    """The endpoints in PostgreSQL; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, partner_id: str, url: str, events: Sequence[EventType]) -> EndpointLine:
        """See `add_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await add_within(connection, partner_id, url, events)

    async def list(self, partner_id: str | None = None) -> Sequence[EndpointLine]:
        """Every endpoint, or those of one partner, the oldest first."""
        query = select(_TABLE, *_KEYS[1:]).order_by(_TABLE.c.partner_id, _TABLE.c.id)
        if partner_id is not None:
            query = query.where(_TABLE.c.partner_id == partner_id)
        async with self._engine.connect() as connection:
            return [_line(row) for row in await connection.execute(query)]

    async def disable(self, endpoint_id: UUID, why: str) -> EndpointLine:
        """Stop sending to the endpoint; the worker gives up waiting deliveries, which can be replayed.

        Raises:
            UnknownEndpointError: there is no such endpoint.
            IpnEndpointError: it is the endpoint of a merchant's IPNs.
        """
        kind = select(_TABLE.c.kind).where(_TABLE.c.id == endpoint_id)
        async with self._engine.connect() as connection:
            if await connection.scalar(kind) == EndpointKind.IPN.value:
                raise IpnEndpointError
        return await self._change(endpoint_id, state="disabled", disabled_why=why)

    async def enable(self, endpoint_id: UUID) -> EndpointLine:
        """Send to the endpoint again; its failure counts and its pause are reset.

        Raises:
            UnknownEndpointError: there is no such endpoint.
        """
        return await self._change(
            endpoint_id,
            state="active",
            disabled_why=null(),
            failures_in_a_row=0,
            given_up_in_a_row=0,
            paused_until=null(),
        )

    async def key_generations(self, endpoint_id: UUID) -> Sequence[int]:
        """See `ports.notifications.EndpointKeys`."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(*_KEYS).where(_TABLE.c.id == endpoint_id))).first()
        if row is None:
            return ()
        return valid_generations(row.key_generation, has_previous=bool(row.has_previous_key))

    async def _change(self, endpoint_id: UUID, **changes: Any) -> EndpointLine:  # noqa: ANN401 - SQL expressions too
        async with self._engine.begin() as connection:
            return await _change(connection, endpoint_id, changes)


async def add_within(
    connection: AsyncConnection, partner_id: str, url: str, events: Sequence[EventType]
) -> EndpointLine:
    """Add an endpoint of a partner; the caller has checked that its URL is safe.

    Raises:
        UnknownPartnerError: there is no such partner.
        EndpointExistsError: it has this URL already; the transaction is over.
    """
    new = {"id": uuid7(), "partner_id": partner_id, "url": url}
    event_types = sorted({event.value for event in events})
    if await connection.scalar(select(partners.c.id).where(partners.c.id == partner_id)) is None:
        raise UnknownPartnerError
    adding = insert(_TABLE).values(**new, events=event_types).returning(_TABLE, *_KEYS[1:])
    try:
        return _line((await connection.execute(adding)).one())
    except IntegrityError as problem:
        raise EndpointExistsError from problem


async def share_secret_within(
    connection: AsyncConnection, endpoint_id: UUID, *, is_shared: bool
) -> EndpointLine:
    """Sign under a shared secret as well, or under the public key alone; UnknownEndpointError if none."""
    return await _change(connection, endpoint_id, {"has_shared_secret": is_shared})


async def rotate_key_within(
    connection: AsyncConnection, endpoint_id: UUID, overlap: timedelta
) -> EndpointLine:
    """Sign with a new key, and for `overlap` with the previous one as well; UnknownEndpointError if none."""
    until = func.now() + overlap if overlap > timedelta(0) else null()
    changes = {"key_generation": _TABLE.c.key_generation + 1, "previous_key_until": until}
    return await _change(connection, endpoint_id, changes)


async def _change(connection: AsyncConnection, endpoint_id: UUID, changes: Mapping[str, Any]) -> EndpointLine:
    change = update(_TABLE).where(_TABLE.c.id == endpoint_id).values(dict(changes))
    row = (await connection.execute(change.returning(_TABLE, *_KEYS[1:]))).first()
    if row is None:
        raise UnknownEndpointError
    return _line(row)


def _line(row: Row[Any]) -> EndpointLine:
    return EndpointLine(
        id=row.id,
        partner_id=row.partner_id,
        url=row.url,
        events=tuple(row.events),
        state=row.state,
        disabled_why=row.disabled_why,
        key_generations=valid_generations(row.key_generation, has_previous=bool(row.has_previous_key)),
        previous_key_until=row.previous_key_until,
        failures_in_a_row=row.failures_in_a_row,
        paused_until=row.paused_until,
        created_at=row.created_at,
        kind=EndpointKind(row.kind),
        has_shared_secret=row.has_shared_secret,
    )
