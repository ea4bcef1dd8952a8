"""prepaid_vend for utilities other than NESCO: who is charged, by which number, and without a token."""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillQuery
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NoAnswer, NotFound, Posted
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.prepaid_vend.nesco_stage import DIGITS, FEE, QUOTE, NescoDesk, envelope
from tests.biller_adapters.far_side_stage import FarStage, far_stage

DPDC, DESCO, BREB, NESCO = (the_manifest(f"{name}_prepaid") for name in ("dpdc", "desco", "breb", "nesco"))
CUSTOMER, METER, MOBILE = "23456789", "21234556789", "01712345678"
PAYER = {"mobile": MOBILE, "amount": "500"}
BY_CUSTOMER = BillQuery(DPDC.id, {"customer_no": CUSTOMER, **PAYER}, {"mobile": MOBILE})
BY_METER = BillQuery(DPDC.id, {"meter_no": METER, **PAYER}, {"mobile": MOBILE})
REMOTE = {"delivery": "REMOTE", "token": ""}
LINE = TokenLine(1, TokenKind.CREDIT, DIGITS[0])
FACTS = {"order_no": "P90001", "meter_no": METER, "vendor_balance": "81500.00", "receipt": "P90001"}
NO_TOKEN = "vended, but without a token so far"


def quoted(**changes: object) -> dict[str, Any]:
    names = {"customerNo": CUSTOMER, "meterNo": METER, "customerName": "Rahela Khatun"}
    return {"transactionId": QUOTE, **names, "fee": dict(FEE)} | changes


def sold(**changes: object) -> bytes:
    bought = {"orderNo": "P90001", "balance": "81500.00", "tokenType": "CREDIT", "token": DIGITS[0]}
    return envelope(quoted(**(bought | changes)))


def a_desk(**answers: bytes) -> NescoDesk:
    desk = NescoDesk()
    desk.answers |= {"/pre-charge": envelope(quoted()), "/remote-charge": sold()}
    desk.answers |= {f"/{path.replace('_', '-')}": answer for path, answer in answers.items()}
    return desk


def dpdc(
    desk: NescoDesk | None = None, query: BillQuery = BY_CUSTOMER, manifest: Manifest = DPDC
) -> AbstractAsyncContextManager[FarStage]:
    return far_stage(manifest, query, desk or a_desk())


def keyed(manifest: Manifest = DPDC) -> Manifest:
    settings = {**manifest.family_settings, "token_delivery": "keyed"}
    return manifest.model_copy(update={"family_settings": settings})


# ---- who is charged ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "sent", "account"),
    [(BY_CUSTOMER, {"customerNo": CUSTOMER}, CUSTOMER), (BY_METER, {"meterNo": METER}, METER)],
)
async def test_either_group_names_whom_to_charge_and_the_payer_goes_along(
    query: BillQuery, sent: dict[str, str], account: str
) -> None:
    async with dpdc(query=query) as stage:
        bill = await stage.bill()
        asked = [json.loads(body) for body in stage.bodies("/pre-charge")]
    assert asked == [{**sent, "mobileNo": MOBILE, "payinAmount": "500.00"}]
    assert (bill.account, bill.details["meter_no"]) == (account, METER)


async def test_nesco_is_asked_by_its_customer_and_nothing_else() -> None:
    query = BillQuery(NESCO.id, {"customer_no": CUSTOMER, **PAYER}, {"mobile": MOBILE})
    async with dpdc(query=query, manifest=NESCO) as stage:
        await stage.bill()
        asked = [json.loads(body) for body in stage.bodies("/pre-charge")]
    assert asked == [{"customerNo": CUSTOMER, "payinAmount": "500.00"}]


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        (BY_CUSTOMER, {"customerNo": "23499999"}),
        (BY_CUSTOMER, {"customerNo": None}),
        (BY_METER, {"meterNo": "21234599999"}),
        (BY_METER, {"meterNo": ""}),
    ],
)
async def test_a_quote_for_somebody_else_is_no_quote(query: BillQuery, changes: dict[str, object]) -> None:
    async with dpdc(a_desk(pre_charge=envelope(quoted(**changes))), query) as stage:
        assert isinstance(await stage.adapter.fetch(query), BillerSilent)


@pytest.mark.parametrize("changes", [{"meterNo": "21234599999"}, {"mobileNo": "01899999999"}])
async def test_what_was_not_asked_by_may_be_anything(changes: dict[str, object]) -> None:
    async with dpdc(a_desk(pre_charge=envelope(quoted(**changes)))) as stage:
        assert (await stage.bill()).account == CUSTOMER


async def test_a_payer_alone_names_nobody() -> None:
    query = BillQuery(DPDC.id, PAYER, {"mobile": MOBILE})
    async with dpdc() as stage:
        assert isinstance(await stage.adapter.fetch(query), BillerSilent)
        assert stage.peer.heard == []


async def test_an_amount_beyond_their_bounds_is_no_missing_meter() -> None:
    async with dpdc(a_desk(pre_charge=envelope(code="10024"))) as stage:
        assert await stage.adapter.fetch(BY_CUSTOMER) == AmountRefused()


# ---- without a token ---------------------------------------------------------------------------------------


async def test_a_meter_that_was_credited_from_afar_needs_no_token() -> None:
    desk = a_desk(remote_charge=sold(**REMOTE), history=sold(**REMOTE))
    async with dpdc(desk) as stage:
        order = await stage.order("vend")
        facts = FACTS | {"token_delivery": "remote"}
        assert await stage.adapter.pay(order) == Approved(facts)
        assert await stage.adapter.inquire(order) == Posted(order.reference, 50_000, facts)


