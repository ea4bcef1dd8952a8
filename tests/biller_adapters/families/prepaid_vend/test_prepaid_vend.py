"""prepaid_vend against a far side without manners: money is a token or a doubt, never anything in between."""

import json
from dataclasses import replace
from typing import Any

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import BillerSilent, BillMissing, BillQuery, ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    NoAnswer,
    NotFound,
    Posted,
    Unreached,
)
from ekpay_switch.domain.vending import TokenKind, TokenLine
from tests.biller_adapters.families.prepaid_vend.nesco_stage import (
    CUSTOMER,
    DIGITS,
    FEE,
    QUERY,
    QUOTE,
    SOLD,
    NescoDesk,
    envelope,
    nesco_stage,
    quote_data,
    vend_data,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.scripted_peer import Manners

CREDIT, KEY_CHANGE, TARIFF, OTHER = (
    TokenKind.CREDIT,
    TokenKind.KEY_CHANGE,
    TokenKind.TARIFF,
    TokenKind.UNSPECIFIED,
)
FACTS = {"order_no": "N90001", "meter_no": "31041234567", "vendor_balance": "81500.00"}
RUDE = rude_manners(SOLD)
BAD_TOKENS: tuple[object, ...] = (
    "1001" * 4,
    "1001" * 6,
    " ".join(["1001"] * 5),
    f"{DIGITS[0]},",
    f",{DIGITS[0]}",
    f"{DIGITS[0]}\n",
    "\N{BENGALI DIGIT ONE}" * 20,
    "soon",
    1001.5,
    True,
    [DIGITS[0]],
    {},
)


def with_fee(**changes: object) -> bytes:
    return envelope(quote_data(fee={**FEE, **changes}))


def kinds(lines: tuple[TokenLine, ...]) -> list[TokenKind]:
    return [line.kind for line in lines]


# ---- quotes ------------------------------------------------------------------------------------------------


async def test_a_quote_shows_what_the_money_becomes_in_the_billers_own_lines(nesco: Manifest) -> None:
    async with nesco_stage(nesco, NescoDesk()) as stage:
        bill = await stage.bill()
    assert (bill.bill_key, bill.bill_number, bill.account) == ("", QUOTE, CUSTOMER)
    assert (bill.total, bill.vat, bill.amount, bill.rounding) == (
        Money(50_000),
        Money(900),
        Money(49_100),
        Money(0),
    )
    assert bill.charges == (
        ChargeLine("energyCost", Money(36_929)),
        ChargeLine("demandCharge", Money(8_400)),
        ChargeLine("rebate", Money(-229)),
        ChargeLine("pfc", Money(0)),
        ChargeLine("debt", Money(0)),
        ChargeLine("meterRent", Money(4_000)),
        ChargeLine("vat", Money(900)),
        ChargeLine("tax", Money(0)),
    )
    assert bill.details == {"customer_name": "Abdul Karim", "meter_no": "31041234567"}
    assert [json.loads(body) for body in stage.bodies("/pre-charge")] == [
        {"customerNo": CUSTOMER, "payinAmount": "500.00"}
    ]
    heard = stage.peer.heard[-1].headers
    assert (heard["access_token"], heard["content-type"]) == ("token-1", "application/json")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(with_fee(energyCost="369.28"), id="lines that are not their total"),
        pytest.param(with_fee(purchaseAmount="600.00", energyCost="469.29"), id="another amount"),
        pytest.param(with_fee(energyCost="3,69.29"), id="a comma"),
        pytest.param(with_fee(rebate="--2.29"), id="two signs"),
        pytest.param(with_fee(vat="-9.00", energyCost="387.29"), id="VAT below zero"),
        pytest.param(with_fee(vat="600.00", rebate="-593.29"), id="more VAT than money"),
        pytest.param(with_fee(**{"1001" * 5: "0.00"}), id="a line that is no name"),
        pytest.param(with_fee(**{f"line{n}": "0.00" for n in range(40)}), id="lines without end"),
        pytest.param(with_fee(rebate=None), id="a line without an amount"),
        pytest.param(envelope(quote_data(fee={"purchaseAmount": "500.00"})), id="no lines"),
        pytest.param(envelope(quote_data(fee=None)), id="no fee"),
        pytest.param(envelope(quote_data(customerNo="14054321")), id="another customer"),
        pytest.param(envelope(quote_data(transactionId="")), id="no number"),
        pytest.param(envelope([quote_data()]), id="a list"),
        pytest.param(envelope(quote_data(), code="10012"), id="in doubt in their own words"),
    ],
)
async def test_a_quote_that_cannot_be_trusted_is_no_quote(nesco: Manifest, answer: bytes) -> None:
    desk = NescoDesk()
    desk.answers["/pre-charge"] = answer
    async with nesco_stage(nesco, desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


async def test_amounts_may_come_as_numbers_and_stay_exact(nesco: Manifest) -> None:
    desk = NescoDesk()
    numbers = json.dumps(quote_data(fee={name: float(amount) for name, amount in FEE.items()}))
    desk.answers["/pre-charge"] = f'{{"resultcode": 0, "data": {numbers}}}'.encode()
    async with nesco_stage(nesco, desk) as stage:
        bill = await stage.bill()
    assert [(line.label, line.amount) for line in bill.charges][:3] == [
        ("energyCost", Money(36_929)),
        ("demandCharge", Money(8_400)),
        ("rebate", Money(-229)),
    ]


@pytest.mark.parametrize("code", ["404", "10001", 404])
async def test_an_unknown_customer_is_missing(nesco: Manifest, code: object) -> None:
    desk = NescoDesk()
    desk.answers["/pre-charge"] = envelope(code=code)
    async with nesco_stage(nesco, desk) as stage:
        assert await stage.adapter.fetch(QUERY) == BillMissing()


async def test_an_amount_that_is_none_is_asked_of_nobody(nesco: Manifest) -> None:
    async with nesco_stage(nesco, NescoDesk()) as stage:
        query = BillQuery("nesco_prepaid", {"customer_no": CUSTOMER, "amount": "5e2"})
        assert isinstance(await stage.adapter.fetch(query), BillerSilent)
        assert stage.peer.heard == []


# ---- vending -----------------------------------------------------------------------------------------------


async def test_a_vend_names_its_quote_and_brings_the_token(nesco: Manifest) -> None:
    async with nesco_stage(nesco, NescoDesk()) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
    assert outcome == Approved(FACTS, (TokenLine(1, CREDIT, DIGITS[0]),))
    assert [json.loads(body) for body in stage.bodies("/remote-charge")] == [{"transactionId": QUOTE}]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (vend_data(12), [TARIFF] * 11 + [CREDIT]),
        (vend_data(3, tokenType="KEYCHANGE, KEYCHANGE, CREDIT"), [KEY_CHANGE, KEY_CHANGE, CREDIT]),
        (vend_data(2, tokenType="CREDIT,TARIFF"), [CREDIT, TARIFF]),
        (vend_data(2, tokenType="BONUS,CREDIT"), [OTHER, CREDIT]),
        (vend_data(3, tokenType="TARIFF,CREDIT"), [OTHER, OTHER, CREDIT]),
        (vend_data(3, tokenType=None), [OTHER, OTHER, CREDIT]),
        (vend_data(1, tokenType=None), [CREDIT]),
        (vend_data(1, tokenType=["CREDIT"]), [CREDIT]),
        (vend_data(1, tokenType="BONUS"), [OTHER]),
        (vend_data(3, tokenType=7), [OTHER, OTHER, CREDIT]),
    ],
)
async def test_every_line_keeps_its_place_and_its_kind(
    nesco: Manifest, data: dict[str, Any], expected: list[TokenKind]
) -> None:
    desk = NescoDesk()
    desk.answers["/remote-charge"] = envelope(data)
    async with nesco_stage(nesco, desk) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
    assert isinstance(outcome, Approved)
    assert kinds(outcome.tokens) == expected
    assert [line.digits for line in outcome.tokens] == list(DIGITS[: len(expected)])
    assert [line.seq for line in outcome.tokens] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("token", BAD_TOKENS)
