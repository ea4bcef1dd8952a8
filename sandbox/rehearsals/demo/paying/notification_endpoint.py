"""A partner's notification endpoint on the stage, which refuses some notifications on purpose.

Nothing is lost by that: a refused notification is sent again under the same id, and each id counts once.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

from sandbox.callers.partner.webhooks import WebhookReceiver, build_server
from sandbox.rehearsals.demo.comparison.biller_books import NotificationLine
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from sandbox.rehearsals.installation.parties import StagePartner, ask_together

REFUSED_EVERY = 50
"""One message in so many is refused when it arrives for the first time."""

_WAIT_SECONDS = 300.0
_HTTP_500 = 500

Scope = dict[str, Any]

_RECEIPT = "payment.receipt_issued"


class NotificationEndpoint:
    """The notification endpoint of one partner, and what it has received."""

    def __init__(self, player: StagePartner) -> None:
        """Nothing was received yet, and no key is known."""
        self.player = player
        self.refusals = 0
        self._receiver = WebhookReceiver([])
        self._arrived = 0
        self._message_arrived = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Receive one message."""
        self._arrived += 1
        if self._arrived % REFUSED_EVERY:
            await self._receiver(scope, receive, send)
            self._message_arrived.set()
            return
        self.refusals += 1
        head = {"type": "http.response.start", "status": _HTTP_500, "headers": [(b"content-length", b"0")]}
        await send(head)
        await send({"type": "http.response.body", "body": b""})

    async def register(self, tool: EkpayCommand, url: str) -> None:
        """Register the endpoint with the switch, and read the switch's key."""
        registered = await ask_together(tool, "notifications", "endpoints", "add", self.player.id, url)
        self._receiver.trust(registered["public_keys"])

    async def wait_for(self, references: Collection[str]) -> None:
        """Wait until each of these references has a notification, for five minutes at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                while set(references) - {line.reference for line in self.lines()}:
                    self._message_arrived.clear()
                    await self._message_arrived.wait()

    @property
    def repeats(self) -> int:
        """The number of messages that came again after they were accepted."""
        return len(self._receiver.received_ids) - len(self._receiver.events)

    @property
    def strangers(self) -> int:
        """The number of messages that the switch did not send; it must be 0."""
        return len(self._receiver.refused)

    def lines(self) -> list[NotificationLine]:
        """The end state of every payment, once; a later receipt is left out."""
        events = self._receiver.events.values()
        payment_events = [event["data"] for event in events if event["type"] != _RECEIPT]
        return [
            NotificationLine(
                self.player.id, event_data["reference"], event_data["status"], event_data["amount"]
            )
            for event_data in payment_events
        ]


@asynccontextmanager
async def open_endpoint(player: StagePartner, port: int) -> AsyncIterator[NotificationEndpoint]:
    """An endpoint that listens on loopback until the context ends."""
    mailbox = NotificationEndpoint(player)
    server = build_server(mailbox)
    with socket.create_server(("127.0.0.1", port)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield mailbox
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving
