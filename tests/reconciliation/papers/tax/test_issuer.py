"""The settings of invoices: what is shipped is nobody's, and a wrong setting is named."""

from pathlib import Path

import pytest

from reconciliation.errors import ConfigurationError
from reconciliation.papers.tax.earned_parts import configured_rates
from reconciliation.papers.tax.issuer import read_invoice_settings
from tests.reconciliation.settlement.sample_lines import CONFIG


def test_what_is_shipped_is_a_placeholder_of_the_standard_rate() -> None:
    settings = read_invoice_settings(CONFIG)
    assert settings.is_placeholder
    assert settings.standard_basis_points == 1500
    assert set(settings.issuer.bin) == {"0", "-"}
    assert configured_rates(CONFIG) == [1500]


@pytest.mark.parametrize(
    ("standing", "wrong", "name"),
    [
        ('bin = "000000000-0000"', 'bin = "12"', "issuer.bin"),
        ('name = "ekPay (rehearsal)"', 'name = "  "', "issuer.name"),
        ('status = "placeholder"', 'status = "ours"', "status"),
        ('standard_vat_percent = "15"', 'standard_vat_percent = "15 %"', "standard_vat_percent"),
        ("[issuer]", "[issuers]", "issuer"),
        ('version = "2026-12-01"', "version = ", "invalid|Invalid"),
    ],
)
def test_a_wrong_setting_is_named(standing: str, wrong: str, name: str, tmp_path: Path) -> None:
    text = (CONFIG / "invoices.toml").read_text(encoding="utf-8")
    assert standing in text
    (tmp_path / "invoices.toml").write_text(text.replace(standing, wrong), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=name):
        read_invoice_settings(tmp_path)


def test_rates_are_read_with_their_decimals(tmp_path: Path) -> None:
    text = (CONFIG / "invoices.toml").read_text(encoding="utf-8")
    for percent, points in (("7.5", 750), ("7.25", 725), ("5", 500)):
        changed = text.replace('percent = "15"', f'percent = "{percent}"')
        (tmp_path / "invoices.toml").write_text(changed, encoding="utf-8")
        assert read_invoice_settings(tmp_path).standard_basis_points == points


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"config/invoices.toml is missing"):
        read_invoice_settings(tmp_path)
    with pytest.raises(ConfigurationError, match=r"fees.toml"):
        configured_rates(tmp_path)
