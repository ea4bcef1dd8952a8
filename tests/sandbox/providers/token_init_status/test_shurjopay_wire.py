"""shurjoPay over HTTP."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.callers.payer.payer import PayerDecision
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.token_init_status.caller import (
    PASSWORD,
    TokenMerchant,
    merchant_at,
    new_reference,
)


@pytest.fixture
async def shurjo(tmp_path: Path, clock: SetClock) -> AsyncIterator[TokenMerchant]:
    async with merchant_at(tmp_path, clock) as merchant:
        yield await merchant.at("shurjopay")


async def test_gives_tokens_to_forms_and_to_json(shurjo: TokenMerchant) -> None:
    fields = {"username": "ekpay", "password": PASSWORD}
    for status, told in (
        await shurjo.call("POST", "api/get_token", fields),
        await shurjo.call("POST", "api/get_token", form=fields),
    ):
        token, at = told.pop("token"), told.pop("TokenCreateTime")
        assert (status, bool(token), at) == (200, True, "2026-03-10 12:00:00pm")
        assert told == {
            "store_id": 1,
            "execute_url": f"{shurjo.origin}/shurjopay/api/secret-pay",
            "token_type": "Bearer",
            "sp_code": "200",
            "message": "Ok",
            "token_create_time": at,
            "expires_in": 3600,
        }
    status, told = await shurjo.call("POST", "api/get_token", fields | {"password": "x"})
    assert (status, told["sp_code"]) == (200, "1064")


async def test_tells_the_address_by_which_the_caller_found_it(shurjo: TokenMerchant) -> None:
    port = urlsplit(shurjo.origin).port
    shurjo.origin = f"http://localhost:{port}"
    told = await shurjo.log_in()
    assert told["execute_url"] == f"http://localhost:{port}/shurjopay/api/secret-pay"


async def test_takes_a_token_in_the_body_or_as_a_bearer(shurjo: TokenMerchant) -> None:
    header = shurjo.header
    assert (await shurjo.create(token="other"))[0] == 200
    shurjo.header = ""
    assert (await shurjo.create())[0] == 401
    assert (await shurjo.create(token=header.removeprefix("Bearer ")))[0] == 200
    # Only that call looks into its body.
    body = {"order_id": "x", "token": header.removeprefix("Bearer ")}
    assert (await shurjo.call("POST", "api/verification", body))[0] == 401


async def test_opens_a_page_and_echoes_its_order(shurjo: TokenMerchant) -> None:
    reference = new_reference()
    _, told = await shurjo.create(reference, amount=120.5, store_id="1", value1="one")
    assert re.fullmatch(r"EKP[0-9a-f]{13}", told["sp_order_id"])
    assert (told["customer_order_id"], told["amount"], told["currency"]) == (reference, "120.50", "BDT")
    assert (told["transactionStatus"], told["intent"], "sp_code" in told) == ("Initiated", "sale", False)
    assert (told["customer_name"], told["customer_phone"]) == ("A. Payer", "01711000000")
    _, lines = await shurjo.status(reference, told["sp_order_id"])
    assert (lines[0]["value1"], lines[0]["value2"]) == ("one", None)


async def test_verifies_with_a_list_and_both_spellings(shurjo: TokenMerchant) -> None:
    reference, theirs, visit = await shurjo.a_visited()
    assert visit.sent_to == f"https://merchant.example/return?x=1&order_id={theirs}"
    answers = [
        (await shurjo.call("POST", f"api/{path}", {"order_id": theirs}))[1]
        for path in ("verification", "payment-status")
    ]
    assert answers[0] == answers[1]
    (line,) = answers[0]
    assert (line["recived_amount"], line["received_amount"]) == ("120.50", "120.50")
    assert (line["discsount_amount"], line["discount_amount"], line["disc_percent"]) == (0, 0, 0)
    assert line["sp_message"] == line["sp_massage"] == "Success"
    assert (line["order_id"], line["customer_order_id"]) == (theirs, reference)
    assert line["bank_trx_id"] == (await shurjo.order(reference))["transaction_id"]
    assert (line["sp_code"], line["date_time"]) == ("1000", "2026-03-10 12:00:00")


async def test_a_payer_who_cancels_goes_to_the_address_for_that(shurjo: TokenMerchant) -> None:
    _, theirs, visit = await shurjo.a_visited(does=PayerDecision.CANCEL)
    assert visit.sent_to == f"https://merchant.example/cancel?order_id={theirs}"


async def test_lists_a_first_try_after_the_one_that_paid(shurjo: TokenMerchant) -> None:
    named = (await shurjo.a_visited("second_try"))[:2]
    lines = (await shurjo.status(*named))[1]
    assert [line["sp_code"] for line in lines] == ["1000", "1001"]
    assert len({line["bank_trx_id"] for line in lines}) == 2


@pytest.mark.parametrize("changes", [{"currency": None}, {"currency": ""}])
async def test_a_payment_without_a_currency_is_in_taka(shurjo: TokenMerchant, changes: Json) -> None:
    status, told = await shurjo.create(**changes)
    assert (status, told["amount"]) == (200, "120.50")


async def test_refusals_have_their_codes(shurjo: TokenMerchant) -> None:
    reference, _, _ = await shurjo.a_page()
    for name in ("NOBODY", reference):
        status, told = await shurjo.status("", name)
        assert (status, told[0]["sp_code"]) == (200, "1011")
    for changes, status, code in (
        ({"currency": "USD"}, 200, "1010"),
        ({"amount": "9"}, 200, "1010"),
        ({"store_id": 2}, 200, "2008"),
        ({"prefix": "toolong"}, 400, "1062"),
        ({"return_url": "/back"}, 400, "1062"),
        ({"customer_name": ""}, 400, "1062"),
        ({"amount": "1e3"}, 400, "1062"),
    ):
        answered, told = await shurjo.create(**changes)
        assert (answered, told["sp_code"]) == (status, code)
    assert (await shurjo.call("POST", "api/refund", {}))[0] == 404
