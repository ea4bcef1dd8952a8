"""The job that sends text messages to citizens."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.flows.citizens.send_text_message import send_text_message
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.citizens import MessagePorts

AT_ONCE = 16
GATEWAY = "sms_gateway"


@dataclass(slots=True)
class TextMessageWorker:
    """The messages that this process sends now."""

    ports: MessagePorts
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(AT_ONCE, AT_ONCE))
    failure: str = "text_messages_failed"

    async def take_up(self) -> int:
        """Send due messages as far as there are free slots; how many were due."""
        self.slots.tidy()
        due = await self.ports.messages.lease_due(self.slots.free, self.lease_seconds)
        for leased in due:
            work = send_text_message(leased, self.ports)
            self.slots.start(GATEWAY, work, "text_message_failed", message_id=leased.message_id)
        return len(due)


async def run_text_messages(ports: MessagePorts, pace: Pace, stop: asyncio.Event) -> None:
    """Send due messages until `stop` is set."""
    await run_worker(TextMessageWorker(ports, pace.lease_seconds), pace, stop)
