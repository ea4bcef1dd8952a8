"""The shop's client against a stand-in that speaks as docs/rest-v1.md says, or does not."""

import json
from datetime import UTC, datetime

import aiohttp
import pytest

from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import (
    ApiOrder,
    ApiTokenLine,
    RefundOrder,
    UnreadableReplyError,
    new_key,
    payment_of,
)
from sandbox.callers.client.return_page import open_return_page
from tests.sandbox.callers.client.stub_rest_v1 import (
    PAYMENT,
    PAYMENT_ID,
    REFUND,
    REFUND_ID,
    StubSwitch,
)

ORDER = ApiOrder("b025", {"account_no": "10000007"}, 125_000, "https://shop.example/done?order=7")
IDEMPOTENCY_KEY = "0123456789abcdef"
CREATE, TRIES, CANCEL, REFUNDS, GET = (
    "POST /v1/payments",
    "POST /v1/payments/ID/tries",
    "POST /v1/payments/ID/cancel",
    "POST /v1/payments/ID/refunds",
    "GET /v1/payments/ID",
)


async def test_a_payment_is_made_with_a_key_and_read_whole(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_answer(CREATE, 201, PAYMENT)
    made = await client.create(ORDER, IDEMPOTENCY_KEY)
    payment = made.payment
    assert (made.is_repeat, payment.id, payment.status, payment.total) == (
        False, PAYMENT_ID, "pending", 127_875,
    )  # fmt: skip
    assert payment.page_url == "https://payment.bkash.com/?paymentId=TR1"
    assert payment.updated_at == datetime(2026, 11, 25, 10, 0, 1, 250_000, UTC)
    assert not payment.is_final
    ((method, path, headers, body),) = switch.asked
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/v1/payments", f'"{IDEMPOTENCY_KEY}"')
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "biller": "b025",
        "parameters": {"account_no": "10000007"},
        "amount": 125_000,
        "currency": "BDT",
        "instrument": "bkash",
        "return_url": "https://shop.example/done?order=7",
    }


async def test_the_same_order_has_the_same_bytes_and_a_repeat_is_told(
    switch: StubSwitch, client: ApiClient
) -> None:
    switch.replays = True
    switch.will_answer(CREATE, 200, PAYMENT)
    assert (await client.create(ORDER, IDEMPOTENCY_KEY)).is_repeat
    await client.create(ApiOrder("b025", dict(ORDER.parameters), 125_000, ORDER.return_url), IDEMPOTENCY_KEY)
    assert switch.asked[0][3] == switch.asked[1][3]


async def test_a_new_payment_under_the_status_of_a_repeat_is_an_error(
    switch: StubSwitch, client: ApiClient
) -> None:
    switch.will_answer(CREATE, 200, PAYMENT)
    with pytest.raises(UnreadableReplyError, match="HTTP 200"):
        await client.create(ORDER, IDEMPOTENCY_KEY)


