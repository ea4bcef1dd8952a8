"""The wire of the hosted checkout, called as a merchant would who knows nothing but its description."""

import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.providers.mpgs.family import MpgsFamily
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.mpgs.caller import AUTH, Merchant, a_merchant, basic, indicator_of, rows_of


@pytest.fixture
async def ebl(tmp_path: Path, clock: SetClock) -> AsyncIterator[Merchant]:
    async with a_merchant(tmp_path, clock) as merchant:
        yield merchant


@pytest.mark.parametrize("house", [house.id for house in MpgsFamily.institutions])
async def test_a_card_pays_at_the_page_of_each_bank(ebl: Merchant, house: str) -> None:
    ebl.house = house
    reference, answer, visit = await ebl.visited()
    assert answer["result"] == answer["session"]["updateStatus"] == "SUCCESS"
    assert (visit.sent_to or "").startswith(f"{ebl.letterbox.url}/return?id=1&")
    assert indicator_of(visit) == answer["successIndicator"]
    order = await ebl.order(reference)
    assert (order["status"], order["result"], order["currency"]) == ("CAPTURED", "SUCCESS", "BDT")
    assert order["amount"] == order["totalCapturedAmount"] == 120.5
    assert rows_of(order) == [("1", "PAYMENT", "SUCCESS", "APPROVED")]
    row = order["transaction"][0]
    assert row["sourceOfFunds"]["provided"]["card"]["number"] == "410000xxxxxx0000"
    assert await ebl.call("GET", f"merchant/ekpay/order/{reference}/transaction/1") == (200, row)


@pytest.mark.parametrize(
    "auth",
    [
        "",
        "Basic x",
        basic("merchant.ekpay", "wrong"),
        basic("ekpay", "gateway-sandbox"),
        basic("merchant.other", "gateway-sandbox"),
    ],
)
async def test_nobody_else_is_let_in(ebl: Merchant, auth: str) -> None:
    for method, path in (("POST", "session"), ("GET", "order/X"), ("PUT", "order/X/transaction/Y")):
        status, answer = await ebl.call(method, f"merchant/ekpay/{path}", {}, auth)
        assert (status, answer["result"]) == (401, "ERROR")
    assert (await ebl.call("GET", "merchant/other/order/X"))[0] == 401
    assert (await ebl.call("GET", "information", auth=auth))[1]["status"] == "OPERATING"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"apiOperation": "AUTHORIZE"}, "apiOperation"),
        ({"apiOperation": None}, "apiOperation"),
        ({"interaction": {"operation": None}}, "interaction.operation"),
        ({"interaction": {"operation": "AUTHORIZE"}}, "interaction.operation"),
        ({"interaction": {"merchant": {}}}, "interaction.merchant.name"),
        ({"interaction": {"returnUrl": "ftp://x"}}, "interaction.returnUrl"),
        ({"interaction": {"timeout": 0}}, "interaction.timeout"),
        ({"interaction": {"retryAttemptCount": 2}}, "interaction.retryAttemptCount"),
        ({"order": {"id": "a b"}}, "order.id"),
        ({"order": {"amount": "0.00"}}, "order.amount"),
        ({"order": {"amount": "1.234"}}, "order.amount"),
        ({"order": {"currency": "USD"}}, "order.currency"),
        ({"order": {"description": "x" * 128}}, "order.description"),
        ({"order": {"notificationUrl": "x"}}, "order.notificationUrl"),
    ],
)
async def test_a_page_is_not_opened_for_anything(ebl: Merchant, changes: Json, field: str) -> None:
    status, answer = await ebl.session_for("X", **changes)
    assert (status, answer["error"]["cause"], answer["error"]["field"]) == (400, "INVALID_REQUEST", field)
    assert (await ebl.admin("GET", "orders?house=ebl"))["orders"] == []


