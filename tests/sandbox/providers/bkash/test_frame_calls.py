"""The product whose page stands in a frame: its calls, its page, and the script that shops load."""

import re
from html import unescape
from typing import Any

import pytest

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.bkash.caller import APP, LOGIN, WALLET, BkashCaller, a_create

VERSIONS = ("1.1.0-beta", "1.2.0-beta")
PREFIX = "/v1.2.0-beta/checkout"
NOON = "2026-03-10T12:00:00:000 GMT+0600"


def a_payment_in_frame() -> dict[str, object]:
    create = a_create()
    return {name: create[name] for name in ("amount", "currency", "intent", "merchantInvoiceNumber")}


async def call(bkash: BkashCaller, path: str, body: object = None, method: str = "POST") -> Json:
    """Make a call that must be answered with HTTP 200 and JSON; without a body none is sent."""
    headers = {"Authorization": bkash.token, "X-APP-Key": APP["app_key"]}
    async with bkash.session.request(
        method, f"{bkash.origin}{PREFIX}/{path}", json=body, headers=headers
    ) as answer:
        assert answer.status == 200, await answer.text()
        answered: Json = await answer.json()
        return answered


async def query(bkash: BkashCaller, payment_id: object) -> Json:
    return await call(bkash, f"payment/query/{payment_id}", method="GET")


async def visit(
    bkash: BkashCaller,
    payment_id: object,
    wallet: str = WALLET,
    does: PayerDecision = PayerDecision.APPROVE,
) -> PayerVisit:
    return await pay(f"{bkash.origin}/checkout/frame?paymentID={payment_id}", Payer(wallet), does)


async def an_approved(bkash: BkashCaller, wallet: str = WALLET, **changes: object) -> str:
    opened = await call(bkash, "payment/create", a_payment_in_frame() | changes)
    await visit(bkash, opened["paymentID"], wallet)
    payment_id: str = opened["paymentID"]
    return payment_id


async def test_a_payment_from_create_to_completed(bkash: BkashCaller, clock: SetClock) -> None:
    before = await bkash.balance(WALLET)
    opened = await call(
        bkash, "payment/create", a_payment_in_frame() | {"amount": "85.50", "merchantInvoiceNumber": "F-1"}
    )
    assert re.fullmatch(r"[A-Z0-9]{7}\d{13}", opened["paymentID"])
    assert opened == {
        "paymentID": opened["paymentID"],
        "createTime": NOON,
        "orgLogo": "",
        "orgName": "ekPay",
        "transactionStatus": "Initiated",
        "amount": "85.50",
        "currency": "BDT",
        "intent": "sale",
        "merchantInvoiceNumber": "F-1",
    }
    ended = await visit(bkash, opened["paymentID"])
    assert ended.sent_to is None
    assert "পেমেন্ট অনুমোদিত হয়েছে" in ended.page
    assert await bkash.balance(WALLET) == before
    clock.advance(seconds=30)
    executed = await call(bkash, f"payment/execute/{opened['paymentID']}")
    assert executed == {
        "paymentID": opened["paymentID"],
        "createTime": NOON,
        "updateTime": "2026-03-10T12:00:30:000 GMT+0600",
        "trxID": executed["trxID"],
        "transactionStatus": "Completed",
        "amount": "85.50",
        "currency": "BDT",
        "intent": "sale",
        "merchantInvoiceNumber": "F-1",
        "customerMsisdn": WALLET,
    }
    assert await bkash.balance(WALLET) == before - 8_550
    assert await query(bkash, opened["paymentID"]) == executed
    found = await call(bkash, f"payment/search/{executed['trxID']}", method="GET")
    assert found == {
        "trxID": executed["trxID"],
        "initiationTime": NOON,
        "completedTime": "2026-03-10T12:00:30:000 GMT+0600",
        "transactionType": "bKash Checkout via API",
        "customerMsisdn": f"88{WALLET}",
        "transactionStatus": "Completed",
        "amount": "85.50",
        "currency": "BDT",
        "organizationShortCode": "50022",
    }


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_token_of_either_version_has_no_code(bkash: BkashCaller, version: str) -> None:
    prefix = f"/v{version}/checkout/token"
    status, granted = await bkash.post(f"{prefix}/grant", APP, LOGIN)
    assert (status, sorted(granted)) == (200, ["expires_in", "id_token", "refresh_token", "token_type"])
    bkash.token = granted["id_token"]
    assert (await query(bkash, "unknown"))["errorCode"] == "2002"
    status, wrong = await bkash.post(f"{prefix}/grant", APP | {"app_key": "other"}, LOGIN)
    assert (status, wrong) == (200, {"errorCode": "2001", "errorMessage": "Invalid App Key"})


async def test_a_token_is_refreshed(bkash: BkashCaller) -> None:
    body = APP | {"refresh_token": bkash.refresh_token}
    status, granted = await bkash.post(f"{PREFIX}/token/refresh", body, LOGIN)
    assert (status, granted["token_type"], granted["expires_in"]) == (200, "Bearer", 3_600)


