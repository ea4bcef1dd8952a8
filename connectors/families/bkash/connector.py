"""bKash as a connector: open a page, execute once the payer has agreed, ask, give back.

What may surprise: an answer that says "already executed" is no success here. It carries no amount, so it is
in doubt, and the inquiry brings amount, reference and the name of the movement together.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.call_result import Asked, Meant, not_done, nothing_learned
from connectors.families.bkash.callback import Callbacks
from connectors.families.bkash.client import BkashLine
from connectors.families.bkash.refunds import Refunds
from connectors.families.bkash.replies import (
    COMPLETED,
    collected,
    is_reference,
    money,
    reference,
)
from connectors.families.bkash.settings import FamilySettings
from connectors.families.bkash.sns import Notifications
from connectors.manifest import Manifest
from connectors.manifest_parts import Means, Reason
from connectors.pages import PageRules
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    Created,
    CreateOutcome,
    ExecuteOutcome,
    MovementFound,
    NeverPaid,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT, format_taka
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, NotFound, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, text, text_or_empty

_OPERATIONS = frozenset(
    {"grant", "refresh", "create", "execute", "status", "search"}
    | {"refund", "refund_status", "refund_v1", "refund_status_v1"}
)
_WITHOUT_AGREEMENT = "0011"
_INITIATED = "Initiated"
_NEVER = frozenset({"Cancelled", "Declined", "Expired"})
_VERIFICATIONS = ("verificationStatus", "userVerificationStatus")
_PLAIN = re.compile(r"[^<>&\x00-\x1f\x7f\ud800-\udfff]{1,255}")


class Bkash:
    """A connector of this family; implements the ports `Connector` and `FindsMovements`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        settings = settings_of(manifest, FamilySettings, _OPERATIONS)
        self._profile = manifest.profile(around.environ, around.divisor)
        self._line = BkashLine(manifest, around)
        self._refunds = Refunds(self._line)
        self._pages = PageRules(settings.page_hosts, self._profile.url)
        self._callbacks = Callbacks(Notifications(manifest, settings, around))

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and a repeat opens another page."""
        why = self._unfit(order)
        if why:
            return Unreached(why)
        asked = await self._line.ask("create", _create_fields(order), order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            return self._created(asked.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Take the money that the payer has agreed to; bKash takes it once a payment, however often asked."""
        if not is_reference(order.provider_reference):
            return Unreached("the payment has no name over there")
        fields = {"paymentID": order.provider_reference}
        asked = await self._line.ask("execute", fields, order.send_before)
        match asked:
            case Meant(means=Means.DONE, document=document):
                return _executed(document, order)
            case Meant(means=Means.AWAITING_PAYER):
                return AwaitingPayer()
            case Meant(means=Means.ENDED, code=code):
                return Declined(str(Reason.ENDED), code)
            case _:
                return not_done(asked)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask what became of a payment; moves no money."""
        if not is_reference(order.provider_reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        return _standing(await self._line.ask("status", {"paymentID": order.provider_reference}), order)

    async def search(self, provider_transaction: str) -> MovementFound | NotFound | NoAnswer:
        """What bKash has under its own name of a movement of money; moves none."""
        if not is_reference(provider_transaction):
            return NoAnswer("no name of a movement", was_asked=False)
        asked = await self._line.ask("search", {"trxID": provider_transaction})
        if isinstance(asked, Meant) and asked.means is Means.NOT_FOUND:
            return NotFound()
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        try:
            require_same(asked.document, "trxID", provider_transaction)
            is_done = text(asked.document, "transactionStatus") == COMPLETED
            return MovementFound(provider_transaction, money(asked.document, "amount"), is_done)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask which refunds of a payment bKash has; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The query of a browser that came back, as it stands in its URL, or a notification of SNS."""
        return await self._callbacks.read(headers, body)

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what bKash takes"
        if not (_PLAIN.fullmatch(order.reference) and _PLAIN.fullmatch(order.payer_reference)):
            return "a reference holds what bKash does not take"
        return ""

    def _created(self, document: Mapping[str, Any], order: CollectOrder) -> Created:
        """The page, once it is for this very payment; raises BrokenReplyError."""
        require_same(document, "merchantInvoiceNumber", order.reference)
        require_same(document, "transactionStatus", _INITIATED)
        if money(document, "amount") != order.amount:
            raise BrokenReplyError("a page for another amount")
        page_url = text(document, "bkashURL", 2_000)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is none of bKash's")
        return Created(reference(document, "paymentID"), page_url)


def _create_fields(order: CollectOrder) -> dict[str, object]:
    return {
        "mode": _WITHOUT_AGREEMENT,
        "payerReference": order.payer_reference,
        "callbackURL": order.return_url,
        "amount": format_taka(order.amount.minor),
        "currency": order.amount.currency,
        "intent": "sale",
        "merchantInvoiceNumber": order.reference,
    }


def _executed(document: Mapping[str, Any], order: CollectOrder) -> ExecuteOutcome:
    try:
        require_same(document, "transactionStatus", COMPLETED)
        return collected(document, order)
    except BrokenReplyError as error:
        return InDoubt(str(error))


def _standing(asked: Asked, order: CollectOrder) -> CollectInquiry:
    match asked:
        case Meant(means=Means.DONE, document=document):
            try:
                return _told(document, order)
            except BrokenReplyError as error:
                return NoAnswer(str(error))
        case Meant(means=Means.AWAITING_PAYER):
            return AwaitingPayer()
        case Meant(means=Means.ENDED, code=code):
            return NeverPaid(f"reply code {code}")
        case _:
            return nothing_learned(asked)


def _told(document: Mapping[str, Any], order: CollectOrder) -> CollectInquiry:
    """What bKash's own word for a payment means; raises BrokenReplyError."""
    require_same(document, "paymentID", order.provider_reference)
    status = text(document, "transactionStatus")
    if status == COMPLETED:
        return collected(document, order)
    if status == _INITIATED:
        verified = next((told for name in _VERIFICATIONS if (told := text_or_empty(document, name))), "")
        return AwaitingPayer(may_execute=verified == "Complete")
    if status in _NEVER:
        return NeverPaid(status.lower())
    return NoAnswer("a status that nobody mapped")
