"""A shop that opens a payment while the switch is busy, or slow to open the page."""

import pytest

from sandbox.callers.client.client import ApiClient, RefusedError
from sandbox.callers.client.messages import ApiOrder
from sandbox.callers.client.opening import open_payment
from tests.sandbox.callers.client.stub_rest_v1 import (
    PAYMENT,
    PROBLEM,
    StubSwitch,
)

ORDER = ApiOrder("b025", {"account_no": "10000007"}, 125_000, "https://shop.example/done?order=7")
CREATE, GET = "POST /v1/payments", "GET /v1/payments/ID"
JSON, PROBLEM_JSON = "application/json", "application/problem+json"
BUSY = (503, PROBLEM_JSON, PROBLEM | {"status": 503, "code": "busy", "retryable": True})
RATE_LIMITED = (429, PROBLEM_JSON, PROBLEM | {"status": 429, "code": "rate_limited", "retryable": True})
WITHOUT_PAGE = PAYMENT | {"next_action": None}


async def test_a_busy_switch_is_sent_the_same_key_again(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_first(CREATE, BUSY, BUSY)
    switch.will_answer(CREATE, 201, PAYMENT)
    payment = await open_payment(client, ORDER)
    assert payment.page_url == PAYMENT["next_action"]["url"]
    assert len(switch.asked) == 3
    assert len({(headers["Idempotency-Key"], body) for _, _, headers, body in switch.asked}) == 1


async def test_a_page_that_opens_later_is_waited_for(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_answer(CREATE, 202, WITHOUT_PAGE)
    switch.will_first(GET, (200, JSON, WITHOUT_PAGE), RATE_LIMITED)
    switch.will_answer(GET, 200, PAYMENT)
    payment = await open_payment(client, ORDER)
    assert payment.page_url == PAYMENT["next_action"]["url"]
    assert [method for method, *_ in switch.asked] == ["POST", "GET", "GET", "GET"]


async def test_a_refusal_that_no_repeat_changes_is_raised_at_once(
    switch: StubSwitch, client: ApiClient
) -> None:
    switch.will_refuse(CREATE, status=422, code="limits_exceeded")
    with pytest.raises(RefusedError, match="422 limits_exceeded"):
        await open_payment(client, ORDER)
    assert len(switch.asked) == 1


async def test_patience_ends(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_refuse(CREATE, status=503, code="busy", retryable=True)
    with pytest.raises(RefusedError, match="503 busy"):
        await open_payment(client, ORDER, patience_seconds=0)
    switch.will_answer(CREATE, 202, WITHOUT_PAGE)
    assert (await open_payment(client, ORDER, patience_seconds=0)).page_url is None


async def test_a_payment_that_has_ended_is_not_waited_for(switch: StubSwitch, client: ApiClient) -> None:
    switch.will_answer(CREATE, 202, WITHOUT_PAGE | {"status": "failed", "reason": "expired"})
    assert (await open_payment(client, ORDER)).status == "failed"
    assert len(switch.asked) == 1
