"""Limits of partners: asked for by one person of finance, approved by another, and then in force at once.

An approval writes the limit to the partner's account rows in its own transaction. Whoever decides a payment
holds these rows, so what is decided after the approval is durable obeys it, in every process, and nothing
that is cached has to be told. The table of changes says who set each limit, when and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import LimitKind
from ekpay_switch.persistence.parties.partners import BUCKETS, NoSyndicateError, UnknownPartnerError
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.schema.books import accounts, partners
from ekpay_switch.persistence.schema.limits import partner_limit_changes
from ekpay_switch.security.identifiers import uuid7

_BUCKET_OF_FLOOR = {LimitKind.POSTPAID_FLOOR: "postpaid", LimitKind.PREPAID_FLOOR: "prepaid"}
_CHANGES = partner_limit_changes.c


class RefusedLimitError(SwitchError):
    """The limit has no amount from zero, or no reason."""


class LimitStandsError(SwitchError):
    """The limit that was asked for is in force already."""


class LimitWaitsError(SwitchError):
    """Another change of this limit waits for its second person."""


class LimitNotWaitingError(SwitchError):
    """The change does not wait for this decision."""


class LimitState(StrEnum):
    """Where a change stands; of a partner's changes of one kind, at most one waits and one is in force."""

    WAITS = "waits"
    IN_FORCE = "in_force"
    REPLACED = "replaced"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class LimitOrder:
    """A limit that somebody asks for; an amount of None takes the daily limit away."""

    partner_id: str
    kind: LimitKind
    amount: Money | None
    reason: str


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A change with its authors and instants (UTC); `rejection_reason` is empty unless it was rejected."""

    change_id: UUID
    partner_id: str
    kind: LimitKind
    amount: Money | None
    reason: str
    state: LimitState
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    rejected_by: str | None
    rejection_reason: str


class PartnerLimits:
    """The limits in PostgreSQL; each call is one short transaction. The caller has verified the person.

    That two persons decide is held by the table as well. A repeated call writes nothing again: the same
    person is answered as before, or refused.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self, order: LimitOrder, asked_by: str) -> UUID:
        """Ask that a limit be changed; nothing is bound yet. Returns the id of the change.

        Raises:
            RefusedLimitError: the amount is below zero or missing, or there is no reason.
            UnknownPartnerError: there is no such partner.
            NoSyndicateError: it has no prefund of its own to pay bills from.
            LimitStandsError: this very limit is in force.
            LimitWaitsError: another change of this limit waits.
        """
        _require_sense(order)
        async with self._engine.begin() as connection:
            await _require_prefunds(connection, order.partner_id)
            await _require_change(connection, order)
            values = {
                "id": uuid7(),
                "partner_id": order.partner_id,
                "kind": order.kind,
                "amount": _paisa(order.amount),
                "reason": order.reason.strip(),
                "asked_by": asked_by,
            }
            added = insert(partner_limit_changes).values(values).on_conflict_do_nothing()
            change_id: UUID | None = await connection.scalar(added.returning(_CHANGES.id))
            return change_id or await _same_request(connection, order, asked_by)

    async def approve(self, change_id: UUID, approved_by: str) -> LimitChange:
        """Approve what another person has asked for: it binds every payment decided from now on.

        Raises:
            OnePersonError: the approver is the person who asked.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who asked may not.
            LimitNotWaitingError: unknown, rejected, or approved by somebody else.
        """
        async with self._engine.begin() as connection:
            row = await _lock_change(connection, change_id)
            if row.approved_by is None:
                if row.asked_by == approved_by:
                    raise OnePersonError(
                        f"approved_by: {approved_by} asked for it, and it takes a second person"
                    )
                await _require_persons(connection, row.asked_by, approved_by)
                # The clock of this moment: approvals of one limit come one after the other.
                decided = {"approved_by": approved_by, "approved_at": func.clock_timestamp()}
                await _decide(connection, change_id, decided)
                await _put_in_force(connection, row)
            elif row.approved_by != approved_by:
                raise LimitNotWaitingError(f"id: {change_id} was approved by {row.approved_by}")
            return await _read_change(connection, change_id)

    async def reject(self, change_id: UUID, reason: str, rejected_by: str) -> LimitChange:
        """Reject what waits, also one's own request; the limit stays as it is.

        Raises:
            RefusedLimitError: there is no reason.
            LimitNotWaitingError: unknown, approved, or rejected by somebody else.
        """
        if not reason.strip():
            raise RefusedLimitError("reason: it is empty")
        async with self._engine.begin() as connection:
            row = await _lock_change(connection, change_id, rejected_by)
            if row.approved_by is not None:
                raise LimitNotWaitingError(
                    f"id: {change_id} was approved by {row.approved_by}, ask for another limit"
                )
            if row.rejected_by is None:
                decided = {
                    "rejected_by": rejected_by,
                    "rejected_at": func.clock_timestamp(),
                    "rejection_reason": reason.strip(),
                }
                await _decide(connection, change_id, decided)
            return await _read_change(connection, change_id)

    async def list(self, partner_id: str | None = None) -> Sequence[LimitChange]:
        """Every change of one partner or of all, by partner and kind, the oldest first."""
        query = _with_states()
        if partner_id is not None:
            query = query.where(_CHANGES.partner_id == partner_id)
        query = query.order_by(_CHANGES.partner_id, _CHANGES.kind, _CHANGES.asked_at, _CHANGES.id)
        async with self._engine.connect() as connection:
            return [_change(row) for row in await connection.execute(query)]


