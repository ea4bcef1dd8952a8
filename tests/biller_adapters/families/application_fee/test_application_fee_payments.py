"""application_fee against an office without manners: paid with a receipt, refused, or in doubt."""

import json
from dataclasses import replace

import pytest

from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NoAnswer, NotFound, Posted, Unreached
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.application_fee.land_office_stage import (
    ORGANISATION,
    REFERENCE,
    LandOffice,
    code_said,
    demand_said,
    land_office,
    paid_said,
    status_said,
)
from tests.biller_adapters.far_side_stage import rude_manners

RUDE = rude_manners(paid_said())
RECEIPT, DAKHILA = "IR2510200001", "DK2510200001"
# What makes an answer about a payment worthless, whichever call it answers.
NOT_OURS = [
    {"transactionId": "OTHER000000000000000001"},
    {"transactionId": None},
    {"reference": "566007654321"},
    {"reference": None},
    {"service": "holding-tax"},
    {"stage": "court"},
    {"receiptNo": ""},
    {"receiptNo": "9" * 65},
    {"receiptNo": ["IR1"]},
    {"amount": "lots"},
    {"amount": None},
    {"interim": "yes"},
    {"interim": None},
    {"finalReceiptNo": ["DK1"]},
    {"finalReceiptNo": {}},
]


def office_saying(**answers: bytes) -> LandOffice:
    office = LandOffice()
    office.answers |= {f"/{path}": said for path, said in answers.items()}
    return office


# ---- paying ------------------------------------------------------------------------------------------------


async def test_a_payment_says_what_was_quoted() -> None:
    async with land_office() as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Approved({"receipt": RECEIPT})
    assert [json.loads(body) for body in stage.bodies("/pay")] == [
        {
            "service": "land-development-tax",
            "reference": REFERENCE,
            "transactionId": EXAMPLE_REFERENCE,
            "amount": "1018.75",
            "heads": [
                {"code": "current_tax", "amount": "700.00"},
                {"code": "arrears", "amount": "300.00"},
                {"code": "interest", "amount": "18.75"},
            ],
            "details": {"demandNo": REFERENCE, "ownerType": "citizen"},
        }
    ]


async def test_a_part_is_paid_without_heads() -> None:
    office = office_saying(demand=demand_said(partAllowed=True), pay=paid_said(amount="500.00"))
    async with land_office(office, {**ORGANISATION, "amount": "500.00"}) as stage:
        order = await stage.order("pay")
        assert order.sums.billed_amount == Money(50_000)
        assert isinstance(await stage.adapter.pay(order), Approved)
    (body,) = (json.loads(body) for body in stage.bodies("/pay"))
    assert (body["amount"], body["heads"]) == ("500.00", [])


async def test_a_step_is_named_in_the_payment_and_in_its_answer() -> None:
    mutation = the_manifest("emutation_application")
    naming = {"reference": "250900123456", "service": "mutation-application", "stage": "court"}
    office = office_saying(
        demand=demand_said({"court_fee": "20.00"}, **naming, total="20.00", outstanding="20.00"),
        pay=paid_said(**naming, amount="20.00"),
    )
    named = {"application_no": "250900123456", "stage": "court", "mobile": "01712345678"}
    async with land_office(office, named, mutation) as stage:
        order = await stage.order("pay")
        assert isinstance(await stage.adapter.pay(order), Approved)
        office.answers["/pay"] = paid_said(**{**naming, "stage": "notice"}, amount="20.00")
        assert isinstance(await stage.adapter.pay(order), InDoubt)
    assert json.loads(stage.bodies("/pay")[0])["stage"] == "court"
    assert json.loads(stage.bodies("/demand")[0])["stage"] == "court"


async def test_the_same_order_again_is_the_same_call() -> None:
    async with land_office() as stage:
        order = await stage.order("pay")
        assert await stage.adapter.pay(order) == await stage.another_process().pay(order)
    first, second = stage.bodies("/pay")
    assert first == second


@pytest.mark.parametrize("how", RUDE)
async def test_whatever_else_an_office_does_to_a_payment_is_in_doubt(how: str) -> None:
    async with land_office(LandOffice(rude={"/pay": RUDE[how]})) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert stage.paths().count("/pay") == 1


