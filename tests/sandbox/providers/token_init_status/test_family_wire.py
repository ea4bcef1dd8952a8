"""The seven houses of token-init-status over HTTP, without the switch."""

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.switch_environment import settings_for_switch
from sandbox.providers.token_init_status.family import TokenInitStatusFamily
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.token_init_status.caller import (
    ALL,
    TokenMerchant,
    generic_refund,
    merchant_at,
    new_reference,
    upay_refund,
)

WORDS = {
    "generic": {
        "paid": "paid",
        "pending": "pending",
        "declined": "failed",
        "cancelled": "cancelled",
        "expired": "expired",
    },
    "upay": {
        "paid": "success",
        "pending": "pending",
        "declined": "failed",
        "cancelled": "cancelled",
        "expired": "expired",
    },
    "shurjopay": {
        "paid": "1000",
        "pending": "1068",
        "declined": "1001",
        "cancelled": "1002",
        "expired": "1065",
    },
}
DIALECTS = ("tap", "upay", "shurjopay")


@pytest.fixture
async def tap(tmp_path: Path, clock: SetClock) -> AsyncIterator[TokenMerchant]:
    async with merchant_at(tmp_path, clock) as merchant:
        yield merchant


@pytest.mark.parametrize("house", ALL)
async def test_every_house_collects(tap: TokenMerchant, house: str) -> None:
    merchant = await tap.at(house)
    reference, theirs, page = await merchant.a_page()
    assert page.startswith(f"{merchant.origin}/{house}/page/")
    words = WORDS[merchant.dialect]
    assert (await merchant.standing(reference, theirs))[0] == words["pending"]
    reference, theirs, visit = await merchant.a_visited()
    assert visit.sent_to is not None
    assert parse_qs(urlsplit(visit.sent_to).query)["x"] == ["1"]
    assert (await merchant.standing(reference, theirs))[0] == words["paid"]
    order = await merchant.order(reference)
    assert (order["state"], order["amount_paisa"], order["provider_reference"]) == ("paid", 12_050, theirs)


async def test_the_houses_are_those_of_the_spec(tap: TokenMerchant) -> None:
    houses = (await tap.admin("GET", "houses"))["houses"]
    assert [house["id"] for house in houses] == list(ALL)
    assert [house["fee_bp"] for house in houses] == [150, 200, 150, 150, 160, 160, 170]
    assert [house["page_seconds"] for house in houses] == [3_600] * 2 + [1_800] * 5
    assert {house["family"] for house in houses} == {"token_init_status"}


def test_a_switch_is_told_each_houses_own_secrets() -> None:
    told = settings_for_switch([TokenInitStatusFamily], {"token_init_status": "http://127.0.0.1:1"}, "secret")
    assert told["EKPAY_UPAY_MERCHANT_ID"] == told["EKPAY_SHURJOPAY_USER"] == told["EKPAY_TAP_USER"] == "ekpay"
    assert told["EKPAY_UPAY_MERCHANT_KEY"] == told["EKPAY_OKWALLET_PASSWORD"] == "secret"
    assert len(told) == 3 * len(ALL)


@pytest.mark.parametrize("house", DIALECTS)
@pytest.mark.parametrize(
    ("kind", "does", "word"),
    [
        ("normal", PayerDecision.CANCEL, "cancelled"),
        ("cancels", PayerDecision.APPROVE, "cancelled"),
        ("insufficient_funds", PayerDecision.APPROVE, "declined"),
        ("normal", PayerDecision.WRONG_PIN, "declined"),
        ("normal", PayerDecision.LEAVE_AT_PIN, "pending"),
        ("pending", PayerDecision.APPROVE, "pending"),
        ("says_paid", PayerDecision.APPROVE, "declined"),
        ("says_declined", PayerDecision.APPROVE, "paid"),
        ("return_forged", PayerDecision.APPROVE, "pending"),
    ],
)
async def test_each_end_has_its_word(
    tap: TokenMerchant, house: str, kind: str, does: PayerDecision, word: str
) -> None:
    merchant = await tap.at(house)
    reference, theirs, _ = await merchant.a_visited(kind, does)
    assert (await merchant.standing(reference, theirs))[0] == WORDS[merchant.dialect][word]


