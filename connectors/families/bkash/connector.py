"""bKash as a connector: open a page, execute once the payer has agreed, inquire, refund.

The answer "already executed" has no amount, so it is in doubt; the inquiry returns amount, reference and
transaction id.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.call_result import (
    CallResult,
    MappedReply,
    has_meaning,
    inconclusive_answer,
    unsuccessful_outcome,
)
from connectors.families.bkash.callback import BkashCallbacks
from connectors.families.bkash.client import BkashClient
from connectors.families.bkash.refunds import BkashRefunds
from connectors.families.bkash.replies import (
    COMPLETED,
    is_reference,
    read_collection,
    reference,
)
from connectors.families.bkash.settings import BkashSettings
from connectors.families.bkash.sns import Notifications
from connectors.manifest import Manifest
from connectors.manifest_parts import Means, Reason
from connectors.order_checks import amount_fault
from connectors.pages import PageRules
from connectors.payer_page import require_members
from connectors.reply_amounts import money_of
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    MovementFound,
    NeverPaid,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, NotFound, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, text, text_or_empty

_OPERATIONS = frozenset(
    {"grant", "refresh", "create", "execute", "status", "search"}
    | {"refund", "refund_status", "refund_v1", "refund_status_v1"}
)
_WITHOUT_AGREEMENT = "0011"
_INITIATED = "Initiated"
_NEVER_PAID = frozenset({"Cancelled", "Declined", "Expired"})
_VERIFICATIONS = ("verificationStatus", "userVerificationStatus")
_PLAIN_TEXT = re.compile(r"[^<>&\x00-\x1f\x7f\ud800-\udfff]{1,255}")


class Bkash:
    """A connector of this family; implements the ports `Connector` and `FindsMovements`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        settings = settings_of(manifest, BkashSettings, _OPERATIONS)
        require_members(manifest.id, manifest.payer_page)
        self._profile = manifest.profile(context.environ, context.divisor)
        self._client = BkashClient(manifest, context)
        self._refunds = BkashRefunds(self._client)
        self._pages = PageRules(settings.page_hosts, self._profile.url)
        self._callbacks = BkashCallbacks(Notifications(manifest, settings, context))

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and a repeat opens another page."""
        fault = self._order_fault(order)
        if fault:
            return Unreached(fault)
        result = await self._client.call("create", _create_fields(order), order.send_before)
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            return self._created(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Take the money that the payer has agreed to; bKash takes it once a payment, on every repeat."""
        if not is_reference(order.provider_reference):
            return Unreached("the payment has no id at the provider")
        fields = {"paymentID": order.provider_reference}
        result = await self._client.call("execute", fields, order.send_before)
        match result:
            case MappedReply(means=Means.DONE, document=document):
                return _execute_outcome(document, order)
            case MappedReply(means=Means.AWAITING_PAYER):
                return AwaitingPayer()
            case MappedReply(means=Means.ENDED, code=code):
                return Declined(str(Reason.ENDED), code)
            case _:
                return unsuccessful_outcome(result)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of a payment; moves no money."""
        if not is_reference(order.provider_reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        return _inquiry_of(await self._client.call("status", {"paymentID": order.provider_reference}), order)

    async def search(self, provider_transaction: str) -> MovementFound | NotFound | NoAnswer:
        """The movement under bKash's transaction id; moves no money."""
        if not is_reference(provider_transaction):
            return NoAnswer("no transaction id", was_asked=False)
        result = await self._client.call("search", {"trxID": provider_transaction})
        if has_meaning(result, Means.NOT_FOUND):
            return NotFound()
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        try:
            require_same(result.document, "trxID", provider_transaction)
            is_done = text(result.document, "transactionStatus") == COMPLETED
            return MovementFound(provider_transaction, money_of(result.document, "amount"), is_done)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask which refunds of a payment bKash has; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The hint in the query of a returned browser or in a notification of SNS."""
        return await self._callbacks.read(headers, body)

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "bKash")
        if fault:
            return fault
        if not (_PLAIN_TEXT.fullmatch(order.reference) and _PLAIN_TEXT.fullmatch(order.payer_reference)):
            return "a reference holds what bKash does not take"
        return ""

    def _created(self, document: Mapping[str, Any], order: CollectOrder) -> PageCreated:
        """The page, checked against the order; raises BrokenReplyError."""
        require_same(document, "merchantInvoiceNumber", order.reference)
        require_same(document, "transactionStatus", _INITIATED)
        if money_of(document, "amount") != order.amount:
            raise BrokenReplyError("a page for another amount")
        page_url = text(document, "bkashURL", 2_000)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is not bKash's")
        return PageCreated(reference(document, "paymentID"), page_url)


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


def _execute_outcome(document: Mapping[str, Any], order: CollectOrder) -> ExecuteOutcome:
    try:
        require_same(document, "transactionStatus", COMPLETED)
        return read_collection(document, order)
    except BrokenReplyError as error:
        return InDoubt(str(error))


def _inquiry_of(result: CallResult, order: CollectOrder) -> CollectInquiry:
    match result:
        case MappedReply(means=Means.DONE, document=document):
            try:
                return _inquiry_by_status(document, order)
            except BrokenReplyError as error:
                return NoAnswer(str(error))
        case MappedReply(means=Means.AWAITING_PAYER):
            return AwaitingPayer()
        case MappedReply(means=Means.ENDED, code=code):
            return NeverPaid(f"reply code {code}")
        case _:
            return inconclusive_answer(result)


def _inquiry_by_status(document: Mapping[str, Any], order: CollectOrder) -> CollectInquiry:
    """The result of an inquiry by bKash's transactionStatus; raises BrokenReplyError."""
    require_same(document, "paymentID", order.provider_reference)
    status = text(document, "transactionStatus")
    if status == COMPLETED:
        return read_collection(document, order)
    if status == _INITIATED:
        verification = next(
            (verification for name in _VERIFICATIONS if (verification := text_or_empty(document, name))), ""
        )
        return AwaitingPayer(may_execute=verification == "Complete")
    if status in _NEVER_PAID:
        return NeverPaid(status.lower())
    return NoAnswer("a status without a mapping")
