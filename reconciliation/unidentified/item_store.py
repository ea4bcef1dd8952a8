"""Unidentified items in the tables of migration 0046: rows are added and never changed.

The database refuses an event that does not follow on the one before, one of a single person, parts that do
not come to the amount of their line, and an entry that is not what its event says.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Columns, Connection, Row, insert
from reconciliation.unidentified.items import (
    INSTRUCTION,
    RETURNS,
    ItemAction,
    ItemDecision,
    ItemPart,
    ItemState,
    NewItemEvent,
    UnidentifiedItem,
)

_ITEMS: Final = """
SELECT i.id, i.number, i.line_key, i.bank, i.day, i.amount, i.our_reference, i.bank_reference, i.narrative,
  i.row_name, e.revision, e.state, e.decision_id, f.entry_id AS booked_entry_id, e.at AS changed_at
FROM reconciliation.unidentified_items AS i
CROSS JOIN LATERAL (
  SELECT * FROM reconciliation.unidentified_events AS s
  WHERE s.item_id = i.id ORDER BY s.revision DESC LIMIT 1) AS e
CROSS JOIN LATERAL (
  SELECT s.entry_id FROM reconciliation.unidentified_events AS s
  WHERE s.item_id = i.id AND s.event = 'found' AND s.entry_id IS NOT NULL
  ORDER BY s.revision DESC LIMIT 1) AS f
"""
# By a part of a name or reference, or by the whole amount.
_FOUND: Final = f"""
{_ITEMS} WHERE ($1::text[] IS NULL OR e.state = ANY ($1)) AND ($2 = ''
  OR position(lower($2) IN lower(i.our_reference || ' ' || i.bank_reference || ' ' || i.narrative)) > 0
  OR abs(i.amount) = $3)
ORDER BY i.number
"""
_BY_NUMBER: Final = f"{_ITEMS} WHERE i.number = $1"
_BY_ENTRIES: Final = f"{_ITEMS} WHERE f.entry_id = ANY ($1::uuid[]) ORDER BY i.number"
_BY_REFERENCE: Final = f"{_ITEMS} WHERE i.our_reference = $1 OR i.bank_reference = $1 ORDER BY i.number"
# The parts that are given back by hand, each with the bank's reference of its transfer.
_RETURNED: Final = f"""
SELECT p.decision_id, substr(p.target, strpos(p.target, ':') + 1) AS reference, p.amount
FROM reconciliation.unidentified_parts AS p WHERE split_part(p.target, ':', 1) IN {RETURNS}
"""  # noqa: S608 - constants
_REFERENCES: Final = f"""
SELECT DISTINCT r.reference FROM ({_RETURNED}) AS r
JOIN reconciliation.unidentified_decisions AS d ON d.id = r.decision_id
WHERE d.item_id = $1 ORDER BY r.reference
"""  # noqa: S608 - constants
# A reversal that waits has no parts of its own.
_REQUESTED_RETURNS: Final = f"""
SELECT r.reference, -r.amount AS amount FROM ({_ITEMS}) AS w
JOIN ({_RETURNED}) AS r ON r.decision_id = w.decision_id
WHERE w.state = '{ItemState.PROPOSED}' ORDER BY w.number, r.reference
"""  # noqa: S608 - constants
_NEWEST_NUMBER: Final = "SELECT coalesce(max(number), 0) FROM reconciliation.unidentified_items"
_ITEM_COLUMNS: Final[Columns] = (
    ("id", "uuid"),
    ("number", "integer"),
    ("line_key", "text"),
    ("bank", "text"),
    ("day", "date"),
    ("amount", "bigint"),
    ("our_reference", "text"),
    ("bank_reference", "text"),
    ("narrative", "text"),
    ("row_name", "text"),
)
_EVENT_COLUMNS: Final[Columns] = (
    ("item_id", "uuid"),
    ("revision", "smallint"),
    ("event", "text"),
    ("state", "text"),
    ("decision_id", "uuid"),
    ("resolution_id", "uuid"),
    ("person", "text"),
    ("entry_id", "uuid"),
    ("reason", "text"),
)
_EVENTS: Final = """
SELECT e.revision, e.event, e.state, e.person, e.reason, e.at, e.entry_id, e.resolution_id, d.action,
  d.reason AS proposed_because
