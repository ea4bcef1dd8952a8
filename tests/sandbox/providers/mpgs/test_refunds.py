"""What the gateway gives back and undoes, and what it does not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.callers.payer.payer import PayerDecision
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.mpgs.caller import Merchant, a_merchant, rows_of


@pytest.fixture
async def ebl(tmp_path: Path, clock: SetClock) -> AsyncIterator[Merchant]:
    async with a_merchant(tmp_path, clock) as merchant:
        yield merchant


async def test_parts_go_back_and_no_more_than_was_captured(ebl: Merchant) -> None:
    reference, _, _ = await ebl.visited()
    status, first = await ebl.refund(reference, "R1", "20.00")
    assert (status, first["result"], first["transaction"]["id"]) == (201, "SUCCESS", "R1")
    assert (first["order"]["status"], first["order"]["totalRefundedAmount"]) == ("PARTIALLY_REFUNDED", 20.0)
    # The same again is told again; another content under that name is refused.
    assert await ebl.refund(reference, "R1", "20.00") == (200, first)
    status, answer = await ebl.refund(reference, "R1", "21.00")
    assert (status, answer["error"]["field"]) == (400, "transaction.id")
    status, answer = await ebl.refund(reference, "R2", "100.51")
    assert (status, answer["error"]["field"]) == (400, "transaction.amount")
    status, rest = await ebl.refund(reference, "R2", "100.50")
    assert (status, rest["order"]["status"]) == (201, "REFUNDED")
    assert [row[:2] for row in rows_of(await ebl.order(reference))[1:]] == [
        ("R1", "REFUND"),
        ("R2", "REFUND"),
    ]
    assert (await ebl.call("GET", f"merchant/ekpay/order/{reference}/transaction/R2"))[0] == 200
    assert (await ebl.call("GET", f"merchant/ekpay/order/{reference}/transaction/R3"))[0] == 404


async def test_the_same_name_in_another_order_is_another_refund(ebl: Merchant) -> None:
    for _ in range(2):
        reference, _, _ = await ebl.visited()
        assert (await ebl.refund(reference, "R1", "20.00"))[0] == 201


@pytest.mark.parametrize(
    ("name", "amount", "currency", "field"),
    [
        ("1", "20.00", "BDT", "transaction.id"),
        ("R1", "0.00", "BDT", "transaction.amount"),
        ("R1", "x", "BDT", "transaction.amount"),
        ("R1", "20.00", "USD", "transaction.currency"),
    ],
)
async def test_a_refund_that_cannot_be_is_refused(
    ebl: Merchant, name: str, amount: str, currency: str, field: str
) -> None:
    reference, _, _ = await ebl.visited()
    status, answer = await ebl.refund(reference, name, amount, currency)
    assert (status, answer["error"]["field"]) == (400, field)


async def test_what_was_not_paid_is_not_given_back(ebl: Merchant, clock: SetClock) -> None:
    assert (await ebl.refund("UNKNOWN", "R1", "1.00"))[0] == 404
    cancelled, _, _ = await ebl.visited(does=PayerDecision.CANCEL)
    assert (await ebl.refund(cancelled, "R1", "1.00"))[1]["error"]["cause"] == "REQUEST_REJECTED"
    old, _, _ = await ebl.visited()
    clock.advance(days=180)
    assert (await ebl.refund(old, "R1", "1.00"))[1]["error"]["cause"] == "REQUEST_REJECTED"


async def test_a_refund_can_be_declined_or_take_its_time(ebl: Merchant, clock: SetClock) -> None:
    reference, _, _ = await ebl.visited("refund_refused")
    _, answer = await ebl.refund(reference, "R1", "20.00")
    assert (answer["result"], answer["response"]["gatewayCode"]) == ("FAILURE", "DECLINED")
    for kind, result in (("refund_processing", "SUCCESS"), ("refund_fails", "FAILURE")):
        reference, _, _ = await ebl.visited(kind)
        assert (await ebl.refund(reference, "R1", "20.00"))[1]["result"] == "PENDING"
        clock.advance(seconds=60)
        assert rows_of(await ebl.order(reference))[1][2] == result


async def test_a_payment_of_today_can_be_voided_and_one_of_yesterday_not(
    ebl: Merchant, clock: SetClock
) -> None:
    reference, _, _ = await ebl.visited()
    status, answer = await ebl.put(reference, "V1", "VOID", targetTransactionId="9")
    assert (status, answer["error"]["field"]) == (400, "transaction.targetTransactionId")
    voids = [await ebl.put(reference, "V1", "VOID", targetTransactionId="1") for _ in range(2)]
    assert [status for status, _ in voids] == [201, 200]
    order = await ebl.order(reference)
    assert (order["status"], order["totalCapturedAmount"]) == ("CANCELLED", 0)
    assert rows_of(order)[1] == ("V1", "VOID_PAYMENT", "SUCCESS", "APPROVED")
    assert (await ebl.refund(reference, "V1", "120.50"))[1]["error"]["field"] == "transaction.id"
    assert (await ebl.refund(reference, "R1", "1.00"))[0] == 400
    later, _, _ = await ebl.visited()
    clock.advance(days=1)
    status, answer = await ebl.put(later, "V1", "VOID", targetTransactionId="1")
    assert (status, answer["error"]["cause"]) == (400, "REQUEST_REJECTED")
    assert (await ebl.put(later, "V1", "CAPTURE"))[1]["error"]["validationType"] == "UNSUPPORTED"
