from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.billers.upstream.family import UpstreamFamily
from tests.sandbox.billers.upstream.caller import (
    BILLER_IDS,
    HOUSES,
    SECRET,
    UpstreamCaller,
    code_of,
    paisa,
    upstream_at,
)
from tests.sandbox.caller import SetClock

GAS, WATER = "jalalabad_gas", "khulna_wasa"
OPENING, FEE = 10_000_000_000, 575


@pytest.fixture
async def upstream(tmp_path: Path, clock: SetClock) -> AsyncIterator[UpstreamCaller]:
    async with upstream_at(tmp_path, clock) as caller:
        yield caller


def test_one_switch_stands_for_all_of_its_houses() -> None:
    assert UpstreamFamily.settings_for_switch("http://127.0.0.1:1", "word") == {
        "EKPAY_UPSTREAM_URL": "http://127.0.0.1:1/syndicate/api",
        "EKPAY_UPSTREAM_PASSWORD": "word",
        "EKPAY_UPSTREAM_SECRET": SECRET,
    }


async def test_a_token_has_six_members_and_a_wrong_pass_key_two(upstream: UpstreamCaller) -> None:
    status, answer = await upstream.log_in()
    assert (status, len(answer), answer["token_exp_time"], answer["token_type"]) == (
        200,
        6,
        "3600s",
        "Bearer",
    )
    for user, pass_key in (("ekpay", "wrong"), ("another", "counter-sandbox")):
        assert await upstream.log_in(user, pass_key) == (
            401,
            {"resp_cd": "2003", "resp_msg": "not allowed"},
        )


@pytest.mark.parametrize("house", HOUSES)
async def test_a_bill_is_told_with_lines_that_sum(upstream: UpstreamCaller, house: str) -> None:
    for nth in range(5):
        answer = await upstream.fetch(house, nth=nth)
        told = answer["bllr_inf"]
        lines = [paisa(told[name]) for name in ("bll_amnt", "bll_vat", "bll_late_fee")]
        assert sum(lines) == paisa(told["bll_amnt_ttl"])
        assert (told["bllr_id"], told["is_bll_pd"], told["ekpay_fee"]) == (BILLER_IDS[house], "N", "5.75")
        assert told["bll_dt_frm"] < told["bll_dt_to"] < told["bll_dt_gnrt"] < told["bll_dt_due"]


async def test_an_overdue_bill_holds_its_late_fee(upstream: UpstreamCaller, clock: SetClock) -> None:
    on_time = (await upstream.fetch(GAS))["bllr_inf"]
    clock.advance(days=40)
    await upstream.log_in()
    late = (await upstream.fetch(GAS))["bllr_inf"]
    assert paisa(on_time["bll_late_fee"]) == 0
    assert paisa(late["bll_late_fee"]) == paisa(on_time["bll_amnt_ttl"]) // 10
    assert paisa(late["bll_amnt_ttl"]) == paisa(on_time["bll_amnt_ttl"]) * 11 // 10


async def test_a_metered_customer_has_no_non_metered_bill(upstream: UpstreamCaller) -> None:
    named = await upstream.named(GAS, nth=1)
    assert named["bll_typ"] == "M"
    other = await upstream.exchange(upstream.write.fetch("b430", **(named | {"bll_typ": "NM"})))
    assert code_of(other) == "1002"
    assert paisa((await upstream.fetch(GAS, nth=1))["bllr_inf"]["totalKwh"]) > 0


@pytest.mark.parametrize("house", HOUSES)
async def test_a_payment_is_taken_once_under_its_reference(upstream: UpstreamCaller, house: str) -> None:
    payment = await upstream.a_payment(house)
    before = await upstream.status(house, payment)
    assert (code_of(before), before["bllr_inf"]["is_bll_pd"], "pyd_inf" in before) == ("0000", "N", False)
    first, again = await upstream.exchange(payment), await upstream.exchange(payment)
    total = payment["bllr_inf"]["bll_amnt_ttl"]
    for answer in (first, again):
        assert answer["resp_status"]["refno_ack"] == payment["trx"]["refno_ack"]
        assert answer["hdrs"]["ref_id"] == payment["hdrs"]["ref_id"]
        assert (answer["bllr_inf"]["is_bll_pd"], answer["bllr_inf"]["bll_amnt_ttl"]) == ("Y", total)
    asked = await upstream.status(house, payment)
    assert (asked["bllr_inf"]["is_bll_pd"], asked["pyd_inf"]["pyd_trxn_refid"]) == ("Y", "T1")
    assert asked["pyd_inf"]["pyd_amnt"] == total
    (taken,) = await upstream.payments()
    assert (taken["house"], taken["amount_paisa"], taken["sends"]) == (house, paisa(total), 2)
    assert await upstream.left_paisa() == OPENING - paisa(total) - FEE
    assert (await upstream.fetch(house))["bllr_inf"]["is_bll_pd"] == "Y"


