"""Runs the recorded replies of a manifest through its own connector, with a wire that plays them.

So a new connector is one file and cannot arrive untested. The replies are played at the operation they name;
every other operation on the way answers with its first good example. A login is rehearsed by an inquiry,
which finds its payment or does not get that far, and a renewal by one whose token is refused at first. A
family that seals what it sends brings its own `Staging`, so that examples can be read and hold no key.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Protocol, assert_never
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from connectors.families.iso8583.rehearsal import agreed, rehearsed_link
from connectors.families.nagad.rehearsal import rehearsed as rehearsed_nagad
from connectors.manifest import Manifest
from connectors.manifest_parts import Example, Role
from connectors.registry import connector_of
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    CollectInquiry,
    CollectOrder,
    Created,
    CreateOutcome,
    ExecuteOutcome,
    MovementFound,
    NeverPaid,
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
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.rehearsal_ports import StoppedClock, TokenShelf
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
_PLACE = re.compile(r"\{[a-z_]+\}")
_PROVIDER_REFUND = "EXAMPLE002"
_SECRET = "rehearsed"  # noqa: S105 - opens nothing; the wire here is played
_GOOD = frozenset({"logged_in", "renewed", "created", "collected", "found", "refunded", "refunds_found"})
_NOON = time(12, 0, tzinfo=UTC)
_REFUSED = WireAnswer(401, {}, b"")


@dataclass(frozen=True, slots=True)
class Understood:
    """What a connector made of a recorded reply, in the words of `Example`."""

    verdict: str
    reason: str | None = None
    amount: Money | None = None
    lines: int | None = None


class Staging(Protocol):
    """What a family brings to its rehearsals where its settings or its answers cannot be plain text."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Settings that replace the ones of a rehearsal."""
        ...

    def wire_form(self, body: str) -> bytes:
        """The body of an example as it goes over the wire."""
        ...


class Plain:
    """How most families are staged: their bodies are what goes over the wire; implements `Staging`."""

    environ: Mapping[str, str] = MappingProxyType({})

    def wire_form(self, body: str) -> bytes:
        """The body itself."""
        return body.encode()


# By family.
STAGINGS: Mapping[str, Callable[[Manifest], Staging]] = MappingProxyType({"nagad": rehearsed_nagad})


def _staging(manifest: Manifest) -> Staging:
    staged = STAGINGS.get(manifest.family)
    return staged(manifest) if staged else Plain()


class PlayedWire:
    """Answers by the path of a URL, the first time with `openings`; implements the port `Wire`.

    `asked` are the paths of the operations that were asked, in order.
    """

    def __init__(self, manifest: Manifest, played: Example, openings: Mapping[str, WireReply]) -> None:
        places = {name: (one.path, one.told_by) for name, one in manifest.operations.items()}
        good = [example for example in manifest.examples if example.expect in _GOOD]
        before = [example for example in manifest.examples if example.title == played.after != ""]
        staging = _staging(manifest)
        self._answers = {
            places[example.operation]: WireAnswer(example.http_status, {}, staging.wire_form(example.body))
            for example in (*reversed(good), *before, played)
        }
        self._openings = {places[name]: answer for name, answer in openings.items()}
        self._base = urlsplit(manifest.url({})).path
        self._patterns = {place: _pattern(place[0]) for place in places.values()}
        self.asked: list[str] = []

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """The recorded reply of that path, of the operation that its query tells."""
        del far_side
        url = urlsplit(request.url)
        path, told = url.path.removeprefix(self._base), {None, *parse_qs(url.query)}
        place = next(
            place for place, pattern in self._patterns.items() if pattern.fullmatch(path) and place[1] in told
        )
        self.asked.append(place[0])
        return self._openings.pop(place, None) or self._answers[place]


def _pattern(path: str) -> re.Pattern[str]:
    """What a path of the manifest stands for, whatever the parts of it are filled with."""
    return re.compile("[^/]+".join(re.escape(part) for part in _PLACE.split(path)))


def order_for(manifest: Manifest) -> CollectOrder:
    """The example order, with a reference as long as this provider takes."""
    return replace(EXAMPLE_ORDER, reference=_shortened(manifest))


def refund_for(manifest: Manifest) -> RefundOrder:
    """The example refund, of that order."""
    return replace(EXAMPLE_REFUND, collected_reference=_shortened(manifest))


def _shortened(manifest: Manifest) -> str:
    length = min(manifest.reference_length, len(_REFERENCE))
    return f"{_REFERENCE[: length - 1]}1"


