# ruff: noqa: S608 - every part of the queries is a constant
"""Items in suspense, as the books have them: what was posted, and what approved decisions took out of it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ekpay_switch.domain.decisions.suspense import CLAIM_MOMENTS, REVERSED_CLAIM, SuspenseItem
from ekpay_switch.persistence.payment_rows import lock_name
from ekpay_switch.persistence.schema.decisions import MAKES_ITEM
from ekpay_switch.persistence.short_transactions import Connection

Row = Mapping[str, Any]

# A first key of the two-key advisory locks, beside those of `payment_rows`.
_ITEM_LOCK = 6
_CLAIMS = ", ".join(f"'{moment}'" for moment in CLAIM_MOMENTS)
# What refunds have settled of a payment's claims, and what won disputes have reversed of them, counts against
# its oldest claims first, and never more than journals have left of them.
_ITEMS = f"""
SELECT j.id AS entry_id, o.account, j.moment, j.currency, j.payment_id, j.at AS since, -o.amount AS posted,
  (-o.amount - d.taken + CASE WHEN j.moment IN ({_CLAIMS})
    THEN least(o.amount + d.taken, greatest(s.settled - s.before, 0)) ELSE 0 END)::bigint AS remains
FROM (SELECT * FROM journal_entries WHERE {{chosen}}) AS j
JOIN postings AS o ON o.entry_id = j.id AND starts_with(o.account, 'suspense:')
CROSS JOIN LATERAL (
  SELECT coalesce(sum(t.amount), 0) AS taken FROM decisions AS d
  CROSS JOIN LATERAL jsonb_array_elements_text(d.entry_ids) AS e (id)
  JOIN postings AS t ON t.entry_id = e.id::uuid AND t.account = o.account
  WHERE d.takes_from = j.id AND d.approved_at IS NOT NULL) AS d
CROSS JOIN LATERAL (
  SELECT coalesce((SELECT sum(r.settles_claim) FROM refunds AS r
    WHERE r.payment_id = j.payment_id AND 'suspense:' || r.connector_id = o.account), 0)
    + coalesce((SELECT -sum(b.amount) FROM journal_entries AS c JOIN postings AS b ON b.entry_id = c.id
      WHERE c.payment_id = j.payment_id AND c.moment = '{REVERSED_CLAIM}' AND b.account = o.account), 0)
    AS settled,
  coalesce((SELECT sum(b.amount) FROM journal_entries AS c JOIN postings AS b ON b.entry_id = c.id
    WHERE c.payment_id = j.payment_id AND c.moment IN ({_CLAIMS}) AND b.account = o.account
      AND c.seq < j.seq), 0) AS before) AS s
"""
_OF_PAYMENT = _ITEMS.format(chosen=f"payment_id = $1 AND moment IN ({_CLAIMS})")
_OPEN = f"SELECT * FROM ({_ITEMS.format(chosen=MAKES_ITEM)}) AS i WHERE i.remains <> 0"
_LIST = f"""
{_OPEN} AND ($2::uuid IS NULL OR i.entry_id > $2) ORDER BY i.entry_id, i.account LIMIT $1
"""
_OF_ENTRY = _ITEMS.format(chosen=f"id = $1 AND (({MAKES_ITEM}) OR moment IN ({_CLAIMS}))")
# One row for each entry of which something remains, as `alarms.watches` wants it.
ENTRIES_WITH_REMAINDER = f"""
SELECT 'entry ' || i.entry_id AS subject, NULL::uuid AS payment_id, sum(abs(i.remains))::bigint AS amount,
  min(i.since) AS since
FROM ({_OPEN}) AS i GROUP BY i.entry_id
"""


async def lock_items(connection: Connection, entry_id: UUID) -> Sequence[SuspenseItem]:
    """The items of an entry; nobody else takes from them until the transaction ends."""
    await lock_name(connection, _ITEM_LOCK, "suspense", str(entry_id))
    return await read_items(connection, entry_id)


async def read_items(connection: Connection, entry_id: UUID) -> Sequence[SuspenseItem]:
    """The items of an entry, settled ones too, by account; none where it makes none."""
    return [_item_of(row) for row in await connection.fetch(f"{_OF_ENTRY} ORDER BY o.account", entry_id)]


async def lock_unsettled_claims(connection: Connection, payment_id: UUID, account: str) -> int:
    """What is left of a payment's claims on this account, in paisa; nobody else settles them meanwhile."""
    claims = await connection.fetch(f"{_OF_PAYMENT} ORDER BY j.id", payment_id)
    left = 0
    for claim in claims:
        if claim["account"] == account:
            items = await lock_items(connection, claim["entry_id"])
            left -= sum(item.remains for item in items if item.account == account)
    return left


async def list_open_items(
    connection: Connection, limit: int, after: UUID | None = None
) -> Sequence[SuspenseItem]:
    """At most `limit` items of which something remains, by their entry, those of entries after `after`."""
    return [_item_of(row) for row in await connection.fetch(_LIST, limit, after)]


def _item_of(row: Row) -> SuspenseItem:
    return SuspenseItem(**row)