@pytest.mark.parametrize("changes", [*NOT_OURS, {"amount": "1018.74"}, {"code": "00"}], ids=str)
async def test_an_answer_that_is_not_ours_and_whole_is_in_doubt(changes: dict[str, object]) -> None:
    async with land_office(office_saying(pay=paid_said(**changes))) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("11", Declined("no_such_bill", "11")),
        ("12", Declined("already_paid", "12")),
        ("13", InDoubt("reply code 13")),  # land tax has no steps
        ("14", Declined("quote_expired", "14")),
        ("15", Declined("amount_differs", "15")),
        ("16", Declined("refused", "16")),
        ("20", Declined("refused", "20")),
        ("21", InDoubt("reply code 21")),
        ("91", InDoubt("reply code 91")),
        ("77", InDoubt("reply code 77")),
    ],
)
async def test_what_codes_mean_to_a_payment(code: str, outcome: object) -> None:
    async with land_office(office_saying(pay=code_said(code))) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == outcome


async def test_an_amount_that_was_not_quoted_is_never_sent() -> None:
    async with land_office() as stage:
        order = await stage.order("pay")
        other = replace(order, sums=Sums(Money(101_874), ZERO, ZERO, ZERO))
        assert isinstance(await stage.adapter.pay(other), Unreached)
        assert stage.bodies("/pay") == []


async def test_a_refused_key_is_an_answered_no_and_not_tried_twice() -> None:
    async with land_office() as stage:
        order = await stage.order("pay")
    async with land_office(EKPAY_LDTAX_PASSWORD="guess") as stage:
        late = replace(order, send_before=order.send_before + 60)
        assert await stage.adapter.pay(late) == Declined("not_authenticated", "401")
        assert stage.paths() == ["/pay"]


async def test_without_a_password_nothing_is_sent() -> None:
    async with land_office() as stage:
        order = await stage.order("pay")
    async with land_office(EKPAY_LDTAX_PASSWORD="") as stage:
        assert await stage.adapter.pay(order) == Unreached("EKPAY_LDTAX_PASSWORD is not set")
        assert await stage.adapter.inquire(order) == NoAnswer(
            "EKPAY_LDTAX_PASSWORD is not set", was_asked=False
        )
        assert stage.peer.heard == []


# ---- receipts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({}, {"receipt": RECEIPT}),
        ({"finalReceiptNo": ""}, {"receipt": RECEIPT}),
        ({"finalReceiptNo": None}, {"receipt": RECEIPT}),
        ({"interim": False}, {"receipt": RECEIPT, "final_receipt": RECEIPT}),
        ({"finalReceiptNo": DAKHILA}, {"receipt": RECEIPT, "final_receipt": DAKHILA}),
        ({"interim": False, "finalReceiptNo": DAKHILA}, {"receipt": RECEIPT, "final_receipt": DAKHILA}),
    ],
)
async def test_which_receipts_there_are(changes: dict[str, object], facts: dict[str, str]) -> None:
    office = office_saying(pay=paid_said(**changes), status=status_said(**changes))
    async with land_office(office) as stage:
        order = await stage.order("pay")
        assert await stage.adapter.pay(order) == Approved(facts)
        assert await stage.adapter.inquire(order) == Posted(EXAMPLE_REFERENCE, 101_875, facts)


# ---- asking afterwards -------------------------------------------------------------------------------------


async def test_an_inquiry_names_the_transaction() -> None:
    async with land_office() as stage:
        await stage.adapter.inquire(await stage.order("pay"))
    (asked,) = (json.loads(body) for body in stage.bodies("/status"))
    assert asked == {"service": "land-development-tax", "transactionId": EXAMPLE_REFERENCE}


async def test_another_amount_is_told_as_the_office_tells_it() -> None:
    async with land_office(office_saying(status=status_said(amount="1019.75"))) as stage:
        asked = await stage.adapter.inquire(await stage.order("pay"))
    assert asked == Posted(EXAMPLE_REFERENCE, 101_975, {"receipt": RECEIPT})


@pytest.mark.parametrize("changes", [*NOT_OURS, {"state": "queued"}, {"state": None}], ids=str)
async def test_an_answer_about_something_else_settles_nothing(changes: dict[str, object]) -> None:
    async with land_office(office_saying(status=status_said(**changes))) as stage:
        asked = await stage.adapter.inquire(await stage.order("pay"))
    assert isinstance(asked, NoAnswer)
    assert asked.was_asked


@pytest.mark.parametrize(
    ("code", "inquiry"),
    [
        ("21", NotFound()),
        ("11", NoAnswer("reply code 11")),
        ("91", NoAnswer("reply code 91")),
        ("77", NoAnswer("reply code 77")),
    ],
)
async def test_what_codes_mean_to_an_inquiry(code: str, inquiry: object) -> None:
    async with land_office(office_saying(status=code_said(code))) as stage:
        assert await stage.adapter.inquire(await stage.order("pay")) == inquiry


@pytest.mark.parametrize("how", RUDE)
async def test_whatever_else_an_office_does_to_a_question_settles_nothing(how: str) -> None:
    async with land_office(LandOffice(rude={"/status": RUDE[how]})) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)
