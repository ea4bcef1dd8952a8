"""bKash's calls over HTTP, as connectors.md 1 describes them."""

import re

import pytest

from sandbox.callers.payer.payer import PayerDecision
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.bkash.caller import APP, CALLBACK, LOGIN, PREFIX, WALLET, BkashCaller, a_create

V1_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d:\d{3} GMT\+0600")


async def test_a_payment_from_create_to_completed(bkash: BkashCaller) -> None:
    creation_time = await bkash.create(merchantInvoiceNumber="INV-A", amount="120.50")
    payment_id = creation_time["paymentID"]
    assert re.fullmatch(r"TR0011[A-Za-z0-9]+\d{13}", payment_id)
    assert (creation_time["statusCode"], creation_time["transactionStatus"]) == ("0000", "Initiated")
    assert (creation_time["amount"], creation_time["currency"], creation_time["intent"]) == (
        "120.50",
        "BDT",
        "sale",
    )
    assert creation_time["merchantInvoiceNumber"] == "INV-A"
    assert creation_time["paymentCreateTime"] == "2026-03-10T12:00:00:000 GMT+0600"
    assert creation_time["callbackURL"] == CALLBACK
    assert creation_time["successCallbackURL"] == f"{CALLBACK}&paymentID={payment_id}&status=success"
    assert creation_time["failureCallbackURL"].endswith("&status=failure")
    assert creation_time["cancelledCallbackURL"].endswith("&status=cancel")
    assert creation_time["bkashURL"].startswith(f"{bkash.origin}/checkout?paymentId={payment_id}&")
    assert (await bkash.visit(creation_time)).status == "success"
    execution_time = await bkash.execute(payment_id)
    assert re.fullmatch(r"[A-Z0-9]{10}", execution_time["trxID"])
    assert execution_time == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": payment_id,
        "payerReference": "01712345678",
        "customerMsisdn": WALLET,
        "trxID": execution_time["trxID"],
        "amount": "120.50",
        "transactionStatus": "Completed",
        "paymentExecuteTime": "2026-03-10T12:00:00:000 GMT+0600",
        "currency": "BDT",
        "intent": "sale",
        "merchantInvoiceNumber": "INV-A",
    }
    status = await bkash.status(payment_id)
    assert (status["transactionStatus"], status["verificationStatus"]) == ("Completed", "Complete")
    assert (status["merchantInvoice"], status["mode"]) == ("INV-A", "0011")
    assert "merchantInvoiceNumber" not in status
    assert (status["trxID"], status["maxRefundableAmount"]) == (execution_time["trxID"], "120.50")
    assert (status["payerAccount"], status["payerReference"]) == (WALLET, "01712345678")


async def test_a_status_before_the_payer_came_has_no_transaction_and_is_incomplete(
    bkash: BkashCaller,
) -> None:
    status = await bkash.status((await bkash.create())["paymentID"])
    assert (status["transactionStatus"], status["verificationStatus"]) == ("Initiated", "Incomplete")
    assert status["payerReference"] == "01712345678"
    assert not {"trxID", "paymentExecuteTime", "maxRefundableAmount"} & set(status)


async def test_the_money_moves_at_execute_and_not_at_the_page(bkash: BkashCaller) -> None:
    before = await bkash.balance(WALLET)
    payment_id = await bkash.a_payment(amount="100")
    assert (await bkash.status(payment_id))["verificationStatus"] == "Complete"
    assert await bkash.balance(WALLET) == before
    await bkash.execute(payment_id)
    assert await bkash.balance(WALLET) == before - 10_000


async def test_a_second_execute_is_2117_and_debits_nothing(bkash: BkashCaller) -> None:
    payment_id, _ = await bkash.a_paid()
    balance = await bkash.balance(WALLET)
    assert [await bkash.code("execute", paymentID=payment_id) for _ in range(3)] == ["2117"] * 3
    assert await bkash.balance(WALLET) == balance
    line = await bkash.line(payment_id)
    assert (line["executes"], line["execute_calls"]) == (1, 4)


