"""What the command of a demo ends with, and what it leaves."""

from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from sandbox.rehearsals.demo import commands
from sandbox.rehearsals.demo.comparison.biller_books import Disagreement
from sandbox.rehearsals.demo.deciding.doors import DoorsOutcome
from sandbox.rehearsals.demo.report import DemoOutcome
from tests.sandbox.rehearsals.demo.collecting.test_book_reader import (
    EXPORTED,
    EXPORTED_OF_NAGAD,
    ORDER,
    TOTAL,
    StillGateway,
    proven,
)
from tests.sandbox.rehearsals.demo.payouts.sample_payouts import BANK
from tests.sandbox.rehearsals.demo.payouts.sample_payouts import OUTCOME as PAID
from tests.sandbox.rehearsals.demo.sample_demo import proof_of


def ended(outcome: DemoOutcome, monkeypatch: pytest.MonkeyPatch, home: Path) -> tuple[int, str]:
    """The exit code of the command and what it said, where everything came out so."""

    def _played(work: Coroutine[Any, Any, object], _screen: Console, _logs: Path) -> DemoOutcome:
        work.close()
        return outcome

    monkeypatch.setattr(commands, "run_until_stopped", _played)
    monkeypatch.setenv("EKPAY_HOME", str(home))
    app = typer.Typer()
    app.command()(commands.demo)
    result = CliRunner().invoke(app, ["--keep"])
    return result.exit_code, result.stdout


async def test_a_day_whose_payouts_differ_by_a_paisa_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = proof_of(await proven())
    paid = replace(PAID, bank=replace(BANK, statement_paisa=BANK.statement_paisa + 1))
    code, said = ended(replace(whole, night=replace(whole.night, payouts=paid)), monkeypatch, tmp_path)
    assert (code, "UNPROVEN PAYOUT" in said, "NOT PROVEN" in said) == (1, True, True)


async def test_a_day_that_is_explained_ends_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, said = ended(proof_of(await proven()), monkeypatch, tmp_path)
    assert code == 0
    assert "2 from payers over 2 connectors" in said
    report = (tmp_path / "demo" / "report.txt").read_text()
    assert "2 collected over 2 connectors; unexplained: 0, open: 0, audit: clean." in report


@pytest.mark.parametrize(
    "gateway",
    [
        StillGateway,
        lambda: StillGateway(ORDER, replace(ORDER, reference="REF9", is_paid=False)),
        lambda: StillGateway(replace(ORDER, refunds=[])),
        lambda: StillGateway(replace(ORDER, amount_paisa=TOTAL + 1)),
    ],
    ids=["missing order", "extra order", "missing refund", "another amount"],
)
async def test_a_day_with_one_thing_unexplained_ends_with_an_error(
    gateway: type[StillGateway], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, said = ended(proof_of(await proven(gateway=gateway())), monkeypatch, tmp_path)
    assert code == 1
    assert "UNEXPLAINED" in said
    assert "NOT PROVEN" in said


async def test_a_payment_that_is_open_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outcome = proof_of(await proven(EXPORTED | {"state": "delivering"}, EXPORTED_OF_NAGAD))
    strays = [Disagreement("payment P", "is odd")]
    no_door = replace(proof_of(await proven()), doors=DoorsOutcome([], []))
    for one in (outcome, no_door, replace(outcome, payers=replace(await proven(), strays=strays))):
        assert ended(one, monkeypatch, tmp_path)[0] == 1
