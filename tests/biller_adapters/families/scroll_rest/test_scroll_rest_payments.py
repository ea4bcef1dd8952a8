"""scroll_rest against a far side without manners: which outcome each of them leads to, exactly."""

import asyncio
import socket
from datetime import UTC, date, datetime

import pytest

from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NoAnswer, NotFound, Posted, Unreached
from tests.biller_adapters.families.scroll_rest.desco_stage import (
    BILL,
    SAVED,
    Desk,
    Manners,
    Staged,
    bill_data,
    envelope,
)
from tests.wire.scripted_peer import Caller, http_answer


async def test_a_save_says_everything_that_desco_asks_for(staged: Staged) -> None:
    async with staged() as stage:
        outcome = await stage.adapter.pay(await stage.order())
    assert outcome == Approved({"message": "Saved", "scroll_no": "1"})
    assert stage.sent("/payment") == [
        {
            "billNumber": BILL,
            "billToken": "tok-1",
            "transactionId": EXAMPLE_REFERENCE,
            "bankCode": "EKP",
            "scrollNo": 1,
            "totalPayableAmount": "1050.00",
            "totalPaidAmount": "1050.00",
            "lpc": "0.00",
            "paid": "Y",
            "issueDate": "05-10-2025",
            "dueDate": "25-10-2025",
            "cTariff": "LT-A",
            "departmentCode": "D07",
            "paymentAmount": "1050.00",
            "paymentVatAmount": "50.00",
            "paymentDate": "20-10-2025",
            "trackingNo": EXAMPLE_REFERENCE,
            "stampQty": 1,
            "transactionTrackingNo": EXAMPLE_REFERENCE,
            "tranAccount": "12345678",
            "transactionDateTime": "2025-10-20 12:00:00",
        }
    ]


@pytest.mark.parametrize(("total", "stamps"), [("400.00", 0), ("400.01", 1)])
async def test_a_stamp_is_due_above_four_hundred_taka(staged: Staged, total: str, stamps: int) -> None:
    answers = {
        "/bill": envelope(bill_data(totalAmount=total, totalAmountTobePaid=total)),
        "/payment": SAVED,
    }
    async with staged(Desk(answers=answers)) as stage:
        await stage.adapter.pay(await stage.order())
    assert stage.sent("/payment")[0]["stampQty"] == stamps


async def test_a_late_payment_names_its_late_charge(staged: Staged) -> None:
    async with staged() as stage:
        stage.clock.instant = datetime(2025, 10, 26, 6, 0, tzinfo=UTC)
        stage.desk.answers["/bill"] = envelope(bill_data(totalAmountTobePaid="1102.50"))
        await stage.adapter.pay(await stage.order(date(2025, 10, 26)))
    sent = stage.sent("/payment")[0]
    assert (sent["lpc"], sent["totalPaidAmount"], sent["paymentDate"]) == ("52.50", "1102.50", "26-10-2025")


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/api"


async def say_and_leave(caller: Caller, raw: bytes) -> None:
    await caller.say(raw)
    await caller.hang_up()


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Caller.stay_silent, id="silence"),
        pytest.param(Caller.hang_up, id="a connection dropped"),
        pytest.param(lambda c: say_and_leave(c, http_answer(SAVED)[:-3]), id="half a reply"),
        pytest.param(lambda c: say_and_leave(c, b"\x00\x01garbage\r\n\r\n"), id="garbage"),
        pytest.param(lambda c: c.answer(b"<html>saved</html>"), id="a page with 200"),
        pytest.param(lambda c: c.answer(b""), id="nothing with 200"),
        pytest.param(lambda c: c.answer(b"null"), id="JSON null"),
        pytest.param(lambda c: c.answer(b"[" * 100_000), id="nested without end"),
        pytest.param(lambda c: c.answer(b'{"statusCode": NaN}'), id="NaN"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 323.0}'), id="a code with a point"),
        pytest.param(lambda c: c.answer(b'{"statusCode": true}'), id="a code that is none"),
        pytest.param(lambda c: c.answer(b"\xff\xfe{}"), id="not UTF-8"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 3230}'), id="a code nobody mapped"),
        pytest.param(lambda c: c.answer(SAVED, status=500), id="500"),
        pytest.param(lambda c: c.answer(SAVED, status=503), id="503"),
        pytest.param(lambda c: c.answer(b"", status=302, extra="Location: /x\r\n"), id="a redirect"),
    ],
)
async def test_a_save_without_a_usable_answer_is_in_doubt_and_sent_once(
    staged: Staged, manners: Manners
) -> None:
    async with staged(Desk(rude={"/payment": manners})) as stage:
        outcome = await stage.adapter.pay(await stage.order())
    assert isinstance(outcome, InDoubt), outcome
    assert stage.paths().count("/payment") == 1


