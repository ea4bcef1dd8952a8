"""The ports `Complaints` and `ComplaintDesk` over PostgreSQL; what people wrote is sealed.

A complaint and its alarm are one transaction, and the date that its payer reads is that of the alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, complaint_subject
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.citizens.complaints import (
    COMPLAINTS_MAX,
    AnswerRefusal,
    Complaint,
    ComplaintMessage,
    ComplaintState,
    ComplaintTopic,
    MessageAuthor,
    answer_refusal,
)
from ekpay_switch.domain.citizens.text_messages import MessageKind, answer_text
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.alarms.rows import TODAY, AlarmEnd, end_alarms, raise_alarms
from ekpay_switch.persistence.citizens.contacts import read_payer
from ekpay_switch.persistence.citizens.text_messages import new_message
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.citizens import NewTextMessage
from ekpay_switch.ports.complaints import AnswerRefusedError, NewComplaint, NextMessage
from ekpay_switch.security.sealed_fields import SealBrokenError, Sealer

# Later than that a payer has looked, or asked.
_WORTH = timedelta(hours=24)
_ALARMS = (Alarm.COMPLAINT_WAITS, Alarm.COMPLAINT_ESCALATED)

# Those of one cart are filed one after the other. A cart that nobody ordered has no payment.
_LOCK_CART = "SELECT id FROM bill_carts WHERE id = $1 AND ordered_at IS NOT NULL FOR UPDATE"
_COUNT = "SELECT count(*) FROM complaints WHERE cart_id = $1"
_IS_FILED = "SELECT EXISTS (SELECT FROM complaints WHERE id = $1 AND cart_id = $2)"
_FILE = f"""
INSERT INTO complaints (id, cart_id, bill_seq, topic, language, due_on) VALUES ($1, $2, $3, $4, $5, {TODAY})
ON CONFLICT (id) DO NOTHING RETURNING number
"""  # noqa: S608 - a constant
_WRITE = """
INSERT INTO complaint_messages (complaint_id, nth, author, staff_name, sealed) VALUES ($1, $2, $3, $4, $5)
"""
_PAYMENT = f"""
SELECT o.payment_id FROM merchant_orders AS o
WHERE o.partner_id = '{PORTAL}' AND o.trnx_id = replace($1::uuid::text, '-', '')
"""  # noqa: S608 - a constant
# The date of the alarm is the one that the payer is promised.
_SET_DUE = """
UPDATE complaints AS c SET due_on = a.due_on FROM alarms AS a
WHERE c.id = $1 AND a.kind = $2 AND a.subject = $3 AND a.ended_at IS NULL
"""
_LOCK = "SELECT number FROM complaints WHERE {key} = $1 FOR UPDATE"
_WAIT_AGAIN = """
UPDATE complaints SET state = 'waiting', waits_since = now(), escalated_at = now(), answered_at = NULL
WHERE id = $1
"""
_ANSWER = "UPDATE complaints SET state = 'answered', answered_at = now() WHERE id = $1"
_READ = f"""
SELECT c.id, c.number, c.cart_id, c.bill_seq, c.topic, c.language, c.state, c.created_at, c.due_on,
  c.escalated_at, {TODAY} AS read_on FROM complaints AS c