async def test_a_payment_that_comes_late_is_a_payment(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_answer(CREATE, 202, PAYMENT | {"next_action": None})
    made = await client.create(ORDER, IDEMPOTENCY_KEY)
    assert (made.is_repeat, made.payment.page_url) == (False, None)


async def test_a_payment_is_looked_up_tried_again_and_cancelled(
    switch: StubSwitch, client: ApiClient
) -> None:
    lines = [{"seq": 1, "kind": "credit", "digits": "1" * 20}]
    switch.will_answer(GET, 200, PAYMENT | {"status": "paid", "tokens": lines, "next_check_at": None})
    switch.will_answer(TRIES, 201, PAYMENT)
    switch.will_answer(
        CANCEL, 200, PAYMENT | {"status": "failed", "reason": "cancelled", "next_action": None}
    )
    paid = await client.get(PAYMENT_ID)
    assert (paid.is_final, paid.tokens) == (True, (ApiTokenLine(1, "credit", "1" * 20),))
    assert (await client.try_again(PAYMENT_ID)).page_url is not None
    cancelled = await client.cancel(PAYMENT_ID)
    assert (cancelled.status, cancelled.page_url, cancelled.reason) == ("failed", None, "cancelled")
    assert [json.loads(body or b"null") for _, _, _, body in switch.asked] == [
        None,
        {"instrument": "bkash"},
        None,
    ]


async def test_a_refund_is_asked_for_with_a_key_of_its_own(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_answer(REFUNDS, 201, REFUND)
    made = await client.refund(PAYMENT_ID, RefundOrder(50_000, "paid for the wrong meter"), IDEMPOTENCY_KEY)
    assert (made.refund.id, made.refund.status, made.refund.amount) == (REFUND_ID, "pending", 50_000)
    assert json.loads(switch.asked[0][3]) == {
        "amount": 50_000,
        "currency": "BDT",
        "reason": "paid for the wrong meter",
    }
    switch.will_answer(GET, 200, PAYMENT | {"status": "paid", "refunds": [REFUND], "refunded": 50_000})
    assert [one.id for one in (await client.get(PAYMENT_ID)).refunds] == [REFUND_ID]


async def test_a_refusal_is_told_with_its_code_and_what_helps(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_refuse(
        CREATE,
        status=409,
        code="bill_already_in_progress",
        retryable=True,
        errors=[{"pointer": "/amount", "code": "too_small"}],
        payment_id=PAYMENT_ID,
        retry_after_s=3,
    )
    with pytest.raises(RefusedError, match="409 bill_already_in_progress") as refused:
        await client.create(ORDER, IDEMPOTENCY_KEY)
    problem = refused.value.problem
    assert (problem.is_retryable, problem.payment_id, problem.retry_after_seconds) == (True, PAYMENT_ID, 3)
    assert problem.errors == (("/amount", "too_small"),)


async def test_a_strangers_key_is_refused(switch: StubSwitch) -> None:
    async with ApiClient(switch.origin, "sk_other") as stranger:
        with pytest.raises(RefusedError, match="401 unauthenticated"):
            await stranger.get(PAYMENT_ID)


@pytest.mark.parametrize(
    "changes",
    [
        {"total": 127_876},
        {"amount": "125000"},
        {"amount": 125_000.0},
        {"amount": True},
        {"refunded": -1},
        {"currency": "USD"},
        {"status": "refund pending"},
        {"id": "pay_1"},
        {"pay_until": "2026-11-25T12:00:00+06:00"},
        {"updated_at": "yesterday"},
        {"next_action": {"type": "redirect", "url": "javascript:alert(1)"}},
        {"next_action": {"type": "form", "url": "https://payment.bkash.com/"}},
        {"tokens": [{"seq": 2, "kind": "credit", "digits": "1" * 20}]},
        {"refunds": [REFUND | {"payment_id": "pay_" + "0" * 32}]},
        {"refunds": [REFUND | {"status": "sent"}]},
        {"refunds": [REFUND | {"kind": "gift"}]},
        {"bill": {}},
        {"surprise": 1},
    ],
)
def test_a_payment_that_is_not_as_the_document_says_is_unreadable(changes: dict[str, object]) -> None:
    with pytest.raises(UnreadableReplyError):
        payment_of(PAYMENT | changes)


def test_a_payment_without_a_member_is_unreadable() -> None:
    for name in PAYMENT:
        with pytest.raises(UnreadableReplyError, match=name):
            payment_of({key: value for key, value in PAYMENT.items() if key != name})


@pytest.mark.parametrize("document", ["<html>", "[]", "null", "1"])
async def test_an_answer_that_is_no_payment_is_an_error(
    switch: StubSwitch, client: ApiClient, document: str
) -> None:
    switch.will_answer(GET, 200, document)
    with pytest.raises(UnreadableReplyError):
        await client.get(PAYMENT_ID)


@pytest.mark.parametrize("changes", [{"code": "Not A Code"}, {"status": "409"}, {"retryable": "no"}])
async def test_a_refusal_that_is_not_as_the_document_says_is_unreadable(
    switch: StubSwitch, client: ApiClient, changes: dict[str, object]
) -> None:
    switch.will_refuse(GET)
    switch.answers[GET] = (
        409,
        "application/problem+json",
        {"type": "about:blank", "title": "Conflict"} | changes,
    )
    with pytest.raises(UnreadableReplyError):
        await client.get(PAYMENT_ID)


async def test_a_refusal_without_a_code_is_unreadable(switch: StubSwitch, client: ApiClient) -> None:
    bare = {"type": "about:blank", "title": "busy", "status": 503}
    switch.will_answer(GET, 503, bare, "application/problem+json")
    with pytest.raises(UnreadableReplyError, match="code"):
        await client.get(PAYMENT_ID)


async def test_rubbish_is_sent_as_it_is(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_refuse(CREATE, status=400, code="invalid_json")
    answer = await client.send("POST", "/v1/payments", b"{", {"Content-Type": "application/json"})
    assert (answer.status, switch.asked[0][3]) == (400, b"{")


def test_a_key_is_new_each_time_and_fits_the_rule() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(16 <= len(key) <= 64 and key.isalnum() for key in keys)


async def test_the_return_page_counts_who_came_back_for_what() -> None:
    async with open_return_page() as page, aiohttp.ClientSession() as browser:
        for query in (f"&payment_id={PAYMENT_ID}", f"&payment_id={PAYMENT_ID}", ""):
            async with browser.get(page.url("7") + query) as answer:
                await answer.read()
        assert dict(page.visits) == {("7", PAYMENT_ID): 2}
        assert page.unknown_visits == 1
        async with open_return_page() as other:
            assert other.address != page.address
