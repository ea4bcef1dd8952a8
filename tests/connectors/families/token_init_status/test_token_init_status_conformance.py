"""The conformance run against providers that take the money themselves; one cannot be asked for refunds."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.families.token_init_status.connector import TokenInitStatus
from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.families.token_init_status.token_init_status_stage import (
    FINE,
    NAME,
    TAP,
    UPAY,
    Dialect,
    said,
    upay_said,
)
from tests.wing_kit.shared_tokens import SharedTokens
from tests.wire.scripted_peer import Caller, rude_peer


@dataclass
class HonestWallet:
    """A desk of one payment, in the generic dialect."""

    is_paid: bool = False
    opened: dict[str, Any] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)

    async def serve(self, caller: Caller) -> None:
        method, path = caller.heard.method, caller.heard.path
        asked = json.loads(caller.heard.body) if caller.heard.body else {}
        if path == TAP.login:
            await caller.answer(said(FINE, {"access_token": "t", "expires_in": 3600}))
        elif path == TAP.init:
            self.opened = asked
            await caller.answer(said(FINE, self.told("pending"), {"page_url": "https://pay.tap.example/"}))
        elif not path.startswith(TAP.status):
            await caller.answer(said({"code": "4041", "message": "no"}), status=404)
        elif path == TAP.status:
            moved = {"transaction_id": "TXN00000001"} if self.is_paid else {}
            await caller.answer(said(FINE, self.told("paid" if self.is_paid else "pending"), moved))
        elif method == "GET":
            await caller.answer(said(FINE, {"payment_id": NAME, "refunds": self.refunds}))
        elif self.refunds:
            await caller.answer(said({"code": "4221", "message": "no"}), status=422)
        else:
            self.refunds.append(asked | {"refund_id": "RFD00000001", "status": "done"})
            await caller.answer(said(FINE, {"payment_id": NAME}, self.refunds[0]))

    def told(self, word: str) -> dict[str, Any]:
        kept = {name: self.opened[name] for name in ("merchant_reference", "amount", "currency")}
        return kept | {"payment_id": NAME, "status": word}


@dataclass
class HonestUpay:
    """A desk of one payment, in Upay's dialect."""

    is_paid: bool = False
    reference: str = ""
    refunds: int = 0

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path
        asked = json.loads(caller.heard.body) if caller.heard.body else {}
        named = {"txn_id": self.reference, "session_id": NAME, "trx_id": "TRX1"}
        if path == UPAY.login:
            await caller.answer(upay_said("MAS2001", {"token": "t"}))
        elif path == UPAY.init:
            self.reference = asked["txn_id"]
            page = {"gateway_url": "https://pg.upaysystem.com/", "txn_id": self.reference}
            await caller.answer(upay_said("MPIS2002", named | page))
        elif path == UPAY.refund:
            self.refunds += 1
            lists: dict[str, Any] = {"success_list": [], "failed_list": []} | {
                "success_list" if self.refunds == 1 else "failed_list": asked
            }
            await caller.answer(upay_said("MPR200", lists))
        else:
            status = {"status": "success" if self.is_paid else "pending", "amount": 10}
            await caller.answer(upay_said("PS2005", named | status))


@asynccontextmanager
async def a_run(dialect: Dialect, desk: HonestWallet | HonestUpay) -> AsyncIterator[ConnectorConformance]:
    async def payer(order: CollectOrder, created: PageCreated) -> bool:
        assert order.provider_reference == created.provider_reference
        desk.is_paid = True
        return True

    clock = DhakaClock()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        own = f"EKPAY_{dialect.id.upper()}_"
        environ = {f"{own}URL": peer.url("")} | {f"{own}{name}": "secret" for name in dialect.secrets}
        connector = TokenInitStatus(dialect.manifest, FamilyContext(wire, SharedTokens(), clock, environ))
        try:
            yield ConnectorConformance(connector, payer, Money(1_000), send_seconds=5)
        finally:
            await wire.close()


@pytest.mark.parametrize(
    ("dialect", "desk"), [(TAP, HonestWallet()), (UPAY, HonestUpay())], ids=["tap", "upay"]
)
async def test_an_honest_provider_contradicts_nothing(
    dialect: Dialect, desk: HonestWallet | HonestUpay
) -> None:
    async with a_run(dialect, desk) as run:
        steps = {finding.step: finding.is_right async for finding in run.run()}
        # Nothing is executed here, so nothing can be executed twice.
        assert run.verdicts() == dict.fromkeys(SafetyFact, FactVerdict.PROVEN) | {
            SafetyFact.DEDUPLICATES: FactVerdict.NOT_SHOWN
        }
    assert all(steps.values())
    assert ("asked for the refunds" in steps) is (dialect is TAP)
    assert "more than is left" in steps