def _require_sense(order: LimitOrder) -> None:
    if order.amount is None and order.kind is not LimitKind.DAILY:
        raise RefusedLimitError("amount: a floor has one; 0 takes it away")
    if order.amount is not None and order.amount.minor < 0:
        raise RefusedLimitError("amount: it is below zero")
    if not order.reason.strip():
        raise RefusedLimitError("reason: it is empty")


async def _require_prefunds(connection: AsyncConnection, partner_id: str) -> None:
    """A merchant's prefund holds what its challans are set aside for, and nothing that could be kept."""
    row = (await connection.execute(select(partners.c.nd_id).where(partners.c.id == partner_id))).first()
    if row is None:
        raise UnknownPartnerError
    if row.nd_id is None:
        raise NoSyndicateError


async def _require_change(connection: AsyncConnection, order: LimitOrder) -> None:
    column, codes = _place_of(order.kind, order.partner_id)
    standing = await connection.scalar(select(column).where(accounts.c.code == codes[0]))
    if standing == _paisa(order.amount):
        raise LimitStandsError


def _place_of(kind: LimitKind, partner_id: str) -> tuple[Column[Any], list[str]]:
    """The column of `accounts` that holds a limit, and in which rows."""
    if kind is LimitKind.DAILY:
        return accounts.c.daily_limit, [prefund_account(partner_id, bucket) for bucket in BUCKETS]
    return accounts.c.floor, [prefund_account(partner_id, _BUCKET_OF_FLOOR[kind])]


async def _same_request(connection: AsyncConnection, order: LimitOrder, asked_by: str) -> UUID:
    """The request that waits, if it is this one."""
    query = select(partner_limit_changes).where(
        _CHANGES.partner_id == order.partner_id,
        _CHANGES.kind == order.kind,
        _CHANGES.approved_by.is_(None),
        _CHANGES.rejected_by.is_(None),
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise LimitWaitsError("kind: somebody has just decided on another change of it, ask again")
    if (row.asked_by, row.amount) != (asked_by, _paisa(order.amount)):
        raise LimitWaitsError(f"kind: {row.asked_by} has asked for another one, {row.id}, which waits")
    waiting: UUID = row.id
    return waiting


async def _lock_change(
    connection: AsyncConnection, change_id: UUID, may_have_rejected: str | None = None
) -> Row[Any]:
    query = select(partner_limit_changes).where(_CHANGES.id == change_id).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        raise LimitNotWaitingError(f"id: there is no change {change_id}")
    if row.rejected_by is not None and row.rejected_by != may_have_rejected:
        raise LimitNotWaitingError(
            f"id: {change_id} was rejected by {row.rejected_by}: {row.rejection_reason}"
        )
    return row


async def _require_persons(connection: AsyncConnection, asked_by: str, approved_by: str) -> None:
    """See `staff`; the driver's own connection is in the transaction that has locked the change."""
    driver = (await connection.get_raw_connection()).driver_connection
    await require_decider(driver, approved_by)
    await refuse_without_asker(driver, asked_by)


async def _decide(connection: AsyncConnection, change_id: UUID, decided: dict[str, Any]) -> None:
    await connection.execute(update(partner_limit_changes).where(_CHANGES.id == change_id).values(decided))


async def _put_in_force(connection: AsyncConnection, change: Row[Any]) -> None:
    """Write the limit to the account rows: the last lock of the transaction, in the order of the batches."""
    column, codes = _place_of(LimitKind(change.kind), change.partner_id)
    rows = accounts.c.code.in_(codes)
    await connection.execute(select(accounts.c.code).where(rows).order_by(accounts.c.code).with_for_update())
    await connection.execute(update(accounts).where(rows).values({column: change.amount}))


async def _read_change(connection: AsyncConnection, change_id: UUID) -> LimitChange:
    rows = await connection.execute(_with_states().where(_CHANGES.id == change_id))
    return _change(rows.one())


def _with_states() -> Any:  # noqa: ANN401 - a query
    """Changes, each with the approval that is in force for its partner and kind."""
    other = partner_limit_changes.alias("other")
    newest = (
        select(func.max(other.c.approved_at))
        .where(other.c.partner_id == _CHANGES.partner_id, other.c.kind == _CHANGES.kind)
        .scalar_subquery()
    )
    return select(partner_limit_changes, newest.label("newest_approval"))


def _change(row: Row[Any]) -> LimitChange:
    return LimitChange(
        change_id=row.id,
        partner_id=row.partner_id,
        kind=LimitKind(row.kind),
        amount=None if row.amount is None else Money(row.amount),
        reason=row.reason,
        state=_state(row),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        rejected_by=row.rejected_by,
        rejection_reason=row.rejection_reason or "",
    )


def _state(row: Row[Any]) -> LimitState:
    if row.rejected_by is not None:
        return LimitState.REJECTED
    if row.approved_at is None:
        return LimitState.WAITS
    return LimitState.IN_FORCE if row.approved_at == row.newest_approval else LimitState.REPLACED


def _paisa(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor
