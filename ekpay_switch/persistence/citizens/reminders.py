"""The ports `Reminders` and `DueReminders` over PostgreSQL: the rows themselves are the queue.

A reminder hangs on its saved bill and goes with it. Of which bills a citizen was reminded hangs on the
citizen, so that a bill that is saved again is not told again.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.citizens.reminders import SENT_LIFE, Reminder, StandingOrder
from ekpay_switch.domain.citizens.text_messages import MessageKind
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.citizens.accounts import open_number
from ekpay_switch.persistence.citizens.saved_bills import open_saved_bill
from ekpay_switch.persistence.citizens.text_messages import new_message
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.citizens import NewTextMessage
from ekpay_switch.ports.reminders import CheckedBill, DueMessage, LeasedReminder
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

# A gateway that is down longer makes a reminder late, and then it helps nobody.
_WORTH = timedelta(hours=48)
_SWITCH_ON = """
INSERT INTO bill_reminders (saved_id, biller_id)
SELECT id, biller_id FROM saved_bills WHERE id = $2 AND citizen_id = $1 ON CONFLICT DO NOTHING
"""
_SWITCH_OFF = """
DELETE FROM bill_reminders AS r USING saved_bills AS s
WHERE s.id = r.saved_id AND s.id = $2 AND s.citizen_id = $1
"""
# The biller is asked at once, so that what is owed now is prepared.
_SET_ORDER = """
INSERT INTO bill_reminders (saved_id, biller_id, cap)
SELECT id, biller_id, $3 FROM saved_bills WHERE id = $2 AND citizen_id = $1
ON CONFLICT (saved_id) DO UPDATE SET cap = excluded.cap, is_paused = false, next_check_at = now()
"""
_OWN_ORDER = """
FROM saved_bills AS s WHERE s.id = r.saved_id AND s.citizen_id = $1 AND s.id = $2 AND r.cap IS NOT NULL
"""
_PAUSE_ORDER = f"UPDATE bill_reminders AS r SET is_paused = $3 {_OWN_ORDER}"  # noqa: S608 - a constant
_END_ORDER = f"UPDATE bill_reminders AS r SET cap = NULL, is_paused = false {_OWN_ORDER}"  # noqa: S608 - a constant
_BEGIN_PAYMENT = f"""
UPDATE bill_reminders AS r SET owed = NULL, due_on = NULL, next_check_at = now() + interval '10 minutes',
  epoch = epoch + 1 {_OWN_ORDER}
"""  # noqa: S608 - a constant
_OF_CITIZEN = """
SELECT r.saved_id, r.due_on, r.owed, r.checked_at, r.cap, r.is_paused FROM bill_reminders AS r
JOIN saved_bills AS s ON s.id = r.saved_id WHERE s.citizen_id = $1
"""
_LEASE_DUE = """
WITH due AS (
  SELECT first.saved_id FROM unnest($3::text[]) AS b (biller_id) CROSS JOIN LATERAL (
    SELECT saved_id, next_check_at FROM bill_reminders
    WHERE biller_id = b.biller_id AND next_check_at <= now() ORDER BY next_check_at LIMIT 1
    FOR UPDATE SKIP LOCKED) AS first
  ORDER BY first.next_check_at LIMIT $1)
UPDATE bill_reminders AS r SET next_check_at = now() + $2, epoch = r.epoch + 1
FROM due, saved_bills AS s, citizens AS c
WHERE r.saved_id = due.saved_id AND s.id = r.saved_id AND c.id = s.citizen_id
RETURNING r.epoch, r.cap, r.is_paused, c.language, s.id, s.citizen_id, s.biller_id, s.digest, s.sealed
"""
_PUT_OFF = "UPDATE bill_reminders SET next_check_at = $3 WHERE saved_id = $1 AND epoch = $2"
# Whoever closes the account at the same time has to wait, or was first.
_LOCK_CITIZEN = "SELECT number_sealed FROM citizens WHERE id = $1 AND closed_at IS NULL FOR UPDATE"
_SETTLE = """
UPDATE bill_reminders SET next_check_at = $3, due_on = $4, owed = $5, checked_at = now()
WHERE saved_id = $1 AND epoch = $2 RETURNING saved_id
"""
# Of the citizen's own carts, bills without an end: at the checkout, or paid and on their way to the biller.
_IS_BEING_PAID = """
SELECT EXISTS (
  SELECT FROM citizen_carts AS o JOIN bill_carts AS c ON c.id = o.cart_id
  JOIN cart_bills AS b ON b.cart_id = c.id AND b.biller_id = $2 AND b.bill_key = $3
  WHERE o.citizen_id = $1
    AND (c.ordered_at > now() - interval '1 hour'
      OR EXISTS (SELECT FROM cart_work AS w WHERE w.cart_id = c.id))
    AND NOT EXISTS (SELECT FROM cart_bill_ends AS e WHERE e.cart_id = b.cart_id AND e.seq = b.seq))
"""
_NOTE_SENT = """
INSERT INTO sent_reminders (citizen_id, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING citizen_id
"""
_DROP_OLD = f"DELETE FROM sent_reminders WHERE at < now() - interval '{SENT_LIFE.days} days'"  # noqa: S608 - a constant


class PostgresReminders:
    """Reminders in PostgreSQL; each call is one short transaction, durable on return."""

    def __init__(self, transactions: ShortTransactions, digests: CodeDigests, sealer: Sealer) -> None:
        """`sealer` seals saved bills, numbers and messages."""
        self._transactions = transactions
        self._digests = digests
        self._sealer = sealer

    async def switch_on(self, citizen_id: UUID, saved_id: UUID) -> None:
        """See `ports.reminders.Reminders`. The biller is asked at once."""
        await self._fetch(_SWITCH_ON, citizen_id, saved_id)

    async def switch_off(self, citizen_id: UUID, saved_id: UUID) -> None:
        """See `ports.reminders.Reminders`."""
        await self._fetch(_SWITCH_OFF, citizen_id, saved_id)

    async def set_order(self, citizen_id: UUID, saved_id: UUID, cap: Money) -> None:
        """See `ports.reminders.Reminders`."""
        await self._fetch(_SET_ORDER, citizen_id, saved_id, cap.minor)

    async def pause_order(self, citizen_id: UUID, saved_id: UUID, *, is_paused: bool) -> None:
        """See `ports.reminders.Reminders`."""
        await self._fetch(_PAUSE_ORDER, citizen_id, saved_id, is_paused)

    async def end_order(self, citizen_id: UUID, saved_id: UUID) -> None:
        """See `ports.reminders.Reminders`."""
        await self._fetch(_END_ORDER, citizen_id, saved_id)

    async def begin_payment(self, citizen_id: UUID, saved_id: UUID) -> None:
        """See `ports.reminders.Reminders`. An answer that is on its way changes nothing any more."""
        await self._fetch(_BEGIN_PAYMENT, citizen_id, saved_id)

    async def of_citizen(self, citizen_id: UUID) -> Mapping[UUID, Reminder]:
        """See `ports.reminders.Reminders`."""
        rows = await self._fetch(_OF_CITIZEN, citizen_id)
        return {row["saved_id"]: _reminder(row) for row in rows}

    async def lease_due(
        self, limit: int, lease_seconds: float, billers: Sequence[str]
    ) -> Sequence[LeasedReminder]:
        """See `ports.reminders.DueReminders`. Rows that somebody holds are skipped, not waited for."""
        if limit <= 0 or not billers:
            return []
        rows = await self._fetch(_LEASE_DUE, limit, timedelta(seconds=lease_seconds), list(billers))
        leased = [(row, open_saved_bill(self._sealer, row)) for row in rows]
        return [
            LeasedReminder(
                row["citizen_id"], saved, row["epoch"], PayerLanguage(row["language"]), _order(row)
            )
            for row, saved in leased
            if saved is not None
        ]

    async def put_off(self, leased: LeasedReminder, next_check_at: datetime) -> None:
        """See `ports.reminders.DueReminders`."""
        await self._fetch(_PUT_OFF, leased.saved.saved_id, leased.epoch, next_check_at)

    async def settle(self, leased: LeasedReminder, checked: CheckedBill) -> bool:
        """See `ports.reminders.DueReminders`."""
        message_id = uuid7()

        async def _settle(connection: Connection) -> bool:
            sealed = await connection.fetchval(_LOCK_CITIZEN, leased.citizen_id)
            if sealed is None:
                return False
            found = checked
            if await self._is_being_paid(connection, leased, checked):
                found = CheckedBill(None, None, checked.ask_again_at, checked.ask_again_at)
            owed = None if found.owed is None else found.owed.minor
            values = (leased.saved.saved_id, leased.epoch, found.next_check_at, found.due_on, owed)
            number = self._number(leased.citizen_id, bytes(sealed))
            if await connection.fetchval(_SETTLE, *values) is None or not number:
                return False
            for message in found.messages:
                digest = self._digests.of_reminder(leased.citizen_id, _canonical(leased, message))
                if await connection.fetchval(_NOTE_SENT, leased.citizen_id, digest) is not None:
                    new = NewTextMessage(message_id, MessageKind.REMINDER, number, message.text, _WORTH)
                    await new_message(connection, new, self._sealer)
                    return True
            return False

        return await self._transactions.run(_settle)

    @staticmethod
    async def _is_being_paid(connection: Connection, leased: LeasedReminder, checked: CheckedBill) -> bool:
        values = (leased.citizen_id, leased.saved.biller_id, checked.bill_key)
        return bool(checked.bill_key) and bool(await connection.fetchval(_IS_BEING_PAID, *values))

    def _number(self, citizen_id: UUID, sealed: bytes) -> str:
        """The citizen's number, or empty where the row was changed, which is counted as an error."""
        try:
            return open_number(self._sealer, citizen_id, sealed)
        except SealBrokenError as error:
            telemetry.count_error("citizen_unreadable", citizen_id=citizen_id, error=error)
            return ""

    async def _fetch(self, query: str, *values: object) -> Sequence[Mapping[str, Any]]:
        async def _read(connection: Connection) -> Sequence[Mapping[str, Any]]:
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(query, *values)
            return rows

        return await self._transactions.run(_read)


async def drop_old_sent_reminders(transactions: ShortTransactions) -> None:
    """Forget of which bills citizens were reminded more than a year ago."""

    async def _drop(connection: Connection) -> None:
        await connection.execute(_DROP_OLD)

    await transactions.run(_drop)


def _reminder(row: Mapping[str, Any]) -> Reminder:
    owed = None if row["owed"] is None else Money(row["owed"])
    return Reminder(row["due_on"], owed, row["checked_at"], _order(row))


def _order(row: Mapping[str, Any]) -> StandingOrder | None:
    return None if row["cap"] is None else StandingOrder(Money(row["cap"]), row["is_paused"])


def _canonical(leased: LeasedReminder, message: DueMessage) -> bytes:
    due_on = None if message.due_on is None else message.due_on.isoformat()
    named = [leased.saved.biller_id, message.bill_key, due_on, message.is_last]
    return json.dumps(named, separators=(",", ":")).encode()
