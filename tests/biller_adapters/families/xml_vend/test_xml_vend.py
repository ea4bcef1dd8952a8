"""xml_vend against a far side without manners: the token is kept, whatever becomes of its acknowledgement."""

from dataclasses import replace

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillMissing, BillQuery, ChargeLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, NoAnswer, NotFound, Posted, Unreached
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from tests.biller_adapters.families.xml_vend.bpdb_stage import (
    ACKNOWLEDGE,
    BPDB,
    DIGITS,
    METER,
    QUERY,
    RECORDS,
    REF_CODE,
    SPLIT,
    SUCCESS,
    VEND,
    VERIFY,
    BpdbDesk,
    asked,
    bpdb_stage,
    said,
    vended,
    verified,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.scripted_peer import Manners

LINE = TokenLine(1, TokenKind.CREDIT, DIGITS[0])
FACTS = {"vendor_balance": "81500.00", "receipt": REF_CODE}
KNOWN = FACTS | {"final_receipt": REF_CODE}
LOGIN = {"userName": "ekpay", "userPass": "open sesame"}
NO_TOKEN = "vended, but without a token so far"
RUDE = rude_manners(vended())
DOCTYPE = b'<!DOCTYPE response [<!ENTITY s "0">]>' + vended().replace(b'state="0"', b'state="&s;"')


# ---- verifying ---------------------------------------------------------------------------------------------


async def test_what_the_money_becomes_is_told_in_the_billers_own_lines() -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        bill = await stage.bill()
        fields = {"meterNum": METER, "amount": "500.00", "calcMode": "SMS", "vendingMode": "SMS"}
        assert asked(stage, VERIFY) == LOGIN | fields
        assert stage.peer.heard[-1].headers["content-type"] == "application/x-www-form-urlencoded"
    assert (bill.bill_key, bill.bill_number, bill.account) == ("", REF_CODE, METER)
    assert (bill.total, bill.amount, bill.vat) == (Money(50_000), Money(50_000), Money(0))
    assert bill.charges == (
        ChargeLine("arrearAMT", Money(10_000)),
        ChargeLine("feeAMT", Money(14_781)),
        ChargeLine("engAMT", Money(25_219)),
    )
    assert bill.biller_quote == {"ref_code": REF_CODE, "meter_no": METER, "amount": "500.00"}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(verified(engAMT="252.49"), id="lines that are not the amount"),
        pytest.param(verified(engAMT=None), id="a line missing"),
        pytest.param(verified(feeAMT="1,47.81"), id="a comma"),
        pytest.param(verified(refCode=None), id="no number"),
        pytest.param(verified(refCode=DIGITS[0]), id="a token for a number"),
        pytest.param(said("12"), id="service not available"),
        pytest.param(said("99"), id="a state nobody mapped"),
        pytest.param(said("31"), id="not let in"),
        pytest.param(SUCCESS, id="another call's word"),
    ],
)
async def test_an_answer_that_cannot_be_trusted_is_no_bill(answer: bytes) -> None:
    async with bpdb_stage(BpdbDesk(answers={VERIFY: answer})) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


@pytest.mark.parametrize(
    ("state", "reply"), [("21", BillMissing()), ("46", AmountRefused()), ("88", AmountRefused())]
)
async def test_a_no_to_an_amount_is_told(state: str, reply: object) -> None:
    async with bpdb_stage(BpdbDesk(answers={VERIFY: said(state)})) as stage:
        assert await stage.adapter.fetch(QUERY) == reply


async def test_an_amount_that_is_none_is_asked_of_nobody() -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        query = BillQuery(BPDB.id, {"meter_no": METER, "amount": "5e2"})
        assert isinstance(await stage.adapter.fetch(query), BillerSilent)
        assert stage.peer.heard == []


# ---- vending -----------------------------------------------------------------------------------------------


async def test_a_vend_goes_under_our_reference_and_its_token_is_acknowledged() -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
        names = {"transID": EXAMPLE_REFERENCE, "refCode": REF_CODE}
        fields = {"meterNum": METER, "amount": "500.00", "calcMode": "SMS", "vendingMode": "SMS"}
        assert asked(stage, VEND) == LOGIN | fields | names
        assert asked(stage, ACKNOWLEDGE) == LOGIN | names
        assert stage.paths() == [VERIFY, VEND, ACKNOWLEDGE]
    assert outcome == Approved(KNOWN, (LINE,))


