"""Paying the treasury against a far side without manners: money is a challan, a plain no or a doubt."""

import asyncio
import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biller_adapters.registry import adapter_of
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
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.challans.challan_stage import (
    CHALLAN,
    CONFIRM,
    DEMAND,
    DETAILS,
    INITIATE,
    MOBILE,
    PASSPORT,
    PAYMENT_ID,
    QUERY,
    TRANSACTION,
    ChallanDesk,
    challan_stage,
    confirmed_said,
    demand_said,
    details_said,
    initiated_said,
    said,
    sent,
)
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.scripted_peer import Caller, Manners

FACTS = {"receipt": CHALLAN, "payment_id": PAYMENT_ID, "transaction_id": TRANSACTION}


async def test_a_payment_is_registered_and_confirmed_and_brings_its_challan() -> None:
    async with challan_stage(ChallanDesk()) as stage:
        order = await stage.order("pay")
        assert await stage.adapter.pay(order) == Approved(FACTS)
    assert stage.paths() == ["/token", DEMAND, INITIATE, CONFIRM]
    assert sent(stage, INITIATE) == [
        {
            "paymentid": PAYMENT_ID,
            "paidamount": "4025.00",
            "paymenttype": "1142202",
            "organization_code": "1220301103520",
            "nid": "",
            "tin": "",
            "bin": "",
            "mobile": MOBILE,
            "email": "",
            "pob_nid": "",
            "pob_dob": "",
            "personcount": 1,
            "addleconomic": [{"economic_code": "1141101", "amount": "525.00"}],
            "demand_no": "EP-1",
            "remarks": "",
        }
    ]
    assert sent(stage, CONFIRM) == [
        {"paymentid": PAYMENT_ID, "paidamount": "4025.00", "transaction_id": TRANSACTION}
    ]


async def test_sent_again_it_is_the_same_payment_to_the_byte() -> None:
    async with challan_stage(ChallanDesk()) as stage:
        order = await stage.order("pay")
        assert await stage.adapter.pay(order) == await stage.another_process().pay(order)
    for path in (INITIATE, CONFIRM):
        first, second = stage.bodies(path)
        assert first == second


async def test_another_amount_than_the_quoted_one_never_leaves() -> None:
    async with challan_stage(ChallanDesk()) as stage:
        order = await stage.order("pay")
        dearer = replace(order, sums=replace(order.sums, amount=Money(402_600)))
        assert isinstance(await stage.adapter.pay(dearer), Unreached)
    assert stage.paths() == ["/token", DEMAND]


# ---- the registration --------------------------------------------------------------------------------------

REFUSALS = [
    ("101", "no_such_bill"),
    ("102", "already_paid"),
    ("103", "amount_differs"),
    ("104", "refused"),
    ("105", "refused"),
]


@pytest.mark.parametrize(("code", "reason"), REFUSALS)
async def test_a_refused_registration_is_a_plain_no(code: str, reason: str) -> None:
    desk = ChallanDesk()
    desk.answers[INITIATE] = said(code, transaction_id=TRANSACTION)
    async with challan_stage(desk) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Declined(reason, code)
        assert CONFIRM not in stage.paths()


@pytest.mark.parametrize(
    "answer",
    [initiated_said(transaction_id=""), initiated_said(transaction_id=None), said("199"), said(None)],
    ids=["empty", "nothing", "a code nobody mapped", "no code"],
)
async def test_a_registration_that_is_not_whole_confirms_nothing(answer: bytes) -> None:
    desk = ChallanDesk()
    desk.answers[INITIATE] = answer
    async with challan_stage(desk) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert CONFIRM not in stage.paths()


RUDE_AT_FIRST = rude_manners(initiated_said())


@pytest.mark.parametrize("manners", RUDE_AT_FIRST.values(), ids=RUDE_AT_FIRST.keys())
async def test_a_lost_registration_is_in_doubt_and_confirms_nothing(manners: Manners) -> None:
    async with challan_stage(ChallanDesk({INITIATE: manners})) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert CONFIRM not in stage.paths()


# ---- the confirmation --------------------------------------------------------------------------------------


async def test_a_confirmation_that_comes_too_late_is_not_sent_and_nothing_is_paid() -> None:
    async def dawdle(caller: Caller) -> None:
        await asyncio.sleep(0.3)
        await caller.answer(initiated_said())

    async with challan_stage(ChallanDesk({INITIATE: dawdle})) as stage:
        order = await stage.order("pay", seconds=0.2)
        assert isinstance(await stage.adapter.pay(order), Unreached)
    assert CONFIRM not in stage.paths()


@pytest.mark.parametrize(("code", "reason"), [*REFUSALS[:4], ("106", "nothing_saved")])
async def test_a_refused_confirmation_is_a_plain_no(code: str, reason: str) -> None:
    desk = ChallanDesk()
    desk.answers[CONFIRM] = said(code, challan_no=CHALLAN)
    async with challan_stage(desk) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Declined(reason, code)


BROKEN = {
    "another amount": confirmed_said(paidamount="4025.01"),
    "no amount": confirmed_said(paidamount=None),
    "another payment": confirmed_said(paymentid="OTHERPAYMENT2"),
    "no payment": confirmed_said(paymentid=None),
    "another registration": confirmed_said(transaction_id="TX2"),
    "no challan": confirmed_said(challan_no=None),
    "a challan that is none": confirmed_said(challan_no="2526-1"),
    "a code nobody mapped": said("299"),
    "a grant instead": said(None, access_token="token", expires_in=3600),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_a_confirmation_that_is_not_whole_or_not_ours_is_in_doubt(answer: bytes) -> None:
    desk = ChallanDesk()
    desk.answers[CONFIRM] = answer
    async with challan_stage(desk) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)


