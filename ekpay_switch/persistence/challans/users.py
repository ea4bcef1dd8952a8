"""Merchants that may raise treasury challans (the port `ChallanUsers`), and granting that access.

A key is stored as a hash and shown once. The access comes with a challan prefund of its own. A merchant that
pays bills through the syndicate API gets no access: it would pay them from the same prefund.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.challans import challan_prefund
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.persistence.merchants.directory import UnknownMerchantError, can_be_stored
from ekpay_switch.persistence.merchants.staff_actions import note_change, second_person
from ekpay_switch.persistence.schema.books import accounts, partners
from ekpay_switch.persistence.schema.challans import challan_users
from ekpay_switch.persistence.schema.merchants import merchants
from ekpay_switch.ports.challans import ChallanUser
from ekpay_switch.security.pass_keys import hash_pass_key, new_pass_key


class SyndicateMerchantError(SwitchError):
    """The merchant speaks the syndicate API: its bills and challans would be paid from the same prefund."""


class ChallanAccessExistsError(SwitchError):
    """The merchant has challan access already, or another one has this user name."""


class NoChallanAccessError(SwitchError):
    """The merchant has no challan access."""


@dataclass(frozen=True, slots=True)
class ChallanGrant:
    """What a merchant is called by the treasury: its user name and its business number (BIN)."""

    partner_id: str
    username: str
    bin: str


@dataclass(frozen=True, slots=True)
class ChallanKey:
    """A new key with its user name; the key is shown once and stored only as a hash."""

    partner_id: str
    username: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChallanUserLine:
    """A user as an operator sees it in a list; without secrets."""

    partner_id: str
    username: str
    bin: str
    generation: int
    is_active: bool
    created_at: datetime


class PostgresChallanUsers:
    """The users in PostgreSQL; never cached."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def by_username(self, username: str) -> ChallanUser | None:
        """See `ports.challans.ChallanUsers`."""
        return await self._find(challan_users.c.username, username)

    async def by_partner(self, partner_id: str) -> ChallanUser | None:
        """See `ports.challans.ChallanUsers`."""
        return await self._find(challan_users.c.partner_id, partner_id)

    async def _find(self, column: Any, value: str) -> ChallanUser | None:  # noqa: ANN401 - a column of any type
        if not can_be_stored(value):
            return None
        is_active = and_(challan_users.c.is_active, partners.c.is_active).label("may_call")
        query = (
            select(challan_users, partners.c.lane, is_active)
            .join(partners, partners.c.id == challan_users.c.partner_id)
            .where(column == value)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _user(row)


class ChallanAccess:
    """Granting, changing and ending the access; each call is one short transaction that records by whom."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def grant(self, partner_id: str, username: str, bin_: str, by: str) -> ChallanKey:
        """See `grant_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await grant_within(connection, ChallanGrant(partner_id, username, bin_), by)

    async def set_active(self, partner_id: str, by: str, *, is_active: bool) -> None:
        """Switch the access on or off; when off, new requests are refused and accepted ones are completed.

        Raises:
            NoChallanAccessError: the merchant has no access.
        """
        new = {"is_active": is_active, "generation": challan_users.c.generation + (0 if is_active else 1)}
        async with self._engine.begin() as connection:
            await _change(connection, partner_id, new)
            did = "challan_access_on" if is_active else "challan_access_off"
            await note_change(connection, partner_id, by, {"did": did})

    async def list(self) -> Sequence[ChallanUserLine]:
        """Every merchant that has access, by id."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(challan_users).order_by(challan_users.c.partner_id))
            return [
                ChallanUserLine(
                    row.partner_id, row.username, row.bin, row.generation, row.is_active, row.created_at
                )
                for row in rows
            ]


async def grant_within(
    connection: AsyncConnection, grant: ChallanGrant, by: str, approved_by: str | None = None
) -> ChallanKey:
    """Let a merchant raise challans under its own BIN, with an empty prefund for them; returns its key.

    Raises:
        ChallanAccessExistsError: it has access already, or the user name is taken; the transaction is over.
        UnknownMerchantError: there is no such merchant.
        SyndicateMerchantError: it speaks the syndicate API and pays bills from a prefund.
    """
    key, partner_id = new_pass_key(), grant.partner_id
    named = {"username": grant.username, "bin": grant.bin}
    try:
        await _require_challan_merchant(connection, partner_id)
        row = {"partner_id": partner_id, "key_hash": hash_pass_key(key)} | named
        await connection.execute(insert(challan_users).values(row))
        prefund = insert_or_not(accounts).values(_prefund_row(partner_id))
        await connection.execute(prefund.on_conflict_do_nothing())
        details: dict[str, object] = {"did": "challan_access_given", **named}
        await note_change(connection, partner_id, by, details | second_person(approved_by))
    except IntegrityError as problem:
        raise ChallanAccessExistsError from problem
    return ChallanKey(partner_id, grant.username, key)


async def rotate_key_within(
    connection: AsyncConnection, partner_id: str, by: str, approved_by: str | None = None
) -> ChallanKey:
    """Give a new key; the previous key and all existing tokens are invalid at once.

    Raises:
        NoChallanAccessError: the merchant has no access.
    """
    key = new_pass_key()
    new = {"key_hash": hash_pass_key(key), "generation": challan_users.c.generation + 1}
    details: dict[str, object] = {"did": "challan_key_rotated"}
    username = await _change(connection, partner_id, new)
    await note_change(connection, partner_id, by, details | second_person(approved_by))
    return ChallanKey(partner_id, username, key)


async def _change(connection: AsyncConnection, partner_id: str, new: dict[str, Any]) -> str:
    change = update(challan_users).where(challan_users.c.partner_id == partner_id).values(new)
    username: str | None = (await connection.execute(change.returning(challan_users.c.username))).scalar()
    if username is None:
        raise NoChallanAccessError
    return username


async def _require_challan_merchant(connection: AsyncConnection, partner_id: str) -> None:
    query = (
        select(partners.c.nd_id)
        .join(merchants, merchants.c.partner_id == partners.c.id)
        .where(partners.c.id == partner_id)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise UnknownMerchantError
    if row.nd_id is not None:
        raise SyndicateMerchantError


def _prefund_row(partner_id: str) -> dict[str, object]:
    code = challan_prefund(partner_id)
    return {"code": code, "kind": str(kind_of(code)), "balance": 0, "floor": 0}


def _user(row: Row[Any]) -> ChallanUser:
    return ChallanUser(
        partner_id=row.partner_id,
        username=row.username,
        lane=row.lane,
        generation=row.generation,
        bin=row.bin,
        is_active=row.may_call,
        key_hash=bytes(row.key_hash),
    )
