"""Runs the recorded replies of a manifest through its own adapter, with a wire that plays them.

So a new biller is one file and cannot arrive untested. The replies are played at the operation they name;
every other operation on the way answers with its first good example, a login with a token.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import assert_never
from uuid import UUID

from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Example, Role
from biller_adapters.registry import adapter_of
from biller_adapters.surroundings import Surroundings
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, BillMissing, BillQuery, FetchReply
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.delivery import PayOrder
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.posting_rules import Sums
from ekpay_switch.ports import BillerAdapter, WireAnswer, WireReply, WireRequest

EXAMPLE_REFERENCE = "EXAMPLE0000000000000001"
_SECRET = "rehearsed"  # noqa: S105 - opens nothing; the wire here is played
_PAID_ON = time(12, 0, tzinfo=DHAKA)


@dataclass(frozen=True, slots=True)
class Understood:
    """What an adapter made of a recorded reply, in the words of `Example`."""

    verdict: str
    reason: str | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """A clock that always shows the same instant; implements the port `Clock`."""

    instant: datetime

    def monotonic(self) -> float:
        """Always zero: nothing is ever late."""
        return 0.0

    def now(self) -> datetime:
        """The instant."""
        return self.instant

    async def sleep(self, seconds: float) -> None:
        """No wait: this clock stands."""
        del seconds


@dataclass(slots=True)
class TokenShelf:
    """One process's tokens, in memory; implements the port `Tokens`."""

    held: dict[str, str] = field(default_factory=dict)

    async def current(self, far_side: str) -> str | None:
        """The stored token."""
        return self.held.get(far_side)

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """Always granted: there is nobody else."""
        del far_side, seconds
        return 1

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        """Keep it for as long as the object lives."""
        del epoch, life_seconds
        self.held[far_side] = token
        return True

    async def release(self, far_side: str, epoch: int) -> None:
        """Nothing is held, so nothing is given back."""

    async def drop(self, far_side: str, token: str) -> None:
        """Forget it, if it is still the one."""
        if self.held.get(far_side) == token:
            del self.held[far_side]


class PlayedWire:
    """Answers by the operation that a URL ends in; implements the port `Wire`."""

    def __init__(self, manifest: Manifest, played: Example) -> None:
        self._answers: dict[str, WireAnswer] = {}
        for example in reversed(manifest.examples):
            if example.expect in {"approved", "bill_found"}:
                self._answers[manifest.operations[example.operation].path] = _answer(example)
        for operation in manifest.operations.values():
            if operation.role is Role.LOG_IN:
                body = {"statusCode": 200, "token": _SECRET, "expiresIn": 3600}
                self._answers[operation.path] = WireAnswer(200, {}, json.dumps(body).encode())
        self._answers[manifest.operations[played.operation].path] = _answer(played)

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """The recorded reply of that operation."""
        del far_side
        return next(answer for path, answer in self._answers.items() if request.url.endswith(path))


async def rehearse(manifest: Manifest, example: Example) -> Understood:
    """What the biller's adapter makes of one example.

    Raises:
        ManifestError: the manifest has no usable family.
    """
    role = manifest.operations[example.operation].role
    if role is Role.FETCH:
        adapter = _adapter(manifest, example)
        return _of_fetch(await adapter.fetch(BillQuery(manifest.id, example.ask)))
    order = await _order(manifest)
    adapter = _adapter(manifest, example)
    if role is Role.PAY:
        return _of_pay(await adapter.pay(order))
    return _of_inquiry(await adapter.inquire(order))


def _adapter(manifest: Manifest, example: Example) -> BillerAdapter:
    on = example.dhaka_date or manifest.effective_from
    clock = StoppedClock(datetime.combine(on, _PAID_ON).astimezone(UTC))
    environ: Mapping[str, str] = {
        manifest.secrets.user_setting: _SECRET,
        manifest.secrets.password_setting: _SECRET,
    }
    around = Surroundings(PlayedWire(manifest, example), TokenShelf(), clock, environ)
    return adapter_of(manifest, around)


async def _order(manifest: Manifest) -> PayOrder:
    """An order to pay the first bill that the examples show."""
    example = next(example for example in manifest.examples if example.expect == "bill_found")
    found = await _adapter(manifest, example).fetch(BillQuery(manifest.id, example.ask))
    assert isinstance(found, BillFound), f"{manifest.id}: {example.title}"
    return order_for(manifest.id, found.bill, example.dhaka_date or manifest.effective_from)


def order_for(biller_id: str, bill: Bill, on: date, send_before: float = 1.0) -> PayOrder:
    """An order under EXAMPLE_REFERENCE to pay this bill on that day."""
    return PayOrder(
        payment_id=UUID(int=1),
        biller_id=biller_id,
        reference=EXAMPLE_REFERENCE,
        sums=Sums(bill.total, ZERO, ZERO, ZERO),
        biller_quote=bill.biller_quote,
        scroll_no=1,
        business_date=on,
        send_before=send_before,
    )


def _answer(example: Example) -> WireAnswer:
    return WireAnswer(example.http_status, {}, example.body.encode())


def _of_fetch(reply: FetchReply) -> Understood:
    match reply:
        case BillFound(bill=bill):
            return Understood("bill_paid" if bill.is_paid else "bill_found", amount=bill.total)
        case BillMissing():
            return Understood("bill_missing")
        case BillerSilent():
            return Understood("biller_silent")
        case _:
            assert_never(reply)


def _of_pay(outcome: Outcome) -> Understood:
    match outcome:
        case Approved():
            return Understood("approved")
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
        case Posted(amount_minor=amount):
            return Understood("posted", amount=None if amount is None else Money(amount))
        case NotFound():
            return Understood("not_found")
        case NoAnswer():
            return Understood("no_answer")
        case _:
            assert_never(inquiry)
