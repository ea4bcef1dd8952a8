"""Leases of links, and waiting for what another process writes, in the database and in memory."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.host_messages import (
    HostMessage,
)
from ekpay_switch.ports.host_links import LinkLease
from tests.persistence.books import Books
from tests.persistence.host_links.host_message_setup import APPROVED, BANK, KEY, Desk, TwoProcesses

# ---- leases


async def test_one_keeps_a_link_until_it_lets_go(two: TwoProcesses) -> None:
    leases = await asyncio.gather(*(one.links.lease(BANK, "x", 30) for one in (two.one, two.other) * 5))
    (held,) = [lease for lease in leases if lease]
    assert await two.one.links.lease("agrani", "x", 30) is not None
    assert await two.one.links.renew(held, 30)
    await two.other.links.release(LinkLease(BANK, held.epoch + 1))
    assert await two.other.links.lease(BANK, "x", 30) is None
    await two.one.links.release(held)
    assert not await two.one.links.renew(held, 30)
    assert await two.other.links.lease(BANK, "x", 30) == LinkLease(BANK, held.epoch + 1)
    assert not await two.one.links.renew(held, 30)


async def test_a_lease_that_has_run_out_is_anybodys(two: TwoProcesses) -> None:
    held = await two.one.links.lease(BANK, "x", 0.02)
    await asyncio.sleep(0.05)
    assert held is not None
    assert not await two.one.links.renew(held, 30)
    assert await two.other.links.lease(BANK, "x", 30) == LinkLease(BANK, 2)


# ---- waiting


async def test_whoever_waits_hears_what_another_process_writes(two: TwoProcesses) -> None:
    sent = await two.one.sent()
    waiting = asyncio.create_task(two.one.messages.await_news(sent, 30))
    await asyncio.sleep(0.12)
    assert not waiting.done()
    await two.other.links.answer(sent.key, APPROVED)
    async with asyncio.timeout(25):
        assert (await waiting).reply == APPROVED


async def test_many_wait_and_each_hears_of_its_own(two: TwoProcesses) -> None:
    sent = [await two.one.sent(f"R{number}") for number in range(8)]
    waiting = [asyncio.create_task(two.one.messages.await_news(one, 30)) for one in (*sent, sent[0])]
    await asyncio.sleep(0.05)
    for one in reversed(sent):
        await two.other.links.answer(one.key, replace(APPROVED, fields={"48": one.key.reference}))
    async with asyncio.timeout(25):
        told = await asyncio.gather(*waiting)
    assert [one.reply.fields["48"] for one in told if one.reply] == [*(f"R{n}" for n in range(8)), "R0"]


async def test_whoever_waits_in_vain_is_told_how_it_stands(desk: Desk) -> None:
    sent = await desk.sent()
    assert await desk.messages.await_news(sent, 0.1) == sent
    assert await desk.messages.await_news(sent, -1) == sent


async def test_an_owner_is_woken_by_what_is_to_be_sent(two: TwoProcesses) -> None:
    async with asyncio.timeout(25):
        waiting = asyncio.create_task(two.one.links.await_work(BANK, 30))
        other_bank = asyncio.create_task(two.one.links.await_work("agrani", 30))
        await asyncio.sleep(0.12)
        assert not waiting.done()
        await two.other.handed()
        await waiting
        await two.one.links.take(await two.one.lease(), 10)
        waiting = asyncio.create_task(two.one.links.await_work(BANK, 30))
        await asyncio.sleep(0.12)
        await two.other.reverse(KEY)
        await waiting
    assert not other_bank.done()
    other_bank.cancel()


async def test_an_owner_without_work_waits_its_time(desk: Desk) -> None:
    async with asyncio.timeout(25):
        await desk.links.await_work(BANK, 0.05)


async def test_a_database_that_is_away_is_told_to_whoever_asks_last(
    postgres: Desk, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    del books
    sent = await postgres.sent()
    news = postgres.messages._news  # type: ignore[attr-defined] # noqa: SLF001 - to break what it reads

    async def away(*_: object) -> list[HostMessage]:
        raise ConnectionError

    monkeypatch.setattr("ekpay_switch.persistence.host_links.message_changes.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(news, "_read", away)
    with pytest.raises(ConnectionError):
        await postgres.messages.await_news(sent, 0.1)
