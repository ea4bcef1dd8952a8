"""When a night may begin: a business date is over at midnight in Dhaka, its files are due by the cut-off."""

import time as clock
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ekpay_switch.domain.business_day import DHAKA, business_date
from ekpay_switch.ports.finance import Finance
from reconciliation.nightly.night_configuration import NIGHT, read_night_settings
from reconciliation.resolutions.closing_time import ClosingTime

_ONE_DAY: Final = timedelta(days=1)
# Short, so that a changed system clock does no harm and the process can be stopped soon.
_NAP_SECONDS: Final = 30.0

Now = Callable[[], datetime]


def now() -> datetime:
    """This instant."""
    return datetime.now(UTC)


def last_over(instant: datetime) -> date:
    """The newest business date that is over."""
    return business_date(instant) - _ONE_DAY


def deadline(night: date, cut_off_minutes: int) -> datetime:
    """The instant, in UTC, until which files of a night are awaited."""
    midnight = datetime.combine(night + _ONE_DAY, time.min, DHAKA)
    return (midnight + timedelta(minutes=cut_off_minutes)).astimezone(UTC)


def last_due(instant: datetime, cut_off_minutes: int) -> date:
    """The newest night whose cut-off has passed."""
    return last_over(instant - timedelta(minutes=cut_off_minutes))


def closing_time_of(finance: Finance, night: date) -> ClosingTime:
    """When a night would be closed now, by the cut-off of this installation; raises ConfigurationError."""
    minutes = read_night_settings(finance.config / NIGHT).cut_off_minutes
    return ClosingTime(now(), deadline(night, minutes), is_rehearsal=finance.is_rehearsal)


def wait_until(instant: datetime, time_now: Now = now, nap: Callable[[float], None] = clock.sleep) -> None:
    """Return once an instant has come, by the clock of this machine."""
    while (seconds_left := (instant - time_now()).total_seconds()) > 0:
        nap(min(seconds_left, _NAP_SECONDS))