async def test_a_token_that_is_none_is_a_doubt_that_names_no_digit(nesco: Manifest, token: object) -> None:
    desk = NescoDesk()
    desk.answers["/remote-charge"] = desk.answers["/history"] = envelope(vend_data(token=token))
    async with nesco_stage(nesco, desk) as stage:
        order = await stage.order("vend")
        outcome, inquiry = await stage.adapter.pay(order), await stage.adapter.inquire(order)
    assert isinstance(outcome, InDoubt)
    assert isinstance(inquiry, NoAnswer)
    assert not any(sign.isdecimal() for sign in outcome.why + inquiry.why)


@pytest.mark.parametrize("data", [vend_data(token=""), vend_data(token=None), quote_data()])
async def test_while_the_token_is_being_made_the_payment_is_in_doubt(
    nesco: Manifest, data: dict[str, Any]
) -> None:
    desk = NescoDesk()
    desk.answers["/remote-charge"] = desk.answers["/history"] = envelope(data)
    async with nesco_stage(nesco, desk) as stage:
        order = await stage.order("vend")
        assert await stage.adapter.pay(order) == InDoubt("vended, but without a token so far")
        assert await stage.adapter.inquire(order) == NoAnswer("vended, but without a token so far")


@pytest.mark.parametrize(
    "data",
    [
        vend_data(transactionId="Q2510200000000002"),
        vend_data(fee={**FEE, "purchaseAmount": "600.00"}),
        vend_data(fee={"purchaseAmount": "5,00.00"}),
        vend_data(fee={}),
    ],
)
async def test_a_vend_of_something_else_is_in_doubt(nesco: Manifest, data: dict[str, Any]) -> None:
    desk = NescoDesk()
    desk.answers["/remote-charge"] = envelope(data)
    async with nesco_stage(nesco, desk) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("vend")), InDoubt)


