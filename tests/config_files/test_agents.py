"""config/agents.toml: our own file is read, and what is wrong is named."""

from datetime import date
from pathlib import Path

import pytest

from ekpay_switch.config_files.agents import read_commission_terms
from ekpay_switch.domain.agents.commission import CommissionTerms

OURS = Path("config/agents.toml").read_text(encoding="utf-8")
ROW = '[[commission]]\nagent = "*"\nbasis_points = 1\nvalid_from = 2026-12-01\n'


def test_our_own_file_gives_every_agent_two_fifths_of_the_fee() -> None:
    terms = read_commission_terms(Path("config"))
    assert terms.basis_points("udc1", date(2026, 12, 1)) == 4_000
    assert terms.basis_points("udc1", date(2026, 11, 30)) == 0


def test_without_rows_nobody_earns_anything(tmp_path: Path) -> None:
    (tmp_path / "agents.toml").write_text('version = "1"\n', encoding="utf-8")
    assert read_commission_terms(tmp_path) == CommissionTerms()


@pytest.mark.parametrize(
    ("old", "wrong", "where"),
    [
        ("basis_points = 4000", "basis_points = 10001", r"commission\.0\.basis_points"),
        ("basis_points = 4000", "basis_points = -1", r"commission\.0\.basis_points"),
        ("basis_points = 4000", 'basis_points = "4000"', r"commission\.0\.basis_points"),
        ("basis_points = 4000", "percent = 40", r"commission\.0\.(percent|basis_points)"),
        ('agent = "*"', 'agent = ""', r"commission\.0\.agent"),
        ("valid_from = 2026-12-01", "valid_from = 2026-12", "agents.toml"),
        ("[[commission]] # ours", f"{ROW}[[commission]]", r"commission\.1\.valid_from: \* has a rate"),
    ],
)
def test_a_row_that_is_wrong_is_named(old: str, wrong: str, where: str, tmp_path: Path) -> None:
    assert OURS.count(old) == 1
    (tmp_path / "agents.toml").write_text(OURS.replace(old, wrong), encoding="utf-8")
    with pytest.raises(ValueError, match=where):
        read_commission_terms(tmp_path)