@pytest.mark.parametrize(
    ("token", "length"),
    [("".join(DIGITS[:4]), 4), ("".join(DIGITS), 12), (",".join(DIGITS[:3]), 3), (DIGITS[0], 1)],
)
async def test_every_line_keeps_its_place_and_the_last_is_the_credit(token: str, length: int) -> None:
    desk = BpdbDesk()
    desk.answers[VEND] = vended(token=token)
    async with bpdb_stage(desk) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
    assert isinstance(outcome, Approved)
    assert [line.digits for line in outcome.tokens] == list(DIGITS[:length])
    kinds = [TokenKind.UNSPECIFIED] * (length - 1) + [TokenKind.CREDIT]
    assert [line.kind for line in outcome.tokens] == kinds


@pytest.mark.parametrize("token", ["1001" * 4, "1001" * 6, f"{DIGITS[0]},", "1001 " * 5, "soon"])
async def test_a_token_that_is_none_is_a_doubt_that_names_no_digit(token: str) -> None:
    desk = BpdbDesk()
    desk.answers[VEND] = desk.answers[RECORDS] = vended(token=token)
    async with bpdb_stage(desk) as stage:
        order = await stage.order("vend")
        outcome, inquiry = await stage.adapter.pay(order), await stage.adapter.inquire(order)
        assert ACKNOWLEDGE not in stage.paths()
    assert isinstance(outcome, InDoubt)
    assert isinstance(inquiry, NoAnswer)
    assert not any(sign.isdecimal() for sign in outcome.why + inquiry.why)


@pytest.mark.parametrize("token", ["", None])
async def test_while_the_token_is_being_made_nothing_is_acknowledged(token: str | None) -> None:
    desk = BpdbDesk()
    desk.answers[VEND] = desk.answers[RECORDS] = vended(token=token)
    async with bpdb_stage(desk) as stage:
        order = await stage.order("vend")
        assert await stage.adapter.pay(order) == InDoubt(NO_TOKEN)
        assert await stage.adapter.inquire(order) == NoAnswer(NO_TOKEN)
        assert ACKNOWLEDGE not in stage.paths()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(vended(transID="ANOTHER000000000000000001"), id="somebody else's"),
        pytest.param(vended(refCode="V2510200000000002"), id="of something else"),
        pytest.param(vended(transID=None), id="without our reference"),
        pytest.param(vended(**(SPLIT | {"engAMT": "252.49"})), id="for another amount"),
        pytest.param(vended(engAMT=None), id="without an amount"),
        pytest.param(SUCCESS, id="the bare word of an acknowledgement"),
        pytest.param(said("12"), id="service not available"),
        pytest.param(said("99"), id="a state nobody mapped"),
        pytest.param(said("44"), id="an inquiry's state"),
        pytest.param(DOCTYPE, id="a DOCTYPE"),
    ],
)
async def test_a_vend_that_cannot_be_trusted_is_in_doubt_and_sent_once(answer: bytes) -> None:
    desk = BpdbDesk()
    desk.answers[VEND] = answer
    async with bpdb_stage(desk) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("vend")), InDoubt)
        assert stage.paths() == [VERIFY, VEND]


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_a_vend_without_a_usable_answer_is_in_doubt_and_sent_once(manners: Manners) -> None:
    async with bpdb_stage(BpdbDesk(rude={VEND: manners})) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend"))
        assert isinstance(outcome, InDoubt), outcome
        assert stage.paths() == [VERIFY, VEND]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("21", "no_such_bill"),
        ("31", "not_authenticated"),
        ("40", "quote_expired"),
        ("41", "refused"),
        ("45", "refused"),
        ("88", "limit_reached"),
    ],
)
async def test_only_a_mapped_state_is_a_refusal(state: str, reason: str) -> None:
    desk = BpdbDesk()
    desk.answers[VEND] = said(state)
    async with bpdb_stage(desk) as stage:
        assert await stage.adapter.pay(await stage.order("vend")) == Declined(reason, state)
        assert stage.paths() == [VERIFY, VEND]


async def test_another_amount_than_the_verified_one_is_never_sent() -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        order = await stage.order("vend")
        other = replace(order, sums=replace(order.sums, amount=Money(50_001)))
        assert isinstance(await stage.adapter.pay(other), Unreached)
        assert VEND not in stage.paths()


async def test_after_its_last_moment_a_vend_is_not_sent() -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        outcome = await stage.adapter.pay(await stage.order("vend", seconds=0.0))
        assert outcome == Unreached("the send deadline passed")
        assert VEND not in stage.paths()


# ---- acknowledging -----------------------------------------------------------------------------------------

LOST = rude_manners(SUCCESS) | {
    "another word": lambda caller: caller.answer(b"failure"),
    "a state": lambda caller: caller.answer(said("12")),
    "fine as a state": lambda caller: caller.answer(said("0")),
}


