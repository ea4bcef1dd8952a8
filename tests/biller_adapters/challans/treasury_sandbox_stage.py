"""The simulated treasury on a socket, and the adapters of all that is paid to it, over real HTTP."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from biller_adapters.families.a_challan import AChallan
from biller_adapters.families.treasury_echallan import TreasuryEchallan
from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import BillFound, BillQuery, FetchReply
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.flows.bills.fetch_bill import chosen_parameters, payer_of
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from sandbox.billers.challan.family import ChallanFamily
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from tests.biller_adapters.conftest import MANIFESTS
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.sandbox.caller import NOON
from tests.sandbox.conftest import served

TREASURY = {
    manifest.id: manifest for manifest in MANIFESTS if manifest.family in {"a_challan", "treasury_echallan"}
}
DEMANDED = sorted(name for name, manifest in TREASURY.items() if manifest.fetch_mode != "none")
STATED = sorted(TREASURY.keys() - set(DEMANDED))
# Answers are waited for 15 s / 5 here.
DIVISOR = 5


@dataclass
class Town:
    """One treasury with its offices, and whoever pays there; every payment has a reference of its own."""

    far_side: ChallanFamily
    session: aiohttp.ClientSession
    origin: str
    adapters: Mapping[str, AChallan | TreasuryEchallan]

    async def cast(self, house: str, kind: str = "normal", nth: int = 0) -> Mapping[str, Any]:
        url = f"{self.origin}/_admin/cast?house={house}&kind={kind}&nth={nth}"
        async with self.session.get(url) as answer:
            told: Mapping[str, Any] = await answer.json()
        return told

    async def query(self, house: str, kind: str = "normal", nth: int = 0) -> BillQuery:
        return query_of(TREASURY[house], (await self.cast(house, kind, nth))["fields"])

    async def fetch(self, house: str, kind: str = "normal", nth: int = 0) -> FetchReply:
        return await self.adapters[house].fetch(await self.query(house, kind, nth))

    async def order(self, house: str, kind: str = "normal", nth: int = 0, by: str = "REF") -> PayOrder:
        query = await self.query(house, kind, nth)
        found = await self.adapters[house].fetch(query)
        assert isinstance(found, BillFound), found
        bill = replace(found.bill, biller_quote={**found.bill.biller_quote, **query.payer})
        order = order_for(house, bill, NOON.date(), time.monotonic() + 4)
        return replace(order, reference=f"{by}/{house}/{kind}/{nth}")

    async def paid_paisa(self, house: str) -> list[Money]:
        return [Money(payment.amount_paisa) for payment in self.far_side.book.payments_of(house)]


def query_of(manifest: Manifest, fields: Mapping[str, str]) -> BillQuery:
    """The query that the core makes of these fields, by the manifest's own rules."""
    wire_names = {entry.name: entry.wire_name for entry in manifest.parameters}
    profile = manifest.profile()
    chosen = chosen_parameters(profile, {wire_names[name]: told for name, told in fields.items()})
    assert chosen == dict(fields)
    return BillQuery(manifest.id, chosen, payer_of(profile, chosen))


@asynccontextmanager
async def town(home: Path) -> AsyncIterator[Town]:
    clock = DhakaClock(NOON)
    settings = BillerSettings(home=home, accounts=50, slow_seconds=0.2)
    far_side = ChallanFamily.open(settings, Clock(clock.now))
    wire = HttpWire(clock)
    async with served(far_side) as (session, origin):
        environ = ChallanFamily.settings_for_switch(origin, settings.password.get_secret_value())
        adapters = {}
        for name, manifest in TREASURY.items():
            adapter = adapter_of(manifest, FamilyContext(wire, InMemoryTokens(), clock, environ, DIVISOR))
            assert isinstance(adapter, AChallan | TreasuryEchallan)
            adapters[name] = adapter
        yield Town(far_side, session, origin, adapters)
        await wire.close()
    far_side.close()
