"""Runs the recorded replies of a manifest through its own adapter, with a wire that plays them.

So a new biller is one file and cannot arrive untested. The replies are played at the operation they name;
every other operation on the way answers with its first good example. A login is rehearsed by a fetch, which
finds its bill or does not get that far, or by a payment where a fetch asks nobody, and a renewal by a fetch
whose token is refused at first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Protocol, assert_never, runtime_checkable
from uuid import UUID

from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Example, Role
from biller_adapters.registry import adapter_of
from ekpay_switch.domain.bill import (
    AmountRefused,
    Bill,
    BillerSilent,
    BillFound,
    BillMissing,
    BillQuery,
    FetchReply,
)
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.delivery import PayOrder
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    HalfDone,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import Surroundings
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import StoppedClock, TokenShelf

EXAMPLE_REFERENCE = "EXAMPLE0000000000000001"
# As long as the longest that a family asks for.
_SECRET = "rehearsed-which-opens-nothing-00"  # noqa: S105 - opens nothing; the wire here is played
_GOOD = frozenset({"approved", "bill_found", "logged_in", "posted", "renewed"})
# What a fetch comes to. Where a biller fetches nothing, an example of another call shows the quote so.
_FETCHED = frozenset({"bill_found", "bill_paid", "bill_missing", "biller_silent", "amount_refused"})
_PAID_ON = time(12, 0, tzinfo=DHAKA)


@dataclass(frozen=True, slots=True)
class Understood:
    """What an adapter made of a recorded reply, in the words of `Example`."""

    verdict: str
    reason: str | None = None
    amount: Money | None = None
    tokens: int | None = None


@runtime_checkable
class SealsReplies(Protocol):
    """An adapter whose far side seals its answers; they are recorded in the clear, for people to read."""

    def sealed(self, request: WireRequest, example: bytes) -> bytes:
        """A recorded reply as it would travel in answer to this request."""
        ...


class PlayedWire:
    """Answers by the operation that a URL ends in, the first time with `opening`; implements the port `Wire`.

    `asked` are the operations that were asked, in order; `sealer` is whoever seals the answers, if anybody.
    """

    def __init__(self, manifest: Manifest, played: Example, opening: Example | None = None) -> None:
        self._operations = {operation.path: name for name, operation in manifest.operations.items()}
        self._answers = {
            example.operation: _answer(example)
            for example in reversed(manifest.examples)
            if example.expect in _GOOD and _is_answer(manifest, example)
        }
        self._answers[played.operation] = _answer(played)
        self._openings = {opening.operation: _answer(opening)} if opening else {}
        self.asked: list[str] = []
        self.sealer: SealsReplies | None = None

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """The recorded reply of that operation."""
        del far_side
        operation = next(name for path, name in self._operations.items() if request.url.endswith(path))
        self.asked.append(operation)
        answer = self._openings.pop(operation, None) or self._answers[operation]
        return replace(answer, body=self.sealer.sealed(request, answer.body)) if self.sealer else answer


async def rehearse(manifest: Manifest, example: Example) -> Understood:
    """What the biller's adapter makes of one example.

    Raises:
        ManifestError: the manifest has no usable family, or a renewal and no refused token to rehearse it by.
    """
    role = manifest.operations[example.operation].role
    if role is Role.RENEW:
        return await _renewal(manifest, example)
    if role is Role.LOG_IN:
        return await _login(manifest, example)
    adapter = _adapter(manifest, PlayedWire(manifest, example), example)
    if role is Role.FETCH or example.expect in _FETCHED:
        return _of_fetch(await adapter.fetch(_query(manifest, example)))
    order = await _order(manifest)
    if role is Role.PAY:
        steps = manifest.steps
        step = example.operation if example.operation in steps else steps[0]
        return _counted(manifest, _of_pay(await adapter.pay(replace(order, step=step))))
    return _counted(manifest, _of_inquiry(await adapter.inquire(order)))


async def _login(manifest: Manifest, example: Example) -> Understood:
    """Whether a login lets a fetch through or, where nothing is fetched, a payment."""
    wire = PlayedWire(manifest, example)
    adapter = _adapter(manifest, wire, example)
    is_in = isinstance(await adapter.fetch(_query(manifest, _first_bill(manifest))), BillFound)
    if not wire.asked:
        step = replace(await _order(manifest), step=manifest.steps[0])
        is_in = isinstance(await adapter.pay(step), Approved)
    return Understood("logged_in" if is_in else "no_login")


async def _renewal(manifest: Manifest, example: Example) -> Understood:
    """Whether a token that a fetch was refused with is renewed, without another login."""
    for opening in manifest.examples:
        if manifest.operations[opening.operation].role is Role.FETCH:
            wire = PlayedWire(manifest, example, opening)
            await _adapter(manifest, wire, opening).fetch(_query(manifest, opening))
            if example.operation in wire.asked:
                roles = [manifest.operations[name].role for name in wire.asked]
                return Understood("renewed" if roles.count(Role.LOG_IN) == 1 else "not_renewed")
    raise ManifestError(f"{manifest.id}: no example shows a fetch whose token is refused")


def _adapter(manifest: Manifest, wire: PlayedWire, example: Example) -> BillerAdapter:
    on = example.dhaka_date or manifest.effective_from
    clock = StoppedClock(datetime.combine(on, _PAID_ON).astimezone(UTC))
    environ: Mapping[str, str] = {
        manifest.secrets.user_setting: _SECRET,
        manifest.secrets.password_setting: _SECRET,
        **dict.fromkeys(manifest.secrets.more.values(), _SECRET),
    }
    adapter = adapter_of(manifest, Surroundings(wire, TokenShelf(), clock, environ))
    if isinstance(adapter, SealsReplies):
        wire.sealer = adapter
    return adapter


def _first_bill(manifest: Manifest) -> Example:
    return next(example for example in manifest.examples if example.expect == "bill_found")


def _query(manifest: Manifest, example: Example) -> BillQuery:
    payer = {entry.name for entry in manifest.parameters if entry.names_payer}
    named = {name: told for name, told in example.ask.items() if name in payer}
    return BillQuery(manifest.id, example.ask, named)


async def _order(manifest: Manifest) -> PayOrder:
    """An order to pay the first bill that the examples show."""
    example = _first_bill(manifest)
    query = _query(manifest, example)
    found = await _adapter(manifest, PlayedWire(manifest, example), example).fetch(query)
    assert isinstance(found, BillFound), f"{manifest.id}: {example.title}"
    bill = replace(found.bill, biller_quote={**found.bill.biller_quote, **query.payer})
    return order_for(manifest.id, bill, example.dhaka_date or manifest.effective_from)


def order_for(biller_id: str, bill: Bill, on: date, send_before: float = 1.0) -> PayOrder:
    """An order under EXAMPLE_REFERENCE to pay this bill on that day."""
    return PayOrder(
        payment_id=UUID(int=1),
        biller_id=biller_id,
        reference=EXAMPLE_REFERENCE,
        sums=Sums(bill.total, ZERO, ZERO, ZERO, bill.rounding),
        biller_quote=bill.biller_quote,
        scroll_no=1,
        business_date=on,
        send_before=send_before,
    )


def _is_answer(manifest: Manifest, example: Example) -> bool:
    """Whether it shows what its call is answered with, and not a quote that is made without a call."""
    return manifest.operations[example.operation].role is Role.FETCH or example.expect not in _FETCHED


def _answer(example: Example) -> WireAnswer:
    return WireAnswer(example.http_status, {}, example.body.encode())


def _counted(manifest: Manifest, understood: Understood) -> Understood:
    """No line from a biller that gives tokens is a number of lines: it credited the meter from afar."""
    is_in_hand = manifest.gives_tokens and understood.verdict in {"approved", "posted"}
    return replace(understood, tokens=understood.tokens or 0) if is_in_hand else understood


def _of_fetch(reply: FetchReply) -> Understood:
    match reply:
        case BillFound(bill=bill):
            return Understood("bill_paid" if bill.is_paid else "bill_found", amount=bill.total)
        case BillMissing():
            return Understood("bill_missing")
        case BillerSilent():
            return Understood("biller_silent")
        case AmountRefused(highest=highest):
            return Understood("amount_refused", amount=highest)
        case _:
            assert_never(reply)


def _of_pay(outcome: Outcome) -> Understood:
    match outcome:
        case Approved(tokens=tokens):
            return Understood("approved", tokens=len(tokens) or None)
        case Declined(reason=reason):
            return Understood("declined", reason)
        case Unreached():
            return Understood("unreached")
        case InDoubt():
            return Understood("in_doubt")
        case _:
            assert_never(outcome)


def _of_inquiry(inquiry: Inquiry) -> Understood:
    match inquiry:
        case Posted(amount_minor=amount, tokens=tokens):
            echoed = None if amount is None else Money(amount)
            return Understood("posted", amount=echoed, tokens=len(tokens) or None)
        case HalfDone():
            return Understood("half_done")
        case NotFound():
            return Understood("not_found")
        case NoAnswer():
            return Understood("no_answer")
        case _:
            assert_never(inquiry)
