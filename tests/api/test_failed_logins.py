"""Whoever fails at any door waits and is named in the log, in lines of one shape; nobody else waits."""

import json

import pytest

from ekpay_switch.api.syndicate.codes import BASE
from tests.api.api_setup import Desk, Reply
from tests.api.merchant.merchant_api_setup import Stall
from tests.api.v1.v1_setup import PAYMENTS, SHOP_KEY, Till
from tests.factories import PASS_KEY
from tests.scenarios.checkout import CHECKOUT
from tests.scenarios.merchant_orders import an_order, as_bytes
from tests.web.checkout.checkout_setup import HOME, Browser, Counter

Line = dict[str, object]
SECRETS = ("guessed", "sk_x", "zzz")


def failed_lines(capfd: pytest.CaptureFixture[str]) -> list[Line]:
    """The lines of failed logins, all of the one shape and without a secret."""
    err = capfd.readouterr().err
    lines = [json.loads(line) for line in err.splitlines()]
    failed = [line for line in lines if line["event"] == "login_failed"]
    for line in failed:
        assert list(line) == [
            "at", "level", "process", "event", "api", "address", "login_name", "reason",
        ]  # fmt: skip
    assert not any(secret in err for secret in SECRETS)
    return failed


def told(line: Line) -> tuple[object, ...]:
    return line["api"], line["address"], line["login_name"], line["reason"]


async def log_in(desk: Desk, user_id: str, pass_key: str) -> Reply:
    body = json.dumps({"user_id": user_id, "pass_key": pass_key}).encode()
    return await desk.request("POST", f"{BASE}/get-token", body)


async def test_fifteen_hundred_invented_names_do_not_pass_unhindered(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    statuses = [(await log_in(desk, f"invented{number}", "guessed")).status for number in range(1_500)]
    assert statuses == [401] * 200 + [429] * 1_300
    assert (await log_in(desk, "bank1-user", PASS_KEY)).status == 200, "a right key never waits"
    assert len(failed_lines(capfd)) == 200


async def test_a_claimed_name_is_printable_and_cut_in_the_log(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    await log_in(desk, "x" * 5_000, "guessed")
    await log_in(desk, "two\u2028lines\x1b[31m", "guessed")
    long, odd = failed_lines(capfd)
    assert long["login_name"] == "x" * 64
    assert str(odd["login_name"]).isprintable()


async def test_the_merchant_api(capfd: pytest.CaptureFixture[str]) -> None:
    stall = Stall()
    guess = as_bytes(an_order({"mer_info": {"mer_pas_key": "guessed"}}))
    statuses = [(await stall.order(guess)).status for _ in range(21)]
    assert statuses == [400] * 20 + [429]
    assert (await stall.order()).status == 200, "a right key never waits"
    lines = failed_lines(capfd)
    assert len(lines) == 20
    api, _, name, reason = told(lines[0])
    assert (api, reason) == ("merchant", "wrong_key_or_address")
    assert name


async def test_rest_v1(capfd: pytest.CaptureFixture[str]) -> None:
    till = Till()
    shop = till.shop()
    shop.api_key = "sk_x" + "z" * 40
    statuses = [(await shop.get(f"{PAYMENTS}/pay_{'0' * 32}")).status for _ in range(205)]
    assert statuses == [401] * 200 + [429] * 5
    shop.api_key = SHOP_KEY
    assert (await shop.create()).status == 201, "a right key never waits"
    lines = failed_lines(capfd)
    assert len(lines) == 200
    assert told(lines[0]) == ("v1", "shop", "", "wrong_key")


async def test_signatures_of_callbacks(capfd: pytest.CaptureFixture[str]) -> None:
    till = Till()
    await till.shop().made()
    reply = await till.request("POST", "/callbacks/bkash", b"paymentID=guessed", [("X-Proof", "wrong")])
    assert reply.status == 400
    assert [told(line) for line in failed_lines(capfd)] == [("callbacks", "shop", "bkash", "wrong_signature")]


async def test_pages_of_payers(capfd: pytest.CaptureFixture[str]) -> None:
    till = Till()
    reply = await till.request("GET", "/pay/return/" + "Z" * 24)
    assert reply.status == 404
    assert [told(line) for line in failed_lines(capfd)] == [("payer_pages", "shop", "", "unknown_page")]


async def test_forms_and_pages_of_the_checkout(capfd: pytest.CaptureFixture[str]) -> None:
    counter = Counter()
    refused = await Browser(counter).post(f"{HOME}/cancel", {"csrf": "guessed"})
    unknown = await Browser(counter).get(HOME.replace(CHECKOUT, "Z" * len(CHECKOUT)))
    assert (refused.status, unknown.status) == (403, 404)
    lines = failed_lines(capfd)
    assert [line["reason"] for line in lines] == ["wrong_form_token", "unknown_page"]
    assert {(line["api"], line["login_name"]) for line in lines} == {("checkout", "")}
