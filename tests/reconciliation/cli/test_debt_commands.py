"""`ekpay settle debts` as finance types it: listed, demanded, on paper, ended."""

import asyncio
import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.settle_commands import app
from reconciliation.settlement.positions.demand_figures import reference_of
from tests.reconciliation.settlement.debts.demand_desk import OWED, owing
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage

TWO = ("--by", MAKER, "--approved-by", CHECKER, "--reason", "their letter")


@pytest.fixture
def stage(settlement_stage: Stage) -> Stage:
    """The stage of settlement, where its neighbours have that of nights."""
    return settlement_stage


async def test_a_debt_from_the_list_to_its_ends(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    monkeypatch.setenv("EKPAY_APPROVER_PASSPHRASE", "two")
    monkeypatch.setenv("COLUMNS", "250")

    async def typed(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["debts", *words], obj=stage.office))

    await stage.run()
    assert (await typed("--csv")).output == ""
    await owing(stage)
    (debt,) = json.loads((await typed("--json")).output)
    assert (debt["party"], debt["amount_paisa"], debt["demand"]) == ("desco_postpaid", OWED, None)
    (row,) = csv.DictReader((await typed("--csv")).output.splitlines())
    assert (row["role"], row["amount_paisa"], row["age_days"]) == ("biller", str(OWED), "0")
    assert "5,000.00" in (await typed()).output
    asked = await typed("demand", "desco_postpaid", "--by", MAKER)
    assert asked.output == "Demand 1 of 5000.00 taka waits: ekpay settle debts approve 1 --by NAME\n"
    refused = await typed("paper", "1", "--out", str(tmp_path))
    assert (refused.exit_code, "D-0001 is not approved" in refused.output) == (1, True)
    approved = await typed("approve", "D-0001", "--by", CHECKER)
    assert f"reference {reference_of(1)}" in approved.output
    assert "D-0001" in (await typed()).output
    for folder in ("one", "two"):
        assert (await typed("paper", reference_of(1), "--out", str(tmp_path / folder))).exit_code == 0
    (first,), (second,) = ((tmp_path / folder).iterdir() for folder in ("one", "two"))
    assert first.name == second.name == "demand_D-0001_biller-desco_postpaid.pdf"
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"%PDF-")
    assert (
        await typed("withdraw", "1", *TWO)
    ).output == "D-0001 is withdrawn; 5000.00 taka are still owed.\n"
    assert "D-0001" not in (await typed("list")).output
    assert "withdrawn" in (await typed("list", "--all")).output
    await typed("demand", "desco_postpaid", "--by", MAKER)
    rejected = await typed("reject", "2", "--reason", "too early", "--by", CHECKER)
    assert rejected.output == "D-0002 of biller:desco_postpaid is rejected.\n"
    await typed("demand", "desco_postpaid", "--by", MAKER)
    await typed("approve", "3", "--by", CHECKER)
    assert (await typed("write-off", "3", *TWO)).output == "5000.00 taka of D-0003 are written off.\n"
    told = json.loads((await typed("list", "--all", "--json")).output)
    assert [one["state"] for one in told] == ["withdrawn", "rejected", "written_off"]
    assert (await typed("approve", "EKD000199", "--by", CHECKER)).exit_code == 2
    assert stage.office.persons.asked[0] == (MAKER, "one")
