"""The conformance run of every manifest of two families against its simulator: no fact is contradicted."""

from pathlib import Path

import pytest

from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.money import Money
from sandbox.callers.payer.payer import Payer, pay
from sandbox.kit.provider.family import ProviderFamily
from sandbox.providers.bank_redirect.family import BankRedirectFamily as BankRedirect
from sandbox.providers.mpgs.family import MpgsFamily as Mpgs
from tests.connectors.sandbox_stage import sandbox_stage

HOUSES = [(family, house.id) for family in (Mpgs, BankRedirect) for house in family.institutions]


@pytest.mark.parametrize(("family", "house"), HOUSES, ids=[house for _, house in HOUSES])
async def test_a_manifest_tells_the_truth(tmp_path: Path, family: type[ProviderFamily], house: str) -> None:
    async with sandbox_stage(family, house, tmp_path) as stage:

        async def agrees(_order: CollectOrder, created: PageCreated) -> bool:
            await pay(created.page_url, Payer(await stage.number("normal")))
            return True

        run = ConnectorConformance(stage.connector, agrees, Money(1_000), send_seconds=5)
        findings = [finding async for finding in run.run()]
    assert [finding for finding in findings if not finding.is_right] == []
    undone = FactVerdict.PROVEN if family is Mpgs else FactVerdict.NOT_SHOWN
    assert run.verdicts() == {
        SafetyFact.DEDUPLICATES: FactVerdict.NOT_SHOWN,
        SafetyFact.CAN_BE_ASKED: FactVerdict.PROVEN,
        SafetyFact.CAN_BE_UNDONE: undone,
        SafetyFact.ECHOES_AMOUNT: FactVerdict.PROVEN,
    }
