"""The port `HostLinks` over PostgreSQL: leases of links, and requests as the link owner processes them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.host_messages import (
    NO_SUCH_ORIGINAL,
    HostEvent,
    HostMessage,
    HostReply,
    HostState,
    MessageKey,
    ReversalRecord,
    judge_reversal,
)
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.fact_texts import masked_facts
from ekpay_switch.persistence.host_links.message_changes import HostNews
from ekpay_switch.persistence.host_links.messages import (
    KEYED,
    NEXT_TRACE,
    KeepTrace,
    PostgresHostMessages,
    in_states,
    keep_no_trace,
    key_of,
    lock_row,
    message_of,
    read_messages,
)
from ekpay_switch.persistence.payment_rows import LEG, as_json, from_json
from ekpay_switch.persistence.schema.host_links import host_messages
from ekpay_switch.persistence.short_transactions import (
    Connect,
    Connection,
    ShortTransactions,
    TransactionLimits,
)
from ekpay_switch.ports.host_links import NO_ALARMS, AnswerRecord, LinkLease, OutgoingMessage

Row = Mapping[str, Any]

# Read before the INSERT, since every process tries again and again.
IS_LEASED = "SELECT true FROM host_links WHERE connector_id = $1 AND lease_until > clock_timestamp()"
LEASE = """
INSERT INTO host_links AS l (connector_id, epoch, holder, lease_until)
VALUES ($1, 1, $2, clock_timestamp() + $3::interval)
ON CONFLICT (connector_id) DO UPDATE
  SET epoch = l.epoch + 1, holder = $2, lease_until = clock_timestamp() + $3::interval
  WHERE l.lease_until IS NULL OR l.lease_until <= clock_timestamp()
