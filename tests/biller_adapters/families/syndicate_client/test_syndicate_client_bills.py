"""How syndicate_client logs in and fetches: what it says, and whatever a far side makes of that."""

import re
from dataclasses import replace
from datetime import date

import pytest

from biller_adapters.families.syndicate_client import SyndicateClient
from biller_adapters.registry import adapter_of
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillMissing
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from sandbox.kit.jwe import seal
from tests.biller_adapters.families.syndicate_client.syndicate_stage import (
    ACK,
    BALANCE,
    BILL,
    CUSTOMER,
    FETCH,
    JALALABAD,
    LOGIN,
    OTHER_SECRET,
    QUERY,
    SECRET,
    Answering,
    SyndicateDesk,
    bill_data,
    bill_said,
    coded,
    grant,
    head_of,
    saying,
    sent,
    status_block,
    syndicate_stage,
)
from tests.biller_adapters.far_side_stage import FarStage, rude_manners

REFERENCE = re.compile(r"[A-Z0-9]{20,32}")


def prefunds_of(stage: FarStage) -> SyndicateClient:
    assert isinstance(stage.adapter, SyndicateClient)
    return stage.adapter


async def test_a_fetch_says_who_asks_and_which_bill() -> None:
    async with syndicate_stage() as stage:
        await stage.bill()
        (asked,) = sent(stage, FETCH)
    assert asked["bll_inf"] == {
        "bllr_id": "b430",
        "bll_typ": "M",
        "mode": "SAPI",
        "bllr_accno": CUSTOMER,
        "bill_mobno": "01712345678",
    }
    assert asked["usr_inf"] == {"syndct_id": "s8801"}
    assert asked["hdrs"] | {"ref_id": ""} == {
        "nm": "FETCH_BLL_REQ",
        "ver": "v1.3.0",
        "tms": "2025-10-20T12:00:00+06:00",
        "ref_id": "",
        "nd_id": "NS8801",
    }
    assert all(REFERENCE.fullmatch(one) for one in (asked["hdrs"]["ref_id"], asked["trx"]["trx_id"]))


async def test_every_fetch_has_ids_of_its_own_and_a_type_where_none_was_chosen() -> None:
    named = {"customer_code": CUSTOMER}
    async with syndicate_stage() as stage:
        for _ in range(2):
            assert isinstance(await stage.adapter.fetch(replace(QUERY, parameters=named)), BillFound)
        asked = sent(stage, FETCH)
    assert len({one for call in asked for one in (call["hdrs"]["ref_id"], call["trx"]["trx_id"])}) == 4
    assert {call["bll_inf"]["bll_typ"] for call in asked} == {"NM"}


async def test_a_bill_keeps_what_its_payment_needs() -> None:
    async with syndicate_stage() as stage:
        bill = await stage.bill()
        (asked,) = sent(stage, FETCH)
    lines = (bill.amount, bill.vat, bill.late_fee, bill.total)
    assert lines == (Money(100_000), Money(5_000), Money(10_000), Money(115_000))
    assert (bill.bill_key, bill.bill_number, bill.account, bill.unpaid_count) == (BILL, BILL, CUSTOMER, 1)
    assert (bill.issued_on, bill.due_on) == (date(2025, 10, 5), date(2025, 10, 15))
    assert bill.details == {
        "customer_name": "Shahida Begum",
        "address": "House 7, Road 3, Sylhet",
        "meter_no": "54321098",
        "kwh": "142",
        "period_from": "2025-09-01",
        "period_to": "2025-09-30",
        "mobile": "01712345678",
    }
    quote = bill.biller_quote
    assert (quote["ref_id"], quote["refno_ack"]) == (asked["hdrs"]["ref_id"], ACK)
    assert (quote["upstream_fee"], quote["bllr_inf.bll_amnt_ttl"]) == ("5.75", "1150")
    assert "bllr_inf.bll_lines" not in quote


async def test_the_oldest_of_several_says_how_many_wait() -> None:
    async with syndicate_stage(saying(FETCH, bill_said(bll_cnt="3"))) as stage:
        assert (await stage.bill()).unpaid_count == 3


async def test_without_a_number_an_account_and_its_period_name_the_bill() -> None:
    async with syndicate_stage(saying(FETCH, bill_said(bll_no=None))) as stage:
        assert (await stage.bill()).bill_key == f"{CUSTOMER}/2025-09-01"


@pytest.mark.parametrize("answer", [bill_said(is_bll_pd="Y"), coded("1003"), bill_said(bll_amnt_ttl="0")])
async def test_a_paid_bill_is_an_answer(answer: Answering) -> None:
    async with syndicate_stage(saying(FETCH, answer)) as stage:
        bill = await stage.bill()
    assert (bill.is_paid, bill.total) == (True, Money(0))


async def test_an_unknown_customer_is_a_missing_bill() -> None:
    async with syndicate_stage(saying(FETCH, coded("1002"))) as stage:
        assert await stage.adapter.fetch(QUERY) == BillMissing()


