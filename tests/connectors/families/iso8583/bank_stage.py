"""A connector over a host link before a served simulator of its bank."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from connectors.families.iso8583.connector import HostLink
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectOrder,
    ExecuteOutcome,
    NeverPaid,
    NoHint,
    PageCreated,
)
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.in_memory_host_links import InMemoryHostLinks
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.tcp import TcpLines
from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.providers.iso8583.family import HostsFamily
from tests.connectors.conftest import the_manifest
from tests.connectors.families.iso8583.host_link_stage import Bell, changed
from tests.connectors.sandbox_stage import AMOUNT, StageClock
from tests.sandbox.caller import SetClock
from tests.sandbox.providers.iso8583.caller import Switch, a_switch

# An answer is waited for 30 s / 30 here.
DIVISOR = 30.0
RETURN = "https://shop.example/pay/return"
_NAMES = count(1)


@dataclass
class BankStage:
    """A bank's connector, its link, and the bank's desk."""

    bank: HostLink
    desk: Switch
    bell: Bell
    around: FamilyContext
    clock: StageClock
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def agreed(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE, nth: int = 0
    ) -> CollectOrder:
        """An order whose payer was at the page, with the alias that came back, if one did."""
        order, visit = await self.visited(kind, does, nth)
        hint = await self.brought(visit)
        assert isinstance(hint, CallbackHint), hint
        assert hint.reference == order.reference
        return replace(order, consent=hint.consent, send_before=time.monotonic() + 5)

    async def visited(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE, nth: int = 0
    ) -> tuple[CollectOrder, PayerVisit]:
        order = CollectOrder(
            payment_id=UUID(int=next(_NAMES)),
            connector_id=self.bank.profile.id,
            reference=next_name(),
            amount=AMOUNT,
            payer_reference="EXAMPLE",
            return_url=RETURN,
            epoch=1,
        )
        created = await self.bank.create(order)
        assert isinstance(created, PageCreated), created
        assert created.provider_reference == order.reference
        order = replace(order, provider_reference=order.reference)
        return order, await pay(created.page_url, Payer(await self.desk.number(kind, nth)), does)

    async def brought(self, visit: PayerVisit) -> CallbackHint | NoHint:
        assert visit.sent_to is not None
        return await self.bank.read_callback({}, urlsplit(visit.sent_to).query.encode())

    async def executed(self, kind: str = "normal", nth: int = 0) -> tuple[CollectOrder, ExecuteOutcome]:
        order = await self.agreed(kind, nth=nth)
        return order, await self.bank.execute(order)

    async def taken_back(self, order: CollectOrder) -> NeverPaid:
        """Ask until the host has confirmed that it took the payment back."""
        async with asyncio.timeout(20):
            while not isinstance(told := await self.bank.inquire(doubted(order)), NeverPaid):
                assert isinstance(told, NoAnswer), told
        return told

    async def taken(self) -> int:
        taken: int = (await self.desk.totals())["taken_paisa"]
        return taken


@asynccontextmanager
async def a_bank(folder: Path, house: str = "janata") -> AsyncIterator[BankStage]:
    clock, bell = StageClock(), Bell()
    async with a_switch(folder, SetClock(clock.instant)) as switch:
        desk, wire, shelf = switch.at(house), HttpWire(clock), InMemoryHostLinks(clock)
        environ = environment(desk, house)
        hosts = HostPorts(shelf, shelf, TcpLines(clock), bell)
        around = FamilyContext(wire, InMemoryTokens(), clock, environ, DIVISOR, hosts=hosts)
        manifest = changed(the_manifest(house), echo_idle_seconds=3_600.0 * DIVISOR)
        stage = BankStage(HostLink(manifest, around), desk, bell, around, clock)
        keeping = asyncio.create_task(stage.bank.keep_link(stage.stop))
        try:
            await desk.until_links(1)
            yield stage
        finally:
            stage.stop.set()
            await keeping
            await wire.close()


def environment(desk: Switch, house: str) -> dict[str, str]:
    """What `ekpay run` would set, with the hosts where this test has them."""
    told = HostsFamily.settings_for_switch(desk.origin, "unused")
    return told | {f"EKPAY_{house.upper()}_HOST": desk.places[house]}


def doubted(order: CollectOrder) -> CollectOrder:
    return replace(order, executes_begun=1, epoch=2)


def next_name() -> str:
    """A reference that nobody had before."""
    return f"R{next(_NAMES):025d}"