FROM reconciliation.unidentified_events AS e
LEFT JOIN reconciliation.unidentified_decisions AS d ON d.id = e.decision_id
WHERE e.item_id = $1 ORDER BY e.revision
"""
_DECISIONS: Final = """
SELECT id, item_id, action, reason, bank_reference, reverses, proposed_by
FROM reconciliation.unidentified_decisions WHERE id = ANY ($1::uuid[])
"""
_PARTS: Final = """
SELECT decision_id, target, amount, account FROM reconciliation.unidentified_parts
WHERE decision_id = ANY ($1::uuid[]) ORDER BY decision_id, place
"""
_NEWEST_APPROVED: Final = """
SELECT decision_id, entry_id FROM reconciliation.unidentified_events
WHERE item_id = $1 AND event = 'approved' ORDER BY revision DESC LIMIT 1
"""
_WRITE_DECISION: Final = """
INSERT INTO reconciliation.unidentified_decisions
  (id, item_id, action, reason, bank_reference, reverses, proposed_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_PART_COLUMNS: Final[Columns] = (
    ("decision_id", "uuid"),
    ("place", "smallint"),
    ("account", "text"),
    ("amount", "bigint"),
    ("target", "text"),
)
# Parts that stand approved as those of an instruction: the newest approval of an item counts, unless it was
# a reversal, whose parts are none.
_LINKED: Final = f"""
SELECT i.bank, i.day, p.amount, p.target
FROM reconciliation.unidentified_items AS i
CROSS JOIN LATERAL (
  SELECT s.decision_id FROM reconciliation.unidentified_events AS s
  WHERE s.item_id = i.id AND s.event = 'approved' ORDER BY s.revision DESC LIMIT 1) AS e
JOIN reconciliation.unidentified_parts AS p
  ON p.decision_id = e.decision_id AND starts_with(p.target, '{INSTRUCTION}:')
ORDER BY i.number, p.place
"""  # noqa: S608 - a constant
_STANDING_DEBITS: Final = """
SELECT 'suspense:' || i.bank AS account, -sum(i.amount)::bigint AS amount
FROM reconciliation.unidentified_items AS i
CROSS JOIN LATERAL (
  SELECT s.state, s.decision_id FROM reconciliation.unidentified_events AS s
  WHERE s.item_id = i.id ORDER BY s.revision DESC LIMIT 1) AS e
LEFT JOIN reconciliation.unidentified_decisions AS d ON d.id = e.decision_id
WHERE i.amount < 0 AND (e.state = 'open' OR (e.state = 'proposed' AND d.action <> 'reverse'))
GROUP BY i.bank ORDER BY i.bank
"""


async def find_items(
    connection: Connection, states: Collection[ItemState] | None = None, text: str = "", paisa: int = 0
) -> list[UnidentifiedItem]:
    """The items in these states, or in any, that a text or an amount in paisa fits, by their numbers."""
    named = None if states is None else sorted(state.value for state in states)
    return [_item(row) for row in await connection.fetch(_FOUND, named, text.strip(), paisa)]


async def item_by_number(connection: Connection, number: int) -> UnidentifiedItem | None:
    """The item that persons call by this number."""
    row = await connection.fetchrow(_BY_NUMBER, number)
    return None if row is None else _item(row)


async def items_of_entries(connection: Connection, entry_ids: Collection[UUID]) -> list[UnidentifiedItem]:
    """The items that these entries have put into suspense the last time."""
    return [_item(row) for row in await connection.fetch(_BY_ENTRIES, list(entry_ids))]


async def items_named(connection: Connection, reference: str) -> list[UnidentifiedItem]:
    """The items whose line bears this reference."""
    return [_item(row) for row in await connection.fetch(_BY_REFERENCE, reference)]


async def references_of_decisions(connection: Connection, item_id: UUID) -> list[str]:
    """The bank's references of transfers that decisions about an item name."""
    return [row["reference"] for row in await connection.fetch(_REFERENCES, item_id)]


async def requested_returns(connection: Connection) -> list[tuple[str, int]]:
    """Reference and amount, in paisa, of the transfers that proposed returns name."""
    return [(row["reference"], row["amount"]) for row in await connection.fetch(_REQUESTED_RETURNS)]


async def newest_number(connection: Connection) -> int:
    """The number of the newest item, 0 before any."""
    return int(await connection.fetchval(_NEWEST_NUMBER))


async def write_items(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Write items in the order of the columns of their table."""
    await insert(connection, "unidentified_items", _ITEM_COLUMNS, rows)


async def write_events(connection: Connection, events: Sequence[NewItemEvent]) -> None:
    """Write events; those of one item in their order.

    Raises:
        asyncpg.CheckViolationError: one does not follow on the one before it.
        asyncpg.UniqueViolationError: somebody else was first.
    """
    rows = [
        (
            event.item_id,
            event.revision,
            event.event.value,
            event.state.value,
            event.decision_id,
            event.resolution_id,
            event.person,
            event.entry_id,
            event.reason,
        )
        for event in events
    ]
    await insert(connection, "unidentified_events", _EVENT_COLUMNS, rows)


async def events_of_item(connection: Connection, item_id: UUID) -> list[Row]:
    """Everything that happened to an item, oldest first."""
    return list(await connection.fetch(_EVENTS, item_id))


async def decision_by(connection: Connection, decision_id: UUID) -> ItemDecision:
    """A decision that is there, with its parts; a reversal has those of what it reverses."""
    (row,) = await connection.fetch(_DECISIONS, [decision_id])
    parts = await connection.fetch(_PARTS, [row["reverses"] or decision_id])
    return ItemDecision(
        row["id"],
        row["item_id"],
        ItemAction(row["action"]),
        row["reason"],
        row["bank_reference"],
        row["reverses"],
        row["proposed_by"],
        tuple(ItemPart(part["target"], part["amount"], part["account"]) for part in parts),
    )


async def newest_approved(connection: Connection, item_id: UUID) -> tuple[ItemDecision, UUID]:
    """The decision about an item that was approved the last time, with its entry; there must be one."""
    row = await connection.fetchrow(_NEWEST_APPROVED, item_id)
    return await decision_by(connection, row["decision_id"]), row["entry_id"]


async def write_decision(connection: Connection, decision: ItemDecision) -> None:
    """Write a proposal with its parts; a reversal has none of its own."""
    await connection.execute(
        _WRITE_DECISION,
        decision.id,
        decision.item_id,
        decision.action.value,
        decision.reason,
        decision.bank_reference,
        decision.reverses,
        decision.proposed_by,
    )
    if decision.reverses is None:
        rows = [
            (decision.id, place, part.account, part.amount, part.target)
            for place, part in enumerate(decision.parts, start=1)
        ]
        await insert(connection, "unidentified_parts", _PART_COLUMNS, rows)


async def linked_parts(connection: Connection) -> list[Row]:
    """Parts of lines that two persons have linked to instructions: bank, day, amount and target."""
    return list(await connection.fetch(_LINKED))


async def standing_debits(connection: Connection) -> dict[str, int]:
    """What has left our banks without an explanation, in paisa, for each account of suspense.

    Nobody has it for us: it covers nothing that stands on the same account.
    """
    return {row["account"]: row["amount"] for row in await connection.fetch(_STANDING_DEBITS)}


def _item(row: Row) -> UnidentifiedItem:
    return UnidentifiedItem(**{**dict(row), "state": ItemState(row["state"])})
