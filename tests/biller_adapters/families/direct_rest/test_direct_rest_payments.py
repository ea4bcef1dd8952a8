"""direct_rest, paying and asking: approved is what is whole, ours and of our amount; all else is a doubt."""

import json
from dataclasses import replace
from datetime import date

import pytest

from biller_adapters.fetching import paid_bill
from biller_adapters.rehearsal import EXAMPLE_REFERENCE, order_for
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.direct_rest.direct_rest_stage import (
    ACCOUNT,
    BILL,
    PAID,
    RECEIPT,
    WEST_ZONE,
    DirectDesk,
    bill_said,
    direct_stage,
    envelope,
    paid_said,
    payment_data,
    reworded,
    saying,
)
from tests.biller_adapters.far_side_stage import FarStage, rude_manners
from tests.wire.scripted_peer import Caller, Manners

RUDE = rude_manners(PAID)
FACTS = {"message": "as said", "receipt": RECEIPT}
OTHER_REFERENCE = "EXAMPLE0000000000000002"


async def outcome_of(said: bytes) -> Outcome:
    async with direct_stage(saying(payment=said)) as stage:
        return await stage.adapter.pay(await stage.order("pay"))


def sent(stage: FarStage, path: str) -> list[dict[str, object]]:
    return [json.loads(body) for body in stage.bodies(path)]


async def test_a_payment_says_everything_that_is_asked_for() -> None:
    async with direct_stage() as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Approved(FACTS)
        assert sent(stage, "/payment") == [
            {
                "billNo": BILL,
                "accountNo": ACCOUNT,
                "transactionId": EXAMPLE_REFERENCE,
                "amount": "1050.00",
                "paidAt": "2025-10-20T12:00:00+06:00",
                "stampQty": 1,
                "channel": "EKPAY",
            }
        ]


@pytest.mark.parametrize(("total", "stamps"), [("400.00", 0), ("400.01", 1)])
async def test_a_stamp_is_told_above_four_hundred_taka(total: str, stamps: int) -> None:
    desk = saying(bill=bill_said(amount=total, vat="0.00", total=total))
    async with direct_stage(desk) as stage:
        await stage.adapter.pay(await stage.order("pay"))
        assert [one["stampQty"] for one in sent(stage, "/payment")] == [stamps]


@pytest.mark.parametrize(
    "changes",
    [
        {"transactionId": OTHER_REFERENCE},
        {"transactionId": None},
        {"amount": "1049.99"},
        {"amount": "1050.001"},
        {"amount": None},
        {"amount": True},
        {"receiptNo": None},
        {"receiptNo": ""},
        {"receiptNo": "W\x00"},
        {"receiptNo": ["W"]},
        {"code": "2000"},
        {"code": 200.0},
        {"code": None},
        {"code": "999"},
    ],
    ids=str,
)
async def test_what_is_not_whole_not_ours_or_not_mapped_is_in_doubt(changes: dict[str, object]) -> None:
    assert isinstance(await outcome_of(paid_said(**changes)), InDoubt)


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE.keys())
async def test_a_payment_without_a_usable_answer_is_in_doubt_and_sent_once(manners: Manners) -> None:
    async with direct_stage(DirectDesk(rude={"/payment": manners})) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert stage.paths().count("/payment") == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [("404", "no_such_bill"), ("410", "already_paid"), ("411", "amount_differs"), ("412", "refused")],
)
async def test_a_mapped_no_is_a_no(code: str, reason: str) -> None:
    assert await outcome_of(envelope(code)) == Declined(reason, code)


async def test_a_token_that_is_refused_costs_one_login_and_one_repeat() -> None:
    async with direct_stage(DirectDesk(rude={"/payment": refuse_at_the_door})) as stage:
        outcome = await stage.adapter.pay(await stage.order("pay"))
        assert outcome == Declined("not_authenticated", "401")
        assert stage.paths() == ["/login", "/bill", "/payment", "/login", "/payment"]


async def refuse_at_the_door(caller: Caller) -> None:
    await caller.answer(envelope("401"), status=401)


async def test_after_its_last_moment_nothing_is_sent() -> None:
    async with direct_stage() as stage:
        outcome = await stage.adapter.pay(await stage.order("pay", seconds=0.0))
        assert isinstance(outcome, Unreached)
        assert "/payment" not in stage.paths()


