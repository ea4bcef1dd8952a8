"""Numbers and lines of what goes wrong at our doors and with our machine.

Limits that were reached, logins that failed, a database that refuses to write, descriptors that are spent.
"""

import time

from prometheus_client import Counter, Gauge

from ekpay_switch.telemetry import REGISTRY, log, log_error, log_warning

LIMIT_REFUSALS = Counter(
    "ekpay_limit_refusals",
    "Calls that had to wait, by the limit of the agreement and the partner",
    ["limit", "partner_id"],
    registry=REGISTRY,
)
FAILED_LOGINS = Counter(
    "ekpay_failed_logins",
    "Failed logins, those that had to wait included, by door and reason",
    ["api", "reason"],
    registry=REGISTRY,
)

_LOGIN_NAME_LENGTH_MAX = 64


def log_failed_login(api: str, address: str, reason: str, login_name: str = "") -> None:
    """Write one line of one shape for every door; `login_name` is what was claimed, if anything."""
    log_warning(
        "login_failed",
        api=api,
        address=address,
        login_name=login_name[:_LOGIN_NAME_LENGTH_MAX],
        reason=reason,
    )


# Trouble of a machine meets every request: one line in this time says enough.
LINE_SECONDS = 10.0
# So long after the last connection was cut there are places for all again.
CROWD_SECONDS = 5.0

DATABASE_REFUSALS = Counter(
    "ekpay_database_refusals",
    "Statements that the database had no room or no permission to write, by reason",
    ["reason"],
    registry=REGISTRY,
)
DATABASE_REFUSING = Gauge(
    "ekpay_database_refusing",
    "1 from such a refusal until the database writes again",
    registry=REGISTRY,
)


class Trouble:
    """A state of this process that comes, is said once in `LINE_SECONDS`, and goes."""

    def __init__(self, came: str, went: str, gauge: Gauge) -> None:
        """`came` and `went` are the events of the log lines."""
        self._came, self._went, self._gauge = came, went, gauge
        self._said_at = float("-inf")
        self.reason = ""

    def note(self, reason: str) -> None:
        """Note that it is there, or still there."""
        self.reason = reason
        self._gauge.set(1)
        now = time.monotonic()
        if now - self._said_at >= LINE_SECONDS:
            self._said_at = now
            log_error(self._came, reason=reason)

    def clear(self) -> None:
        """Note that it is over; nothing happens where it was not there."""
        if self.reason:
            reason, self.reason = self.reason, ""
            self._gauge.set(0)
            self._said_at = float("-inf")
            log(self._went, reason=reason)


DATABASE = Trouble("database_refuses", "database_writes_again", DATABASE_REFUSING)


def count_database_refusal(reason: str) -> None:
    """Note that the database refused a statement of ours for want of its own means."""
    DATABASE_REFUSALS.labels(reason).inc()
    DATABASE.note(reason)


CONNECTIONS_CUT = Counter(
    "ekpay_connections_cut",
    "Connections that were cut because all places were taken: `waiting` for a request, or `new`",
    ["which"],
    registry=REGISTRY,
)
DESCRIPTORS_SPENT = Gauge(
    "ekpay_descriptors_spent",
    "1 while every place for connections is taken, or no descriptor is left",
    registry=REGISTRY,
)
DESCRIPTORS = Trouble("descriptors_spent", "descriptors_left_again", DESCRIPTORS_SPENT)


class _Crowd:
    """When a connection was last cut for want of a place, in monotonic seconds."""

    cut_at = float("-inf")


def count_cut_connection(which: str) -> None:
    """Note that a connection was cut because all places were taken."""
    CONNECTIONS_CUT.labels(which).inc()
    _Crowd.cut_at = time.monotonic()
    DESCRIPTORS.note("every place for connections is taken")


def are_connections_few() -> bool:
    """Whether none had to be cut for a while."""
    return time.monotonic() - _Crowd.cut_at >= CROWD_SECONDS
