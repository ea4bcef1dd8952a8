"""Checks of an order before it is sent, shared by families."""

from ekpay_switch.domain.money import BDT, Money
from ekpay_switch.ports.connectors import ConnectorProfile


def amount_fault(profile: ConnectorProfile, amount: Money, provider: str) -> str:
    """Why this amount must not be collected, or empty; `provider` names the provider in the text."""
    if amount.currency != BDT:
        return "the amount is not in taka"
    if not profile.amount_min <= amount <= profile.amount_max:
        return f"the amount is outside what {provider} takes"
    return ""