async def test_a_call_without_a_login_is_refused_and_does_nothing(bkash: BkashCaller) -> None:
    payment_id = await an_approved(bkash)
    for method, path in (
        ("POST", f"payment/execute/{payment_id}"),
        ("POST", "payment/create"),
        ("GET", f"payment/query/{payment_id}"),
        ("POST", "token/grant"),
    ):
        async with bkash.session.request(method, f"{bkash.origin}{PREFIX}/{path}", json={}) as answer:
            assert (answer.status, await answer.json()) == (401, {"message": "Unauthorized"})
    assert (await query(bkash, payment_id))["transactionStatus"] == "Initiated"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "payment/execute/X"),
        ("POST", "payment/query/X"),
        ("GET", "payment/create"),
        ("POST", "payment/execute"),
        ("POST", "payment/unknown/X"),
    ],
)
async def test_what_has_no_route_is_answered_by_the_gateway(
    bkash: BkashCaller, method: str, path: str
) -> None:
    headers = {"Authorization": bkash.token, "X-APP-Key": APP["app_key"]}
    async with bkash.session.request(method, f"{bkash.origin}{PREFIX}/{path}", headers=headers) as answer:
        assert (answer.status, await answer.json()) == (403, {"message": "Missing Authentication Token"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": ""}, "2065"),
        ({"amount": "0.99"}, "2006"),
        ({"currency": "USD"}, "2007"),
        ({"intent": "gift"}, "2008"),
        ({"merchantInvoiceNumber": None}, "2065"),
        ({"merchantInvoiceNumber": "a<b"}, "2031"),
        ({"merchantAssociationInfo": "MI0"}, "2047"),
    ],
)
async def test_a_create_that_cannot_be_is_refused_and_opens_nothing(
    bkash: BkashCaller, change: dict[str, object], code: str
) -> None:
    refused = await call(bkash, "payment/create", a_payment_in_frame() | change)
    assert (refused["errorCode"], sorted(refused)) == (code, ["errorCode", "errorMessage"])
    assert (await bkash.admin("GET", "dump"))["payments"] == []


async def test_a_body_that_cannot_be_read_is_refused(bkash: BkashCaller) -> None:
    headers = {"Authorization": bkash.token, "X-APP-Key": APP["app_key"]}
    url = f"{bkash.origin}{PREFIX}/payment/create"
    async with bkash.session.post(url, data=b"{", headers=headers) as answer:
        assert (answer.status, await answer.json()) == (400, {"message": "Invalid request body"})


async def test_an_empty_association_is_none_and_an_invoice_twice_is_2029(bkash: BkashCaller) -> None:
    fields = a_payment_in_frame() | {"merchantAssociationInfo": ""}
    assert "paymentID" in await call(bkash, "payment/create", fields)
    assert (await call(bkash, "payment/create", fields))["errorCode"] == "2029"


async def test_each_product_knows_only_its_own_payments(bkash: BkashCaller) -> None:
    tokenised, in_frame = await bkash.a_payment(), await an_approved(bkash)
    for path in ("execute", "capture", "void"):
        assert (await call(bkash, f"payment/{path}/{tokenised}"))["errorCode"] == "2002"
    assert (await query(bkash, tokenised))["errorCode"] == "2002"
    for path in ("execute", "payment/status", "payment/confirm/capture", "payment/confirm/void"):
        assert await bkash.code(path, paymentID=in_frame) == "2002"
    assert await bkash.code("create", **(a_create() | {"mode": "frame"})) == "2063"
    assert [line["status"] for line in (await bkash.admin("GET", "dump"))["payments"]] == ["Initiated"] * 2


async def test_an_execute_before_the_pin_step_is_2060_and_a_second_one_2117(bkash: BkashCaller) -> None:
    opened = await call(bkash, "payment/create", a_payment_in_frame())
    path = f"payment/execute/{opened['paymentID']}"
    assert (await call(bkash, path))["errorCode"] == "2060"
    await visit(bkash, opened["paymentID"])
    assert (await call(bkash, path, {}))["transactionStatus"] == "Completed"
    assert (await call(bkash, path))["errorCode"] == "2117"


@pytest.mark.parametrize(("step", "status"), [("capture", "Completed"), ("void", "Cancelled")])
async def test_an_authorisation_is_captured_or_voided_once(
    bkash: BkashCaller, step: str, status: str
) -> None:
    before = await bkash.balance(WALLET)
    payment_id = await an_approved(bkash, amount="10.00", intent="authorization")
    assert (await call(bkash, f"payment/{step}/{payment_id}"))["errorCode"] == "2056"
    authorised = await call(bkash, f"payment/execute/{payment_id}")
    assert authorised["transactionStatus"] == "Authorized"
    assert await bkash.balance(WALLET) == before
    confirmed = await call(bkash, f"payment/{step}/{payment_id}")
    assert confirmed == {
        "paymentID": payment_id,
        "createTime": NOON,
        "updateTime": NOON,
        "trxID": authorised["trxID"],
        "transactionStatus": status,
    }
    assert (await query(bkash, payment_id))["transactionStatus"] == status
    assert await bkash.balance(WALLET) == before - (1_000 if step == "capture" else 0)
    for again in ("capture", "void"):
        assert (await call(bkash, f"payment/{again}/{payment_id}"))["errorCode"] == "2119"


