"""The breaker of a connector, shared by all processes: when nobody is asked for a payment any more.

It judges what payment calls came to, so that payers are not sent where nobody answers; the breaker of the
wire (`wire.breaker`) judges single requests of one process. It opens on doubts, half-opens once the connector
answers a question about a payment (a status call, which moves no money) and closes by a payment that worked.
`judge` is pure; `persistence` calls it under the lock of the breaker's row, with the finding's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never


class RouteOutcome(StrEnum):
    """What a payment call of a connector came to; these are the words in `routing_outcomes.outcome`."""

    COLLECTED = "collected"  # the money is there
    DECLINED = "declined"  # the connector refused us, whoever the payer is
    UNREACHED = "unreached"  # not a byte left us
    NO_PAGE = "no_page"  # asked for a page, and no usable answer
    IN_DOUBT = "in_doubt"  # asked for the money, and no usable answer
    PAGE = "page"  # a page is open; how that ends is the payer's matter
    REFUSED = "refused"  # the payer was refused: an empty account is empty on every route


DOUBTS = frozenset({RouteOutcome.UNREACHED, RouteOutcome.NO_PAGE, RouteOutcome.IN_DOUBT})
# What says nothing about how well a connector collects.
UNCOUNTED = frozenset({RouteOutcome.PAGE, RouteOutcome.REFUSED})


class BreakerState(StrEnum):
    """How a breaker stands; these are the words in `connector_breakers.state`."""

    CLOSED = "closed"  # payments go
    OPEN = "open"  # no payment goes; questions do
    HALF_OPEN = "half_open"  # one payment at a time goes


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When to open and how to come back; times in seconds.

    Outcomes older than `memory_seconds` are forgotten. An open breaker half-opens by an answered question
    once it was open for `hold_seconds`, and without any after `by_itself_seconds`: not every connector can be
    asked, and not every one has a payment to be asked about.
    """

    doubts_in_a_row: int = 5
    window: int = 20
    doubts_in_window: int = 10
    memory_seconds: float = 3_600.0
    hold_seconds: float = 30.0
    by_itself_seconds: float = 600.0

    def faster(self, divisor: float) -> "BreakerRules":
        """The same rules where time runs faster than life."""
        return replace(
            self,
            memory_seconds=self.memory_seconds / divisor,
            hold_seconds=self.hold_seconds / divisor,
            by_itself_seconds=self.by_itself_seconds / divisor,
        )


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker as it stands; `probe` is the try that a half-open one has let through, as text."""

    state: BreakerState = BreakerState.CLOSED
    since: datetime | None = None
    because: str = ""
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """What one payment call came to, and the try that it was of; `now` is the database's."""

    outcome: RouteOutcome
    attempt: str
    opened_at: datetime
    now: datetime


def judge(
    called: Called, breaker: Breaker, newest_first: Sequence[RouteOutcome], rules: BreakerRules
) -> Breaker | None:
    """The breaker after a call, or None where it stays as it is.

    `newest_first` are the outcomes since it closed last, this one included.
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
    """Why nobody should be asked any more, or an empty text."""
    in_a_row = doubts_in_a_row(newest_first)
    if in_a_row >= rules.doubts_in_a_row:
        return f"{in_a_row} in doubt in a row"
    last = newest_first[: rules.window]
    doubts = sum(outcome in DOUBTS for outcome in last)
    if len(last) == rules.window and doubts >= rules.doubts_in_window:
        return f"{doubts} of the last {len(last)} in doubt"
    return ""


def doubts_in_a_row(newest_first: Sequence[RouteOutcome]) -> int:
    """How many calls at the end came without an answer.

    A page that opened ends the row of pages that did not; it says nothing about whether money is taken.
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


def _after_probe(called: Called, breaker: Breaker) -> Breaker | None:
    """Money closes, a doubt opens, any other answer of the try let through makes room for the next one.

    Money of a page from before proves nothing about the calls of now.
    """
    if called.outcome in DOUBTS:
        return Breaker(BreakerState.OPEN, called.now, f"{called.outcome} while half open")
    is_of_now = breaker.since is not None and called.opened_at >= breaker.since
    if called.outcome is RouteOutcome.COLLECTED and is_of_now:
        return Breaker(BreakerState.CLOSED, called.now, "a payment was collected")
    return replace(breaker, probe="") if breaker.probe == called.attempt else None
