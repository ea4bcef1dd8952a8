from datetime import UTC, datetime, timedelta

import pytest

from sandbox.kit.payer_pages.dhaka_time import dhaka_time
from sandbox.kit.payer_pages.language import Language, digits

MIDNIGHT = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
"""The beginning of 28 November in Dhaka."""


@pytest.mark.parametrize(
    ("hour", "part", "on_the_clock"),
    [
        (0, "রাত", 12),
        (3, "রাত", 3),
        (4, "ভোর", 4),
        (6, "সকাল", 6),
        (11, "সকাল", 11),
        (12, "দুপুর", 12),
        (13, "দুপুর", 1),
        (15, "বিকাল", 3),
        (18, "সন্ধ্যা", 6),
        (20, "রাত", 8),
        (23, "রাত", 11),
    ],
)
def test_an_hour_is_named_by_its_part_of_the_day(hour: int, part: str, on_the_clock: int) -> None:
    clock = f"{on_the_clock}:07"
    instant = MIDNIGHT + timedelta(hours=hour, minutes=7)
    assert dhaka_time(instant, Language.BANGLA) == f"২৮ নভেম্বর ২০২৬, {part} {digits(clock, Language.BANGLA)}"
    assert dhaka_time(instant, Language.ENGLISH) == f"28 November 2026, {hour:02d}:07"