async def test_a_fact_that_repeats_the_token_is_not_kept(nesco: Manifest) -> None:
    desk = NescoDesk()
    desk.answers["/remote-charge"] = envelope(vend_data(orderNo=f"token {DIGITS[0]}"))
    async with nesco_stage(nesco, desk) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
    assert isinstance(outcome, Approved)
    assert "order_no" not in outcome.facts
    assert DIGITS[0] not in repr(outcome)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("10020", Declined("quote_expired", "10020")),
        ("10001", Declined("quote_expired", "10001")),
        ("10021", Declined("refused", "10021")),
        (10022, Declined("limit_reached", "10022")),
        ("10012", InDoubt("reply code 10012")),
        ("10113", InDoubt("reply code 10113")),
        ("10115", InDoubt("reply code 10115")),
        ("404", InDoubt("reply code 404")),
        (DIGITS[0], InDoubt("resultcode is no code")),
    ],
)
async def test_only_a_mapped_code_is_a_refusal(
    nesco: Manifest, code: object, outcome: Declined | InDoubt
) -> None:
    desk = NescoDesk()
    desk.answers["/remote-charge"] = envelope(code=code)
    async with nesco_stage(nesco, desk) as stage:
        assert await stage.adapter.pay(await stage.order("vend")) == outcome
        assert stage.paths().count("/remote-charge") == 1


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_a_vend_without_a_usable_answer_is_in_doubt_and_sent_once(
    nesco: Manifest, manners: Manners
) -> None:
    async with nesco_stage(nesco, NescoDesk(rude={"/remote-charge": manners})) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
        assert isinstance(outcome, InDoubt), outcome
        assert stage.paths().count("/remote-charge") == 1


