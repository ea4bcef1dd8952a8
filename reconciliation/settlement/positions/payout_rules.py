"""When a payee is paid for a payment: once its money is matched, received, or at our risk."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciliation.settlement.positions.cycles import Party


class PayoutRule(StrEnum):
    """What must be known of a payment's money before its payee is paid."""

    MATCHED = "matched"  # the connector's file and our books agree on the collection
    RECEIVED = "received"  # the connector's payout stands on our bank account
    ON_RISK = "on_risk"  # nothing, up to the limit of the payee that two persons have set


@dataclass(frozen=True, slots=True)
class PayoutRules:
    """The rule of each payee and connector, the most particular row first.

    A row names a payee, a connector, or both; the other one is None and means all.
    """

    default: PayoutRule
    rows: Mapping[tuple[Party | None, str | None], PayoutRule]

    def rule_for(self, payee: Party, connector: str) -> PayoutRule:
        """The rule for what a connector collects for a payee."""
        for place in ((payee, connector), (payee, None), (None, connector)):
            if place in self.rows:
                return self.rows[place]
        return self.default
