"""Keeping a link: signing on and off, echoes, who keeps it, what is never written (connectors.md 12.5)."""

import asyncio
import time
from dataclasses import replace

import pytest

from connectors.families.iso8583 import host, link_owner
from connectors.families.iso8583.codec import encode
from connectors.families.iso8583.connector import HostLink
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Collected, NeverPaid
from ekpay_switch.domain.host_messages import HostState
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.ports.connectors import KeepsLink
from ekpay_switch.wing_kit.in_memory_host_links import InMemoryHostLinks
from tests.connectors.families.iso8583.host_link_stage import (
    Fields,
    LinkStage,
    Says,
    answered,
    framed,
    link_stage,
    signed,
)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link's own times without their least, which are for machines under load."""
    monkeypatch.setattr(host, "_SECONDS_MIN", 0.05)
    monkeypatch.setattr(link_owner, "RENEW_SECONDS", 0.05)


def silent(asked: Fields) -> list[bytes]:
    del asked
    return []


def says(code: str) -> Says:
    return lambda asked: [framed(encode({**asked, "t": "0810", "39": code}))]


# ---- signing on and off


async def test_a_link_keeps_the_port_of_those_that_keep_one() -> None:
    async with link_stage(is_kept=False) as stage:
        assert isinstance(stage.bank, KeepsLink)


async def test_the_switch_signs_on_first_and_off_last() -> None:
    async with link_stage() as stage:
        assert isinstance(await stage.bank.execute(stage.order()), Collected)
        stage.stop.set()
        await stage.host.until(lambda: stage.host.purposes[-1] == "002")
        assert stage.host.purposes == ["001", "002"]
        (first, *_, last) = stage.host.heard
        assert (first["70"], last["70"]) == ("001", "002")


async def test_on_the_way_out_an_answer_that_is_due_is_heard() -> None:
    async with link_stage() as stage:
        kept: list[Fields] = []

        def later(asked: Fields) -> list[bytes]:
            kept.append(asked)
            stage.stop.set()
            return []

        stage.host.says["0200"] = later
        asking = asyncio.create_task(stage.bank.execute(stage.order()))
        await stage.host.until(lambda: bool(kept))
        await asyncio.sleep(0.1)
        assert stage.host.purposes == ["001"]
        await stage.host.say(signed(answered(kept[0])))
        assert isinstance(await asking, Collected)
        await stage.host.until(lambda: stage.host.purposes == ["001", "002"])


@pytest.mark.parametrize(
    "refusal", [says("91"), silent, lambda _: [b"\x00\x00"]], ids=["91", "silent", "rubbish"]
)
async def test_before_the_host_has_let_us_in_nothing_financial_goes(refusal: Says) -> None:
    async with link_stage(is_kept=False) as stage:
        stage.host.says["0800"] = refusal
        stage.keep()
        assert isinstance(await stage.bank.execute(stage.order(0.5)), Unreached)
        assert {message["t"] for message in stage.host.heard} == {"0800"}
        assert stage.host.connections >= 1


async def test_a_host_that_is_not_there_is_tried_again() -> None:
    async with link_stage(environ={"EKPAY_JANATA_HOST": "127.0.0.1:1"}, is_kept=False) as stage:
        stage.keep()
        assert isinstance(await stage.bank.execute(stage.order(0.3)), Unreached)


@pytest.mark.parametrize("setting", ["EKPAY_JANATA_MAC_KEY", "EKPAY_JANATA_CONSENT_SECRET"])
async def test_without_a_key_no_link_is_kept_and_nothing_is_opened(setting: str) -> None:
    async with link_stage(environ={setting: ""}, is_kept=False) as stage:
        await stage.keep()
        assert stage.host.connections == 0
        for outcome in (await stage.bank.create(stage.order()), await stage.bank.execute(stage.order())):
            assert isinstance(outcome, Unreached)
            assert setting in outcome.why


async def test_where_no_links_are_kept_nothing_is_asked() -> None:
    async with link_stage(is_kept=False) as stage:
        bank = HostLink(stage.manifest, replace(stage.around, hosts=None))
        assert await bank.execute(stage.order()) == Unreached("this installation keeps no host links")
        told = await bank.inquire(stage.doubted(stage.order()))
        assert getattr(told, "was_asked", True) is False


