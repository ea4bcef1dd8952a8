"""What the seven hosts believe: beside orders and aliases, every financial request and every reversal.

One line of the journal holds all that one message changed, so a kill leaves no request whose money moved and
that nobody could reverse.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import override

from sandbox.kit.institution.journal import JournalLine
from sandbox.kit.institution.stored_records import as_stored, from_stored
from sandbox.kit.provider.book import Decision, ProviderBook
from sandbox.kit.provider.orders import OrderState, ProviderOrder
from sandbox.providers.iso8583.institutions import REVERSED

ALIAS = "alias"
"""The fact of an order that holds the alias of its payer's account."""

REQUEST_IDENTITY = "asked_by"
"""The fact of an order that holds the identity of the 0200 that used its alias up."""


class RequestIdentity(NamedTuple):
    """What a 0200 is known by: acquirer, STAN, RRN and DE7. A reversal names it in DE90 and DE37."""

    acquirer: str
    stan: str
    rrn: str
    sent_at: str

    @property
    def name(self) -> str:
        """The identity as one text."""
        return " ".join(self)


@dataclass(slots=True)
class FinancialRequest:
    """A 0200 that was judged; `code` is what it was answered with, also where that answer was lost.

    `reference` is the order's, empty where the alias is nobody's. `day` is the host's business day.
    """

    institution_id: str
    identity: str
    reference: str
    amount_paisa: int
    at: str
    day: str
    code: str
    is_posted: bool = False
    approval_code: str = ""
    repeats: int = 0

    @property
    def posting_time(self) -> datetime:
        """When it came, and was posted if it was."""
        return datetime.fromisoformat(self.at)


@dataclass(slots=True)
class Reversal:
    """A reversal that was carried out; `code` is what it and its repeats are answered with.

    `has_original` is whether its 0200 had come before, `is_moved_back` whether money went back.
    """

    institution_id: str
    identity: str
    reference: str
    amount_paisa: int
    at: str
    day: str
    code: str
    stan: str
    has_original: bool
    is_moved_back: bool
    repeats: int = 0


@dataclass(slots=True)
class _HostRecords:
    requests: dict[str, FinancialRequest] = field(default_factory=dict)
    reversals: dict[str, Reversal] = field(default_factory=dict)