async def test_another_amount_than_the_quoted_one_is_never_sent(nesco: Manifest) -> None:
    async with nesco_stage(nesco, NescoDesk()) as stage:
        order = await stage.order("vend")
        other = replace(order, sums=replace(order.sums, amount=Money(50_001)))
        assert isinstance(await stage.adapter.pay(other), Unreached)
        assert "/remote-charge" not in stage.paths()


async def test_after_its_last_moment_a_vend_is_not_sent(nesco: Manifest) -> None:
    async with nesco_stage(nesco, NescoDesk()) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend", seconds=0.0))
        assert outcome == Unreached("the send deadline passed")
        assert "/remote-charge" not in stage.paths()


# ---- asking afterwards -------------------------------------------------------------------------------------


async def test_what_was_vended_is_posted_with_its_amount_and_its_token(nesco: Manifest) -> None:
    desk = NescoDesk()
    desk.answers["/history"] = envelope(vend_data(fee={**FEE, "purchaseAmount": "600.00"}))
    async with nesco_stage(nesco, desk) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("vend"))
    assert inquiry == Posted(EXAMPLE_REFERENCE, 60_000, FACTS, (TokenLine(1, CREDIT, DIGITS[0]),))
    assert [json.loads(body) for body in stage.bodies("/history")] == [{"transactionId": QUOTE}]


@pytest.mark.parametrize("code", ["10001", "10009", "10011", 10011])
async def test_nothing_vended_is_not_found(nesco: Manifest, code: object) -> None:
    desk = NescoDesk()
    desk.answers["/history"] = envelope(code=code)
    async with nesco_stage(nesco, desk) as stage:
        assert await stage.adapter.inquire(await stage.order("vend")) == NotFound()


RUDE_HISTORY = rude_manners(envelope(code="10001")) | {
    "a code nobody mapped": lambda caller: caller.answer(envelope(code="10012")),
    "another quote's vend": lambda caller: caller.answer(envelope(vend_data(transactionId="Q1"))),
}


@pytest.mark.parametrize("manners", RUDE_HISTORY.values(), ids=RUDE_HISTORY)
async def test_only_a_sound_answer_settles_a_doubt(nesco: Manifest, manners: Manners) -> None:
    async with nesco_stage(nesco, NescoDesk(rude={"/history": manners})) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("vend"))
        assert isinstance(inquiry, NoAnswer)
        assert inquiry.was_asked


# ---- the token of the line ---------------------------------------------------------------------------------


async def test_a_token_that_ended_costs_one_login_and_one_repeat(nesco: Manifest) -> None:
    desk = NescoDesk()
    async with nesco_stage(nesco, desk) as stage:
        order = await stage.order("vend")
        desk.good_token = "rotated"
        assert isinstance(await stage.adapter.pay(order), Approved)
        assert stage.paths() == ["/login", "/pre-charge", "/remote-charge", "/login", "/remote-charge"]
    assert [json.loads(body) for body in stage.bodies("/login")] == [
        {"userName": "ekpay", "password": "open sesame"}
    ] * 2


async def test_refused_at_the_door_twice_is_an_answered_no(nesco: Manifest) -> None:
    desk = NescoDesk(rude={"/remote-charge": lambda caller: caller.answer(b"no", status=401)})
    async with nesco_stage(nesco, desk) as stage:
        assert await stage.adapter.pay(await stage.order("vend")) == Declined("not_authenticated", "401")
        assert stage.paths().count("/remote-charge") == 2


async def test_a_missing_password_is_named_and_nothing_is_sent(nesco: Manifest) -> None:
    async with nesco_stage(nesco, NescoDesk(), EKPAY_NESCO_PASSWORD="") as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent("EKPAY_NESCO_PASSWORD is not set")
        assert stage.peer.heard == []
