"""`ekpay sandbox bank` as it is typed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reconciliation.settlement.instructions import beftn
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.instructions.bank_answers import parse_report
from reconciliation.settlement.instructions.creditor_instructions import Instruction, end_to_end_id
from sandbox.commands import app
from tests.sandbox.caller import ROOT
from tests.sandbox.rehearsals.day.sample_books import DAY

REGISTRY = read_registry(ROOT / "config" / "settlement.toml")
PAYEES = REGISTRY.accounts[:2]
NAMES = [end_to_end_id(account.creditor, DAY) for account in PAYEES]


def typed(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bank", *arguments])


def left(folder: Path) -> Path:
    path = folder / "EFT_1.XML"
    orders = [
        Instruction(name, DAY, account, 5_000) for name, account in zip(NAMES, PAYEES, strict=True)
    ]  # fmt: skip
    path.write_bytes(beftn.batch(orders, REGISTRY.debtor, datetime(2026, 3, 10, tzinfo=UTC)))
    return path


def test_a_file_is_carried_out_once_and_a_rejection_is_answered(tmp_path: Path) -> None:
    file, home = left(tmp_path), ("--home", f"{tmp_path / 'home'}")
    first = typed(f"{file}", *home, "--fate", f"{NAMES[0]}=rejected")
    again = typed(f"{file}", *home)
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert f"{NAMES[0]} " in first.stdout
    assert "50.00 taka: rejected" in first.stdout
    assert f"50.00 taka: paid on {DAY}" in first.stdout
    assert "carried out before" in again.stdout
    answer = tmp_path / "answer-EFT_1.xml"
    assert [told.end_to_end_id for told in parse_report(answer.read_bytes())] == [NAMES[0]]


def test_a_file_that_cannot_be_read_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.xml"
    file.write_text("<EFT>")
    done = typed(f"{file}", "--home", f"{tmp_path / 'home'}")
    assert done.exit_code == 1
    assert "x.xml: no well-formed XML" in done.output
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("fate", ["E1", "E1=gone", "=late", "E1=paid", "E1=late"])
def test_a_fate_that_there_is_not_is_refused(fate: str, tmp_path: Path) -> None:
    assert typed(f"{left(tmp_path)}", "--home", f"{tmp_path / 'home'}", "--fate", fate).exit_code == 2