async def test_a_body_that_is_no_object_and_a_path_that_is_none_are_errors_of_the_gateway(
    ebl: Merchant,
) -> None:
    for status, told in [
        await ebl.call("POST", "merchant/ekpay/session", []),
        await ebl.call("GET", "merchant/ekpay/session"),
    ]:
        assert (status // 100, told["error"]["cause"]) == (4, "INVALID_REQUEST")


async def test_the_old_version_has_the_old_name(ebl: Merchant) -> None:
    for version, operation, status in [
        (62, "CREATE_CHECKOUT_SESSION", 201),
        (62, "INITIATE_CHECKOUT", 400),
        (63, "CREATE_CHECKOUT_SESSION", 400),
    ]:
        url = f"{ebl.origin}/ebl/api/rest/version/{version}/merchant/ekpay/session"
        body = ebl.asked(f"V{version}-{status}") | {"apiOperation": operation}
        async with ebl.session.post(url, json=body, headers={"Authorization": AUTH}) as answer:
            assert answer.status == status


async def test_an_order_is_not_there_until_somebody_tries(ebl: Merchant) -> None:
    reference, _, _ = await ebl.opened()
    for name in (reference, "UNKNOWN"):
        status, answer = await ebl.call("GET", f"merchant/ekpay/order/{name}")
        assert (status, answer["error"]["explanation"]) == (404, "Unable to find order")


async def test_another_session_of_an_order_leads_to_the_same_order(ebl: Merchant) -> None:
    reference, first, page = await ebl.opened()
    status, second = await ebl.session_for(reference)
    assert status == 201
    assert first["session"]["id"] != second["session"]["id"]
    payer = Payer(await ebl.number("normal"))
    assert indicator_of(await pay(ebl.page(second), payer)) == second["successIndicator"]
    # Whoever opens the other page is sent back, and pays nothing.
    assert (await pay(page, payer)).sent_to is not None
    assert len((await ebl.order(reference))["transaction"]) == 1
    status, answer = await ebl.session_for(reference, order={"amount": "1.00"})
    assert (status, answer["error"]["field"]) == (400, "order.id")


async def test_a_page_is_found_by_its_session_alone(ebl: Merchant) -> None:
    reference, _, _ = await ebl.visited()
    receipt = (await ebl.order(reference))["transaction"][0]["transaction"]["receipt"]
    for name in (reference, receipt, "SESSION0002"):
        async with ebl.session.get(f"{ebl.origin}/ebl/checkout/pay/{name}") as answer:
            assert answer.status == 404


async def test_the_payer_has_as_long_as_the_merchant_says(ebl: Merchant, clock: SetClock) -> None:
    _, _, page = await ebl.opened(interaction={"timeout": 60})
    clock.advance(seconds=60)
    assert (await pay(page, Payer(await ebl.number("normal")))).sent_to is None


@pytest.mark.parametrize(
    ("kind", "does", "rows", "status"),
    [
        (
            "insufficient_funds",
            PayerDecision.APPROVE,
            [("1", "PAYMENT", "FAILURE", "INSUFFICIENT_FUNDS")],
            "FAILED",
        ),
        ("declined", PayerDecision.APPROVE, [("1", "PAYMENT", "FAILURE", "DECLINED")], "FAILED"),
        ("normal", PayerDecision.WRONG_PIN, [("1", "PAYMENT", "FAILURE", "DECLINED")], "FAILED"),
        ("pending", PayerDecision.APPROVE, [("1", "PAYMENT", "PENDING", "PENDING")], "AUTHENTICATED"),
        ("normal", PayerDecision.CANCEL, [], "CANCELLED"),
        (
            "second_try",
            PayerDecision.APPROVE,
            [("1", "PAYMENT", "FAILURE", "DECLINED"), ("2", "PAYMENT", "SUCCESS", "APPROVED")],
            "CAPTURED",
        ),
    ],
)
async def test_an_order_tells_every_try(
    ebl: Merchant, kind: str, does: PayerDecision, rows: list[tuple[str, ...]], status: str
) -> None:
    reference, _, _ = await ebl.visited(kind, does)
    order = await ebl.order(reference)
    assert (rows_of(order), order["status"]) == (rows, status)
    assert (order["totalCapturedAmount"] != 0) is (status == "CAPTURED")


@pytest.mark.parametrize(
    "kind", ["indicator_mismatch", "says_declined", "return_forged", "declined", "pending"]
)
async def test_no_indicator_but_the_right_one_shows_success(ebl: Merchant, kind: str) -> None:
    _, answer, visit = await ebl.visited(kind)
    indicator = indicator_of(visit)
    assert indicator not in {None, answer["successIndicator"]}


async def test_who_turns_back_goes_elsewhere_and_an_indicator_can_be_missing(ebl: Merchant) -> None:
    _, _, visit = await ebl.visited(does=PayerDecision.CANCEL)
    assert visit.sent_to == f"{ebl.letterbox.url}/cancelled"
    reference, _, visit = await ebl.visited("indicator_missing")
    assert indicator_of(visit) is None
    assert (await ebl.order(reference))["status"] == "CAPTURED"


async def test_answers_can_tell_another_amount_or_currency(ebl: Merchant) -> None:
    reference, _, _ = await ebl.visited("other_amount")
    order = await ebl.order(reference)
    assert order["amount"] == order["transaction"][0]["transaction"]["amount"] == 121.5
    reference, _, _ = await ebl.visited("other_currency")
    assert (await ebl.order(reference))["currency"] == "USD"


@pytest.mark.parametrize(("kind", "result"), [("normal", "SUCCESS"), ("declined", "FAILURE")])
async def test_a_movement_is_notified_under_the_secret(ebl: Merchant, kind: str, result: str) -> None:
    reference, _, _ = await ebl.visited(kind)
    await ebl.letterbox.until(1)
    headers, body = ebl.letterbox.letters[0]
    told = json.loads(body)
    assert headers["x-notification-secret"] == "gateway-sandbox-secret"
    assert (told["order"]["id"], told["transaction"]["type"], told["result"]) == (
        reference,
        "PAYMENT",
        result,
    )


async def test_a_refund_is_notified_and_who_turned_back_is_not(ebl: Merchant) -> None:
    await ebl.visited(does=PayerDecision.CANCEL)
    reference, _, _ = await ebl.visited("push_never")
    await ebl.refund(reference, "R1", "20.00")
    await ebl.letterbox.until(1)
    told = json.loads(ebl.letterbox.letters[0][1])
    assert (told["order"]["id"], told["transaction"]["id"]) == (reference, "R1")
    assert len(ebl.letterbox.letters) == 1


async def test_a_notice_can_carry_a_wrong_secret_or_come_first(ebl: Merchant) -> None:
    await ebl.visited("push_forged")
    await ebl.letterbox.until(1)
    assert ebl.letterbox.letters[0][0]["x-notification-secret"] != "gateway-sandbox-secret"
    # The browser is let go only after the notice was tried.
    await ebl.visited("push_first")
    assert len(ebl.letterbox.letters) == 2


async def test_a_lost_answer_has_opened_the_page(ebl: Merchant) -> None:
    order = {"house": "ebl", "step": ProviderStep.CREATE, "fault": ProviderFault.LOST_DONE}
    await ebl.admin("POST", "faults", order)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ebl.session_for("LOST-1")
    assert (await ebl.session_for("LOST-1"))[0] == 201


async def test_the_file_of_the_day_tells_every_movement(ebl: Merchant) -> None:
    reference, _, _ = await ebl.visited("second_try")
    await ebl.refund(reference, "R1", "20.00")
    await ebl.visited("declined")
    async with ebl.session.get(f"{ebl.origin}/_admin/settlement?house=ebl&date=2026-03-10") as answer:
        rows = list(csv.DictReader((await answer.text()).splitlines()))
    assert [(row["order.id"], row["transaction.id"], row["transaction.type"]) for row in rows] == [
        (reference, "2", "PAYMENT"),
        (reference, "R1", "REFUND"),
    ]
    assert [(row["transaction.amount"], row["fee"], row["net"]) for row in rows] == [
        ("120.50", "1.81", "118.69"),
        ("-20.00", "0.00", "-20.00"),
    ]
    moved = (await ebl.order(reference))["transaction"]
    assert rows[0]["transaction.receipt"] == moved[1]["transaction"]["receipt"]
    assert rows[1]["transaction.receipt"] == moved[2]["transaction"]["receipt"]