RUDE = rude_manners(confirmed_said())


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE.keys())
async def test_a_lost_confirmation_is_in_doubt_and_never_repeated(manners: Manners) -> None:
    async with challan_stage(ChallanDesk({CONFIRM: manners})) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert stage.paths().count(CONFIRM) == 1


async def test_a_token_that_is_refused_is_renewed_once_and_then_it_is_a_no() -> None:
    desk = ChallanDesk()
    async with challan_stage(desk) as stage:
        order = await stage.order("pay")
        desk.good_token = "moved on"
        assert isinstance(await stage.adapter.pay(order), Approved)
        assert stage.paths().count(INITIATE) == 2
        desk.refuses_tokens = True
        assert await stage.adapter.pay(order) == Declined("not_authenticated", "401")
    assert stage.paths().count(CONFIRM) == 1


# ---- asked afterwards --------------------------------------------------------------------------------------


async def test_a_challan_that_stands_is_a_posted_payment() -> None:
    desk = ChallanDesk()
    desk.answers[DETAILS] = details_said()
    facts = {"receipt": CHALLAN, "payment_id": PAYMENT_ID, "payment_date": "20-10-2025"}
    facts |= {"bank_name": "EKPAY", "challan_used": "no"}
    async with challan_stage(desk) as stage:
        order = await stage.order("pay")
        assert await stage.adapter.inquire(order) == Posted(order.reference, 402_500, facts)
        desk.answers[DETAILS] = details_said(used_flag="Y", paidamount="4026.00")
        used = await stage.adapter.inquire(order)
        desk.answers[DETAILS] = details_said(used_flag="?")
        unsaid = await stage.adapter.inquire(order)
    assert sent(stage, DETAILS)[0] == {"paymentid": PAYMENT_ID}
    assert used == Posted(order.reference, 402_600, {**facts, "challan_used": "yes"})
    assert isinstance(unsaid, Posted)
    assert "challan_used" not in unsaid.facts


@pytest.mark.parametrize("code", ["201", "202"])
async def test_unknown_or_initiated_only_is_not_found(code: str) -> None:
    desk = ChallanDesk()
    desk.answers[DETAILS] = said(code)
    async with challan_stage(desk) as stage:
        assert await stage.adapter.inquire(await stage.order("pay")) == NotFound()


@pytest.mark.parametrize(
    "answer",
    [
        details_said(payment_id="OTHERPAYMENT2"),
        details_said(challan_no=""),
        details_said(paidamount=None),
        said("299"),
        said("401"),
    ],
    ids=["another payment", "no challan", "no amount", "a code nobody mapped", "not let in"],
)
async def test_details_that_settle_nothing_settle_nothing(answer: bytes) -> None:
    desk = ChallanDesk()
    desk.answers[DETAILS] = answer
    async with challan_stage(desk) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)


RUDE_DETAILS = rude_manners(details_said())


@pytest.mark.parametrize("manners", RUDE_DETAILS.values(), ids=RUDE_DETAILS.keys())
async def test_details_without_manners_settle_nothing(manners: Manners) -> None:
    async with challan_stage(ChallanDesk({DETAILS: manners})) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)


# ---- whatever is answered ----------------------------------------------------------------------------------

LEAVES = st.sampled_from(("0", "101", "202", PAYMENT_ID, TRANSACTION, CHALLAN, "4025.00", "", "\x00", None))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(
    ("responsecode", "challan_no", "paymentid", "payment_id", "paidamount", "transaction_id")
)
ANSWERS = st.dictionaries(NAMES, LEAVES | NUMBERS | st.lists(LEAVES, max_size=2), max_size=7)


class EchoWire:
    """Registers whatever comes, and answers everything else with one document."""

    def __init__(self, document: object) -> None:
        self.document = document

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side
        if request.url.endswith(INITIATE):
            return WireAnswer(200, {}, initiated_said())
        if request.url.endswith(DEMAND):
            return WireAnswer(200, {}, demand_said())
        return WireAnswer(200, {}, json.dumps(self.document).encode())


@cache
def an_order() -> PayOrder:
    async def make() -> PayOrder:
        async with challan_stage(ChallanDesk()) as stage:
            return replace(await stage.order("pay"), send_before=1.0)

    return asyncio.run(make())


@given(ANSWERS)
def test_only_a_whole_answer_about_this_payment_is_a_challan(document: dict[str, Any]) -> None:
    order = an_order()

    async def ask() -> None:
        wire, shelf = EchoWire(document), InMemoryTokens({PASSPORT.id: "token"})
        adapter = adapter_of(PASSPORT, FamilyContext(wire, shelf, StoppedClock(NOON), {}))
        outcome, inquiry = await adapter.pay(order), await adapter.inquire(order)
        is_good = str(document.get("responsecode")) == "0" and document.get("challan_no") == CHALLAN
        ours = document.get("paymentid") == PAYMENT_ID and document.get("transaction_id") == TRANSACTION
        paid = str(document.get("paidamount")) in {"4025.00", "4025", "4025.0"}
        assert isinstance(outcome, Approved) == (is_good and ours and paid)
        assert not isinstance(inquiry, Posted) or (is_good and document.get("payment_id") == PAYMENT_ID)
        await adapter.fetch(QUERY)

    asyncio.run(ask())
