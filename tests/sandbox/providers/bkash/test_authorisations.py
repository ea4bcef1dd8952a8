"""Authorisations: the money is held at execute, and moves at capture or never."""

import aiohttp
import pytest

from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.bkash.caller import PREFIX, WALLET, BkashCaller, a_create, an_endpoint

VOIDS = ("payment/confirm/void", "payment/confirm/capture/void")


async def an_authorised(bkash: BkashCaller, wallet: str = WALLET, **changes: object) -> Json:
    """Let a payer approve an authorisation, and return what its execute answers."""
    payment_id = await bkash.a_payment(wallet, intent="authorization", **changes)
    answer = await bkash.execute(payment_id)
    assert answer["statusCode"] == "0000", answer
    return answer


async def capture(bkash: BkashCaller, payment_id: object) -> Json:
    return await bkash.ask("payment/confirm/capture", paymentID=payment_id)


async def test_an_authorisation_is_executed_and_then_captured(bkash: BkashCaller, clock: SetClock) -> None:
    opened = await bkash.create(intent="authorization", amount="200.00")
    assert (opened["intent"], opened["transactionStatus"]) == ("authorization", "Initiated")
    await bkash.visit(opened)
    authorised = await bkash.execute(opened["paymentID"])
    assert authorised == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": opened["paymentID"],
        "payerReference": "01712345678",
        "customerMsisdn": WALLET,
        "trxID": authorised["trxID"],
        "amount": "200.00",
        "transactionStatus": "Authorized",
        "paymentExecuteTime": "2026-03-10T12:00:00:000 GMT+0600",
        "currency": "BDT",
        "intent": "authorization",
        "merchantInvoiceNumber": opened["merchantInvoiceNumber"],
    }
    status = await bkash.status(opened["paymentID"])
    assert (status["transactionStatus"], status["trxID"]) == ("Authorized", authorised["trxID"])
    assert "maxRefundableAmount" not in status
    clock.advance(minutes=5)
    assert await capture(bkash, opened["paymentID"]) == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": opened["paymentID"],
        "createTime": "2026-03-10T12:00:00:000 GMT+0600",
        "updateTime": "2026-03-10T12:05:00:000 GMT+0600",
        "trxID": authorised["trxID"],
        "transactionStatus": "Completed",
    }
    status = await bkash.status(opened["paymentID"])
    assert (status["transactionStatus"], status["maxRefundableAmount"]) == ("Completed", "200.00")
    assert status["paymentExecuteTime"] == "2026-03-10T12:00:00:000 GMT+0600"


async def test_no_book_of_money_knows_an_authorisation_before_it_is_captured(
    bkash: BkashCaller, clock: SetClock
) -> None:
    async def books() -> tuple[int, int, list[Json]]:
        async with bkash.session.get(f"{bkash.origin}/_admin/settlement?date=2026-03-11") as answer:
            lines = (await answer.text()).splitlines()[1:]
        moved = (await bkash.admin("GET", "movements?since=2026-03-01"))["movements"]
        return await bkash.balance(WALLET), len(lines), moved

    before = await bkash.balance(WALLET)
    authorised = await an_authorised(bkash, amount="200.00")
    assert await books() == (before, 0, [])
    clock.advance(hours=12)
    await bkash.log_in()
    await capture(bkash, authorised["paymentID"])
    balance, lines, moved = await books()
    assert (balance, lines) == (before - 20_000, 1)
    assert [(one["theirs"], one["gross_paisa"], one["at"]) for one in moved] == [
        (authorised["trxID"], 20_000, "2026-03-10T18:00:00+00:00")
    ]


@pytest.mark.parametrize("path", VOIDS)
async def test_a_voided_authorisation_is_cancelled_and_moves_nothing(bkash: BkashCaller, path: str) -> None:
    before = await bkash.balance(WALLET)
    authorised = await an_authorised(bkash)
    voided = await bkash.ask(path, paymentID=authorised["paymentID"])
    assert (voided["transactionStatus"], voided["trxID"]) == ("Cancelled", authorised["trxID"])
    assert (await bkash.status(authorised["paymentID"]))["transactionStatus"] == "Cancelled"
    assert await bkash.balance(WALLET) == before
    assert (await bkash.admin("GET", "movements?since=2026-03-01"))["movements"] == []
    assert await bkash.code("execute", paymentID=authorised["paymentID"]) == "2117"


