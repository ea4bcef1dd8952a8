"""A bank's gateway as a connector: open a page, ask for the payment's state, read callbacks."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from connectors.families.bank_redirect.city import City
from connectors.families.bank_redirect.dbbl import Dbbl
from connectors.families.bank_redirect.replies import is_name, is_ours
from connectors.families.bank_redirect.spg import Spg
from connectors.manifest import Manifest
from connectors.order_checks import amount_fault
from connectors.payer_page import require_members
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

_BY_HAND = "this provider has no refund call"


class BankDialect(Protocol):
    """The calls of one gateway; `create`, `inquire` and `read_callback` may raise BrokenReplyError."""

    def missing(self) -> str:
        """The missing setting without which the gateway cannot be called, or empty."""
        ...

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for a checked order."""
        ...

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask by the provider reference."""
        ...

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """The hint of a browser or of the gateway."""
        ...


DIALECTS: Mapping[str, Callable[[Manifest, FamilyContext], BankDialect]] = MappingProxyType(
    {"dbbl": Dbbl, "spg": Spg, "city": City}
)


class BankRedirect:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        dialect = DIALECTS.get(str(manifest.family_settings.get("dialect")))
        if dialect is None:
            raise ManifestError(f"{manifest.id}: dialect is one of {', '.join(DIALECTS)}")
        if manifest.executes or manifest.refunds is not None:
            raise ManifestError(f"{manifest.id}: nothing is executed and nothing refunded in this family")
        require_members(manifest.id, manifest.payer_page)
        self._profile = manifest.profile(context.environ, context.divisor)
        self._dialect = dialect(manifest, context)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and a repeat opens another page."""
        fault = self._order_fault(order) or self._dialect.missing()
        if fault:
            return Unreached(fault)
        try:
            return await self._dialect.create(order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Never sends anything: the payer's agreement has moved the money."""
        del order
        return Unreached("the payer's agreement moves the money at this provider")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask for the state of a payment; moves no money."""
        if not is_name(order.provider_reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        fault = self._dialect.missing()
        if fault:
            return NoAnswer(fault, was_asked=False)
        try:
            return await self._dialect.inquire(order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Never sends anything: finance pays by hand."""
        del order
        return Unreached(_BY_HAND)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Never sends anything: there is no such inquiry."""
        del order
        return NoAnswer(_BY_HAND, was_asked=False)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The hint of a returned browser or of the gateway, told apart by the body."""
        del headers
        try:
            return self._dialect.read_callback(body)
        except BrokenReplyError as error:
            return NoHint(str(error))

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "this provider")
        if fault:
            return fault
        if not is_ours(order.reference):
            return "the reference holds what this provider may not take"
        return ""