# ---- echoes


async def test_a_silent_link_is_tried_with_an_echo() -> None:
    async with link_stage(echo_idle_seconds=0.1) as stage:
        await stage.host.until(lambda: stage.host.purposes.count("301") >= 3)
        assert stage.host.connections == 1


async def test_one_lost_echo_is_forgiven() -> None:
    async with link_stage(echo_idle_seconds=0.1) as stage:
        stage.host.once("0800", silent)
        await stage.host.until(lambda: stage.host.purposes.count("301") >= 4)
        assert stage.host.connections == 1


async def test_two_lost_echoes_end_the_connection_and_another_is_signed_on() -> None:
    async with link_stage(echo_idle_seconds=0.1) as stage:
        usual = stage.host.says["0800"]
        stage.host.says["0800"] = lambda asked: [] if asked["70"] == "301" else usual(asked)
        await stage.signed_on(2)
        purposes = stage.host.purposes
        assert purposes[: purposes.index("001", 1)] == ["001", "301", "301"]


async def test_where_there_is_traffic_nobody_echoes() -> None:
    async with link_stage(echo_idle_seconds=0.3) as stage:
        for number in range(8):
            await stage.bank.execute(stage.order(reference=f"EXAMPLE000000000000000{number}"))
            await asyncio.sleep(0.05)
        assert "301" not in stage.host.purposes


# ---- strange messages


@pytest.mark.parametrize(
    "strange",
    [
        framed(encode({"t": "0810", "7": "0101000000", "11": "000099", "39": "00", "70": "301"})),
        signed({"t": "0210", "37": "999999999999", "39": "00"}),
        signed({"t": "0430", "37": "999999999999", "39": "00"}),
        signed({"t": "0210", "39": "00"}),
        signed({"t": "0220", "39": "00"}),
    ],
    ids=["echo", "0210", "0430", "no RRN", "0220"],
)
async def test_what_answers_nothing_changes_nothing(strange: bytes) -> None:
    async with link_stage() as stage:
        await stage.host.say(strange)
        assert isinstance(await stage.bank.execute(stage.order()), Collected)
        assert stage.host.connections == 1
        assert stage.bell.rung == []


async def test_a_reversal_that_was_not_asked_for_confirms_nothing() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = lambda asked: [
            signed({**asked, "t": "0430", "39": "00"}),
            signed(answered(asked)),
        ]
        assert isinstance(await stage.bank.execute(stage.order()), Collected)


async def test_the_same_answer_twice_is_one_answer() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = lambda asked: [signed(answered(asked)) * 2, signed(answered(asked, "51"))]
        order = stage.order()
        collected = await stage.bank.execute(order)
        assert isinstance(collected, Collected)
        await asyncio.sleep(0.1)
        assert await stage.bank.inquire(stage.doubted(order)) == collected
        assert stage.bell.rung == []


async def test_a_host_that_refuses_and_then_approves_credits_nobody_and_somebody_is_told() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = lambda asked: [signed(answered(asked, "51")), signed(answered(asked))]
        order = stage.order()
        assert await stage.bank.execute(order) == Declined("insufficient_balance", "51")
        assert await stage.bell.rings() == [(Alarm.LATE_APPROVAL, "00")]
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("response code 51")


# ---- who keeps it


async def test_one_of_two_processes_keeps_the_link_and_both_ask_over_it() -> None:
    async with link_stage() as stage:
        other = stage.another()
        stage.keep(other)
        orders = [stage.order(reference=f"EXAMPLE000000000000000{number}") for number in range(6)]
        banks = [stage.bank, other] * 3
        paid = await asyncio.gather(*(bank.execute(one) for bank, one in zip(banks, orders, strict=True)))
        assert all(isinstance(one, Collected) for one in paid)
        assert (stage.host.connections, stage.host.purposes) == (1, ["001"])


