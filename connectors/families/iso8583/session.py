"""One connection to a host: sign on, say what was handed over, listen, echo, sign off.

Reading and writing go on side by side. Nothing that was taken to be sent is cut off between its row and the
wire: either it is written, or it provably was not and its row says so.
"""

import asyncio

from connectors.families.iso8583.codec import encode
from connectors.families.iso8583.host import HeldLease, Host, LinkTimes, first_of
from connectors.families.iso8583.inbound_messages import Hearing
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
from ekpay_switch.ports.host_links import HostPorts, Line, TakenMessage
from ekpay_switch.ports.world import Clock, NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_AT_ONCE = 32
_LOST_ECHOES_MAX = 2
_LOOK_SECONDS = 1.0
# On the way out, what was written may still be answered for so long.
_LEAVE_SECONDS = 5.0


class Session:
    """One connection under one lease; `run` it once."""

    def __init__(self, host: Host, ports: HostPorts, clock: Clock, held: HeldLease, line: Line) -> None:
        self._host = host
        self._ports = ports
        self._clock = clock
        self._held = held
        self._line = line
        self._times = LinkTimes.of(host)
        self._hearing = Hearing(host, ports)
        self._over = asyncio.Event()
        self._why = ""
        self._last_said = clock.monotonic()
        self.was_signed_on = False

    async def run(self, stop: asyncio.Event) -> str:
        """Talk until told to stop or until nothing more can be said; why it ended."""
        listening = asyncio.create_task(self._listen())
        echoing: asyncio.Task[None] | None = None
        try:
            if await self._sign_on():
                echoing = asyncio.create_task(self._echo())
                await self._talk(stop)
        finally:
            self._end("told to stop")
            if echoing is not None:
                echoing.cancel()
            await self._line.close()
            await asyncio.gather(listening, *([echoing] if echoing else []), return_exceptions=True)
        return self._why

    # ---- saying

    async def _sign_on(self) -> bool:
        code = await self._say_network(SIGN_ON)
        self.was_signed_on = code == APPROVED
        connector_id = self._host.connector_id
        telemetry.HOST_SIGN_ONS.labels(connector_id, "approved" if self.was_signed_on else "refused").inc()
        if not self.was_signed_on:
            self._end(f"no sign-on, response code {code}" if code else "no answer to the sign-on")
            return False
        telemetry.HOST_LINK_UP.labels(connector_id).set(1)
        telemetry.log("host_link_up", connector_id=connector_id, epoch=self._held.lease.epoch)
        return True

    async def _talk(self, stop: asyncio.Event) -> None:
        """Send what is handed over, until the connection, the lease or our time is over."""
        work = self._ports.links.await_work
        while not self._over.is_set() and not self._held.lost.is_set():
            if stop.is_set():
                await self._leave()
                return
            await self._send_due()
            coming = work(self._host.connector_id, _LOOK_SECONDS)
            await first_of(coming, stop.wait(), self._over.wait(), self._held.lost.wait())
        self._end("the lease was lost")

    async def _send_due(self) -> None:
        """Everything that waits now; first what takes back, since its payers wait longest."""
        lease = self._held.lease
        for message in await self._ports.links.take_reversals(lease, _AT_ONCE):
            await self._send_reversal(message)
        asked_at = self._clock.monotonic()
        for taken in await self._ports.links.take(lease, _AT_ONCE):
            await self._send_request(taken, asked_at)

    async def _send_request(self, taken: TakenMessage, asked_at: float) -> None:
        message = taken.message
        raw = encode(request_message(message.new, self._host.settings), self._host.key)
        self._hearing.unanswered.add(message.key)
        failed = await self._send(raw, asked_at + taken.send_seconds)
        if isinstance(failed, NotSent):
            self._hearing.unanswered.discard(message.key)
            await self._ports.links.not_written(message.key)

    async def _send_reversal(self, message: HostMessage) -> None:
        assert message.reversal is not None, "it was taken as one"
        # Whatever is still said of the request itself changes nothing.
        self._hearing.unanswered.discard(message.key)
        fields = reversal_message(message, self._host.settings, is_repeat=message.reversal.sends > 1)
        await self._send(encode(fields, self._host.key), self._held.until)

    async def _say_network(self, purpose: str) -> str:
        """The response code of the answer, empty where there was none in time."""
        trace = await self._ports.messages.next_trace(self._host.settings.acquirer)
        if trace is None:
            self._end("the numbers of the day are used up")
            return ""
        asked = network_message(trace, purpose)
        answer = self._hearing.await_network(asked)
        if await self._send(encode(asked), self._held.until) is not None:
            return ""
        try:
            async with asyncio.timeout(self._times.network_answer):
                return await answer
        except TimeoutError:
            return ""

    async def _send(self, raw: bytes, send_before: float) -> NotSent | NoUsableAnswer | None:
        """Write a message while the lease is certainly ours; a failure ends the connection."""
        failed = await self._line.send(raw, min(send_before, self._held.until))
        if failed is None:
            self._last_said = self._clock.monotonic()
        elif isinstance(failed, NoUsableAnswer):
            self._end(failed.why)
        return failed

    async def _echo(self) -> None:
        """Try a silent connection; one that is silent to two echoes has ended."""
        lost = 0
        while lost < _LOST_ECHOES_MAX:
            silent = self._clock.monotonic() - self._last_said
            if not lost and silent < self._times.echo_idle:
                await asyncio.sleep(self._times.echo_idle - silent)
                continue
            lost = 0 if await self._say_network(ECHO) else lost + 1
        self._end("two echoes were lost")

    async def _leave(self) -> None:
        """Hear what was asked already for a moment, then sign off."""
        give_up_at = self._clock.monotonic() + _LEAVE_SECONDS
        while self._hearing.unanswered and self._clock.monotonic() < give_up_at and not self._over.is_set():
            await first_of(asyncio.sleep(0.02), self._over.wait())
        await self._say_network(SIGN_OFF)

    # ---- listening

    async def _listen(self) -> None:
        """Take in what comes until the connection ends."""
        try:
            while not isinstance(message := await self._line.receive(), NoUsableAnswer):
                self._last_said = self._clock.monotonic()
                await self._hearing.take_in(message)
            self._end(message.why)
        except BrokenReplyError as error:
            self._end(str(error))
        except Exception as error:  # noqa: BLE001 - an answer that could not be recorded stays in doubt
            telemetry.count_error("host_hearing_failed", connector_id=self._host.connector_id, error=error)
            self._end("an answer could not be recorded")

    def _end(self, why: str) -> None:
        """Nothing more is said; the first reason counts."""
        self._why = self._why or why
        self._over.set()
