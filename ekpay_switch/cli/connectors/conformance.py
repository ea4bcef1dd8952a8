"""The conformance run of a connector: one small payment, a part of which is given back.

It uses the ports alone and runs against whatever the connector speaks to. Money moves.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from ekpay_switch.cli.conformance.run import ConformanceRun, SafetyFact, StepFinding
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    CollectInquiry,
    CollectOrder,
    ConfirmedCollection,
    ExecuteOutcome,
    HeldForRisk,
    MovementFound,
    NeverPaid,
    PageCreated,
    RefundLine,
    RefundOrder,
    RefundsFound,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.ports.connectors import Connector, FindsMovements
from ekpay_switch.system_clock import seconds_since_boot

_UNKNOWN_REFERENCE = "TR0011NOBODYKNOWS0001"

# Has the payer agree on the page of an order; False if nobody agreed in time. Where an agreement brings a
# consent for the execute, that is the answer.
Payer = Callable[[CollectOrder, PageCreated], Awaitable[bool | str]]


@dataclass
class ConnectorConformance(ConformanceRun):
    """One run over a connector: a payment of `amount` taken, a part of it given back."""

    institution = "provider"
    connector: Connector
    payer: Payer
    amount: Money
    send_seconds: float

    @property
    def safety(self) -> SafetyFacts:
        """The safety facts of the connector's manifest."""
        return self.connector.profile.safety

    @property
    def _can_inquire(self) -> bool:
        """Whether to inquire: it may void the payment where only an execute tells the outcome."""
        profile = self.connector.profile
        return profile.safety.can_be_asked or not profile.executes

    async def steps(self) -> AsyncIterator[StepFinding]:
        """Create a page, have the payer agree, collect, inquire and give half of it back."""
        order = self._order()
        created = await self.connector.create(order)
        is_open = isinstance(created, PageCreated)
        yield StepFinding("let in, and a page created", _answer_wording(created), is_open)
        if not isinstance(created, PageCreated):
            return
        order = replace(order, provider_reference=created.provider_reference)
        async for finding in self._check_before_agreement(order):
            yield finding
        agreed = await self.payer(order, created)
        has_agreed = bool(agreed)
        order = replace(order, consent=agreed if isinstance(agreed, str) else "")
        yield StepFinding("the payer agrees", "agreed" if has_agreed else "nobody agreed in time", has_agreed)
        if not has_agreed:
            return
        async for finding in self._check_collection(order):
            yield finding

    async def _check_before_agreement(self, order: CollectOrder) -> AsyncIterator[StepFinding]:
        inquiry = await self.connector.inquire(order)
        is_right = isinstance(inquiry, AwaitingPayer) and not inquiry.may_execute
        yield StepFinding(
            "asked before the payer has agreed", _answer_wording(inquiry), is_right, SafetyFact.CAN_BE_ASKED
        )
        if self.connector.profile.executes:
            early = await self.connector.execute(self._send_now(order))
            is_right = not isinstance(early, Collected)
            yield StepFinding("executed before the payer has agreed", _answer_wording(early), is_right)
        if not self._can_inquire:
            return
        unknown_order = replace(self._order(), provider_reference=_UNKNOWN_REFERENCE)
        unknown = await self.connector.inquire(unknown_order)
        # Where the payer's page makes the payment, one that is not there yet may still come.
        wrong = (
            Collected | NeverPaid | AwaitingPayer
            if self.connector.profile.executes
            else Collected | NeverPaid
        )
        is_right = not isinstance(unknown, wrong)
        yield StepFinding(
            "asked for a payment that nobody knows",
            _answer_wording(unknown),
            is_right,
            SafetyFact.CAN_BE_ASKED,
        )

    async def _check_collection(self, order: CollectOrder) -> AsyncIterator[StepFinding]:
        """Execute twice where we execute, then ask: one movement, of our amount."""
        executes = self.connector.profile.executes
        first = await self.connector.execute(self._send_now(order)) if executes else None
        if first is not None:
            yield StepFinding("executed", _answer_wording(first), isinstance(first, Collected))
            again = await self.connector.execute(self._send_now(order))
            is_right = not isinstance(again, Collected) or again == first
            yield StepFinding("executed again", _answer_wording(again), is_right, SafetyFact.DEDUPLICATES)
        inquiry: CollectInquiry | ExecuteOutcome | None = first
        if self._can_inquire:
            inquiry = await self.connector.inquire(order)
            yield StepFinding(
                "asked after that",
                _answer_wording(inquiry),
                isinstance(inquiry, Collected),
                SafetyFact.CAN_BE_ASKED,
            )
        if not isinstance(inquiry, Collected):
            return
        if isinstance(first, Collected):
            is_same = first.provider_transaction == inquiry.provider_transaction
            yield StepFinding(
                "one movement of money", inquiry.provider_transaction, is_same, SafetyFact.DEDUPLICATES
            )
        async for finding in self._check_echo(order, inquiry):
            yield finding
        async for finding in self._check_refund(order, inquiry):
            yield finding

    async def _check_echo(self, order: CollectOrder, collected: Collected) -> AsyncIterator[StepFinding]:
        judged = judge_collected(order, collected)
        why = "as ordered" if isinstance(judged, ConfirmedCollection) else judged.why
        yield StepFinding(
            "reference and amount", why, isinstance(judged, ConfirmedCollection), SafetyFact.ECHOES_AMOUNT
        )
        if isinstance(self.connector, FindsMovements):
            movement = await self.connector.search(collected.provider_transaction)
            is_right = (
                isinstance(movement, MovementFound) and movement.is_done and movement.amount == order.amount
            )
            yield StepFinding(
                "looked up by its movement", _answer_wording(movement), is_right, SafetyFact.ECHOES_AMOUNT
            )

    async def _check_refund(self, order: CollectOrder, collected: Collected) -> AsyncIterator[StepFinding]:
        rules = self.connector.profile.refunds
        if rules is None:
            return
        part = Money(order.amount.minor // 2, order.amount.currency)
        refund = self._refund(order, collected, part)
        line = await self.connector.refund(refund)
        yield StepFinding(
            "a part given back", _answer_wording(line), isinstance(line, RefundLine), SafetyFact.CAN_BE_UNDONE
        )
        if rules.can_be_asked:
            is_refunded = isinstance(line, RefundLine)
            name = line.provider_refund if isinstance(line, RefundLine) else ""
            refunds = await self.connector.inquire_refunds(replace(refund, provider_refund=name))
            is_right = is_refunded and isinstance(refunds, RefundsFound) and refunds.lines == (line,)
            yield StepFinding(
                "asked for the refunds", _answer_wording(refunds), is_right, SafetyFact.CAN_BE_UNDONE
            )
        if not isinstance(line, RefundLine):
            return
        rest = replace(
            self._refund(order, collected, order.amount), known_refunds=frozenset({line.provider_refund})
        )
        over = await self.connector.refund(rest)
        yield StepFinding(
            "more than is left", _answer_wording(over), isinstance(over, Declined), SafetyFact.CAN_BE_UNDONE
        )

    def _order(self) -> CollectOrder:
        payment_id = uuid4()
        return CollectOrder(
            payment_id=payment_id,
            connector_id=self.connector.profile.id,
            reference=f"CERTIFY{payment_id.hex[:16].upper()}"[: self.connector.profile.reference_length],
            amount=self.amount,
            payer_reference="certify",
            return_url="http://127.0.0.1/certify",
            send_before=seconds_since_boot() + self.send_seconds,
        )

    def _send_now(self, order: CollectOrder) -> CollectOrder:
        return replace(order, send_before=seconds_since_boot() + self.send_seconds)

    def _refund(self, order: CollectOrder, collected: Collected, amount: Money) -> RefundOrder:
        """A new refund; where refunds can be inquired after, it is sent as one that may be known already."""
        refund_id, rules = uuid4(), self.connector.profile.refunds
        return RefundOrder(
            refund_id=refund_id,
            connector_id=order.connector_id,
            reference=f"CERTIFY{refund_id.hex[:16].upper()}",
            provider_reference=order.provider_reference,
            provider_transaction=collected.provider_transaction,
            amount=amount,
            collected=collected.amount,
            reason="certify",
            send_before=seconds_since_boot() + self.send_seconds,
            may_have_been_heard=rules is not None and rules.can_be_asked,
            collected_reference=order.reference,
            collected_at=datetime.now(UTC),
        )


def _answer_wording(answer: object) -> str:
    """An answer in one line, without secrets."""
    match answer:
        case PageCreated(provider_reference=reference):
            return f"created {reference}"
        case Collected(amount=amount, provider_transaction=transaction):
            return f"collected {amount} as {transaction}"
        case AwaitingPayer(may_execute=may_execute):
            return "the payer has agreed" if may_execute else "awaiting the payer"
        case Declined(reason=reason, code=code):
            return f"declined: {reason} {code}".rstrip()
        case _:
            return _movement_wording(answer)


def _movement_wording(answer: object) -> str:
    match answer:
        case HeldForRisk(money=money):
            return f"held for its risk: {money.amount} as {money.provider_transaction}"
        case RefundLine(amount=amount, provider_refund=refund, is_done=is_done):
            return f"{amount} given back as {refund}" + ("" if is_done else ", not yet done")
        case RefundsFound(lines=lines):
            return f"{len(lines)} refund(s)"
        case MovementFound(amount=amount):
            return f"found {amount}"
        case _:
            return f"{type(answer).__name__}: {getattr(answer, 'why', '')}".rstrip(": ")
