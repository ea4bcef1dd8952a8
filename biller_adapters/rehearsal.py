"""Runs the recorded replies of a manifest through its own adapter, with a wire that replays them.

A new biller is thus one file and always tested. A reply is replayed at the operation that it names; every
other operation answers with its first successful example. A login is rehearsed by a fetch, or by a payment
where a fetch makes no call, and a renewal by a fetch whose first token is refused.
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
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock

EXAMPLE_REFERENCE = "EXAMPLE0000000000000001"
# As long as the longest secret that a family needs.
_SECRET = "rehearsed-which-opens-nothing-00"  # noqa: S105 - opens nothing; the wire here is played
_GOOD = frozenset({"approved", "bill_found", "logged_in", "posted", "renewed"})
# The replies of a fetch; where a fetch makes no call, an example of another call shows them.
_FETCHED = frozenset({"bill_found", "bill_paid", "bill_missing", "biller_silent", "amount_refused"})
_PAID_ON = time(12, 0, tzinfo=DHAKA)


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """The result of an adapter for a recorded reply, in the words of `Example`."""

    verdict: str
    reason: str | None = None
    amount: Money | None = None
    tokens: int | None = None


@runtime_checkable
class EncryptsReplies(Protocol):
    """An adapter whose far side encrypts its answers; they are recorded in plain text."""

    def encrypt_example(self, request: WireRequest, example: bytes) -> bytes:
        """A recorded reply as the far side would send it in answer to this request."""
        ...


class ReplayWire:
    """Replays recorded replies by the operation of a URL; implements the port `Wire`.

    `first_reply` answers the first call of its operation. `operations_called` has the operations in order;
    `encryptor` encrypts the answers where the far side does.
    """

    def __init__(self, manifest: Manifest, example: Example, first_reply: Example | None = None) -> None:
        self._operations = {operation.path: name for name, operation in manifest.operations.items()}
        self._answers = {
            recorded.operation: _answer(recorded)
            for recorded in reversed(manifest.examples)
            if recorded.expect in _GOOD and _is_answer(manifest, recorded)
        }
        self._answers[example.operation] = _answer(example)
        self._first_replies = {first_reply.operation: _answer(first_reply)} if first_reply else {}
        self.operations_called: list[str] = []
        self.encryptor: EncryptsReplies | None = None

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """The recorded reply of that operation."""
        del far_side
        operation = next(name for path, name in self._operations.items() if request.url.endswith(path))
        self.operations_called.append(operation)
        answer = self._first_replies.pop(operation, None) or self._answers[operation]
        if self.encryptor is None:
            return answer
        return replace(answer, body=self.encryptor.encrypt_example(request, answer.body))


async def rehearse(manifest: Manifest, example: Example) -> RehearsalResult:
    """The result of the biller's adapter for one example.

    Raises:
        ManifestError: the family refuses the manifest, or a renewal has no example of a refused token.
    """
    role = manifest.operations[example.operation].role
    if role is Role.RENEW:
        return await _rehearse_renewal(manifest, example)
    if role is Role.LOG_IN:
        return await _rehearse_login(manifest, example)
    adapter = _adapter(manifest, ReplayWire(manifest, example), example)
    if role is Role.FETCH or example.expect in _FETCHED:
        return _result_of_fetch(await adapter.fetch(_query(manifest, example)))
    order = await _order(manifest)
    if role is Role.PAY:
        steps = manifest.steps
        step = example.operation if example.operation in steps else steps[0]
        return _with_token_count(manifest, _result_of_payment(await adapter.pay(replace(order, step=step))))
    return _with_token_count(manifest, _result_of_inquiry(await adapter.inquire(order)))


async def _rehearse_login(manifest: Manifest, example: Example) -> RehearsalResult:
    """Whether a fetch succeeds after a login or, where a fetch makes no call, a payment."""
    wire = ReplayWire(manifest, example)
    adapter = _adapter(manifest, wire, example)
    is_in = isinstance(await adapter.fetch(_query(manifest, _first_bill(manifest))), BillFound)
    if not wire.operations_called:
        step = replace(await _order(manifest), step=manifest.steps[0])
        is_in = isinstance(await adapter.pay(step), Approved)
    return RehearsalResult("logged_in" if is_in else "no_login")


async def _rehearse_renewal(manifest: Manifest, example: Example) -> RehearsalResult:
    """Whether the token of a refused fetch is renewed without another login."""
    for first_reply in manifest.examples:
        if manifest.operations[first_reply.operation].role is Role.FETCH:
            wire = ReplayWire(manifest, example, first_reply)
            await _adapter(manifest, wire, first_reply).fetch(_query(manifest, first_reply))
            if example.operation in wire.operations_called:
                roles = [manifest.operations[name].role for name in wire.operations_called]
                return RehearsalResult("renewed" if roles.count(Role.LOG_IN) == 1 else "not_renewed")
    raise ManifestError(f"{manifest.id}: no example shows a fetch whose token is refused")


def _adapter(manifest: Manifest, wire: ReplayWire, example: Example) -> BillerAdapter:
    on = example.dhaka_date or manifest.effective_from
    clock = StoppedClock(datetime.combine(on, _PAID_ON).astimezone(UTC))
    environ: Mapping[str, str] = {
        manifest.secrets.user_setting: _SECRET,
        manifest.secrets.password_setting: _SECRET,
        **dict.fromkeys(manifest.secrets.more.values(), _SECRET),
    }
    adapter = adapter_of(manifest, FamilyContext(wire, InMemoryTokens(), clock, environ))
    if isinstance(adapter, EncryptsReplies):
        wire.encryptor = adapter
    return adapter


def _first_bill(manifest: Manifest) -> Example:
    return next(example for example in manifest.examples if example.expect == "bill_found")


def _query(manifest: Manifest, example: Example) -> BillQuery:
    payer_names = {entry.name for entry in manifest.parameters if entry.names_payer}
    payer_parameters = {name: value for name, value in example.ask.items() if name in payer_names}
    return BillQuery(manifest.id, example.ask, payer_parameters)


async def _order(manifest: Manifest) -> PayOrder:
    """An order to pay the first bill of the examples."""
    example = _first_bill(manifest)
    query = _query(manifest, example)
    reply = await _adapter(manifest, ReplayWire(manifest, example), example).fetch(query)
    assert isinstance(reply, BillFound), f"{manifest.id}: {example.title}"
    bill = replace(reply.bill, biller_quote={**reply.bill.biller_quote, **query.payer})
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
    """Whether an example is an answer to its call, and not a quote made without a call."""
    return manifest.operations[example.operation].role is Role.FETCH or example.expect not in _FETCHED


def _answer(example: Example) -> WireAnswer:
    return WireAnswer(example.http_status, {}, example.body.encode())


def _with_token_count(manifest: Manifest, result: RehearsalResult) -> RehearsalResult:
    """The result with 0 tokens where a prepaid biller credited the meter remotely and returned none."""
    is_in_hand = manifest.gives_tokens and result.verdict in {"approved", "posted"}
    return replace(result, tokens=result.tokens or 0) if is_in_hand else result


def _result_of_fetch(reply: FetchReply) -> RehearsalResult:
    match reply:
        case BillFound(bill=bill):
            return RehearsalResult("bill_paid" if bill.is_paid else "bill_found", amount=bill.total)
        case BillMissing():
            return RehearsalResult("bill_missing")
        case BillerSilent():
            return RehearsalResult("biller_silent")
        case AmountRefused(highest=highest):
            return RehearsalResult("amount_refused", amount=highest)
        case _:
            assert_never(reply)


def _result_of_payment(outcome: Outcome) -> RehearsalResult:
    match outcome:
        case Approved(tokens=tokens):
            return RehearsalResult("approved", tokens=len(tokens) or None)
        case Declined(reason=reason):
            return RehearsalResult("declined", reason)
        case Unreached():
            return RehearsalResult("unreached")
        case InDoubt():
            return RehearsalResult("in_doubt")
        case _:
            assert_never(outcome)


def _result_of_inquiry(inquiry: Inquiry) -> RehearsalResult:
    match inquiry:
        case Posted(amount_minor=amount, tokens=tokens):
            echoed = None if amount is None else Money(amount)
            return RehearsalResult("posted", amount=echoed, tokens=len(tokens) or None)
        case HalfDone():
            return RehearsalResult("half_done")
        case NotFound():
            return RehearsalResult("not_found")
        case NoAnswer():
            return RehearsalResult("no_answer")
        case _:
            assert_never(inquiry)
