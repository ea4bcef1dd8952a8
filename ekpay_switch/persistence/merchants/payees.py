"""The payees of a merchant, who may have shares of its payments, as operators manage them.

A code and its kind name a ledger account, so neither ever changes. A deactivated payee gets no share of new
payments; what it is owed stays. The caller has verified the person (`Staff.verify`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants.merchant import PayeeKind
from ekpay_switch.persistence.merchants.directory import UnknownMerchantError
from ekpay_switch.persistence.merchants.staff_actions import (
    Clash,
    ClashError,
    note_change,
)
from ekpay_switch.persistence.schema.merchants import merchant_payees, merchants
from ekpay_switch.ports.merchants import Payee

_TABLE = merchant_payees


class UnknownPayeeError(SwitchError):
    """The merchant has no payee of this code."""


@dataclass(frozen=True, slots=True)
class PayeeLine:
    """A payee as an operator sees it."""

    payee: Payee
    is_active: bool
    created_at: datetime


class MerchantPayees:
    """The payees in PostgreSQL; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add_all(self, partner_id: str, payees: Sequence[Payee], by: str) -> Sequence[Payee]:
        """Register the payees that are new, all of them or none; returns those.

        Payees that exist with the same content are left unchanged, active or not.

        Raises:
            UnknownMerchantError: there is no such merchant.
            ClashError: some codes exist with another kind or name.
        """
        async with self._engine.begin() as connection:
            await _lock_merchant(connection, partner_id)
            fresh = await _find_new(connection, partner_id, payees)
            for payee in fresh:
                row = {"code": payee.code, "kind": str(payee.kind), "name": payee.name}
                await connection.execute(insert(_TABLE).values(partner_id=partner_id, **row))
                await note_change(connection, partner_id, by, {"did": "payee_added", **row})
        return fresh

    async def preview_add(self, partner_id: str, payees: Sequence[Payee]) -> Sequence[Payee]:
        """The payees that `add_all` would register now; raises like it, and writes nothing."""
        async with self._engine.connect() as connection:
            await _lock_merchant(connection, partner_id)
            return await _find_new(connection, partner_id, payees)

    async def set_active(self, partner_id: str, code: str, by: str, *, is_active: bool) -> None:
        """Allow the payee shares of new payments, or stop that.

        Raises:
            UnknownMerchantError: there is no such merchant.
            UnknownPayeeError: it has no such payee.
        """
        is_payee = (_TABLE.c.partner_id == partner_id, _TABLE.c.code == code)
        async with self._engine.begin() as connection:
            await _lock_merchant(connection, partner_id)
            was_active = await connection.scalar(select(_TABLE.c.is_active).where(*is_payee))
            if was_active is None:
                raise UnknownPayeeError
            if was_active == is_active:
                return
            await connection.execute(update(_TABLE).where(*is_payee).values(is_active=is_active))
            did = "payee_activated" if is_active else "payee_deactivated"
            await note_change(connection, partner_id, by, {"did": did, "code": code})

    async def list(self, partner_id: str) -> Sequence[PayeeLine]:
        """Every payee of the merchant, by code; raises UnknownMerchantError."""
        query = select(_TABLE).where(_TABLE.c.partner_id == partner_id).order_by(_TABLE.c.code)
        async with self._engine.connect() as connection:
            await _lock_merchant(connection, partner_id)
            return [
                PayeeLine(Payee(row.code, PayeeKind(row.kind), row.name), row.is_active, row.created_at)
                for row in await connection.execute(query)
            ]


async def _lock_merchant(connection: AsyncConnection, partner_id: str) -> None:
    """Lock the merchant, so that its payees are changed one transaction after the other."""
    query = select(merchants.c.partner_id).where(merchants.c.partner_id == partner_id)
    if await connection.scalar(query.with_for_update(key_share=True)) is None:
        raise UnknownMerchantError


async def _find_new(connection: AsyncConnection, partner_id: str, payees: Sequence[Payee]) -> list[Payee]:
    """The payees that do not exist yet; ClashError where any exists with other content."""
    query = select(_TABLE).where(_TABLE.c.partner_id == partner_id)
    rows = await connection.execute(query.where(_TABLE.c.code.in_([new.code for new in payees])))
    standing = {row.code: row for row in rows}
    clashes = [
        Clash(place, differs)
        for place, payee in enumerate(payees)
        if (differs := _differing_fields(payee, standing.get(payee.code)))
    ]
    if clashes:
        raise ClashError(clashes)
    return [payee for payee in payees if payee.code not in standing]


def _differing_fields(payee: Payee, standing: object) -> tuple[str, ...]:
    if standing is None:
        return ()
    return tuple(name for name in ("kind", "name") if getattr(standing, name) != getattr(payee, name))
