"""Merchants as operators manage them: who sells under which agreement, with which pass key.

A pass key is stored as a hash and told once. Who changed what is written with the change itself, and never
the key. Callers have checked the persons (`Staff.verify`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants import ChargesOnRefund
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.merchants.directory import MERCHANTS, merchant_of
from ekpay_switch.persistence.parties.partners import emptiest_lane
from ekpay_switch.persistence.schema.books import partners
from ekpay_switch.persistence.schema.merchants import merchant_changes, merchants
from ekpay_switch.persistence.schema.notifications import notification_endpoints
from ekpay_switch.ports.merchants import Merchant
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.pass_keys import hash_pass_key, new_merchant_pass_key

IPN = "ipn"


class UnknownMerchantError(SwitchError):
    """There is no such merchant."""


class MerchantExistsError(SwitchError):
    """Another partner or merchant has this id or this registration id already."""


class DebtAboveLimitError(SwitchError):
    """The merchant owes more than that at this moment, so its debt limit cannot be as low."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a merchant has agreed to and may change; the fields are those of `merchant_ports.Merchant`."""

    name_en: str
    name_bn: str
    return_hosts: frozenset[str]
    networks: tuple[str, ...]
    instruments: frozenset[str] | None = None
    fee_plan: str = "*"
    charges_on_refund: ChargesOnRefund = ChargesOnRefund.KEPT
    refund_limit: Money = field(default=Money(0))
    debt_limit: Money = field(default=Money(0))


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """A merchant before it is added; neither id ever changes.

    `partner_id` becomes part of the names of ledger accounts, `mer_reg_id` is what the merchant calls itself.
    """

    partner_id: str
    mer_reg_id: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class MerchantKey:
    """What a merchant is told once."""

    partner_id: str
    mer_reg_id: str
    name_en: str
    pass_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Clash:
    """The new merchant at this place of a list stands already, and not as it is written here."""

    place: int
    differs: tuple[str, ...]


class ClashError(SwitchError):
    """Merchants of the list stand already with other content; nothing was written."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__()
        self.clashes = tuple(clashes)


@dataclass(frozen=True, slots=True)
class MerchantLine:
    """A merchant as an operator sees it; `owed` is what it and its payees are owed now, net."""

    merchant: Merchant
    owed: Money
    previous_pass_key_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody did to a merchant or its payees."""

    at: datetime
    by: str
    what: Mapping[str, object]


Keep = Callable[[Sequence[MerchantKey]], None]


