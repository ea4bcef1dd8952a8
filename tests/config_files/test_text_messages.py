"""config/text_messages.toml: read as it is shipped, and refused by name where it is wrong."""

from pathlib import Path

import pytest

from ekpay_switch.config_files.text_messages import FILE_NAME, read_text_messages
from ekpay_switch.settings import Settings


def test_what_is_shipped_lets_a_stranger_use_up_half_of_what_a_number_may_have() -> None:
    limits = read_text_messages(Settings().config)
    assert limits.by_address.at_once * 2 <= limits.by_number.at_once
    assert limits.by_number.at_once < limits.by_neighbours.at_once < limits.by_all.at_once


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("at_once = 3\n", "at_once = 0\n", "by_address"),
        ("at_once = 3\n", 'at_once = "3"\n', "by_address"),
        ("seconds = 20", "seconds = 0", "by_neighbours"),
        ("seconds = 20", "seconds = nan", "by_neighbours"),
        ("[limits.by_all]", "[limits.everybody]", "everybody"),
    ],
)
def test_a_malformed_file_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    text = (Settings().config / FILE_NAME).read_text("utf-8")
    assert old in text
    (tmp_path / FILE_NAME).write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=named):
        read_text_messages(tmp_path)
