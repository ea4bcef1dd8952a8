"""Host links in memory: requests and leases of one process, for rehearsals.

They keep to the same table of steps as the rows in the database, `domain.host_messages`, and raise no alarm.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.host_messages import (
    NO_SUCH_ORIGINAL,
    STAN_MAX,
    HostEvent,
    HostMessage,
    HostReply,
    HostState,
    MessageKey,
    NewHostMessage,
    Reversal,
    ReversalRecord,
    Trace,
    judge_reversal,
    state_after,
)
from ekpay_switch.ports.host_links import NO_ALARMS, AnswerRecord, LinkLease, OutgoingMessage
from ekpay_switch.ports.world import Clock

_LATE = frozenset({HostState.REVERSING, HostState.REVERSED})


@dataclass
class StoredMessage:
    """One request with what only the link owner needs; the reversals requested of it are counted."""

    message: HostMessage
    send_until: datetime
    link_epoch: int = 0
    reversals_requested: int = 0
    late_reply: HostReply | None = None
    is_reversed_anew: bool = False

    def apply(self, event: HostEvent) -> bool:
        """Apply the event, if the state allows it; whether it did."""
        message = self.message
        state = state_after(message.state, event, is_decided=message.is_settled)
        if state is not None:
            self.message = replace(message, state=state)
        return state is not None


@dataclass
class InMemoryHostLinks:
    """All requests and leases of one process; implements the ports `HostMessages` and `HostLinks`."""

    clock: Clock
    traces: Counter[tuple[str, date]] = field(default_factory=Counter)
    rows: dict[MessageKey, StoredMessage] = field(default_factory=dict)
    tombstones: dict[tuple[str, str], int] = field(default_factory=dict)
    leases: dict[str, tuple[LinkLease, datetime]] = field(default_factory=dict)
    _arrivals: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    _changes: asyncio.Condition = field(default_factory=asyncio.Condition)

    # ---- the maker of a request

    async def next_trace(self, acquirer: str) -> Trace | None:
        """See `ports.host_links.HostMessages`."""
        now = self.clock.now()
        day = (acquirer, business_date(now))
        if self.traces[day] >= STAN_MAX:
            return None
        self.traces[day] += 1
        return Trace(self.traces[day], now)

    async def hand_over(self, new: NewHostMessage, send_seconds: float) -> HostMessage | None:
        """See `ports.host_links.HostMessages`."""
        key = new.key
        if key in self.rows:
            return self.rows[key].message
        tried = self._rows_of_try(key.connector_id, key.reference)
        is_newer = any(row.message.key.epoch >= key.epoch for row in tried)
        is_buried = self.tombstones.get((key.connector_id, key.reference), -1) >= key.epoch
        if is_newer or is_buried or any(row.message.state is not HostState.WITHDRAWN for row in tried):
            return None
        send_until = self.clock.now() + timedelta(seconds=send_seconds)
        self.rows[key] = StoredMessage(HostMessage(new, HostState.WAITING), send_until)
        self._arrivals[key.connector_id].set()
        return self.rows[key].message

    async def withdraw(self, key: MessageKey) -> bool:
        """See `ports.host_links.HostMessages`."""
        row = self.rows[key]
        return row.apply(HostEvent.WITHDRAWN) or row.message.state is HostState.WITHDRAWN

    async def settle(self, connector_id: str, reference: str, epoch: int) -> HostMessage | None:
        """See `ports.host_links.HostMessages`."""
        for row in self._rows_of_try(connector_id, reference):
            row.apply(HostEvent.WITHDRAWN)
            if row.message.state is not HostState.WITHDRAWN:
                return row.message
        self.tombstones[connector_id, reference] = epoch - 1
        return None

    async def reverse(self, key: MessageKey, trace: Trace) -> HostMessage:
        """See `ports.host_links.HostMessages`."""
        row = self.rows[key]
        if row.apply(HostEvent.REVERSAL_BEGUN):
            row.message = replace(row.message, reversal=Reversal(trace))
        if row.message.state is HostState.REVERSING and row.message.reversal is not None:
            row.reversals_requested = row.message.reversal.sends + 1
        self._arrivals[key.connector_id].set()
        return row.message

    async def await_news(self, known: HostMessage, within_seconds: float) -> HostMessage:
        """See `ports.host_links.HostMessages`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds), self._changes:
                await self._changes.wait_for(lambda: self.rows[known.key].message.has_news(known))
        return self.rows[known.key].message

    # ---- the owner of a link

    async def lease(self, connector_id: str, holder: str, seconds: float) -> LinkLease | None:
        """See `ports.host_links.HostLinks`."""
        del holder
        current, until = self.leases.get(connector_id, (LinkLease(connector_id, 0), self.clock.now()))
        if until > self.clock.now():
            return None
        lease = LinkLease(connector_id, current.epoch + 1)
        self.leases[connector_id] = (lease, self._seconds_from_now(seconds))
        return lease

    async def renew(self, lease: LinkLease, seconds: float) -> bool:
        """See `ports.host_links.HostLinks`."""
        if not self._is_current(lease):
            return False
        self.leases[lease.connector_id] = (lease, self._seconds_from_now(seconds))
        return True

    async def release(self, lease: LinkLease) -> None:
        """See `ports.host_links.HostLinks`."""
        if self._is_current(lease):
            self.leases[lease.connector_id] = (lease, self.clock.now())

    async def mark_lost(self, lease: LinkLease) -> None:
        """See `ports.host_links.HostLinks`."""
        for row in self._rows_of(lease.connector_id):
            if row.message.state is HostState.SENDING and row.link_epoch <= lease.epoch:
                row.message = replace(row.message, is_lost=True)
        await self._notify()

    async def await_work(self, connector_id: str, within_seconds: float) -> None:
        """See `ports.host_links.HostLinks`."""
        arrival = self._arrivals[connector_id]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(arrival.wait(), within_seconds)
        arrival.clear()

    async def take(self, lease: LinkLease, limit: int) -> Sequence[OutgoingMessage]:
        """See `ports.host_links.HostLinks`."""
        now, messages = self.clock.now(), list[OutgoingMessage]()
        for row in self._rows_of(lease.connector_id):
            is_due = row.send_until > now and self._is_current(lease) and len(messages) < limit
            if is_due and row.apply(HostEvent.SENDING):
                row.link_epoch = lease.epoch
                messages.append(OutgoingMessage(row.message, (row.send_until - now).total_seconds()))
        await self._notify()
        return messages

    async def mark_not_written(self, key: MessageKey) -> None:
        """See `ports.host_links.HostLinks`."""
        self.rows[key].apply(HostEvent.NOT_WRITTEN)
        await self._notify()

    async def take_reversals(self, lease: LinkLease, limit: int) -> Sequence[HostMessage]:
        """See `ports.host_links.HostLinks`."""
        messages: list[HostMessage] = []
        for row in self._rows_of(lease.connector_id):
            reversal = row.message.reversal
            is_due = (
                row.message.state is HostState.REVERSING and self._is_current(lease) and len(messages) < limit
            )
            if is_due and reversal is not None and row.reversals_requested > reversal.sends:
                row.message = replace(row.message, reversal=replace(reversal, sends=reversal.sends + 1))
                messages.append(row.message)
        return messages

    async def find(self, connector_id: str, rrn: str) -> HostMessage | None:
        """See `ports.host_links.HostLinks`."""
        sent = [
            row.message
            for row in self._rows_of(connector_id)
            if row.link_epoch and row.message.new.rrn == rrn
        ]
        return max(sent, key=lambda message: message.new.trace.at, default=None)

    async def answer(
        self, key: MessageKey, reply: HostReply, alarms: Mapping[str, RaisedAlarm] = NO_ALARMS
    ) -> AnswerRecord:
        """See `ports.host_links.HostLinks`."""
        del alarms
        row = self.rows[key]
        if row.apply(HostEvent.ANSWERED):
            row.message = replace(row.message, reply=reply)
            await self._notify()
            return AnswerRecord.RECORDED
        if row.message.state in _LATE:
            has_approved = row.late_reply is not None and row.late_reply.is_approval
            is_first_approval = reply.is_approval and not has_approved
            if row.late_reply is None or is_first_approval:
                row.late_reply = reply
            reversal = row.message.reversal
            is_over = row.message.state is HostState.REVERSED
            if is_first_approval and is_over and reversal is not None and reversal.code == NO_SUCH_ORIGINAL:
                await self._reverse_anew(row, reversal)
            return AnswerRecord.LATE
        return AnswerRecord.RECORDED if row.message.reply == reply else AnswerRecord.NOT_AWAITED

    async def answer_reversal(
        self, key: MessageKey, code: str, alarms: Mapping[str, RaisedAlarm] = NO_ALARMS
    ) -> ReversalRecord | None:
        """See `ports.host_links.HostLinks`."""
        del alarms
        row = self.rows[key]
        reversal = row.message.reversal
        if row.message.state is not HostState.REVERSING or reversal is None:
            return None
        answered = replace(reversal, answers=reversal.answers + 1, code=code)
        row.message = replace(row.message, reversal=answered)
        is_approved = row.late_reply is not None and row.late_reply.is_approval
        record = judge_reversal(code, is_approved=is_approved, is_anew=row.is_reversed_anew)
        if record is ReversalRecord.CONFIRMED:
            row.apply(HostEvent.REVERSAL_CONFIRMED)
        elif record is ReversalRecord.OVERTOOK:
            await self._reverse_anew(row, answered)
        await self._notify()
        return record

    # ---- internals

    async def _reverse_anew(self, row: StoredMessage, reversal: Reversal) -> None:
        """Begin the reversal again, as a new message; without a STAN the first one is repeated."""
        row.apply(HostEvent.REVERSAL_OVERTOOK)
        trace = await self.next_trace(row.message.new.acquirer)
        if trace is not None:
            reversal = replace(reversal, trace=trace, earlier_sends=reversal.sends)
        row.message = replace(row.message, reversal=reversal)
        row.is_reversed_anew, row.reversals_requested = True, reversal.sends + 1
        self._arrivals[row.message.key.connector_id].set()

    def _seconds_from_now(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)

    def _rows_of(self, connector_id: str) -> list[StoredMessage]:
        return [row for key, row in self.rows.items() if key.connector_id == connector_id]

    def _rows_of_try(self, connector_id: str, reference: str) -> list[StoredMessage]:
        return [row for row in self._rows_of(connector_id) if row.message.key.reference == reference]

    def _is_current(self, lease: LinkLease) -> bool:
        current, until = self.leases.get(lease.connector_id, (None, self.clock.now()))
        return current == lease and until > self.clock.now()

    async def _notify(self) -> None:
        async with self._changes:
            self._changes.notify_all()
