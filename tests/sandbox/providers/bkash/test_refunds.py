"""Refunds of both versions: how often, how much, how long, and what their questions tell."""

import pytest

from tests.sandbox.caller import SetClock
from tests.sandbox.providers.bkash.caller import V2, WALLET, BkashCaller


async def refund_v1(bkash: BkashCaller, payment_id: str, trx_id: str, **fields: object) -> dict[str, object]:
    return await bkash.ask("payment/refund", paymentID=payment_id, trxID=trx_id, **fields)


async def test_version_one_gives_back_once_and_tells_it(bkash: BkashCaller) -> None:
    paid = await bkash.a_paid(amount="100.00")
    asked = await refund_v1(bkash, *paid)
    assert asked["statusCode"] == "0000"
    assert asked["originalTrxID"] == paid[1]
    assert "refundTrxID" not in asked
    done = await refund_v1(bkash, *paid, amount="60.00", sku="bill", reason="wrong bill")
    assert (done["originalTrxID"], done["amount"], done["currency"]) == (paid[1], "60.00", "BDT")
    assert (done["transactionStatus"], done["charge"]) == ("Completed", "0.00")
    assert done["completedTime"] == "2026-03-10T12:00:00:000 GMT+0600"
    assert await refund_v1(bkash, *paid) == done
    assert await bkash.ask("payment/refund/status", paymentID=paid[0], trxID=paid[1]) == done
    again = await refund_v1(bkash, *paid, amount="10.00", sku="bill", reason="again")
    assert again["statusCode"] == "2034"
    assert await bkash.balance(WALLET) == 10_000_000 - 10_000 + 6_000
    assert (await bkash.status(paid[0]))["transactionStatus"] == "Completed"


async def test_an_empty_amount_is_a_question_too(bkash: BkashCaller) -> None:
    paid = await bkash.a_paid()
    for amount in ("", None):
        assert "refundTrxID" not in await refund_v1(bkash, *paid, amount=amount)
    assert (await bkash.line(paid[0]))["refunds"] == []


@pytest.mark.parametrize(
    ("amount", "code"), [("100.01", "2026"), ("0", "2072"), ("x", "2072"), ("-1", "2072"), (["1"], "2072")]
)
async def test_version_one_refuses_an_amount_that_cannot_be(
    bkash: BkashCaller, amount: object, code: str
) -> None:
    paid = await bkash.a_paid(amount="100.00")
    assert (await refund_v1(bkash, *paid, amount=amount))["statusCode"] == code
    assert (await bkash.line(paid[0]))["refunds"] == []


async def test_version_two_gives_back_in_parts_until_nothing_is_left(bkash: BkashCaller) -> None:
    payment_id, trx_id = await bkash.a_paid(amount="100.00")
    status, first = await bkash.refund_v2(payment_id, trx_id, "40.00")
    assert status == 200
    assert first == {
        "originalTrxId": trx_id,
        "refundTrxId": first["refundTrxId"],
        "refundTransactionStatus": "Completed",
        "originalTrxAmount": "100.00",
        "refundAmount": "40.00",
        "currency": "BDT",
        "completedTime": "2026-03-10T12:00:00:000",
        "sku": "bill",
        "reason": "wrong bill",
    }
    status, over = await bkash.refund_v2(payment_id, trx_id, "60.01")
    assert (status, sorted(over)) == (
        400,
        ["errorMessageBn", "errorMessageEn", "externalCode", "internalCode"],
    )
    assert over["externalCode"] == "2072"
    assert (await bkash.refund_v2(payment_id, trx_id, "60.00"))[0] == 200
    told = await bkash.refunds_v2(payment_id, trx_id)
    assert (told["originalTrxId"], told["originalTrxAmount"]) == (trx_id, "100.00")
    assert told["originalTrxCompletedTime"] == "2026-03-10T12:00:00:000"
    assert [one["refundAmount"] for one in told["refundTransactions"]] == ["40.00", "60.00"]
    assert len({one["refundTrxId"] for one in told["refundTransactions"]}) == 2
    assert await bkash.balance(WALLET) == 10_000_000


async def test_an_eleventh_part_is_refused(bkash: BkashCaller) -> None:
    paid = await bkash.a_paid(amount="100.00")
    answers = [await bkash.refund_v2(*paid, "1.00") for _ in range(11)]
    assert [status for status, _ in answers] == [200] * 10 + [400]
    assert answers[-1][1]["externalCode"] == "2074"
    assert len((await bkash.line(paid[0]))["refunds"]) == 10


async def test_after_sixty_days_nothing_goes_back(bkash: BkashCaller, clock: SetClock) -> None:
    first, second = await bkash.a_paid(), await bkash.a_paid()
    clock.advance(days=60, seconds=-1)
    await bkash.log_in()
    assert (await bkash.refund_v2(*first, "1.00"))[0] == 200
    clock.advance(seconds=1)
    status, late = await bkash.refund_v2(*first, "1.00")
    assert (status, late["externalCode"]) == (400, "2071")
    assert (await refund_v1(bkash, *second, amount="1.00"))["statusCode"] == "2071"


@pytest.mark.parametrize("field", ["paymentId", "trxId", "refundAmount", "sku", "reason"])
async def test_version_two_has_no_word_for_a_missing_field(bkash: BkashCaller, field: str) -> None:
    payment_id, trx_id = await bkash.a_paid()
    body = {"paymentId": payment_id, "trxId": trx_id, "refundAmount": "1", "sku": "s", "reason": "r"}
    for spoiled in ({name: value for name, value in body.items() if name != field}, body | {field: ""}):
        assert await bkash.post(f"{V2}/transaction", spoiled) == (400, {"message": "Invalid request body"})
    assert (await bkash.line(payment_id))["refunds"] == []


async def test_a_refund_names_its_payment_and_its_transaction(bkash: BkashCaller) -> None:
    payment_id, trx_id = await bkash.a_paid()
    unpaid = await bkash.a_payment()
    cases = ((payment_id, "AAAAAAAAAA", "2076"), ("TR0011x", trx_id, "2002"), (unpaid, trx_id, "2127"))
    for named, transaction, code in cases:
        status, answer = await bkash.refund_v2(named, transaction, "1.00")
        assert (status, answer["externalCode"]) == (400, code)
        assert (await refund_v1(bkash, named, transaction, amount="1"))["statusCode"] == code
        assert (await refund_v1(bkash, named, transaction))["statusCode"] == code
        status, answer = await bkash.post(f"{V2}/status", {"paymentId": named, "trxId": transaction})
        assert (status, answer["externalCode"]) == (400, code)


async def test_a_text_longer_than_allowed_is_refused(bkash: BkashCaller) -> None:
    paid = await bkash.a_paid()
    status, answer = await bkash.refund_v2(*paid, "1.00", reason="x" * 256)
    assert (status, answer["externalCode"]) == (400, "2075")
    assert (await refund_v1(bkash, *paid, amount="1", sku="x" * 256))["statusCode"] == "2075"
