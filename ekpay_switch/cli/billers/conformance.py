"""The conformance run of a biller: one bill, really paid through its adapter.

It uses the ports alone and runs against whatever the adapter speaks to.
"""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

from ekpay_switch.cli.conformance.run import ConformanceRun, SafetyFact, StepFinding
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    HalfDone,
    Inquiry,
    NotFound,
    Outcome,
    Posted,
    outcome_name,
)
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.flows.bills.fetch_bill import payer_of
from ekpay_switch.ports.billers import BillerAdapter, UndoingBillerAdapter
from ekpay_switch.system_clock import seconds_since_boot


@dataclass
class BillerConformance(ConformanceRun):
    """One run over the bill that `parameters` name: it is fetched, paid twice, asked about and undone."""

    institution = "biller"
    biller: BillerAdapter
    parameters: Mapping[str, str]
    today: date
    _key: str = ""

    @property
    def safety(self) -> SafetyFacts:
        """The safety facts of the biller's manifest."""
        return self.biller.profile.safety

    async def steps(self) -> AsyncIterator[StepFinding]:
        """Fetch, ask, pay, pay again under the same reference, ask again, pay under another one and undo."""
        profile = self.biller.profile
        query = BillQuery(profile.id, self.parameters, payer_of(profile, self.parameters))
        fetched = await self.biller.fetch(query)
        is_unpaid = isinstance(fetched, BillFound) and not fetched.bill.is_paid and fetched.bill.total > ZERO
        yield StepFinding("a bill is fetched, and something is owed", _fetch_wording(fetched), is_unpaid)
        if not isinstance(fetched, BillFound) or not is_unpaid:
            return
        order = self._order(fetched.bill, query)
        early = await self.biller.inquire(order)
        is_right = not isinstance(early, Posted | HalfDone)
        yield StepFinding(
            "asked before anything was paid", _inquiry_wording(early), is_right, SafetyFact.CAN_BE_ASKED
        )
        first = await self._pay(order)
        yield StepFinding("paid", outcome_name(first), isinstance(first, Approved))
        if not isinstance(first, Approved):
            return
        async for finding in self._repeat_and_inquire(order, first):
            yield finding
        if profile.takes_bill_once:
            async for finding in self._only_once(order, query):
                yield finding
        if self.safety.can_be_undone and isinstance(self.biller, UndoingBillerAdapter):
            async for finding in self._undo(self.biller, order):
                yield finding

    async def _undo(self, biller: UndoingBillerAdapter, order: PayOrder) -> AsyncIterator[StepFinding]:
        """Undo the payment twice: it is void once, and no longer held."""
        for step in ("undone", "undone again"):
            outcome = await biller.undo(
                replace(order, send_before=seconds_since_boot() + biller.profile.timing.send_seconds)
            )
            is_undone = isinstance(outcome, Approved)
            yield StepFinding(step, outcome_name(outcome), is_undone, SafetyFact.CAN_BE_UNDONE)
        inquiry = await biller.inquire(order)
        yield StepFinding(
            "asked after that",
            _inquiry_wording(inquiry),
            isinstance(inquiry, NotFound),
            SafetyFact.CAN_BE_UNDONE,
        )

    async def _repeat_and_inquire(self, order: PayOrder, first: Approved) -> AsyncIterator[StepFinding]:
        """Pay again under the same reference, then inquire: one payment, of our amount."""
        again = await self._pay(order)
        is_same = isinstance(again, Approved) and again.tokens == first.tokens
        yield StepFinding(
            "paid again under the same reference", outcome_name(again), is_same, SafetyFact.DEDUPLICATES
        )
        inquiry = await self.biller.inquire(order)
        is_held = isinstance(inquiry, Posted)
        yield StepFinding("asked after that", _inquiry_wording(inquiry), is_held, SafetyFact.CAN_BE_ASKED)
        if isinstance(inquiry, Posted) and inquiry.amount_minor is not None:
            is_equal = inquiry.amount_minor == order.sums.billed_amount.minor
            yield StepFinding(
                "the amount it echoes", str(inquiry.amount_minor), is_equal, SafetyFact.ECHOES_AMOUNT
            )
        unknown_order = replace(order, reference=_reference(uuid4()))
        if self.biller.profile.takes_bill_once:
            unknown = await self.biller.inquire(unknown_order)
            is_right = not isinstance(unknown, Posted | HalfDone)
            yield StepFinding(
                "asked for a reference nobody used",
                _inquiry_wording(unknown),
                is_right,
                SafetyFact.CAN_BE_ASKED,
            )

    async def _only_once(self, order: PayOrder, query: BillQuery) -> AsyncIterator[StepFinding]:
        """A paid bill is declined under any other reference."""
        other_order = replace(order, reference=_reference(uuid4()))
        outcome = await self._pay(other_order)
        yield StepFinding(
            "paid under another reference", outcome_name(outcome), isinstance(outcome, Declined)
        )
        if not self.biller.profile.fetch_has_side_effects and self.biller.profile.fetch_mode != "none":
            fetched = await self.biller.fetch(query)
            is_over = not isinstance(fetched, BillFound) or fetched.bill.is_paid
            is_another = isinstance(fetched, BillFound) and fetched.bill.bill_key != self._key
            yield StepFinding("fetched once more", _fetch_wording(fetched), is_over or is_another)

    async def _pay(self, order: PayOrder) -> Outcome:
        """The outcome of one payment: every step in order, until one is not approved."""
        outcome: Outcome = Approved()
        facts: dict[str, str] = {}
        for step in self.biller.profile.steps:
            send_before = seconds_since_boot() + self.biller.profile.timing.send_seconds
            outcome = await self.biller.pay(replace(order, step=step, send_before=send_before))
            if not isinstance(outcome, Approved):
                return outcome
            facts |= outcome.facts
        return outcome

    def _order(self, bill: Bill, query: BillQuery) -> PayOrder:
        self._key = bill.bill_key
        payment_id = uuid4()
        return PayOrder(
            payment_id=payment_id,
            biller_id=self.biller.profile.id,
            reference=_reference(payment_id),
            sums=Sums(bill.total, ZERO, ZERO, ZERO, bill.rounding),
            biller_quote={**bill.biller_quote, **query.payer},
            scroll_no=int(time.time()) % 1_000_000 + 1_000_000,
            business_date=self.today,
            send_before=0.0,
            step=self.biller.profile.steps[0],
        )


def _reference(order_id: UUID) -> str:
    return base64.b32encode(order_id.bytes).decode().rstrip("=")


def _fetch_wording(fetched: object) -> str:
    """A fetch in one line, without personal data."""
    match fetched:
        case BillFound(bill=bill):
            return "paid already" if bill.is_paid else f"{bill.total + bill.rounding} is owed"
        case _:
            return f"{type(fetched).__name__}: {getattr(fetched, 'why', '')}".rstrip(": ")


def _inquiry_wording(inquiry: Inquiry) -> str:
    match inquiry:
        case Posted():
            return "it holds the payment"
        case NotFound():
            return "it knows of none"
        case HalfDone(next_step=step):
            return f"it waits for {step}"
        case _:
            return f"nothing: {inquiry.why}"
