"""A whole payment at a bank with a host link, as `ekpay connectors certify` makes one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact, StepFinding
from ekpay_switch.cli.connectors.commands import PayerAtPage
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.world import WireReply, WireRequest
from sandbox.callers.payer.payer import Payer, pay
from tests.connectors.families.iso8583.bank_stage import BankStage, a_bank


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[BankStage]:
    async with a_bank(tmp_path) as stage:
        yield stage


async def all_of(run: ConnectorConformance) -> list[StepFinding]:
    return [finding async for finding in run.run()]


def a_run(stage: BankStage, payer: PayerAtPage) -> ConnectorConformance:
    return ConnectorConformance(stage.bank, payer.agree, Money(1_000), send_seconds=5)


async def test_the_banks_own_robot_agrees_and_brings_what_the_host_wants_to_see(bank: BankStage) -> None:
    run = a_run(bank, PayerAtPage(bank.bank, bank.around.wire, 0))
    assert [finding for finding in await all_of(run) if not finding.is_right] == []
    assert run.verdicts() == {
        SafetyFact.DEDUPLICATES: FactVerdict.NOT_SHOWN,
        SafetyFact.CAN_BE_ASKED: FactVerdict.NOT_SHOWN,
        SafetyFact.CAN_BE_UNDONE: FactVerdict.NOT_SHOWN,
        SafetyFact.ECHOES_AMOUNT: FactVerdict.PROVEN,
    }
    steps = [finding.step for finding in run.findings]
    assert "asked after that" not in steps
    assert "asked for a payment that nobody knows" not in steps
    assert await bank.taken() == 1_000


class NoRobot:
    """A bank without one answers its page for what it does not know."""

    def __init__(self, bank: BankStage) -> None:
        self._wire = bank.around.wire

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        elsewhere = WireRequest("POST", f"{request.url}/not/here", request.headers, b"{}", 5)
        return await self._wire.send(far_side, elsewhere)


async def test_without_a_robot_a_person_pays_and_says_where_the_browser_went(
    bank: BankStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    went: list[str] = []

    class Person(PayerAtPage):
        async def agree(self, order: CollectOrder, created: PageCreated) -> bool | str:
            visit = await pay(created.page_url, Payer(await bank.desk.number("normal")))
            went.append(visit.sent_to or "")
            return await super().agree(order, created)

    monkeypatch.setattr("typer.prompt", lambda _: went[0])
    run = a_run(bank, Person(bank.bank, NoRobot(bank), 0))
    assert [finding for finding in await all_of(run) if not finding.is_right] == []
    assert "and pay" in capsys.readouterr().out


async def test_an_address_that_brings_no_agreement_is_none(
    bank: BankStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.prompt", lambda _: "https://shop.example/pay/return?order=1&sign=2")
    run = a_run(bank, PayerAtPage(bank.bank, NoRobot(bank), 0))
    wrong = [finding.step for finding in await all_of(run) if not finding.is_right]
    assert wrong == ["the payer agrees"]
