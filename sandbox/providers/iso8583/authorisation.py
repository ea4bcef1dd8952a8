"""The checks of a 0200 and of a reversal, before anything is recorded."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.provider.magic_numbers import MoneyOutcome
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.iso8583.book import ALIAS, REQUEST_IDENTITY, HostBook, RequestIdentity
from sandbox.providers.iso8583.codec import Fields
from sandbox.providers.iso8583.institutions import (
    ACCEPTOR,
    APPROVED,
    CURRENCY,
    PROCESSING_CODE,
    TERMINAL,
    terms_of,
)

NO_ORIGINAL, DUPLICATE, FORMAT_ERROR, NOT_SIGNED_ON = "25", "94", "30", "58"
INVALID_TRANSACTION, INVALID_AMOUNT, NO_SUCH_ALIAS = "12", "13", "14"

DECLINES = frozenset(
    {
        *("01", "02", "03", "05", "12", "13", "14", "15", "30", "51", "54", "55", "57", "58", "61", "65"),
        *("75", "91", "92"),
    }
)
"""The codes that end an order; with every other it waits to be reversed."""

_FOREIGN_ACCEPTOR, _ROUTING_UNKNOWN = "03", "92"
_TOO_LITTLE, _EXPIRED, _OVER_LIMIT = "51", "54", "61"
_REASONS = {"insufficient_funds": _TOO_LITTLE, "wrong_pin": "55"}
_DO_NOT_HONOUR = "05"
_INSUFFICIENT_FUNDS = "insufficient_funds"

_SHARED = (3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49)
_OF_REQUEST = frozenset({*_SHARED, 18, 48})
_OF_REVERSAL = frozenset({*_SHARED, 39, 90})
_ORIGINAL = re.compile(r"(0200)([0-9]{6})([0-9]{10})([0-9]{11})[0-9]{11}")
_ACQUIRER_LENGTH = 11
_STAMP = "%Y%m%d%H%M%S"
# Any year will do that has a 29 February.
_YEAR = "2024"


def business_day(now: datetime, cut_over_hour: int) -> date:
    """Return the host's business day: after the cut-over it is the next one in Dhaka already."""
    local = now.astimezone(DHAKA)
    return local.date() + timedelta(days=local.hour >= cut_over_hour)


def reason_of(code: str) -> str:
    """Return why an order was declined, by the code that it was declined with."""
    return _INSUFFICIENT_FUNDS if code == _TOO_LITTLE else f"code_{code}"


def is_request_whole(provider: Provider, fields: Fields) -> bool:
    """Whether a 0200 has every field that it must have, in the form that it must have."""
    return (
        _has_fields(provider, fields, _OF_REQUEST)
        and _is_instant(f"{_YEAR}{fields[7]}")
        and _is_instant(f"{_YEAR}{fields[13]}{fields[12]}")
        and fields[37].isdigit()
        and fields[37].endswith(fields[11])
    )


def is_reversal_whole(provider: Provider, fields: Fields) -> bool:
    """Whether a reversal has every field that it must have; DE90 names a 0200."""
    return _has_fields(provider, fields, _OF_REVERSAL) and _ORIGINAL.fullmatch(fields[90]) is not None


def identity_of_request(fields: Fields) -> RequestIdentity:
    """Return what a whole 0200 is known by."""
    return RequestIdentity(fields[32].rjust(_ACQUIRER_LENGTH, "0"), fields[11], fields[37], fields[7])


def identity_of_original(fields: Fields) -> RequestIdentity:
    """Return what the 0200 is known by that a whole reversal names.

    Raises:
        ValueError: the reversal is not whole.
    """
    match = _ORIGINAL.fullmatch(fields[90])
    if match is None:
        raise ValueError("DE90 names no 0200")
    return RequestIdentity(acquirer=match[4], stan=match[2], rrn=fields[37], sent_at=match[3])


def order_of_alias(provider: Provider, fields: Fields) -> ProviderOrder | None:
    """Return the order that the alias of a message is good for, or was."""
    alias = fields[terms_of(provider.institution).alias_field].strip()
    order = provider.find_by_provider_name(alias)
    return order if order is not None and order.facts.get(ALIAS) == alias else None


def authorise(
    provider: Provider, book: HostBook, fields: Fields, order: ProviderOrder | None, day: date
) -> str:
    """Return the code for a whole 0200 whose identity is new; 00 means that it may be posted."""
    return (
        _terms_code(provider, fields)
        or _alias_code(provider, fields, order)
        or _money_code(provider, book, order, day)
    )


def _terms_code(provider: Provider, fields: Fields) -> str:
    """Return what is wrong with a 0200 whatever its payer."""
    wrong = {
        INVALID_TRANSACTION: fields[3] != PROCESSING_CODE or fields[49] != CURRENCY,
        _FOREIGN_ACCEPTOR: fields[42].rstrip() != ACCEPTOR,
        NOT_SIGNED_ON: fields[41].rstrip() != TERMINAL,
        _ROUTING_UNKNOWN: fields[32] != terms_of(provider.institution).acquirer,
        INVALID_AMOUNT: not int(fields[4]),
    }
    return next((code for code, is_so in wrong.items() if is_so), "")


def _alias_code(provider: Provider, fields: Fields, order: ProviderOrder | None) -> str:
    """Return what is wrong with the alias for this order and amount."""
    if order is None:
        return NO_SUCH_ALIAS
    state = provider.state(order)
    wrong = {
        NO_SUCH_ALIAS: REQUEST_IDENTITY in order.facts
        or state not in {OrderState.AGREED, OrderState.EXPIRED},
        _EXPIRED: state is OrderState.EXPIRED,
        INVALID_TRANSACTION: fields[48].rstrip() != order.reference,
        INVALID_AMOUNT: int(fields[4]) != order.amount_paisa,
    }
    return next((code for code, is_so in wrong.items() if is_so), "")


def _money_code(provider: Provider, book: HostBook, order: ProviderOrder | None, day: date) -> str:
    """Return whether the payer can and may pay."""
    if order is None:
        return NO_SUCH_ALIAS
    terms, behaviour = terms_of(provider.institution), provider.behaviour(order)
    if behaviour.money in {MoneyOutcome.DECLINED, MoneyOutcome.PENDING_THEN_DECLINED}:
        return _REASONS.get(behaviour.reason, _DO_NOT_HONOUR)
    spent = book.spent_paisa(provider.institution.id, order.payer, day)
    if order.amount_paisa > terms.limit_paisa or spent + order.amount_paisa > terms.daily_limit_paisa:
        return _OVER_LIMIT
    return _TOO_LITTLE if provider.balance_paisa(order.payer) < order.amount_paisa else APPROVED


def _has_fields(provider: Provider, fields: Mapping[int, str], required: frozenset[int]) -> bool:
    aliases = fields.keys() & {2, 102}
    return required <= fields.keys() and aliases == {terms_of(provider.institution).alias_field}


def _is_instant(digits: str) -> bool:
    try:
        datetime.strptime(digits, _STAMP)  # noqa: DTZ007 - only whether there is such a moment
    except ValueError:
        return False
    return True
