"""One partner's fetches are bounded: nobody else waits for them, and payments least of all."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.parties.partner_limits import FetchTerms
from tests.api.api_setup import Caller, Desk, Reply, code_of
from tests.factories import a_partner
from tests.scenarios.conditions import until


async def fetching(desk: Desk, bank: Caller, count: int) -> list[asyncio.Task[Reply]]:
    """So many fetches, of which each waits at the biller."""
    await bank.log_in()
    body = bank.sealed(bank.write.fetch("b025", bll_no="092512345678"))
    asked = desk.small.steps.taken.count("fetch")
    tasks = [asyncio.create_task(bank.post("fetch-bill", body)) for _ in range(count)]
    await until(lambda: desk.small.steps.taken.count("fetch") == asked + count)
    return tasks


@pytest.fixture
def gate(desk: Desk) -> asyncio.Event:
    desk.small.biller.gate = asyncio.Event()
    desk.small.partners.add(replace(a_partner(), fetches=FetchTerms(in_flight=3, per_second=100)))
    return desk.small.biller.gate


async def test_fetches_in_flight_are_bounded_and_what_was_exceeded_is_named(
    desk: Desk, bank: Caller, gate: asyncio.Event
) -> None:
    waiting = await fetching(desk, bank, 3)
    refused = await bank.post("fetch-bill", b"never opened")
    assert (refused.status, refused.plain["resp_cd"], refused.headers["retry-after"]) == (429, "2004", "1")
    assert refused.plain["resp_msg"] == "too many requests: fetches in flight, at most 3 by the agreement"
    gate.set()
    assert [reply.status for reply in await asyncio.gather(*waiting)] == [200] * 3
    assert code_of(await bank.fetch()) == "0000"


async def test_another_partner_and_payments_of_the_same_are_not_refused(
    desk: Desk, bank: Caller, gate: asyncio.Event
) -> None:
    gate.set()
    fetched = await bank.fetch()
    gate.clear()
    waiting = await fetching(desk, bank, 3)
    other = await fetching(desk, desk.partner(202), 1)
    paying = asyncio.create_task(bank.exchange(bank.payment(fetched)))
    await desk.small.biller.was_asked.wait()
    gate.set()
    assert code_of(await paying) == "0000"
    assert [reply.status for reply in await asyncio.gather(*waiting, *other)] == [200] * 4


async def test_fetches_a_second_are_bounded(desk: Desk, bank: Caller) -> None:
    desk.small.partners.add(replace(a_partner(), fetches=FetchTerms(in_flight=64, per_second=5)))
    body = bank.sealed(bank.write.fetch("b025", bll_no="092512345678"))
    replies = [await bank.post("fetch-bill", body) for _ in range(6)]
    assert [reply.status for reply in replies] == [200] * 5 + [429]
    assert replies[-1].plain["resp_msg"] == "too many requests: fetches a second, at most 5 by the agreement"
    desk.small.clock.pass_by(1)
    assert (await bank.post("fetch-bill", body)).status == 200


async def test_a_caller_that_hangs_up_leaves_its_place(desk: Desk, bank: Caller, gate: asyncio.Event) -> None:
    waiting = await fetching(desk, bank, 3)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    gate.set()
    assert code_of(await bank.fetch()) == "0000"


async def test_a_fetch_that_breaks_off_leaves_its_place(desk: Desk, bank: Caller) -> None:
    desk.small.partners.add(replace(a_partner(), fetches=FetchTerms(in_flight=1, per_second=100)))
    for _ in range(3):
        assert (await bank.post("fetch-bill", b"no envelope")).status == 400
    assert code_of(await bank.fetch()) == "0000"
