"""A bank line that bears a demand's reference and what is left of it has a suggested target."""

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.settle_commands import app
from reconciliation.settlement import current_state as desk
from reconciliation.settlement.positions.demand_figures import reference_of
from tests.reconciliation.settlement.debts.demand_desk import OWED, demanded, figures, owing
from tests.reconciliation.settlement.stage import CHECKER, MAKER, KeptRows, Stage
from tests.reconciliation.settlement.test_unidentified_lines import follow, linked, stranger

BORNE = f"INV 7/{reference_of(1).lower()}"


async def test_the_desk_suggests_the_demand_that_a_line_names_and_pays_whole(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "RunRows", lambda _: KeptRows(stage.kept))
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    monkeypatch.setenv("EKPAY_APPROVER_PASSPHRASE", "two")
    monkeypatch.setenv("COLUMNS", "250")

    async def typed(*words: str) -> Result:
        words = ("unidentified", *words)
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=stage.office))

    async def suggested() -> dict[int, str]:
        listed = json.loads((await typed("list", "--all", "--json")).output)
        return {line["number"]: line["suggested"] for line in listed}

    await demanded(await owing(stage))
    await follow(
        stage,
        stranger(OWED, BORNE, "SB1"),
        stranger(OWED - 1, f"{BORNE} x", "SB2"),
        stranger(-OWED, reference_of(1), "SB3"),
        stranger(OWED, f"{BORNE} {reference_of(2)}", "SB4"),
        stranger(OWED, reference_of(2), "SB5"),
        stranger(1, "", "SB6"),
    )
    assert await suggested() == {1: "demand:1"} | dict.fromkeys(range(2, 7), "")
    assert "demand:1" in (await typed("list")).output
    assert "suggested: demand:1" in (await typed("show", "1")).output
    asked = await typed("link", "1", "demand:1", "--reason", "their reference", "--by", MAKER)
    assert asked.exit_code == 0
    assert await suggested() == dict.fromkeys(range(1, 7), ""), "it waits for another person"
    assert (await typed("reject", "1", "--reason", "no", "--by", CHECKER)).exit_code == 0
    await linked(stage, "demand:1", 6)
    assert await suggested() == {1: "", 2: "demand:1"} | dict.fromkeys(range(3, 7), "")
    await linked(stage, "demand:1", 2)
    assert (await figures(stage))[0] == "paid"
    assert set((await suggested()).values()) == {""}
