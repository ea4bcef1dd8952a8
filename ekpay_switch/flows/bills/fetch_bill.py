"""Fetching a bill for a partner and binding a quote to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.bill import (
    AmountRefused,
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
    LockedBill,
    Quote,
    quote_expiry,
)
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.parties.mobile_numbers import national_number
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_once import fetch_once
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile, Parameter
from ekpay_switch.ports.world import World
from ekpay_switch.security.card_numbers import mask_card_numbers
from ekpay_switch.security.identifiers import unguessable_in_order

PARTNER_INSTRUMENT = "prefund"


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """A partner's request for a bill; `fields` are the filled members of its message by their wire names."""

    partner_id: str
    request_reference: str
    ekpay_biller_id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """A field of the request that names no bill: its wire name, and what is wrong, without its value."""

    wire_name: str
    why: str


async def fetch_bill(order: FetchOrder, world: World) -> Quote | Refusal | ParameterFault:
    """Ask the biller, add our fee, store the quote; the quote is durable before it is returned.

    A bill that is paid already gets a quote too, which cannot be paid.
    """
    quote = await quote_for(order, PARTNER_INSTRUMENT, world)
    if isinstance(quote, Quote):
        await world.payments.save_quote(quote)
    return quote


def fields_by_wire_name(biller: BillerAdapter, parameters: Mapping[str, str]) -> dict[str, str] | None:
    """The parameters as a fetch takes them; None where one is not a parameter of this biller."""
    wire_names = {parameter.name: parameter.wire_name for parameter in biller.profile.parameters}
    if not parameters.keys() <= wire_names.keys():
        return None
    return {wire_names[name]: text for name, text in parameters.items()}


async def quote_for(order: FetchOrder, instrument: str, world: World) -> Quote | Refusal | ParameterFault:
    """Ask the biller and add our fee for the instrument; nothing is stored.

    Where a fetch locks the bill, only the first fetch reaches the biller. What the partner may have paid
    before a restore of the database gets no quote until that is known.
    """
    biller = world.billers.by_ekpay_id(order.ekpay_biller_id)
    if biller is None:
        return Refusal.UNKNOWN_BILLER
    profile = biller.profile
    parameters = chosen_parameters(profile, order.fields)
    if isinstance(parameters, ParameterFault):
        return parameters
    query = BillQuery(profile.id, parameters, payer_of(profile, parameters))
    if profile.fetch_has_side_effects:
        bill = _quotable(await fetch_once(query, biller, world), profile)
    else:
        bill = _quotable(await biller.fetch(query), profile)
    if isinstance(bill, Refusal):
        return bill
    stated = bill.bill if isinstance(bill, LockedBill) else bill
    if await world.lost_payments.holds_bill(order.partner_id, profile.id, stated):
        return _unavailable(profile, "fetch_held", "a payment of it was lost by a restore and is open")
    return _quote(order, query, bill, profile, instrument, world)


def _quote(
    order: FetchOrder,
    query: BillQuery,
    fetched_bill: Bill | LockedBill,
    profile: BillerProfile,
    instrument: str,
    world: World,
) -> Quote:
    """The quote for the bill; the parameters that name the payer are sent with the payment."""
    now = world.clock.now()
    expires_at = quote_expiry(now, profile.timing.quote_life_seconds)
    bill = fetched_bill.bill if isinstance(fetched_bill, LockedBill) else fetched_bill
    if isinstance(fetched_bill, LockedBill):
        expires_at = min(fetched_bill.until, expires_at)
    payees = frozenset({profile.id, profile.category})
    return Quote(
        quote_id=unguessable_in_order(now),
        partner_id=order.partner_id,
        request_reference=order.request_reference,
        biller_id=profile.id,
        bucket=profile.bucket,
        bill=replace(bill, details=_masked_details(bill), biller_quote={**bill.biller_quote, **query.payer}),
        fee=world.fees.price(payees, instrument, bill.total, business_date(now)),
        expires_at=expires_at,
    )