@pytest.mark.parametrize("first", ["payment/confirm/capture", *VOIDS])
async def test_after_a_capture_or_a_void_both_are_2119_and_change_nothing(
    bkash: BkashCaller, first: str
) -> None:
    payment_id = (await an_authorised(bkash))["paymentID"]
    await bkash.ask(first, paymentID=payment_id)
    before = await bkash.admin("GET", "dump")
    for path in ("payment/confirm/capture", *VOIDS):
        assert await bkash.code(path, paymentID=payment_id) == "2119"
    assert await bkash.admin("GET", "dump") == before


@pytest.mark.parametrize("path", ["payment/confirm/capture", *VOIDS])
async def test_only_an_authorisation_is_captured_or_voided(bkash: BkashCaller, path: str) -> None:
    assert await bkash.code(path, paymentID="TR0011unknown") == "2002"
    assert await bkash.code(path) == "2002"
    unexecuted = await bkash.a_payment(intent="authorization")
    sale, _ = await bkash.a_paid()
    agreed = await bkash.an_agreement()
    for payment_id in (unexecuted, sale, agreed["paymentID"]):
        assert await bkash.code(path, paymentID=payment_id) == "2056"
    assert (await bkash.status(sale))["transactionStatus"] == "Completed"


async def test_a_second_execute_of_an_authorisation_is_2117_and_holds_nothing_more(
    bkash: BkashCaller,
) -> None:
    payment_id = (await an_authorised(bkash, amount="200.00"))["paymentID"]
    assert await bkash.code("execute", paymentID=payment_id) == "2117"
    assert (await bkash.admin("GET", "dump"))["held"] == {WALLET: 20_000}


async def test_what_is_held_cannot_be_paid_with_until_it_is_voided(bkash: BkashCaller) -> None:
    whole = f"{await bkash.balance(WALLET) // 100}"
    authorised = await an_authorised(bkash, amount=whole)
    payments = [await bkash.a_payment(amount="1.00") for _ in range(2)]
    assert await bkash.code("execute", paymentID=payments[0]) == "2023"
    await bkash.ask(VOIDS[0], paymentID=authorised["paymentID"])
    assert (await bkash.admin("GET", "dump"))["held"] == {}
    assert await bkash.code("execute", paymentID=payments[1]) == "0000"


async def test_a_refund_waits_for_the_capture(bkash: BkashCaller) -> None:
    authorised = await an_authorised(bkash, amount="100.00")
    asked = {"paymentID": authorised["paymentID"], "trxID": authorised["trxID"]}
    assert await bkash.code("payment/refund", **asked, amount="40", sku="s", reason="r") == "2127"
    assert (await bkash.refund_v2(authorised["paymentID"], authorised["trxID"], "40"))[0] == 400
    await capture(bkash, authorised["paymentID"])
    assert await bkash.code("payment/refund", **asked, amount="40", sku="s", reason="r") == "0000"


async def test_a_search_tells_an_authorisation_without_what_was_credited(bkash: BkashCaller) -> None:
    authorised = await an_authorised(bkash, amount="100.00")
    found = await bkash.ask("general/searchTransaction", trxID=authorised["trxID"])
    assert (found["transactionStatus"], found["amount"]) == ("Authorized", "100.00")
    assert not {"serviceFee", "creditedAmount"} & set(found)
    await capture(bkash, authorised["paymentID"])
    found = await bkash.ask("general/searchTransaction", trxID=authorised["trxID"])
    assert (found["transactionStatus"], found["creditedAmount"]) == ("Completed", "98.50")


async def test_an_authorisation_waits_for_its_capture_as_long_as_it_must(
    bkash: BkashCaller, clock: SetClock
) -> None:
    authorised = await an_authorised(bkash)
    clock.advance(days=30)
    await bkash.log_in()
    assert (await bkash.status(authorised["paymentID"]))["transactionStatus"] == "Authorized"
    assert (await capture(bkash, authorised["paymentID"]))["transactionStatus"] == "Completed"


