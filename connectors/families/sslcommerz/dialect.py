"""What the dialects of this family do each in its own way."""

from collections.abc import Mapping
from typing import Any, Protocol

from connectors.call_result import Asked
from connectors.families.sslcommerz.notices import Fields
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectInquiry,
    CollectOrder,
    Created,
    NoHint,
    RefundInquiry,
    RefundOrder,
    RefundOutcome,
)


class Dialect(Protocol):
    """One provider's words for the flow that all of them share; see `connector`."""

    @property
    def page_hosts(self) -> str:
        """Domains of the payer's page, with blanks between them."""
        ...

    async def ask_for_page(self, order: CollectOrder) -> Asked:
        """Open a page for the payer; moves no money."""
        ...

    def created(self, document: Mapping[str, Any], order: CollectOrder) -> Created:
        """The page of a good answer, wherever it is; raises BrokenReplyError."""
        ...

    async def standing(self, order: CollectOrder) -> CollectInquiry:
        """Ask what became of a payment by our reference; moves no money."""
        ...

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give money back, once."""
        ...

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Ask what became of the refund that the order names; moves no money."""
        ...

    def hint(self, fields: Fields) -> CallbackHint | NoHint:
        """What the fields of a form seem to say, if their proof is right where there is one."""
        ...
