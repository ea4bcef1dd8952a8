"""Amounts with a currency in the answers of providers, shared by families."""

import re
from collections.abc import Mapping
from typing import Any

from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.reply_reading import taka, text_like

_CURRENCY = re.compile(r"[A-Z]{3}")


def currency_of(document: Mapping[str, Any], name: str) -> str:
    """The code of a currency; raises BrokenReplyError."""
    return text_like(document, name, _CURRENCY, "currency")


def money_of(document: Mapping[str, Any], name: str) -> Money:
    """An amount in the currency of the member `currency` beside it; raises BrokenReplyError."""
    currency = currency_of(document, "currency")
    return Money(taka(document, name).minor, currency)
