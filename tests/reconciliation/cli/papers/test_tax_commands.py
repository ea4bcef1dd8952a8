"""`ekpay report invoices` and `vat-return`, and `ekpay reconcile issue-invoices`, as finance types them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ekpay_switch.edge_kit.bilingual_text import in_bangla
from reconciliation.cli.reconcile_commands import app as reconcile
from reconciliation.cli.report_commands import app as report
from tests.reconciliation.papers.month_of_books import MonthOfBooks
from tests.reconciliation.papers.tax.earnings import MonthOfEarnings

Typed = Callable[..., Any]


@pytest.fixture
async def issuing(month: MonthOfBooks, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `issue-invoices` over a month that has earned something."""
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    await MonthOfEarnings(month).fill()

    async def _type(*words: str) -> Result:
        command = ["issue-invoices", *words]
        return await asyncio.to_thread(lambda: CliRunner().invoke(reconcile, command, obj=month.finance))

    return _type


async def test_invoices_are_shown_issued_and_left_as_files(
    issuing: Typed, typed: Typed, month: MonthOfBooks, tmp_path: Path
) -> None:
    shown = await typed("invoices", "2026-04")
    assert shown.exit_code == 0, shown.output
    assert "not issued yet: ekpay reconcile issue-invoices 2026-04 --by NAME" in shown.output
    refused = await typed("invoices", "2026-04", "--out", str(tmp_path))
    assert refused.exit_code == 1
    assert "2026-04 is not issued yet" in refused.output
    assert not files_in(tmp_path)
    issued = await issuing("2026-04", "--by", "Rahima")
    assert issued.exit_code == 0, issued.output
    assert "INV-2026-04-0001" in issued.output
    assert month.stage.office.persons.asked == [("Rahima", "one")]
    left = await typed("invoices", in_bangla("2026-04"), "--out", str(tmp_path))
    assert left.exit_code == 0, left.output
    before = files_in(tmp_path)
    assert len(before) == 5
    assert (await issuing("2026-04", "--by", "Rahima")).exit_code == 0
    assert (await typed("invoices", "2026-04", "--out", str(tmp_path))).exit_code == 0
    assert files_in(tmp_path) == before


async def test_an_empty_month_has_nothing_to_invoice(issuing: Typed, typed: Typed, tmp_path: Path) -> None:
    for answer in (await issuing("2026-03", "--by", "Rahima"), await typed("invoices", "2026-03")):
        assert answer.exit_code == 0, answer.output
        assert "payments of 2026-03 earned nothing: there is nothing to invoice" in answer.output
    assert (await typed("invoices", "2026-03", "--out", str(tmp_path))).exit_code == 0
    assert list(files_in(tmp_path)) == ["fee-invoices_2026-03-01_2026-03-31.csv"]


async def test_the_return_is_shown_and_left_as_files(issuing: Typed, typed: Typed, tmp_path: Path) -> None:
    del issuing  # its books
    shown = await typed("vat-return", "2026-04")
    assert shown.exit_code == 0, shown.output
    assert "VAT owed before 0.00, after 3.35" in shown.output
    assert "not in our books: VAT deducted at source" in shown.output
    left = await typed("vat-return", "2026-04", "--out", str(tmp_path))
    assert left.exit_code == 0, left.output
    assert sorted(files_in(tmp_path)) == [
        "vat-return_2026-04-01_2026-04-30.csv",
        "vat-return_2026-04-01_2026-04-30.pdf",
    ]
    later = await typed("vat-return", "9999-12")
    assert "provisional: a business date of the month" in later.output


@pytest.mark.parametrize("month", ["2026-13", "April", "2026-4", in_bangla("2026")])
@pytest.mark.parametrize("command", ["invoices", "vat-return"])
def test_what_is_no_month_is_refused(command: str, month: str) -> None:
    refused = CliRunner().invoke(report, [command, month], terminal_width=200)
    assert refused.exit_code == 2
    assert "a month is written 2026-04" in " ".join(refused.output.split())


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
