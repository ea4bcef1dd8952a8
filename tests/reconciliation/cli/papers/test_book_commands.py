"""`ekpay report trial-balance` and `ledger` as finance types them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ekpay_switch.edge_kit.bilingual_text import in_bangla
from reconciliation.cli.report_commands import app

Typed = Callable[..., Any]


async def test_the_books_of_a_month_are_shown_and_left_as_files(typed: Typed, tmp_path: Path) -> None:
    shown = await typed("trial-balance", "--month", "2026-04")
    assert shown.exit_code == 0, shown.output
    assert "settlement_bank" in shown.output
    assert "provisional" not in shown.output
    vat = await typed("vat", "--month", "2026-04")
    assert vat.exit_code == 0, vat.output
    assert "VAT owed before 0.00, after 0.75" in vat.output
    assert (await typed("vat", "--month", in_bangla("2026-04"))).output == vat.output
    for command in ("trial-balance", "ledger", "vat"):
        left = await typed(command, "--since", "2026-04-01", "--until", "2026-04-30", "--out", str(tmp_path))
        assert left.exit_code == 0, left.output
    assert sorted(_files(tmp_path)) == [
        "general-ledger_2026-04-01_2026-04-30.csv",
        "general-ledger_2026-04-01_2026-04-30.journal",
        "general-ledger_2026-04-01_2026-04-30.xlsx",
        "trial-balance_2026-04-01_2026-04-30.csv",
        "trial-balance_2026-04-01_2026-04-30.xlsx",
        "vat_2026-04-01_2026-04-30.csv",
        "vat_2026-04-01_2026-04-30.xlsx",
    ]
    before = _files(tmp_path)
    for command in ("trial-balance", "ledger"):
        await typed(command, "--month", "2026-04", "--out", str(tmp_path))
    assert _files(tmp_path) == before


async def test_a_statement_is_left_and_a_stranger_has_none(typed: Typed, tmp_path: Path) -> None:
    words = ("--month", "2026-04", "--out", str(tmp_path), "--format", "csv")
    left = await typed("statement", "partner:bank1", *words)
    assert left.exit_code == 0, left.output
    assert list(_files(tmp_path)) == ["statement_partner-bank1_2026-04-01_2026-04-30.csv"]
    refused = await typed("statement", "partner:bank2", *words)
    assert refused.exit_code == 1
    assert "partner:bank2 is no partner:ID" in refused.output
    assert len(_files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "give --month, or both --since and --until"),
        (("--since", "2026-04-01"), "give --month, or both"),
        (("--month", "2026-04", "--until", "2026-04-02"), "give --month, or both"),
        (("--month", "April"), "a month is written 2026-04"),
        (("--since", "2026-04-02", "--until", "2026-04-01"), "before it begins"),
        (("--since", "1.4.2026", "--until", "2026-04-01"), "a business date is written"),
    ],
)
def test_a_period_that_is_none_is_refused_by_its_option(words: tuple[str, ...], reason: str) -> None:
    refused = CliRunner().invoke(app, ["trial-balance", *words], terminal_width=200)
    assert refused.exit_code == 2
    assert reason in " ".join(refused.output.split())


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
