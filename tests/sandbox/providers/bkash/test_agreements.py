"""Agreements: a payer agrees once, and then pays with the PIN alone."""

import re

import aiohttp
import pytest

from sandbox.callers.payer.browser import Browser
from sandbox.callers.payer.payer import PayerDecision
from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.providers.bkash.caller import (
    CALLBACK,
    WALLET,
    BkashCaller,
    a_create,
    a_create_of_agreement,
)

NOON = "2026-03-10T12:00:00:000 GMT+0600"
CONFIRM = ("do", "confirm")


def by_agreement(agreement_id: object, **changes: object) -> dict[str, object]:
    """What clients send who pay by an agreement: no payer, since the agreement names one."""
    fields = a_create() | {"mode": "0001", "agreementID": agreement_id} | changes
    return {name: value for name, value in fields.items() if name != "payerReference"}


async def status_of(bkash: BkashCaller, agreement_id: object) -> Json:
    return await bkash.ask("agreement/status", agreementID=agreement_id)


async def test_an_agreement_from_create_to_completed(bkash: BkashCaller) -> None:
    opened = await bkash.create_agreement(payerReference="01712345678")
    payment_id = opened["paymentID"]
    assert re.fullmatch(r"TR0000[A-Za-z0-9]+\d{13}", payment_id)
    assert opened == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": payment_id,
        "bkashURL": opened["bkashURL"],
        "callbackURL": CALLBACK,
        "successCallbackURL": f"{CALLBACK}&paymentID={payment_id}&status=success",
        "failureCallbackURL": f"{CALLBACK}&paymentID={payment_id}&status=failure",
        "cancelledCallbackURL": f"{CALLBACK}&paymentID={payment_id}&status=cancel",
        "payerReference": "01712345678",
        "agreementStatus": "Initiated",
        "agreementCreateTime": NOON,
    }
    assert "&mode=0000&" in opened["bkashURL"]
    assert (await bkash.visit(opened)).status == "success"
    agreed = await bkash.execute(payment_id)
    assert re.fullmatch(r"TokenizedMerchant01[A-Z0-9]{7}\d{13}", agreed["agreementID"])
    assert agreed == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": payment_id,
        "agreementID": agreed["agreementID"],
        "payerReference": "01712345678",
        "customerMsisdn": WALLET,
        "agreementExecuteTime": NOON,
        "agreementStatus": "Completed",
    }
    assert await status_of(bkash, agreed["agreementID"]) == agreed | {
        "agreementCreateTime": NOON,
        "agreementVoidTime": "",
    }


async def test_an_agreement_moves_no_money_and_stands_in_no_settlement_file(bkash: BkashCaller) -> None:
    before = await bkash.balance(WALLET)
    await bkash.an_agreement()
    assert await bkash.balance(WALLET) == before
    assert (await bkash.admin("GET", "movements?since=2026-03-01"))["movements"] == []
    async with bkash.session.get(f"{bkash.origin}/_admin/settlement?date=2026-03-10") as answer:
        assert len((await answer.text()).splitlines()) == 1
    dump = await bkash.admin("GET", "dump")
    assert [agreement["wallet"] for agreement in dump["agreements"]] == [WALLET]


async def test_its_page_names_the_reference_and_no_amount(bkash: BkashCaller) -> None:
    opened = await bkash.create_agreement(payerReference="""a"b'c""")
    async with bkash.session.get(opened["bkashURL"]) as answer:
        page = await answer.text()
    assert "a&#34;b&#39;c" in page
    assert "পরের পেমেন্টে শুধু পিন লাগবে" in page
    assert "টাকার পরিমাণ" not in page
    assert "ইনভয়েস" not in page


async def test_who_pays_by_an_agreement_gives_the_pin_alone(bkash: BkashCaller) -> None:
    agreed = await bkash.an_agreement(payerReference="payer-of-seven")
    before = await bkash.balance(WALLET)
    opened = await bkash.ask("create", **by_agreement(agreed["agreementID"], amount="75.50"))
    assert opened["paymentID"].startswith("TR0001")
    assert opened["agreementID"] == agreed["agreementID"]
    async with Browser() as browser:
        page = await browser.open(opened["bkashURL"])
        assert page.form is not None
        assert list(page.form.fields) == ["pin"]
        page = await browser.submit(page, {"pin": "12121"}, CONFIRM)
    assert page.sent_to is not None
    assert "status=success" in page.sent_to
    paid = await bkash.execute(opened["paymentID"])
    assert paid == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": opened["paymentID"],
        "payerReference": "payer-of-seven",
        "customerMsisdn": WALLET,
        "trxID": paid["trxID"],
        "amount": "75.50",
        "transactionStatus": "Completed",
        "paymentExecuteTime": NOON,
        "currency": "BDT",
        "intent": "sale",
        "merchantInvoiceNumber": opened["merchantInvoiceNumber"],
        "agreementID": agreed["agreementID"],
        "payerType": "Customer",
        "payerAccount": WALLET,
    }
    assert await bkash.balance(WALLET) == before - 7_550
    status = await bkash.status(opened["paymentID"])
    assert (status["mode"], status["agreementID"]) == ("0001", agreed["agreementID"])