class MerchantDesk:
    """The merchants in PostgreSQL; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, new: NewMerchant, by: str) -> MerchantKey:
        """Add a merchant and tell its pass key, this once.

        Raises:
            MerchantExistsError: an id of it is taken.
        """
        try:
            async with self._engine.begin() as connection:
                await _one_at_a_time(connection)
                return await _add(connection, new, by)
        except IntegrityError as problem:
            raise MerchantExistsError from problem

    async def add_all(self, news: Sequence[NewMerchant], by: str, keep: Keep) -> Sequence[MerchantKey]:
        """Add those of the merchants that do not stand yet, all of them or none.

        `keep` has their keys before anything is durable, since nobody could tell them again; where it raises,
        nothing is written. Those that stand as they are written here are left alone.

        Raises:
            ClashError: some stand with other content, or under one of two ids.
        """
        async with self._engine.begin() as connection:
            await _one_at_a_time(connection)
            fresh = await _fresh(connection, news)
            keys = [await _add(connection, new, by) for new in fresh]
            keep(keys)
        return keys

    async def would_add(self, news: Sequence[NewMerchant]) -> Sequence[NewMerchant]:
        """Those that `add_all` would add at this moment; raises like it, and writes nothing."""
        async with self._engine.connect() as connection:
            return await _fresh(connection, news)

    async def rotate_key(self, partner_id: str, overlap: timedelta, by: str) -> MerchantKey:
        """Give the merchant a new pass key; the one before is good for `overlap` more, older ones are not.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        pass_key, has_overlap = new_merchant_pass_key(), overlap > timedelta(0)
        changes = {
            "pass_key_hash": hash_pass_key(pass_key),
            "previous_pass_key_hash": merchants.c.pass_key_hash if has_overlap else null(),
            "previous_pass_key_until": func.now() + overlap if has_overlap else null(),
        }
        async with self._engine.begin() as connection:
            line = await _hold(connection, partner_id)
            await _set(connection, partner_id, changes)
            what = {"did": "key_rotated", "overlap_seconds": int(overlap.total_seconds())}
            await note_change(connection, partner_id, by, what)
        return MerchantKey(partner_id, line.merchant.mer_reg_id, line.merchant.name_en, pass_key)

    async def change(self, partner_id: str, changes: Mapping[str, object], by: str) -> MerchantLine:
        """Change the agreement where `changes` names its fields, and write down what it was before.

        Raises:
            UnknownMerchantError: there is no such merchant.
            DebtAboveLimitError: it owes more than the new debt limit.
        """
        async with self._engine.begin() as connection:
            before = agreement_of((await _hold(connection, partner_id)).merchant)
            after = Agreement(**{**_plain(before), **changes})  # type: ignore[arg-type]
            differs = _differing(before, after)
            if differs:
                await _write_agreement(connection, partner_id, after)
                was, became = as_document(before), as_document(after)
                steps = {name: [was[name], became[name]] for name in differs}
                await note_change(connection, partner_id, by, {"did": "changed", "fields": steps})
            return await _hold(connection, partner_id)

    async def set_active(self, partner_id: str, by: str, *, is_active: bool) -> None:
        """Let the merchant sell, or no more, from its next call on; payments that stand go their way.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        async with self._engine.begin() as connection:
            line = await _hold(connection, partner_id)
            if line.merchant.is_active == is_active:
                return
            of = partners.c.id == partner_id
            await connection.execute(update(partners).where(of).values(is_active=is_active))
            what = {"did": "activated" if is_active else "deactivated"}
            await note_change(connection, partner_id, by, what)

    async def list(self) -> Sequence[MerchantLine]:
        """Every merchant, by partner id."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(MERCHANTS.order_by(merchants.c.partner_id))
            return [_line(row) for row in rows]

    async def show(self, partner_id: str) -> tuple[MerchantLine, Sequence[Change]]:
        """The merchant with everything that was ever changed, the oldest first.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        table = merchant_changes
        query = select(table).where(table.c.partner_id == partner_id).order_by(table.c.id)
        async with self._engine.connect() as connection:
            line = await read_line(connection, partner_id)
            rows = await connection.execute(query)
            return line, [Change(row.at, row.by, row.what) for row in rows]


async def read_line(connection: AsyncConnection, partner_id: str) -> MerchantLine:
    """The merchant, or UnknownMerchantError."""
    row = (await connection.execute(MERCHANTS.where(merchants.c.partner_id == partner_id))).first()
    if row is None:
        raise UnknownMerchantError
    return _line(row)


async def note_change(
    connection: AsyncConnection, partner_id: str, by: str, what: Mapping[str, object]
) -> None:
    """Write down who did what to the merchant."""
    await connection.execute(insert(merchant_changes).values(partner_id=partner_id, by=by, what=dict(what)))


def agreement_of(merchant: Merchant) -> Agreement:
    """What the merchant has agreed to."""
    return Agreement(**{one.name: getattr(merchant, one.name) for one in fields(Agreement)})


def as_document(agreement: Agreement) -> dict[str, object]:
    """The agreement in JSON: sets in order, amounts in whole paisa."""
    return {
        "name_en": agreement.name_en,
        "name_bn": agreement.name_bn,
        "return_hosts": sorted(agreement.return_hosts),
        "networks": list(agreement.networks),
        "instruments": None if agreement.instruments is None else sorted(agreement.instruments),
        "fee_plan": agreement.fee_plan,
        "charges_on_refund": str(agreement.charges_on_refund),
        "refund_limit": agreement.refund_limit.minor,
        "debt_limit": agreement.debt_limit.minor,
    }


async def _one_at_a_time(connection: AsyncConnection) -> None:
    """As partners are added, so that two never get the same lane unawares."""
    await connection.execute(select(func.pg_advisory_xact_lock(1, 3)))


async def _hold(connection: AsyncConnection, partner_id: str) -> MerchantLine:
    """The merchant under lock: changes of it are made one after the other."""
    query = MERCHANTS.where(merchants.c.partner_id == partner_id)
    row = (await connection.execute(query.with_for_update(key_share=True))).first()
    if row is None:
        raise UnknownMerchantError
    return _line(row)


async def _add(connection: AsyncConnection, new: NewMerchant, by: str) -> MerchantKey:
    """The rows of a merchant, which begins with the emptiest lane, no debt and its own queue of IPNs."""
    pass_key, document = new_merchant_pass_key(), as_document(new.agreement)
    await connection.execute(
        insert(partners).values(id=new.partner_id, name=document.pop("name_en"), lane=emptiest_lane())
    )
    whose = {"partner_id": new.partner_id, "mer_reg_id": new.mer_reg_id}
    row = whose | {"pass_key_hash": hash_pass_key(pass_key)} | document
    await connection.execute(insert(merchants).values(row))
    endpoint = {"id": uuid7(), "partner_id": new.partner_id, "url": IPN, "kind": IPN}
    await connection.execute(insert(notification_endpoints).values(endpoint))
    what = {"did": "added", "mer_reg_id": new.mer_reg_id, "fields": as_document(new.agreement)}
    await note_change(connection, new.partner_id, by, what)
    return MerchantKey(new.partner_id, new.mer_reg_id, new.agreement.name_en, pass_key)


async def _fresh(connection: AsyncConnection, news: Sequence[NewMerchant]) -> list[NewMerchant]:
    """Those that do not stand, or ClashError where any stands with other content."""
    ids, reg_ids = [new.partner_id for new in news], [new.mer_reg_id for new in news]
    ours = merchants.c.partner_id.in_(ids) | merchants.c.mer_reg_id.in_(reg_ids)
    rows = [merchant_of(row) for row in await connection.execute(MERCHANTS.where(ours))]
    taken = set(await connection.scalars(select(partners.c.id).where(partners.c.id.in_(ids))))
    by_id, by_reg_id = {one.partner_id: one for one in rows}, {one.mer_reg_id: one for one in rows}
    fresh, clashes = [], []
    for place, new in enumerate(news):
        standing = by_reg_id.get(new.mer_reg_id)
        if standing is None and new.partner_id not in taken:
            fresh.append(new)
            continue
        differs = _clash(new, standing or by_id.get(new.partner_id))
        if differs:
            clashes.append(Clash(place, differs))
    if clashes:
        raise ClashError(clashes)
    return fresh


def _clash(new: NewMerchant, standing: Merchant | None) -> tuple[str, ...]:
    if standing is None or standing.partner_id != new.partner_id:
        return ("partner_id",)
    if standing.mer_reg_id != new.mer_reg_id:
        return ("mer_reg_id",)
    return _differing(agreement_of(standing), new.agreement)


def _differing(one: Agreement, other: Agreement) -> tuple[str, ...]:
    before, after = as_document(one), as_document(other)
    return tuple(name for name in before if before[name] != after[name])


async def _write_agreement(connection: AsyncConnection, partner_id: str, agreement: Agreement) -> None:
    document = as_document(agreement)
    named = update(partners).where(partners.c.id == partner_id).values(name=document.pop("name_en"))
    await connection.execute(named)
    try:
        await _set(connection, partner_id, document)
    except IntegrityError as problem:
        raise DebtAboveLimitError from problem


async def _set(connection: AsyncConnection, partner_id: str, values: Mapping[str, Any]) -> None:
    await connection.execute(
        update(merchants).where(merchants.c.partner_id == partner_id).values(dict(values))
    )


def _plain(agreement: Agreement) -> dict[str, object]:
    """The fields as they are, by name."""
    return {one.name: getattr(agreement, one.name) for one in fields(agreement)}


def _line(row: Any) -> MerchantLine:  # noqa: ANN401 - a row of MERCHANTS
    until = row.previous_pass_key_until if row.has_previous else None
    return MerchantLine(merchant_of(row), Money(row.owed), until, row.created_at)
