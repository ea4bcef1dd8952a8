"""The hash chain of break events: one order for all breaks, each event sealed with all before it.

    hash(n) = SHA-256(hash(n-1) + JSON of [seq, break, night, actor, event, state, facts])

The first predecessor is 32 zero bytes, numbers have no gaps. Whoever appends holds an advisory lock until its
transaction ends, so the order of hashes is the order of commits. A row that was changed, taken out or put in
breaks every hash behind it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from reconciliation.results.records import BreakEventKind, BreakState
from reconciliation.results.table_values import Columns, Connection, as_json, from_json, insert

BEGINNING: Final = bytes(32)
# Lock order of a transaction: this lock first, then those of posting.
CHAIN_LOCK: Final = "SELECT pg_advisory_xact_lock(3, 1)"
HEAD: Final = "SELECT seq, hash FROM reconciliation.break_events ORDER BY seq DESC LIMIT 1"
EVENTS: Final = """
SELECT seq, break_id, night, actor, event, state, facts, hash
FROM reconciliation.break_events WHERE seq > $1 ORDER BY seq LIMIT $2
"""
_COLUMNS: Final[Columns] = (
    ("seq", "bigint"),
    ("break_id", "uuid"),
    ("night", "date"),
    ("actor", "text"),
    ("event", "text"),
    ("state", "text"),
    ("facts", "jsonb"),
    ("hash", "bytea"),
)
_READ_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append; its number and hash follow from the end of the chain."""

    break_id: UUID
    night: date
    actor: str
    event: BreakEventKind
    state: BreakState
    facts: Mapping[str, object]


def event_hash(before: bytes, seq: int, event: NewEvent) -> bytes:
    """The hash of an event behind another."""
    content = [
        seq,
        str(event.break_id),
        event.night.isoformat(),
        event.actor,
        str(event.event),
        str(event.state),
        json.loads(as_json(event.facts)),
    ]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(before + text.encode()).digest()


async def append(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Put events at the end of the chain, in the transaction that the connection is in.

    Takes the lock of the chain, also where there is nothing to append.
    """
    seq, before = await _end(connection)
    rows = []
    for event in events:
        seq += 1
        before = event_hash(before, seq, event)
        facts = as_json(event.facts)
        rows.append(
            (
                seq,
                event.break_id,
                event.night,
                event.actor,
                event.event.value,
                event.state.value,
                facts,
                before,
            )
        )
    await insert(connection, "break_events", _COLUMNS, rows)


async def newest_number(connection: Connection) -> int:
    """The number of the newest event, 0 before the first; takes the lock, so nobody appends meanwhile."""
    return (await _end(connection))[0]


async def _end(connection: Connection) -> tuple[int, bytes]:
    await connection.execute(CHAIN_LOCK)
    newest = await connection.fetchrow(HEAD)
    return (0, BEGINNING) if newest is None else (newest["seq"], newest["hash"])


async def verify_chain(connection: Connection) -> str | None:
    """None where every event is sealed as it was, or in words which one is not."""
    broken = await first_broken_event(connection)
    return None if broken is None else f"event {broken[0]} of the breaks {broken[1]}"


async def first_broken_event(connection: Connection) -> tuple[int, str] | None:
    """The number of the first event that is not as it was sealed with what is wrong with it, or None."""
    seq, before = 0, BEGINNING
    while rows := await connection.fetch(EVENTS, seq, _READ_AT_ONCE):
        for row in rows:
            seq += 1
            if row["seq"] != seq:
                return seq, "is missing"
            event = NewEvent(
                row["break_id"],
                row["night"],
                row["actor"],
                BreakEventKind(row["event"]),
                BreakState(row["state"]),
                from_json(row["facts"]),
            )
            before = event_hash(before, seq, event)
            if before != row["hash"]:
                return seq, "is not what was sealed"
    return None