async def rehearse(manifest: Manifest, example: Example) -> Understood:
    """What the connector makes of one example.

    Raises:
        ManifestError: the manifest has no usable family.
    """
    match manifest.operations[example.operation].role:
        case Role.LOG_IN:
            connector = _connector(manifest, PlayedWire(manifest, example, {}))
            is_in = isinstance(await connector.inquire(order_for(manifest)), Collected)
            return Understood("logged_in" if is_in else "no_login")
        case Role.RENEW:
            return await _renewal(manifest, example)
        case Role.REQUEST | Role.REVERSE:
            return await _over_a_link(manifest, example)
        case Role.REFUND | Role.INQUIRE_REFUNDS as role:
            connector = _connector(manifest, PlayedWire(manifest, example, {}))
            return await _refunding(connector, role, refund_for(manifest))
        case role:
            connector = _connector(manifest, PlayedWire(manifest, example, {}))
            return await _collecting(connector, role, order_for(manifest))


async def _refunding(connector: Connector, role: Role, refund: RefundOrder) -> Understood:
    if role is Role.REFUND:
        return _of_refund(await connector.refund(refund))
    begun = replace(refund, provider_refund=_PROVIDER_REFUND)
    return _of_refunds(await connector.inquire_refunds(begun))


async def _collecting(connector: Connector, role: Role, order: CollectOrder) -> Understood:
    if role is Role.CREATE:
        return _of_create(await connector.create(order))
    if role is Role.EXECUTE:
        return _of_execute(await connector.execute(order))
    if role is Role.SEARCH:
        assert isinstance(connector, FindsMovements), f"{connector.profile.id} searches nothing"
        return _of_search(await connector.search(EXAMPLE_REFUND.provider_transaction))
    return _of_inquiry(await connector.inquire(order))


async def _over_a_link(manifest: Manifest, example: Example) -> Understood:
    """What a host said to a request, or to the reversal of one whose outcome was unknown."""
    order = agreed(manifest, order_for(manifest))
    async with rehearsed_link(manifest, example) as connector:
        executed = await connector.execute(order)
        if manifest.operations[example.operation].role is Role.REQUEST:
            return _of_execute(executed)
        return _of_inquiry(await connector.inquire(replace(order, executes_begun=1, epoch=2)))


async def _renewal(manifest: Manifest, example: Example) -> Understood:
    """Whether a token that an inquiry was refused with is renewed, without another login."""
    asks = next(name for name, one in manifest.operations.items() if one.role is Role.INQUIRE)
    wire = PlayedWire(manifest, example, {asks: _REFUSED})
    told = await _connector(manifest, wire, TokenPair("old", "renews").kept).inquire(order_for(manifest))
    logins = {one.path for one in manifest.operations.values() if one.role is Role.LOG_IN}
    is_renewed = isinstance(told, Collected) and not logins & set(wire.asked)
    return Understood("renewed" if is_renewed else "not_renewed")


def _connector(manifest: Manifest, wire: PlayedWire, token: str = "") -> Connector:
    clock = StoppedClock(datetime.combine(manifest.effective_from, _NOON))
    shelf = TokenShelf({manifest.id: token} if token else {})
    environ = {**dict.fromkeys(manifest.secrets.values(), _SECRET), **_staging(manifest).environ}
    return connector_of(manifest, Surroundings(wire, shelf, clock, environ))


def _not_done(outcome: Declined | Unreached | InDoubt) -> Understood:
    match outcome:
        case Declined(reason=reason):
            return Understood("declined", reason)
        case Unreached():
            return Understood("unreached")
        case InDoubt():
            return Understood("in_doubt")
        case _:
            assert_never(outcome)


def _of_create(outcome: CreateOutcome) -> Understood:
    return Understood("created") if isinstance(outcome, Created) else _not_done(outcome)


def _of_execute(outcome: ExecuteOutcome) -> Understood:
    match outcome:
        case Collected(amount=amount):
            return Understood("collected", amount=amount)
        case AwaitingPayer():
            return Understood("awaiting_payer")
        case _:
            return _not_done(outcome)


def _of_inquiry(inquiry: CollectInquiry) -> Understood:
    match inquiry:
        case Collected(amount=amount):
            return Understood("collected", amount=amount)
        case AwaitingPayer(may_execute=may_execute):
            return Understood("may_execute" if may_execute else "awaiting_payer")
        case NeverPaid():
            return Understood("never_paid")
        case NoAnswer():
            return Understood("no_answer")
        case _:
            assert_never(inquiry)


def _of_search(answer: MovementFound | NotFound | NoAnswer) -> Understood:
    match answer:
        case MovementFound(amount=amount):
            return Understood("found", amount=amount)
        case NotFound():
            return Understood("not_found")
        case NoAnswer():
            return Understood("no_answer")
        case _:
            assert_never(answer)


def _of_refund(outcome: RefundOutcome) -> Understood:
    if isinstance(outcome, RefundLine):
        return Understood("refunded" if outcome.is_done else "refund_pending", amount=outcome.amount)
    return _not_done(outcome)


def _of_refunds(inquiry: RefundInquiry) -> Understood:
    match inquiry:
        case RefundsFound(lines=lines):
            return Understood("refunds_found", lines=len(lines))
        case NoAnswer():
            return Understood("no_answer")
        case _:
            assert_never(inquiry)
