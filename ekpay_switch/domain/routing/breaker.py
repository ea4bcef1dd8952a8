"""The circuit breaker of a connector, shared by all processes: when it gets no payments any more.

It judges the outcomes of payment calls, so that payers are not sent to a connector that does not answer; the
breaker of the wire (`wire.breaker`) judges single requests of one process. It opens on doubts, half-opens
once the connector answers an inquiry (which moves no money) and closes when a payment is collected.
`breaker_after` is pure; `persistence` calls it under the lock of the breaker's row, with the finding's
transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never


class RouteOutcome(StrEnum):
    """The outcome of a connector's payment call; the values of `routing_outcomes.outcome`."""

    COLLECTED = "collected"  # the money is there
    DECLINED = "declined"  # the connector refused us, whoever the payer is
    UNREACHED = "unreached"  # not a byte left us
    NO_PAGE = "no_page"  # asked for a page, and no usable answer
    IN_DOUBT = "in_doubt"  # asked for the money, and no usable answer
    PAGE = "page"  # a page is open; how that ends depends on the payer
    REFUSED = "refused"  # the payer was refused: an empty account is empty on every route


DOUBTS = frozenset({RouteOutcome.UNREACHED, RouteOutcome.NO_PAGE, RouteOutcome.IN_DOUBT})
# These say nothing about how well a connector collects.
UNCOUNTED = frozenset({RouteOutcome.PAGE, RouteOutcome.REFUSED})


class BreakerState(StrEnum):
    """The state of a breaker; the values of `connector_breakers.state`."""

    CLOSED = "closed"  # payments are sent
    OPEN = "open"  # no payments are sent; inquiries are
    HALF_OPEN = "half_open"  # one payment at a time is sent


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens and half-opens; times in seconds.

    Outcomes older than `memory_seconds` do not count. An open breaker half-opens by an answered inquiry once
    it was open for `hold_seconds`, and without one after `by_itself_seconds`: some connectors cannot be
    asked, or have no payment to be asked about.
    """

    doubts_in_a_row: int = 5
    window: int = 20
    doubts_in_window: int = 10
    memory_seconds: float = 3_600.0
    hold_seconds: float = 30.0
    by_itself_seconds: float = 600.0

    def faster(self, divisor: float) -> "BreakerRules":
        """The same rules with all times divided, for demos and tests."""
        return replace(
            self,
            memory_seconds=self.memory_seconds / divisor,
            hold_seconds=self.hold_seconds / divisor,
            by_itself_seconds=self.by_itself_seconds / divisor,
        )


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker; `probe` is the attempt that a half-open one has let through, as text."""

    state: BreakerState = BreakerState.CLOSED
    since: datetime | None = None
    reason: str = ""
    probe: str = ""


@dataclass(frozen=True, slots=True)
class PaymentCall:
    """The outcome of one payment call, and its attempt; `now` is the database's."""

    outcome: RouteOutcome
    attempt: str
    opened_at: datetime
    now: datetime


def breaker_after(
    called: PaymentCall, breaker: Breaker, newest_first: Sequence[RouteOutcome], rules: BreakerRules
) -> Breaker | None:
    """The breaker after a call, or None where it does not change.

    `newest_first` are the outcomes since it last closed, this one included.
    """
    match breaker.state:
        case BreakerState.CLOSED:
            because = why_open(newest_first, rules) if called.outcome in DOUBTS else ""
            return Breaker(BreakerState.OPEN, called.now, because) if because else None
        case BreakerState.HALF_OPEN:
            return _after_probe(called, breaker)
        case BreakerState.OPEN:
            return None
        case _:
            assert_never(breaker.state)


def why_open(newest_first: Sequence[RouteOutcome], rules: BreakerRules) -> str:
    """Why the breaker has to open, or an empty text."""
    in_a_row = doubts_in_a_row(newest_first)
    if in_a_row >= rules.doubts_in_a_row:
        return f"{in_a_row} in doubt in a row"
    last = newest_first[: rules.window]
    doubts = sum(outcome in DOUBTS for outcome in last)
    if len(last) == rules.window and doubts >= rules.doubts_in_window:
        return f"{doubts} of the last {len(last)} in doubt"
    return ""


def doubts_in_a_row(newest_first: Sequence[RouteOutcome]) -> int:
    """How many of the newest calls in a row were in doubt.

    An opened page ends a row of pages that did not open, but says nothing about whether money is collected.
    """
    in_a_row, has_opened_pages = 0, False
    for outcome in newest_first:
        if outcome is RouteOutcome.PAGE:
            has_opened_pages = True
        elif outcome not in DOUBTS:
            break
        elif outcome is RouteOutcome.IN_DOUBT or not has_opened_pages:
            in_a_row += 1
    return in_a_row


def _after_probe(called: PaymentCall, breaker: Breaker) -> Breaker | None:
    """Collected money closes the breaker, a doubt opens it, any other answer to the probe allows another.

    Money of a try that was begun before the breaker half-opened does not close it.
    """
    if called.outcome in DOUBTS:
        return Breaker(BreakerState.OPEN, called.now, f"{called.outcome} while half open")
    is_of_now = breaker.since is not None and called.opened_at >= breaker.since
    if called.outcome is RouteOutcome.COLLECTED and is_of_now:
        return Breaker(BreakerState.CLOSED, called.now, "a payment was collected")
    return replace(breaker, probe="") if breaker.probe == called.attempt else None
