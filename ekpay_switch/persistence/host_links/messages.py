"""The port `HostMessages` over PostgreSQL: a request to a host is a row, moved on by conditional updates.

Handing over and settling a try lock the try's reference; everything else is one update on condition of the
row's state. `settle` leaves a tombstone, so that an older holder, however late, cannot hand over any more
(law 14, docs/adr/0037).
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.host_messages import (
    STAN_MAX,
    HostEvent,
    HostMessage,
    HostReply,
    HostState,
    MessageKey,
    NewHostMessage,
    Reversal,
    Trace,
    states_before,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.group_commit.write import LostRowError
from ekpay_switch.persistence.host_links.message_changes import HostNews
from ekpay_switch.persistence.payment_rows import HOST_LOCK, LEG, from_json, lock_name
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions

Row = Mapping[str, Any]

_NOW_IN_DHAKA = "(now() AT TIME ZONE 'UTC' + interval '6 hours')::date"
KEYED = "connector_id = $1 AND reference = $2 AND epoch = $3"
NEXT_TRACE = f"""
INSERT INTO host_traces AS t (acquirer, day, last) VALUES ($1, {_NOW_IN_DHAKA}, 1)
ON CONFLICT (acquirer, day) DO UPDATE SET last = t.last + 1 WHERE t.last < {STAN_MAX}
RETURNING t.last, now() AS at
"""  # noqa: S608 - constants
READ = f"SELECT * FROM host_messages WHERE {KEYED}"  # noqa: S608 - constants
READ_ALL = """
SELECT m.* FROM host_messages AS m JOIN unnest($1::text[], $2::text[], $3::int[])
  AS k (connector_id, reference, epoch) USING (connector_id, reference, epoch)
"""
READ_SENT = "SELECT * FROM host_messages WHERE connector_id = $1 AND reference = $2 AND state <> 'withdrawn'"
# Not beyond the attempt's own send deadline, which may have passed while this process was stopped.
HAND_OVER = f"""
INSERT INTO host_messages (connector_id, reference, epoch, payment_id, acquirer, day, stan, at, rrn, amount,
  currency, alias, state, send_until)
SELECT $1::text, $2::text, $3::int, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting',
  least(now() + $13::interval,
    (SELECT send_until FROM attempts WHERE reference = $2 AND leg = '{LEG}'))
WHERE NOT EXISTS (SELECT FROM host_messages WHERE connector_id = $1 AND reference = $2
  AND (epoch >= $3 OR state <> 'withdrawn'))
RETURNING *
"""  # noqa: S608 - constants
WITHDRAW = f"""
UPDATE host_messages SET state = 'withdrawn' WHERE {KEYED} AND state = 'waiting' RETURNING true
"""  # noqa: S608 - constants
BURY = """
INSERT INTO host_messages (connector_id, reference, epoch, state) VALUES ($1, $2, $3, 'withdrawn')
ON CONFLICT DO NOTHING
"""


def in_states(event: HostEvent) -> str:
    """A condition: the row is in a state in which this event is allowed."""
    listed = ", ".join(f"'{state}'" for state in states_before(event))
    return f"state IN ({listed}) AND NOT reply_decided"


BEGIN_REVERSAL = f"""
UPDATE host_messages SET state = 'reversing', reversal_stan = $4, reversal_at = $5, reversal_day = $6,
  reversals_wanted = 1