@pytest.mark.parametrize("house", DIALECTS)
async def test_what_is_pending_for_long_is_decided_and_a_page_lapses(
    tap: TokenMerchant, clock: SetClock, house: str
) -> None:
    merchant = await tap.at(house)
    words = WORDS[merchant.dialect]
    paid, declined = [
        await merchant.a_visited(kind) for kind in ("pending_then_paid", "pending_then_declined")
    ]
    left = await merchant.a_page()
    clock.advance(seconds=60)
    for one in (paid, declined):
        assert (await merchant.standing(*one[:2]))[0] == words["pending"]
    clock.advance(seconds=60)
    assert (await merchant.standing(*paid[:2]))[0] == words["paid"]
    assert (await merchant.standing(*declined[:2]))[0] == words["declined"]
    clock.advance(seconds=3_600)
    await merchant.log_in()
    assert (await merchant.standing(*left[:2]))[0] == words["expired"]


@pytest.mark.parametrize("house", DIALECTS)
@pytest.mark.parametrize(
    ("kind", "amount", "currency"),
    [("other_amount", "121.50", "BDT"), ("other_currency", "120.50", "USD")],
)
async def test_an_answer_can_tell_another_amount_or_currency(
    tap: TokenMerchant, house: str, kind: str, amount: str, currency: str
) -> None:
    merchant = await tap.at(house)
    _, told_amount, reported_currency = await merchant.standing(*(await merchant.a_visited(kind))[:2])
    assert told_amount.ljust(len(amount), "0") == amount
    assert reported_currency == ("untold" if house == "upay" and currency == "BDT" else currency)


@pytest.mark.parametrize("house", DIALECTS)
async def test_a_token_that_has_ended_is_401_until_the_next_login(tap: TokenMerchant, house: str) -> None:
    merchant = await tap.at(house)
    reference, theirs, _ = await merchant.a_page()
    await merchant.fault(ProviderFault.EXPIRE_TOKENS)
    assert (await merchant.status(reference, theirs))[0] == 401
    assert (await merchant.create())[0] == 401
    await merchant.log_in()
    assert (await merchant.status(reference, theirs))[0] == 200
    struck, name, _ = await merchant.a_visited("status_unauthorised")
    assert [(await merchant.status(struck, name))[0] for _ in range(2)] == [401, 200]


@pytest.mark.parametrize(("house", "seconds"), [("tap", 3_600), ("upay", 1_200), ("shurjopay", 3_600)])
async def test_a_token_ends_by_itself(tap: TokenMerchant, clock: SetClock, house: str, seconds: int) -> None:
    merchant = await tap.at(house)
    named = await merchant.a_page()
    clock.advance(seconds=seconds - 1)
    assert (await merchant.status(*named[:2]))[0] == 200
    clock.advance(seconds=1)
    assert (await merchant.status(*named[:2]))[0] == 401


@pytest.mark.parametrize("house", DIALECTS)
async def test_a_token_of_another_house_or_under_another_scheme_opens_nothing(
    tap: TokenMerchant, house: str
) -> None:
    merchant = await tap.at(house)
    named = await merchant.a_page()
    token = merchant.token
    for header in ("", token, f"Token {token}", f"Bearer{token}", (await tap.at("okwallet")).header):
        merchant.header = header
        assert (await merchant.status(*named[:2]))[0] == 401


@pytest.mark.parametrize("house", DIALECTS)
async def test_a_lost_answer_leaves_an_order_behind(tap: TokenMerchant, house: str) -> None:
    merchant = await tap.at(house)
    reference = new_reference()
    await merchant.fault(ProviderFault.LOST_DONE, ProviderStep.CREATE, order=reference)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await merchant.create(reference)
    assert (await merchant.order(reference))["state"] == "opened"