async def test_a_late_answer_is_in_doubt_and_is_not_taken_for_the_next_one(staged: Staged) -> None:
    async def save_late(caller: Caller) -> None:
        await given_up.wait()
        await caller.answer(SAVED)

    given_up = asyncio.Event()
    async with staged(Desk(rude={"/payment": save_late})) as stage:
        order = await stage.order()
        assert isinstance(await stage.adapter.pay(order), InDoubt)
        given_up.set()
        stage.desk.rude["/payment"] = lambda caller: caller.answer(b'{"statusCode": 328}')
        assert await stage.adapter.pay(order) == Declined("refused", "328")


async def test_the_same_reply_twice_does_not_answer_the_next_payment(staged: Staged) -> None:
    async def save_twice(caller: Caller) -> None:
        await caller.say(http_answer(SAVED) + http_answer(SAVED))

    async with staged(Desk(rude={"/payment": save_twice})) as stage:
        order = await stage.order()
        assert isinstance(await stage.adapter.pay(order), Approved)
        stage.desk.rude["/payment"] = lambda caller: caller.answer(b'{"statusCode": 328}')
        assert await stage.adapter.pay(order) == Declined("refused", "328")


async def test_a_far_side_that_is_gone_is_unreached(staged: Staged) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        async with staged() as stage, staged(EKPAY_DESCO_URL=url_of(unheard)) as gone:
            gone.tokens.tokens["desco_postpaid"] = "still good"
            assert isinstance(await gone.adapter.pay(await stage.order()), Unreached)


async def test_after_its_last_moment_a_save_is_not_sent(staged: Staged) -> None:
    async with staged() as stage:
        outcome = await stage.adapter.pay(await stage.order(seconds=0.0))
    assert outcome == Unreached("the send deadline passed")
    assert "/payment" not in stage.paths()


async def test_what_is_saved_is_posted_with_the_amount_that_desco_echoes(staged: Staged) -> None:
    row = {
        "paymentStatus": "PAID",
        "transactionId": EXAMPLE_REFERENCE,
        "departmentCode": "D07",
        "paymentAmount": "1051.00",
        "paymentVatAmount": "50.00",
        "paymentDate": "20-10-2025",
    }
    async with staged(
        Desk(answers={"/bill": envelope(bill_data()), "/payment-status": envelope([row])})
    ) as stage:
        inquiry = await stage.adapter.inquire(await stage.order())
    assert isinstance(inquiry, Posted)
    assert (inquiry.reference, inquiry.amount_minor) == (EXAMPLE_REFERENCE, 105_100)
    assert inquiry.facts["paymentDate"] == "20-10-2025"
    assert stage.sent("/payment-status") == [{"billNumber": BILL, "transactionId": EXAMPLE_REFERENCE}]


async def test_an_empty_list_is_not_found(staged: Staged) -> None:
    async with staged() as stage:
        assert await stage.adapter.inquire(await stage.order()) == NotFound()


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Caller.stay_silent, id="silence"),
        pytest.param(Caller.hang_up, id="a connection dropped"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 200}'), id="no list"),
        pytest.param(lambda c: c.answer(b'{"statusCode": 404, "data": []}'), id="an empty list, but not OK"),
        pytest.param(lambda c: c.answer(envelope([{}])), id="an empty row"),
        pytest.param(lambda c: c.answer(envelope([]), status=500), id="500"),
    ],
)
async def test_only_a_sound_answer_settles_a_doubt(staged: Staged, manners: Manners) -> None:
    async with staged(Desk(rude={"/payment-status": manners})) as stage:
        inquiry = await stage.adapter.inquire(await stage.order())
        assert isinstance(inquiry, NoAnswer)
        assert inquiry.was_asked
