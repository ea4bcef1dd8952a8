"""How syndicate_client pays and asks afterwards: no answer makes a payment that is not whole and ours."""

import json
from dataclasses import replace

import pytest

from biller_adapters.rehearsal import EXAMPLE_REFERENCE
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
from sandbox.kit.jwe import seal
from tests.biller_adapters.families.syndicate_client.syndicate_stage import (
    ACK,
    FETCH,
    LOGIN,
    OTHER_SECRET,
    PAY,
    SECRET,
    STATUS,
    Answering,
    SyndicateDesk,
    coded,
    grant,
    head_of,
    ours,
    paid_said,
    saying,
    sent,
    standing,
    status_block,
    syndicate_stage,
)
from tests.biller_adapters.far_side_stage import rude_manners

FACTS = {"message": "as said", "receipt": ACK, "upstream_fee": "5.75"}


def in_clear(said: bytes) -> SyndicateDesk:
    return SyndicateDesk({PAY: lambda caller: caller.answer(said)})


async def test_a_payment_carries_the_fetch_and_echoes_the_bill() -> None:
    async with syndicate_stage() as stage:
        order = await stage.order("pay")
        assert await stage.adapter.pay(order) == Approved(FACTS)
        (fetched,), (paid,) = sent(stage, FETCH), sent(stage, PAY)
    assert paid["hdrs"]["ref_id"] == fetched["hdrs"]["ref_id"]
    assert paid["trx"]["refno_ack"] == ACK
    assert paid["trx"]["trx_id"] != fetched["trx"]["trx_id"]
    assert paid["pyd_inf"] == {
        "pyd_trxn_refid": EXAMPLE_REFERENCE,
        "pyd_tms": "2025-10-20T12:00:00+06:00",
        "pyd_amnt": "1150.00",
    }
    echoed = {name: paid["bllr_inf"][name] for name in ("bllr_id", "bll_typ", "ekpay_fee", "bll_amnt_ttl")}
    assert echoed == {"bllr_id": "b430", "bll_typ": "M", "ekpay_fee": "5.75", "bll_amnt_ttl": "1150"}
    assert paid["bllr_inf"]["mode"] == "SAPI"
    assert paid["usr_inf"] == {"syndct_id": "s8801"}


async def test_a_repeat_is_recognisable_and_another_payment_is_not_like_it() -> None:
    async with syndicate_stage() as stage:
        order = await stage.order("pay")
        for one in (order, order, replace(order, reference="ANOTHER00000000000000001")):
            await stage.adapter.pay(one)
        first, again, other = sent(stage, PAY)
    assert first == again
    assert first["trx"]["trx_id"] != other["trx"]["trx_id"]


DECLINED = {
    "1001": "refused",
    "1002": "no_such_bill",
    "1003": "already_paid",
    "1004": "amount_differs",
    "1005": "quote_expired",
    "1006": "refused",
    "1008": "refused",
    "1010": "begun_elsewhere",
    "2001": "refused",
    "2003": "refused",
    "2004": "refused",
}


@pytest.mark.parametrize(("code", "reason"), DECLINED.items())
async def test_a_no_says_why(code: str, reason: str) -> None:
    async with syndicate_stage(saying(PAY, coded(code))) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Declined(reason, code)


async def test_after_nothing_was_sent_another_route_may_be_tried() -> None:
    async with syndicate_stage(saying(PAY, coded("1007"))) as stage:
        declined = await stage.adapter.pay(await stage.order("pay"))
    assert declined == Declined("refused", "1007", may_reroute=True)


async def test_a_no_without_headers_is_a_no_and_one_to_another_fetch_is_none() -> None:
    for hdrs, expected in (({}, Declined), ({"ref_id": "R" * 26}, InDoubt)):
        desk = saying(PAY, lambda _, hdrs=hdrs: {"hdrs": hdrs, **status_block("2001")})  # type: ignore[misc]
        async with syndicate_stage(desk) as stage:
            assert isinstance(await stage.adapter.pay(await stage.order("pay")), expected)


