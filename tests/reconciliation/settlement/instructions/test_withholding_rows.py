"""Rows of withheld tax in config/settlement.toml: read, or refused with number and member."""

from datetime import date
from pathlib import Path

import pytest

from reconciliation.errors import ConfigurationError
from reconciliation.settlement.instructions.account_registry import AccountRegistry, read_registry
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.withholding import TaxBase, Taxpayer, WithholdingRule
from tests.reconciliation.settlement.sample_lines import CONFIG

RULE = '[[payouts.withholding]]\nrole = "payee"\n'
GOOD = f'{RULE}section = "94"\nbasis_points = 1000\nvalid_from = 2026-07-01\n'
KNOWN = '[[payouts.taxpayers]]\nrole = "payee"\nparty = "a:b"\ntin = "123456789012"\n'


def read(folder: Path, rows: str) -> AccountRegistry:
    path = folder / "settlement.toml"
    text = (CONFIG / "settlement.toml").read_text(encoding="utf-8")
    path.write_text(f"{text}\n{rows}\n", encoding="utf-8")
    return read_registry(path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (f"{RULE}basis_points = 1000\nvalid_from = 2026-07-01", r"payouts\.withholding\.0\.section"),
        (f'{RULE}section = "94"\nvalid_from = 2026-07-01', r"payouts\.withholding\.0\.basis_points"),
        (f'{RULE}section = "94"\nbasis_points = 1000', r"payouts\.withholding\.0\.valid_from"),
        (GOOD.replace("1000", "-1"), r"payouts\.withholding\.0\.basis_points"),
        (GOOD.replace("1000", "5001"), r"payouts\.withholding\.0\.basis_points"),
        (GOOD.replace("1000", "10.5"), r"payouts\.withholding\.0\.basis_points"),
        (GOOD.replace('"94"', '"৯৪"'), r"payouts\.withholding\.0\.section"),
        (GOOD.replace("2026-07-01", '"2026-07-01"'), r"payouts\.withholding\.0\.valid_from"),
        (GOOD.replace('"payee"', '"partner"'), r"payouts\.withholding\.0\.role"),
        (f'{GOOD}party = ""', r"payouts\.withholding\.0\.party"),
        (f'{GOOD}base = "profit"', r"payouts\.withholding\.0\.base"),
        (f'{GOOD.replace("payee", "biller")}base = "commission"', r"withholding\.0: .*base: .*biller:all"),
        (f"{GOOD}basis_points_without_proof = 999", r"withholding\.0: .*basis_points_without_proof: "),
        (f"{GOOD}valid_until = 2026-06-30", r"withholding\.0: .*valid_until: .*payee:all"),
        (f'{GOOD}threshold = "5"', r"payouts\.withholding\.0\.threshold"),
        (f"{GOOD}rate = 10", r"payouts\.withholding\.0\.rate"),
        (GOOD + GOOD, r"withholding\.1\.valid_from: withholding\.0 of payee:all counts then too"),
        (KNOWN.replace("123456789012", "12345678901"), r"payouts\.taxpayers\.0\.tin"),
        (f'{KNOWN}proof_until = "soon"', r"payouts\.taxpayers\.0\.proof_until"),
        (KNOWN.replace('party = "a:b"\n', ""), r"payouts\.taxpayers\.0\.party"),
        (KNOWN + KNOWN, r"taxpayers\.1\.party: taxpayers\.0 is payee:a:b too"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_with_number_and_member(
    tmp_path: Path, rows: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(tmp_path, rows)


def test_rows_are_read(tmp_path: Path) -> None:
    ended = GOOD.replace("2026-07-01", "2025-07-01") + "valid_until = 2026-06-30\n"
    more = f'{GOOD}base = "commission"\nbasis_points_without_proof = 1500\nthreshold = "500.00"\n'
    taxes = read(tmp_path, f"{ended}{GOOD}{more}{KNOWN}proof_until = 2026-11-30").payouts.taxes
    start = date(2026, 7, 1)
    assert taxes.rows[PartyRole.PAYEE, None][1:] == (
        WithholdingRule("94", TaxBase.PAID, 1_000, start),
        WithholdingRule("94", TaxBase.COMMISSION, 1_000, start, None, 1_500, 50_000),
    )
    payee = Party(PartyRole.PAYEE, "a:b")
    assert taxes.taxpayers == {payee: Taxpayer("123456789012", date(2026, 11, 30))}
    assert taxes.rule_for(payee, "payable:merchant:a:b", date(2026, 6, 30)) is not None


def test_commission_of_agents_has_rows_of_its_own(tmp_path: Path) -> None:
    rows = f"{GOOD}{KNOWN}".replace('"payee"', '"agent"').replace("1000", '500\nbase = "commission"')
    taxes = read(tmp_path, rows).payouts.taxes
    agent, start = Party(PartyRole.AGENT, "a:b"), date(2026, 7, 1)
    rule = taxes.rule_for(agent, "commission_payable:agent:a:b", start)
    assert rule == WithholdingRule("94", TaxBase.COMMISSION, 500, start)
    assert taxes.taxpayers == {agent: Taxpayer("123456789012")}


def test_the_shipped_file_withholds_nothing() -> None:
    taxes = read_registry(CONFIG / "settlement.toml").payouts.taxes
    assert (taxes.rows, taxes.taxpayers) == ({}, {})
