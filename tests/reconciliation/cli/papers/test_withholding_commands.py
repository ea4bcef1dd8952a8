"""`ekpay report withholding-return` and `certificates`, and `issue-certificates`, as finance types them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.reconcile_commands import app as reconcile
from reconciliation.cli.report_commands import app as report
from tests.reconciliation.papers.withholding.withheld_month import TIN, WithheldMonth
from tests.reconciliation.settlement.stage import Stage

Typed = Callable[..., Any]


@pytest.fixture
async def taxed(stage: Stage, tmp_path: Path) -> WithheldMonth:
    """April with two taxed payouts."""
    return await WithheldMonth(stage, tmp_path / "config").fill()


@pytest.fixture
def types(taxed: WithheldMonth, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types a command of reports or of reconciliation."""
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")

    async def _type(*words: str) -> Result:
        app = reconcile if words[0].startswith("issue") else report
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=taxed.finance))

    return _type


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_the_return_is_shown_and_left_as_files(types: Typed, tmp_path: Path) -> None:
    shown = await types("withholding-return", "2026-04")
    assert shown.exit_code == 0, shown.output
    assert "Owed to the state after: 70.02" in shown.output
    assert "not in our books: numbers and dates of treasury challans" in shown.output
    left = await types("withholding-return", "2026-04", "--out", str(tmp_path / "out"))
    assert left.exit_code == 0, left.output
    assert sorted(files_in(tmp_path / "out")) == [
        f"withholding-return_2026-04-01_2026-04-30.{form}" for form in ("csv", "pdf", "xlsx")
    ]
    later = await types("withholding-return", "9999-12", "--format", "csv")
    assert "provisional: a business date of the month" in later.output


async def test_certificates_are_shown_issued_and_left_as_files(
    types: Typed, taxed: WithheldMonth, tmp_path: Path
) -> None:
    shown = await types("certificates", "2026-04")
    assert shown.exit_code == 0, shown.output
    assert "not issued yet: ekpay reconcile issue-certificates 2026-04 --by NAME" in shown.output
    refused = await types("certificates", "2026-04", "--out", str(tmp_path / "out"))
    assert (refused.exit_code, "2026-04 is not issued yet" in refused.output) == (1, True)
    issued = await types("issue-certificates", "2026-04", "--by", "Rahima")
    assert issued.exit_code == 0, issued.output
    assert "WHT-2026-04-0002" in issued.output
    assert TIN in issued.output
    assert taxed.stage.office.persons.asked == [("Rahima", "one")]
    left = await types("certificates", "2026-04", "--out", str(tmp_path / "out"))
    assert left.exit_code == 0, left.output
    before = files_in(tmp_path / "out")
    assert len(before) == 3
    assert (await types("certificates", "2026-04", "--out", str(tmp_path / "out"))).exit_code == 0
    assert files_in(tmp_path / "out") == before


async def test_a_month_without_tax_has_nothing_to_certify(types: Typed) -> None:
    for command in (("certificates", "2026-03"), ("issue-certificates", "2026-03", "--by", "Rahima")):
        answer = await types(*command)
        assert answer.exit_code == 0, answer.output
        assert "nothing was withheld in 2026-03: there is nothing to certify" in answer.output
