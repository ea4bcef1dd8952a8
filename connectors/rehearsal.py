"""Runs the recorded replies of a manifest through its own connector, with a wire that replays them.

A new connector is thus one file and always tested. A reply is replayed at the operation that it names; every
other operation answers with its first successful example. A login is rehearsed by an inquiry, and a renewal
by an inquiry whose first token is refused. A family with encryption has its own `RehearsalStaging`, so that
examples are readable and have no key.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Protocol, assert_never
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from connectors.families.iso8583.rehearsal import rehearsal_link, with_consent
from connectors.families.nagad.rehearsal import stage_nagad
from connectors.manifest import Manifest
from connectors.manifest_parts import Example, Role
from connectors.registry import connector_of
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    HeldForRisk,
    MovementFound,
    NeverPaid,
    PageCreated,
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, NotFound, Unreached
from ekpay_switch.ports.connectors import Connector, FindsMovements
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from ekpay_switch.wing_kit.token_pair import TokenPair

_REFERENCE = "EXAMPLE0000000000000001"
EXAMPLE_ORDER = CollectOrder(
    payment_id=UUID(int=1),
    connector_id="example",
    reference=_REFERENCE,
    amount=Money(50_000),
    payer_reference="EXAMPLE",
    return_url="https://example.org/return",
    provider_reference="TR0011EXAMPLE0001",
    send_before=1.0,
    notify_url="https://example.org/callbacks/example",
)
EXAMPLE_REFUND = RefundOrder(
    refund_id=UUID(int=2),
    connector_id="example",
    reference="EXAMPLE0000000000000002",
    provider_reference="TR0011EXAMPLE0001",
    provider_transaction="EXAMPLE001",
    amount=Money(20_000),
    collected=Money(50_000),
    reason="returned",
    send_before=1.0,
    may_have_been_heard=False,
    collected_reference=_REFERENCE,
    collected_at=datetime(2026, 11, 1, 6, 0, tzinfo=UTC),
)
_PATH_PARAMETER = re.compile(r"\{[a-z_]+\}")
_PROVIDER_REFUND = "EXAMPLE002"
_SECRET = "rehearsed"  # noqa: S105 - opens nothing; the wire here is played
_GOOD = frozenset({"logged_in", "renewed", "created", "collected", "found", "refunded", "refunds_found"})
_NOON = time(12, 0, tzinfo=UTC)
_REFUSED = WireAnswer(401, {}, b"")


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """The result of a connector for a recorded reply, in the words of `Example`."""

    verdict: str
    reason: str | None = None
    amount: Money | None = None
    lines: int | None = None


class RehearsalStaging(Protocol):
    """The settings and the answers of a family's rehearsals, where those cannot be plain text."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Settings that replace those of a rehearsal."""
        ...

    def wire_form(self, body: str) -> bytes:
        """The body of an example as the far side would send it."""
        ...


class PlainStaging:
    """The staging of most families: examples are the bytes on the wire; implements `RehearsalStaging`."""

    environ: Mapping[str, str] = MappingProxyType({})

    def wire_form(self, body: str) -> bytes:
        """The body itself."""
        return body.encode()


# By family.
STAGINGS: Mapping[str, Callable[[Manifest], RehearsalStaging]] = MappingProxyType({"nagad": stage_nagad})


def _staging(manifest: Manifest) -> RehearsalStaging:
    stage = STAGINGS.get(manifest.family)
    return stage(manifest) if stage else PlainStaging()


