"""What a wrong file of configuration is answered with: the file, the place, and no parser's class."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from ekpay_switch.config_files.alarms import read_alarm_terms, read_business_days
from ekpay_switch.config_files.challan_accounts import read_challan_accounts
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.config_files.journal import read_journal_chart
from ekpay_switch.config_files.retention import read_retention
from ekpay_switch.config_files.routing import read_routing_rules
from ekpay_switch.config_files.toml_file import ConfigFileError, read_config_file
from reconciliation.breaks.codes import read_rules
from reconciliation.calendar import read_calendar
from reconciliation.intake.sftp_servers import read_servers
from reconciliation.nightly.night_configuration import read_night_settings
from reconciliation.papers.cover_cost import read_shortfall_rule
from reconciliation.resolutions.resolution_actions import read_resolution_rules
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.statement.layout import read_layout

READERS: list[Callable[[Path], object]] = [
    read_fee_table, read_challan_accounts, read_alarm_terms, read_journal_chart, read_retention,
    lambda path: read_business_days(path, date(2026, 4, 1)),
    lambda path: read_routing_rules(path, (), ()),
    read_calendar, read_night_settings, read_rules, read_registry, read_resolution_rules,
    read_shortfall_rule, read_servers, read_layout,
]  # fmt: skip


class Shop(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    counters: int


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.toml"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'name = "kiosk\xe9"\n', "shop.toml: not UTF-8: byte 13 is 0xe9"),
        (b"name = 1\nname =\n", "shop.toml: not TOML: Invalid value (at line 2, column 7)"),
    ],
)
def test_every_reader_names_the_file_and_the_place(
    read: Callable[[Path], object], content: bytes, fault: str, file: Path
) -> None:
    file.write_bytes(content)
    with pytest.raises(Exception, match=r"shop\.toml") as refused:
        read(file)
    assert str(refused.value) == fault


def test_every_wrong_setting_is_named(file: Path) -> None:
    file.write_text('name = 7\nsize = "large"\n', encoding="utf-8")
    with pytest.raises(ConfigFileError) as refused:
        read_config_file(file, Shop)
    text = str(refused.value)
    assert text.startswith("shop.toml: name: ")
    assert ("counters: " in text, "size: " in text) == (True, True)


def test_a_right_file_is_read_whatever_its_line_ends(file: Path) -> None:
    file.write_bytes('name = "চা"\r\ncounters = 2\r\n'.encode())
    assert read_config_file(file, Shop) == Shop(name="চা", counters=2)
