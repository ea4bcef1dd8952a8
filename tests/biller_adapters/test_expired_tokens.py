"""A far side that forgets logins, once or again and again, and processes that hold different ones."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from biller_adapters.registry import adapter_of
from ekpay_switch.domain.outcome import Declined, NoAnswer, NotFound, Unreached
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.wing_kit.context import FamilyContext
from tests.biller_adapters.challans.challan_stage import (
    DETAILS,
    INCOME_TAX,
    INITIATE,
    TAX,
    ChallanDesk,
    challan_stage,
)
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.biller_adapters.far_side_stage import DIVISOR, FarStage
from tests.wire.scripted_peer import Caller

REFUSED = NoAnswer("reply code 401", was_asked=False, is_shut_out=True)
SHUT_OUT = "the far side refuses the tokens that it gives"
PAUSE_SECONDS = INCOME_TAX.timing.answer_seconds / DIVISOR


@dataclass
class ForgetfulDesk(ChallanDesk):
    """A treasury that forgets so many of its next tokens as soon as it has given them."""

    forgets: int = 0

    def forget(self) -> None:
        self.good_token = "forgotten"

    async def grant(self, caller: Caller) -> None:
        forgotten, self.forgets = self.forgets > 0, max(0, self.forgets - 1)
        await super().grant(caller)
        if forgotten:
            self.forget()

    @property
    def logins(self) -> int:
        return len(self.asked_for_tokens)


@dataclass
class StandingClock:
    """A clock that goes on by hand only, so that a slow machine does not end a pause."""

    reading: float = field(default_factory=time.monotonic)

    def monotonic(self) -> float:
        return self.reading

    def now(self) -> datetime:
        return NOON

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Cluster:
    """Processes of one switch, all of which talk to one treasury."""

    stage: FarStage
    clock: StandingClock = field(default_factory=StandingClock)

    def process(self) -> BillerAdapter:
        stage = self.stage
        return adapter_of(
            INCOME_TAX, FamilyContext(stage.wire, stage.tokens, self.clock, stage.environ, DIVISOR)
        )


@pytest.fixture
def desk() -> ForgetfulDesk:
    return ForgetfulDesk()


@pytest.fixture
async def cluster(desk: ForgetfulDesk) -> AsyncIterator[Cluster]:
    async with challan_stage(desk, INCOME_TAX, TAX) as stage:
        yield Cluster(stage)


async def test_a_token_that_died_in_memory_and_in_the_books_is_replaced_within_one_question(
    desk: ForgetfulDesk, cluster: Cluster
) -> None:
    """Our memory has the first token; another process has put the second one there; both are forgotten."""
    order, ours, other = await cluster.stage.order(""), cluster.process(), cluster.process()
    assert await ours.inquire(order) == NotFound()
    desk.forget()
    assert await other.inquire(order) == NotFound()
    desk.forget()
    assert await ours.inquire(order) == NotFound()
    assert desk.logins == 3


async def test_a_token_that_died_in_memory_and_in_the_books_stops_no_payment(
    desk: ForgetfulDesk, cluster: Cluster
) -> None:
    order, ours, other = await cluster.stage.order("pay", 60), cluster.process(), cluster.process()
    await ours.inquire(order)
    desk.forget()
    await other.inquire(order)
    desk.forget()
    assert not isinstance(await ours.pay(order), Declined)
    assert (desk.logins, cluster.stage.paths().count(INITIATE)) == (3, 3)


async def test_a_token_that_another_process_has_put_into_the_books_spares_the_login(
    desk: ForgetfulDesk, cluster: Cluster
) -> None:
    order, processes = await cluster.stage.order(""), [cluster.process() for _ in range(5)]
    for process in processes:
        await process.inquire(order)
    assert desk.logins == 1
    desk.forget()
    told = [await process.inquire(order) for process in processes]
    assert (told, desk.logins) == ([NotFound()] * 5, 2)


async def test_processes_that_find_the_same_token_dead_at_once_share_one_login(
    desk: ForgetfulDesk, cluster: Cluster
) -> None:
    order, processes = await cluster.stage.order(""), [cluster.process() for _ in range(4)]
    for process in processes:
        await process.inquire(order)
    desk.forget()
    told = await asyncio.gather(*(process.inquire(order) for process in processes * 5))
    assert (told, desk.logins) == ([NotFound()] * 20, 2)


async def test_a_new_token_that_is_refused_means_that_the_question_was_not_heard(
    desk: ForgetfulDesk, cluster: Cluster
) -> None:
    order, ours = await cluster.stage.order(""), cluster.process()
    await ours.inquire(order)
    desk.forget()
    desk.forgets = 1
    assert await ours.inquire(order) == REFUSED
    assert cluster.stage.paths().count(DETAILS) == 3
    assert await ours.inquire(order) == NotFound()
    assert desk.logins == 3


async def test_a_treasury_that_takes_no_token_is_not_asked_for_one_by_every_call(
    desk: ForgetfulDesk, cluster: Cluster
) -> None:
    order, ours, paths = await cluster.stage.order("pay", 60), cluster.process(), cluster.stage.paths
    desk.refuses_tokens = True
    assert await ours.inquire(order) == REFUSED
    for _ in range(20):
        assert await ours.inquire(order) == NoAnswer(SHUT_OUT, was_asked=False, is_shut_out=True)
        assert await ours.pay(order) == Unreached(SHUT_OUT)
    assert (desk.logins, paths().count(DETAILS), paths().count(INITIATE)) == (2, 2, 0)
    desk.refuses_tokens = False
    cluster.clock.reading += PAUSE_SECONDS
    assert await ours.inquire(order) == NotFound()
    assert desk.logins == 3