async def test_a_refund_is_asked_after_made_once_and_told_by_the_query(bkash: BkashCaller) -> None:
    payment_id = await an_approved(bkash, amount="50.00")
    asked = {"paymentID": payment_id, "trxID": "none yet"}
    assert (await call(bkash, "payment/refund", asked))["errorCode"] == "2127"
    asked["trxID"] = (await call(bkash, f"payment/execute/{payment_id}"))["trxID"]
    assert "refundTrxID" not in await call(bkash, "payment/refund", asked)
    assert "refundAmount" not in await query(bkash, payment_id)
    order = asked | {"amount": "20", "sku": "s", "reason": "r"}
    refunded = await call(bkash, "payment/refund", order)
    assert (refunded["amount"], refunded["transactionStatus"]) == ("20.00", "Completed")
    assert "statusCode" not in refunded
    assert await call(bkash, "payment/refund", asked) == refunded
    assert (await call(bkash, "payment/refund", order))["errorCode"] == "2034"
    assert (await query(bkash, payment_id))["refundAmount"] == "20.00"
    found = await call(bkash, f"payment/search/{refunded['refundTrxID']}", method="GET")
    assert (found["transactionType"], found["amount"]) == ("Refund", "20.00")
    unknown = await call(bkash, "payment/search/AAAAAAAAAA", method="GET")
    assert unknown == {"errorCode": "2033", "errorMessage": "Transaction not found"}


async def test_a_declined_payment_is_refused_in_its_own_envelope(bkash: BkashCaller) -> None:
    payment_id = await an_approved(bkash, magic_wallet(WalletKind.INSUFFICIENT_BALANCE))
    refused = await call(bkash, f"payment/execute/{payment_id}")
    assert refused == {"errorCode": "2023", "errorMessage": "Insufficient Balance"}
    assert (await query(bkash, payment_id))["transactionStatus"] == "Declined"


async def frame_page(bkash: BkashCaller, query_text: str) -> tuple[int, Any, str]:
    async with bkash.session.get(f"{bkash.origin}/checkout/frame?{query_text}") as answer:
        return answer.status, answer.headers, await answer.text()


async def test_the_page_may_stand_in_a_frame_and_needs_no_cookie(bkash: BkashCaller) -> None:
    opened = await call(bkash, "payment/create", a_payment_in_frame() | {"merchantInvoiceNumber": "F-2"})
    status, headers, page = await frame_page(bkash, f"paymentID={opened['paymentID']}")
    assert (status, "F-2" in page, "set-cookie" in headers) == (200, True, False)
    assert "frame-ancestors *" in headers["content-security-policy"]
    tokenised = await bkash.create()
    async with bkash.session.get(tokenised["bkashURL"]) as answer:
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("does", "told"), [(PayerDecision.CANCEL, "cancel"), (PayerDecision.WRONG_PIN, "failure")]
)
async def test_the_page_tells_the_shop_how_the_payer_ended_and_again_when_opened_again(
    bkash: BkashCaller, does: PayerDecision, told: str
) -> None:
    opened = await call(bkash, "payment/create", a_payment_in_frame())
    assert "পেমেন্ট অনুমোদিত হয়নি" in (await visit(bkash, opened["paymentID"], does=does)).page
    _, headers, page = await frame_page(bkash, f"paymentID={opened['paymentID']}")
    payment_id = opened["paymentID"]
    fields = f'{{"paymentID": "{payment_id}", "status": "{told}"}}'
    assert f'data-told="{fields}"' in unescape(page)
    assert "script-src 'sha256-" in headers["content-security-policy"]


async def test_a_page_of_no_payment_of_this_product_tells_a_failure(
    bkash: BkashCaller, clock: SetClock
) -> None:
    opened = await call(bkash, "payment/create", a_payment_in_frame())
    tokenised = await bkash.create()
    for payment_id in ("unknown", tokenised["paymentID"], ""):
        status, _, page = await frame_page(bkash, f"paymentID={payment_id}")
        assert (status, "&#34;failure&#34;" in page) == (404, True)
    clock.advance(hours=24)
    status, _, page = await frame_page(bkash, f"paymentID={opened['paymentID']}")
    assert (status, "&#34;failure&#34;" in page) == (200, True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["bKash-checkout-sandbox.js", "bKash-checkout.js"])
async def test_the_script_knows_where_the_page_is(bkash: BkashCaller, version: str, name: str) -> None:
    async with bkash.session.get(f"{bkash.origin}/versions/{version}/checkout/{name}") as answer:
        assert (answer.status, answer.content_type) == (200, "text/javascript")
        text = await answer.text()
    assert f'const address = "{bkash.origin}";' in text
    assert "ADDRESS" not in text


@pytest.mark.parametrize("path", ["1.3.0-beta/checkout/bKash-checkout.js", "1.2.0-beta/checkout/other.js"])
async def test_no_other_script_is_there(bkash: BkashCaller, path: str) -> None:
    async with bkash.session.get(f"{bkash.origin}/versions/{path}") as answer:
        assert answer.status == 403
