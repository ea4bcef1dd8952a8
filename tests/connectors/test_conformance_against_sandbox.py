"""The conformance run of every manifest of two families against its simulator: no fact is contradicted."""

from pathlib import Path

import pytest

from ekpay_switch.cli.conformance.run import Fact, Verdict
from ekpay_switch.cli.connectors.conformance import Conformance
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.money import Money
from sandbox.callers.payer.payer import Payer, pay
from sandbox.kit.provider.family import GatewayFarSide
from sandbox.providers.bank_redirect.family import Institution as BankRedirect
from sandbox.providers.mpgs.family import Institution as Mpgs
from tests.connectors.sandbox_stage import sandbox_stage

HOUSES = [(family, house.id) for family in (Mpgs, BankRedirect) for house in family.houses]


@pytest.mark.parametrize(("family", "house"), HOUSES, ids=[house for _, house in HOUSES])
async def test_a_manifest_tells_the_truth(tmp_path: Path, family: type[GatewayFarSide], house: str) -> None:
    async with sandbox_stage(family, house, tmp_path) as stage:

        async def agrees(_order: CollectOrder, created: PageCreated) -> bool:
            await pay(created.page_url, Payer(await stage.number("normal")))
            return True

        run = Conformance(stage.connector, agrees, Money(1_000), send_seconds=5)
        findings = [finding async for finding in run.run()]
    assert [finding for finding in findings if not finding.is_right] == []
    undone = Verdict.PROVEN if family is Mpgs else Verdict.NOT_SHOWN
    assert run.verdicts() == {
        Fact.DEDUPLICATES: Verdict.NOT_SHOWN,
        Fact.CAN_BE_ASKED: Verdict.PROVEN,
        Fact.CAN_BE_UNDONE: undone,
        Fact.ECHOES_AMOUNT: Verdict.PROVEN,
    }
