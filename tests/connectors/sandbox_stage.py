"""A real connector, made of its real manifest, that talks over HTTP to a served simulator of its provider."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from connectors.registry import connector_of
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    ConfirmedCollection,
    NoHint,
    PageCreated,
    RefundOrder,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.family import ProviderFamily
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.settings import ProviderSettings
from tests.connectors.conftest import the_manifest
from tests.sandbox.caller import NOON, AdminCaller, Json
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.push_receiver import Letterbox, a_letterbox

AMOUNT = Money(50_000)
RETURN_PATH = "/pay/return"
_NAMES = count(1)


@dataclass
class StageClock:
    """One date for both sides, which a test moves; deadlines go by real time."""

    instant: datetime = NOON

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


@dataclass
class SandboxStage:
    """A connector, the desk of its provider, and what comes unasked."""

    house: str
    connector: Connector
    desk: AdminCaller
    clock: StageClock
    letterbox: Letterbox
    environ: dict[str, str]
    wire: HttpWire

    def another(self, **environ: str) -> Connector:
        """The same connector with settings of its own."""
        around = FamilyContext(self.wire, InMemoryTokens(), self.clock, self.environ | environ)
        return connector_of(the_manifest(self.house), around)

    def order(self, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
        length = self.connector.profile.reference_length
        name = f"{next(_NAMES):0{length}d}"
        order = CollectOrder(
            payment_id=_id(),
            connector_id=self.house,
            reference=f"R{name[1:]}",
            amount=AMOUNT,
            payer_reference="EXAMPLE",
            return_url=f"{self.letterbox.url}{RETURN_PATH}",
            notify_url=f"{self.letterbox.url}/callbacks/{self.house}",
            send_before=time.monotonic() + 10.0,
        )
        return replace(order, **changes)

    async def opened(self, **changes: Any) -> tuple[CollectOrder, str]:  # noqa: ANN401 - of any field
        """An order with a page, and the page."""
        order = self.order(**changes)
        created = await self.connector.create(order)
        assert isinstance(created, PageCreated), created
        return replace(order, provider_reference=created.provider_reference), created.page_url

    async def visited(
        self,
        kind: str = "normal",
        does: PayerDecision = PayerDecision.APPROVE,
        **changes: Any,  # noqa: ANN401 - of any field
    ) -> tuple[CollectOrder, PayerVisit]:
        """An order whose page a payer of a kind has been to."""
        order, page_url = await self.opened(**changes)
        return order, await pay(page_url, Payer(await self.number(kind)), does)

    async def inquired(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE
    ) -> CollectInquiry:
        """What the connector learns after a payer of a kind was at the page."""
        order, _ = await self.visited(kind, does)
        return await self.connector.inquire(order)

    async def paid(self, kind: str = "normal") -> tuple[CollectOrder, Collected]:
        """A paid order, and what the connector says of it; all four equalities hold."""
        order, _ = await self.visited(kind)
        collected = await self.connector.inquire(order)
        assert isinstance(collected, Collected), collected
        assert judge_collected(order, collected) == ConfirmedCollection(collected)
        return order, collected

    async def brought(self, visit: PayerVisit) -> CallbackHint | NoHint:
        """What the connector makes of what a browser brings back, as the payer's pages hand it on."""
        assert visit.sent_to is not None
        if visit.carries is None:
            return await self.connector.read_callback({}, urlsplit(visit.sent_to).query.encode())
        form = {"content-type": "application/x-www-form-urlencoded"}
        return await self.connector.read_callback(form, urlencode(visit.carries).encode())

    async def pushed(self, at: int = -1) -> CallbackHint | NoHint:
        """What the connector makes of a letter that came."""
        return await self.connector.read_callback(*self.letterbox.letters[at])

    async def number(self, kind: str) -> str:
        answer = await self.desk.admin("GET", f"payers?house={self.house}&kind={kind}")
        number: str = answer["payers"][0]["number"]
        return number

    async def booked(self, order: CollectOrder) -> Json:
        """The order as the provider's book has it."""
        return await self.desk.admin("GET", f"order?house={self.house}&reference={order.reference}")

    async def fault(self, fault: ProviderFault, step: ProviderStep, **more: object) -> None:
        asked = {"house": self.house, "fault": fault, "step": step, **more}
        assert (await self.desk.admin("POST", "faults", asked)).get("faults")

    async def push(self, order: CollectOrder, kind: str) -> None:
        asked = {"house": self.house, "reference": order.reference, "kind": kind}
        assert (await self.desk.admin("POST", "push", asked))["sent"] == 1


def a_refund_of(order: CollectOrder, collected: Collected, minor: int, **changes: Any) -> RefundOrder:  # noqa: ANN401 - of any field
    refund = RefundOrder(
        refund_id=_id(),
        connector_id=order.connector_id,
        reference=f"F{next(_NAMES):025d}",
        provider_reference=order.provider_reference,
        provider_transaction=collected.provider_transaction,
        amount=Money(minor),
        collected=collected.amount,
        reason="returned",
        send_before=time.monotonic() + 10.0,
        may_have_been_heard=False,
        collected_reference=order.reference,
        collected_at=NOON,
    )
    return replace(refund, **changes)


@asynccontextmanager
async def sandbox_stage(
    far_side: type[ProviderFamily], house: str, folder: Path, **settings: object
) -> AsyncIterator[SandboxStage]:
    """Serve the family and make the connector of one of its houses."""
    clock = StageClock()
    given = ProviderSettings.model_validate(
        {"home": folder, "accounts": 200, "slow_seconds": 0.3, "hang_seconds": 0.3, **settings}
    )
    async with AsyncExitStack() as stack:
        letterbox = await stack.enter_async_context(a_letterbox())
        family = far_side.open(given, Clock(clock.now))
        session, origin = await stack.enter_async_context(served(family))
        wire = HttpWire(clock)
        stack.push_async_callback(wire.close)
        environ = far_side.settings_for_switch(origin, given.password.get_secret_value())
        around = FamilyContext(wire, InMemoryTokens(), clock, environ)
        connector = connector_of(the_manifest(house), around)
        yield SandboxStage(house, connector, AdminCaller(session, origin), clock, letterbox, environ, wire)


def _id() -> UUID:
    return UUID(int=next(_NAMES))