async def test_a_merchant_is_notified_of_the_capture_alone(bkash: BkashCaller) -> None:
    async with an_endpoint() as endpoint:
        await bkash.admin("POST", "sns-endpoint", {"url": endpoint.url})
        authorised = await an_authorised(bkash)
        voided = await an_authorised(bkash)
        await bkash.ask(VOIDS[0], paymentID=voided["paymentID"])
        await capture(bkash, authorised["paymentID"])
        sent = await endpoint.after(2)
        assert [message["Type"] for message in sent] == ["SubscriptionConfirmation", "Notification"]
        assert authorised["trxID"] in sent[1]["Message"]
        assert len((await bkash.admin("GET", "dump"))["notices"]) == 1


async def test_a_lost_capture_has_moved_the_money_and_a_repeat_says_so(bkash: BkashCaller) -> None:
    authorised = await an_authorised(bkash)
    await bkash.fault("lost_done", step="capture")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await capture(bkash, authorised["paymentID"])
    assert (await bkash.status(authorised["paymentID"]))["transactionStatus"] == "Completed"
    assert (await capture(bkash, authorised["paymentID"]))["statusCode"] == "2119"


@pytest.mark.parametrize(("step", "code"), [("capture", "2037"), ("void", "2067")])
async def test_a_refused_confirmation_leaves_the_money_held(bkash: BkashCaller, step: str, code: str) -> None:
    payment_id = (await an_authorised(bkash))["paymentID"]
    await bkash.fault("refuse", step=step, payment=payment_id)
    assert await bkash.code(f"payment/confirm/{step}", paymentID=payment_id) == code
    assert (await bkash.status(payment_id))["transactionStatus"] == "Authorized"
    assert await bkash.code(f"payment/confirm/{step}", paymentID=payment_id) == "0000"


async def test_a_magic_wallet_loses_the_execute_of_an_authorisation_once(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(magic_wallet(WalletKind.EXECUTE_LOST_UNDONE), intent="authorization")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await bkash.execute(payment_id)
    assert (await bkash.execute(payment_id))["transactionStatus"] == "Authorized"


async def test_an_amount_told_wrong_is_told_so_after_the_capture_too(bkash: BkashCaller) -> None:
    authorised = await an_authorised(bkash, magic_wallet(WalletKind.OTHER_AMOUNT), amount="100.00")
    assert authorised["amount"] == "101.00"
    await capture(bkash, authorised["paymentID"])
    assert (await bkash.status(authorised["paymentID"]))["amount"] == "101.00"
    assert (await bkash.line(authorised["paymentID"]))["amount_paisa"] == 10_000


async def test_an_authorisation_may_be_by_agreement(bkash: BkashCaller) -> None:
    agreement_id = (await bkash.an_agreement())["agreementID"]
    fields = a_create() | {"mode": "0001", "agreementID": agreement_id, "intent": "authorization"}
    opened = await bkash.ask("create", **fields)
    await bkash.visit(opened)
    authorised = await bkash.execute(opened["paymentID"])
    assert (authorised["transactionStatus"], authorised["agreementID"]) == ("Authorized", agreement_id)
    assert (await capture(bkash, opened["paymentID"]))["transactionStatus"] == "Completed"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"paymentID":"TR0011other"}'])
async def test_a_payment_may_be_named_in_the_path_with_whatever_body(bkash: BkashCaller, body: bytes) -> None:
    opened = await bkash.ask("payment/create", **(a_create() | {"intent": "authorization"}))
    await bkash.visit(opened)
    url = f"{bkash.origin}{PREFIX}/execute/{opened['paymentID']}"
    headers = {"Authorization": f"Bearer {bkash.token}", "X-APP-Key": "bkash-sandbox-app"}
    async with bkash.session.post(url, data=body, headers=headers) as answer:
        assert (await answer.json())["transactionStatus"] == "Authorized"


async def test_a_path_that_names_a_payment_is_no_way_round_the_login(bkash: BkashCaller) -> None:
    payment_id = await bkash.a_payment(intent="authorization")
    url = f"{bkash.origin}{PREFIX}/execute/{payment_id}"
    async with bkash.session.post(url) as answer:
        assert (answer.status, await answer.json()) == (401, {"message": "Unauthorized"})
    async with bkash.session.get(url) as answer:
        assert (answer.status, await answer.json()) == (403, {"message": "Missing Authentication Token"})
    assert (await bkash.status(payment_id))["transactionStatus"] == "Initiated"
