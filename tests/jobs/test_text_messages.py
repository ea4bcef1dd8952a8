"""The job of text messages: as many at once as there are slots, and a failure that stops nothing."""

import asyncio

from ekpay_switch.domain.citizens.text_messages import MessageEnd
from ekpay_switch.jobs.text_messages import AT_ONCE, TextMessageWorker
from ekpay_switch.ports.citizens import LeasedMessage, MessagePorts, SendAnswer
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.citizens import FakeGateway, FakeMessages


def some_messages(count: int) -> list[LeasedMessage]:
    return [
        LeasedMessage(uuid7(), 1, 0, is_lapsed=False, number="01712345678", text="x") for _ in range(count)
    ]


class HangingGateway(FakeGateway):
    """A gateway that answers when a test lets it, and breaks for the first message."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def send(self, message: LeasedMessage) -> SendAnswer:
        answer = await super().send(message)
        await self.may_answer.wait()
        if message is self.sent[0]:
            raise OSError("broken")
        return answer


async def test_no_more_are_leased_than_are_sent_at_once() -> None:
    messages, gateway = FakeMessages(some_messages(AT_ONCE + 5)), HangingGateway()
    worker = TextMessageWorker(MessagePorts(messages, gateway), 45.0)
    assert await worker.take_up() == AT_ONCE
    assert await worker.take_up() == 0
    await asyncio.sleep(0)
    gateway.may_answer.set()
    await worker.slots.settle()
    assert await worker.take_up() == 5
    await worker.slots.settle()
    assert [end for _, end, _ in messages.ends] == [MessageEnd.SENT] * (AT_ONCE + 4)
