from pathlib import Path

import pytest

from ekpay_switch.config_files.retention import Retention, read_retention


def test_our_own_file_keeps_more_than_a_month_of_sends() -> None:
    assert read_retention(Path("config/retention.toml")).sends_journal_days > 31


def test_each_time_is_read_from_its_own_part(tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    parts = {"sends_journal": 60, "cart_contacts": 180, "complaints": 730}
    lines = (f"[{name}]\ndays = {days}" for name, days in parts.items())
    file.write_text("\n".join(['version = "1"', *lines]))
    assert read_retention(file) == Retention(sends_journal_days=60, cart_contact_days=180, complaint_days=730)


@pytest.mark.parametrize("part", ["sends_journal", "cart_contacts", "complaints"])
@pytest.mark.parametrize("days", ["0", "6", '"60"', "3651"])
def test_a_file_that_keeps_too_little_or_nonsense_is_refused(part: str, days: str, tmp_path: Path) -> None:
    kept = {"sends_journal": "60", "cart_contacts": "180", "complaints": "730", part: days}
    file = tmp_path / "retention.toml"
    file.write_text(
        "\n".join(['version = "1"', *(f"[{name}]\ndays = {value}" for name, value in kept.items())])
    )
    with pytest.raises(ValueError, match=rf"{part}\.days"):
        read_retention(file)
