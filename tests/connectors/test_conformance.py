"""The conformance run: what it shows of an honest provider, and what it finds on a dishonest one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from connectors.families.bkash.connector import Bkash
from connectors.manifest import Manifest
from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact, StepFinding, show_run
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.families.bkash.bkash_simulator import HonestDesk
from tests.connectors.families.bkash.bkash_stage import SECRETS
from tests.wing_kit.shared_tokens import SharedTokens
from tests.wire.scripted_peer import rude_peer

ALL_PROVEN = dict.fromkeys(SafetyFact, FactVerdict.PROVEN)


@asynccontextmanager
async def a_run(
    manifest: Manifest, desk: HonestDesk, *, agrees: bool = True
) -> AsyncIterator[ConnectorConformance]:
    async def payer(order: CollectOrder, created: PageCreated) -> bool:
        assert order.provider_reference == created.provider_reference
        desk.pages[created.provider_reference].is_agreed = agrees
        return agrees

    clock = DhakaClock()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        environ = {"EKPAY_BKASH_URL": peer.url(""), **SECRETS}
        bkash = Bkash(manifest, FamilyContext(wire, SharedTokens(), clock, environ))
        try:
            yield ConnectorConformance(bkash, payer, Money(1_000), send_seconds=5)
        finally:
            await wire.close()


async def all_of(run: ConnectorConformance) -> list[StepFinding]:
    return [finding async for finding in run.run()]


def wrong(findings: list[StepFinding]) -> list[str]:
    return [finding.step for finding in findings if not finding.is_right]


async def test_an_honest_provider_proves_all_four_facts(bkash: Manifest) -> None:
    desk = HonestDesk()
    async with a_run(bkash, desk) as run:
        assert wrong(await all_of(run)) == []
        assert run.verdicts() == ALL_PROVEN
    page = desk.pages["TR0011x0"]
    assert (len(page.movements), [line["refundAmount"] for line in page.refunds]) == (1, ["5.00"])


async def test_a_provider_that_takes_twice_does_not_deduplicate(bkash: Manifest) -> None:
    async with a_run(bkash, HonestDesk(takes_twice=True)) as run:
        assert wrong(await all_of(run)) == ["executed again", "one movement of money"]
        assert run.verdicts() == ALL_PROVEN | {SafetyFact.DEDUPLICATES: FactVerdict.CONTRADICTED}


async def test_a_provider_that_tells_another_amount_does_not_echo_it(bkash: Manifest) -> None:
    class OtherDesk(HonestDesk):
        def payment(self, path: str, asked: dict[str, str]) -> bytes:
            self.tells = "11.00"
            return super().payment(path, asked)

    async with a_run(bkash, OtherDesk()) as run:
        await all_of(run)
        assert run.verdicts()[SafetyFact.ECHOES_AMOUNT] is FactVerdict.CONTRADICTED


async def test_a_provider_that_gives_nothing_back_cannot_undo(bkash: Manifest) -> None:
    class StingyDesk(HonestDesk):
        def refund(self, path: str, asked: dict[str, str]) -> bytes:
            del path, asked
            return b'{"internalCode": "never", "externalCode": "2074"}'

    async with a_run(bkash, StingyDesk()) as run:
        assert wrong(await all_of(run)) == ["a part given back", "asked for the refunds"]
        assert run.verdicts() == ALL_PROVEN | {SafetyFact.CAN_BE_UNDONE: FactVerdict.CONTRADICTED}


async def test_a_provider_that_answers_no_question_cannot_be_asked(bkash: Manifest) -> None:
    class SilentDesk(HonestDesk):
        def payment(self, path: str, asked: dict[str, str]) -> bytes:
            return b"<html>" if path.endswith("/status") else super().payment(path, asked)

    async with a_run(bkash, SilentDesk()) as run:
        assert wrong(await all_of(run)) == ["asked before the payer has agreed", "asked after that"]
        verdicts = run.verdicts()
        assert verdicts[SafetyFact.CAN_BE_ASKED] is FactVerdict.CONTRADICTED
        assert (
            verdicts[SafetyFact.ECHOES_AMOUNT] is verdicts[SafetyFact.CAN_BE_UNDONE] is FactVerdict.NOT_SHOWN
        )


async def test_a_provider_that_takes_money_before_the_payer_has_agreed_is_found_out(bkash: Manifest) -> None:
    class HastyDesk(HonestDesk):
        def create(self, asked: dict[str, str]) -> bytes:
            answer = super().create(asked)
            self.pages["TR0011x0"].is_agreed = True
            return answer

    async with a_run(bkash, HastyDesk()) as run:
        assert "executed before the payer has agreed" in wrong(await all_of(run))


async def test_without_a_payer_the_run_ends_and_shows_little(bkash: Manifest) -> None:
    async with a_run(bkash, HonestDesk(), agrees=False) as run:
        assert wrong(await all_of(run)) == ["the payer agrees"]
        verdicts = run.verdicts()
        assert verdicts[SafetyFact.CAN_BE_ASKED] is FactVerdict.PROVEN
        assert verdicts[SafetyFact.DEDUPLICATES] is FactVerdict.NOT_SHOWN


async def test_without_a_page_the_run_shows_nothing(bkash: Manifest) -> None:
    async with a_run(bkash, HonestDesk()) as run:
        run.amount = Money(99_999_999)
        assert wrong(await all_of(run)) == ["let in, and a page created"]
        assert set(run.verdicts().values()) == {FactVerdict.NOT_SHOWN}


async def test_a_fact_that_is_not_claimed_is_never_contradicted(bkash: Manifest) -> None:
    cautious = bkash.model_copy(update={"safety": bkash.safety.model_copy(update={"deduplicates": False})})
    async with a_run(cautious, HonestDesk(takes_twice=True)) as run:
        await all_of(run)
        assert run.verdicts()[SafetyFact.DEDUPLICATES] is FactVerdict.NOT_SHOWN


@pytest.mark.parametrize(
    ("desk", "complaint"),
    [
        (HonestDesk(), ""),
        (HonestDesk(takes_twice=True), "what the provider does not do"),
        (HonestDesk(tells="11.00"), "what the provider does not do"),
    ],
)
async def test_a_run_is_told_step_by_step_and_ends_with_the_facts(
    bkash: Manifest, desk: HonestDesk, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_run(bkash, desk) as run:
        assert await show_run(run) is not bool(complaint)
    told = capsys.readouterr()
    assert "ok    let in, and a page created: created TR0011x0\n" in told.out
    assert told.out.count("\n") == len(run.findings) + len(SafetyFact)
    assert complaint in told.err
    assert ("contradicted" in told.out) is ("WRONG" in told.out) is bool(complaint)


async def test_a_step_that_is_wrong_and_touches_no_fact_is_told(
    bkash: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_run(bkash, HonestDesk(), agrees=False) as run:
        assert not await show_run(run)
    assert "did not come out" in capsys.readouterr().err


async def test_findings_are_values(bkash: Manifest) -> None:
    async with a_run(bkash, HonestDesk()) as run:
        first = (await all_of(run))[0]
    assert replace(first, result="") == StepFinding("let in, and a page created", "", is_right=True)