DOUBTFUL: dict[str, Answering] = {
    "in progress": coded("0102"),
    "our reference with other content": coded("1009"),
    "a code nobody mapped": coded("7777"),
    "a code that is a number": coded(0),
    "no code": coded(None),
    "no status": head_of,
    "another fetch": lambda asked: {**paid_said()(asked), "hdrs": {"ref_id": "R" * 26}},
    "no fetch": lambda asked: {**paid_said()(asked), "hdrs": {}},
    "another refno_ack": paid_said("ACK0000000000000000000002"),
    "no refno_ack": paid_said(None),
    "another biller": paid_said(bllr_id="b451"),
    "not paid": paid_said(is_bll_pd="N"),
    "another amount": paid_said(bll_amnt_ttl="1150.01"),
    "an amount that is none": paid_said(bll_amnt_ttl="1150.001"),
    "a bill that is none": coded("0000", bllr_inf=None),
}


@pytest.mark.parametrize("fault", DOUBTFUL)
async def test_an_answer_that_is_no_whole_yes_or_no_leaves_a_doubt(fault: str) -> None:
    async with syndicate_stage(saying(PAY, DOUBTFUL[fault])) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert stage.paths().count(PAY) == 1


@pytest.mark.parametrize("answer", [coded("0000"), paid_said(bll_amnt_ttl=1150), paid_said(is_bll_pd=None)])
async def test_a_yes_need_not_repeat_the_bill(answer: Answering) -> None:
    async with syndicate_stage(saying(PAY, answer)) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Approved(FACTS)


async def test_the_billers_own_receipts_are_kept_where_they_are_told() -> None:
    told = {"rcpt_no": "JGTDSL-17", "rcpt_no_fnl": "FINAL-17"}
    async with syndicate_stage(saying(PAY, paid_said(**told))) as stage:
        approved = await stage.adapter.pay(await stage.order("pay"))
    assert approved == Approved(FACTS | {"receipt": "JGTDSL-17", "final_receipt": "FINAL-17"})


@pytest.mark.parametrize("manner", rude_manners(b""))
async def test_a_rude_far_side_leaves_a_doubt_and_is_told_once(manner: str) -> None:
    said = seal(json.dumps({"resp_status": {"rsp_cd": "0000"}}).encode(), SECRET).encode()
    async with syndicate_stage(SyndicateDesk({PAY: rude_manners(said)[manner]})) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)
        assert stage.paths().count(PAY) == 1


IN_CLEAR = {
    "a yes": b'{"resp_status": {"rsp_cd": "0000", "refno_ack": "ACK0000000000000000000001"}}',
    "a no": b'{"resp_cd": "1003", "resp_msg": "already paid"}',
    "a token": grant("token"),
    "a token that says no": grant("token", resp_cd="1003"),
    "a token that names an answer": grant("token", message={"resp_status": {"rsp_cd": "0000"}}),
    "a yes under another secret": seal(b'{"resp_status": {"rsp_cd": "0000"}}', OTHER_SECRET).encode(),
    "half an envelope": seal(b'{"resp_status": {"rsp_cd": "0000"}}', SECRET).encode()[:-9],
    "an envelope with a list": seal(b'["0000"]', SECRET).encode(),
}


@pytest.mark.parametrize("said", IN_CLEAR)
async def test_what_was_not_sealed_by_both_is_no_answer(said: str) -> None:
    async with syndicate_stage(in_clear(IN_CLEAR[said])) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)


@pytest.mark.parametrize("status", [400, 429, 503])
async def test_an_answer_before_anything_was_opened_leaves_a_doubt(status: int) -> None:
    said = b'{"resp_cd": "2004", "resp_msg": "busy"}'
    desk = SyndicateDesk({PAY: lambda caller: caller.answer(said, status=status)})
    async with syndicate_stage(desk) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("pay")), InDoubt)


async def test_a_door_that_stays_closed_is_a_no_after_one_new_token() -> None:
    desk = SyndicateDesk({PAY: lambda caller: caller.answer(b'{"resp_cd": "2002"}', status=401)})
    async with syndicate_stage(desk) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Declined("not_authenticated", "401")
        assert stage.paths() == [LOGIN, FETCH, PAY, LOGIN, PAY]


