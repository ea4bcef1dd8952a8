"""`mdm_data`: whoever builds a form from it has all that a fetch needs, for every biller of ours."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from biller_adapters.registry import build
from ekpay_switch.api.syndicate import answers
from ekpay_switch.api.syndicate.messages import BillPart
from ekpay_switch.domain.amount_bounds import AmountBounds
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.flows.bills.fetch_bill import chosen_parameters
from ekpay_switch.ports.billers import BillerProfile, Parameter
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.api.api_setup import Caller, Content, Desk
from tests.fakes.billers import BILL_NUMBER, PROFILE
from tests.wire.conftest import HandClock

CONFIG = Path(__file__).parents[3] / "config"
BILLERS = build(CONFIG, HttpWire(HandClock()), InMemoryTokens(), HandClock(), {}).all()
PROFILES = [biller.profile for biller in BILLERS]
TOLD: list[Content] = answers.master_data_answer(PROFILES)["mdm_data"]
ALWAYS = {"nm", "lbl_en", "lbl_bn", "typ", "reqrd", "rgx", "exmpl", "grp"}
SOMETIMES = {"chcs", "amt_min", "amt_max", "amt_stp", "nms_pyr"}
BANGLA = re.compile(r"[\u0980-\u09ff]")

KIND = Parameter(
    "bill_type", "bll_typ", "Bill type", "বিলের ধরন", "^(M|NM)$", "NM", "A", is_required=True,
    choices=(("M", "Metered", "মিটারযুক্ত"), ("NM", "Non-metered", "মিটারবিহীন")),
)  # fmt: skip
AMOUNT = Parameter(
    "amount", "amount", "Amount", "টাকা", "^[0-9]+$", "500", "A", is_required=True,
    bounds=AmountBounds(Money(10_000), Money(1_500_000), Money(100)),
)  # fmt: skip
every_biller = pytest.mark.parametrize(
    ("profile", "told"), list(zip(PROFILES, TOLD, strict=True)), ids=[profile.id for profile in PROFILES]
)


def as_filled(parameter: Parameter) -> str:
    """The example as a message hands it on: amounts without decimals where they are whole."""
    is_amount = parameter.wire_name == "amount"
    return parameter.example.removesuffix(".00") if is_amount else parameter.example


async def told_of(desk: Desk, bank: Caller, profile: BillerProfile) -> Content:
    desk.small.biller.profile = profile
    (biller,) = (await bank.exchange(bank.write.master_data()))["mdm_data"]
    assert isinstance(biller, dict)
    return biller


async def test_choices_are_told_in_both_languages(desk: Desk, bank: Caller) -> None:
    biller = await told_of(desk, bank, replace(PROFILE, parameters=(BILL_NUMBER, KIND)))
    number, kind = biller["input_params"]
    assert set(number) == ALWAYS
    assert kind["chcs"] == [
        {"val": "M", "lbl_en": "Metered", "lbl_bn": "মিটারযুক্ত"},
        {"val": "NM", "lbl_en": "Non-metered", "lbl_bn": "মিটারবিহীন"},
    ]


async def test_bounds_are_told_in_taka_where_there_are_any(desk: Desk, bank: Caller) -> None:
    biller = await told_of(desk, bank, replace(PROFILE, parameters=(AMOUNT,)))
    (amount,) = biller["input_params"]
    assert set(amount) == ALWAYS | {"amt_min", "amt_max", "amt_stp"}
    assert (amount["amt_min"], amount["amt_max"], amount["amt_stp"]) == ("100.00", "15000.00", "1.00")
    open_ended = replace(AMOUNT, bounds=AmountBounds(None, None, Money(1)))
    biller = await told_of(desk, bank, replace(PROFILE, parameters=(open_ended,)))
    assert set(biller["input_params"][0]) == ALWAYS | {"amt_stp"}


async def test_what_names_the_payer_and_what_a_biller_gives_is_told(desk: Desk, bank: Caller) -> None:
    mobile = replace(BILL_NUMBER, name="mobile", wire_name="bill_mobno", names_payer=True)
    biller = await told_of(desk, bank, replace(PROFILE, parameters=(BILL_NUMBER, mobile)))
    assert [parameter.get("nms_pyr") for parameter in biller["input_params"]] == [None, "Y"]
    assert (biller["bll_once"], biller["gvs_tkn"]) == ("Y", "N")
    prepaid = replace(PROFILE, takes_bill_once=False, gives_tokens=True)
    biller = await told_of(desk, bank, prepaid)
    assert (biller["bll_once"], biller["gvs_tkn"]) == ("N", "Y")


# ---- every biller of this installation


async def test_the_answer_about_every_biller_travels_whole(desk: Desk, bank: Caller) -> None:
    desk.small.billers.known = list(BILLERS)
    answer = await bank.exchange(bank.write.master_data())
    assert answer["mdm_data"] == json.loads(json.dumps(TOLD))
    ids = [biller["bllr_id"] for biller in TOLD]
    assert len(set(ids)) == len(ids) == len(PROFILES)


@every_biller
def test_what_is_told_of_a_biller_is_well_formed(profile: BillerProfile, told: Content) -> None:
    assert re.fullmatch(r"b[0-9]{3,5}", told["bllr_id"])
    assert (told["bllr_nm"], bool(BANGLA.search(told["bllr_nm_bn"]))) == (profile.name_en, True)
    assert told["bllr_typ"] in {"postpaid", "prepaid"}
    assert told["bllr_sts"] in {"A", "D", "S"}
    assert {told["bll_once"], told["gvs_tkn"]} <= {"Y", "N"}
    for parameter in told["input_params"]:
        assert parameter.keys() >= ALWAYS
        assert parameter.keys() <= ALWAYS | SOMETIMES
        assert BANGLA.search(parameter["lbl_bn"])
        assert re.fullmatch(parameter["rgx"], parameter["exmpl"], re.ASCII)
        assert all(value for name, value in parameter.items() if name != "chcs")


@every_biller
def test_choices_and_bounds_admit_their_own_example(profile: BillerProfile, told: Content) -> None:
    assert len(profile.parameters) == len(told["input_params"])
    for parameter in told["input_params"]:
        choices = [choice["val"] for choice in parameter.get("chcs", [])]
        assert len(set(choices)) == len(choices)
        assert not choices or parameter["exmpl"] in choices
        assert all(BANGLA.search(choice["lbl_bn"]) for choice in parameter.get("chcs", []))
        if "amt_min" in parameter and "amt_max" in parameter:
            least, most = parse_taka(parameter["amt_min"]), parse_taka(parameter["amt_max"])
            assert least <= parse_taka(parameter["exmpl"]) <= most


@every_biller
def test_a_form_filled_in_with_the_examples_names_a_bill(profile: BillerProfile, told: Content) -> None:
    """From the answer alone, by every group, through the message of a fetch."""
    for group in {parameter["grp"] for parameter in told["input_params"]}:
        fields = {one["nm"]: one["exmpl"] for one in told["input_params"] if one["grp"] == group}
        message = BillPart.model_validate({"bllr_id": told["bllr_id"], **fields})
        wanted = {one.name: as_filled(one) for one in profile.parameters if one.group == group}
        assert chosen_parameters(profile, message.filled_members()) == wanted
