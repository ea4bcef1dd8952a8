import json
import re
from pathlib import Path

import pytest

from sandbox.kit.institution.clock import Clock
from sandbox.messaging.book import SmsBook
from sandbox.messaging.institution import SmsGateway
from sandbox.messaging.settings import SmsSettings
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.messaging.caller import CODE_TEXT, TO, SmsCaller


async def test_a_message_is_taken_and_told_with_its_reference(sms: SmsCaller) -> None:
    answer = await sms.send(sms.a_message(csms_id="first"))
    (info,) = answer.pop("smsinfo")
    assert answer == {"status": "SUCCESS", "status_code": 200, "error_message": ""}
    assert re.fullmatch("[0-9a-f]{20}", info.pop("reference_id"))
    assert info == {
        "sms_status": "SUCCESS",
        "status_message": "Success",
        "msisdn": TO,
        "sms_type": "BN",
        "sms_body": CODE_TEXT,
        "csms_id": "first",
    }


async def test_each_message_has_a_reference_of_its_own(sms: SmsCaller) -> None:
    answers = [await sms.send(sms.a_message(sms="Hello")) for _ in range(3)]
    infos = [answer["smsinfo"][0] for answer in answers]
    assert len({info["reference_id"] for info in infos}) == 3
    assert {info["sms_type"] for info in infos} == {"EN"}


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("api_token", "guess", 4001),
        ("api_token", "t" * 51, 4001),
        ("api_token", "টোকেন", 4001),
        ("sid", "OTHER", 4002),
        ("sid", "E" * 21, 4002),
        ("csms_id", "c" * 21, 4020),
        ("csms_id", "a b", 4020),
        ("csms_id", "আ", 4020),
        ("msisdn", "01712345678", 4025),
        ("msisdn", "+8801712345678", 4025),
        ("msisdn", "8801212345678", 4025),
        ("msisdn", "88017123456789", 4025),
        ("msisdn", "8" * 17, 4025),
        ("msisdn", "৮৮০১৭১২৩৪৫৬৭৮", 4025),
        ("sms", "ক" * 1_001, 4027),
        ("csms_id", 7, 4005),
        ("msisdn", [TO], 4005),
    ],
)
async def test_what_breaks_a_limit_is_refused(sms: SmsCaller, member: str, value: object, code: int) -> None:
    answer = await sms.send(sms.a_message(**{member: value}))
    assert (answer["status"], answer["status_code"], answer["smsinfo"]) == ("FAILED", code, [])
    assert await sms.messages() == []


async def test_what_just_keeps_the_limits_is_taken(sms: SmsCaller) -> None:
    assert await sms.code_of(sms.a_message(sms="ক" * 1_000, csms_id="c" * 20)) == 200
    assert [message["parts"] for message in await sms.messages()] == [15]


@pytest.mark.parametrize("member", ["api_token", "sid", "msisdn", "sms", "csms_id"])
@pytest.mark.parametrize("value", ["", None])
async def test_a_missing_member_is_4022_and_named(sms: SmsCaller, member: str, value: str | None) -> None:
    answer = await sms.send(sms.a_message(**{member: value}))
    assert answer["status_code"] == 4022
    assert member in answer["error_message"]
    message = sms.a_message()
    del message[member]
    assert await sms.code_of(message) == 4022


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"sms": "\\ud800"}', b"\xff"])
async def test_what_is_no_json_object_is_4005(sms: SmsCaller, body: bytes) -> None:
    status, answer = await sms.post(body)
    assert (status, answer["status_code"], answer["status"]) == (200, 4005, "FAILED")


async def test_a_form_is_not_read(sms: SmsCaller) -> None:
    body = json.dumps(sms.a_message())
    status, answer = await sms.post(body, "application/x-www-form-urlencoded")
    assert (status, answer["status_code"]) == (200, 4005)
    assert (await sms.post(body, "application/json; charset=utf-8"))[1]["status_code"] == 200


@pytest.mark.parametrize("path", ["send-sms/bulk", "send", ""])
async def test_an_unknown_path_is_4004(sms: SmsCaller, path: str) -> None:
    status, answer = await sms.post(json.dumps(sms.a_message()), path=path)
    assert (status, answer["status_code"]) == (200, 4004)


async def test_another_method_and_a_body_too_large_keep_their_status(sms: SmsCaller) -> None:
    async with sms.session.get(f"{sms.origin}/api/v3/send-sms") as answer:
        assert (answer.status, (await answer.json())["status_code"]) == (405, 4005)
    status, refused = await sms.post(json.dumps(sms.a_message(sms="x" * 70_000)))
    assert (status, refused["status_code"]) == (413, 4005)


async def test_an_id_is_taken_once_a_day_and_again_the_next(sms: SmsCaller, clock: SetClock) -> None:
    message = sms.a_message(csms_id="daily")
    assert await sms.code_of(message) == 200
    assert await sms.code_of(message | {"sms": "Another text", "msisdn": "8801812345678"}) == 4023
    # It is noon in Dhaka, so that the last second of the day is eleven hours and more away.
    clock.advance(hours=11, minutes=59, seconds=59)
    assert await sms.code_of(message) == 4023
    clock.advance(seconds=1)
    assert await sms.code_of(message) == 200
    assert [listed["sms_type"] for listed in await sms.messages()] == ["BN", "BN"]


async def test_a_restart_keeps_the_book(tmp_path: Path, clock: SetClock) -> None:
    settings = SmsSettings(home=tmp_path)
    async with served(SmsGateway.open(settings, Clock(clock.now))) as (session, origin):
        sms = SmsCaller(session, origin)
        await sms.set_fault("deliver_never")
        codes = [await sms.code_of(sms.a_message(csms_id=name)) for name in ("a", "b")]
        before = await sms.messages()
    assert codes == [200, 200]
    async with served(SmsGateway.open(settings, Clock(clock.now))) as (session, origin):
        again = SmsCaller(session, origin)
        assert await again.messages() == before
        assert [message["is_delivered"] for message in before] == [True, False]
        assert await again.code_of(again.a_message(csms_id="a")) == 4023


def test_an_event_that_the_book_does_not_know_is_no_message(tmp_path: Path, clock: SetClock) -> None:
    path = tmp_path / "sms.jsonl"
    SmsBook(path, 7, clock.now().date()).close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "other"}\n')
    with pytest.raises(ValueError, match="other"):
        SmsBook(path, 7, clock.now().date())
