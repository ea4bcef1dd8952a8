"""What we sweep from which account to whom: our income to ourselves, VAT and withheld tax to the state."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class SweptMoney(StrEnum):
    """The money that a sweep pays out, as a row of withdrawals names it in place of a bucket."""

    FEES = "fees"
    CHARGES = "charges"
    VAT = "vat"
    WITHHELD_TAX = "withheld-tax"


OPERATOR: Final = "operator"
TREASURY: Final = "treasury"
# The state takes withheld tax under another code than VAT, so it has an account of its own.
INCOME_TAX: Final = "income-tax"
# The account that holds it, and the recipient.
_SOURCES: Final = MappingProxyType(
    {
        SweptMoney.FEES: ("fee_income", OPERATOR),
        SweptMoney.CHARGES: ("charge_income", OPERATOR),
        SweptMoney.VAT: ("vat_payable", TREASURY),
        SweptMoney.WITHHELD_TAX: ("withheld_tax_payable", INCOME_TAX),
    }
)


def source_of(money: SweptMoney) -> str:
    """The account that holds the money until it is swept."""
    return _SOURCES[money][0]


def recipient_of(money: SweptMoney) -> str:
    """Who gets it: `operator`, `treasury` or `income-tax`."""
    return _SOURCES[money][1]


def sources_of(recipient: str) -> tuple[str, ...]:
    """Every account that is swept to a recipient; none where there is no such recipient."""
    return tuple(source for source, found in _SOURCES.values() if found == recipient)
