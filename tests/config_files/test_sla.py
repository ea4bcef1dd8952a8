"""config/sla.toml: our own file is read, and what is wrong is named."""

from pathlib import Path

import pytest

from ekpay_switch.config_files.sla import read_promises

OURS = Path("config/sla.toml").read_text(encoding="utf-8")


def test_our_own_file_promises_ninety_eight_of_a_hundred_answers_in_two_seconds() -> None:
    promises = read_promises(Path("config"))
    assert (promises.answered_share, promises.answer_seconds) == (9_800, 2.0)
    assert (promises.stop_notice_hours, promises.troubled_share) == (72, 500)


@pytest.mark.parametrize(
    ("old", "wrong", "where"),
    [
        ('share_percent = "98.00"', 'share_percent = "98"', r"answers\.share_percent"),
        ('share_percent = "98.00"', 'share_percent = "100.01"', r"answers\.share_percent"),
        ('share_percent = "98.00"', "share_percent = 98.0", r"answers\.share_percent"),
        ("within_seconds = 2.0", "within_seconds = 0", r"answers\.within_seconds"),
        ("notice_hours = 72", "notice_hours = -1", r"stops\.notice_hours"),
        ('share_percent = "5.00"', 'portion = "5.00"', r"trouble\.(portion|share_percent)"),
        ("[stops]", "[halts]", "stops|halts"),
    ],
)
def test_a_member_that_is_wrong_is_named(old: str, wrong: str, where: str, tmp_path: Path) -> None:
    assert OURS.count(old) == 1
    (tmp_path / "sla.toml").write_text(OURS.replace(old, wrong), encoding="utf-8")
    with pytest.raises(ValueError, match=where):
        read_promises(tmp_path)
