"""A far side with a door of its own, an adapter that talks to it, and the socket between them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import Clock, Tokens
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.wing_kit.shared_tokens import SharedTokens
from tests.wire.scripted_peer import Caller, Manners, RudePeer, http_answer, rude_peer

# Answers are waited for 20 s / 10 here: a far side that answers must not be late on a busy machine.
DIVISOR = 10


class FarDesk(Protocol):
    async def serve(self, caller: Caller) -> None: ...


@dataclass
class FarStage:
    """`query` names the bill that `order` pays."""

    manifest: Manifest
    query: BillQuery
    peer: RudePeer
    clock: Clock
    tokens: Tokens
    adapter: BillerAdapter
    environ: dict[str, str]
    wire: HttpWire

    def another_process(self) -> BillerAdapter:
        """The same biller in a second process of the cluster."""
        return adapter_of(
            self.manifest, FamilyContext(self.wire, self.tokens, self.clock, self.environ, DIVISOR)
        )

    def paths(self) -> list[str]:
        return [heard.path.removeprefix("/api") for heard in self.peer.heard]

    def bodies(self, path: str) -> list[bytes]:
        return [heard.body for heard in self.peer.heard if heard.path == f"/api{path}"]

    async def bill(self) -> Bill:
        reply = await self.adapter.fetch(self.query)
        assert isinstance(reply, BillFound), reply
        return reply.bill

    async def order(self, step: str, seconds: float = 5.0) -> PayOrder:
        bill = await self.bill()
        bill = replace(bill, biller_quote={**bill.biller_quote, **self.query.payer})
        order = order_for(self.manifest.id, bill, date(2025, 10, 20), time.monotonic() + seconds)
        return replace(order, step=step)


@asynccontextmanager
async def far_stage(
    manifest: Manifest, query: BillQuery, desk: FarDesk, **environ: str
) -> AsyncIterator[FarStage]:
    clock, tokens = DhakaClock(), SharedTokens()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        given = {
            manifest.endpoint.url_setting: peer.url("/api"),
            manifest.secrets.password_setting: "open sesame",
        } | environ
        adapter = adapter_of(manifest, FamilyContext(wire, tokens, clock, given, DIVISOR))
        yield FarStage(manifest, query, peer, clock, tokens, adapter, given, wire)
        await wire.close()


async def say_and_leave(caller: Caller, raw: bytes) -> None:
    await caller.say(raw)
    await caller.hang_up()


def rude_manners(said: bytes) -> dict[str, Manners]:
    """What a far side without manners makes of an answer that would be a good one."""
    return {
        "silence": Caller.stay_silent,
        "a connection dropped": Caller.hang_up,
        "half a reply": lambda caller: say_and_leave(caller, http_answer(said)[:-3]),
        "garbage": lambda caller: say_and_leave(caller, b"\x00\x01garbage\r\n\r\n"),
        "a page with 200": lambda caller: caller.answer(b"<html>1200 0 saved</html>"),
        "nothing with 200": lambda caller: caller.answer(b""),
        "JSON null": lambda caller: caller.answer(b"null"),
        "nested without end": lambda caller: caller.answer(b"[" * 100_000),
        "not UTF-8": lambda caller: caller.answer(b"\xff\xfe{}"),
        "an empty object": lambda caller: caller.answer(b"{}"),
        "500": lambda caller: caller.answer(said, status=500),
        "503": lambda caller: caller.answer(said, status=503),
        "a redirect": lambda caller: caller.answer(said, status=302, extra="Location: /x\r\n"),
    }
