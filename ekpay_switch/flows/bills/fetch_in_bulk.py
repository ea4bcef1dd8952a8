"""Fetching many bills, as a bank does before it informs its customers.

Each biller is asked within its own budget, which all processes share, and one bill at a time, so that payers
do not wait for it; billers are asked in parallel. Nothing is quoted and nothing is stored.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from ekpay_switch.domain.bangla import fold_bangla_digits
from ekpay_switch.domain.bill import (
    AmountRefused,
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
)
from ekpay_switch.flows.bills.fetch_bill import ParameterFault, chosen_parameters, payer_of
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile
from ekpay_switch.ports.world import World

# How many billers are asked in parallel.
SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class BulkFetchRequest:
    """One line of a bulk fetch: biller and parameters, by the names of its manifest."""

    line: int
    biller_id: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BulkFetchResult:
    """The result of one line: a bill, or why there is none."""

    request: BulkFetchRequest
    bill: Bill | None = None
    why: str = ""


async def fetch_in_bulk(requests: Sequence[BulkFetchRequest], world: World) -> AsyncIterator[BulkFetchResult]:
    """The result of every line, in the order in which the billers answer.

    A biller whose fetch has side effects, such as a lock on the bill, is not asked at all; an unreachable one
    gives an error for each line. A fetch is never repeated.
    """
    of_biller: dict[str, list[BulkFetchRequest]] = {}
    for request in requests:
        of_biller.setdefault(request.biller_id, []).append(request)
    done: asyncio.Queue[BulkFetchResult] = asyncio.Queue()
    at_once = asyncio.Semaphore(SIDE_BY_SIDE)

    async def _fetch_all(biller_id: str) -> None:
        async with at_once:
            for request in of_biller[biller_id]:
                done.put_nowait(await _fetch(request, world.billers.by_id(biller_id), world))

    fetching = asyncio.gather(*map(_fetch_all, of_biller))
    try:
        for _ in requests:
            yield await _next(done, fetching)
        await fetching
    finally:
        fetching.cancel()


async def _next(
    done: asyncio.Queue[BulkFetchResult], fetching: asyncio.Future[list[None]]
) -> BulkFetchResult:
    """The next result; raises the error that ended the fetching, after which no result would come."""
    next_result = asyncio.ensure_future(done.get())
    waiting: set[asyncio.Future[Any]] = {next_result, fetching}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if fetching.done() and fetching.exception() is not None:
        next_result.cancel()
        fetching.result()
    return await next_result


async def _fetch(request: BulkFetchRequest, biller: BillerAdapter | None, world: World) -> BulkFetchResult:
    if biller is None:
        return BulkFetchResult(request, why="no such biller")
    profile = biller.profile
    if profile.fetch_has_side_effects:
        return BulkFetchResult(request, why="a fetch locks the bill, so this biller is never asked in bulk")
    query = unattended_query(profile, request.parameters)
    if query is None:
        return BulkFetchResult(request, why="malformed")
    return _result_of(request, await fetch_unattended(query, biller, world))


def unattended_query(profile: BillerProfile, parameters: Mapping[str, str]) -> BillQuery | None:
    """What is asked for by these parameters of the manifest; None where they name no bill."""
    names = {field.name: field.wire_name for field in profile.parameters}
    fields = {wire_name: fold_bangla_digits(parameters.get(name, "")) for name, wire_name in names.items()}
    chosen = chosen_parameters(profile, fields)
    if isinstance(chosen, ParameterFault) or parameters.keys() - names.keys():
        return None
    return BillQuery(profile.id, chosen, payer_of(profile, chosen))


async def fetch_unattended(query: BillQuery, biller: BillerAdapter, world: World) -> FetchReply:
    """Ask a biller for a bill for which no payer waits, once its budget has room.

    Never one whose fetch has side effects.
    """
    profile = biller.profile
    while (seconds := await world.budget.take(profile.id, profile.inquiries_per_second)) > 0:
        await world.clock.sleep(seconds)
    return await biller.fetch(query)


def _result_of(request: BulkFetchRequest, reply: FetchReply) -> BulkFetchResult:
    match reply:
        case BillFound(bill=bill):
            return BulkFetchResult(request, bill)
        case BillMissing():
            return BulkFetchResult(request, why="no such bill")
        case AmountRefused():
            return BulkFetchResult(request, why="not with this amount")
        case BillerSilent(why=why):
            return BulkFetchResult(request, why=f"no answer: {why}")
        case _:
            assert_never(reply)
