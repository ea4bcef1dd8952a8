"""Who may have a share of a merchant's payments, as operators manage them.

A code and its kind name a ledger account, so neither ever changes. A payee that is shut off gets no share of
new payments; what it is owed stays. Callers have checked the persons (`Staff.verify`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants import PayeeKind
from ekpay_switch.persistence.merchants.staff_actions import (
    Clash,
    ClashError,
    UnknownMerchantError,
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
        """Register those that are not, all of them or none; which they were.

        Payees that stand as they are written here are left alone, active or not.

        Raises:
            UnknownMerchantError: there is no such merchant.
            ClashError: some codes stand with another kind or name.
        """
        async with self._engine.begin() as connection:
            await _hold(connection, partner_id)
            fresh = await _fresh(connection, partner_id, payees)
            for payee in fresh:
                row = {"code": payee.code, "kind": str(payee.kind), "name": payee.name}
                await connection.execute(insert(_TABLE).values(partner_id=partner_id, **row))
                await note_change(connection, partner_id, by, {"did": "payee_added", **row})
        return fresh

    async def would_add(self, partner_id: str, payees: Sequence[Payee]) -> Sequence[Payee]:
        """Those that `add_all` would register at this moment; raises like it, and writes nothing."""
        async with self._engine.connect() as connection:
            await _hold(connection, partner_id)
            return await _fresh(connection, partner_id, payees)

    async def set_active(self, partner_id: str, code: str, by: str, *, is_active: bool) -> None:
        """Let the payee have shares of new payments, or no more.

        Raises:
            UnknownMerchantError: there is no such merchant.
            UnknownPayeeError: it has no such payee.
        """
        one = (_TABLE.c.partner_id == partner_id, _TABLE.c.code == code)
        async with self._engine.begin() as connection:
            await _hold(connection, partner_id)
            was_active = await connection.scalar(select(_TABLE.c.is_active).where(*one))
            if was_active is None:
                raise UnknownPayeeError
            if was_active == is_active:
                return
            await connection.execute(update(_TABLE).where(*one).values(is_active=is_active))
            did = "payee_activated" if is_active else "payee_deactivated"
            await note_change(connection, partner_id, by, {"did": did, "code": code})

    async def list(self, partner_id: str) -> Sequence[PayeeLine]:
        """Every payee of the merchant, by code; raises UnknownMerchantError."""
        query = select(_TABLE).where(_TABLE.c.partner_id == partner_id).order_by(_TABLE.c.code)
        async with self._engine.connect() as connection:
            await _hold(connection, partner_id)
            return [
                PayeeLine(Payee(row.code, PayeeKind(row.kind), row.name), row.is_active, row.created_at)
                for row in await connection.execute(query)
            ]


async def _hold(connection: AsyncConnection, partner_id: str) -> None:
    """The merchant under lock, so that its payees are changed one after the other."""
    query = select(merchants.c.partner_id).where(merchants.c.partner_id == partner_id)
    if await connection.scalar(query.with_for_update(key_share=True)) is None:
        raise UnknownMerchantError


async def _fresh(connection: AsyncConnection, partner_id: str, payees: Sequence[Payee]) -> list[Payee]:
    """Those that do not stand, or ClashError where any stands with other content."""
    query = select(_TABLE).where(_TABLE.c.partner_id == partner_id)
    found = await connection.execute(query.where(_TABLE.c.code.in_([one.code for one in payees])))
    standing = {row.code: row for row in found}
    clashes = [
        Clash(place, differs)
        for place, payee in enumerate(payees)
        if (differs := _differing(payee, standing.get(payee.code)))
    ]
    if clashes:
        raise ClashError(clashes)
    return [payee for payee in payees if payee.code not in standing]


def _differing(payee: Payee, standing: object) -> tuple[str, ...]:
    if standing is None:
        return ()
    return tuple(name for name in ("kind", "name") if getattr(standing, name) != getattr(payee, name))
