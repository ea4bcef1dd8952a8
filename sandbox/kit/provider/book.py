"""What the houses of one family believe: what was ordered, who agreed, what was paid and given back.

The book is the second opinion the switch is compared with. It changes only through events, each in the
journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import Line
from sandbox.kit.provider.faults import Step
from sandbox.kit.provider.orders import Order, Refund, RefundState, State, Try


class Decision(NamedTuple):
    """How an order ended: paid, declined or cancelled; `reason` says why it was not paid."""

    state: State
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
    house: str
    reference: str
    kind: str
    dated: str
    refund_id: str = ""
    over_at: str = ""
    tries: int = 0
    status: int | None = None


class Book(JournalledBook):
    """The orders, refunds, owed pushes and counted calls of all houses of one family."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._orders: dict[tuple[str, str], Order] = {}
        self._by_house: defaultdict[str, list[Order]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], Order] = {}
        self._refunds: dict[tuple[str, str], tuple[Order, Refund]] = {}
        self._pending: dict[tuple[str, str], Order] = {}
        self._moved: Counter[tuple[str, str]] = Counter()
        self._struck: set[tuple[str, str, str]] = set()
        self._pushes: dict[str, OwedPush] = {}
        self._calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._notes: dict[tuple[str, str], dict[str, str]] = {}
        super().__init__(path, seed, today)

    def order(self, house: str, reference: str) -> Order | None:
        """Return the order under the merchant's reference."""
        return self._orders.get((house, reference))

    def named(self, house: str, name: str) -> Order | None:
        """Return the order that the house itself calls so: by page token, reference or transaction."""
        return self._by_name.get((house, name))

    def orders_of(self, house: str) -> Sequence[Order]:
        """Return the orders of a house in the order in which they were opened."""
        return self._by_house[house]

    def refund(self, house: str, name: str) -> tuple[Order, Refund] | None:
        """Return the refund of this name, the merchant's or the provider's, with its order."""
        return self._refunds.get((house, name))

    def pending(self) -> Iterable[Order]:
        """Return the orders of which something is to be decided later."""
        return list(self._pending.values())

    def moved_paisa(self, house: str, payer: str) -> int:
        """Return what a payer has gained since the book was begun; negative if it has paid."""
        return self._moved[house, payer]

    def was_struck(self, order: tuple[str, str], step: Step) -> bool:
        """Whether the magic of a payer has struck this step of the order (house and reference) before."""
        return (*order, step.value) in self._struck

    def pushes(self) -> Iterable[OwedPush]:
        """Return every push that is or was owed, oldest first."""
        return self._pushes.values()

    def calls_of(self, house: str) -> Mapping[str, int]:
        """Return how often each call of a house came since the book was begun."""
        return self._calls[house]

    def note(self, house: str, key: str) -> Mapping[str, str] | None:
        """Return what the family noted under a key of its own, such as a challenge, if anything."""
        return self._notes.get((house, key))

    def record_opened(self, order: Order) -> None:
        """Keep a new order; the caller has seen that its reference is new."""
        self._record({"kind": "opened_order", "order": asdict(order)})

    def record_agreed(self, order: Order, payer: str, at: datetime) -> None:
        """Keep that the payer has confirmed; no money moves."""
        self._change(order, "agreed", payer=payer, at=at.isoformat())

    def record_pending(self, order: Order, settles_at: datetime | None, settles_to: State) -> None:
        """Keep when the order will be decided, and how; never, if there is no instant."""
        when = "" if settles_at is None else settles_at.isoformat()
        self._change(order, "pending", settles_at=when, settles_to=settles_to)

    def record_tried(self, order: Order, tried: Try) -> None:
        """Keep a try of the payer that came to nothing."""
        self._change(order, "tried", tried=asdict(tried))

    def record_decided(self, order: Order, decision: Decision) -> None:
        """Let the order end; if it is paid, the money moves. The caller has seen that it was open."""
        self._change(order, "decided", **(decision._asdict() | {"at": decision.at.isoformat()}))

    def record_refund(self, order: Order, refund: Refund) -> None:
        """Keep a refund that is allowed; if it is done, money moves back."""
        self._change(order, "refund", refund=asdict(refund))

    def record_refund_settled(self, order: Order, refund: Refund, state: RefundState, at: datetime) -> None:
        """Let a refund that was in work be done or fail."""
        self._change(order, "refund_settled", refund_id=refund.refund_id, state=state, at=at.isoformat())

    def record_refund_repeated(self, order: Order, refund: Refund) -> None:
        """Count another call of the same refund."""
        self._change(order, "refund_repeated", refund_id=refund.refund_id)

    def record_facts(self, order: Order, facts: Mapping[str, str]) -> None:
        """Add facts to an order; one of the same name is replaced."""
        self._change(order, "facts", facts=dict(facts))

    def record_priced(self, order: Order, amount_paisa: int) -> None:
        """Set what an order is about, where its family names the amount only in a second call."""
        self._change(order, "priced", amount_paisa=amount_paisa)

    def record_struck(self, order: tuple[str, str], step: Step) -> None:
        """Keep that magic has struck, so that the next time it does not."""
        self._record({"kind": "struck", "house": order[0], "reference": order[1], "step": step.value})

    def record_asked(self, order: Order, step: Step) -> None:
        """Count a call about an order."""
        self._change(order, "asked", step=step.value)

    def record_called(self, house: str, call: str) -> None:
        """Count a call of a house."""
        self._record({"kind": "called", "house": house, "call": call})

    def record_push(self, push: OwedPush) -> OwedPush:
        """Keep that a push is owed, and return it as it is kept."""
        self._record({"kind": "push", "push": asdict(push)})
        return self._pushes[push.push_id]

    def record_push_over(self, push_id: str, at: datetime) -> None:
        """Keep that a push is owed no longer."""
        self._record({"kind": "push_over", "push_id": push_id, "at": at.isoformat()})

    def record_note(self, house: str, key: str, facts: Mapping[str, str]) -> None:
        """Keep or replace what the family has to remember beside orders."""
        self._record({"kind": "noted", "house": house, "key": key, "facts": dict(facts)})

    def _change(self, order: Order, kind: str, **values: object) -> None:
        self._record({"kind": kind, "house": order.house, "reference": order.reference, **values})

    @override
    def _apply(self, kind: str, line: Line) -> None:
        values: dict[str, Any] = line
        match kind:
            case "opened_order":
                self._open_order(Order(**values["order"]))
            case "called":
                self._calls[values["house"]][values["call"]] += 1
            case "struck":
                self._struck.add((values["house"], values["reference"], values["step"]))
            case "push":
                self._pushes[values["push"]["push_id"]] = OwedPush(**values["push"])
            case "push_over":
                self._pushes[values["push_id"]].over_at = values["at"]
            case "noted":
                self._notes[values["house"], values["key"]] = dict(values["facts"])
            case _:
                self._advance(self._orders[values["house"], values["reference"]], kind, values)

    def _open_order(self, order: Order) -> None:
        # A book that is replayed reads texts where enums were written.
        order.settles_to, order.decided_state = State(order.settles_to), State(order.decided_state)
        self._orders[order.house, order.reference] = order
        self._by_house[order.house].append(order)
        self._by_name[order.house, order.provider_reference] = order
        self._by_name[order.house, order.page_token] = order

    def _advance(self, order: Order, kind: str, values: dict[str, Any]) -> None:
        match kind:
            case "agreed":
                order.payer, order.agreed_at = values["payer"], values["at"]
            case "pending":
                order.settles_at, order.settles_to = values["settles_at"], State(values["settles_to"])
                self._watch(order)
            case "decided":
                self._decide(order, values)
            case "tried":
                order.tries.append(Try(**values["tried"]))
            case "facts":
                order.facts.update(values["facts"])
            case "priced":
                order.amount_paisa = values["amount_paisa"]
            case "asked":
                order.calls[values["step"]] = order.calls.get(values["step"], 0) + 1
            case _:
                self._advance_refund(order, kind, values)

    def _decide(self, order: Order, values: dict[str, Any]) -> None:
        order.decided_state, order.decided_at = State(values["state"]), values["at"]
        order.transaction_id, order.reason = values["transaction_id"], values["reason"]
        order.fee_paisa, order.fee_vat_paisa = values["fee_paisa"], values["fee_vat_paisa"]
        if order.transaction_id:
            self._by_name[order.house, order.transaction_id] = order
        if order.is_paid:
            self._moved[order.house, order.payer] -= order.amount_paisa
        self._watch(order)

    def _advance_refund(self, order: Order, kind: str, values: dict[str, Any]) -> None:
        if kind == "refund":
            refund = Refund(**values["refund"])
            refund.state, refund.settles_to = RefundState(refund.state), RefundState(refund.settles_to)
            order.refunds.append(refund)
            for name in (refund.reference, refund.refund_id):
                self._refunds[order.house, name] = (order, refund)
        else:
            refund = self._refunds[order.house, values["refund_id"]][1]
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
            self._moved[order.house, order.payer] += refund.amount_paisa
        self._watch(order)

    def _watch(self, order: Order) -> None:
        key = (order.house, order.reference)
        is_open = bool(order.settles_at) and order.decided_state is State.OPENED
        if is_open or any(one.state is RefundState.PROCESSING for one in order.refunds):
            self._pending[key] = order
        else:
            self._pending.pop(key, None)