class ReplayWire:
    """Replays recorded replies by the path of a URL; implements the port `Wire`.

    `first_replies` answer the first call of their operations. `paths_called` has the operations' paths in
    order.
    """

    def __init__(self, manifest: Manifest, example: Example, first_replies: Mapping[str, WireReply]) -> None:
        keys = {name: (operation.path, operation.told_by) for name, operation in manifest.operations.items()}
        good = [recorded for recorded in manifest.examples if recorded.expect in _GOOD]
        before = [recorded for recorded in manifest.examples if recorded.title == example.after != ""]
        staging = _staging(manifest)
        self._answers = {
            keys[recorded.operation]: WireAnswer(recorded.http_status, {}, staging.wire_form(recorded.body))
            for recorded in (*reversed(good), *before, example)
        }
        self._first_replies = {keys[name]: answer for name, answer in first_replies.items()}
        self._base = urlsplit(manifest.url({})).path
        self._patterns = {key: _pattern(key[0]) for key in keys.values()}
        self.paths_called: list[str] = []

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """The recorded reply of the operation with this path and query."""
        del far_side
        url = urlsplit(request.url)
        path, query_names = url.path.removeprefix(self._base), {None, *parse_qs(url.query)}
        key = next(
            key
            for key, pattern in self._patterns.items()
            if pattern.fullmatch(path) and key[1] in query_names
        )
        self.paths_called.append(key[0])
        return self._first_replies.pop(key, None) or self._answers[key]


def _pattern(path: str) -> re.Pattern[str]:
    """The pattern of a path of the manifest, with any values of its parameters."""
    return re.compile("[^/]+".join(re.escape(part) for part in _PATH_PARAMETER.split(path)))


def order_for(manifest: Manifest) -> CollectOrder:
    """The example order, with a reference of this provider's length."""
    return replace(EXAMPLE_ORDER, reference=_reference_for(manifest))


def refund_for(manifest: Manifest) -> RefundOrder:
    """The example refund of that order."""
    return replace(EXAMPLE_REFUND, collected_reference=_reference_for(manifest))


def _reference_for(manifest: Manifest) -> str:
    length = min(manifest.reference_length, len(_REFERENCE))
    return f"{_REFERENCE[: length - 1]}1"


async def rehearse(manifest: Manifest, example: Example) -> RehearsalResult:
    """The result of the connector for one example.

    Raises:
        ManifestError: the family refuses the manifest.
    """
    match manifest.operations[example.operation].role:
        case Role.LOG_IN:
            connector = _connector(manifest, ReplayWire(manifest, example, {}))
            is_in = isinstance(await connector.inquire(order_for(manifest)), Collected)
            return RehearsalResult("logged_in" if is_in else "no_login")
        case Role.RENEW:
            return await _rehearse_renewal(manifest, example)
        case Role.REQUEST | Role.REVERSE:
            return await _rehearse_host_link(manifest, example)
        case Role.REFUND | Role.INQUIRE_REFUNDS as role:
            connector = _connector(manifest, ReplayWire(manifest, example, {}))
            return await _rehearse_refund(connector, role, refund_for(manifest))
        case role:
            connector = _connector(manifest, ReplayWire(manifest, example, {}))
            return await _rehearse_collection(connector, role, order_for(manifest))


async def _rehearse_refund(connector: Connector, role: Role, refund: RefundOrder) -> RehearsalResult:
    if role is Role.REFUND:
        return _result_of_refund(await connector.refund(refund))
    begun_refund = replace(refund, provider_refund=_PROVIDER_REFUND)
    return _result_of_refund_inquiry(await connector.inquire_refunds(begun_refund))


async def _rehearse_collection(connector: Connector, role: Role, order: CollectOrder) -> RehearsalResult:
    if role is Role.CREATE:
        return _result_of_create(await connector.create(order))
    if role is Role.EXECUTE:
        return _result_of_execute(await connector.execute(order))
    if role is Role.SEARCH:
        assert isinstance(connector, FindsMovements), f"{connector.profile.id} searches nothing"
        return _result_of_search(await connector.search(EXAMPLE_REFUND.provider_transaction))
    return _result_of_inquiry(await connector.inquire(order))


