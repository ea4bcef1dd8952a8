"""The generic wallet dialect over HTTP, as its document says it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.token_init_status.caller import (
    GENERIC,
    PASSWORD,
    TokenMerchant,
    generic_refund,
    merchant_at,
)


@pytest.fixture
async def tap(tmp_path: Path, clock: SetClock) -> AsyncIterator[TokenMerchant]:
    async with merchant_at(tmp_path, clock) as merchant:
        yield merchant


async def test_answers_are_those_of_the_document(tap: TokenMerchant) -> None:
    told = await tap.log_in()
    assert re.fullmatch(r"[\x21-\x7e]{1,2000}", told.pop("access_token"))
    assert told == {"code": "0000", "message": "Successful", "token_type": "Bearer", "expires_in": 3600}
    reference, theirs, visit = await tap.a_visited()
    assert re.fullmatch(r"[A-Za-z0-9-]{8,64}", theirs)
    assert visit.sent_to is not None
    query = f"payment_id={theirs}&merchant_reference={reference}&status=paid"
    assert visit.sent_to == f"https://merchant.example/return?x=1&{query}"
    _, told = await tap.status(reference, theirs)
    assert re.fullmatch(r"[A-Za-z0-9-]{8,64}", told.pop("transaction_id"))
    assert told == {
        "code": "0000",
        "message": "Successful",
        "payment_id": theirs,
        "merchant_reference": reference,
        "amount": "120.50",
        "currency": "BDT",
        "status": "paid",
        "payer_account": "017*****000",
        "created_at": "2026-03-10T12:00:00+06:00",
        "paid_at": "2026-03-10T12:00:00+06:00",
    }
    _, page = await tap.create()
    assert set(page) == set(told) - {"payer_account", "paid_at"} | {"page_url"}


@pytest.mark.parametrize(
    ("kind", "status"), [("says_paid", "paid"), ("return_forged", "paid"), ("says_declined", "failed")]
)
async def test_a_browser_can_bring_a_lie(tap: TokenMerchant, kind: str, status: str) -> None:
    assert (await tap.a_visited(kind))[2].status == status


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": 120.5}, 400, "4001"),
        ({"amount": "120.5"}, 400, "4001"),
        ({"amount": "0.00"}, 400, "4001"),
        ({"amount": "9.99"}, 422, "4220"),
        ({"amount": "25000.01"}, 422, "4220"),
        ({"currency": "USD"}, 400, "4001"),
        ({"payer_reference": ""}, 400, "4001"),
        ({"return_url": "javascript:1"}, 400, "4001"),
        ({"merchant_reference": "short"}, 400, "4001"),
        ({"merchant_reference": "a" * 26}, 400, "4001"),
        ({"unknown": 1}, 200, "0000"),
    ],
)
async def test_an_init_is_taken_as_it_is_written(
    tap: TokenMerchant, changes: Json, status: int, code: str
) -> None:
    answered, told = await tap.create(**changes)
    assert (answered, told["code"]) == (status, code)


async def test_a_reference_that_is_used_makes_nothing_whatever_else_it_says(
    tap: TokenMerchant,
) -> None:
    reference, _, _ = await tap.a_page()
    assert (await tap.create(reference, amount="nonsense"))[1]["code"] == "4091"
    assert (await tap.order(reference))["amount_paisa"] == 12_050


async def test_refusals_have_their_codes(tap: TokenMerchant) -> None:
    for body, status, code in (
        ({"user": "ekpay", "password": "x"}, 401, "4011"),
        ({"user": "x", "password": PASSWORD}, 401, "4011"),
        ({"user": "ekpay"}, 400, "4001"),
        ([], 400, "4001"),
    ):
        answered, told = await tap.call("POST", "v1/token", body)
        assert (answered, told["code"]) == (status, code)
    reference, theirs, _ = await tap.a_visited()
    token = urlsplit((await tap.order(reference))["page_url"]).path.rpartition("/")[2]
    for name in ("PAY-00000000-000000", (await tap.order(reference))["transaction_id"], token, reference):
        for path in (f"v1/payments/{name}", f"v1/payments/{name}/refunds"):
            answered, told = await tap.call("GET", path)
            assert (answered, told["code"]) == (404, "4041")
    tap.header = ""
    assert (await tap.status(reference, theirs))[1]["code"] == "4010"
    assert (await tap.call("DELETE", "v1/payments"))[0] == 405


@pytest.mark.parametrize("house", GENERIC)
async def test_parts_are_given_back_up_to_what_was_paid(tap: TokenMerchant, house: str) -> None:
    merchant = await tap.at(house)
    named = (await merchant.a_visited())[:2]
    assert (await merchant.ask("GET", f"v1/payments/{named[1]}/refunds"))["refunds"] == []
    for _ in range(2):
        assert await generic_refund(merchant, named, "RF-1", "20.00") == (200, "0000", "done")
    assert await generic_refund(merchant, named, "RF-1", "21.00") == (409, "4092", "")
    assert await generic_refund(merchant, named, "RF-2", "100.51") == (422, "4221", "")
    assert await generic_refund(merchant, named, "RF-2", "100.50") == (200, "0000", "done")
    told = await merchant.ask("GET", f"v1/payments/{named[1]}/refunds")
    rows = [(row["refund_reference"], row["amount"], row["status"]) for row in told["refunds"]]
    assert rows == [("RF-1", "20.00", "done"), ("RF-2", "100.50", "done")]
    assert all(re.fullmatch(r"RFD-20260310-[0-9]{6}", row["refund_id"]) for row in told["refunds"])
    assert (await merchant.standing(*named))[0] == "paid"


async def test_no_more_than_ten_parts_and_none_after_sixty_days(tap: TokenMerchant, clock: SetClock) -> None:
    named = (await tap.a_visited())[:2]
    for part in range(10):
        assert (await generic_refund(tap, named, f"P{named[0]}-{part}", "1.00"))[1] == "0000"
    assert (await generic_refund(tap, named, "ELEVENTH", "1.00"))[1] == "4221"
    late = (await tap.a_visited())[:2]
    clock.advance(days=60)
    await tap.log_in()
    assert await generic_refund(tap, late, "LATE", "1.00") == (422, "4223", "")


async def test_refunds_that_are_not_given(tap: TokenMerchant) -> None:
    named = (await tap.a_visited())[:2]
    assert await generic_refund(tap, named, "A", "1.00", transaction_id="TXN0") == (422, "4222", "")
    for changes in ({"currency": "USD"}, {"reason": ""}, {"refund_reference": "a b"}):
        assert (await generic_refund(tap, named, "B", "1.00", **changes))[:2] == (400, "4001")
    unpaid = (await tap.a_page())[:2]
    assert await generic_refund(tap, unpaid, "C", "1.00") == (422, "4222", "")
    nobody = (named[0], "PAY-00000000-000000")
    assert await generic_refund(tap, nobody, "D", "1.00") == (404, "4041", "")
    refused = (await tap.a_visited("refund_refused"))[:2]
    assert await generic_refund(tap, refused, "E", "1.00") == (403, "4030", "")
    other = (await tap.a_visited())[:2]
    await generic_refund(tap, named, "F", "1.00")
    assert await generic_refund(tap, other, "F", "1.00") == (409, "4092", "")


@pytest.mark.parametrize(("kind", "word"), [("refund_processing", "done"), ("refund_fails", "refused")])
async def test_a_refund_in_work_is_decided_and_asked_about(
    tap: TokenMerchant, clock: SetClock, kind: str, word: str
) -> None:
    named = (await tap.a_visited(kind))[:2]
    assert await generic_refund(tap, named, "W", "120.50") == (200, "0000", "processing")
    clock.advance(seconds=60)
    assert await generic_refund(tap, named, "W", "120.50") == (200, "0000", word)
    await tap.fault(ProviderFault.HTTP_500, ProviderStep.REFUND_STATUS)
    path = f"v1/payments/{named[1]}/refunds"
    assert [(await tap.call("GET", path))[0] for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(("kind", "is_done"), [("refund_lost_done", True), ("refund_lost_undone", False)])
async def test_a_refund_whose_answer_is_lost_is_asked_about(
    tap: TokenMerchant, kind: str, *, is_done: bool
) -> None:
    named = (await tap.a_visited(kind))[:2]
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await generic_refund(tap, named, "L", "1.00")
    told = await tap.ask("GET", f"v1/payments/{named[1]}/refunds")
    assert len(told["refunds"]) == int(is_done)
    assert (await generic_refund(tap, named, "L", "1.00"))[1] == "0000"
    assert len((await tap.order(named[0]))["refunds"]) == 1


@pytest.mark.parametrize("payer", ["8801997500000", "01997500000"])
async def test_a_payer_who_is_named_can_be_refused_at_once(tap: TokenMerchant, payer: str) -> None:
    answered, told = await tap.create(payer_reference=payer)
    assert (answered, told["code"]) == (403, "4030")
