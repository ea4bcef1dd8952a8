"""config/challan_accounts.toml: what is taken, and that a row which is not understood stops the start."""

from pathlib import Path

import pytest

from ekpay_switch.config_files.challan_accounts import read_challan_accounts
from ekpay_switch.config_files.toml_file import ConfigFileError
from ekpay_switch.domain.challans import TreasuryHead

OURS = Path(__file__).parents[2] / "config" / "challan_accounts.toml"
GOOD: dict[str, object] = {
    "credit_account": "1-4331-0000-2043",
    "purpose": "fees",
    "economic_code": "1422199",
    "organization_code": "1090101100001",
}


def a_file(tmp_path: Path, *rows: dict[str, object]) -> Path:
    lines = []
    for row in rows:
        lines += ["[[accounts]]", *(f"{name} = {value!r}" for name, value in row.items())]
    path = tmp_path / "challan_accounts.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_each_account_has_its_codes(tmp_path: Path) -> None:
    found = read_challan_accounts(a_file(tmp_path, GOOD))
    assert found == {"1-4331-0000-2043": TreasuryHead("1422199", "1090101100001")}


@pytest.mark.parametrize(
    "changes",
    [
        {"credit_account": "14331-0000-2043"},
        {"credit_account": "1-4331-0000-204"},
        {"credit_account": "১-4331-0000-2043"},
        {"economic_code": "142219"},
        {"economic_code": 1422199},
        {"organization_code": "109010110000"},
        {"purpose": ""},
        {"percent": 5},
    ],
)
def test_a_row_that_cannot_be_meant_so_stops_the_start(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigFileError):
        read_challan_accounts(a_file(tmp_path, {**GOOD, **changes}))


def test_an_account_stands_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match="stands twice"):
        read_challan_accounts(a_file(tmp_path, GOOD, {**GOOD, "purpose": "other"}))


def test_a_file_that_is_no_toml_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "challan_accounts.toml"
    path.write_text("accounts", encoding="utf-8")
    with pytest.raises(ConfigFileError):
        read_challan_accounts(path)


def test_every_row_of_ours_says_that_it_is_ours() -> None:
    text = OURS.read_text(encoding="utf-8")
    assert text.count("[[accounts]] # ours") == text.count("[[accounts]]") == len(read_challan_accounts(OURS))
