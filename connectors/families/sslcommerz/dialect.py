"""The calls that the dialects of this family implement."""

from collections.abc import Mapping
from typing import Any, Protocol

from connectors.call_result import CallResult
from connectors.families.sslcommerz.notices import Fields
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    NoHint,
    PageCreated,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)


class AggregatorDialect(Protocol):
    """One provider's calls for the shared flow; see `connector`."""

    @property
    def page_hosts(self) -> str:
        """The domains of the payer's page, separated by blanks."""
        ...

    async def request_page(self, order: CollectOrder) -> CallResult:
        """Open a page for the payer; moves no money."""
        ...

    def read_page(self, document: Mapping[str, Any], order: CollectOrder) -> PageCreated:
        """The page of a successful answer, on any host; raises BrokenReplyError."""
        ...

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of a payment by our reference; moves no money."""
        ...

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once."""
        ...

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask for the state of the refund that the order names; moves no money."""
        ...

    def hint(self, fields: Fields) -> CallbackHint | NoHint:
        """The hint of a form's fields, whose signature is checked where there is one."""
        ...
