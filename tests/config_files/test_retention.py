from pathlib import Path

import pytest

from ekpay_switch.config_files.retention import read_retention


def test_our_own_file_keeps_more_than_a_month_of_sends() -> None:
    assert read_retention(Path("config/retention.toml")).sends_journal_days > 31


@pytest.mark.parametrize("days", ["0", "6", '"60"', "3651"])
def test_a_file_that_keeps_too_little_or_nonsense_is_refused(days: str, tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(f'version = "1"\n[sends_journal]\ndays = {days}\n')
    with pytest.raises(ValueError, match=r"sends_journal\.days"):
        read_retention(file)
