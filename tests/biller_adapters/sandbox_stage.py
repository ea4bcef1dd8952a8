"""A simulated house behind its real socket, the adapter that speaks to it, and the wire between them."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wire.http import HttpWire
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served
from tests.wing_kit.shared_tokens import SharedTokens

# Answers are waited for 20 s / 20 here.
DIVISOR = 20


@dataclass
class HouseStage:
    """`house` is the simulator's name for the biller; `numbers` makes each order's reference its own."""

    house: str
    manifest: Manifest
    adapter: BillerAdapter
    desk: AdminCaller
    clock: SetClock
    numbers: Iterator[int]

    async def fields(self, kind: str, nth: int = 0) -> dict[str, str]:
        """How a payer names the bill of the nth account of a kind."""
        cast: Json = await self.desk.admin("GET", f"cast?house={self.house}&kind={kind}&nth={nth}")
        fields: dict[str, str] = cast["fields"]
        return fields

    async def query(self, kind: str = "normal", nth: int = 0, **more: str) -> BillQuery:
        fields = await self.fields(kind, nth) | more
        payer = {entry.name for entry in self.manifest.parameters if entry.names_payer}
        return BillQuery(self.manifest.id, fields, {name: fields[name] for name in payer & fields.keys()})

    async def fetch(self, kind: str = "normal", nth: int = 0, **more: str) -> FetchReply:
        return await self.adapter.fetch(await self.query(kind, nth, **more))

    async def bill(self, kind: str = "normal", nth: int = 0, **more: str) -> Bill:
        reply = await self.fetch(kind, nth, **more)
        assert isinstance(reply, BillFound), reply
        return reply.bill

    async def order(self, kind: str = "normal", nth: int = 0, **more: str) -> PayOrder:
        bill, query = await self.bill(kind, nth, **more), await self.query(kind, nth, **more)
        return self.order_of(replace(bill, biller_quote={**bill.biller_quote, **query.payer}))

    def order_of(self, bill: Bill) -> PayOrder:
        order = order_for(self.manifest.id, bill, self.clock.now().date(), time.monotonic() + 5.0)
        return replace(order, reference=f"HOUSE{next(self.numbers):021d}")

    async def payments(self) -> list[Json]:
        payments: list[Json] = (await self.desk.admin("GET", "dump"))["payments"]
        return payments


@asynccontextmanager
async def house_stage(
    manifest: Manifest, far_side: type[BillerFamily], home: Path, house: str = ""
) -> AsyncIterator[HouseStage]:
    """`house` where it is not named as the biller."""
    house, clock = house or manifest.id, SetClock()
    opened = far_side.open(BillerSettings(home=home, accounts=200, slow_seconds=0.2), Clock(clock.now))
    async with served(opened) as (session, origin):
        dhaka = DhakaClock(clock.now())
        wire = HttpWire(dhaka)
        adapter = adapter_of(
            manifest,
            FamilyContext(wire, SharedTokens(), dhaka, environ_of(manifest, opened, origin, house), DIVISOR),
        )
        yield HouseStage(house, manifest, adapter, AdminCaller(session, origin), clock, count(1))
        await wire.close()


def environ_of(manifest: Manifest, far_side: BillerFamily, origin: str, house: str) -> Mapping[str, str]:
    """What a switch is told so that it finds the house; a family that shares one far side says so itself."""
    password = far_side.settings.password.get_secret_value()
    return {
        manifest.endpoint.url_setting: f"{origin}{far_side.base_path}/{house}",
        manifest.secrets.password_setting: password,
        **far_side.settings_for_switch(origin, password),
    }
