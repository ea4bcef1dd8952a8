import time

import aiohttp
import pytest

from sandbox.messaging.faults import MAGIC_NUMBERS, REFUSED_WITH, SmsFault
from sandbox.messaging.replies import Refusal
from tests.sandbox.caller import SetClock
from tests.sandbox.messaging.caller import TO, SmsCaller


def magic(fault: SmsFault) -> str:
    return next(number.msisdn for number in MAGIC_NUMBERS if number.fault is fault)


def test_every_refusal_but_an_unknown_path_can_be_ordered() -> None:
    assert set(REFUSED_WITH.values()) == set(Refusal) - {Refusal.NO_SUCH_PATH}


def test_magic_numbers_are_numbers_of_their_own() -> None:
    assert [int(number.msisdn) for number in MAGIC_NUMBERS] == list(range(8801900000001, 8801900000012))
    assert len({number.fault for number in MAGIC_NUMBERS}) == len(MAGIC_NUMBERS)


@pytest.mark.parametrize("fault", REFUSED_WITH)
async def test_a_refusal_is_told_by_its_code_and_takes_nothing(sms: SmsCaller, fault: SmsFault) -> None:
    await sms.set_fault(fault)
    message = sms.a_message()
    assert await sms.code_of(message) == REFUSED_WITH[fault]
    assert await sms.messages() == []
    assert await sms.code_of(message) == 200


@pytest.mark.parametrize(("fault", "is_taken"), [(SmsFault.LOST_DONE, True), (SmsFault.LOST_UNDONE, False)])
@pytest.mark.parametrize("is_magic", [True, False])
async def test_a_lost_answer_leaves_open_what_the_repeat_tells(
    sms: SmsCaller, fault: SmsFault, *, is_taken: bool, is_magic: bool
) -> None:
    if not is_magic:
        await sms.set_fault(fault, mobile=TO)
    message = sms.a_message(magic(fault) if is_magic else TO)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await sms.send(message)
    assert len(await sms.messages()) == is_taken
    if is_taken:
        assert await sms.code_of(message) == 4023
        assert len(await sms.messages()) == 1
    elif not is_magic:
        assert await sms.code_of(message) == 200


async def test_http_500_takes_nothing(sms: SmsCaller) -> None:
    url, message = f"{sms.origin}/api/v3/send-sms", sms.a_message(magic(SmsFault.HTTP_500))
    async with sms.session.post(url, json=message) as answer:
        assert (answer.status, (await answer.json())["status_code"]) == (500, 5000)
    assert await sms.messages() == []


async def test_a_web_page_in_place_of_the_answer_takes_the_message(sms: SmsCaller) -> None:
    url, message = f"{sms.origin}/api/v3/send-sms", sms.a_message(magic(SmsFault.HTML))
    async with sms.session.post(url, json=message) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert len(await sms.messages()) == 1


async def test_a_slow_answer_comes_late_after_the_message_was_taken(sms: SmsCaller) -> None:
    began = time.monotonic()
    assert await sms.code_of(sms.a_message(magic(SmsFault.SLOW))) == 200
    assert time.monotonic() - began >= 0.5
    assert len(await sms.messages()) == 1


@pytest.mark.parametrize("is_magic", [True, False])
async def test_a_late_message_is_in_the_inbox_when_its_time_has_come(
    sms: SmsCaller, clock: SetClock, *, is_magic: bool
) -> None:
    if not is_magic:
        await sms.set_fault(SmsFault.DELIVER_LATE)
    number = magic(SmsFault.DELIVER_LATE) if is_magic else TO
    assert await sms.code_of(sms.a_message(number, sms="It is late")) == 200
    await sms.send(sms.a_message(sms="It is here"))
    clock.advance(seconds=59)
    assert "It is late" not in (await sms.inbox())[1]
    assert [message["is_delivered"] for message in await sms.messages()] == [True, False]
    clock.advance(seconds=1)
    page = (await sms.inbox())[1]
    assert 0 < page.index("It is late") < page.index("It is here")


async def test_a_message_that_never_arrives_is_in_the_book_alone(sms: SmsCaller, clock: SetClock) -> None:
    assert await sms.code_of(sms.a_message(magic(SmsFault.DELIVER_NEVER), sms="It is lost")) == 200
    clock.advance(days=400)
    assert "It is lost" not in (await sms.inbox())[1]
    (message,) = await sms.messages()
    assert (message["delivered_at"], message["is_delivered"]) == (None, False)


async def test_a_magic_number_is_refused_every_time(sms: SmsCaller) -> None:
    for fault, code in ((SmsFault.INVALID_MSISDN, 4025), (SmsFault.BLOCKED_MSISDN, 4026)):
        assert [await sms.code_of(sms.a_message(magic(fault))) for _ in range(2)] == [code, code]


async def test_a_message_that_is_refused_anyway_uses_no_fault(sms: SmsCaller) -> None:
    await sms.set_fault(SmsFault.LOST_DONE)
    assert await sms.code_of(sms.a_message(sid="OTHER")) == 4002
    assert len((await sms.admin("GET", "faults"))["faults"]) == 1


async def test_an_order_comes_before_the_fault_of_a_number(sms: SmsCaller) -> None:
    number = magic(SmsFault.BLOCKED_MSISDN)
    await sms.set_fault(SmsFault.TPS_EXCEEDED, mobile=number)
    assert [await sms.code_of(sms.a_message(number)) for _ in range(2)] == [4031, 4026]
