"""A provider of this family as a connector: open a page, ask how it ended, give back."""

import re
from collections.abc import Mapping

from connectors.call_result import Asked, Meant, not_done, nothing_learned
from connectors.families.token_init_status.callback import Callbacks
from connectors.families.token_init_status.checks import dialect_of
from connectors.families.token_init_status.client import Line
from connectors.families.token_init_status.reading import (
    Document,
    Reader,
    informs,
    is_reference,
    reference_at,
    require_same,
    text_at,
)
from connectors.families.token_init_status.refunds import Refunds
from connectors.families.token_init_status.writing import Values
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import PageRules
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    Created,
    CreateOutcome,
    ExecuteOutcome,
    NeverPaid,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_PAGE_URL_LENGTH_MAX = 2_000
_PLAIN = re.compile(r"[^<>&\x00-\x1f\x7f\ud800-\udfff]{1,255}")


class TokenInitStatus:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        self._dialect = dialect_of(manifest)
        self._profile = manifest.profile(around.environ, around.divisor)
        self._line = Line(manifest, self._dialect, around)
        self._reader = Reader(self._dialect)
        self._refunds = Refunds(self._dialect, self._line)
        self._pages = PageRules(self._dialect.page_hosts, self._profile.url)
        self._callbacks = Callbacks(self._dialect)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money. A reference that was used before is in doubt."""
        why = self._unfit(order)
        if why:
            return Unreached(why)
        asked = await self._line.ask("init", _values(order), order.send_before)
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            return self._created(asked.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never: the payer's agreement has moved the money, or nothing has."""
        del order
        return Unreached("this provider takes the money itself")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask what became of a payment; moves no money."""
        if not (is_reference(order.provider_reference) and is_reference(order.reference)):
            return NoAnswer("the payment has no name over there", was_asked=False)
        asked = await self._line.ask("status", _values(order))
        try:
            return self._standing(asked, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once; see `refunds`."""
        return await self._refunds.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask which refunds of a payment the provider has; moves no money."""
        return await self._refunds.inquire(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The query, or the form, of a browser that came back; never proof of anything."""
        return self._callbacks.read(headers, body)

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what this provider takes"
        if not (is_reference(order.reference) and _PLAIN.fullmatch(order.payer_reference)):
            return "a reference holds what this provider does not take"
        return ""

    def _created(self, document: Document, order: CollectOrder) -> Created:
        """The page, once it is for this very payment; raises BrokenReplyError."""
        reads = self._dialect.init.reads
        require_same(document, reads.reference, order.reference)
        if reads.amount and self._reader.money(document, reads.amount, reads.currency) != order.amount:
            raise BrokenReplyError("a page for another amount")
        if reads.status and self._means(text_at(document, reads.status)) != "awaiting_payer":
            raise BrokenReplyError("a page of a payment that waits for nobody")
        page_url = text_at(document, reads.page_url, _PAGE_URL_LENGTH_MAX)
        if not self._pages.allow(page_url):
            raise BrokenReplyError("a page on a host that is none of the provider's")
        return Created(reference_at(document, reads.provider_reference), page_url)

    def _standing(self, asked: Asked, order: CollectOrder) -> CollectInquiry:
        """What an answer to a question means; raises BrokenReplyError."""
        match asked:
            case Meant(means=Means.DONE, document=document):
                return self._told(document, order)
            case Meant(means=Means.AWAITING_PAYER, document=document):
                self._require_ours(document, order)
                return AwaitingPayer()
            case Meant(means=Means.ENDED, code=code, document=document):
                self._require_ours(document, order)
                return NeverPaid(f"reply code {code}")
            case _:
                return nothing_learned(asked)

    def _told(self, document: Document, order: CollectOrder) -> CollectInquiry:
        """What the provider's own word for a payment means; raises BrokenReplyError."""
        reads = self._dialect.status.reads
        require_same(document, reads.provider_reference, order.provider_reference)
        word = text_at(document, reads.status)
        means = self._means(word)
        if means == "paid":
            return self._collected(document, order)
        if means is None:
            return NoAnswer("a status that nobody mapped")
        self._require_ours(document, order)
        return AwaitingPayer() if means == "awaiting_payer" else NeverPaid(word)

    def _collected(self, document: Document, order: CollectOrder) -> Collected:
        """What the provider says that it has, right or wrong: the core compares. Raises BrokenReplyError."""
        reads = self._dialect.status.reads
        told = [
            self._reader.money(document, reads.amount, reads.currency),
            *self._reader.monies(document, reads.also_amounts, reads.currency),
        ]
        return Collected(
            reference=text_at(document, reads.reference),
            amount=next((amount for amount in told if amount != order.amount), order.amount),
            provider_transaction=reference_at(document, reads.transaction),
            facts={
                "paid_at": self._reader.instant(document, reads.paid_at),
                "payer_account": mask_account(informs(document, reads.payer)),
            },
        )

    def _require_ours(self, document: Document, order: CollectOrder) -> None:
        """Raise BrokenReplyError where "not paid" is said of another payment."""
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
