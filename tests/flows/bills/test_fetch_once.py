"""A biller that locks a bill for whoever looks at it: the first look reaches it, the others are told."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.bill import BillerSilent, BillFound, Quote
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import FetchOrder, fetch_bill
from ekpay_switch.ports.billers import Parameter
from tests.factories import BILL_NO, a_bill, a_world
from tests.fakes.billers import PROFILE
from tests.fakes.crash_points import CrashError
from tests.fakes.world import SmallWorld

MOBILE = Parameter(
    "mobile", "bill_mobno", "Mobile", "মোবাইল", "^01[3-9][0-9]{8}$", "01712345678", "A",
    is_required=True, names_payer=True,
)  # fmt: skip


def a_locking_world() -> SmallWorld:
    small = a_world()
    parameters = (*PROFILE.parameters, MOBILE)
    small.biller.profile = replace(PROFILE, fetch_has_side_effects=True, parameters=parameters)
    small.biller.bills[BILL_NO] = replace(a_bill(), rounding=Money(44))
    return small


def a_look(mobile: str = "01712345678", reference: str = "F" * 24) -> FetchOrder:
    return FetchOrder("bank1", reference, "b025", {"bll_no": BILL_NO, "bill_mobno": mobile})


async def test_a_second_look_is_answered_from_what_is_held() -> None:
    small = a_locking_world()
    first = await fetch_bill(a_look(), small.world)
    small.clock.pass_by(60)
    second = await fetch_bill(a_look("01812345678"), small.world)
    assert isinstance(first, Quote)
    assert isinstance(second, Quote)
    assert small.steps.taken.count("fetch") == 1
    assert first.quote_id != second.quote_id
    assert first.sums == second.sums
    assert first.sums.billed_amount == Money(105_044)
    # Who pays is told by each payer for itself; the lock ends for both at the same time.
    assert (first.bill.biller_quote["mobile"], second.bill.biller_quote["mobile"]) == (
        "01712345678", "01812345678",
    )  # fmt: skip
    assert first.expires_at == second.expires_at


async def test_the_right_to_ask_is_durable_before_the_biller_is_asked() -> None:
    small = a_locking_world()
    await fetch_bill(a_look(), small.world)
    assert small.steps.taken == ["lease_bill", "fetch", "keep_bill", "save_quote"]


async def test_a_lock_that_has_ended_is_taken_anew() -> None:
    small = a_locking_world()
    await fetch_bill(a_look(), small.world)
    small.clock.pass_by(901)
    await fetch_bill(a_look(), small.world)
    assert small.steps.taken.count("fetch") == 2


async def test_of_many_looks_at_once_one_reaches_the_biller() -> None:
    small = a_locking_world()
    small.biller.gate = asyncio.Event()
    looks = [asyncio.create_task(fetch_bill(a_look(reference=f"{n:024d}"), small.world)) for n in range(10)]
    await asyncio.sleep(0)
    small.biller.gate.set()
    quotes = await asyncio.gather(*looks)
    assert all(isinstance(quote, Quote) for quote in quotes)
    assert small.steps.taken.count("fetch") == 1


async def test_who_waits_in_vain_is_told_that_nothing_is_known() -> None:
    small = a_locking_world()
    await small.held_bills.lease("desco_postpaid", f"bill_no={BILL_NO}", 600)
    started_at = small.clock.monotonic()
    assert await fetch_bill(a_look(), small.world) is Refusal.BILLER_UNAVAILABLE
    assert small.clock.monotonic() - started_at <= 21
    assert "fetch" not in small.steps.taken


@pytest.mark.parametrize("silence", [BillerSilent("begun elsewhere"), BillerSilent("cut off")])
async def test_an_answer_without_a_bill_holds_nothing_and_the_next_may_ask(silence: BillerSilent) -> None:
    small = a_locking_world()
    small.biller.replies.append(silence)
    assert await fetch_bill(a_look(), small.world) is Refusal.BILLER_UNAVAILABLE
    assert isinstance(await fetch_bill(a_look(), small.world), Quote)
    assert small.steps.taken.count("fetch") == 2


async def test_a_paid_bill_is_told_and_not_held() -> None:
    small = a_locking_world()
    small.biller.replies.append(BillFound(replace(a_bill(), is_paid=True)))
    told = await fetch_bill(a_look(), small.world)
    assert isinstance(told, Quote)
    assert told.bill.is_paid
    assert small.held_bills.held == {}


@pytest.mark.parametrize("point", ["after lease_bill", "after fetch", "before keep_bill"])
async def test_after_a_crash_on_the_way_another_may_ask_once_the_right_has_ended(point: str) -> None:
    small = a_locking_world()
    small.steps.crash_at = point
    with pytest.raises(CrashError):
        await fetch_bill(a_look(), small.world)
    small.clock.pass_by(21)
    assert isinstance(await fetch_bill(a_look(), small.world), Quote)


async def test_a_crash_after_the_bill_was_kept_locks_nobody_out() -> None:
    small = a_locking_world()
    small.steps.crash_at = "before save_quote"
    with pytest.raises(CrashError):
        await fetch_bill(a_look(), small.world)
    quote = await fetch_bill(a_look(), small.world)
    assert isinstance(quote, Quote)
    assert quote.expires_at <= small.clock.now() + timedelta(seconds=900)
    assert small.steps.taken.count("fetch") == 1
