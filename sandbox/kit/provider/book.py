"""What the institutions of one family believe: what was ordered, who agreed, what was paid and given back.

The book is the second opinion the switch is compared with. It changes only through events, each in the
journal before it counts, and is rebuilt from the same events after a kill.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import JournalLine
from sandbox.kit.institution.stored_records import as_stored, from_stored
from sandbox.kit.provider.faults import ProviderStep
from sandbox.kit.provider.orders import FailedTry, OrderState, ProviderOrder, ProviderRefund, RefundState


class Decision(NamedTuple):
    """How an order ended: paid, declined or cancelled; `reason` says why it was not paid."""

    state: OrderState
    at: datetime
    transaction_id: str = ""
    fee_paisa: int = 0
    fee_vat_paisa: int = 0
    reason: str = ""


@dataclass(slots=True)
class OwedPush:
    """A push that is or was owed; `tries` and `status` are of this process only.

    `kind` is one of `hooks.PushKind`. `dated` is the instant that it tells; `refund_id` the refund, if it is
    about one.
    """

    push_id: str
    institution_id: str
    reference: str
    kind: str
    dated: str
    refund_id: str = ""
    over_at: str = ""
    tries: int = 0
    status: int | None = None


@dataclass(frozen=True, slots=True)
class QueuedPush:
    """One push on its way; `tried` is set after its first try."""

    owed_push: OwedPush
    tried: asyncio.Event = field(default_factory=asyncio.Event)


class ProviderBook(JournalledBook):
    """The orders, refunds, owed pushes and counted calls of all institutions of one family."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._orders: dict[tuple[str, str], ProviderOrder] = {}
        self._by_house: defaultdict[str, list[ProviderOrder]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], ProviderOrder] = {}
        self._refunds: dict[tuple[str, str], tuple[ProviderOrder, ProviderRefund]] = {}
        self._pending: dict[tuple[str, str], ProviderOrder] = {}
        self._moved: Counter[tuple[str, str]] = Counter()
        self._struck: set[tuple[str, str, str]] = set()
        self._pushes: dict[str, OwedPush] = {}
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._notes: dict[tuple[str, str], dict[str, str]] = {}
        super().__init__(path, seed, today)

    def order(self, institution_id: str, reference: str) -> ProviderOrder | None:
        """Return the order under the merchant's reference."""
        return self._orders.get((institution_id, reference))

    def order_by_provider_name(self, institution_id: str, name: str) -> ProviderOrder | None:
        """Return the order that the institution itself calls so: by page token, reference or transaction."""
        return self._by_name.get((institution_id, name))

    def orders_of(self, institution_id: str) -> Sequence[ProviderOrder]:
        """Return the orders of an institution in the order in which they were opened."""
        return self._by_house[institution_id]

    def refund(self, institution_id: str, name: str) -> tuple[ProviderOrder, ProviderRefund] | None:
        """Return the refund of this name, the merchant's or the provider's, with its order."""
        return self._refunds.get((institution_id, name))

    def pending(self) -> Iterable[ProviderOrder]:
        """Return the orders of which something is to be decided later."""
        return list(self._pending.values())

    def moved_paisa(self, institution_id: str, payer: str) -> int:
        """Return what a payer has gained since the book was begun; negative if it has paid."""
        return self._moved[institution_id, payer]

    def was_struck(self, order: tuple[str, str], step: ProviderStep) -> bool:
        """Whether a payer's fault has struck this step of the order (institution id and reference) before."""
        return (*order, step.value) in self._struck

    def pushes(self) -> Iterable[OwedPush]:
        """Return every push that is or was owed, oldest first."""
        return self._pushes.values()

    def calls_of(self, institution_id: str) -> Mapping[str, int]:
        """Return how often each call of an institution came since the book was begun."""
        return self._calls[institution_id]

    def note(self, institution_id: str, key: str) -> Mapping[str, str] | None:
        """Return what the family noted under a key of its own, such as a challenge, if anything."""
        return self._notes.get((institution_id, key))

    def record_opened(self, order: ProviderOrder) -> None:
        """Keep a new order; the caller has seen that its reference is new."""
        self._record({"kind": "opened_order", "order": as_stored(order)})

    def record_agreement(self, order: ProviderOrder, payer: str, at: datetime) -> None:
        """Keep that the payer has confirmed; no money moves."""
        self._change(order, "agreed", payer=payer, at=at.isoformat())

    def record_pending(
        self, order: ProviderOrder, settles_at: datetime | None, settles_to: OrderState
    ) -> None:
        """Keep when the order will be decided, and how; never, if there is no instant."""
        when = "" if settles_at is None else settles_at.isoformat()
        self._change(order, "pending", settles_at=when, settles_to=settles_to)

    def record_failed_try(self, order: ProviderOrder, tried: FailedTry) -> None:
        """Record a failed try of the payer."""
        self._change(order, "tried", tried=asdict(tried))

    def record_decided(self, order: ProviderOrder, decision: Decision) -> None:
        """Let the order end; if it is paid, the money moves. The caller has seen that it was open."""
        self._change(order, "decided", **(decision._asdict() | {"at": decision.at.isoformat()}))

    def record_refund(self, order: ProviderOrder, refund: ProviderRefund) -> None:
        """Keep a refund that is allowed; if it is done, money moves back."""
        self._change(order, "refund", refund=asdict(refund))

    def record_refund_settled(
        self, order: ProviderOrder, refund: ProviderRefund, state: RefundState, at: datetime
    ) -> None:
        """Let a refund that was in work be done or fail."""
        self._change(order, "refund_settled", refund_id=refund.refund_id, state=state, at=at.isoformat())

    def record_refund_repeated(self, order: ProviderOrder, refund: ProviderRefund) -> None:
        """Count another call of the same refund."""
        self._change(order, "refund_repeated", refund_id=refund.refund_id)

    def record_facts(self, order: ProviderOrder, facts: Mapping[str, str]) -> None:
        """Add facts to an order; one of the same name is replaced."""
        self._change(order, "facts", facts=dict(facts))

    def record_priced(self, order: ProviderOrder, amount_paisa: int) -> None:
        """Set what an order is about, where its family names the amount only in a second call."""
        self._change(order, "priced", amount_paisa=amount_paisa)

    def record_struck_step(self, order: tuple[str, str], step: ProviderStep) -> None:
        """Keep that magic has struck, so that the next time it does not."""
        self._record({"kind": "struck", "house": order[0], "reference": order[1], "step": step.value})

    def record_order_call(self, order: ProviderOrder, step: ProviderStep) -> None:
        """Count a call about an order."""
        self._change(order, "asked", step=step.value)

    def record_call(self, institution_id: str, call: str) -> None:
        """Count a call of an institution."""
        self._record({"kind": "called", "house": institution_id, "call": call})

    def record_push(self, push: OwedPush) -> OwedPush:
        """Keep that a push is owed, and return it is kept."""
        self._record({"kind": "push", "push": as_stored(push)})
        return self._pushes[push.push_id]

    def record_push_over(self, push_id: str, at: datetime) -> None:
        """Keep that a push is owed no longer."""
        self._record({"kind": "push_over", "push_id": push_id, "at": at.isoformat()})

    def record_note(self, institution_id: str, key: str, facts: Mapping[str, str]) -> None:
        """Store or replace a note of the family."""
        self._record({"kind": "noted", "house": institution_id, "key": key, "facts": dict(facts)})

    def _change(self, order: ProviderOrder, kind: str, **values: object) -> None:
        self._record({"kind": kind, "house": order.institution_id, "reference": order.reference, **values})

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        values: dict[str, Any] = line
        match kind:
            case "opened_order":
                self._open_order(ProviderOrder(**from_stored(values["order"])))
            case "called":
                self._calls[values["house"]][values["call"]] += 1
            case "struck":
                self._struck.add((values["house"], values["reference"], values["step"]))
            case "push":
                self._pushes[values["push"]["push_id"]] = OwedPush(**from_stored(values["push"]))
            case "push_over":
                self._pushes[values["push_id"]].over_at = values["at"]
            case "noted":
                self._notes[values["house"], values["key"]] = dict(values["facts"])
            case _:
                self._advance(self._orders[values["house"], values["reference"]], kind, values)

    def _open_order(self, order: ProviderOrder) -> None:
        # A book that is replayed reads texts where enums were written.
        order.settles_to, order.decided_state = OrderState(order.settles_to), OrderState(order.decided_state)
        self._orders[order.institution_id, order.reference] = order
        self._by_house[order.institution_id].append(order)
        self._by_name[order.institution_id, order.provider_reference] = order
        self._by_name[order.institution_id, order.page_token] = order

    def _advance(self, order: ProviderOrder, kind: str, values: dict[str, Any]) -> None:
        match kind:
            case "agreed":
                order.payer, order.agreed_at = values["payer"], values["at"]
            case "pending":
                order.settles_at, order.settles_to = values["settles_at"], OrderState(values["settles_to"])
                self._update_pending(order)
            case "decided":
                self._decide(order, values)
            case "tried":
                order.tries.append(FailedTry(**values["tried"]))
            case "facts":
                order.facts.update(values["facts"])
            case "priced":
                order.amount_paisa = values["amount_paisa"]
            case "asked":
                order.calls[values["step"]] = order.calls.get(values["step"], 0) + 1
            case _:
                self._advance_refund(order, kind, values)

    def _decide(self, order: ProviderOrder, values: dict[str, Any]) -> None:
        order.decided_state, order.decided_at = OrderState(values["state"]), values["at"]
        order.transaction_id, order.reason = values["transaction_id"], values["reason"]
        order.fee_paisa, order.fee_vat_paisa = values["fee_paisa"], values["fee_vat_paisa"]
        if order.transaction_id:
            self._by_name[order.institution_id, order.transaction_id] = order
        if order.is_paid:
            self._moved[order.institution_id, order.payer] -= order.amount_paisa
        self._update_pending(order)

    def _advance_refund(self, order: ProviderOrder, kind: str, values: dict[str, Any]) -> None:
        if kind == "refund":
            refund = ProviderRefund(**values["refund"])
            refund.state, refund.settles_to = RefundState(refund.state), RefundState(refund.settles_to)
            order.refunds.append(refund)
            for name in (refund.reference, refund.refund_id):
                self._refunds[order.institution_id, name] = (order, refund)
        else:
            refund = self._refunds[order.institution_id, values["refund_id"]][1]
        match kind:
            case "refund":
                pass
            case "refund_settled":
                refund.state, refund.done_at = RefundState(values["state"]), values["at"]
            case "refund_repeated":
                refund.calls += 1
            case _:
                raise ValueError(f"the book has no event called {kind}")
        if kind != "refund_repeated" and refund.state is RefundState.DONE:
            self._moved[order.institution_id, order.payer] += refund.amount_paisa
        self._update_pending(order)

    def _update_pending(self, order: ProviderOrder) -> None:
        key = (order.institution_id, order.reference)
        is_open = bool(order.settles_at) and order.decided_state is OrderState.OPENED
        if is_open or any(refund.state is RefundState.PROCESSING for refund in order.refunds):
            self._pending[key] = order
        else:
            self._pending.pop(key, None)
