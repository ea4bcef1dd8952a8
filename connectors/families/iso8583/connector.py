"""A bank's host link as a connector: a consent page, requests as rows, a reversal for every doubt.

An inquiry about a request whose outcome is unknown reverses it. A host that has approved it meanwhile takes
that back; the payer may then pay again, and never twice.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from connectors.families.iso8583.consent import is_ours, page_link, read_return
from connectors.families.iso8583.host import Host
from connectors.families.iso8583.link_owner import LinkOwner
from connectors.families.iso8583.mac import MacKey
from connectors.families.iso8583.messages import collected_of, rrn_of
from connectors.families.iso8583.settings import LinkSettings
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.order_checks import amount_fault
from connectors.payer_page import require_members
from ekpay_switch import telemetry
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
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
from ekpay_switch.domain.host_messages import HostMessage, HostState, MessageKey, NewHostMessage
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError

_SECRETS = frozenset({"mac_key", "consent_secret"})
_OPERATIONS = frozenset({"request", "reversal"})
_BY_HAND = "this bank has no refund call"
_NO_STAN = "all STANs of the day are used"
_NO_LINKS = "this installation keeps no host links"


class HostLink:
    """A connector of this family; implements the ports `Connector` and `KeepsLink`."""

    def __init__(self, manifest: Manifest, context: FamilyContext) -> None:
        if not manifest.executes or manifest.refunds is not None or manifest.secrets.keys() != _SECRETS:
            raise ManifestError(
                f"{manifest.id}: executes, refunds nothing, has the secrets {', '.join(sorted(_SECRETS))}"
            )
        require_members(manifest.id, manifest.payer_page)
        self._settings = settings_of(manifest, LinkSettings, _OPERATIONS)
        address = context.environ.get(self._settings.host_setting, self._settings.host_default)
        self._profile = replace(manifest.profile(context.environ, context.divisor), host=address)
        self._replies = manifest.replies
        self._secret = context.environ.get(manifest.secrets["consent_secret"], "")
        self._clock = context.clock
        self._hosts = context.hosts
        # Without any secret of a bank there is no link to it; with only one of the two, the other is missing.
        self._is_configured = any(context.environ.get(setting) for setting in manifest.secrets.values())
        self._missing, self._owner = self._build_owner(manifest, context)

    def _build_owner(self, manifest: Manifest, context: FamilyContext) -> tuple[str, LinkOwner | None]:
        """The link owner, or None and the reason why this link cannot be used."""
        setting = manifest.secrets["mac_key"]
        try:
            key = MacKey(context.environ.get(setting, ""))
        except ValueError:
            return f"{setting} is not set, or no key", None
        if not self._secret:
            return f"{manifest.secrets['consent_secret']} is not set", None
        if context.hosts is None:
            return _NO_LINKS, None
        host = Host(manifest.id, self._profile.host, self._settings, key, manifest.replies, context.divisor)
        return "", LinkOwner(host, context.hosts, context.clock)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def keep_link(self, stop: asyncio.Event) -> None:
        """See `KeepsLink`; returns at once where keys are missing."""
        if self._owner is None:
            if self._is_configured:
                telemetry.log_warning(
                    "host_link_not_kept", connector_id=self._profile.id, reason=self._missing
                )
            return
        await self._owner.keep_link(stop)

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """The URL of the bank's consent page, made without a call; the same order has the same URL."""
        fault = self._order_fault(order) or self._missing
        if fault:
            return Unreached(fault)
        page = page_link(self._profile.url, self._settings.acceptor, order, self._secret)
        return PageCreated(order.reference, page)

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Hand the request over to the link owner and wait for its outcome."""
        fault = (
            self._order_fault(order) or self._missing or ("" if order.consent else "the payer has not agreed")
        )
        if fault or self._hosts is None:
            return Unreached(fault)
        acquirer = self._settings.acquirer
        trace = await self._hosts.messages.next_trace(acquirer)
        seconds = order.send_before - self._clock.monotonic()
        if trace is None:
            return Unreached(_NO_STAN)
        key = MessageKey(self._profile.id, order.reference, order.epoch)
        request = NewHostMessage(
            key, order.payment_id, acquirer, trace, rrn_of(trace), order.amount, order.consent
        )
        message = await self._hosts.messages.hand_over(request, seconds)
        if message is None:
            return Unreached("the try is settled already")
        return self._execute_outcome(await self._await_answer(message, order.send_before, self._hosts))

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """The state of a payment: recorded here, or found out by reversing the request."""
        if not order.executes_begun:
            return AwaitingPayer(may_execute=bool(order.consent))
        if self._hosts is None:
            return NoAnswer(_NO_LINKS, was_asked=False)
        message = await self._hosts.messages.settle(self._profile.id, order.reference, order.epoch)
        if message is None:
            return AwaitingPayer(may_execute=bool(order.consent), is_execute_undone=True)
        return self._settled_inquiry(message) or await self._reverse(message, self._hosts)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Never sends anything: finance pays by hand."""
        del order
        return Unreached(_BY_HAND)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Never sends anything: there is no such inquiry."""
        del order
        return NoAnswer(_BY_HAND, was_asked=False)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The query of a browser that returns from the consent page, signed by the bank."""
        del headers
        if not self._secret:
            return NoHint("the consent secret is not set")
        return read_return(body, self._settings.alias_field, self._secret)

    # ---- requests and reversals

    def _order_fault(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or empty."""
        fault = amount_fault(self._profile, order.amount, "this bank")
        if fault:
            return fault
        if not is_ours(order.reference):
            return "the reference holds what this bank does not take"
        return ""

    async def _await_answer(self, message: HostMessage, send_before: float, hosts: HostPorts) -> HostMessage:
        """The request once it is answered or its time is over; withdrawn if no link owner took it by then."""
        messages = hosts.messages
        if message.state is HostState.WAITING:
            message = await messages.await_news(message, send_before - self._clock.monotonic())
        if message.state is HostState.WAITING:
            await messages.withdraw(message.key)
            message = await messages.await_news(message, self._profile.timing.answer_seconds)
        if message.state is HostState.SENDING and not message.is_lost:
            message = await messages.await_news(message, self._profile.timing.answer_seconds)
        return message

    def _execute_outcome(self, message: HostMessage) -> ExecuteOutcome:
        code = message.reply.code if message.reply else ""
        match message.state:
            case HostState.ANSWERED if message.is_settled:
                reply = self._replies[code]
                return (
                    collected_of(message) if reply.means is Means.DONE else Declined(str(reply.reason), code)
                )
            case HostState.ANSWERED:
                return InDoubt(f"response code {code}")
            case HostState.WITHDRAWN:
                return Unreached("no link owner took the request in time")
            case _:
                return InDoubt("the link ended without an answer" if message.is_lost else "no answer in time")

    def _settled_inquiry(self, message: HostMessage) -> CollectInquiry | None:
        """The result of an inquiry where the recorded state settles it, else None."""
        if message.is_settled and message.reply is not None:
            code = message.reply.code
            is_done = self._replies[code].means is Means.DONE
            return collected_of(message) if is_done else NeverPaid(f"response code {code}")
        if message.state is HostState.REVERSED and message.reversal is not None:
            return NeverPaid(f"reversed, response code {message.reversal.code}")
        return None

    async def _reverse(self, message: HostMessage, hosts: HostPorts) -> CollectInquiry:
        """Reverse the request, or repeat its reversal, and wait for the host's confirmation."""
        trace = message.reversal.trace if message.reversal else None
        if trace is None:
            trace = await hosts.messages.next_trace(self._settings.acquirer)
        if trace is None:
            return NoAnswer(_NO_STAN, was_asked=False)
        before = await hosts.messages.reverse(message.key, trace)
        after = before
        if before.state is HostState.REVERSING:
            after = await hosts.messages.await_news(before, self._profile.timing.answer_seconds)
        return self._settled_inquiry(after) or _unconfirmed_reversal(before, after)


def _unconfirmed_reversal(before: HostMessage, after: HostMessage) -> NoAnswer:
    """No answer yet: the reversal is repeated later. A link that is down does not count as an inquiry."""
    if before.reversal is None or after.reversal is None:
        # The request had been taken but never left us: the next inquiry knows.
        return NoAnswer("withdrawn meanwhile", was_asked=False)
    if after.reversal.answers > before.reversal.answers:
        return NoAnswer(f"the reversal is not confirmed, response code {after.reversal.code}")
    return NoAnswer("no answer to the reversal", was_asked=after.reversal.sends > before.reversal.sends)