def _masked_details(bill: Bill) -> dict[str, str]:
    """What the biller says for people, without card numbers; a number alone is one of the bill's."""
    return {
        name: text if _NUMBER_ALONE.fullmatch(text) and name != _CUSTOMER else mask_card_numbers(text)
        for name, text in bill.details.items()
    }


def _quotable(reply: FetchReply | LockedBill, profile: BillerProfile) -> Bill | LockedBill | Refusal:
    """The bill of an answer that can be quoted, or why there is none."""
    match reply:
        case BillerSilent(why=why):
            return _unavailable(profile, "fetch_unanswered", why)
        case BillFound(bill=bill) if bill.total.minor < 0:
            return _unavailable(profile, "fetch_unusable", "a negative total")
        case BillMissing() | AmountRefused():
            is_missing = isinstance(reply, BillMissing)
            return Refusal.NO_SUCH_BILL if is_missing else Refusal.AMOUNT_DIFFERS
        case BillFound() | LockedBill():
            return reply.bill if isinstance(reply, BillFound) else reply
        case _:
            assert_never(reply)


def _unavailable(profile: BillerProfile, event: str, why: str) -> Refusal:
    telemetry.log_warning(event, biller_id=profile.id, reason=why)
    return Refusal.BILLER_UNAVAILABLE


def payer_of(profile: BillerProfile, parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters that name the payer and not the bill."""
    names = {parameter.name for parameter in profile.parameters if parameter.names_payer}
    return {name: text for name, text in parameters.items() if name in names}


def chosen_parameters(profile: BillerProfile, fields: Mapping[str, str]) -> dict[str, str] | ParameterFault:
    """The first group of parameters that is filled in whole and well formed, by the manifest's names.

    A fault where no group is complete, or where a field that is filled in breaks its rule: guessing could
    fetch another payer's bill. Callers with human input convert Bangla digits first.
    """
    groups: dict[str, dict[str, str]] = {}
    missing: dict[str, str] = {}
    for parameter in profile.parameters:
        text = _filled_text(parameter, profile, fields)
        if text and not parameter.admits(text):
            return ParameterFault(parameter.wire_name, "is not as this biller's master data say")
        if text:
            groups.setdefault(parameter.group, {})[parameter.name] = _without_card_numbers(parameter, text)
        elif parameter.is_required:
            missing.setdefault(parameter.group, parameter.wire_name)
    complete = next((group for group in groups if group not in missing), None)
    if complete is None:
        # Of the group that the caller began, else of the first.
        begun = next((group for group in groups if group in missing), next(iter(missing), ""))
        return ParameterFault(missing.get(begun, ""), "is missing")
    defaults = {
        parameter.name: parameter.default
        for parameter in profile.parameters
        if parameter.group == complete and parameter.default
    }
    return defaults | groups[complete]


_CUSTOMER = "customer_name"
_NUMBER_ALONE = re.compile(r"[\d\W_]*")
_BILL, _ACCOUNT, _MOBILE = "bll_no", "bllr_accno", "bill_mobno"
_OTHER_NUMBER = {_BILL: _ACCOUNT, _ACCOUNT: _BILL}


def _filled_text(parameter: Parameter, profile: BillerProfile, fields: Mapping[str, str]) -> str:
    """The text of a field: a mobile number as `01…`; the one number of a biller from either member for it.

    Public clients send `bllr_accno` where a biller has a bill number alone, and the other way round.
    """
    text = fields.get(parameter.wire_name, "")
    if parameter.wire_name == _MOBILE:
        return national_number(text) or text
    other = _OTHER_NUMBER.get(parameter.wire_name)
    if text or other is None or any(known.wire_name == other for known in profile.parameters):
        return text
    return fields.get(other, "")


def _without_card_numbers(parameter: Parameter, text: str) -> str:
    """The text with card numbers masked, where such a text fits its field too: names and addresses do.

    A field that takes digits alone names a bill, which has to be payable whatever its check digit.
    """
    masked = mask_card_numbers(text)
    return masked if parameter.admits(masked) else text