async def test_a_token_as_fallback_is_the_payers() -> None:
    async with dpdc(a_desk(remote_charge=sold(delivery="TOKEN"))) as stage:
        assert await stage.adapter.pay(await stage.order("vend")) == Approved(FACTS, (LINE,))


async def test_a_token_beside_a_remote_credit_is_kept_all_the_same() -> None:
    async with dpdc(a_desk(remote_charge=sold(delivery="REMOTE"))) as stage:
        assert await stage.adapter.pay(await stage.order("vend")) == Approved(FACTS, (LINE,))


@pytest.mark.parametrize(
    "changes",
    [
        {"token": ""},
        {"token": None, "delivery": None},
        {"token": "", "delivery": "TOKEN"},
        {"token": "", "delivery": "remote"},
        {"token": "", "delivery": ["REMOTE"]},
        {"token": "", "delivery": True},
    ],
)
async def test_without_their_word_for_it_a_missing_token_stays_in_doubt(changes: dict[str, object]) -> None:
    desk = a_desk(remote_charge=sold(**changes), history=sold(**changes))
    async with dpdc(desk) as stage:
        order = await stage.order("vend")
        assert await stage.adapter.pay(order) == InDoubt(NO_TOKEN)
        assert await stage.adapter.inquire(order) == NoAnswer(NO_TOKEN)


@pytest.mark.parametrize("manifest", [keyed(), NESCO])
async def test_where_tokens_are_keyed_in_a_remote_credit_is_no_approval(manifest: Manifest) -> None:
    desk = a_desk(remote_charge=sold(**REMOTE), history=sold(**REMOTE))
    query = replace(BY_CUSTOMER, biller_id=manifest.id)
    async with dpdc(desk, query, manifest) as stage:
        order = await stage.order("vend")
        assert await stage.adapter.pay(order) == InDoubt(NO_TOKEN)
        assert await stage.adapter.inquire(order) == NoAnswer(NO_TOKEN)


@pytest.mark.parametrize("token", ["1001", f"{DIGITS[0]},", "soon"])
async def test_a_broken_token_is_a_doubt_whatever_they_say_of_the_credit(token: str) -> None:
    async with dpdc(a_desk(remote_charge=sold(delivery="REMOTE", token=token))) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
    assert isinstance(outcome, InDoubt)
    assert token not in outcome.why


@pytest.mark.parametrize("number", [None, "", ["P90001"]])
async def test_without_a_receipt_nothing_is_proven(number: object) -> None:
    desk = a_desk(remote_charge=sold(**REMOTE, orderNo=number), history=sold(**REMOTE, orderNo=number))
    async with dpdc(desk) as stage:
        order = await stage.order("vend")
        assert await stage.adapter.pay(order) == InDoubt("orderNo is no text")
        assert await stage.adapter.inquire(order) == NoAnswer("orderNo is no text")


# ---- the last response -------------------------------------------------------------------------------------


async def test_after_a_lost_answer_the_history_is_asked_and_nothing_is_vended_again() -> None:
    desk = a_desk(history=sold())
    desk.rude["/remote-charge"] = lambda caller: caller.hang_up()
    async with dpdc(desk) as stage:
        order = await stage.order("vend")
        assert isinstance(await stage.adapter.pay(order), InDoubt)
        assert await stage.adapter.inquire(order) == Posted(order.reference, 50_000, FACTS, (LINE,))
        assert stage.paths() == ["/login", "/pre-charge", "/remote-charge", "/history"]
        assert [json.loads(body) for body in stage.bodies("/history")] == [{"transactionId": QUOTE}]


@pytest.mark.parametrize(
    ("code", "reason"),
    [("10020", "quote_expired"), ("10022", "limit_reached"), ("10023", "refused"), ("10021", "refused")],
)
@pytest.mark.parametrize("manifest", [DPDC, DESCO, BREB], ids=lambda manifest: manifest.id)
async def test_a_refusal_is_told_in_our_words(manifest: Manifest, code: str, reason: str) -> None:
    desk = a_desk(pre_charge=envelope(quoted(accountNo="41234567")), remote_charge=envelope(code=code))
    named = {"customer_no": CUSTOMER, "account_no": "41234567", "meter_no": METER}
    own = {entry.name for entry in manifest.parameters}
    fields = {name: text for name, text in {**named, **PAYER}.items() if name in own}
    async with dpdc(desk, BillQuery(manifest.id, fields, {"mobile": MOBILE}), manifest) as stage:
        assert await stage.adapter.pay(await stage.order("vend")) == Declined(reason, code)


async def test_nothing_vended_is_not_found() -> None:
    async with dpdc(a_desk(history=envelope(code="10009"))) as stage:
        assert await stage.adapter.inquire(await stage.order("vend")) == NotFound()


# ---- the manifest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"send_colour": "colour"},
        {"send_customer_no": "customer no"},
        {"send_customer_no": ""},
        {"token_delivery": "by post"},
        {"receipt_member": "order no"},
        {"remote_word": ""},
        {"colour": "red"},
    ],
)
async def test_settings_that_make_no_sense_are_refused(settings: dict[str, str]) -> None:
    told = {**DPDC.family_settings, **settings}
    await _refused(DPDC.model_copy(update={"family_settings": told}))


async def test_a_family_that_only_knows_who_pays_is_refused() -> None:
    kept = {name: word for name, word in DPDC.family_settings.items() if not name.startswith("send_")}
    await _refused(DPDC.model_copy(update={"family_settings": {**kept, "send_mobile": "mobileNo"}}))


async def _refused(manifest: Manifest) -> None:
    async with dpdc() as stage:
        around = FamilyContext(stage.wire, stage.tokens, stage.clock, stage.environ)
        with pytest.raises(ManifestError, match=DPDC.id):
            adapter_of(manifest, around)
