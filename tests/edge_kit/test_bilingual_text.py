"""Times as people read them, on a Dhaka clock."""

from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.edge_kit.bilingual_text import Text, dhaka_text, in_bangla


def test_a_time_is_dhakas_to_the_minute() -> None:
    told = dhaka_text(datetime(2026, 11, 25, 11, 4, 59, tzinfo=UTC))
    assert told == Text(f"২৫ নভেম্বর ২০২৬, বিকাল {in_bangla('5:04')}", "25 November 2026, 17:04")


def test_the_last_evening_of_a_year_is_already_the_next_one_in_dhaka() -> None:
    assert dhaka_text(datetime(2026, 12, 31, 18, 0, tzinfo=UTC)).english == "1 January 2027, 00:00"


def test_every_month_has_a_name_of_its_own() -> None:
    first = datetime(2026, 1, 15, tzinfo=UTC)
    told = [dhaka_text(first + timedelta(days=31 * n)) for n in range(12)]
    assert len({one.english.split()[1] for one in told}) == 12
    assert len({one.bangla.split()[1] for one in told}) == 12


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        dhaka_text(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
