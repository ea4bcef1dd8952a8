"""The port `MessageLimits` over PostgreSQL: how often a text message may be requested (T39).

Four limits, each for all processes together: one address for one number, so that a stranger uses up only a
part of what a number may have; the number itself; its neighbours, since toll fraud goes through numbers in
sequence; and everybody. A request counts whether a message is sent or not, so the limits tell nobody what is
known here.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import TEXT_MESSAGES, Alarm, RaisedAlarm
from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.persistence.parties.shared_buckets import CallerBuckets, SharedRate, take_statement
from ekpay_switch.ports.world import Alarms, Clock
from ekpay_switch.security.one_time_codes import CodeDigests

ALL = "all:"
_TAKE = take_statement("message_permits", "holder")
_DROP_OLD = text("DELETE FROM message_permits WHERE free_at < now() - interval '1 hour'")
# The numbers that differ in these last digits alone are neighbours.
_NEIGHBOUR_DIGITS = 4
_ALARM_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class MessageRates:
    """What config/text_messages.toml allows."""

    by_address: SharedRate
    by_number: SharedRate
    by_neighbours: SharedRate
    by_all: SharedRate


class PostgresMessageLimits:
    """The limits as buckets in PostgreSQL."""

    def __init__(
        self, engine: AsyncEngine, clock: Clock, rates: MessageRates, digests: CodeDigests, alarms: Alarms
    ) -> None:
        self._digests = digests
        self._alarms = alarms
        self._clock = clock
        self._next_alarm_at = 0.0
        self._by_address = CallerBuckets(engine, clock, _TAKE, rates.by_address, "address:")
        self._by_number = CallerBuckets(engine, clock, _TAKE, rates.by_number, "number:")
        self._by_neighbours = CallerBuckets(engine, clock, _TAKE, rates.by_neighbours, "neighbours:")
        self._by_all = CallerBuckets(engine, clock, _TAKE, rates.by_all, ALL)

    async def allow(self, address: str, number: str) -> bool:
        """See `ports.citizens.MessageLimits`. Where everybody has to wait, the operator gets an alarm."""
        holder = self._digests.of_number(number)
        neighbours = self._digests.of_number(number[:-_NEIGHBOUR_DIGITS])
        limits = (
            ("address", self._by_address, f"{caller_of(address)}\n{holder}"),
            ("number", self._by_number, holder),
            ("neighbours", self._by_neighbours, neighbours),
            ("all", self._by_all, ""),
        )
        for name, buckets, caller in limits:
            if not await buckets.allows(caller):
                telemetry.TEXT_MESSAGES_REFUSED.labels(name).inc()
                if buckets is self._by_all:
                    await self._raise_alarm()
                return False
        return True

    async def _raise_alarm(self) -> None:
        """Raise the alarm, but not with every request of a flood."""
        now = self._clock.monotonic()
        if now >= self._next_alarm_at:
            self._next_alarm_at = now + _ALARM_SECONDS
            await self._alarms.raise_alarm(RaisedAlarm(Alarm.TEXT_MESSAGES_CAPPED, TEXT_MESSAGES))


async def drop_old_message_permits(engine: AsyncEngine) -> None:
    """Forget what has had no message for an hour: a bucket without a row is full."""
    async with engine.begin() as connection:
        await connection.execute(_DROP_OLD)