async def test_who_leaves_gives_the_link_to_who_stays() -> None:
    async with link_stage() as stage:
        other, stays = stage.another(), asyncio.Event()
        stage.keep(other, stays)
        stage.stop.set()
        await stage.signed_on(2)
        assert stage.host.purposes == ["001", "002", "001"]
        assert isinstance(await other.execute(stage.order()), Collected)


async def test_an_owner_that_dies_is_followed_once_its_lease_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_owner, "LEASE_SECONDS", 0.4)
    async with link_stage(is_kept=False) as stage:

        async def never(lease: object) -> None:
            del lease
            raise asyncio.CancelledError

        stage.host.says["0200"] = silent
        dying = stage.keep()
        await stage.signed_on()
        order = stage.order(5)
        asking = asyncio.create_task(stage.another().execute(order))
        await stage.host.until(lambda: len(stage.host.of("0200")) == 1)
        with monkeypatch.context() as killed:
            killed.setattr(InMemoryHostLinks, "release", never)
            killed.setattr(InMemoryHostLinks, "mark_lost", never)
            dying.cancel()
            await asyncio.gather(dying, return_exceptions=True)
        stage.keep(stage.another())
        await stage.signed_on(2)
        assert isinstance(await asking, InDoubt)
        assert isinstance(await stage.bank.inquire(stage.doubted(order)), NeverPaid)


async def test_an_owner_that_was_stopped_writes_nothing_after_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGSTOP between the row and the wire: what was taken is provably not written, and says so."""
    async with link_stage() as stage:
        kept = stage.shelf.take
        clock = stage.around.clock

        async def and_stopped(lease: object, limit: int) -> object:
            taken = await kept(lease, limit)  # type: ignore[arg-type]
            if taken:
                monkeypatch.setattr(type(clock), "monotonic", lambda _: time.monotonic() + 3_600)
            return taken

        monkeypatch.setattr(stage.shelf, "take", and_stopped)
        order = stage.order()
        assert await stage.bank.execute(order) == Unreached("no link owner took the request in time")
        assert stage.host.of("0200") == []
        (row,) = stage.shelf.rows.values()
        assert row.message.state is HostState.WITHDRAWN


async def test_an_owner_that_has_lost_its_lease_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async with link_stage() as stage:
        lost = asyncio.Event()

        async def nobody(lease: object, seconds: float) -> bool:
            del lease, seconds
            lost.set()
            return False

        with monkeypatch.context() as taken_over:
            taken_over.setattr(stage.shelf, "renew", nobody)
            await lost.wait()
        await stage.signed_on(2)
        assert isinstance(await stage.bank.execute(stage.order()), Collected)


async def test_a_database_that_is_away_ends_the_keeping_and_gives_the_lease_back(
    stage_of_links: LinkStage,
) -> None:
    stage = stage_of_links

    async def away(lease: object, limit: int) -> object:
        del lease, limit
        raise ConnectionError

    stage.shelf.take = away  # type: ignore[method-assign,assignment]
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(60):
            await stage.keep()
    assert await stage.shelf.lease("janata", "another", 1) is not None


@pytest.fixture
async def stage_of_links():  # type: ignore[no-untyped-def] # noqa: ANN201 - a stage without its link
    async with link_stage(is_kept=False) as stage:
        yield stage


async def test_an_answer_that_cannot_be_recorded_ends_the_connection() -> None:
    async with link_stage() as stage:
        usual = stage.shelf.answer

        async def away(key: object, reply: object) -> object:
            del key, reply
            stage.shelf.answer = usual  # type: ignore[method-assign]
            raise ConnectionError

        stage.shelf.answer = away  # type: ignore[method-assign,assignment]
        order = stage.order()
        assert await stage.bank.execute(order) == InDoubt("the link ended without an answer")
        await stage.signed_on(2)
        assert isinstance(await stage.bank.inquire(stage.doubted(order)), NeverPaid)


async def test_without_numbers_nobody_signs_on() -> None:
    async with link_stage(is_kept=False) as stage:
        while await stage.shelf.next_trace("025135000"):
            for day in stage.shelf.traces:
                stage.shelf.traces[day] = 999_999
        stage.keep()
        await asyncio.sleep(0.3)
        assert stage.host.heard == []
