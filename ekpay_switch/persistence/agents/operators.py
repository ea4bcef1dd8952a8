"""Operators of agents: who they are, and how they come and go (docs/adr/0135).

An operator is a citizen's account that two persons of finance have linked to a partner. One person alone
takes the link away, at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.parties.standing_grants import end_grant
from ekpay_switch.persistence.schema.agents import agent_operators
from ekpay_switch.persistence.schema.books import partners
from ekpay_switch.persistence.schema.citizens import citizens
from ekpay_switch.persistence.schema.merchants import merchants
from ekpay_switch.security.one_time_codes import CodeDigests

_OPERATORS = agent_operators.c


class OperatorRefusedError(SwitchError):
    """The operator cannot be added or removed; the message names the field, nothing was done."""


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """An operator as the staff reads it."""

    operator_id: UUID
    partner_id: str
    name: str
    added_at: datetime
    removed_at: datetime | None
    removed_by: str | None


@dataclass(frozen=True, slots=True)
class NewOperator:
    """An operator to be linked; `change_id` is the change of access that two persons made."""

    operator_id: UUID
    partner_id: str
    citizen_id: UUID
    name: str
    change_id: UUID


class AgentOperators:
    """The operators in PostgreSQL, for the staff; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def citizen_of(self, number: str, digests: CodeDigests) -> UUID:
        """The account of a mobile number, `01XXXXXXXXX`.

        Raises:
            OperatorRefusedError: nobody has signed in with it yet.
        """
        query = select(citizens.c.id).where(citizens.c.number_digest == digests.of_account(number))
        async with self._engine.connect() as connection:
            citizen_id: UUID | None = await connection.scalar(query)
        if citizen_id is None:
            raise OperatorRefusedError("number: nobody has signed in with it; the operator does so first")
        return citizen_id

    async def remove(self, operator_id: UUID, removed_by: str) -> bool:
        """End an operator at once; False where it was ended before. The caller has verified the person.

        Raises:
            OperatorRefusedError: there is no such operator.
        """
        async with self._engine.begin() as connection:
            is_ended = await end_grant(connection, agent_operators, operator_id, removed_by)
        if is_ended is None:
            raise OperatorRefusedError(f"operator: there is no operator {operator_id}")
        return is_ended

    async def list(self, *, is_all: bool = False) -> Sequence[OperatorLine]:
        """Who is an operator now, or everybody who ever was; by agent, then by name."""
        query = select(agent_operators).order_by(_OPERATORS.partner_id, _OPERATORS.name, _OPERATORS.added_at)
        if not is_all:
            query = query.where(_OPERATORS.removed_at.is_(None))
        async with self._engine.connect() as connection:
            rows = await connection.execute(query)
            return [
                OperatorLine(row.id, row.partner_id, row.name, row.added_at, row.removed_at, row.removed_by)
                for row in rows
            ]


async def refuse_operator(connection: AsyncConnection, new: NewOperator) -> None:
    """Refuse an operator who cannot be linked now.

    Raises:
        OperatorRefusedError: the partner is none that pays from a prefund, the account is closed, or it is an
            operator's already.
    """
    is_merchant = exists().where(merchants.c.partner_id == partners.c.id)
    agent = select(partners.c.id).where(partners.c.id == new.partner_id, partners.c.is_active, ~is_merchant)
    if await connection.scalar(agent) is None:
        raise OperatorRefusedError(f"partner: {new.partner_id} is no active partner with a prefund")
    account = select(citizens.c.id).where(citizens.c.id == new.citizen_id, citizens.c.closed_at.is_(None))
    # Whoever closes the account at the same time has to wait, or was first.
    if await connection.scalar(account.with_for_update(read=True)) is None:
        raise OperatorRefusedError("number: its account is closed")
    is_taken = exists().where(_OPERATORS.citizen_id == new.citizen_id, _OPERATORS.removed_at.is_(None))
    if await connection.scalar(select(is_taken)):
        raise OperatorRefusedError("number: it is an operator's already")


async def add_operator_within(connection: AsyncConnection, new: NewOperator) -> None:
    """Link an operator to its agent, in the transaction of the approval.

    Raises:
        OperatorRefusedError: see `refuse_operator`.
    """
    await refuse_operator(connection, new)
    values = {
        "id": new.operator_id,
        "partner_id": new.partner_id,
        "citizen_id": new.citizen_id,
        "name": new.name,
        "added_by_change": new.change_id,
    }
    await connection.execute(insert(agent_operators).values(values))
