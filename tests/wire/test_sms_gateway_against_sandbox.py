"""Our client of the SMS gateway against the simulated one; each is written from public facts, apart."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ekpay_switch.ports.citizens import LeasedMessage, SendVerdict
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.sms_gateway import GatewayAccess, SmsGateway
from sandbox.kit.institution.clock import Clock
from sandbox.messaging import institution
from sandbox.messaging.settings import SmsSettings
from tests.persistence.challans.challan_setup import MachineClock
from tests.sandbox.conftest import served
from tests.sandbox.messaging.caller import SmsCaller

TOKEN = "sms-sandbox"
TEXT = "একপে কোড: 482913। ৫ মিনিট চলবে।"


class Both:
    """The gateway as its owner sees it, and our client of it."""

    def __init__(self, sms: SmsCaller, wire: HttpWire) -> None:
        self.sms = sms
        self.wire = wire

    def client(self, token: str = TOKEN, sender_id: str = "EKPAY") -> SmsGateway:
        return SmsGateway(self.wire, GatewayAccess(self.sms.origin, sender_id, token))

    async def texts(self) -> list[str]:
        return [str(message["body"]) for message in await self.sms.messages()]


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    settings = SmsSettings(home=tmp_path, slow_seconds=0.1, late_seconds=60)
    wire = HttpWire(MachineClock())
    async with served(institution.SmsGateway.open(settings, Clock())) as (session, origin):
        yield Both(SmsCaller(session, origin), wire)
    await wire.close()


def a_message(number: str = "01712345678", text: str = TEXT) -> LeasedMessage:
    return LeasedMessage(uuid7(), 1, 0, is_lapsed=False, number=number, text=text)


async def test_a_message_arrives_as_it_was_written(both: Both) -> None:
    answer = await both.client().send(a_message())
    assert (answer.verdict, answer.reference != "") == (SendVerdict.SENT, True)
    assert await both.texts() == [TEXT]


async def test_a_message_whose_answer_is_lost_is_sent_again_and_arrives_once(both: Both) -> None:
    message = a_message()
    await both.sms.set_fault("lost_done")
    assert (await both.client().send(message)).verdict is SendVerdict.AGAIN
    assert await both.texts() == [TEXT]
    again = await both.client().send(message)
    assert (again.verdict, again.why) == (SendVerdict.SENT, "it was taken before")
    assert await both.texts() == [TEXT]


@pytest.mark.parametrize("fault", ["lost_undone", "http_500", "html", "tps_exceeded", "unknown_error"])
async def test_whatever_else_goes_wrong_is_tried_again(both: Both, fault: str) -> None:
    message = a_message()
    await both.sms.set_fault(fault)
    assert (await both.client().send(message)).verdict is SendVerdict.AGAIN
    assert (await both.client().send(message)).verdict is SendVerdict.SENT
    assert await both.texts() == [TEXT]


async def test_a_wrong_token_or_sender_id_waits_for_a_person(both: Both) -> None:
    assert (await both.client(token="another").send(a_message())).why == "code 4001"
    assert (await both.client(sender_id="ANOTHER").send(a_message())).why == "code 4002"
    assert await both.texts() == []


@pytest.mark.parametrize("number", ["01900000001", "01900000002"])
async def test_a_number_that_takes_no_message_is_final(both: Both, number: str) -> None:
    assert (await both.client().send(a_message(number))).verdict is SendVerdict.REFUSED
    assert (await both.client().send(a_message(text="ক" * 1_001))).verdict is SendVerdict.REFUSED