@pytest.mark.parametrize("manners", LOST.values(), ids=LOST)
async def test_whatever_becomes_of_the_acknowledgement_the_token_is_the_payers(manners: Manners) -> None:
    async with bpdb_stage(BpdbDesk(rude={ACKNOWLEDGE: manners})) as stage:
        order = await stage.order("vend")
        assert await stage.adapter.pay(order) == Approved(FACTS, (LINE,))
        assert await stage.adapter.inquire(order) == Posted(EXAMPLE_REFERENCE, 50_000, FACTS, (LINE,))
        assert stage.paths().count(ACKNOWLEDGE) == 2


async def test_an_acknowledgement_that_is_missing_is_sent_with_the_next_question() -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("vend"))
        assert inquiry == Posted(EXAMPLE_REFERENCE, 50_000, KNOWN, (LINE,))
        assert asked(stage, RECORDS) == LOGIN | {"transID": EXAMPLE_REFERENCE}
        assert stage.paths() == [VERIFY, RECORDS, ACKNOWLEDGE]


async def test_what_is_acknowledged_is_not_acknowledged_again() -> None:
    desk = BpdbDesk()
    desk.answers[RECORDS] = vended(acknowledged="Y")
    async with bpdb_stage(desk) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("vend"))
        assert inquiry == Posted(EXAMPLE_REFERENCE, 50_000, KNOWN, (LINE,))
        assert ACKNOWLEDGE not in stage.paths()


async def test_of_another_amount_nothing_is_said_before_two_persons_saw_it() -> None:
    desk = BpdbDesk()
    desk.answers[RECORDS] = vended(acknowledged="N", engAMT="253.19")
    async with bpdb_stage(desk) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("vend"))
        assert inquiry == Posted(EXAMPLE_REFERENCE, 50_100, FACTS, (LINE,))
        assert ACKNOWLEDGE not in stage.paths()


# ---- asking afterwards -------------------------------------------------------------------------------------


async def test_no_record_is_not_found() -> None:
    desk = BpdbDesk()
    desk.answers[RECORDS] = said("44")
    async with bpdb_stage(desk) as stage:
        assert await stage.adapter.inquire(await stage.order("vend")) == NotFound()


RUDE_RECORDS = rude_manners(said("44")) | {
    "a state nobody mapped": lambda caller: caller.answer(said("99")),
    "service not available": lambda caller: caller.answer(said("12")),
    "another payment": lambda caller: caller.answer(vended(transID="ANOTHER000000000000000001")),
    "the bare word": lambda caller: caller.answer(SUCCESS),
    "not let in": lambda caller: caller.answer(said("31")),
}


@pytest.mark.parametrize("manners", RUDE_RECORDS.values(), ids=RUDE_RECORDS)
async def test_only_a_sound_answer_settles_a_doubt(manners: Manners) -> None:
    async with bpdb_stage(BpdbDesk(rude={RECORDS: manners})) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("vend"))
        assert isinstance(inquiry, NoAnswer)
        assert inquiry.was_asked is not inquiry.is_shut_out


# ---- the password, and the manifest ------------------------------------------------------------------------


async def test_a_password_may_hold_any_sign_and_is_in_no_outcome() -> None:
    password = "a<b>&\"c' d=%+\u09ac"
    async with bpdb_stage(BpdbDesk(), EKPAY_BPDB_PREPAID_PASSWORD=password) as stage:
        order = await stage.order("vend")
        outcome, inquiry = await stage.adapter.pay(order), await stage.adapter.inquire(order)
        assert asked(stage, VEND)["userPass"] == password
    assert isinstance(outcome, Approved)
    assert password not in repr((order, outcome, inquiry))


async def test_a_missing_password_is_named_and_nothing_is_sent() -> None:
    async with bpdb_stage(BpdbDesk(), EKPAY_BPDB_PREPAID_PASSWORD="") as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent("EKPAY_BPDB_PREPAID_PASSWORD is not set")
        assert stage.peer.heard == []


@pytest.mark.parametrize(
    "change",
    [
        {"family_settings": {"colour": "red"}},
        {"parameters": BPDB.parameters[1:]},
        {"operations": {name: one for name, one in BPDB.operations.items() if name != "acknowledge"}},
    ],
)
async def test_a_manifest_that_the_family_cannot_use_is_refused(change: dict[str, object]) -> None:
    async with bpdb_stage(BpdbDesk()) as stage:
        around = FamilyContext(stage.wire, stage.tokens, stage.clock, stage.environ)
        broken: Manifest = BPDB.model_copy(update=change)
        with pytest.raises(ManifestError, match=BPDB.id):
            adapter_of(broken, around)