async def test_a_wrong_pin_declines_a_payment_by_agreement_as_any_other(bkash: BkashCaller) -> None:
    agreed = await bkash.an_agreement()
    opened = await bkash.ask("create", **by_agreement(agreed["agreementID"]))
    assert (await bkash.visit(opened, does=PayerDecision.WRONG_PIN)).status == "failure"
    assert await bkash.code("execute", paymentID=opened["paymentID"]) == "2015"
    assert (await status_of(bkash, agreed["agreementID"]))["agreementStatus"] == "Completed"


async def test_a_payer_may_cancel_a_payment_by_agreement(bkash: BkashCaller) -> None:
    agreed = await bkash.an_agreement()
    opened = await bkash.ask("create", **by_agreement(agreed["agreementID"]))
    assert (await bkash.visit(opened, does=PayerDecision.CANCEL)).status == "cancel"
    assert await bkash.code("execute", paymentID=opened["paymentID"]) == "2069"


async def test_an_admin_approves_a_payment_by_agreement_with_its_own_wallet(bkash: BkashCaller) -> None:
    agreed = await bkash.an_agreement()
    opened = await bkash.ask("create", **by_agreement(agreed["agreementID"]))
    await bkash.admin("POST", "approve", {"paymentID": opened["paymentID"], "wallet": "01700000009"})
    assert (await bkash.execute(opened["paymentID"]))["customerMsisdn"] == WALLET


async def test_a_cancelled_agreement_says_when_and_cannot_be_paid_by(
    bkash: BkashCaller, clock: SetClock
) -> None:
    agreed = await bkash.an_agreement()
    agreement_id = agreed["agreementID"]
    opened = await bkash.ask("create", **by_agreement(agreement_id))
    await bkash.visit(opened)
    clock.advance(seconds=90)
    assert await bkash.ask("agreement/cancel", agreementID=agreement_id) == {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "paymentID": agreed["paymentID"],
        "agreementID": agreement_id,
        "payerReference": agreed["payerReference"],
        "agreementVoidTime": "2026-03-10T12:01:30:000 GMT+0600",
        "agreementStatus": "Cancelled",
    }
    status = await status_of(bkash, agreement_id)
    assert (status["agreementStatus"], status["agreementVoidTime"][:19]) == (
        "Cancelled",
        "2026-03-10T12:01:30",
    )
    assert await bkash.code("agreement/cancel", agreementID=agreement_id) == "2053"
    assert await bkash.code("create", **by_agreement(agreement_id)) == "2053"
    before = await bkash.balance(WALLET)
    assert await bkash.code("execute", paymentID=opened["paymentID"]) == "2053"
    assert await bkash.balance(WALLET) == before


async def test_a_second_execute_is_2116_and_makes_no_second_agreement(bkash: BkashCaller) -> None:
    agreed = await bkash.an_agreement()
    assert await bkash.code("execute", paymentID=agreed["paymentID"]) == "2116"
    assert len((await bkash.admin("GET", "dump"))["agreements"]) == 1


async def test_an_execute_before_the_pin_step_is_2054_and_harms_nothing(bkash: BkashCaller) -> None:
    opened = await bkash.create_agreement()
    assert await bkash.code("execute", paymentID=opened["paymentID"]) == "2054"
    await bkash.visit(opened)
    assert await bkash.code("execute", paymentID=opened["paymentID"]) == "0000"


async def test_a_wallet_agrees_once_for_a_reference_until_it_cancels(bkash: BkashCaller) -> None:
    first = await bkash.an_agreement(payerReference="seven")
    again = await bkash.an_agreement(payerReference="seven")
    assert (again["statusCode"], "agreementID" in again) == ("2050", False)
    others = [
        await bkash.an_agreement("01700000009", payerReference="seven"),
        await bkash.an_agreement(payerReference="eight"),
    ]
    assert [other["statusCode"] for other in others] == ["0000", "0000"]
    await bkash.ask("agreement/cancel", agreementID=first["agreementID"])
    assert (await bkash.an_agreement(payerReference="seven"))["statusCode"] == "0000"