@pytest.mark.parametrize("missing", ["ref_id", "refno_ack"])
async def test_a_quote_of_another_route_pays_nothing_here(missing: str) -> None:
    async with syndicate_stage() as stage:
        order = await stage.order("pay")
        quote = {name: value for name, value in order.biller_quote.items() if name != missing}
        assert isinstance(await stage.adapter.pay(replace(order, biller_quote=quote)), Unreached)
        assert PAY not in stage.paths()


async def test_after_the_last_moment_nothing_is_sent() -> None:
    async with syndicate_stage() as stage:
        order = await stage.order("pay", seconds=-1.0)
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert PAY not in stage.paths()


# ---- asking afterwards


async def test_a_question_is_about_the_fetch() -> None:
    async with syndicate_stage(saying(STATUS, ours())) as stage:
        order = await stage.order("pay")
        assert await stage.adapter.inquire(order) == Posted(EXAMPLE_REFERENCE, 115_000, FACTS)
        (fetched,), (asked,) = sent(stage, FETCH), sent(stage, STATUS)
    assert asked["hdrs"]["ref_id"] == fetched["hdrs"]["ref_id"]
    assert asked["bll_inf"] == {"mode": "SAPI", "bllr_id": "b430"}


async def test_another_amount_than_ours_is_told_as_it_is() -> None:
    async with syndicate_stage(saying(STATUS, ours(pyd_amnt="1155.75"))) as stage:
        asked = await stage.adapter.inquire(await stage.order("pay"))
    assert isinstance(asked, Posted)
    assert asked.amount_minor == Money(115_575).minor


NOT_THERE: dict[str, Answering] = {
    "not paid": standing("N"),
    "paid by somebody else": ours(pyd_trxn_refid="SOMEBODYELSE"),
    "no such fetch": coded("1002"),
    **{f"refused with {code}": standing("N", str(code)) for code in (*range(1003, 1009), 1010)},
}


@pytest.mark.parametrize("said", NOT_THERE)
async def test_a_payment_that_is_not_there_is_not_found(said: str) -> None:
    async with syndicate_stage(saying(STATUS, NOT_THERE[said])) as stage:
        assert await stage.adapter.inquire(await stage.order("pay")) == NotFound()


UNSETTLED: dict[str, Answering] = {
    "in progress": standing("N", "0102"),
    "in progress, and paid": standing("Y", "0102"),
    "paid, and nobody says by whom": standing("Y"),
    "paid under no reference": ours(pyd_trxn_refid=None),
    "paid with no amount": ours(pyd_amnt=None),
    "paid with an amount that is none": ours(pyd_amnt="some"),
    "refused, and paid": standing("Y", "1008"),
    "neither paid nor not": standing("?"),
    "nothing but a code": coded("0000"),
    "another biller": lambda asked: {**ours()(asked), "bllr_inf": {"bllr_id": "b451", "is_bll_pd": "N"}},
    "another fetch": lambda asked: {**standing("N")(asked), "hdrs": {"ref_id": "R" * 26}},
    "no fetch": lambda asked: {**standing("N")(asked), "hdrs": {}},
    "no such fetch, of another one": lambda asked: {**coded("1002")(asked), "hdrs": {"ref_id": "R" * 26}},
    "not allowed": coded("2003"),
    "a code nobody mapped": standing("N", "7777"),
}


@pytest.mark.parametrize("said", UNSETTLED)
async def test_an_answer_that_settles_nothing_leaves_the_doubt(said: str) -> None:
    async with syndicate_stage(saying(STATUS, UNSETTLED[said])) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)


@pytest.mark.parametrize("manner", rude_manners(b""))
async def test_a_rude_far_side_settles_nothing(manner: str) -> None:
    said = seal(json.dumps({"resp_status": {"rsp_cd": "1002"}}).encode(), SECRET).encode()
    async with syndicate_stage(SyndicateDesk({STATUS: rude_manners(said)[manner]})) as stage:
        assert isinstance(await stage.adapter.inquire(await stage.order("pay")), NoAnswer)


async def test_a_quote_of_another_route_cannot_be_asked_about_here() -> None:
    async with syndicate_stage() as stage:
        order = replace(await stage.order("pay"), biller_quote={})
        assert await stage.adapter.inquire(order) == NoAnswer(
            "the quote is of another route", was_asked=False
        )
