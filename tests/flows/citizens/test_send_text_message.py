"""Sending one text message: what each answer of the gateway leads to, and what is never sent."""

import json
from datetime import timedelta

import pytest

from ekpay_switch.domain.citizens.text_messages import MessageEnd
from ekpay_switch.flows.citizens.send_text_message import send_text_message
from ekpay_switch.ports.citizens import LeasedMessage, MessagePorts, SendAnswer, SendVerdict
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.citizens import FakeGateway, FakeMessages


def a_message(*, is_lapsed: bool = False, tries: int = 0) -> LeasedMessage:
    return LeasedMessage(uuid7(), 1, tries, is_lapsed, "01712345678", "ekPay code: 482913")


@pytest.mark.parametrize(
    ("verdict", "end"), [(SendVerdict.SENT, MessageEnd.SENT), (SendVerdict.REFUSED, MessageEnd.REFUSED)]
)
async def test_what_the_gateway_has_decided_ends_the_message(verdict: SendVerdict, end: MessageEnd) -> None:
    leased, ports = a_message(), MessagePorts(FakeMessages(), FakeGateway(SendAnswer(verdict, "", "R-7")))
    await send_text_message(leased, ports)
    assert isinstance(ports.messages, FakeMessages)
    assert ports.messages.ends == [(leased.message_id, end, "R-7")]
    assert ports.messages.retries == []


async def test_what_is_not_known_is_sent_again_later_under_the_same_id() -> None:
    leased = a_message(tries=2)
    messages, gateway = FakeMessages(), FakeGateway(SendAnswer(SendVerdict.AGAIN, "no answer"))
    await send_text_message(leased, MessagePorts(messages, gateway))
    assert messages.retries == [(leased.message_id, timedelta(seconds=8), "no answer")]
    assert messages.ends == []


async def test_a_message_that_is_too_late_is_not_sent() -> None:
    leased, messages, gateway = a_message(is_lapsed=True), FakeMessages(), FakeGateway()
    await send_text_message(leased, MessagePorts(messages, gateway))
    assert gateway.sent == []
    assert messages.ends == [(leased.message_id, MessageEnd.LAPSED, "")]


async def test_neither_number_nor_text_comes_into_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    await send_text_message(a_message(), MessagePorts(FakeMessages(), FakeGateway()))
    written = capfd.readouterr().err
    assert [json.loads(line)["outcome"] for line in written.splitlines()] == ["sent"]
    assert "01712345678" not in written
    assert "482913" not in written
    assert "482913" not in repr(a_message())
