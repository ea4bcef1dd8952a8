"""Aggregators with a page of their own: open a page, inquire by our reference, refund.

The payer's agreement on the page moves the money, so nothing is executed. SSLCommerz and aamarPay share this
flow; their calls are written by their dialects (`v4`, `aamarpay`).
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from connectors.call_result import has_meaning, unsuccessful_outcome
from connectors.families.sslcommerz.aamarpay import AamarPay
from connectors.families.sslcommerz.dialect import AggregatorDialect
from connectors.families.sslcommerz.notices import form_fields
from connectors.families.sslcommerz.replies import is_reference
from connectors.families.sslcommerz.v4 import V4
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.order_checks import amount_fault
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
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_DIALECTS: Mapping[str, Callable[[Manifest, FamilyContext], AggregatorDialect]] = MappingProxyType(
    {"v4": V4, "aamarpay": AamarPay}
)
_URL_LENGTH_MAX = 255
_OUR_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,30}")


class Sslcommerz:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        dialect = _DIALECTS.get(str(manifest.family_settings.get("dialect")))
        if dialect is None:
            raise ManifestError(f"{manifest.id}: the dialect must be {' or '.join(sorted(_DIALECTS))}")
        self._dialect = dialect(manifest, context)
        self._profile = manifest.profile(context.environ, context.divisor)
        self._pages = PageRules(self._dialect.page_hosts, self._profile.url)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money."""
        fault = self._order_fault(order)
        if fault:
            return Unreached(fault)
        result = await self._dialect.request_page(order)
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            created = self._dialect.read_page(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        if not self._pages.allow(created.page_url):
            return InDoubt("a page on a host that is not the provider's")
        return created

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never sends anything: the payer's agreement has moved the money."""
        del order
        return Unreached("the payer's agreement moves the money at this provider")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of a payment; moves no money."""
        if not is_reference(order.provider_reference) or not _OUR_REFERENCE.fullmatch(order.reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        return await self._dialect.inquire(order)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; see `refunds`."""
        return await self._dialect.refund(order)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask about the refund that the order names, as no provider of this family lists refunds."""
        return await self._dialect.inquire_refunds(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The hint in a form of the provider or a browser, or in the query of a returned browser."""
        del headers
        fields = form_fields(body)
        return fields if isinstance(fields, NoHint) else self._dialect.hint(fields)

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "the provider")
        if fault:
            return fault
        if not _OUR_REFERENCE.fullmatch(order.reference):
            return "a reference holds what the provider does not take"
        if max(len(order.return_url), len(order.notify_url)) > _URL_LENGTH_MAX:
            return "an address of ours is too long"
        return ""