async def test_an_execute_before_the_pin_step_is_2060_and_harms_nothing(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2060"
    await bkash.visit(creation_time)
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "0000"


async def test_an_unknown_payment_is_2002_and_an_unknown_transaction_2033(bkash: BkashCaller) -> None:
    assert await bkash.code("execute", paymentID="TR0011unknown") == "2002"
    assert await bkash.code("payment/status") == "2002"
    assert await bkash.code("general/searchTransaction", trxID="AAAAAAAAAA") == "2033"


async def test_a_payment_nobody_executes_lapses_after_a_day(bkash: BkashCaller, clock: SetClock) -> None:
    creation_time = await bkash.create()
    await bkash.visit(creation_time)
    clock.advance(hours=24)
    await bkash.log_in()
    assert (await bkash.status(creation_time["paymentID"]))["transactionStatus"] == "Expired"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2056"
    assert (await bkash.visit(creation_time)).sent_to is None


async def test_an_executed_payment_never_lapses(bkash: BkashCaller, clock: SetClock) -> None:
    payment_id, _ = await bkash.a_paid()
    clock.advance(days=90)
    await bkash.log_in()
    assert (await bkash.status(payment_id))["transactionStatus"] == "Completed"


async def test_a_cancelled_payment_is_2069_at_execute(bkash: BkashCaller) -> None:
    creation_time = await bkash.create()
    assert (await bkash.visit(creation_time, does=PayerDecision.CANCEL)).status == "cancel"
    assert await bkash.code("execute", paymentID=creation_time["paymentID"]) == "2069"
    assert (await bkash.status(creation_time["paymentID"]))["transactionStatus"] == "Cancelled"


async def test_an_invoice_used_again_at_once_is_2029_and_later_it_is_free(
    bkash: BkashCaller, clock: SetClock
) -> None:
    first = await bkash.create(merchantInvoiceNumber="TWICE")
    assert await bkash.code("create", **(a_create() | {"merchantInvoiceNumber": "TWICE"})) == "2029"
    clock.advance(seconds=301)
    second = await bkash.create(merchantInvoiceNumber="TWICE")
    assert first["paymentID"] != second["paymentID"]


@pytest.mark.parametrize(
    ("amount", "told"),
    [("1", "1.00"), ("99.5", "99.50"), (150, "150.00"), (120.5, "120.50"), (33.33, "33.33"), (7.0, "7.00")],
)
async def test_amounts_come_as_text_or_as_a_number(bkash: BkashCaller, amount: object, told: str) -> None:
    assert (await bkash.create(amount=amount))["amount"] == told


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mode": ["0000"]}, "2063"),
        ({"mode": "0012"}, "2063"),
        ({"mode": 11}, "2063"),
        ({"intent": "gift"}, "2008"),
        ({"intent": ["authorization"]}, "2008"),
        ({"currency": "USD"}, "2007"),
        ({"amount": "0.99"}, "2006"),
        ({"amount": "1.001"}, "2006"),
        ({"amount": 10.123}, "2006"),
        ({"amount": "-5"}, "2006"),
        ({"amount": "1e3"}, "2006"),
        ({"amount": 1e300}, "2006"),
        ({"amount": "১০০"}, "2006"),
        ({"amount": True}, "2006"),
        ({"amount": ["1"]}, "2006"),
        ({"merchantInvoiceNumber": "a<b"}, "2031"),
        ({"merchantInvoiceNumber": "x" * 256}, "2031"),
        ({"payerReference": "a&b"}, "2048"),
        ({"callbackURL": "ftp://merchant.example"}, "2049"),
        ({"callbackURL": "/return"}, "2049"),
        ({"callbackURL": "https://merchant.example:port/"}, "2049"),
        ({"merchantAssociationInfo": "MI0"}, "2047"),
        ({"merchantAssociationInfo": "MIxxMID54"}, "2047"),
        ({"merchantAssociationInfo": "MI05MID5"}, "2047"),
        ({"merchantAssociationInfo": 5}, "2047"),
        ({"merchantInvoiceNumber": ""}, "2065"),
        ({"amount": None}, "2065"),
    ],
)
async def test_a_create_that_cannot_be_is_refused_and_opens_nothing(
    bkash: BkashCaller, change: dict[str, object], code: str
) -> None:
    assert await bkash.code("create", **(a_create() | change)) == code
    assert (await bkash.admin("GET", "dump"))["payments"] == []


async def test_an_aggregator_may_name_its_merchant(bkash: BkashCaller) -> None:
    assert (await bkash.create(merchantAssociationInfo="MI05MID54RF03AbC"))["statusCode"] == "0000"


