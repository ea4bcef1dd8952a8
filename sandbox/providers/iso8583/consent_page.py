"""The consent page: the signed link that opens it, the alias that it makes, and the signed way back."""

import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from sandbox.kit.institution.pages import PageVisit, is_web_address
from sandbox.kit.institution.replies import Reply, page_reply
from sandbox.kit.payer_pages import payer_page
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.payer_pages.payer_page import Message, PayerPage
from sandbox.kit.provider.book import Decision
from sandbox.kit.provider.call_results import Refusal
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.iso8583.book import ALIAS, HostBook
from sandbox.providers.iso8583.faults import REFUSED_AT_PAGE
from sandbox.providers.iso8583.institutions import ACCEPTOR, CURRENCY, PAN, consent_secret_of, terms_of

RETURN = "return"
"""The fact of an order that holds where its payer's browser goes back."""

_LINK = ("acceptor", "order", "amount", "currency", RETURN)
_SIGN = "sign"
_BIN, _ALIAS_PREFIX = "506099", "AL"
_PAN_LENGTH, _ALIAS_LENGTH = 19, 20
_REFERENCE_LENGTHS = range(20, 33)
_AMOUNT_LENGTH_MAX = 12
_REFUSED = "refused"

_ADVICE = payer_page.UNKNOWN.advice
_FORGED = Text("এই লিংকের স্বাক্ষর সঠিক নয়", "The link is not signed by the merchant")
_MALFORMED = Text("এই লিংকটি পড়া যায় না", "The link cannot be read")
_CHANGED = Text("এই অর্ডারটি অন্য পরিমাণের জন্য খোলা আছে", "The order is open for another amount or return")
_STATUSES = {
    ReportedOutcome.PAID: "AGREED",
    ReportedOutcome.PENDING: "AGREED",
    ReportedOutcome.DECLINED: "REFUSED",
    ReportedOutcome.CANCELLED: "CANCELLED",
    ReportedOutcome.EXPIRED: "REFUSED",
}


class _LinkRefusal(NamedTuple):
    status: int
    text: Text


_NOT_SIGNED = _LinkRefusal(403, _FORGED)
_NOT_READ = _LinkRefusal(400, _MALFORMED)
_NOT_SAME = _LinkRefusal(409, _CHANGED)


def sign(secret: str, members: Mapping[str, str]) -> str:
    """Return the signature of members in the order in which they are given."""
    text = "\n".join(f"{name}={value}" for name, value in members.items())
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()


def open_order_of_link(provider: Provider, visit: PageVisit) -> ProviderOrder | Reply:
    """Return the order that a link opens, a new one at its first time; or the page that refuses it.

    Nothing is recorded of a link that is refused.
    """
    result = _read(provider, visit.query)
    if isinstance(result, ProviderOrder):
        return result
    branding = Branding(provider.institution.name, provider.institution.colour)
    page = PayerPage.for_visit(branding, visit).message(Message(result.text, _ADVICE))
    return page_reply(page, status=result.status, headers=payer_page.HEADERS)


def record_consent(
    provider: OpenProvider, book: HostBook, order: ProviderOrder, alias_seconds: float
) -> None:
    """Make the alias of an order whose payer has agreed, or refuse that payer."""
    now = provider.clock.now()
    if REFUSED_AT_PAGE in provider.behaviour(order).facts:
        book.record_decided(order, Decision(OrderState.DECLINED, now, reason=_REFUSED))
        return
    life = timedelta(seconds=alias_seconds / provider.settings.page_times_divisor)
    book.record_consented(order, provider.unused_name(lambda: _alias(provider)), now + life)


def browser_return(provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> BrowserReturn:
    """Return where the browser goes and what it brings: with an alias if the payer has agreed."""
    browser_outcome = provider.behaviour(order).browser_outcome
    # What became of the money afterwards changes nothing about what the payer agreed to.
    is_agreed = ALIAS in order.facts and browser_outcome is None
    status = "AGREED" if is_agreed else _STATUSES[message.outcome]
    members = {"order": order.reference, "status": status}
    if status == "AGREED":
        members["alias"] = order.facts.get(ALIAS) or _alias(provider)
    members["amount"] = str(order.amount_paisa)
    secret = "wrong" if message.is_forged else consent_secret_of(provider.institution.id)
    return BrowserReturn(order.facts[RETURN], {**members, _SIGN: sign(secret, members)})


def _read(provider: Provider, query: Mapping[str, str]) -> ProviderOrder | _LinkRefusal:
    signed = {name: query.get(name, "") for name in _LINK}
    right = sign(consent_secret_of(provider.institution.id), signed)
    if not hmac.compare_digest(right.encode(), query.get(_SIGN, "").encode()):
        return _NOT_SIGNED
    if not _is_readable(signed):
        return _NOT_READ
    amount_paisa, back = int(signed["amount"]), signed[RETURN]
    known = provider.find(signed["order"])
    if known is not None:
        is_same = (known.amount_paisa, known.facts[RETURN]) == (amount_paisa, back)
        return known if is_same else _NOT_SAME
    opened = provider.open(NewOrder(signed["order"], amount_paisa, facts={RETURN: back}))
    return _NOT_SAME if isinstance(opened, Refusal) else opened


def _is_readable(signed: Mapping[str, str]) -> bool:
    reference, amount = signed["order"], signed["amount"]
    is_reference = len(reference) in _REFERENCE_LENGTHS and reference.isascii() and reference.isalnum()
    is_amount = 0 < len(amount) <= _AMOUNT_LENGTH_MAX and amount.isascii() and amount.isdigit()
    return (
        signed["acceptor"] == ACCEPTOR
        and is_reference
        and reference == reference.upper()
        and is_amount
        and int(amount) > 0
        and signed["currency"] == CURRENCY
        and is_web_address(signed[RETURN])
    )


def _alias(provider: OpenProvider) -> str:
    if terms_of(provider.institution).alias_field == PAN:
        rest = _PAN_LENGTH - len(_BIN)
        return f"{_BIN}{secrets.randbelow(10**rest):0{rest}d}"
    return _ALIAS_PREFIX + random_text(_ALIAS_LENGTH - len(_ALIAS_PREFIX))