WHERE {KEYED} AND {in_states(HostEvent.REVERSAL_BEGUN)} RETURNING *
"""  # noqa: S608 - constants
REVERSE_AGAIN = f"""
UPDATE host_messages SET reversals_wanted = reversals_sent + 1
WHERE {KEYED} AND {in_states(HostEvent.REVERSAL_CONFIRMED)} RETURNING *
"""  # noqa: S608 - constants


KeepTrace = Callable[[str, Trace], bool]


def keep_no_trace(_acquirer: str, _trace: Trace) -> bool:
    """Keep a number in the database alone."""
    return True


class PostgresHostMessages:
    """Requests to hosts in PostgreSQL; one short transaction a call."""

    def __init__(
        self, transactions: ShortTransactions, news: HostNews, keep_trace: KeepTrace = keep_no_trace
    ) -> None:
        self._transactions = transactions
        self._news = news
        self._keep_trace = keep_trace

    async def next_trace(self, acquirer: str) -> Trace | None:
        """See `ports.host_links.HostMessages`. A number whose COMMIT was not acknowledged is never used.

        Nor is one that is not kept outside the database, where a restore would give it out again.
        """
        row = await self._transactions.run(lambda connection: connection.fetchrow(NEXT_TRACE, acquirer))
        if row is None:
            return None
        trace = Trace(row["last"], row["at"])
        return trace if self._keep_trace(acquirer, trace) else None

    async def hand_over(self, new: NewHostMessage, send_seconds: float) -> HostMessage | None:
        """See `ports.host_links.HostMessages`."""

        async def work(connection: Connection) -> Row | None:
            await _lock_try(connection, new.key.connector_id, new.key.reference)
            standing: Row | None = await connection.fetchrow(READ, *key_of(new.key))
            if standing is not None:
                return standing if standing["stan"] is not None else None
            new_row: Row | None = await connection.fetchrow(HAND_OVER, *_columns(new), _seconds(send_seconds))
            return new_row

        row = await self._transactions.run(work)
        self._news.there_is_work(new.key.connector_id)
        return None if row is None else message_of(row)

    async def withdraw(self, key: MessageKey) -> bool:
        """See `ports.host_links.HostMessages`. Idempotent."""

        async def work(connection: Connection) -> bool:
            if await connection.fetchval(WITHDRAW, *key_of(key)):
                return True
            state = await connection.fetchval(f"SELECT state FROM host_messages WHERE {KEYED}", *key_of(key))  # noqa: S608 - constants
            return bool(state == HostState.WITHDRAWN)

        return await self._transactions.run(work)

    async def settle(self, connector_id: str, reference: str, epoch: int) -> HostMessage | None:
        """See `ports.host_links.HostMessages`."""

        async def work(connection: Connection) -> Row | None:
            await _lock_try(connection, connector_id, reference)
            sent: Row | None = await connection.fetchrow(READ_SENT, connector_id, reference)
            if sent is not None and not await connection.fetchval(WITHDRAW, *_key(sent)):
                # The link owner may have taken it between the two statements.
                sent = await connection.fetchrow(READ_SENT, connector_id, reference)
                if sent is not None:
                    return sent
            await connection.execute(BURY, connector_id, reference, epoch - 1)
            return None

        row = await self._transactions.run(work)
        return None if row is None else message_of(row)

    async def reverse(self, key: MessageKey, trace: Trace) -> HostMessage:
        """See `ports.host_links.HostMessages`."""

        async def work(connection: Connection) -> Row:
            row: Row | None = await connection.fetchrow(
                BEGIN_REVERSAL, *key_of(key), trace.stan, trace.at, business_date(trace.at)
            )
            row = row or await connection.fetchrow(REVERSE_AGAIN, *key_of(key))
            return row or await connection.fetchrow(READ, *key_of(key))

        row = await self._transactions.run(work)
        self._news.there_is_work(key.connector_id)
        return message_of(row)

    async def await_news(self, last_seen: HostMessage, within_seconds: float) -> HostMessage:
        """See `ports.host_links.HostMessages`."""
        return await self._news.await_news(last_seen, within_seconds)


async def read_messages(connection: Connection, keys: list[MessageKey]) -> list[HostMessage]:
    """The current state of these requests, in no order."""
    rows = await connection.fetch(READ_ALL, *map(list, zip(*(key_of(key) for key in keys), strict=True)))
    return [message_of(row) for row in rows]


def message_of(row: Row) -> HostMessage:
    """A row, which is no tombstone, as the domain sees it."""
    key = MessageKey(*_key(row))
    new = NewHostMessage(
        key=key,
        payment_id=row["payment_id"],
        acquirer=row["acquirer"],
        trace=Trace(row["stan"], row["at"]),
        rrn=row["rrn"],
        amount=Money(row["amount"], row["currency"]),
        alias=row["alias"],
    )
    reply = reversal = None
    if row["reply_code"] is not None:
        reply = HostReply(row["reply_code"], row["reply_decided"], from_json(row["reply"]))
    if row["reversal_stan"] is not None:
        trace = Trace(row["reversal_stan"], row["reversal_at"])
        code, earlier_sends = row["reversal_code"] or "", row["overtaken_sends"] or 0
        reversal = Reversal(trace, row["reversals_sent"], row["reversal_answers"], code, earlier_sends)
    return HostMessage(new, HostState(row["state"]), row["lost_at"] is not None, reply, reversal)


def key_of(key: MessageKey) -> tuple[str, str, int]:
    """The three key columns of a request."""
    return key.connector_id, key.reference, key.epoch


async def lock_row(connection: Connection, key: MessageKey) -> Row:
    """A request under lock.

    Raises:
        LostRowError: there is no such row, though the caller has read it.
    """
    row: Row | None = await connection.fetchrow(f"{READ} FOR UPDATE", *key_of(key))
    if row is None:
        raise LostRowError
    return row


async def _lock_try(connection: Connection, connector_id: str, reference: str) -> None:
    await lock_name(connection, HOST_LOCK, connector_id, reference)


def _key(row: Row) -> tuple[str, str, int]:
    return row["connector_id"], row["reference"], row["epoch"]


def _columns(new: NewHostMessage) -> tuple[object, ...]:
    """The parameters $1 to $12 of HAND_OVER."""
    key, trace = new.key, new.trace
    return (
        key.connector_id, key.reference, key.epoch, new.payment_id, new.acquirer, business_date(trace.at),
        trace.stan, trace.at, new.rrn, new.amount.minor, new.amount.currency, new.alias,
    )  # fmt: skip


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=max(seconds, 0.0))