async def test_search_tells_a_payment_and_a_refund(bkash: BkashCaller) -> None:
    payment_id, trx_id = await bkash.a_paid(amount="200.00")
    paid = await bkash.ask("general/searchTransaction", trxID=trx_id)
    assert (paid["trxID"], paid["transactionStatus"], paid["amount"]) == (trx_id, "Completed", "200.00")
    assert (paid["serviceFee"], paid["creditedAmount"]) == ("3.00", "197.00")
    assert (paid["payerAccount"], paid["maxRefundableAmount"]) == (WALLET, "200.00")
    assert V1_TIME.fullmatch(paid["completedTime"])
    assert V1_TIME.fullmatch(paid["initiationTime"])
    _, refund = await bkash.refund_v2(payment_id, trx_id, "50.00")
    told = await bkash.ask("general/searchTransaction", trxID=refund["refundTrxId"])
    assert (told["transactionType"], told["amount"], told["originalTrxAmount"]) == (
        "Refund",
        "50.00",
        "200.00",
    )
    assert told["payerAccount"] == WALLET
    again = await bkash.ask("general/searchTransaction", trxID=trx_id)
    assert again["maxRefundableAmount"] == "150.00"


async def test_a_wallet_that_has_too_little_is_2023_and_the_payment_is_declined(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(amount="100000.01")
    assert [await bkash.code("execute", paymentID=payment_id) for _ in range(2)] == ["2023", "2023"]
    assert (await bkash.status(payment_id))["transactionStatus"] == "Declined"
    assert await bkash.balance(WALLET) == 10_000_000


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
@pytest.mark.parametrize("names", [("Authorization", "X-APP-Key"), ("authorization", "x-app-key")])
async def test_a_token_is_taken_raw_or_as_a_bearer_under_names_in_any_case(
    bkash: BkashCaller, prefix: str, names: tuple[str, str]
) -> None:
    headers = {names[0]: prefix + bkash.token, names[1]: APP["app_key"]}
    status, answer = await bkash.post(f"{PREFIX}/create", a_create(), headers)
    assert (status, answer["statusCode"]) == (200, "0000")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "nonsense", "X-APP-Key": APP["app_key"]}, 401),
        ({"Authorization": "{token}"}, 403),
        ({"Authorization": "{token}", "X-APP-Key": "other"}, 403),
    ],
)
async def test_without_its_token_or_app_a_call_is_turned_away_by_the_gateway(
    bkash: BkashCaller, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.replace("{token}", bkash.token) for name, value in headers.items()}
    found, answer = await bkash.post(f"{PREFIX}/create", a_create(), sent)
    assert (found, sorted(answer)) == (status, ["message"])
    assert (await bkash.admin("GET", "dump"))["payments"] == []


async def test_a_route_that_does_not_exist_is_answered_by_the_gateway(bkash: BkashCaller) -> None:
    for path in (f"{PREFIX}/nothing", "/v1.2.0-beta/tokenized", "/v2/tokenized-checkout"):
        assert await bkash.post(path, {}) == (403, {"message": "Missing Authentication Token"})
    async with bkash.session.get(f"{bkash.origin}{PREFIX}/create") as answer:
        assert answer.status == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'"x"', b"amount=1"])
async def test_a_body_that_is_no_object_is_400_of_the_gateway(bkash: BkashCaller, body: bytes) -> None:
    headers = {"Authorization": bkash.token, "X-APP-Key": APP["app_key"]}
    for path in ("create", "execute", "payment/status", "payment/refund"):
        url = f"{bkash.origin}{PREFIX}/{path}"
        async with bkash.session.post(url, data=body, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (400, {"message": "Invalid request body"})


async def test_a_body_too_large_and_an_outage_are_told_in_their_envelopes(bkash: BkashCaller) -> None:
    status, answer = await bkash.post(f"{PREFIX}/create", {"a": "x" * 70_000})
    assert (status, answer) == (413, {"message": "Request Too Long"})
    await bkash.admin("POST", "outage", {"mode": "http_503"})
    status, answer = await bkash.post(f"{PREFIX}/create", a_create())
    assert (status, answer["errorCode"]) == (503, "503")


def named(answer: Json) -> list[str]:
    return sorted(answer)


async def test_a_grant_has_the_fields_clients_compute_with(bkash: BkashCaller, clock: SetClock) -> None:
    clock.advance(hours=2)
    _, answer = await bkash.grant()
    assert named(answer) == [
        "expires_in",
        "id_token",
        "refresh_token",
        "statusCode",
        "statusMessage",
        "token_type",
    ]
    assert (answer["expires_in"], answer["token_type"], answer["statusCode"]) == (3600, "Bearer", "0000")
    assert LOGIN["password"] not in answer["id_token"]
