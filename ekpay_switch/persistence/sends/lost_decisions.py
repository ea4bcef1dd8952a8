"""What two persons decide about a lost send where nobody can be asked: one proposes it, another approves."""

from typing import Any
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.payments.lost_sends import LostState
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions

_LOCK = "SELECT * FROM lost_sends WHERE id = $1 FOR UPDATE"
_PROPOSE = """
UPDATE lost_sends SET proposed_as = $2, reason = $3, proposed_by = $4, proposed_at = now() WHERE id = $1
"""
_APPROVE = "UPDATE lost_sends SET approved_by = $2, approved_at = now() WHERE id = $1"


class RefusedDecisionError(SwitchError):
    """There is nothing to decide about the lost send, or not so."""


class LostDecisions:
    """Decisions in PostgreSQL; each call is one short transaction. The caller has verified the person."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def propose(self, lost_id: UUID, state: LostState, reason: str, proposed_by: str) -> None:
        """Propose what the lost send is to count as; it replaces a proposal that waits, and decides nothing.

        Raises:
            RefusedDecisionError: unknown, proven, booked or decided already, or no reason.
        """
        if state is LostState.UNKNOWN:
            raise RefusedDecisionError("state: posted or not_posted")
        if not reason.strip():
            raise RefusedDecisionError("reason: it is empty")

        async def work(connection: Connection) -> None:
            row = await _lock(connection, lost_id)
            _refuse_settled(row, state)
            await require_decider(connection, proposed_by)
            await connection.execute(_PROPOSE, lost_id, state, reason.strip(), proposed_by)

        await self._transactions.run(work)

    async def approve(self, lost_id: UUID, approved_by: str) -> LostState:
        """Approve what another person has proposed; a repeat by the same person changes nothing.

        Raises:
            OnePersonError: the approver is the person who proposed it.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who proposed it may not.
            RefusedDecisionError: nothing is proposed, or it was settled meanwhile.
        """

        async def work(connection: Connection) -> LostState:
            row = await _lock(connection, lost_id)
            if row["proposed_as"] is None:
                raise RefusedDecisionError(f"id: nothing is proposed about {lost_id}: ekpay restore decide")
            state = LostState(row["proposed_as"])
            if row["approved_by"] == approved_by:
                return state
            _refuse_settled(row, state)
            if row["proposed_by"] == approved_by:
                raise OnePersonError(f"approved_by: {approved_by} proposed it, and it takes a second person")
            await require_decider(connection, approved_by)
            await refuse_without_asker(connection, row["proposed_by"])
            await connection.execute(_APPROVE, lost_id, approved_by)
            return state

        return await self._transactions.run(work)


async def _lock(connection: Connection, lost_id: UUID) -> Any:  # noqa: ANN401 - asyncpg's Record
    row = await connection.fetchrow(_LOCK, lost_id)
    if row is None:
        raise RefusedDecisionError(f"id: there is no lost send {lost_id}")
    return row


def _refuse_settled(row: Any, state: LostState) -> None:  # noqa: ANN401 - asyncpg's Record
    if row["booked_at"] is not None:
        raise RefusedDecisionError("id: its payment is booked, so decide about that: ekpay decide")
    if row["approved_by"] is not None:
        raise RefusedDecisionError(f"id: {row['approved_by']} has approved {row['proposed_as']}")
    if row["state"] == LostState.NOT_POSTED:
        raise RefusedDecisionError("id: it is proven not posted")
    if row["state"] == LostState.POSTED and state is LostState.NOT_POSTED:
        raise RefusedDecisionError("state: its far side says that it is posted")
