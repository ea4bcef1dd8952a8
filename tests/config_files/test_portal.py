"""config/portal.toml: our own file is read, and what is wrong is named."""

import re
from pathlib import Path

import pytest

from ekpay_switch.config_files.portal import read_portal

OURS = Path("config/portal.toml").read_text(encoding="utf-8")


def test_our_own_file_names_the_portal_and_its_terms() -> None:
    file = read_portal(Path("config"))
    assert (file.name_en, file.name_bn, file.bills_max) == ("ekPay", "একপে", 10)
    assert file.remind_days_before == 3
    assert file.order_minutes <= file.keep_hours * 60


@pytest.mark.parametrize(
    ("line", "wrong", "where"),
    [
        ("bills_max", "bills_max = 0", r"carts\.bills_max"),
        ("bills_max", "bills_max = 21", r"carts\.bills_max"),
        ("order_minutes", "order_minutes = 4", r"carts\.order_minutes"),
        ("patience_minutes", 'patience_minutes = "60"', r"carts\.patience_minutes"),
        ("keep_hours", "keep_hours = 0", r"carts\.keep_hours"),
        ("name_en", 'name_en = ""', r"names\.name_en"),
        ("name_bn", "colour = 'red'", r"names\.(colour|name_bn)"),
        ("days_before", "days_before = 0", r"reminders\.days_before"),
        ("days_before", "days_before = 15", r"reminders\.days_before"),
        ("version", "", "version"),
    ],
)
def test_a_member_that_is_wrong_is_named(line: str, wrong: str, where: str, tmp_path: Path) -> None:
    text, count = re.subn(rf"(?m)^{line} = .*$", wrong, OURS)
    assert count == 1
    (tmp_path / "portal.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=where):
        read_portal(tmp_path)
