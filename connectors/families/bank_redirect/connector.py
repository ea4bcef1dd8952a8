"""A bank's gateway as a connector: open a page, ask what became of it, read what comes unasked."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from connectors.families.bank_redirect.city import City
from connectors.families.bank_redirect.dbbl import Dbbl
from connectors.families.bank_redirect.replies import is_name, is_ours
from connectors.families.bank_redirect.spg import Spg
from connectors.manifest import Manifest
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

_BY_HAND = "this provider has no call that gives money back"


class Dialect(Protocol):
    """How one of them is spoken to; both calls may raise BrokenReplyError, and so may the reading."""

    def missing(self) -> str:
        """Why this gateway cannot be asked as things are set, or nothing."""
        ...

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for an order that fits."""
        ...

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask by the provider reference."""
        ...

    def read_callback(self, body: bytes) -> CallbackHint | NoHint:
        """What the browser or the gateway seems to say."""
        ...


DIALECTS: Mapping[str, Callable[[Manifest, Surroundings], Dialect]] = MappingProxyType(
    {"dbbl": Dbbl, "spg": Spg, "city": City}
)


class BankRedirect:
    """A connector of this family; implements the port `Connector`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        dialect = DIALECTS.get(str(manifest.family_settings.get("dialect")))
        if dialect is None:
            raise ManifestError(f"{manifest.id}: dialect is one of {', '.join(DIALECTS)}")
        if manifest.executes or manifest.refunds is not None:
            raise ManifestError(f"{manifest.id}: nothing is executed and nothing refunded in this family")
        self._profile = manifest.profile(around.environ, around.divisor)
        self._dialect = dialect(manifest, around)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """Open a page for the payer; moves no money, and a repeat opens another page."""
        why = self._unfit(order) or self._dialect.missing()
        if why:
            return Unreached(why)
        try:
            return await self._dialect.create(order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Nothing: the payer's agreement has moved the money, or nothing ever will."""
        del order
        return Unreached("this provider takes the money itself")

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """Ask what became of a payment; moves no money."""
        if not is_name(order.provider_reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        why = self._dialect.missing()
        if why:
            return NoAnswer(why, was_asked=False)
        try:
            return await self._dialect.inquire(order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Nothing: finance gives back by hand."""
        del order
        return Unreached(_BY_HAND)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Nothing: there is no such question."""
        del order
        return NoAnswer(_BY_HAND, was_asked=False)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A browser that came back, or the gateway itself; they are told apart by what stands in the body."""
        del headers
        try:
            return self._dialect.read_callback(body)
        except BrokenReplyError as error:
            return NoHint(str(error))

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what this provider takes"
        if not is_ours(order.reference):
            return "the reference holds what this provider may not take"
        return ""
