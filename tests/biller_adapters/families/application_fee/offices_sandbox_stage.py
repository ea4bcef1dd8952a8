"""The simulated offices at a free port, and the adapters of their manifests in front of them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.outcome import Inquiry, Outcome
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.flows.bills.fetch_bill import payer_of
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from sandbox.billers.offices.family import OfficesFamily
from sandbox.billers.offices.final_receipts import OfficeTimes
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.sandbox.caller import AdminCaller
from tests.sandbox.conftest import served

MARCH = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)
# Answers are waited for 20 s / 10 here.
DIVISOR = 10
TIMES = OfficeTimes(final_receipt_seconds=60)


@dataclass
class OfficesStage:
    """Fetches and pays at any office; each order has a reference of its own."""

    admin: AdminCaller
    clock: DhakaClock
    wire: HttpWire
    environ: dict[str, str]
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def adapter(self, biller: str) -> BillerAdapter:
        around = FamilyContext(self.wire, InMemoryTokens(), self.clock, self.environ, DIVISOR)
        return adapter_of(the_manifest(biller), around)

    async def named(self, biller: str, kind: str = "normal", nth: int = 0) -> dict[str, str]:
        """The parameters of an account of a kind, as the office itself would fill them in."""
        cast = await self.admin.admin("GET", f"cast?house={biller}&kind={kind}&nth={nth}")
        fields: dict[str, str] = cast["fields"]
        return fields

    async def fetch(self, biller: str, named: dict[str, str]) -> FetchReply:
        adapter = self.adapter(biller)
        return await adapter.fetch(BillQuery(biller, named, payer_of(adapter.profile, named)))

    async def bill(self, biller: str, named: dict[str, str]) -> Bill:
        found = await self.fetch(biller, named)
        assert isinstance(found, BillFound), found
        return found.bill

    def order(self, biller: str, bill: Bill) -> PayOrder:
        order = order_for(biller, bill, business_date(self.clock.now()))
        return replace(order, reference=f"TESTORDER{next(self.numbers):017d}")

    async def pay(self, order: PayOrder) -> Outcome:
        in_time = replace(order, send_before=time.monotonic() + 5)
        return await self.adapter(order.biller_id).pay(in_time)

    async def inquire(self, order: PayOrder) -> Inquiry:
        return await self.adapter(order.biller_id).inquire(order)

    async def pay_named(self, biller: str, named: dict[str, str]) -> Outcome:
        return await self.pay(self.order(biller, await self.bill(biller, named)))

    async def booked(self, biller: str) -> list[int]:
        """What the office's book says it took, in paisa."""
        payments = (await self.admin.admin("GET", "dump"))["payments"]
        return [payment["amount_paisa"] for payment in payments if payment["house"] == biller]


@asynccontextmanager
async def offices_stage(folder: Path) -> AsyncIterator[OfficesStage]:
    clock = DhakaClock(MARCH)
    settings = BillerSettings(home=folder, accounts=50, slow_seconds=0.2)
    wire = HttpWire(clock)
    async with served(OfficesFamily(settings, Clock(clock.now), TIMES)) as (session, origin):
        environ = OfficesFamily.settings_for_switch(origin, settings.password.get_secret_value())
        yield OfficesStage(AdminCaller(session, origin), clock, wire, environ)
        await wire.close()