UNUSABLE: dict[str, Answering] = {
    "no bill": coded("0000"),
    "another biller": bill_said(bllr_id="b451"),
    "another account": bill_said(bllr_accno="1203457"),
    "no number at all": bill_said(bll_no=None, bll_dt_frm=None),
    "no refno_ack": lambda asked: {**head_of(asked), "bllr_inf": bill_data(), **status_block(refno_ack=None)},
    "neither paid nor not": bill_said(is_bll_pd="?"),
    "no word whether it is paid": bill_said(is_bll_pd=None),
    "a total that is no sum": bill_said(bll_amnt_ttl="1150.01"),
    "a total that is none": bill_said(bll_amnt_ttl="1,150.00"),
    "a negative total": bill_said(bll_amnt_ttl="-1150.00"),
    "a fee that is none": bill_said(ekpay_fee="some"),
    "a due date that is none": bill_said(bll_dt_due="15-10-2025"),
    "no code": lambda asked: {**head_of(asked), "bllr_inf": bill_data()},
    "a code nobody mapped": coded("7777"),
    "in progress": coded("0102"),
    "the biller is away": coded("1007"),
    "another fetch": lambda asked: {**bill_said()(asked), "hdrs": {**asked["hdrs"], "ref_id": "R" * 26}},
    "no fetch": lambda asked: {**bill_said()(asked), "hdrs": {}},
    "no list of headers": lambda asked: {**bill_said()(asked), "hdrs": []},
}


@pytest.mark.parametrize("fault", UNUSABLE)
async def test_an_answer_that_cannot_be_a_bill_says_nothing(fault: str) -> None:
    async with syndicate_stage(saying(FETCH, UNUSABLE[fault])) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


async def test_an_answer_under_another_secret_says_nothing() -> None:
    async with syndicate_stage(SyndicateDesk(seals_with=OTHER_SECRET)) as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent("an envelope that our secret does not open")


@pytest.mark.parametrize("manner", rude_manners(b""))
async def test_a_rude_far_side_says_nothing(manner: str) -> None:
    said = seal(b'{"resp_status": {"rsp_cd": "0000"}}', SECRET).encode()
    async with syndicate_stage(SyndicateDesk({FETCH: rude_manners(said)[manner]})) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"ack_timestamp": None},
        {"seventh": "member"},
        {"token_exp_time": "3600"},
        {"token_exp_time": "0s"},
        {"token_exp_time": "1d"},
        {"token_exp_time": 3600},
        {"token_type": "Basic"},
        {"security_token": ""},
        {"security_token": "two words"},
        {"resp_cd": "2003"},
        {"resp_cd": None},
    ],
)
async def test_a_token_of_other_than_six_good_members_is_none(spoilt: dict[str, object]) -> None:
    async with syndicate_stage(SyndicateDesk(login=lambda token: grant(token, **spoilt))) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        assert stage.paths() == [LOGIN]


@pytest.mark.parametrize("life", ["3600s", "60m", "1h"])
async def test_a_token_lives_as_long_as_it_says(life: str) -> None:
    login = SyndicateDesk(login=lambda token: grant(token, token_exp_time=life))
    async with syndicate_stage(login) as stage:
        for _ in range(2):
            await stage.bill()
        assert stage.paths() == [LOGIN, FETCH, FETCH]


async def test_a_token_that_died_is_renewed_once() -> None:
    desk = SyndicateDesk()
    async with syndicate_stage(desk) as stage:
        await stage.bill()
        desk.good_token = "another"
        await stage.bill()
        assert stage.paths() == [LOGIN, FETCH, FETCH, LOGIN, FETCH]


async def test_a_dead_token_that_is_told_in_an_envelope_is_renewed_as_well() -> None:
    desk = saying(FETCH, coded("2002"))
    async with syndicate_stage(desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        assert stage.paths() == [LOGIN, FETCH, LOGIN, FETCH]


@pytest.mark.parametrize("secret", ["", "short", "S" * 33, "ä" * 32])
async def test_without_a_usable_secret_nothing_is_sent(secret: str) -> None:
    async with syndicate_stage(EKPAY_UPSTREAM_SECRET=secret) as stage:
        reply = await stage.adapter.fetch(QUERY)
        assert isinstance(reply, BillerSilent)
        assert reply.why.startswith("EKPAY_UPSTREAM_SECRET is not ")
        assert stage.paths() == []


async def test_the_balance_of_both_buckets() -> None:
    async with syndicate_stage() as stage:
        assert await prefunds_of(stage).prefunds() == {"postpaid": Money(91_250), "prepaid": Money(0)}
        (asked,) = sent(stage, BALANCE)
    assert asked["trx"]["refno_ack"] == asked["trx"]["trx_id"]


@pytest.mark.parametrize("answer", [coded("0000"), coded("2003"), coded("0000", bckt_blnc_inf=[])])
async def test_a_balance_that_is_none_is_no_answer(answer: Answering) -> None:
    async with syndicate_stage(saying(BALANCE, answer)) as stage:
        assert isinstance(await prefunds_of(stage).prefunds(), NoAnswer)


async def test_a_manifest_without_a_shared_secret_is_refused() -> None:
    secrets = JALALABAD.secrets.model_copy(update={"more": {}})
    async with syndicate_stage() as stage:
        around = FamilyContext(stage.wire, stage.tokens, stage.clock, {})
        with pytest.raises(ManifestError, match="shared_secret"):
            adapter_of(JALALABAD.model_copy(update={"secrets": secrets}), around)