async def test_the_amount_may_hold_the_fee_and_the_bill_alone_is_taken(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(GAS)
    total = paisa(payment["bllr_inf"]["bll_amnt_ttl"]) + FEE
    payment["pyd_inf"]["pyd_amnt"] = f"{total // 100}.{total % 100:02d}"
    assert await upstream.pay(payment) == "0000"
    assert await upstream.left_paisa() == OPENING - total


async def test_the_shortest_echo_is_enough(upstream: UpstreamCaller) -> None:
    payment = await upstream.a_payment(WATER)
    least = ("bllr_id", "bll_typ", "ekpay_fee", "bll_amnt_ttl", "mode")
    payment["bllr_inf"] = {name: payment["bllr_inf"][name] for name in least}
    assert await upstream.pay(payment) == "0000"


async def test_the_same_reference_with_other_content_is_refused(upstream: UpstreamCaller) -> None:
    payment, other = await upstream.a_payment(GAS), await upstream.a_payment(WATER)
    assert [await upstream.pay(one) for one in (payment, other, payment)] == ["0000", "1009", "0000"]
    refused = await upstream.a_payment(GAS, "refuses", reference="T2")
    assert await upstream.pay(refused) == "1008"
    assert await upstream.pay(await upstream.a_payment(WATER, reference="T2")) == "1009"


async def test_a_bill_is_paid_under_one_reference(upstream: UpstreamCaller) -> None:
    payment, other = await upstream.a_payment(GAS), await upstream.a_payment(GAS, reference="T2")
    assert [await upstream.pay(one) for one in (payment, other, other)] == ["0000", "1010", "1010"]
    asked = await upstream.status(GAS, other)
    assert (asked["bllr_inf"]["is_bll_pd"], asked["pyd_inf"]["pyd_trxn_refid"]) == ("Y", "T1")


async def test_a_fetch_pays_its_own_bill_and_that_only_today(
    upstream: UpstreamCaller, clock: SetClock
) -> None:
    other = await upstream.a_payment(GAS, nth=1, reference="T1")
    codes = {}
    for name, change in {
        "ref_id": {"hdrs": {"ref_id": other["hdrs"]["ref_id"]}},
        "refno_ack": {"trx": {"refno_ack": "A" * 26}},
        "biller": {"bllr_inf": {"bllr_id": "b416"}},
        "total": {"bllr_inf": {"bll_amnt_ttl": "1.00"}},
        "fee": {"bllr_inf": {"ekpay_fee": "0.00"}},
        "amount": {"pyd_inf": {"pyd_amnt": "1.00"}},
    }.items():
        payment = await upstream.a_payment(GAS, reference=f"SPOILT-{name}")
        for block, members in change.items():
            payment[block] |= members
        codes[name] = await upstream.pay(payment)
    assert codes == {
        "ref_id": "1005",
        "refno_ack": "1005",
        "biller": "1004",
        "total": "1004",
        "fee": "1004",
        "amount": "1004",
    }
    yesterday = await upstream.a_payment(GAS, reference="LATE")
    clock.advance(days=1)
    await upstream.log_in()
    assert await upstream.pay(yesterday) == "1005"
    assert await upstream.payments() == []


async def test_a_prefund_that_is_too_low_refuses_until_it_is_topped_up(upstream: UpstreamCaller) -> None:
    payment, other = await upstream.a_payment(GAS), await upstream.a_payment(GAS, reference="T2")
    total = paisa(payment["bllr_inf"]["bll_amnt_ttl"])
    await upstream.admin("POST", "prefund", {"paisa": total + FEE - 1 - OPENING})
    assert [await upstream.pay(payment) for _ in range(2)] == ["1006", "1006"]
    asked = await upstream.status(GAS, payment)
    assert (code_of(asked), asked["bllr_inf"]["is_bll_pd"]) == ("1006", "N")
    assert await upstream.admin("POST", "prefund", {"paisa": 1}) == {"prefund_paisa": total + FEE}
    assert [await upstream.pay(one) for one in (payment, other)] == ["1006", "0000"]
    balance = await upstream.exchange(upstream.write.balance())
    assert balance["bckt_blnc_inf"] == {"bckt_blnc": "0.00", "prepaid_blnc": "0.00"}


async def test_no_more_can_be_taken_out_of_a_prefund_than_is_there(upstream: UpstreamCaller) -> None:
    assert await upstream.admin("POST", "prefund", {"paisa": -OPENING - 5}) == {"prefund_paisa": 0}
    assert await upstream.admin("POST", "prefund", {"paisa": 70}) == {"prefund_paisa": 70}
    for rubbish in ({"paisa": 1.5}, {"paisa": "1"}, {}, {"paisa": 1, "why": "?"}):
        async with upstream.session.post(f"{upstream.origin}/_admin/prefund", json=rubbish) as answer:
            assert answer.status == 400
    assert (await upstream.admin("GET", "dump"))["prefund_paisa"] == 70
