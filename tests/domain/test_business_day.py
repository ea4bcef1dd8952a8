from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.bill import quote_expiry
from ekpay_switch.domain.business_day import DHAKA, business_date, end_of_business_date, in_dhaka

# 00:00 in Dhaka is 18:00 UTC of the day before.
MIDNIGHT = datetime(2026, 2, 28, 18, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
INSTANTS = st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_the_business_date_turns_at_midnight_in_dhaka() -> None:
    assert business_date(MIDNIGHT - TICK) == date(2026, 2, 28)
    assert business_date(MIDNIGHT) == date(2026, 3, 1)


def test_an_instant_is_the_same_on_a_dhaka_clock() -> None:
    assert in_dhaka(MIDNIGHT) == MIDNIGHT
    assert in_dhaka(MIDNIGHT).isoformat() == "2026-03-01T00:00:00+06:00"


def test_a_naive_datetime_is_refused() -> None:
    naive = MIDNIGHT.replace(tzinfo=None)
    for question in (in_dhaka, business_date, end_of_business_date):
        with pytest.raises(ValueError, match="naive"):
            question(naive)


def test_a_day_ends_where_the_next_begins() -> None:
    assert end_of_business_date(MIDNIGHT - TICK) == MIDNIGHT
    assert end_of_business_date(MIDNIGHT) == MIDNIGHT + timedelta(days=1)


@given(INSTANTS)
def test_every_instant_lies_inside_its_business_date(instant: datetime) -> None:
    end = end_of_business_date(instant)
    assert end - timedelta(days=1) <= instant < end
    assert business_date(end - TICK) == business_date(instant)


def test_a_quote_lives_as_long_as_the_biller_holds_it() -> None:
    assert quote_expiry(MIDNIGHT, 900) == MIDNIGHT + timedelta(seconds=900)


def test_a_quote_never_outlives_its_dhaka_day() -> None:
    assert quote_expiry(MIDNIGHT - timedelta(seconds=60), 900) == MIDNIGHT


def test_dhaka_is_six_hours_ahead_in_july_as_in_january() -> None:
    for month in (1, 7):
        assert datetime(2026, month, 1, tzinfo=DHAKA).utcoffset() == timedelta(hours=6)
