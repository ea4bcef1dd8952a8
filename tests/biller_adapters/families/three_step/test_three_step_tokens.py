"""One pair of tokens for the whole cluster: renewed by one, repeated once, never sent with what has died."""

import asyncio
import time

import pytest

from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import BillerSilent, BillFound
from ekpay_switch.domain.outcome import Approved, Declined, NoAnswer, Unreached
from tests.biller_adapters.families.three_step.breb_stage import (
    QUERY,
    SAVED,
    BrebDesk,
    breb_stage,
    form,
    said,
)
from tests.biller_adapters.far_side_stage import FarStage
from tests.wire.scripted_peer import Caller, Manners, eventually


def renewals(stage: FarStage) -> tuple[int, int]:
    """How often somebody logged in, and how often somebody renewed."""
    return stage.paths().count("/authenticate"), stage.paths().count("/token")


async def test_a_login_says_who_asks_and_through_which_channel(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk(), EKPAY_BREB_USER="ekpay two") as stage:
        await stage.bill()
    assert [form(body) for body in stage.bodies("/authenticate")] == [
        {"_pUSER": "ekpay two", "_pPASSWORD": "open sesame", "_pPAY_CHANNEL_ID": "EKP"}
    ]


@pytest.mark.parametrize("code", ["1265", "1271", "1275"])
async def test_a_refused_access_token_costs_one_renewal_and_one_repeat(breb: Manifest, code: str) -> None:
    async def refuse_the_first(caller: Caller) -> None:
        is_first = form(caller.heard.body)["_pACCESS_TOKEN"] == "access=1&"
        await caller.answer(said(code) if is_first else SAVED)

    async with breb_stage(breb, BrebDesk(rude={"/payment": refuse_the_first})) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("save")), Approved)
        assert stage.paths() == ["/authenticate", "/bill", "/payment", "/token", "/payment"]
    assert [form(body) for body in stage.bodies("/token")] == [
        {"_pREFRESH_TOKEN": "refresh+1", "_pPAY_CHANNEL_ID": "EKP"}
    ]


@pytest.mark.parametrize(("step", "path"), [("save", "/payment"), ("acknowledge", "/acknowledge")])
async def test_refused_twice_is_an_answered_no_and_sent_twice_only(
    breb: Manifest, step: str, path: str
) -> None:
    desk = BrebDesk(rude={path: lambda caller: caller.answer(said("1265"))})
    async with breb_stage(breb, desk) as stage:
        assert await stage.adapter.pay(await stage.order(step)) == Declined("not_authenticated", "1265")
        assert stage.paths().count(path) == 2


@pytest.mark.parametrize("answer", [said(code) for code in ("1258", "1271", "1273", "1299")])
async def test_a_renewal_that_is_refused_starts_from_scratch(breb: Manifest, answer: bytes) -> None:
    desk = BrebDesk(rude={"/token": lambda caller: caller.answer(answer)})
    async with breb_stage(breb, desk) as stage:
        order = await stage.order("save")
        desk.access = "rotated"
        assert isinstance(await stage.adapter.pay(order), Approved)
        assert stage.paths()[2:] == ["/payment", "/token", "/authenticate", "/payment"]


@pytest.mark.parametrize(
    "manners",
    [
        pytest.param(Caller.hang_up, id="a connection dropped"),
        pytest.param(Caller.stay_silent, id="silence"),
        pytest.param(lambda c: c.answer(said("1200", ACCESS_TOKEN="a")), id="half a pair"),
        pytest.param(lambda c: c.answer(b"<html>"), id="a page"),
    ],
)
async def test_a_renewal_whose_answer_was_lost_is_not_tried_again(breb: Manifest, manners: Manners) -> None:
    """The old pair may have died with it, so that its refresh token proves nothing any more."""
    desk = BrebDesk(rude={"/token": manners})
    async with breb_stage(breb, desk) as stage:
        order = await stage.order("save")
        desk.access = "rotated"
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert isinstance(await stage.adapter.pay(order), Approved)
        assert renewals(stage) == (2, 1)


async def test_twenty_refused_at_once_renew_once(breb: Manifest) -> None:
    desk = BrebDesk()
    async with breb_stage(breb, desk) as stage:
        await stage.bill()
        desk.access = "rotated"
        replies = await asyncio.gather(*(stage.adapter.fetch(QUERY) for _ in range(20)))
        assert all(isinstance(reply, BillFound) for reply in replies)
        assert renewals(stage) == (1, 1)


async def test_two_processes_share_one_pair_and_one_renewal(breb: Manifest) -> None:
    desk = BrebDesk()
    async with breb_stage(breb, desk) as stage:
        both = (stage.adapter, stage.another_process())
        await asyncio.gather(*(process.fetch(QUERY) for process in both))
        assert renewals(stage) == (1, 0)
        desk.access = "rotated"
        replies = await asyncio.gather(*(process.fetch(QUERY) for process in both for _ in range(5)))
        assert all(isinstance(reply, BillFound) for reply in replies)
        assert renewals(stage) == (1, 1)


async def test_what_another_process_renewed_is_taken_over_without_asking(breb: Manifest) -> None:
    desk = BrebDesk()
    async with breb_stage(breb, desk) as stage:
        other = stage.another_process()
        await stage.bill()
        await other.fetch(QUERY)
        desk.access = "rotated"
        await other.fetch(QUERY)
        assert isinstance(await stage.adapter.fetch(QUERY), BillFound)
        assert renewals(stage) == (1, 1)


async def test_the_repeat_is_not_sent_after_the_last_moment(breb: Manifest) -> None:
    async def renew_slowly(caller: Caller) -> None:
        await eventually(lambda: time.monotonic() > order.send_before)
        await caller.answer(desk.grant())

    desk = BrebDesk(rude={"/token": renew_slowly})
    async with breb_stage(breb, desk) as stage:
        order = await stage.order("save", seconds=0.4)
        desk.access = "rotated"
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert stage.paths().count("/payment") == 1


@pytest.mark.parametrize(
    "grant",
    [
        pytest.param(said("1259"), id="refused"),
        pytest.param(said("1200"), id="no token"),
        pytest.param(said("1200", ACCESS_TOKEN="a", EXPIRES_IN=60), id="half a pair"),
        pytest.param(said("1200", ACCESS_TOKEN="a", REFRESH_TOKEN="b", EXPIRES_IN="60"), id="no life"),
        pytest.param(said("1200", ACCESS_TOKEN="a" * 2001, REFRESH_TOKEN="b", EXPIRES_IN=60), id="too long"),
    ],
)
async def test_without_a_login_nothing_is_sent(breb: Manifest, grant: bytes) -> None:
    desk = BrebDesk()
    async with breb_stage(breb, desk) as polite:
        order = await polite.order("save")
    desk.rude["/authenticate"] = lambda caller: caller.answer(grant)
    async with breb_stage(breb, desk) as stage:
        assert isinstance(await stage.adapter.pay(order), Unreached)
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        inquiry = await stage.adapter.inquire(order)
        assert isinstance(inquiry, NoAnswer)
        assert not inquiry.was_asked
        assert set(stage.paths()) == {"/authenticate"}


async def test_a_missing_password_is_named_and_nothing_is_sent(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk(), EKPAY_BREB_PASSWORD="") as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent("EKPAY_BREB_PASSWORD is not set")
        assert stage.peer.heard == []
