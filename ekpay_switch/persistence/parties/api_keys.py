"""API keys of REST v1 (the port `Clients`): shown once, stored as a hash (docs/adr/0027).

We make the keys, each with 256 random bits, so a plain SHA-256 is safe at rest, as for pass keys. A key is
looked up by its hash, so that no comparison reveals how much of a guess is right.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.parties.partner_limits import FetchTerms
from ekpay_switch.persistence.parties.partners import UnknownPartnerError
from ekpay_switch.persistence.schema.books import partners
from ekpay_switch.persistence.schema.collections import api_keys
from ekpay_switch.ports.collections import Client
from ekpay_switch.security.identifiers import uuid7

_PREFIX = "sk_"
_KEY_BYTES = 32


class UnknownApiKeyError(SwitchError):
    """There is no API key of this id."""


@dataclass(frozen=True, slots=True)
class ApiKeyLine:
    """A key as an operator sees it in a list; without secrets."""

    id: UUID
    partner_id: str
    return_hosts: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None


class ApiKeys:
    """The API keys in PostgreSQL; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, partner_id: str, return_hosts: Collection[str]) -> str:
        """See `add_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await self.add_within(connection, partner_id, return_hosts)

    async def add_within(
        self, connection: AsyncConnection, partner_id: str, return_hosts: Collection[str]
    ) -> str:
        """Add a key for the partner; returns it, and it cannot be read again.

        Payers may be sent back to `return_hosts`, each `host` or `host:port`, compared in lower case.

        Raises:
            UnknownPartnerError: there is no such partner.
        """
        key = f"{_PREFIX}{secrets.token_urlsafe(_KEY_BYTES)}"
        hosts = sorted({host.lower() for host in return_hosts})
        row = insert(api_keys).values(
            id=uuid7(), partner_id=partner_id, key_hash=_hash(key), return_hosts=hosts
        )
        try:
            await connection.execute(row)
        except IntegrityError as problem:
            raise UnknownPartnerError from problem
        return key

    async def revoke(self, key_id: UUID, revoked_by: str) -> None:
        """Revoke a key from the next call on; an earlier revocation keeps its time and its person.

        Raises:
            UnknownApiKeyError: there is no such key.
        """
        revoked = {
            "revoked_at": func.coalesce(api_keys.c.revoked_at, func.now()),
            "revoked_by": case((api_keys.c.revoked_at.is_(None), revoked_by), else_=api_keys.c.revoked_by),
        }
        async with self._engine.begin() as connection:
            changed = await connection.execute(
                update(api_keys).where(api_keys.c.id == key_id).values(revoked)
            )
        if changed.rowcount == 0:
            raise UnknownApiKeyError

    async def list(self, partner_id: str) -> Sequence[ApiKeyLine]:
        """Every key of the partner, the oldest first."""
        query = select(api_keys).where(api_keys.c.partner_id == partner_id).order_by(api_keys.c.id)
        async with self._engine.connect() as connection:
            return [_line(row) for row in await connection.execute(query)]

    async def by_key(self, key: str) -> Client | None:
        """See `ports.collections.Clients`; takes the same time for any key."""
        query = (
            select(
                partners.c.id,
                partners.c.name,
                partners.c.lane,
                partners.c.fetches_in_flight,
                partners.c.fetches_per_second,
                api_keys.c.return_hosts,
            )
            .join(partners, partners.c.id == api_keys.c.partner_id)
            .where(api_keys.c.key_hash == _hash(key), api_keys.c.revoked_at.is_(None), partners.c.is_active)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return None
        fetches = FetchTerms(row.fetches_in_flight, row.fetches_per_second)
        return Client(row.id, row.name, row.lane, frozenset(row.return_hosts), fetches)


def _line(row: Row[Any]) -> ApiKeyLine:
    return ApiKeyLine(
        id=row.id,
        partner_id=row.partner_id,
        return_hosts=tuple(row.return_hosts),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
