"""Upay over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.token_init_status.caller import (
    PASSWORD,
    TokenMerchant,
    merchant_at,
    new_reference,
    upay_bulk_status,
    upay_refund,
)


@pytest.fixture
async def upay(tmp_path: Path, clock: SetClock) -> AsyncIterator[TokenMerchant]:
    async with merchant_at(tmp_path, clock) as merchant:
        yield await merchant.at("upay")


async def test_answers_have_their_members(upay: TokenMerchant) -> None:
    told = await upay.log_in()
    assert (told["code"], told["lang"], set(told["data"])) == ("MAS2001", "en", {"merchant_id", "token"})
    reference = new_reference()
    status, told = await upay.create(reference)
    data = told["data"]
    assert (status, told["code"], data["txn_id"]) == (200, "MPIS2002", reference)
    assert (data["merchant_id"], data["invoice_id"]) == ("ekpay", f"INV{reference}")
    _, after = await upay.status(reference, "")
    assert after["code"] == "PS2005"
    assert after["data"] == {
        "txn_id": reference,
        "trx_id": data["trx_id"],
        "invoice_id": f"INV{reference}",
        "session_id": data["session_id"],
        "status": "pending",
        "amount": 120.5,
        "merchant_name": "ekPay",
        "customer_wallet": "",
        "date": "2026-03-10 12:00:00",
    }


async def test_many_payments_are_reported_as_each_is_by_itself(upay: TokenMerchant) -> None:
    paid, declined = [(await upay.a_visited(kind))[0] for kind in ("normal", "declined")]
    unpaid = (await upay.a_page())[0]
    status, told = await upay_bulk_status(upay, unpaid, "NOBODY", paid, declined, paid)
    assert (status, told["code"], told["lang"]) == (200, "PS2005", "en")
    assert [(row["txn_id"], row["status"]) for row in told["data"]] == [
        (unpaid, "pending"),
        (paid, "success"),
        (declined, "failed"),
    ]
    alone = [(await upay.status(one, ""))[1]["data"] for one in (unpaid, paid, declined)]
    assert told["data"] == alone


async def test_many_payments_of_which_there_is_none_are_not_found(upay: TokenMerchant) -> None:
    status, told = await upay_bulk_status(upay, "NOBODY", "NOBODY2")
    assert (status, told["code"]) == (404, "PNF4012")


@pytest.mark.parametrize(
    "body",
    [
        {},
        ["T1"],
        {"txn_id_list": "T1"},
        {"txn_id_list": []},
        {"txn_id_list": [1]},
        {"txn_id_list": ["T1", ""]},
        {"txn_id_list": ["x" * 51]},
        {"txn_id_list": ["T1"] * 101},
    ],
)
async def test_a_list_of_payments_that_is_none_is_refused_by_its_name(
    upay: TokenMerchant, body: object
) -> None:
    status, told = await upay.call("POST", "payment/bulk-payment-status/", body)
    assert (status, told["code"]) == (400, "DVE4001")
    assert "txn_id_list" in told["message"]


async def test_as_many_payments_as_are_taken_are_reported(upay: TokenMerchant) -> None:
    reference = (await upay.a_page())[0]
    status, told = await upay_bulk_status(upay, *(f"NOBODY{n}" for n in range(99)), reference)
    assert (status, [row["txn_id"] for row in told["data"]]) == (200, [reference])


async def test_many_payments_are_reported_to_whoever_has_a_token(upay: TokenMerchant) -> None:
    reference = (await upay.a_page())[0]
    upay.header = "UPAY other"
    status, told = await upay_bulk_status(upay, reference)
    assert (status, list(told)) == (401, ["detail"])


async def test_a_status_of_many_is_lost_as_a_whole_with_its_first(upay: TokenMerchant) -> None:
    first, second = [(await upay.a_page())[0] for _ in range(2)]
    await upay.fault(ProviderFault.LOST_UNDONE, ProviderStep.STATUS, order=second)
    assert len((await upay_bulk_status(upay, first, second))[1]["data"]) == 2
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await upay_bulk_status(upay, second, first)


async def test_a_payment_keeps_the_name_that_was_told_with_its_page(upay: TokenMerchant) -> None:
    reference, _, visit = await upay.a_visited("second_try", amount=500)
    data = (await upay.status(reference, ""))[1]["data"]
    assert data["trx_id"] == (await upay.order(reference))["transaction_id"]
    assert (data["amount"], data["customer_wallet"]) == (500, "019*****000")
    query = f"status=success&invoice_id=INV{reference}"
    assert visit.sent_to == f"https://merchant.example/return?x=1&{query}"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": "120.50"}, 200, "MPIS2002"),
        ({"amount": 1}, 400, "DVE4001"),
        ({"amount": 120.555}, 400, "DVE4001"),
        ({"date": "10-03-2026"}, 400, "DVE4001"),
        ({"txn_id": "x" * 51}, 400, "DVE4001"),
        ({"txn_id": "x" * 50}, 200, "MPIS2002"),
        ({"transaction_currency_code": "USD"}, 400, "DVE4001"),
        ({"transaction_currency_code": "BD"}, 200, "MPIS2002"),
        ({"redirect_url": "no address"}, 400, "DVE4001"),
        ({"merchant_name": None}, 400, "DVE4001"),
        ({"merchant_id": "somebody"}, 404, "MNF4002"),
    ],
)
async def test_an_init_is_validated(upay: TokenMerchant, changes: Json, status: int, code: str) -> None:
    answered, told = await upay.create(**changes)
    assert (answered, told["code"]) == (status, code)


async def test_refusals_have_their_codes(upay: TokenMerchant) -> None:
    for changes in ({"merchant_id": "x"}, {"merchant_key": "x"}):
        body = {"merchant_id": "ekpay", "merchant_key": PASSWORD} | changes
        answered, told = await upay.call("POST", "payment/merchant-auth/", body)
        assert (answered, told["code"]) == (404, "MNF4002")
    answered, told = await upay.status("NOBODY", "")
    assert (answered, told["code"]) == (404, "PNF4012")
    upay.header = "UPAY other"
    assert "detail" in (await upay.status("NOBODY", ""))[1]


async def test_gives_back_in_bulk_once_a_payment(upay: TokenMerchant) -> None:
    first, second = [(await upay.a_visited())[0] for _ in range(2)]
    unpaid = (await upay.a_page())[0]
    rows = [(first, 20), (unpaid, 1), (second, 120.5), ("NOBODY", 1), (first, 1)]
    assert await upay_refund(upay, *rows) == (200, [first, second], [unpaid, "NOBODY", first])
    assert await upay_refund(upay, (first, 20)) == (200, [], [first])
    orders = [await upay.order(one) for one in (first, second, unpaid)]
    assert [one["refunded_paisa"] for one in orders] == [2_000, 12_050, 0]


async def test_refunds_that_are_not_given(upay: TokenMerchant, clock: SetClock) -> None:
    assert (await upay_refund(upay, ("NOBODY", 1), ("NOBODY2", 1)))[0] == 404
    reference = (await upay.a_visited())[0]
    assert await upay_refund(upay, (reference, 120.51)) == (200, [], [reference])
    bodies: list[object] = [{}, [], [1], [{"txn_id": reference}], [{"txn_id": reference, "refund_amount": 0}]]
    for body in bodies:
        answered, told = await upay.call("POST", "payment/bulk/refund/", body)
        assert (answered, told["code"]) == (400, "DVE4001")
    refused = (await upay.a_visited("refund_refused"))[0]
    assert await upay_refund(upay, (refused, 1)) == (200, [], [refused])
    clock.advance(days=30)
    await upay.log_in()
    assert await upay_refund(upay, (reference, 1)) == (200, [], [reference])


async def test_a_bulk_whose_answer_is_lost_was_done_as_a_whole(upay: TokenMerchant) -> None:
    lost, other = (await upay.a_visited("refund_lost_done"))[0], (await upay.a_visited())[0]
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await upay_refund(upay, (lost, 1), (other, 1))
    assert [(await upay.order(one))["refunded_paisa"] for one in (lost, other)] == [100, 100]
