"""`ekpay settle unidentified` as finance types it: found, searched, proposed, approved, shown."""

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.settle_commands import app
from reconciliation.settlement import current_state as desk
from reconciliation.settlement.unidentified.narratives import normalise
from tests.reconciliation.settlement.sample_lines import MON
from tests.reconciliation.settlement.stage import CHECKER, MAKER, KeptRows, Stage
from tests.reconciliation.settlement.test_unidentified_lines import stranger


@pytest.fixture
def stage(settlement_stage: Stage) -> Stage:
    """The stage of settlement, where its neighbours have that of nights."""
    return settlement_stage


async def test_a_line_goes_through_its_door(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.rows = [stranger(-5_750, "", "SB8", ordinal=1), stranger(900, "RAHMAN-1", "SB9", ordinal=2)]
    await stage.run(MON)
    monkeypatch.setattr(desk, "RunRows", lambda _: KeptRows(stage.kept))
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    monkeypatch.setenv("EKPAY_APPROVER_PASSPHRASE", "two")

    async def typed(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=stage.office))

    assert "nothing explains 1, 2: ekpay settle unidentified list" in (await typed("credits")).output
    for search in ("57.50", "sb8"):
        told = json.loads((await typed("unidentified", "list", "--search", search, "--json")).output)
        assert [(one["number"], one["amount"], one["state"]) for one in told] == [(1, -5_750, "open")]
    why = ("--reason", "their tariff", "--by", MAKER)
    refused = await typed("unidentified", "link", "2", "receivable:bkash", *why)
    assert (refused.exit_code, "claim_received with" in " ".join(refused.output.split())) == (1, True)
    assert (await typed("unidentified", "split", "1", "bank_charges=57.50", *why)).exit_code == 2
    assert (await typed("unidentified", "split", "1", "bank_charges=x", "write_off=1", *why)).exit_code == 2
    asked = await typed("unidentified", "split", "1", "bank_charges=50", "write_off=7.50", *why)
    assert "approve 1 --by NAME" in asked.output, asked.output
    assert (await typed("unidentified", "approve", "1", "--by", MAKER)).exit_code == 1
    approved = await typed("unidentified", "approve", "1", "--by", CHECKER)
    assert "Line 1 is settled" in approved.output, approved.output
    shown = (await typed("unidentified", "show", "1")).output
    assert all(
        word in shown for word in (f"proposed split by {MAKER}", f"approved split by {CHECKER}", "7.50")
    )
    assert (await typed("unidentified", "show", "9")).exit_code == 1
    assert json.loads((await typed("unidentified", "list", "--json")).output)[0]["number"] == 2
    assert stage.office.persons.asked[-1] == (CHECKER, "two")
    refused = await typed("unidentified", "split", "2", "return:FT 1=4", "return:FT-2=5", *why)
    assert (refused.exit_code, "without spaces" in " ".join(refused.output.split())) == (1, True)
    asked = await typed("unidentified", "split", "2", "return:FT-1=4", "return:FT-2=5", *why)
    assert ("return:FT-1 4.00" in asked.output, "return:FT-2 5.00" in asked.output) == (True, True)
    assert (await typed("unidentified", "approve", "2", "--by", CHECKER)).exit_code == 0


def test_names_read_alike_in_every_statement() -> None:
    assert normalise("  Md. \u00a0Rahman\tTraders\n") == "MD. RAHMAN TRADERS"
    assert normalise("card 4111111111111111") == "CARD 411111******1111"
