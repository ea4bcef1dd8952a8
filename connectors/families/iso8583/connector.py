"""A bank's host link as a connector: a consent page, a request that is a row, a reversal for every doubt.

What may surprise: to inquire after a request whose outcome is unknown is to take it back. A host that has
approved it meanwhile reverses it; the payer may then pay anew, and never twice.
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
from ekpay_switch import telemetry
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
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
from ekpay_switch.domain.host_messages import HostMessage, HostState, MessageKey, NewHostMessage
from ekpay_switch.domain.money import BDT
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.family_settings import settings_of
from ekpay_switch.wing_kit.manifest_file import ManifestError

_SECRETS = frozenset({"mac_key", "consent_secret"})
_OPERATIONS = frozenset({"request", "reversal"})
_BY_HAND = "this bank has no call that gives money back"
_NO_NUMBERS = "the numbers of the day are used up"
_NO_LINKS = "no host links are kept here"


class HostLink:
    """A connector of this family; implements the ports `Connector` and `KeepsLink`."""

    def __init__(self, manifest: Manifest, around: Surroundings) -> None:
        if not manifest.executes or manifest.refunds is not None or manifest.secrets.keys() != _SECRETS:
            raise ManifestError(
                f"{manifest.id}: executes, refunds nothing, has the secrets {', '.join(sorted(_SECRETS))}"
            )
        self._settings = settings_of(manifest, LinkSettings, _OPERATIONS)
        address = around.environ.get(self._settings.host_setting, self._settings.host_default)
        self._profile = replace(manifest.profile(around.environ, around.divisor), host=address)
        self._replies = manifest.replies
        self._secret = around.environ.get(manifest.secrets["consent_secret"], "")
        self._clock = around.clock
        self._hosts = around.hosts
        # Who has set no secret of a bank has no link to it; who has set one alone has forgotten the other.
        self._is_meant = any(around.environ.get(setting) for setting in manifest.secrets.values())
        self._missing, self._owner = self._made_ready(manifest, around)

    def _made_ready(self, manifest: Manifest, around: Surroundings) -> tuple[str, LinkOwner | None]:
        """Why nothing can be asked over this link, or who keeps it."""
        setting = manifest.secrets["mac_key"]
        try:
            key = MacKey(around.environ.get(setting, ""))
        except ValueError:
            return f"{setting} is not set, or no key", None
        if not self._secret:
            return f"{manifest.secrets['consent_secret']} is not set", None
        if around.hosts is None:
            return _NO_LINKS, None
        host = Host(manifest.id, self._profile.host, self._settings, key, manifest.replies, around.divisor)
        return "", LinkOwner(host, around.hosts, around.clock)

    @property
    def profile(self) -> ConnectorProfile:
        """The facts of this connector."""
        return self._profile

    async def keep_link(self, stop: asyncio.Event) -> None:
        """See `connector_ports.KeepsLink`; without keys there is nothing to keep."""
        if self._owner is None:
            if self._is_meant:
                telemetry.log_warning(
                    "host_link_not_kept", connector_id=self._profile.id, reason=self._missing
                )
            return
        await self._owner.keep(stop)

    async def create(self, order: CollectOrder) -> CreateOutcome:
        """A link to the bank's consent page, made without a call; the same order has the same link."""
        why = self._unfit(order) or self._missing
        if why:
            return Unreached(why)
        page = page_link(self._profile.url, self._settings.acceptor, order, self._secret)
        return Created(order.reference, page)

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        """Hand the request over to whoever keeps the link, and wait for what becomes of it."""
        why = self._unfit(order) or self._missing or ("" if order.consent else "the payer has not agreed")
        if why or self._hosts is None:
            return Unreached(why)
        acquirer = self._settings.acquirer
        trace = await self._hosts.messages.next_trace(acquirer)
        seconds = order.send_before - self._clock.monotonic()
        if trace is None:
            return Unreached(_NO_NUMBERS)
        key = MessageKey(self._profile.id, order.reference, order.epoch)
        new = NewHostMessage(
            key, order.payment_id, acquirer, trace, rrn_of(trace), order.amount, order.consent
        )
        standing = await self._hosts.messages.hand_over(new, seconds)
        if standing is None:
            return Unreached("the try is settled already")
        return self._executed(await self._answered(standing, order.send_before, self._hosts))

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        """What became of a payment: known here, or found out by taking the request back."""
        if not order.executes_begun:
            return AwaitingPayer(may_execute=bool(order.consent))
        if self._hosts is None:
            return NoAnswer(_NO_LINKS, was_asked=False)
        message = await self._hosts.messages.settle(self._profile.id, order.reference, order.epoch)
        if message is None:
            return AwaitingPayer(may_execute=bool(order.consent), is_execute_undone=True)
        return self._known(message) or await self._taken_back(message, self._hosts)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Nothing: finance gives back by hand."""
        del order
        return Unreached(_BY_HAND)

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        """Nothing: there is no such question."""
        del order
        return NoAnswer(_BY_HAND, was_asked=False)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """The query of a browser that comes back from the consent page, signed by the bank."""
        del headers
        if not self._secret:
            return NoHint("the consent secret is not set")
        return read_return(body, self._settings.alias_field, self._secret)

    # ---- how it is done

    def _unfit(self, order: CollectOrder) -> str:
        """Why this order must not be sent, or nothing."""
        if order.amount.currency != BDT:
            return "the amount is not in taka"
        if not self._profile.amount_min <= order.amount <= self._profile.amount_max:
            return "the amount is outside what this bank takes"
        if not is_ours(order.reference):
            return "the reference holds what this bank does not take"
        return ""

    async def _answered(self, message: HostMessage, send_before: float, hosts: HostPorts) -> HostMessage:
        """The request once it is answered or its time is over; what nobody took by then is withdrawn."""
        messages = hosts.messages
        if message.state is HostState.WAITING:
            message = await messages.await_news(message, send_before - self._clock.monotonic())
        if message.state is HostState.WAITING:
            await messages.withdraw(message.key)
            message = await messages.await_news(message, self._profile.timing.answer_seconds)
        if message.state is HostState.TAKEN and not message.is_lost:
            message = await messages.await_news(message, self._profile.timing.answer_seconds)
        return message

    def _executed(self, message: HostMessage) -> ExecuteOutcome:
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
                return Unreached("no link to the host took it in time")
            case _:
                return InDoubt("the link ended without an answer" if message.is_lost else "no answer in time")

    def _known(self, message: HostMessage) -> CollectInquiry | None:
        """What is known without asking, or None."""
        if message.is_settled and message.reply is not None:
            code = message.reply.code
            is_done = self._replies[code].means is Means.DONE
            return collected_of(message) if is_done else NeverPaid(f"response code {code}")
        if message.state is HostState.REVERSED and message.reversal is not None:
            return NeverPaid(f"reversed, response code {message.reversal.code}")
        return None

    async def _taken_back(self, message: HostMessage, hosts: HostPorts) -> CollectInquiry:
        """Have the request taken back, once more if need be, and wait for the host to confirm it."""
        trace = message.reversal.trace if message.reversal else None
        if trace is None:
            trace = await hosts.messages.next_trace(self._settings.acquirer)
        if trace is None:
            return NoAnswer(_NO_NUMBERS, was_asked=False)
        seen = await hosts.messages.reverse(message.key, trace)
        later = seen
        if seen.state is HostState.REVERSING:
            later = await hosts.messages.await_news(seen, self._profile.timing.answer_seconds)
        return self._known(later) or _not_confirmed(seen, later)


def _not_confirmed(seen: HostMessage, later: HostMessage) -> NoAnswer:
    """The reversal stands and is asked for again later; a link that is down uses up no question."""
    before, after = seen.reversal, later.reversal
    if before is None or after is None:
        # Taken, and it turned out that it had never left us: the next question knows.
        return NoAnswer("withdrawn meanwhile", was_asked=False)
    if after.answers > before.answers:
        return NoAnswer(f"the reversal is not confirmed, response code {after.code}")
    return NoAnswer("no answer to the reversal", was_asked=after.sends > before.sends)
