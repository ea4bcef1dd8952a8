"""A whole payment at a Nagad with a book, as `ekpay connectors certify` makes one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from connectors.families.nagad.connector import Nagad
from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact, StepFinding
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import the_manifest
from tests.connectors.families.nagad.nagad_stage import (
    COMPLETE,
    INITIALISE,
    PAGE,
    PAID,
    REFUND,
    UNPAID,
    VERIFY,
    answered,
    plain,
    read,
    refused,
    secrets,
)
from tests.wire.scripted_peer import Caller, rude_peer


@dataclass
class HonestNagad:
    """One order at a time; `tells` is how a test bends it."""

    tells: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    challenges: list[str] = field(default_factory=list)
    is_paid: bool = False
    gone_back: str = ""

    async def serve(self, caller: Caller) -> None:
        url = urlsplit(caller.heard.path)
        body = json.loads(caller.heard.body or b"{}")
        if url.path.startswith(INITIALISE):
            answer = self.begin(url.path, read(body["sensitiveData"], body["signature"]))
        elif url.path.startswith(COMPLETE):
            answer = self.complete(read(body["sensitiveData"], body["signature"]))
        elif url.path.startswith(VERIFY):
            answer = self.verify(unquote(url.path.removeprefix(VERIFY)))
        else:
            assert url.path == REFUND
            assert parse_qs(url.query)["paymentRefId"] == ["PAY1"]
            answer = self.give_back(read(body["sensitiveDataCancelRequest"], body["signature"]))
        await caller.answer(answer, status=400 if answer.startswith(b'{"reason"') else 200)

    def begin(self, path: str, told: dict[str, Any]) -> bytes:
        assert path == f"{INITIALISE}{told['merchantId']}/{told['orderId']}"
        if not 5 <= len(told["orderId"]) <= 20:
            return refused("InvalidOrderId")
        self.challenges.append("b2" * 20)
        return answered({"paymentReferenceId": "PAY1", "challenge": self.challenges[-1]})

    def complete(self, told: dict[str, Any]) -> bytes:
        assert told["challenge"] == self.challenges.pop()
        assert told["currencyCode"] == "050"
        self.order = {"orderId": told["orderId"], "amount": told["amount"], "paymentRefId": "PAY1"}
        return plain(PAGE)

    def verify(self, payment: str) -> bytes:
        if payment != "PAY1":
            return refused("InvalidReferenceId")
        if not self.is_paid:
            return plain(UNPAID | self.order | {"status": "Ready"})
        back = {"status": "PartialRefunded", "cancelIssuerRefNo": "BACK1"} if self.gone_back else {}
        return plain(PAID | self.order | back | self.tells)

    def give_back(self, told: dict[str, Any]) -> bytes:
        if self.gone_back:
            return refused("InvalidPurchaseInformation")
        self.gone_back = told["cancelAmount"]
        given = {name: told[name] for name in ("originalAmount", "cancelAmount")}
        return answered(given | {"status": "PartialRefunded", "cancelTrxId": "BACK1"})


@asynccontextmanager
async def a_run(desk: HonestNagad) -> AsyncIterator[ConnectorConformance]:
    async def payer(order: CollectOrder, created: PageCreated) -> bool:
        assert order.provider_reference == created.provider_reference == "PAY1"
        desk.is_paid = True
        return True

    clock = DhakaClock()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        environ = {"EKPAY_NAGAD_URL": peer.url("/nagad"), **secrets()}
        nagad = Nagad(the_manifest("nagad"), FamilyContext(wire, InMemoryTokens(), clock, environ))
        try:
            yield ConnectorConformance(nagad, payer, Money(1_000), send_seconds=5)
        finally:
            await wire.close()


async def wrong(run: ConnectorConformance) -> list[StepFinding]:
    return [finding async for finding in run.run() if not finding.is_right]


async def test_an_honest_nagad_proves_what_a_payers_agreement_can_prove() -> None:
    desk = HonestNagad()
    async with a_run(desk) as run:
        assert await wrong(run) == []
        # Money that the payer takes out of the wallet is not taken twice by asking twice.
        assert run.verdicts() == dict.fromkeys(SafetyFact, FactVerdict.PROVEN) | {
            SafetyFact.DEDUPLICATES: FactVerdict.NOT_SHOWN
        }
    assert desk.order["amount"] == "10.00"
    assert desk.gone_back == "5.00"


async def test_a_nagad_that_has_another_amount_is_found_out() -> None:
    async with a_run(HonestNagad(tells={"amount": "11.00"})) as run:
        assert "reference and amount" in [finding.step for finding in await wrong(run)]
        assert run.verdicts()[SafetyFact.ECHOES_AMOUNT] is FactVerdict.CONTRADICTED


async def test_a_nagad_that_has_nothing_is_found_out() -> None:
    async with a_run(HonestNagad(tells={"status": "Failed"})) as run:
        assert [finding.step for finding in await wrong(run)] == ["asked after that"]