async def test_a_cancelled_or_lapsed_opening_begins_no_agreement(bkash: BkashCaller, clock: SetClock) -> None:
    cancelled, lapsed = await bkash.create_agreement(), await bkash.create_agreement()
    assert (await bkash.visit(cancelled, does=PayerDecision.CANCEL)).status == "cancel"
    assert await bkash.code("execute", paymentID=cancelled["paymentID"]) == "2053"
    await bkash.visit(lapsed)
    clock.advance(hours=24)
    await bkash.log_in()
    assert await bkash.code("execute", paymentID=lapsed["paymentID"]) == "2055"
    assert (await bkash.admin("GET", "dump"))["agreements"] == []


async def test_the_status_of_an_opening_tells_of_its_agreement(bkash: BkashCaller) -> None:
    opened = await bkash.create_agreement()
    before = await bkash.status(opened["paymentID"])
    assert (before["mode"], before["agreementStatus"], before["verificationStatus"]) == (
        "0000",
        "Initiated",
        "Incomplete",
    )
    assert not {"amount", "trxID", "transactionStatus"} & set(before)
    empty = ("customerMsisdn", "payerAccount", "agreementID", "agreementExecuteTime")
    assert [before[member] for member in empty] == [""] * 4
    await bkash.visit(opened)
    agreed = await bkash.execute(opened["paymentID"])
    after = await bkash.status(opened["paymentID"])
    assert set(after) == set(before)
    assert (after["payerAccount"], after["payerType"]) == (WALLET, "Customer")
    assert (after["agreementID"], after["agreementStatus"]) == (agreed["agreementID"], "Completed")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payerReference": ""}, "2065"),
        ({"payerReference": None}, "2065"),
        ({"payerReference": "a&b"}, "2048"),
        ({"payerReference": "x" * 256}, "2048"),
        ({"callbackURL": None}, "2065"),
        ({"callbackURL": "/return"}, "2049"),
    ],
)
async def test_an_opening_that_cannot_be_is_refused_and_opens_nothing(
    bkash: BkashCaller, change: dict[str, object], code: str
) -> None:
    assert await bkash.code("create", **(a_create_of_agreement() | change)) == code
    assert (await bkash.admin("GET", "dump"))["payments"] == []


async def test_an_opening_may_carry_the_fields_of_a_payment(bkash: BkashCaller) -> None:
    fields = a_create() | {"mode": "0000", "agreementID": "", "intent": "Sale", "amount": "0"}
    assert await bkash.code("create", **fields) == "0000"
    # They are not looked at, so the invoice number is still free.
    assert (
        await bkash.code("create", **(fields | {"mode": "0011", "intent": "sale", "amount": "9"})) == "0000"
    )


@pytest.mark.parametrize("agreement_id", [None, "", 7, ["A"], "TokenizedMerchant01UNKNOWN", "a<b"])
async def test_an_unknown_agreement_is_refused_everywhere(bkash: BkashCaller, agreement_id: object) -> None:
    assert (await status_of(bkash, agreement_id))["statusCode"] == "2051"
    assert await bkash.code("agreement/cancel", agreementID=agreement_id) == "2051"
    code = "2065" if agreement_id in (None, "") else "2051"
    assert await bkash.code("create", **by_agreement(agreement_id)) == code
    assert (await bkash.admin("GET", "dump"))["payments"] == []


async def test_a_payer_named_with_an_agreement_is_kept_and_checked(bkash: BkashCaller) -> None:
    agreement_id = (await bkash.an_agreement())["agreementID"]
    fields = by_agreement(agreement_id)
    assert await bkash.code("create", **fields, payerReference="a<b") == "2048"
    opened = await bkash.ask("create", **fields, payerReference="order-7")
    await bkash.visit(opened)
    assert (await bkash.execute(opened["paymentID"]))["payerReference"] == "order-7"


async def test_a_lost_answer_leaves_an_agreement_that_the_status_shows(bkash: BkashCaller) -> None:
    opened = await bkash.create_agreement()
    await bkash.visit(opened, magic_wallet(WalletKind.EXECUTE_LOST_DONE))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await bkash.execute(opened["paymentID"])
    assert (await bkash.status(opened["paymentID"]))["agreementStatus"] == "Completed"


async def test_an_empty_wallet_agrees_and_cannot_pay(bkash: BkashCaller) -> None:
    agreed = await bkash.an_agreement(magic_wallet(WalletKind.INSUFFICIENT_BALANCE))
    assert agreed["statusCode"] == "0000"
    opened = await bkash.ask("create", **by_agreement(agreed["agreementID"]))
    await bkash.visit(opened)
    assert await bkash.code("execute", paymentID=opened["paymentID"]) == "2023"


async def test_a_refused_cancel_leaves_the_agreement(bkash: BkashCaller) -> None:
    agreement_id = (await bkash.an_agreement())["agreementID"]
    await bkash.fault("refuse", step="agreement_cancel")
    assert await bkash.code("agreement/cancel", agreementID=agreement_id) == "2067"
    assert await bkash.code("agreement/cancel", agreementID=agreement_id) == "0000"
