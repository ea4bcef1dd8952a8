"""Aggregators with a page of their own: open it, wait, ask by our reference, give back.

The payer's agreement on the page takes the money, so nothing is ever executed. SSLCommerz and aamarPay share
this flow; what each calls things is its dialect's affair (`v4`, `aamarpay`).
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from connectors.call_result import Meant, not_done
from connectors.families.sslcommerz.aamarpay import AamarPay
from connectors.families.sslcommerz.dialect import Dialect
from connectors.families.sslcommerz.notices import form_fields
from connectors.families.sslcommerz.replies import is_reference
from connectors.families.sslcommerz.v4 import V4
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.pages import PageRules
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.money import BDT
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_DIALECTS: Mapping[str, Callable[[Manifest, Surroundings], Dialect]] = MappingProxyType(
    {"v4": V4, "aamarpay": AamarPay}
)
_URL_LENGTH_MAX = 255
_OUR_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,30}")


class Sslcommerz:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        dialect = _DIALECTS.get(str(manifest.family_settings.get("dialect")))
        if dialect is None:
            raise ManifestError(f"{manifest.id}: the dialect must be {' or '.join(sorted(_DIALECTS))}")
        self._dialect = dialect(manifest, around)
        self._profile = manifest.profile(around.environ, around.divisor)
        self._pages = PageRules(self._dialect.page_hosts, self._profile.url)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money."""
        why = self._unfit(order)
        if why:
            return Unreached(why)
        asked = await self._dialect.ask_for_page(order)
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            created = self._dialect.created(asked.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if not self._pages.allow(created.page_url):
            return InDoubt("a page on a host that is none of the provider's")
        return created

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never: the payer's agreement has moved the money."""
        del order
        return Unreached("this provider takes the money itself")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask what became of a payment; moves no money."""
        if not is_reference(order.provider_reference) or not _OUR_REFERENCE.fullmatch(order.reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        return await self._dialect.standing(order)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once; see `refunds`."""
        return await self._dialect.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask about the refund that the order names, as no provider of this family lists refunds."""
        return await self._dialect.inquire_refunds(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A form that the provider or a browser posted, or the query of a browser that came back."""
        del headers
        fields = form_fields(body)
        return fields if isinstance(fields, NoHint) else self._dialect.hint(fields)

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what the provider takes"
        if not _OUR_REFERENCE.fullmatch(order.reference):
            return "a reference holds what the provider does not take"
        if max(len(order.return_url), len(order.notify_url)) > _URL_LENGTH_MAX:
            return "an address of ours is too long"
        return ""