"""  # noqa: S608 - a constant
_OF_CART = f"{_READ} WHERE c.cart_id = $1 ORDER BY c.number"
_BY_NUMBER = f"{_READ} WHERE c.number = $1"
_WAITING = f"{_READ} WHERE c.state = 'waiting' ORDER BY c.due_on, c.number LIMIT $1"
_NEWEST = f"{_READ} ORDER BY c.number DESC LIMIT $1"
_MESSAGES = """
SELECT complaint_id, nth, author, staff_name, sealed, at FROM complaint_messages
WHERE complaint_id = ANY($1) ORDER BY complaint_id, nth
"""
_DROP_OLD = "DELETE FROM complaints WHERE answered_at < $1"


class PostgresComplaints:
    """Complaints in PostgreSQL; each call is one short transaction.

    `portal_names` are those of the portal in text messages, None where none can be sent.
    """

    def __init__(
        self,
        transactions: ShortTransactions,
        sealer: Sealer,
        portal_names: Mapping[PayerLanguage, str] | None = None,
    ) -> None:
        """`sealer` seals words, and the numbers of carts."""
        self._transactions = transactions
        self._sealer = sealer
        self._portal_names = portal_names

    async def file(self, new: NewComplaint) -> bool:
        """See `ports.complaints.Complaints`."""

        async def _file(connection: Connection) -> bool:
            if await connection.fetchval(_LOCK_CART, new.cart_id) is None:
                return False
            if await connection.fetchval(_IS_FILED, new.complaint_id, new.cart_id):
                return True
            if await connection.fetchval(_COUNT, new.cart_id) >= COMPLAINTS_MAX:
                return False
            values = (new.complaint_id, new.cart_id, new.bill_seq, new.topic, new.language)
            number = await connection.fetchval(_FILE, *values)
            if number is None:
                return False
            message = _Message(new.complaint_id, 1, MessageAuthor.PAYER, new.words)
            await self._write(connection, message)
            await _raise(connection, Alarm.COMPLAINT_WAITS, new.complaint_id, new.cart_id, number)
            return True

        return await self._transactions.run(_file)

    async def add(self, message: NextMessage) -> bool:
        """See `ports.complaints.Complaints`."""

        async def _add(connection: Connection) -> bool:
            number = await connection.fetchval(_LOCK.format(key="id"), message.complaint_id)
            complaint = None if number is None else await self._find(connection, number)
            if complaint is None or complaint.cart_id != message.cart_id:
                return False
            if not complaint.can_be_continued or message.nth != len(complaint.messages) + 1:
                return False
            written = _Message(complaint.complaint_id, message.nth, MessageAuthor.PAYER, message.words)
            await self._write(connection, written)
            await connection.execute(_WAIT_AGAIN, complaint.complaint_id)
            await _raise(
                connection,
                Alarm.COMPLAINT_ESCALATED,
                complaint.complaint_id,
                complaint.cart_id,
                complaint.number,
            )
            return True

        return await self._transactions.run(_add)

    async def of_cart(self, cart_id: UUID) -> Sequence[Complaint]:
        """See `ports.complaints.Complaints`."""
        return await self._read(_OF_CART, cart_id)

    async def list_waiting(self, count_max: int) -> Sequence[Complaint]:
        """See `ports.complaints.ComplaintDesk`."""
        return await self._read(_WAITING, count_max)

    async def list_newest(self, count_max: int) -> Sequence[Complaint]:
        """See `ports.complaints.ComplaintDesk`."""
        return await self._read(_NEWEST, count_max)

    async def by_number(self, number: int) -> Complaint | None:
        """See `ports.complaints.ComplaintDesk`."""
        return next(iter(await self._read(_BY_NUMBER, number)), None)

    async def answer(self, number: int, words: str, by: str) -> Complaint:
        """See `ports.complaints.ComplaintDesk`. A repeat of the last answer by the same person is done."""

        async def _answer(connection: Connection) -> Complaint:
            await connection.fetchval(_LOCK.format(key="number"), number)
            complaint = await self._find(connection, number)
            if complaint is None:
                raise AnswerRefusedError(f"there is no complaint {number}")
            refusal = answer_refusal(complaint, by)
            if refusal is AnswerRefusal.ANSWERED and _is_last(complaint, words, by):
                return complaint
            if refusal is not None:
                raise AnswerRefusedError(f"complaint {number}: {refusal}")
            nth = len(complaint.messages) + 1
            message = _Message(complaint.complaint_id, nth, MessageAuthor.STAFF, words, by)
            await self._write(connection, message)
            await connection.execute(_ANSWER, complaint.complaint_id)
            subject = complaint_subject(number)
            await end_alarms(connection, [subject], AlarmEnd.EVIDENCE, f"answered by {by}", _ALARMS)
            await self._write_to_payer(connection, complaint, nth)
            answered = await self._find(connection, number)
            return answered or complaint

        return await self._transactions.run(_answer)

    async def _write(self, connection: Connection, message: "_Message") -> None:
        sealed = self._sealer.seal(_context(message.complaint_id, message.nth), message.words.encode())
        staff_name = message.staff_name or None
        values = (message.complaint_id, message.nth, message.author, staff_name, sealed)
        await connection.execute(_WRITE, *values)

    async def _write_to_payer(self, connection: Connection, complaint: Complaint, nth: int) -> None:
        """Write to whoever left a number with the payment, where text messages can be sent."""
        if self._portal_names is None:
            return
        payer = await read_payer(connection, complaint.cart_id, self._sealer)
        if payer is None:
            return
        name = self._portal_names[payer.language]
        message = NewTextMessage(
            message_id=uuid5(NAMESPACE_OID, f"complaint {complaint.complaint_id} {nth}"),
            kind=MessageKind.COMPLAINT,
            number=payer.number,
            text=answer_text(complaint.number, payer.payment_number, name, payer.language),
            worth=_WORTH,
        )
        await new_message(connection, message, self._sealer)

    async def _find(self, connection: Connection, number: int) -> Complaint | None:
        return next(iter(await self._fetch(connection, _BY_NUMBER, number)), None)

    async def _read(self, query: str, value: object) -> list[Complaint]:
        async def _fetch(connection: Connection) -> list[Complaint]:
            return await self._fetch(connection, query, value)

        return await self._transactions.run(_fetch)

    async def _fetch(self, connection: Connection, query: str, value: object) -> list[Complaint]:
        rows = await connection.fetch(query, value)
        messages: dict[UUID, list[ComplaintMessage]] = {row["id"]: [] for row in rows}
        for row in await connection.fetch(_MESSAGES, list(messages)):
            messages[row["complaint_id"]].append(self._opened(row))
        return [_complaint(row, messages[row["id"]]) for row in rows]

    def _opened(self, row: Mapping[str, Any]) -> ComplaintMessage:
        words = None
        try:
            context = _context(row["complaint_id"], row["nth"])
            words = self._sealer.unseal(context, bytes(row["sealed"])).decode()
        except SealBrokenError as error:
            telemetry.count_error("complaint_unreadable", complaint_id=row["complaint_id"], error=error)
        author = MessageAuthor(row["author"])
        return ComplaintMessage(row["nth"], author, row["at"], words, row["staff_name"] or "")


@dataclass(frozen=True, slots=True)
class _Message:
    """A message to be written; `staff_name` is empty where the payer wrote it."""

    complaint_id: UUID
    nth: int
    author: MessageAuthor
    words: str
    staff_name: str = ""


async def drop_old_complaints(transactions: ShortTransactions, now: datetime, keep_days: int) -> None:
    """Drop the complaints that were answered so many days before `now`; one that waits stays."""

    async def _drop(connection: Connection) -> None:
        await connection.execute(_DROP_OLD, now - timedelta(days=keep_days))

    await transactions.run(_drop)


async def _raise(connection: Connection, kind: Alarm, complaint_id: UUID, cart_id: UUID, number: int) -> None:
    """Raise the alarm about a complaint that waits, and promise its date to the payer."""
    payment_id = await connection.fetchval(_PAYMENT, cart_id)
    subject = complaint_subject(number)
    # The amount is what the payer paid; nothing says how much of it is contested.
    await raise_alarms(connection, [RaisedAlarm(kind, subject, payment_id)])
    await connection.execute(_SET_DUE, complaint_id, kind, subject)


def _is_last(complaint: Complaint, words: str, by: str) -> bool:
    last = complaint.messages[-1]
    return (last.staff_name, last.words) == (by, words)


def _complaint(row: Mapping[str, Any], messages: Sequence[ComplaintMessage]) -> Complaint:
    return Complaint(
        complaint_id=row["id"],
        number=row["number"],
        cart_id=row["cart_id"],
        bill_seq=row["bill_seq"],
        topic=ComplaintTopic(row["topic"]),
        language=PayerLanguage(row["language"]),
        state=ComplaintState(row["state"]),
        created_at=row["created_at"],
        due_on=row["due_on"],
        read_on=row["read_on"],
        escalated_at=row["escalated_at"],
        messages=messages,
    )


def _context(complaint_id: UUID, nth: int) -> str:
    return f"complaint_messages.sealed:{complaint_id}:{nth}"
