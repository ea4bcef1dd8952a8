"""A provider of this family as a connector: open a page, inquire, refund."""

import re
from collections.abc import Mapping

from connectors.call_result import (
    CallResult,
    MappedReply,
    has_meaning,
    inconclusive_answer,
    unsuccessful_outcome,
)
from connectors.families.token_init_status.callback import BrowserReturns
from connectors.families.token_init_status.checks import dialect_of
from connectors.families.token_init_status.client import TokenInitStatusClient
from connectors.families.token_init_status.reading import (
    Document,
    Reader,
    is_reference,
    optional_text_at,
    reference_at,
    require_same,
    text_at,
)
from connectors.families.token_init_status.refunds import TokenInitStatusRefunds
from connectors.families.token_init_status.writing import Values
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.order_checks import amount_fault
from connectors.pages import PageRules
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    NeverPaid,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_PAGE_URL_LENGTH_MAX = 2_000
_PLAIN = re.compile(r"[^<>&\x00-\x1f\x7f\ud800-\udfff]{1,255}")


class TokenInitStatus:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        self._dialect = dialect_of(manifest)
        self._page = manifest.payer_page
        self._profile = manifest.profile(context.environ, context.divisor)
        self._client = TokenInitStatusClient(manifest, self._dialect, context)
        self._reader = Reader(self._dialect)
        self._refunds = TokenInitStatusRefunds(self._dialect, self._client)
        self._pages = PageRules(self._dialect.page_hosts, self._profile.url)
        self._callbacks = BrowserReturns(self._dialect)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money. A reference that was used before is in doubt."""
        fault = self._order_fault(order)
        if fault:
            return Unreached(fault)
        result = await self._client.call("init", self._init_values(order), order.send_before)
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            return self._created(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never sends anything: the payer's agreement has moved the money."""
        del order
        return Unreached("the payer's agreement moves the money at this provider")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of a payment; moves no money."""
        if not (is_reference(order.provider_reference) and is_reference(order.reference)):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        result = await self._client.call("status", _values(order))
        try:
            return self._inquiry_of(result, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask which refunds of a payment the provider has; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The hint in the query or form of a returned browser."""
        return self._callbacks.read(headers, body)

    def _init_values(self, order: CollectOrder) -> Values:
        return {**_values(order), "payee": self._page.payee_name(order.page)}

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "this provider")
        if fault:
            return fault
        if not (is_reference(order.reference) and _PLAIN.fullmatch(order.payer_reference)):
            return "a reference holds what this provider does not take"
        return ""

    def _created(self, document: Document, order: CollectOrder) -> PageCreated:
        """The page, checked against the order; raises BrokenReplyError."""
        reads = self._dialect.init.reads
        require_same(document, reads.reference, order.reference)
        if reads.amount and self._reader.money(document, reads.amount, reads.currency) != order.amount:
            raise BrokenReplyError("a page for another amount")
        if reads.status and self._means(text_at(document, reads.status)) != "awaiting_payer":
            raise BrokenReplyError("a page of a payment that awaits no payer")
        page_url = text_at(document, reads.page_url, _PAGE_URL_LENGTH_MAX)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is not the provider's")
        return PageCreated(reference_at(document, reads.provider_reference), page_url)

    def _inquiry_of(self, result: CallResult, order: CollectOrder) -> CollectInquiry:
        """The result of an inquiry; raises BrokenReplyError."""
        match result:
            case MappedReply(means=Means.DONE, document=document):
                return self._inquiry_by_status(document, order)
            case MappedReply(means=Means.AWAITING_PAYER, document=document):
                self._require_ours(document, order)
                return AwaitingPayer()
            case MappedReply(means=Means.ENDED, code=code, document=document):
                self._require_ours(document, order)
                return NeverPaid(f"reply code {code}")
            case _:
                return inconclusive_answer(result)

    def _inquiry_by_status(self, document: Document, order: CollectOrder) -> CollectInquiry:
        """The result of an inquiry by the provider's status word; raises BrokenReplyError."""
        reads = self._dialect.status.reads
        require_same(document, reads.provider_reference, order.provider_reference)
        word = text_at(document, reads.status)
        means = self._means(word)
        if means == "paid":
            return self._collected(document, order)
        if means is None:
            return NoAnswer("a status without a mapping")
        self._require_ours(document, order)
        return AwaitingPayer() if means == "awaiting_payer" else NeverPaid(word)

    def _collected(self, document: Document, order: CollectOrder) -> Collected:
        """The collected money as the provider states it, for the core to compare; raises BrokenReplyError."""
        reads = self._dialect.status.reads
        amounts = [
            self._reader.money(document, reads.amount, reads.currency),
            *self._reader.amounts(document, reads.also_amounts, reads.currency),
        ]
        return Collected(
            reference=text_at(document, reads.reference),
            amount=next((amount for amount in amounts if amount != order.amount), order.amount),
            provider_transaction=reference_at(document, reads.transaction),
            facts={
                "paid_at": self._reader.instant(document, reads.paid_at),
                "payer_account": mask_account(optional_text_at(document, reads.payer)),
            },
        )

    def _require_ours(self, document: Document, order: CollectOrder) -> None:
        """Raise BrokenReplyError where "not paid" is about another payment."""
        reads = self._dialect.status.reads
        require_same(document, reads.provider_reference, order.provider_reference)
        require_same(document, reads.reference, order.reference)

    def _means(self, word: str) -> str | None:
        return self._dialect.words.get(word)


def _values(order: CollectOrder) -> Values:
    return {
        "reference": order.reference,
        "provider_reference": order.provider_reference,
        "amount": order.amount,
        "currency": order.amount.currency,
        "payer_reference": order.payer_reference,
        "return_url": order.return_url,
        "notify_url": order.notify_url,
    }
