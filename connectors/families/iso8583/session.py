"""One connection to a host: sign on, send requests and reversals, receive, echo, sign off.

Receiving and sending run concurrently. A request that was taken from its row is never cancelled before the
wire: either it is written, or it provably was not and its row says so.
"""

import asyncio

from connectors.families.iso8583.codec import encode
from connectors.families.iso8583.host import ActiveLease, Host, LinkTimes, wait_for_first
from connectors.families.iso8583.inbound_messages import InboundMessages
from connectors.families.iso8583.messages import (
    APPROVED,
    ECHO,
    SIGN_OFF,
    SIGN_ON,
    network_message,
    request_message,
    reversal_message,
)
from ekpay_switch import telemetry
from ekpay_switch.domain.host_messages import HostMessage
from ekpay_switch.ports.host_links import FramedConnection, HostPorts, OutgoingMessage
from ekpay_switch.ports.world import Clock, NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_BATCH_MAX = 32
_LOST_ECHOES_MAX = 2
_WORK_WAIT_SECONDS = 1.0
# Before the sign-off, written requests may still be answered for so long.
_SIGN_OFF_WAIT_SECONDS = 5.0


class Session:
    """One connection under one lease; `run` it once."""

    def __init__(
        self, host: Host, ports: HostPorts, clock: Clock, lease: ActiveLease, line: FramedConnection
    ) -> None:
        self._host = host
        self._ports = ports
        self._clock = clock
        self._lease = lease
        self._line = line
        self._times = LinkTimes.of(host)
        self._inbound = InboundMessages(host, ports)
        self._ended = asyncio.Event()
        self._end_reason = ""
        self._last_activity_at = clock.monotonic()
        self.was_signed_on = False

    async def run(self, stop: asyncio.Event) -> str:
        """Run the connection until `stop` or until it ends; the reason why it ended."""
        listening = asyncio.create_task(self._receive())
        echoing: asyncio.Task[None] | None = None
        try:
            if await self._sign_on():
                echoing = asyncio.create_task(self._echo())
                await self._serve(stop)
        finally:
            self._end("told to stop")
            if echoing is not None:
                echoing.cancel()
            await self._line.close()
            await asyncio.gather(listening, *([echoing] if echoing else []), return_exceptions=True)
        return self._end_reason

    # ---- sending

    async def _sign_on(self) -> bool:
        code = await self._send_network_message(SIGN_ON)
        self.was_signed_on = code == APPROVED
        connector_id = self._host.connector_id
        telemetry.HOST_SIGN_ONS.labels(connector_id, "approved" if self.was_signed_on else "refused").inc()
        if not self.was_signed_on:
            self._end(f"no sign-on, response code {code}" if code else "no answer to the sign-on")
            return False
        telemetry.HOST_LINK_UP.labels(connector_id).set(1)
        telemetry.log("host_link_up", connector_id=connector_id, epoch=self._lease.lease.epoch)
        return True

    async def _serve(self, stop: asyncio.Event) -> None:
        """Send what is handed over until the connection ends, the lease is lost or `stop` is set."""
        await_work = self._ports.links.await_work
        while not self._ended.is_set() and not self._lease.lost.is_set():
            if stop.is_set():
                await self._sign_off()
                return
            await self._send_pending()
            new_work = await_work(self._host.connector_id, _WORK_WAIT_SECONDS)
            await wait_for_first(new_work, stop.wait(), self._ended.wait(), self._lease.lost.wait())
        self._end("the lease was lost")

    async def _send_pending(self) -> None:
        """Send everything that waits; reversals first, since their payers wait longest."""
        link_lease = self._lease.lease
        for message in await self._ports.links.take_reversals(link_lease, _BATCH_MAX):
            await self._send_reversal(message)
        requested_at = self._clock.monotonic()
        for request in await self._ports.links.take(link_lease, _BATCH_MAX):
            await self._send_request(request, requested_at)

    async def _send_request(self, request: OutgoingMessage, requested_at: float) -> None:
        message = request.message
        raw = encode(request_message(message.new, self._host.settings), self._host.key)
        self._inbound.unanswered.add(message.key)
        failure = await self._send(raw, requested_at + request.send_seconds)
        if isinstance(failure, NotSent):
            self._inbound.unanswered.discard(message.key)
            await self._ports.links.mark_not_written(message.key)

    async def _send_reversal(self, message: HostMessage) -> None:
        assert message.reversal is not None, "taken as a reversal"
        # An answer to the request itself changes nothing any more.
        self._inbound.unanswered.discard(message.key)
        fields = reversal_message(message, self._host.settings, is_repeat=message.reversal.is_repeat)
        await self._send(encode(fields, self._host.key), self._lease.until)

    async def _send_network_message(self, purpose: str) -> str:
        """Send a network management message; the response code, or empty where none came in time."""
        trace = await self._ports.messages.next_trace(self._host.settings.acquirer)
        if trace is None:
            self._end("all STANs of the day are used")
            return ""
        request = network_message(trace, purpose)
        answer = self._inbound.expect_network_answer(request)
        if await self._send(encode(request), self._lease.until) is not None:
            return ""
        try:
            async with asyncio.timeout(self._times.network_answer):
                return await answer
        except TimeoutError:
            return ""

    async def _send(self, raw: bytes, send_before: float) -> NotSent | NoUsableAnswer | None:
        """Write a message while the lease is certainly valid; a failure after a byte ends the connection."""
        failure = await self._line.send(raw, min(send_before, self._lease.until))
        if failure is None:
            self._last_activity_at = self._clock.monotonic()
        elif isinstance(failure, NoUsableAnswer):
            self._end(failure.why)
        return failure

    async def _echo(self) -> None:
        """Send an echo over an idle connection; two echoes without an answer end it."""
        unanswered = 0
        while unanswered < _LOST_ECHOES_MAX:
            silent_seconds = self._clock.monotonic() - self._last_activity_at
            if not unanswered and silent_seconds < self._times.echo_idle:
                await asyncio.sleep(self._times.echo_idle - silent_seconds)
                continue
            unanswered = 0 if await self._send_network_message(ECHO) else unanswered + 1
        self._end("two echoes were lost")

    async def _sign_off(self) -> None:
        """Wait a moment for answers to written requests, then sign off."""
        give_up_at = self._clock.monotonic() + _SIGN_OFF_WAIT_SECONDS
        while self._inbound.unanswered and self._clock.monotonic() < give_up_at and not self._ended.is_set():
            await wait_for_first(asyncio.sleep(0.02), self._ended.wait())
        await self._send_network_message(SIGN_OFF)

    # ---- receiving

    async def _receive(self) -> None:
        """Record inbound messages until the connection ends."""
        try:
            while not isinstance(message := await self._line.receive(), NoUsableAnswer):
                self._last_activity_at = self._clock.monotonic()
                await self._inbound.record(message)
            self._end(message.why)
        except BrokenReplyError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - an answer that could not be recorded stays in doubt
            telemetry.count_error("host_hearing_failed", connector_id=self._host.connector_id, error=error)
            self._end("an answer could not be recorded")

    def _end(self, why: str) -> None:
        """End the connection; the first reason counts."""
        self._end_reason = self._end_reason or why
        self._ended.set()
