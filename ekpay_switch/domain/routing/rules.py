"""The routing rules of config/routing.toml, which decide between connectors that could take the same payment.

A payment asks for an instrument. The rules say which connectors serve it, when each is down for maintenance,
its daily cap, and what our agreements demand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import Money, percent_half_up
from ekpay_switch.domain.routing.breaker import BreakerRules

MINUTES_A_DAY = 1_440
TWENTY_TAKA = Money(2_000)
PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """A payment to be routed, at an instant (UTC).

    `instrument` is a routable one of the rules, or the id of the one connector that the caller wants. Where
    `charge` is set, the sums are frozen and only a connector with exactly this charge to the payer fits.
    `tried` were just tried without success; `probed` are half open and just let another payment through.
    """

    instrument: str
    billed: Money
    fee: Money
    vat: Money
    biller_id: str
    partner_id: str
    at: datetime
    charge: Money | None = None
    tried: frozenset[str] = frozenset()
    probed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant with its Dhaka weekday (Monday is 0) and minute of the day."""

    instant: datetime
    weekday: int
    minute: int

    @classmethod
    def of(cls, instant: datetime) -> "Moment":
        """The moment of an aware instant."""
        local = in_dhaka(instant)
        return cls(instant, local.weekday(), local.hour * 60 + local.minute)


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """Down each week on that day, from a minute of the Dhaka day to another, the last one excluded."""

    weekday: int
    start: int
    end: int

    def covers(self, moment: Moment) -> bool:
        """Whether the connector is down then."""
        return moment.weekday == self.weekday and self.start <= moment.minute < self.end


@dataclass(frozen=True, slots=True)
class DatedWindow:
    """Down once, from an instant to another, the last one excluded."""

    start: datetime
    end: datetime

    def covers(self, moment: Moment) -> bool:
        """Whether the connector is down then."""
        return self.start <= moment.instant < self.end


Window = WeeklyWindow | DatedWindow


class Action(StrEnum):
    """What a rule does with the connectors that it names; the keys of the file."""

    ONLY = "only"  # no other connector may be asked
    EXCLUDE = "exclude"  # these may not be asked
    PREFER = "prefer"  # these are asked before all others, as long as one of them can be
    SPLIT = "split"  # each gets its share of the payments


@dataclass(frozen=True, slots=True)
class Condition:
    """When a rule applies: every condition that is set must match; empty or None is no condition.

    Amounts are of the bill, both ends included; minutes are of the Dhaka day, the last one excluded.
    """

    instruments: frozenset[str] = frozenset()
    billers: frozenset[str] = frozenset()
    partners: frozenset[str] = frozenset()
    amount_min: Money | None = None
    amount_max: Money | None = None
    minute_from: int = 0
    minute_until: int = MINUTES_A_DAY

    def holds(self, request: RouteRequest, moment: Moment) -> bool:
        """Whether the rule applies to this request."""
        return (
            (not self.instruments or request.instrument in self.instruments)
            and (not self.billers or request.biller_id in self.billers)
            and (not self.partners or request.partner_id in self.partners)
            and (self.amount_min is None or request.billed.minor >= self.amount_min.minor)
            and (self.amount_max is None or request.billed.minor <= self.amount_max.minor)
            and self.minute_from <= moment.minute < self.minute_until
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `shares` are percentages that sum to a hundred, in the file's order, of a split alone."""

    name: str
    condition: Condition
    action: Action
    connectors: frozenset[str]
    shares: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordRules:
    """How a connector's record is read (docs/adr/0038); the window is the newest outcomes within its time.

    Below `outcomes_min` the record is filled up with outcomes of which `unknown_percent` are good.
    """

    outcomes_max: int = 200
    outcomes_min: int = 30
    window_seconds: float = 900.0
    unknown_percent: int = 95
    exploration_ppm: int = 20_000


@dataclass(frozen=True, slots=True)
class FailureCost:
    """What a failed try costs us and its payer: a fixed amount and a share of the bill."""

    fixed: Money = TWENTY_TAKA
    rate_basis_points: int = 100

    def of(self, billed: Money) -> int:
        """The cost for a bill, in paisa."""
        return self.fixed.minor + percent_half_up(billed.minor, self.rate_basis_points)


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """The content of config/routing.toml; `version` identifies it.

    `instruments` are the routable ones with their connectors, in the order that breaks ties. `daily_caps` is
    what a connector may take in one Dhaka day, by agreement with its provider.
    """

    version: str = "none"
    instruments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    calendar: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    daily_caps: Mapping[str, Money] = field(default_factory=dict)
    record: RecordRules = field(default_factory=RecordRules)
    breaker: BreakerRules = field(default_factory=BreakerRules)
    failure_cost: FailureCost = field(default_factory=FailureCost)

    def faster(self, divisor: float) -> "RoutingRules":
        """The same rules with all times divided, for demos and tests (docs/adr/0015)."""
        record = replace(self.record, window_seconds=self.record.window_seconds / divisor)
        return replace(self, record=record, breaker=self.breaker.faster(divisor))
