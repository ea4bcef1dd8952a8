"""The port `TextMessages` over PostgreSQL: the rows themselves are the queue.

The number and the text of a message are sealed together, and forgotten as it ends.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.citizens.text_messages import RECORD_LIFE, MessageEnd, masked_number
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.citizens import LeasedMessage, NewTextMessage, SendAnswer
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

_WHY_LENGTH_MAX = 200
_REFERENCE_LENGTH_MAX = 80
_NEW = """
INSERT INTO text_messages (id, kind, masked_number, sealed, worth_until)
VALUES ($1, $2, $3, $4, now() + $5) ON CONFLICT (id) DO NOTHING
"""
_LEASE_DUE = """
WITH due AS (
  SELECT id FROM text_messages WHERE next_try_at <= now() ORDER BY next_try_at LIMIT $1
  FOR UPDATE SKIP LOCKED)
UPDATE text_messages AS m SET next_try_at = now() + $2, epoch = m.epoch + 1
FROM due WHERE m.id = due.id
RETURNING m.id, m.epoch, m.tries, m.sealed, m.worth_until <= now() AS is_lapsed
"""
_END = """
UPDATE text_messages SET ending = $3, ended_at = now(), next_try_at = NULL, sealed = NULL, last_why = $4,
  gateway_reference = $5, tries = tries + CASE WHEN $3 = 'lapsed' THEN 0 ELSE 1 END
WHERE id = $1 AND epoch = $2 AND ending IS NULL
"""
_RETRY = """
UPDATE text_messages SET next_try_at = now() + $3, tries = tries + 1, last_why = $4
WHERE id = $1 AND epoch = $2 AND ending IS NULL
"""
_RECENT = """
SELECT id, kind, masked_number, created_at, worth_until, next_try_at, tries, last_why, ending, ended_at,
  gateway_reference
FROM text_messages WHERE NOT $1 OR next_try_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT $2
"""
_DROP_OLD = f"""
DELETE FROM text_messages WHERE ending IS NOT NULL AND created_at < now() - interval '{RECORD_LIFE.days} days'
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message as the staff may read it: neither the number nor the text."""

    message_id: UUID
    kind: str
    masked_number: str
    created_at: datetime
    worth_until: datetime
    next_try_at: datetime | None
    tries: int
    last_why: str | None
    ending: str | None
    ended_at: datetime | None
    gateway_reference: str | None


class PostgresTextMessages:
    """Messages in PostgreSQL; each call is one short transaction, durable on return."""

    def __init__(self, transactions: ShortTransactions, sealer: Sealer) -> None:
        self._transactions = transactions
        self._sealer = sealer

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedMessage]:
        """See `ports.citizens.TextMessages`. Rows that somebody holds are skipped, not waited for."""
        if limit <= 0:
            return []
        lease = timedelta(seconds=lease_seconds)
        rows = await self._transactions.run(partial(_fetch, query=_LEASE_DUE, values=(limit, lease)))
        return [leased for row in rows if (leased := self._leased(row)) is not None]

    async def end(self, leased: LeasedMessage, end: MessageEnd, answer: SendAnswer) -> None:
        """See `ports.citizens.TextMessages`."""
        why, reference = answer.why[:_WHY_LENGTH_MAX], answer.reference[:_REFERENCE_LENGTH_MAX] or None
        values = (leased.message_id, leased.epoch, end, why, reference)
        await self._transactions.run(partial(_fetch, query=_END, values=values))

    async def retry(self, leased: LeasedMessage, after: timedelta, why: str) -> None:
        """See `ports.citizens.TextMessages`."""
        values = (leased.message_id, leased.epoch, after, why[:_WHY_LENGTH_MAX])
        await self._transactions.run(partial(_fetch, query=_RETRY, values=values))

    def _leased(self, row: Mapping[str, Any]) -> LeasedMessage | None:
        """The message, or None where its row was changed: it waits for a person, and holds up no other."""
        try:
            opened = self._sealer.unseal(_context(row["id"]), bytes(row["sealed"]))
        except SealBrokenError as error:
            telemetry.count_error("text_message_unreadable", message_id=row["id"], error=error)
            return None
        number, message = json.loads(opened)
        return LeasedMessage(row["id"], row["epoch"], row["tries"], row["is_lapsed"], number, message)


async def read_messages(
    transactions: ShortTransactions, count_max: int, *, only_waiting: bool
) -> list[MessageLine]:
    """The messages of the last days, the newest first, for the staff."""
    rows = await transactions.run(partial(_fetch, query=_RECENT, values=(only_waiting, count_max)))
    return [MessageLine(*row.values()) for row in rows]


async def new_message(connection: Connection, new: NewTextMessage, sealer: Sealer) -> None:
    """Add a message in the caller's transaction; one that is there already stays as it is."""
    sealed = sealer.seal(_context(new.message_id), json.dumps([new.number, new.text]).encode())
    masked = masked_number(new.number)
    await connection.execute(_NEW, new.message_id, new.kind, masked, sealed, new.worth)


async def drop_old_messages(transactions: ShortTransactions) -> None:
    """Drop the messages that have ended, a week after they were made."""
    await transactions.run(partial(_fetch, query=_DROP_OLD, values=()))


async def _fetch(connection: Connection, query: str, values: Sequence[object]) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = await connection.fetch(query, *values)
    return rows


def _context(message_id: UUID) -> str:
    return f"text_messages.sealed:{message_id}"
