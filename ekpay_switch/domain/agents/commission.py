"""What an agent earns by a bill that a payer has paid at its counter: a share of our fee (ADR 0136). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from ekpay_switch.domain.money import Money, percent_half_up

# The agent of a rate that counts for all who have none of their own.
EVERY_AGENT: Final = "*"


@dataclass(frozen=True, slots=True)
class CommissionRate:
    """The share of our fee, its VAT left out, that an agent earns from the Dhaka date `valid_from` on."""

    agent: str
    basis_points: int
    valid_from: date


@dataclass(frozen=True, slots=True)
class CommissionTerms:
    """All rates, those of earlier dates included."""

    rates: tuple[CommissionRate, ...] = ()

    def basis_points(self, agent: str, day: date) -> int:
        """The rate of an agent on a Dhaka date: its own newest, else that of all; 0 where there is none."""
        for whose in (agent, EVERY_AGENT):
            standing = [rate for rate in self.rates if rate.agent == whose and rate.valid_from <= day]
            if standing:
                return max(standing, key=lambda rate: rate.valid_from).basis_points
        return 0


@dataclass(frozen=True, slots=True)
class OrderCommission:
    """What one order earns: `amount` is `basis_points` of our fee, half up to the paisa."""

    order_id: UUID
    agent: str
    basis_points: int
    amount: Money

    @classmethod
    def of(cls, order_id: UUID, agent: str, fee: Money, basis_points: int) -> "OrderCommission":
        """The commission on our fee of an order, its VAT left out."""
        share = percent_half_up(fee.minor, basis_points)
        return cls(order_id, agent, basis_points, Money(share, fee.currency))


@dataclass(frozen=True, slots=True)
class AgentCommission:
    """One entry of commission: what an agent has earned by so many orders."""

    commission_id: UUID
    agent: str
    amount: Money
    order_count: int
    booked_at: datetime


def by_agent(earned: Iterable[OrderCommission]) -> Mapping[str, tuple[OrderCommission, ...]]:
    """Those that come to more than nothing, together by agent, in the order of agents."""
    grouped: dict[str, tuple[OrderCommission, ...]] = {}
    for each in earned:
        if each.amount.minor:
            grouped[each.agent] = (*grouped.get(each.agent, ()), each)
    return dict(sorted(grouped.items()))
