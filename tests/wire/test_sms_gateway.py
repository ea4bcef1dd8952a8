"""What is sent to the gateway of text messages, and what each of its answers means."""

import json
from uuid import UUID

import pytest

from ekpay_switch.ports.citizens import LeasedMessage, SendVerdict
from ekpay_switch.ports.world import NotSent, NoUsableAnswer, WireAnswer, WireReply
from ekpay_switch.wire.sms_gateway import GatewayAccess, SmsGateway, csms_id, read_answer
from tests.fakes.world import FakeWire

ACCESS = GatewayAccess("http://127.0.0.1:8208", "EKPAY", "token-of-a-test")
MESSAGE = LeasedMessage(UUID(int=7 << 90 | 12_345), 1, 0, False, "01712345678", "একপে কোড: 482913।")  # noqa: FBT003 - not lapsed


def told(status: str, **more: object) -> bytes:
    info = {"sms_status": status, "msisdn": "8801712345678", "reference_id": "5da2f0b5", **more}
    return json.dumps({"status": "SUCCESS", "status_code": 200, "smsinfo": [info]}).encode()


def failed(code: object) -> bytes:
    return json.dumps({"status": "FAILED", "status_code": code, "error_message": "no"}).encode()


async def answer_to(reply: WireReply) -> tuple[SendVerdict, FakeWire]:
    wire = FakeWire()
    wire.replies.append(reply)
    return (await SmsGateway(wire, ACCESS).send(MESSAGE)).verdict, wire


async def test_a_message_is_one_call_with_five_members() -> None:
    verdict, wire = await answer_to(WireAnswer(200, {}, told("SUCCESS")))
    ((far_side, request),) = wire.sent
    assert (verdict, far_side) == (SendVerdict.SENT, "sms_gateway")
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:8208/api/v3/send-sms")
    assert json.loads(request.body) == {
        "api_token": "token-of-a-test",
        "sid": "EKPAY",
        "msisdn": "8801712345678",
        "sms": "একপে কোড: 482913।",
        "csms_id": csms_id(MESSAGE.message_id),
    }


def test_the_name_of_a_message_is_short_and_its_own() -> None:
    names = {csms_id(UUID(int=number)) for number in range(1_000)}
    assert len(names) == 1_000
    assert {len(name) for name in names} == {20}
    assert all(name.isascii() and name.isalnum() for name in names)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (told("SUCCESS"), SendVerdict.SENT),
        (told("DUPLICATE"), SendVerdict.SENT),
        (failed(4023), SendVerdict.SENT),
        (told("INVALID"), SendVerdict.REFUSED),
        *((failed(code), SendVerdict.REFUSED) for code in (4020, 4022, 4025, 4026, 4027, 4028)),
        *((failed(code), SendVerdict.AGAIN) for code in (4001, 4002, 4003, 4005, 4029, 4031, 5000, 4999)),
        (failed("4025"), SendVerdict.AGAIN),
        (b'{"status": "FAILED", "status_code": true}', SendVerdict.AGAIN),
        (told("QUEUED"), SendVerdict.AGAIN),
        (b'{"status_code": 200, "smsinfo": []}', SendVerdict.AGAIN),
        (b'{"status_code": 200, "smsinfo": ["SUCCESS"]}', SendVerdict.AGAIN),
        (b'{"status": "SUCCESS"}', SendVerdict.AGAIN),
        (b"[]", SendVerdict.AGAIN),
        (b"null", SendVerdict.AGAIN),
        (b"<html>502</html>", SendVerdict.AGAIN),
        (b"\xff\xfe", SendVerdict.AGAIN),
        (b"[" * 100_000, SendVerdict.AGAIN),
        (b"", SendVerdict.AGAIN),
    ],
)
def test_an_answer_decides_only_what_it_says(body: bytes, verdict: SendVerdict) -> None:
    assert read_answer(body).verdict is verdict


def test_the_reference_of_the_gateway_is_kept_where_it_is_text() -> None:
    assert read_answer(told("SUCCESS")).reference == "5da2f0b5"
    assert not read_answer(told("SUCCESS", reference_id=7)).reference


@pytest.mark.parametrize(
    "reply",
    [NotSent("breaker open"), NoUsableAnswer("no answer in time"), WireAnswer(503, {}, told("SUCCESS"))],
)
async def test_without_a_usable_answer_it_is_sent_again(reply: WireReply) -> None:
    verdict, _ = await answer_to(reply)
    assert verdict is SendVerdict.AGAIN


def test_nothing_that_is_secret_is_shown() -> None:
    assert "token-of-a-test" not in repr(ACCESS)
    assert "482913" not in repr(MESSAGE)
