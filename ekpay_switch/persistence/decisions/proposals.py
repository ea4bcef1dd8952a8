# ruff: noqa: S608 - every part of the queries is a constant
"""The rows of proposals: written once, ended once, and the code that stands for all that one would do."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import CaseKind
from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.decisions import ProposalState, ProposalView
from ekpay_switch.security.identifiers import uuid7

Row = Mapping[str, Any]

CODE_LENGTH = 8
_WAITS = "num_nonnulls(approved_at, rejected_at, lapsed_at) = 0"
_NEW = """
INSERT INTO decisions (id, case_kind, subject, payment_id, action, amount, reason, reference, entries,
  entry_ids, seen, proposed_by, stated, takes_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
_ONE = "SELECT * FROM decisions WHERE id = $1"
_WAITING = f"SELECT * FROM decisions WHERE subject = $1 AND {_WAITS} FOR UPDATE"
_OF_SUBJECT = "SELECT * FROM decisions WHERE subject = $1 OR payment_id = $1 ORDER BY id"
_OF_ITEM = "SELECT * FROM decisions WHERE takes_from = ANY($1) ORDER BY id"
_APPROVE = "UPDATE decisions SET approved_by = $2, approved_at = now() WHERE id = $1"
_REJECT = "UPDATE decisions SET rejected_by = $2, rejected_at = now(), end_reason = $3 WHERE id = $1"
_LAPSE = "UPDATE decisions SET lapsed_at = now(), end_reason = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class NewProposal:
    """A proposal before it is stored; `seen` is the digest of the case that its proposer saw.

    Where `is_delegated`, its entries are posted by whose money it is, under ids of their own. `takes_from` is
    the entry whose item in suspense it takes from.
    """

    id: UUID
    kind: CaseKind
    subject: UUID
    payment_id: UUID | None
    action: DecisionAction
    amount: int
    reason: str
    reference: str
    entries: tuple[Entry, ...]
    is_delegated: bool
    seen: bytes
    by: str
    stated: int | None = None
    takes_from: UUID | None = None


async def add_proposal(connection: Connection, new: NewProposal) -> ProposalView:
    """Write a new proposal, with the ids of the entries that its approval will post."""
    entry_ids = orjson.dumps([str(uuid7()) for _ in new.entries if not new.is_delegated]).decode()
    await connection.execute(
        _NEW, new.id, str(new.kind), new.subject, new.payment_id, str(new.action), new.amount,
        new.reason.strip(), new.reference.strip(), _entries_json(new.entries), entry_ids, new.seen, new.by,
        new.stated, new.takes_from,
    )  # fmt: skip
    return view_of(await connection.fetchrow(_ONE, new.id))


async def lock_proposal(connection: Connection, proposal_id: UUID) -> Row | None:
    """The row of a proposal under lock, or None."""
    row: Row | None = await connection.fetchrow(f"{_ONE} FOR UPDATE", proposal_id)
    return row


async def read_proposal(connection: Connection, proposal_id: UUID) -> Row | None:
    """The row of a proposal, or None."""
    row: Row | None = await connection.fetchrow(_ONE, proposal_id)
    return row


async def lock_waiting(connection: Connection, subject: UUID) -> Row | None:
    """The proposal about a subject that waits, under lock, or None."""
    row: Row | None = await connection.fetchrow(_WAITING, subject)
    return row


async def read_proposals(connection: Connection, subject: UUID) -> list[ProposalView]:
    """Every proposal about a payment with its refunds, or about a refund; oldest first."""
    return [view_of(row) for row in await connection.fetch(_OF_SUBJECT, subject)]


async def read_takings(connection: Connection, entry_ids: Collection[UUID]) -> list[ProposalView]:
    """Every proposal to take from the items of these entries, whatever became of it; oldest first."""
    return [view_of(row) for row in await connection.fetch(_OF_ITEM, list(entry_ids))]


async def write_approval(connection: Connection, proposal_id: UUID, by: str) -> None:
    """End a proposal as approved."""
    await connection.execute(_APPROVE, proposal_id, by)


async def write_rejection(connection: Connection, proposal_id: UUID, by: str, reason: str) -> None:
    """End a proposal as rejected."""
    await connection.execute(_REJECT, proposal_id, by, reason)


async def write_lapse(connection: Connection, proposal_id: UUID, reason: str) -> None:
    """End a proposal that is not carried out any more, with the reason."""
    await connection.execute(_LAPSE, proposal_id, reason)


def entry_ids_of(row: Row) -> tuple[UUID, ...]:
    """The ids of the entries that the approval posts, in order."""
    return tuple(UUID(text) for text in _from_json(row["entry_ids"]))


def view_of(row: Row) -> ProposalView:
    """The row of a proposal as people see it."""
    state, ended_by, ended_at = _end_of(row)
    return ProposalView(
        id=row["id"],
        kind=CaseKind(row["case_kind"]),
        subject=row["subject"],
        payment_id=row["payment_id"],
        action=DecisionAction(row["action"]),
        amount=row["amount"],
        reason=row["reason"],
        reference=row["reference"],
        entries=_entries_from(_from_json(row["entries"])),
        code=_code_of(row),
        state=state,
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        ended_by=ended_by or "",
        ended_at=ended_at,
        end_reason=row["end_reason"] or "",
        takes_from=row["takes_from"],
    )


def _end_of(row: Row) -> tuple[ProposalState, str | None, Any]:
    if row["approved_at"] is not None:
        return ProposalState.APPROVED, row["approved_by"], row["approved_at"]
    if row["rejected_at"] is not None:
        return ProposalState.REJECTED, row["rejected_by"], row["rejected_at"]
    if row["lapsed_at"] is not None:
        return ProposalState.LAPSED, None, row["lapsed_at"]
    return ProposalState.WAITING, None, None


def _code_of(row: Row) -> str:
    """A short digest over what was seen and what will be done."""
    parts = (
        str(row["id"]), row["action"], row["reason"], row["reference"], row["proposed_by"],
        orjson.dumps(_from_json(row["entries"])).decode(), row["seen"].hex(),
        str(row["takes_from"] or ""),
    )  # fmt: skip
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:CODE_LENGTH]


def _entries_json(entries: Sequence[Entry]) -> str:
    written = [
        {
            "moment": entry.moment,
            "currency": entry.currency,
            "postings": [[posting.account, posting.amount] for posting in entry.postings],
        }
        for entry in entries
    ]
    return orjson.dumps(written).decode()


def _entries_from(written: list[dict[str, Any]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(entry["moment"], tuple(Posting(*posting) for posting in entry["postings"]), entry["currency"])
        for entry in written
    )


def _from_json(value: Any) -> Any:  # noqa: ANN401 - JSONB, decoded or as text by the driver's codec
    return orjson.loads(value) if isinstance(value, str) else value