async def test_without_a_password_nothing_is_sent() -> None:
    async with direct_stage(EKPAY_WZPDCL_POSTPAID_PASSWORD="") as stage:
        order = order_of_another_process()
        assert await stage.adapter.pay(order) == Unreached("EKPAY_WZPDCL_POSTPAID_PASSWORD is not set")
        inquiry = await stage.adapter.inquire(order)
        assert isinstance(inquiry, NoAnswer)
        assert not inquiry.was_asked
        assert stage.paths() == []


def order_of_another_process() -> PayOrder:
    bill = paid_bill(BILL, ACCOUNT)
    return order_for(
        WEST_ZONE.id, replace(bill, biller_quote={"their_bill_number": BILL}), date(2025, 10, 20)
    )


# ---- asking ------------------------------------------------------------------------------------------------


async def test_what_was_taken_under_our_reference_is_posted() -> None:
    async with direct_stage(saying(status=envelope(payment=payment_data()))) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("pay"))
        assert inquiry == Posted(EXAMPLE_REFERENCE, 105_000, FACTS)
        assert sent(stage, "/status") == [{"transactionId": EXAMPLE_REFERENCE}]


async def test_another_amount_is_told_as_it_is() -> None:
    said = envelope(payment=payment_data(amount="1051.00"))
    async with direct_stage(saying(status=said)) as stage:
        assert await stage.adapter.inquire(await stage.order("pay")) == Posted(
            EXAMPLE_REFERENCE, 105_100, FACTS
        )


async def test_nothing_under_our_reference_is_not_found() -> None:
    async with direct_stage() as stage:
        assert await stage.adapter.inquire(await stage.order("pay")) == NotFound()


@pytest.mark.parametrize(
    "said",
    [
        envelope(payment=payment_data(transactionId=OTHER_REFERENCE)),
        envelope(payment=payment_data(billNo="2508301234567")),
        envelope(payment=payment_data(state="HELD")),
        envelope(payment=payment_data(amount=None)),
        envelope(payment=payment_data(receiptNo="")),
        envelope(payment=[payment_data()]),
        envelope(payment=None),
        envelope(),
        envelope("410"),
        envelope("999"),
        b"",
    ],
)
async def test_an_answer_that_settles_nothing(said: bytes) -> None:
    async with direct_stage(saying(status=said)) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE.keys())
async def test_a_question_without_a_usable_answer(manners: Manners) -> None:
    async with direct_stage(DirectDesk(rude={"/status": manners})) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)


# ---- how a payment names its bill --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pay_names", "named"),
    [
        ("bill", {"billNo": BILL, "accountNo": ACCOUNT}),
        ("parameters", {"customer": ACCOUNT}),
        ("both", {"customer": ACCOUNT, "billNo": BILL, "accountNo": ACCOUNT}),
    ],
)
async def test_a_payment_names_its_bill_as_the_manifest_says(pay_names: str, named: dict[str, str]) -> None:
    manifest = reworded(send_account_no="customer", pay_names=pay_names)
    async with direct_stage(manifest=manifest) as stage:
        await stage.adapter.pay(await stage.order("pay"))
        (said,) = sent(stage, "/payment")
    assert {name: said[name] for name in ("customer", "billNo", "accountNo") if name in said} == named


@pytest.mark.parametrize("pay_names", ["bill", "parameters", "both"])
async def test_a_quote_that_names_no_bill_is_not_sent(pay_names: str) -> None:
    async with direct_stage(manifest=reworded(pay_names=pay_names)) as stage:
        order = replace(await stage.order("pay"), biller_quote={})
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert "/payment" not in stage.paths()


async def test_a_mobile_number_goes_along_where_the_manifest_sends_it() -> None:
    gas = the_manifest("kgdcl_gas")
    mobile = next(entry for entry in gas.parameters if entry.names_payer)
    manifest = reworded(send_mobile="payerMobile", pay_names="both")
    manifest = manifest.model_copy(update={"parameters": (*WEST_ZONE.parameters, mobile)})
    async with direct_stage(manifest=manifest) as stage:
        order = await stage.order("pay")
        assert "mobile" not in order.biller_quote
        await stage.adapter.pay(replace(order, biller_quote={**order.biller_quote, "mobile": "01712345678"}))
        assert sent(stage, "/payment")[0]["payerMobile"] == "01712345678"


async def test_the_amount_paid_is_the_one_that_was_quoted() -> None:
    async with direct_stage(saying(payment=paid_said(amount="1000.00"))) as stage:
        order = await stage.order("pay")
        part = replace(order, sums=replace(order.sums, amount=Money(100_000)))
        assert isinstance(await stage.adapter.pay(part), Approved)
        assert sent(stage, "/payment")[0]["amount"] == "1000.00"