RETURNING l.epoch
"""
RENEW = """
UPDATE host_links SET lease_until = clock_timestamp() + $3::interval
WHERE connector_id = $1 AND epoch = $2 AND lease_until > clock_timestamp() RETURNING true
"""
RELEASE = "UPDATE host_links SET lease_until = NULL WHERE connector_id = $1 AND epoch = $2"
_IS_HELD = """
EXISTS (SELECT FROM host_links WHERE connector_id = $1 AND epoch = $2 AND lease_until > clock_timestamp())
"""
LOSE = """
UPDATE host_messages SET lost_at = clock_timestamp()
WHERE connector_id = $1 AND state = 'taken' AND lost_at IS NULL AND link_epoch <= $2
"""
# A literal, so that the partial index of reversing requests is used.
_IS_REVERSING = host_messages.c.state == text(f"'{HostState.REVERSING}'")
_IS_DUE = "state = 'reversing' AND reversals_wanted > reversals_sent"
WORK = f"""
SELECT connector_id FROM host_messages WHERE state = 'waiting' AND send_until > clock_timestamp()
UNION SELECT connector_id FROM host_messages WHERE {_IS_DUE}
"""  # noqa: S608 - constants
# MATERIALIZED: evaluated once; a join might evaluate it again and take more rows.
TAKE = f"""
WITH due AS MATERIALIZED (SELECT reference, epoch FROM host_messages
  WHERE connector_id = $1 AND state = 'waiting' AND send_until > clock_timestamp() AND {_IS_HELD}
  ORDER BY handed_over_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE host_messages AS m SET state = 'taken', taken_at = clock_timestamp(), link_epoch = $2 FROM due
WHERE m.connector_id = $1 AND m.reference = due.reference AND m.epoch = due.epoch
RETURNING m.*, extract(epoch FROM m.send_until - clock_timestamp())::float8 AS send_seconds
"""  # noqa: S608 - constants
NOT_WRITTEN = f"""
UPDATE host_messages SET state = 'withdrawn' WHERE {KEYED} AND {in_states(HostEvent.NOT_WRITTEN)}
"""  # noqa: S608 - constants
TAKE_REVERSALS = f"""
WITH due AS MATERIALIZED (SELECT reference, epoch FROM host_messages
  WHERE connector_id = $1 AND {_IS_DUE} AND {_IS_HELD}
  ORDER BY reversal_at LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE host_messages AS m SET reversals_sent = m.reversals_sent + 1 FROM due
WHERE m.connector_id = $1 AND m.reference = due.reference AND m.epoch = due.epoch
RETURNING m.*
"""  # noqa: S608 - constants
FIND = """
SELECT * FROM host_messages WHERE connector_id = $1 AND rrn = $2 AND taken_at IS NOT NULL
ORDER BY at DESC LIMIT 1
"""
ANSWER = f"""
UPDATE host_messages SET state = 'answered', reply_code = $4, reply_decided = $5, reply = $6,
  answered_at = clock_timestamp()
WHERE {KEYED}
"""  # noqa: S608 - constants
KEEP_LATE = f"""
UPDATE host_messages SET late_code = $4, late_reply = $5, late_approved = $6, late_at = clock_timestamp()
WHERE {KEYED}
"""  # noqa: S608 - constants
ANSWER_REVERSAL = f"""
UPDATE host_messages SET reversal_code = $4, reversal_answers = reversal_answers + 1,
  state = CASE WHEN $5 THEN 'reversed' ELSE state END,
  reversed_at = CASE WHEN $5 THEN clock_timestamp() END
WHERE {KEYED} AND {in_states(HostEvent.REVERSAL_CONFIRMED)}
"""  # noqa: S608 - constants
# Without a STAN (all of the day are used) the first message is repeated.
REVERSE_ANEW = f"""
UPDATE host_messages SET state = 'reversing', reversed_at = NULL, overtaken_day = reversal_day,
  overtaken_stan = reversal_stan, overtaken_sends = CASE WHEN $4::int IS NULL THEN 0 ELSE reversals_sent END,
  reversal_stan = coalesce($4, reversal_stan), reversal_at = coalesce($5, reversal_at),
  reversal_day = coalesce($6, reversal_day), reversals_wanted = reversals_sent + 1
WHERE {KEYED} AND {in_states(HostEvent.REVERSAL_OVERTOOK)}
"""  # noqa: S608 - constants
# Its try has ended, and nobody would ask the host any more.
WAKE_TRY = f"""
UPDATE tries SET is_woken = true, next_action_at = least(next_action_at, now()) WHERE connector_id = $1
  AND attempt_id = (SELECT id FROM attempts WHERE reference = $2 AND leg = '{LEG}')
"""  # noqa: S608 - constants
_CONNECTIONS = 3
_LATE = frozenset({HostState.REVERSING, HostState.REVERSED})


class PostgresHostLinks:
    """Links in PostgreSQL; one short transaction a call, fenced by the epoch of the lease."""

    def __init__(self, transactions: ShortTransactions, news: HostNews) -> None:
        self._transactions = transactions
        self._news = news

    async def lease(self, connector_id: str, holder: str, seconds: float) -> LinkLease | None:
        """See `ports.host_links.HostLinks`."""

        async def work(connection: Connection) -> int | None:
            if await connection.fetchval(IS_LEASED, connector_id):
                return None
            epoch: int | None = await connection.fetchval(LEASE, connector_id, holder, _interval(seconds))
            return epoch

        epoch = await self._transactions.run(work)
        return None if epoch is None else LinkLease(connector_id, epoch)

    async def renew(self, lease: LinkLease, seconds: float) -> bool:
        """See `ports.host_links.HostLinks`. An expired lease is lost, even if nobody else has taken it."""
        is_renewed = await self._transactions.run(
            lambda connection: connection.fetchval(RENEW, lease.connector_id, lease.epoch, _interval(seconds))
        )
        return bool(is_renewed)

    async def release(self, lease: LinkLease) -> None:
        """See `ports.host_links.HostLinks`."""
        await self._transactions.run(
            lambda connection: connection.execute(RELEASE, lease.connector_id, lease.epoch)
        )

    async def mark_lost(self, lease: LinkLease) -> None:
        """See `ports.host_links.HostLinks`."""
        status = await self._transactions.run(
            lambda connection: connection.execute(LOSE, lease.connector_id, lease.epoch)
        )
        if status != "UPDATE 0":
            self._news.there_are_news()

    async def await_work(self, connector_id: str, within_seconds: float) -> None:
        """See `ports.host_links.HostLinks`."""
        await self._news.await_work(connector_id, within_seconds)

    async def take(self, lease: LinkLease, limit: int) -> Sequence[OutgoingMessage]:
        """See `ports.host_links.HostLinks`. What was taken by an unacknowledged COMMIT stays in doubt."""
        rows = await self._transactions.run(
            lambda connection: connection.fetch(TAKE, lease.connector_id, lease.epoch, limit)
        )
        messages = [OutgoingMessage(message_of(row), row["send_seconds"]) for row in rows]
        return sorted(messages, key=lambda message: message.message.new.trace.at)

    async def mark_not_written(self, key: MessageKey) -> None:
        """See `ports.host_links.HostLinks`."""
        await self._transactions.run(lambda connection: connection.execute(NOT_WRITTEN, *key_of(key)))
        self._news.there_are_news()

    async def take_reversals(self, lease: LinkLease, limit: int) -> Sequence[HostMessage]:
        """See `ports.host_links.HostLinks`."""
        rows = await self._transactions.run(
            lambda connection: connection.fetch(TAKE_REVERSALS, lease.connector_id, lease.epoch, limit)
        )
        return [message_of(row) for row in rows]

    async def find(self, connector_id: str, rrn: str) -> HostMessage | None:
        """See `ports.host_links.HostLinks`."""
        row = await self._transactions.run(lambda connection: connection.fetchrow(FIND, connector_id, rrn))
        return None if row is None else message_of(row)

    async def answer(
        self, key: MessageKey, reply: HostReply, alarms: Mapping[str, RaisedAlarm] = NO_ALARMS
    ) -> AnswerRecord:
        """See `ports.host_links.HostLinks`. Idempotent, but that an alarm counts once more."""

        async def work(connection: Connection) -> AnswerRecord:
            record = await _answer(connection, key, reply)
            await _raise(connection, alarms.get(record))
            return record

        result = await self._transactions.run(work)
        self._news.there_are_news()
        self._news.there_is_work(key.connector_id)
        return result

    async def answer_reversal(
        self, key: MessageKey, code: str, alarms: Mapping[str, RaisedAlarm] = NO_ALARMS
    ) -> ReversalRecord | None:
        """See `ports.host_links.HostLinks`."""

        async def work(connection: Connection) -> ReversalRecord | None:
            record = await _answer_reversal(connection, key, code)
            await _raise(connection, None if record is None else alarms.get(record))
            return record

        record = await self._transactions.run(work)
        self._news.there_are_news()
        self._news.there_is_work(key.connector_id)
        return record


class PostgresHosts:
    """Both ports with connections of their own, so that waiting for a host delays no payment."""

    def __init__(self, connect: Connect, keep_trace: KeepTrace = keep_no_trace) -> None:
        """`keep_trace` keeps each number outside the database too, before it is used."""
        self._transactions = ShortTransactions(connect, TransactionLimits(_CONNECTIONS))
        run = self._transactions.run
        self._news = HostNews(
            lambda keys: run(lambda connection: read_messages(connection, keys)), lambda: run(read_work)
        )
        self.messages = PostgresHostMessages(self._transactions, self._news, keep_trace)
        self.links = PostgresHostLinks(self._transactions, self._news)

    async def close(self) -> None:
        """Stop polling, and close idle connections."""
        await self._news.close()
        await self._transactions.close()


async def read_work(connection: Connection) -> list[str]:
    """The connectors with something to send."""
    return [row["connector_id"] for row in await connection.fetch(WORK)]


async def count_reversals(engine: AsyncEngine) -> None:
    """Bring the gauge of open reversals up to date: requests whose reversal no host has confirmed yet."""
    query = select(host_messages.c.connector_id, func.count()).where(_IS_REVERSING).group_by("connector_id")
    async with engine.connect() as connection:
        counted = (await connection.execute(query)).all()
    telemetry.OPEN_REVERSALS.clear()
    for connector_id, count in counted:
        telemetry.OPEN_REVERSALS.labels(connector_id).set(count)


async def _raise(connection: Connection, alarm: RaisedAlarm | None) -> None:
    await raise_alarms(connection, [] if alarm is None else [alarm])


async def _answer(connection: Connection, key: MessageKey, reply: HostReply) -> AnswerRecord:
    row = await lock_row(connection, key)
    stored_fields = masked_facts(reply.fields)
    fields = as_json(stored_fields)
    state = HostState(row["state"])
    if state is HostState.SENDING:
        await connection.execute(ANSWER, *key_of(key), reply.code, reply.is_decided, fields)
        return AnswerRecord.RECORDED
    if state in _LATE:
        is_first_approval = reply.is_approval and not row["late_approved"]
        if row["late_code"] is None or is_first_approval:
            await connection.execute(KEEP_LATE, *key_of(key), reply.code, fields, reply.is_approval)
        if is_first_approval and state is HostState.REVERSED and row["reversal_code"] == NO_SUCH_ORIGINAL:
            await _reverse_anew(connection, row)
            await connection.execute(WAKE_TRY, key.connector_id, key.reference)
        return AnswerRecord.LATE
    is_same_code = (row["reply_code"], row["reply_decided"]) == (reply.code, reply.is_decided)
    is_known = is_same_code and from_json(row["reply"]) == stored_fields
    return AnswerRecord.RECORDED if is_known else AnswerRecord.NOT_AWAITED


async def _answer_reversal(connection: Connection, key: MessageKey, code: str) -> ReversalRecord | None:
    row = await lock_row(connection, key)
    if HostState(row["state"]) is not HostState.REVERSING:
        return None
    is_anew = row["overtaken_stan"] is not None
    record = judge_reversal(code, is_approved=row["late_approved"], is_anew=is_anew)
    await connection.execute(ANSWER_REVERSAL, *key_of(key), code, record is ReversalRecord.CONFIRMED)
    if record is ReversalRecord.OVERTOOK:
        await _reverse_anew(connection, row)
    return record


async def _reverse_anew(connection: Connection, row: Row) -> None:
    """Begin the reversal of a locked request again, as a new message, which is durable before it is sent."""
    trace = await connection.fetchrow(NEXT_TRACE, row["acquirer"])
    stan, at = (None, None) if trace is None else (trace["last"], trace["at"])
    day = None if at is None else business_date(at)
    await connection.execute(REVERSE_ANEW, row["connector_id"], row["reference"], row["epoch"], stan, at, day)


def _interval(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
