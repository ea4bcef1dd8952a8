"""Issuers: partners that may raise the bills of an office over REST v1 (docs/adr/0138).

Two persons of finance let a partner raise the bills of a biller. One person alone takes that away, at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.parties.standing_grants import end_grant
from ekpay_switch.persistence.schema.bill_files import bill_issuers
from ekpay_switch.persistence.schema.books import partners

_ISSUERS = bill_issuers.c


class IssuerRefusedError(SwitchError):
    """The issuer cannot be added or removed; the message names the field, nothing was done."""


@dataclass(frozen=True, slots=True)
class IssuerLine:
    """An issuer as the staff reads it."""

    issuer_id: UUID
    partner_id: str
    biller_id: str
    added_at: datetime
    removed_at: datetime | None
    removed_by: str | None


@dataclass(frozen=True, slots=True)
class NewIssuer:
    """An issuer to be added; `change_id` is the change of access that two persons made."""

    issuer_id: UUID
    partner_id: str
    biller_id: str
    change_id: UUID


class BillIssuers:
    """The issuers in PostgreSQL, for the staff; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def remove(self, issuer_id: UUID, removed_by: str) -> bool:
        """End an issuer at once; False where it was ended before. The caller has verified the person.

        Raises:
            IssuerRefusedError: there is no such issuer.
        """
        async with self._engine.begin() as connection:
            is_ended = await end_grant(connection, bill_issuers, issuer_id, removed_by)
        if is_ended is None:
            raise IssuerRefusedError(f"issuer: there is no issuer {issuer_id}")
        return is_ended

    async def list(self, *, is_all: bool = False) -> Sequence[IssuerLine]:
        """Who is an issuer now, or everybody who ever was; by biller, then by partner."""
        query = select(bill_issuers).order_by(_ISSUERS.biller_id, _ISSUERS.partner_id, _ISSUERS.added_at)
        if not is_all:
            query = query.where(_ISSUERS.removed_at.is_(None))
        async with self._engine.connect() as connection:
            return [
                IssuerLine(
                    row.id, row.partner_id, row.biller_id, row.added_at, row.removed_at, row.removed_by
                )
                for row in await connection.execute(query)
            ]


async def refuse_issuer(connection: AsyncConnection, new: NewIssuer) -> None:
    """Refuse an issuer who cannot be added now.

    Raises:
        IssuerRefusedError: the partner is not active, or raises bills of this biller already.
    """
    active = select(exists().where(partners.c.id == new.partner_id, partners.c.is_active))
    if not await connection.scalar(active):
        raise IssuerRefusedError(f"partner: {new.partner_id} is no active partner")
    is_there = exists().where(
        _ISSUERS.partner_id == new.partner_id,
        _ISSUERS.biller_id == new.biller_id,
        _ISSUERS.removed_at.is_(None),
    )
    if await connection.scalar(select(is_there)):
        raise IssuerRefusedError(f"biller: {new.partner_id} raises bills of {new.biller_id} already")


async def add_issuer_within(connection: AsyncConnection, new: NewIssuer) -> None:
    """Let a partner raise the bills of a biller, in the transaction of the approval.

    Raises:
        IssuerRefusedError: see `refuse_issuer`.
    """
    await refuse_issuer(connection, new)
    values = {
        "id": new.issuer_id,
        "partner_id": new.partner_id,
        "biller_id": new.biller_id,
        "added_by_change": new.change_id,
    }
    await connection.execute(insert(bill_issuers).values(values))