@pytest.mark.parametrize(
    ("house", "status", "code"), [("tap", 409, "4091"), ("upay", 400, "DTP4003"), ("shurjopay", 200, "4444")]
)
async def test_a_reference_opens_one_page_for_ever(
    tap: TokenMerchant, house: str, status: int, code: str
) -> None:
    merchant = await tap.at(house)
    reference, _, _ = await merchant.a_visited(does=PayerDecision.CANCEL)
    answered, told = await merchant.create(reference)
    assert (answered, told.get("code", told.get("sp_code"))) == (status, code)
    assert (await merchant.order(reference))["calls"]["create"] == 2


@pytest.mark.parametrize("house", DIALECTS)
@pytest.mark.parametrize(
    ("order", "status"),
    [(ProviderFault.HTML, 200), (ProviderFault.HTTP_500, 500), (ProviderFault.UNAUTHORISED, 401)],
)
async def test_a_call_goes_wrong_on_demand(
    tap: TokenMerchant, house: str, order: ProviderFault, status: int
) -> None:
    merchant = await tap.at(house)
    named = await merchant.a_visited()
    await merchant.fault(order, ProviderStep.STATUS)
    answered, told = await merchant.status(*named[:2])
    assert (answered, isinstance(told, str)) == (status, order is ProviderFault.HTML)


@pytest.mark.parametrize("house", DIALECTS)
async def test_nothing_is_ever_pushed_but_the_return_can_come_again(tap: TokenMerchant, house: str) -> None:
    merchant = await tap.at(house)
    await merchant.a_visited("push_twice")
    assert (await merchant.admin("GET", f"pushes?house={house}"))["pushes"] == []
    await merchant.a_visited("return_twice")
    pushes = (await merchant.admin("GET", f"pushes?house={house}"))["pushes"]
    assert [push["kind"] for push in pushes] == ["return"]


@pytest.mark.parametrize(
    ("house", "columns"),
    [
        ("upay", ["trx_id", "txn_id"]),
        ("shurjopay", ["bank_trx_id", "customer_order_id"]),
        ("tap", None),
    ],
)
async def test_each_house_has_its_settlement_file(
    tap: TokenMerchant, house: str, columns: list[str] | None
) -> None:
    merchant = await tap.at(house)
    reference, theirs, _ = await merchant.a_visited()
    if house == "upay":
        await upay_refund(merchant, (reference, 20))
    if house == "tap":
        await generic_refund(merchant, (reference, theirs), "RF", "20.00")
    order = await merchant.order(reference)
    url = f"{merchant.origin}/_admin/settlement?house={house}&date=2026-03-10"
    async with merchant.session.get(url) as answer:
        rows = list(csv.DictReader(io.StringIO(await answer.text())))
    fee = "2.41" if house == "shurjopay" else "1.81"
    net = "118.09" if house == "shurjopay" else "118.69"
    assert (rows[0]["amount"], rows[0]["fee"], rows[0]["net"]) == ("120.50", fee, net)
    assert [row["amount"] for row in rows[1:]] == ([] if house == "shurjopay" else ["-20.00"])
    if columns is not None:
        more = ["method", "date_time", "amount", "fee", "net", "status"]
        assert list(rows[0]) == columns + more
        assert [rows[0][name] for name in columns] == [order["transaction_id"], reference]
        assert rows[0]["status"] == "success"


async def test_a_restart_replays_the_book(tmp_path: Path, clock: SetClock) -> None:
    async with merchant_at(tmp_path, clock) as merchant:
        upay = await merchant.at("upay")
        reference, _, _ = await upay.a_visited()
        before = (await upay.status(reference, ""))[1]
    async with merchant_at(tmp_path, clock) as merchant:
        upay = await merchant.at("upay")
        assert (await upay.status(reference, ""))[1] == before
