"""Merchants as operators manage them: adding them, their agreements and their pass keys.

A pass key is stored as a hash and shown once. Every change is recorded with who made it, in the same
transaction and without the key. The caller has verified the person (`Staff.verify`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.merchants.agreements import Agreement, agreement_document, agreement_of
from ekpay_switch.persistence.merchants.directory import MERCHANTS, UnknownMerchantError, merchant_of
from ekpay_switch.persistence.parties.partners import emptiest_lane
from ekpay_switch.persistence.schema.books import partners
from ekpay_switch.persistence.schema.merchants import merchant_changes, merchants
from ekpay_switch.persistence.schema.notifications import notification_endpoints
from ekpay_switch.ports.merchants import Merchant
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.pass_keys import hash_pass_key, new_merchant_pass_key

IPN = "ipn"


class MerchantExistsError(SwitchError):
    """Another partner or merchant has this id or this registration id already."""


class DebtAboveLimitError(SwitchError):
    """The merchant owes more than the new debt limit at this moment."""


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """A merchant before it is added; neither id ever changes.

    `partner_id` becomes part of ledger account names; `mer_reg_id` is what the merchant sends as its id.
    """

    partner_id: str
    mer_reg_id: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class MerchantKey:
    """A new pass key of a merchant; it is shown once and stored only as a hash.

    `ipn_endpoint_id` is that of the IPNs of a merchant that was just added.
    """

    partner_id: str
    mer_reg_id: str
    name_en: str
    pass_key: str = field(repr=False)
    ipn_endpoint_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """The entry at this place of a list, from 0, exists already and differs in these fields."""

    place: int
    differing_fields: tuple[str, ...]


class ClashError(SwitchError):
    """Entries of the list exist already with other content; nothing was written."""

    def __init__(self, clashes: Sequence[Clash]) -> None:
        super().__init__()
        self.clashes = tuple(clashes)


@dataclass(frozen=True, slots=True)
class MerchantLine:
    """A merchant as an operator sees it; `owed` is what it and its payees are owed now, net.

    `insecure_ipns_asked_by` is who asked for IPNs over plain http, whether or not they are approved.
    """

    merchant: Merchant
    amount_owed: Money
    previous_pass_key_until: datetime | None
    created_at: datetime
    insecure_ipns_asked_by: str | None = None


@dataclass(frozen=True, slots=True)
class MerchantChange:
    """One recorded change of a merchant or its payees: when, by whom, and its details."""

    at: datetime
    by: str
    details: Mapping[str, object]


Keep = Callable[[Sequence[MerchantKey]], None]


class MerchantStaffActions:
    """The merchants in PostgreSQL; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, new: NewMerchant, by: str) -> MerchantKey:
        """See `add_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await add_within(connection, new, by)

    async def add_all(
        self, news: Sequence[NewMerchant], by: str, keep: Keep, approved_by: str | None = None
    ) -> Sequence[MerchantKey]:
        """Add the merchants that are new, all of them or none.

        `keep` gets their keys before the COMMIT, since they cannot be read again; where it raises, nothing is
        written. Merchants that exist with the same content are left unchanged.

        Raises:
            ClashError: some exist with other content, or with only one of their two ids.
        """
        async with self._engine.begin() as connection:
            await lock_adding(connection)
            fresh = await _find_new(connection, news)
            keys = [await _add(connection, new, by, approved_by) for new in fresh]
            keep(keys)
        return keys

    async def preview_add(self, news: Sequence[NewMerchant]) -> Sequence[NewMerchant]:
        """The merchants that `add_all` would add now; raises like it, and writes nothing."""
        async with self._engine.connect() as connection:
            return await _find_new(connection, news)

    async def change(self, partner_id: str, changes: Mapping[str, object], by: str) -> MerchantLine:
        """See `change_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await change_within(connection, partner_id, changes, by)

    async def set_active(self, partner_id: str, by: str, *, is_active: bool) -> None:
        """Activate or deactivate the merchant from its next call on; existing payments go on.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        async with self._engine.begin() as connection:
            line = await lock_merchant(connection, partner_id)
            if line.merchant.is_active == is_active:
                return
            of = partners.c.id == partner_id
            await connection.execute(update(partners).where(of).values(is_active=is_active))
            details = {"did": "activated" if is_active else "deactivated"}
            await note_change(connection, partner_id, by, details)

    async def list(self) -> Sequence[MerchantLine]:
        """Every merchant, by partner id."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(MERCHANTS.order_by(merchants.c.partner_id))
            return [_line(row) for row in rows]

    async def show(self, partner_id: str) -> tuple[MerchantLine, Sequence[MerchantChange]]:
        """The merchant with all its recorded changes, the oldest first.

        Raises:
            UnknownMerchantError: there is no such merchant.
        """
        table = merchant_changes
        query = select(table).where(table.c.partner_id == partner_id).order_by(table.c.id)
        async with self._engine.connect() as connection:
            line = await read_line(connection, partner_id)
            rows = await connection.execute(query)
            return line, [MerchantChange(row.at, row.by, row.what) for row in rows]


async def add_within(
    connection: AsyncConnection, new: NewMerchant, by: str, approved_by: str | None = None
) -> MerchantKey:
    """Add a merchant; returns its pass key, which cannot be read again.

    Raises:
        MerchantExistsError: an id of it is taken; the transaction is over.
    """
    try:
        await lock_adding(connection)
        return await _add(connection, new, by, approved_by)
    except IntegrityError as problem:
        raise MerchantExistsError from problem


async def rotate_key_within(
    connection: AsyncConnection,
    partner_id: str,
    overlap: timedelta,
    by: str,
    approved_by: str | None = None,
) -> MerchantKey:
    """Give the merchant a new pass key; the previous one stays valid for `overlap`, older ones do not.

    Raises:
        UnknownMerchantError: there is no such merchant.
    """
    pass_key, has_overlap = new_merchant_pass_key(), overlap > timedelta(0)
    changes = {
        "pass_key_hash": hash_pass_key(pass_key),
        "previous_pass_key_hash": merchants.c.pass_key_hash if has_overlap else null(),
        "previous_pass_key_until": func.now() + overlap if has_overlap else null(),
    }
    line = await lock_merchant(connection, partner_id)
    await update_merchant(connection, partner_id, changes)
    details = {"did": "key_rotated", "overlap_seconds": int(overlap.total_seconds())}
    await note_change(connection, partner_id, by, details | second_person(approved_by))
    return MerchantKey(partner_id, line.merchant.mer_reg_id, line.merchant.name_en, pass_key)


async def change_within(
    connection: AsyncConnection,
    partner_id: str,
    changes: Mapping[str, object],
    by: str,
    approved_by: str | None = None,
) -> MerchantLine:
    """Change the named fields of the agreement, and record their old and new values.

    Raises:
        UnknownMerchantError: there is no such merchant.
        DebtAboveLimitError: it owes more than the new debt limit.
    """
    line = await lock_merchant(connection, partner_id)
    before = agreement_of(line.merchant)
    after = Agreement(**{**_field_values(before), **changes})  # type: ignore[arg-type]
    differs = _differing_fields(before, after)
    if differs:
        await _write_agreement(connection, partner_id, after)
        was, became = agreement_document(before), agreement_document(after)
        details: dict[str, object] = {
            "did": "changed",
            "fields": {name: [was[name], became[name]] for name in differs},
        }
        await note_change(connection, partner_id, by, details | second_person(approved_by))
    if "return_hosts" in differs:
        # Two persons have agreed to plain http to the hosts of before, not to these.
        await forbid_insecure_ipns(connection, line, by)
    return await lock_merchant(connection, partner_id)


def second_person(approved_by: str | None) -> dict[str, object]:
    """What the record of a change says where it took two persons."""
    return {} if approved_by is None else {"approved_by": approved_by}


async def read_line(connection: AsyncConnection, partner_id: str) -> MerchantLine:
    """The merchant, or UnknownMerchantError."""
    row = (await connection.execute(MERCHANTS.where(merchants.c.partner_id == partner_id))).first()
    if row is None:
        raise UnknownMerchantError
    return _line(row)


async def note_change(
    connection: AsyncConnection, partner_id: str, by: str, details: Mapping[str, object]
) -> None:
    """Record who changed what of the merchant."""
    await connection.execute(
        insert(merchant_changes).values(partner_id=partner_id, by=by, what=dict(details))
    )


async def lock_adding(connection: AsyncConnection) -> None:
    """The lock under which partners and merchants are added, so that each gets the emptiest lane."""
    await connection.execute(select(func.pg_advisory_xact_lock(1, 3)))


async def lock_merchant(connection: AsyncConnection, partner_id: str) -> MerchantLine:
    """Read and lock the merchant, so that it is changed one transaction after the other."""
    query = MERCHANTS.where(merchants.c.partner_id == partner_id)
    row = (await connection.execute(query.with_for_update(key_share=True))).first()
    if row is None:
        raise UnknownMerchantError
    return _line(row)


async def _add(
    connection: AsyncConnection, new: NewMerchant, by: str, approved_by: str | None = None
) -> MerchantKey:
    """Write the rows of a merchant, with the emptiest lane and its own endpoint for IPNs."""
    pass_key, document = new_merchant_pass_key(), agreement_document(new.agreement)
    await connection.execute(
        insert(partners).values(id=new.partner_id, name=document.pop("name_en"), lane=emptiest_lane())
    )
    ids = {"partner_id": new.partner_id, "mer_reg_id": new.mer_reg_id}
    row = ids | {"pass_key_hash": hash_pass_key(pass_key)} | document
    await connection.execute(insert(merchants).values(row))
    endpoint_id = uuid7()
    endpoint = {"id": endpoint_id, "partner_id": new.partner_id, "url": IPN, "kind": IPN}
    await connection.execute(insert(notification_endpoints).values(endpoint))
    details = {"did": "added", "mer_reg_id": new.mer_reg_id, "fields": agreement_document(new.agreement)}
    await note_change(connection, new.partner_id, by, details | second_person(approved_by))
    return MerchantKey(new.partner_id, new.mer_reg_id, new.agreement.name_en, pass_key, endpoint_id)


async def _find_new(connection: AsyncConnection, news: Sequence[NewMerchant]) -> list[NewMerchant]:
    """The merchants that do not exist yet; ClashError where any exists with other content."""
    ids, reg_ids = [new.partner_id for new in news], [new.mer_reg_id for new in news]
    ours = merchants.c.partner_id.in_(ids) | merchants.c.mer_reg_id.in_(reg_ids)
    rows = [merchant_of(row) for row in await connection.execute(MERCHANTS.where(ours))]
    partner_ids = set(await connection.scalars(select(partners.c.id).where(partners.c.id.in_(ids))))
    by_id, by_reg_id = (
        {merchant.partner_id: merchant for merchant in rows},
        {merchant.mer_reg_id: merchant for merchant in rows},
    )
    fresh, clashes = [], []
    for place, new in enumerate(news):
        standing = by_reg_id.get(new.mer_reg_id)
        if standing is None and new.partner_id not in partner_ids:
            fresh.append(new)
            continue
        differs = _clashing_fields(new, standing or by_id.get(new.partner_id))
        if differs:
            clashes.append(Clash(place, differs))
    if clashes:
        raise ClashError(clashes)
    return fresh


def _clashing_fields(new: NewMerchant, standing: Merchant | None) -> tuple[str, ...]:
    if standing is None or standing.partner_id != new.partner_id:
        return ("partner_id",)
    if standing.mer_reg_id != new.mer_reg_id:
        return ("mer_reg_id",)
    return _differing_fields(agreement_of(standing), new.agreement)


def _differing_fields(before: Agreement, after: Agreement) -> tuple[str, ...]:
    old, new = agreement_document(before), agreement_document(after)
    return tuple(name for name in old if old[name] != new[name])


async def _write_agreement(connection: AsyncConnection, partner_id: str, agreement: Agreement) -> None:
    document = agreement_document(agreement)
    renaming = update(partners).where(partners.c.id == partner_id).values(name=document.pop("name_en"))
    await connection.execute(renaming)
    try:
        await update_merchant(connection, partner_id, document)
    except IntegrityError as problem:
        raise DebtAboveLimitError from problem


async def update_merchant(connection: AsyncConnection, partner_id: str, values: Mapping[str, Any]) -> None:
    """Write these columns of a merchant that is locked."""
    await connection.execute(
        update(merchants).where(merchants.c.partner_id == partner_id).values(dict(values))
    )


async def forbid_insecure_ipns(connection: AsyncConnection, line: MerchantLine, by: str) -> None:
    """Let no IPN of a locked merchant go over plain http any more, and drop the request for it."""
    if line.insecure_ipns_asked_by is None:
        return
    partner_id = line.merchant.partner_id
    nobody = {"insecure_ipns_asked_by": None, "insecure_ipns_approved_by": None}
    await update_merchant(connection, partner_id, nobody)
    await note_change(connection, partner_id, by, {"did": "insecure_ipns_forbidden"})


def _field_values(agreement: Agreement) -> dict[str, object]:
    """The fields of the agreement by name."""
    return {agreed.name: getattr(agreement, agreed.name) for agreed in fields(agreement)}


def _line(row: Any) -> MerchantLine:  # noqa: ANN401 - a row of MERCHANTS
    until = row.previous_pass_key_until if row.has_previous else None
    asked_by = row.insecure_ipns_asked_by
    return MerchantLine(merchant_of(row), Money(row.owed), until, row.created_at, asked_by)
