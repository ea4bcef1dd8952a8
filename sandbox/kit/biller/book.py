"""What the houses of one family believe: who paid how much, under which reference, and what was refused.

The book is the second opinion the switch is compared with. It changes only through events, each
in the journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import Line


class State(StrEnum):
    """Whether a payment stands."""

    PAID = "paid"
    CANCELLED = "cancelled"


class Key(NamedTuple):
    """What a house knows a payment by: our reference deduplicates within one house."""

    house: str
    reference: str


@dataclass(slots=True)
class Payment:
    """A payment that was taken; amounts in paisa, instants in UTC, dates in Dhaka as `yyyy-MM-dd`.

    The five lines sum to `amount_paisa`. `sends` counts the accepted calls of the reference, so 2
    means one repeat. `facts` are what the family keeps of the call or has given out since.
    """

    house: str
    reference: str
    number: str
    bill_number: str
    amount_paisa: int
    principal_paisa: int
    vat_paisa: int
    late_fee_paisa: int
    stamp_paisa: int
    other_paisa: int
    receipt: str
    paid_at: str
    business_date: str
    facts: dict[str, str] = field(default_factory=dict)
    echo_extra_paisa: int = 0
    sends: int = 1
    state: State = State.PAID
    cancelled_at: str = ""
    cancelled_on: str = ""

    @property
    def told_paisa(self) -> int:
        """The amount that every answer about the payment tells: the real one, or 1.00 taka more."""
        return self.amount_paisa + self.echo_extra_paisa

    @property
    def key(self) -> Key:
        """What it is known by."""
        return Key(self.house, self.reference)


class Book(JournalledBook):
    """The payments, refusals and notes of all houses of one family."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._payments: dict[Key, Payment] = {}
        self._by_house: defaultdict[str, list[Payment]] = defaultdict(list)
        self._paid_by_bill: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._dropped: set[Key] = set()
        self._refused: list[dict[str, str]] = []
        self._notes: dict[tuple[str, str], dict[str, str]] = {}
        super().__init__(path, seed, today)

    def payment(self, house: str, reference: str) -> Payment | None:
        """Return what was taken under this reference, cancelled or not, if anything."""
        return self._payments.get(Key(house, reference))

    def payments_of(self, house: str) -> Sequence[Payment]:
        """Return the payments of a house in the order in which they were taken."""
        return self._by_house[house]

    def paid_total(self, house: str, bill_number: str) -> int:
        """Return how much of a bill is paid, in paisa; what was cancelled does not count."""
        return self._paid_by_bill.get((house, bill_number), 0)

    def is_paid(self, house: str, bill_number: str) -> bool:
        """Whether anything of a bill is paid."""
        return self.paid_total(house, bill_number) > 0

    def was_dropped(self, house: str, reference: str) -> bool:
        """Whether a payment of this reference was once thrown away on purpose."""
        return Key(house, reference) in self._dropped

    def note(self, house: str, key: str) -> Mapping[str, str] | None:
        """Return what the family noted under a key of its own, such as a quote, if anything."""
        return self._notes.get((house, key))

    def record_paid(self, payment: Payment) -> None:
        """Keep a new payment; the caller has checked reference, bill and amount."""
        self._journal.append({"kind": "paid", **asdict(payment)})
        self._keep(payment)

    def record_repeat(self, house: str, reference: str) -> None:
        """Count another accepted call of a reference."""
        self._record({"kind": "repeated", "house": house, "reference": reference})

    def record_dropped(self, house: str, reference: str) -> None:
        """Keep that a payment was thrown away, so that the next one is not."""
        self._record({"kind": "dropped", "house": house, "reference": reference})

    def record_refused(self, house: str, reference: str, bill_number: str, reason: str) -> None:
        """Keep that a payment was refused, and why; nothing hangs on it."""
        line = {"house": house, "reference": reference, "bill_number": bill_number, "reason": reason}
        self._record({"kind": "refused", **line})

    def record_facts(self, house: str, reference: str, facts: Mapping[str, str]) -> None:
        """Add facts to a payment, such as a certificate's number; one of the same name is replaced."""
        self._record({"kind": "facts", "house": house, "reference": reference, "facts": dict(facts)})

    def record_cancelled(self, house: str, reference: str, at: str, on: date) -> None:
        """Take a standing payment back: `at` in UTC, `on` the Dhaka day; its bill is owed again."""
        when = {"cancelled_at": at, "cancelled_on": on.isoformat()}
        self._record({"kind": "cancelled", "house": house, "reference": reference, **when})

    def record_note(self, house: str, key: str, facts: Mapping[str, str]) -> None:
        """Keep or replace what the family has to remember beside payments, such as a quote or a slip."""
        self._record({"kind": "noted", "house": house, "reference": key, "facts": dict(facts)})

    def dump(self) -> dict[str, object]:
        """Return what the houses believe, payments in the order in which they were taken.

        `amount_paisa` is the real one; answers about a payment tell `echo_extra_paisa` more.
        """
        payments = [asdict(payment) for payment in self._payments.values()]
        return {"payments": payments, "refused": self._refused}

    @override
    def _apply(self, kind: str, line: Line) -> None:
        values = {name: value for name, value in line.items() if name != "kind"}
        key = Key(str(values["house"]), str(values["reference"]))
        match kind:
            case "paid":
                self._keep(Payment(**values))  # type: ignore[arg-type]  # we wrote the line ourselves
            case "dropped":
                self._dropped.add(key)
            case "refused":
                self._refused.append({name: str(value) for name, value in values.items()})
            case "noted":
                self._notes[key.house, key.reference] = dict(values["facts"])  # type: ignore[call-overload]
            case _:
                self._change(self._payments[key], kind, values)

    def _keep(self, payment: Payment) -> None:
        payment.state = State(payment.state)
        self._payments[payment.key] = payment
        self._by_house[payment.house].append(payment)
        self._paid_by_bill[payment.house, payment.bill_number] += payment.amount_paisa

    def _change(self, payment: Payment, kind: str, values: Line) -> None:
        match kind:
            case "repeated":
                payment.sends += 1
            case "facts":
                payment.facts.update(values["facts"])  # type: ignore[call-overload]  # our own line
            case "cancelled":
                payment.state = State.CANCELLED
                payment.cancelled_at = str(values["cancelled_at"])
                payment.cancelled_on = str(values["cancelled_on"])
                self._paid_by_bill[payment.house, payment.bill_number] -= payment.amount_paisa
            case _:
                raise ValueError(f"the book has no event called {kind}")