async def _rehearse_host_link(manifest: Manifest, example: Example) -> RehearsalResult:
    """The result for a host's answer to a request, or to the reversal of one in doubt."""
    order = with_consent(manifest, order_for(manifest))
    async with rehearsal_link(manifest, example) as connector:
        executed = await connector.execute(order)
        if manifest.operations[example.operation].role is Role.REQUEST:
            return _result_of_execute(executed)
        return _result_of_inquiry(await connector.inquire(replace(order, executes_begun=1, epoch=2)))


async def _rehearse_renewal(manifest: Manifest, example: Example) -> RehearsalResult:
    """Whether the token of a refused inquiry is renewed without another login."""
    inquiry_operation = next(
        name for name, operation in manifest.operations.items() if operation.role is Role.INQUIRE
    )
    wire = ReplayWire(manifest, example, {inquiry_operation: _REFUSED})
    inquiry = await _connector(manifest, wire, TokenPair("old", "renews").as_text).inquire(
        order_for(manifest)
    )
    logins = {operation.path for operation in manifest.operations.values() if operation.role is Role.LOG_IN}
    is_renewed = isinstance(inquiry, Collected) and not logins & set(wire.paths_called)
    return RehearsalResult("renewed" if is_renewed else "not_renewed")


def _connector(manifest: Manifest, wire: ReplayWire, token: str = "") -> Connector:
    clock = StoppedClock(datetime.combine(manifest.effective_from, _NOON))
    tokens = InMemoryTokens({manifest.id: token} if token else {})
    environ = {**dict.fromkeys(manifest.secrets.values(), _SECRET), **_staging(manifest).environ}
    return connector_of(manifest, FamilyContext(wire, tokens, clock, environ))


def _result_of_failure(outcome: Declined | Unreached | InDoubt) -> RehearsalResult:
    match outcome:
        case Declined(reason=reason):
            return RehearsalResult("declined", reason)
        case Unreached():
            return RehearsalResult("unreached")
        case InDoubt():
            return RehearsalResult("in_doubt")
        case _:
            assert_never(outcome)


def _result_of_create(outcome: CreateOutcome) -> RehearsalResult:
    return RehearsalResult("created") if isinstance(outcome, PageCreated) else _result_of_failure(outcome)


def _result_of_execute(outcome: ExecuteOutcome) -> RehearsalResult:
    match outcome:
        case Collected(amount=amount):
            return RehearsalResult("collected", amount=amount)
        case AwaitingPayer():
            return RehearsalResult("awaiting_payer")
        case _:
            return _result_of_failure(outcome)


def _result_of_inquiry(inquiry: CollectInquiry) -> RehearsalResult:
    match inquiry:
        case Collected(amount=amount):
            return RehearsalResult("collected", amount=amount)
        case HeldForRisk(money=money):
            return RehearsalResult("held", amount=money.amount)
        case AwaitingPayer(may_execute=may_execute):
            return RehearsalResult("may_execute" if may_execute else "awaiting_payer")
        case NeverPaid():
            return RehearsalResult("never_paid")
        case NoAnswer():
            return RehearsalResult("no_answer")
        case _:
            assert_never(inquiry)


def _result_of_search(answer: MovementFound | NotFound | NoAnswer) -> RehearsalResult:
    match answer:
        case MovementFound(amount=amount):
            return RehearsalResult("found", amount=amount)
        case NotFound():
            return RehearsalResult("not_found")
        case NoAnswer():
            return RehearsalResult("no_answer")
        case _:
            assert_never(answer)


def _result_of_refund(outcome: RefundOutcome) -> RehearsalResult:
    if isinstance(outcome, RefundLine):
        return RehearsalResult("refunded" if outcome.is_done else "refund_pending", amount=outcome.amount)
    return _result_of_failure(outcome)


def _result_of_refund_inquiry(inquiry: RefundInquiry) -> RehearsalResult:
    match inquiry:
        case RefundsFound(lines=lines):
            return RehearsalResult("refunds_found", lines=len(lines))
        case NoAnswer():
            return RehearsalResult("no_answer")
        case _:
            assert_never(inquiry)