class HostBook(ProviderBook):
    """The book of all institutions of this family."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today; errors as of `Book`."""
        self._records: dict[str, _HostRecords] = {}
        self._spent: Counter[tuple[str, str, str]] = Counter()
        super().__init__(path, seed, today)

    def request(self, institution_id: str, identity: RequestIdentity) -> FinancialRequest | None:
        """Return the 0200 of this identity, if one was judged."""
        return self._records_of(institution_id).requests.get(identity.name)

    def reversal(self, institution_id: str, identity: RequestIdentity) -> Reversal | None:
        """Return what reversed the 0200 of this identity, come or not."""
        return self._records_of(institution_id).reversals.get(identity.name)

    def requests_of(self, institution_id: str) -> Sequence[FinancialRequest]:
        """Return the requests of an institution in the order in which they came."""
        return list(self._records_of(institution_id).requests.values())

    def reversals_of(self, institution_id: str) -> Sequence[Reversal]:
        """Return the reversals of an institution in the order in which they came."""
        return list(self._records_of(institution_id).reversals.values())

    def posted_on(self, institution_id: str, day: date) -> Iterable[tuple[FinancialRequest, ProviderOrder]]:
        """Yield the requests posted on a business day, reversed since or not, each with its order."""
        for request in self._records_of(institution_id).requests.values():
            if request.is_posted and request.day == day.isoformat():
                yield request, self._orders[institution_id, request.reference]

    def spent_paisa(self, institution_id: str, payer: str, day: date) -> int:
        """Return what a payer has paid on a business day of an institution."""
        return self._spent[institution_id, payer, day.isoformat()]

    def record_consented(self, order: ProviderOrder, alias: str, ends_at: datetime) -> None:
        """Keep the alias that an order's payer has made by agreeing, and how long it is good."""
        self._change(order, "consented", alias=alias, ends_at=ends_at.isoformat())

    def record_message(self, institution_id: str, reference: str, mti: str) -> None:
        """Count a message about an order that changes nothing else; one about no order too."""
        self._record({"kind": "heard", "house": institution_id, "reference": reference, "mti": mti})

    def record_request(
        self, request: FinancialRequest, facts: Mapping[str, str], decision: Decision | None
    ) -> None:
        """Keep a 0200 with its answer; the facts are its order's, and the decision ends that order."""
        decision_line = None if decision is None else decision._asdict() | {"at": decision.at.isoformat()}
        self._record(
            {
                "kind": "financial",
                "house": request.institution_id,
                "request": as_stored(request),
                "facts": dict(facts),
                "decision": decision_line,
            }
        )

    def record_reversal(self, reversal: Reversal, mti: str) -> None:
        """Keep a reversal; what it reverses has moved nothing in the end, and never will."""
        self._record(
            {
                "kind": "reversal",
                "house": reversal.institution_id,
                "mti": mti,
                "reversal": as_stored(reversal),
            }
        )

    def record_request_repeated(self, request: FinancialRequest) -> None:
        """Count another 0200 of the same identity."""
        self._record({"kind": "repeat_0200", "house": request.institution_id, "identity": request.identity})

    def record_reversal_repeated(self, reversal: Reversal, mti: str) -> None:
        """Count another reversal of the same 0200."""
        names = {"house": reversal.institution_id, "identity": reversal.identity}
        self._record({"kind": "repeat_0420", **names, "mti": mti})

    def _records_of(self, institution_id: str) -> _HostRecords:
        return self._records.setdefault(institution_id, _HostRecords())

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        values: dict[str, Any] = line
        match kind:
            case "consented":
                self._consent(self._orders[values["house"], values["reference"]], values)
            case "heard":
                self._count(values["house"], values["reference"], values["mti"])
            case "financial":
                self._keep_request(FinancialRequest(**from_stored(values["request"])), values)
            case "reversal":
                self._keep_reversal(Reversal(**from_stored(values["reversal"])), values["mti"])
            case "repeat_0200":
                request = self._records_of(values["house"]).requests[values["identity"]]
                request.repeats += 1
                self._count(request.institution_id, request.reference, "0200")
            case "repeat_0420":
                reversal = self._records_of(values["house"]).reversals[values["identity"]]
                reversal.repeats += 1
                self._count(reversal.institution_id, reversal.reference, values["mti"])
            case _:
                super()._apply(kind, line)

    def _consent(self, order: ProviderOrder, values: dict[str, Any]) -> None:
        order.facts[ALIAS] = values["alias"]
        order.settles_at, order.settles_to = values["ends_at"], OrderState.EXPIRED
        self._by_name[order.institution_id, values["alias"]] = order
        self._update_pending(order)

    def _count(self, institution_id: str, reference: str, mti: str) -> None:
        self._calls[institution_id][mti] += 1
        order = self._orders.get((institution_id, reference))
        if order is not None:
            order.calls[mti] = order.calls.get(mti, 0) + 1

    def _keep_request(self, request: FinancialRequest, values: dict[str, Any]) -> None:
        self._records_of(request.institution_id).requests[request.identity] = request
        self._count(request.institution_id, request.reference, "0200")
        order = self._orders.get((request.institution_id, request.reference))
        if order is None:
            return
        order.facts.update(values["facts"])
        if values["decision"] is not None:
            self._decide(order, values["decision"])
        if request.is_posted:
            self._spent[request.institution_id, order.payer, request.day] += request.amount_paisa

    def _keep_reversal(self, reversal: Reversal, mti: str) -> None:
        written = self._records_of(reversal.institution_id)
        written.reversals[reversal.identity] = reversal
        self._count(reversal.institution_id, reversal.reference, mti)
        order = self._orders.get((reversal.institution_id, reversal.reference))
        if order is None or not (reversal.is_moved_back or _is_open_to(order, reversal)):
            return
        if reversal.is_moved_back:
            self._moved[order.institution_id, order.payer] += order.amount_paisa
            day = written.requests[reversal.identity].day
            self._spent[order.institution_id, order.payer, day] -= order.amount_paisa
        order.decided_state, order.decided_at = OrderState.CANCELLED, reversal.at
        order.reason = REVERSED
        self._update_pending(order)


def _is_open_to(order: ProviderOrder, reversal: Reversal) -> bool:
    """Whether an order waits for the 0200 that is reversed, or has had it without being decided by it."""
    return order.decided_state is OrderState.OPENED and order.facts.get(REQUEST_IDENTITY) in {
        None,
        reversal.identity,
    }
