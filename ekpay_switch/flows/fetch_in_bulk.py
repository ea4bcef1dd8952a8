"""Fetching many bills, as a bank does before it tells its customers what they owe.

Each biller is asked within its own budget, which all processes share, and one bill at a time, so that
nobody's payer waits for it; billers are asked side by side. Nothing is quoted and nothing is stored.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from ekpay_switch.domain.bangla import folded
from ekpay_switch.domain.bill import (
    AmountRefused,
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
)
from ekpay_switch.flows.fetch_bill import chosen_parameters, payer_of
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import World

# How many billers are asked at a time.
SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a bulk fetch: which bill of which biller, by the names of its manifest."""

    line: int
    biller_id: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one line: a bill, or why there is none."""

    wanted: Wanted
    bill: Bill | None = None
    why: str = ""


async def fetch_in_bulk(wanted: Sequence[Wanted], world: World) -> AsyncIterator[Fetched]:
    """Every line with what came of it, in the order in which the billers answer.

    A biller whose fetch changes something over there, such as a lock on the bill, is not asked at all; one
    that is closed or cannot be reached says so line by line. A fetch is never repeated.
    """
    of_biller: dict[str, list[Wanted]] = {}
    for one in wanted:
        of_biller.setdefault(one.biller_id, []).append(one)
    done: asyncio.Queue[Fetched] = asyncio.Queue()
    at_once = asyncio.Semaphore(SIDE_BY_SIDE)

    async def _ask_all(biller_id: str) -> None:
        async with at_once:
            for one in of_biller[biller_id]:
                done.put_nowait(await _ask(one, world.billers.by_id(biller_id), world))

    asking = asyncio.gather(*map(_ask_all, of_biller))
    try:
        for _ in wanted:
            yield await _next(done, asking)
        await asking
    finally:
        asking.cancel()


async def _next(done: asyncio.Queue[Fetched], asking: asyncio.Future[list[None]]) -> Fetched:
    """The next answer, or the error that ended the asking: then no further answer would ever come."""
    coming = asyncio.ensure_future(done.get())
    waiting: set[asyncio.Future[Any]] = {coming, asking}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if asking.done() and asking.exception() is not None:
        coming.cancel()
        asking.result()
    return await coming


async def _ask(one: Wanted, biller: BillerAdapter | None, world: World) -> Fetched:
    if biller is None:
        return Fetched(one, why="no such biller")
    profile = biller.profile
    if profile.fetch_has_side_effects:
        return Fetched(one, why="a fetch locks the bill, so this biller is never asked in bulk")
    told = {field.wire_name: folded(one.parameters.get(field.name, "")) for field in profile.parameters}
    parameters = chosen_parameters(profile, told)
    if parameters is None or one.parameters.keys() - {field.name for field in profile.parameters}:
        return Fetched(one, why="malformed")
    while (seconds := await world.budget.take(profile.id, profile.inquiries_per_second)) > 0:
        await world.clock.sleep(seconds)
    query = BillQuery(profile.id, parameters, payer_of(profile, parameters))
    return _told(one, await biller.fetch(query))


def _told(one: Wanted, reply: FetchReply) -> Fetched:
    match reply:
        case BillFound(bill=bill):
            return Fetched(one, bill)
        case BillMissing():
            return Fetched(one, why="no such bill")
        case AmountRefused():
            return Fetched(one, why="not with this amount")
        case BillerSilent(why=why):
            return Fetched(one, why=f"no answer: {why}")
        case _:
            assert_never(reply)
