"""The book of one family of billers: who paid how much, under which reference, and what was refused.

The book is the second opinion the switch is compared with. It changes only through events, each
in the journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import JournalLine
from sandbox.kit.institution.stored_records import as_stored, from_stored


class PaymentState(StrEnum):
    """Whether a payment stands."""

    PAID = "paid"
    CANCELLED = "cancelled"


class BillerPaymentKey(NamedTuple):
    """What an institution knows a payment by: our reference deduplicates within one institution."""

    institution_id: str
    reference: str


@dataclass(slots=True)
class BillerPayment:
    """A payment that was taken; amounts in paisa, instants in UTC, dates in Dhaka as `yyyy-MM-dd`.

    The five lines sum to `amount_paisa`. `sends` counts the accepted calls of the reference, so 2
    means one repeat. `facts` are what the family keeps of the call or has given out since.
    """

    institution_id: str
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
    state: PaymentState = PaymentState.PAID
    cancelled_at: str = ""
    cancelled_on: str = ""

    @property
    def reported_paisa(self) -> int:
        """The amount in every answer about the payment: the real one, or 1.00 taka more."""
        return self.amount_paisa + self.echo_extra_paisa

    @property
    def key(self) -> BillerPaymentKey:
        """What it is known by."""
        return BillerPaymentKey(self.institution_id, self.reference)


class BillerBook(JournalledBook):
    """The payments, refusals and notes of all institutions of one family."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._payments: dict[BillerPaymentKey, BillerPayment] = {}
        self._by_house: defaultdict[str, list[BillerPayment]] = defaultdict(list)
        self._paid_by_bill: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._dropped: set[BillerPaymentKey] = set()
        self._refused: list[dict[str, str]] = []
        self._notes: dict[tuple[str, str], dict[str, str]] = {}
        super().__init__(path, seed, today)

    def payment(self, institution_id: str, reference: str) -> BillerPayment | None:
        """Return what was taken under this reference, cancelled or not, if anything."""
        return self._payments.get(BillerPaymentKey(institution_id, reference))

    def payments_of(self, institution_id: str) -> Sequence[BillerPayment]:
        """Return the payments of an institution in the order in which they were taken."""
        return self._by_house[institution_id]

    def paid_total(self, institution_id: str, bill_number: str) -> int:
        """Return how much of a bill is paid, in paisa; what was cancelled does not count."""
        return self._paid_by_bill.get((institution_id, bill_number), 0)

    def is_paid(self, institution_id: str, bill_number: str) -> bool:
        """Whether anything of a bill is paid."""
        return self.paid_total(institution_id, bill_number) > 0

    def was_dropped(self, institution_id: str, reference: str) -> bool:
        """Whether a payment of this reference was once dropped on purpose."""
        return BillerPaymentKey(institution_id, reference) in self._dropped

    def note(self, institution_id: str, key: str) -> Mapping[str, str] | None:
        """Return what the family noted under a key of its own, such as a quote, if anything."""
        return self._notes.get((institution_id, key))

    def record_paid(self, payment: BillerPayment) -> None:
        """Keep a new payment; the caller has checked reference, bill and amount."""
        self._journal.append({"kind": "paid", **as_stored(payment)})
        self._keep(payment)

    def record_repeat(self, institution_id: str, reference: str) -> None:
        """Count another accepted call of a reference."""
        self._record({"kind": "repeated", "house": institution_id, "reference": reference})

    def record_dropped(self, institution_id: str, reference: str) -> None:
        """Keep that a payment was dropped, so that the next one is not."""
        self._record({"kind": "dropped", "house": institution_id, "reference": reference})

    def record_refused(self, institution_id: str, reference: str, bill_number: str, reason: str) -> None:
        """Keep that a payment was refused, and why; nothing hangs on it."""
        line = {"house": institution_id, "reference": reference, "bill_number": bill_number, "reason": reason}
        self._record({"kind": "refused", **line})

    def record_facts(self, institution_id: str, reference: str, facts: Mapping[str, str]) -> None:
        """Add facts to a payment, such as a certificate's number; one of the same name is replaced."""
        self._record({"kind": "facts", "house": institution_id, "reference": reference, "facts": dict(facts)})

    def record_cancelled(self, institution_id: str, reference: str, at: str, on: date) -> None:
        """Take a standing payment back: `at` in UTC, `on` the Dhaka day; its bill is owed again."""
        when = {"cancelled_at": at, "cancelled_on": on.isoformat()}
        self._record({"kind": "cancelled", "house": institution_id, "reference": reference, **when})

    def record_note(self, institution_id: str, key: str, facts: Mapping[str, str]) -> None:
        """Store or replace a note of the family, such as a quote or a slip."""
        self._record({"kind": "noted", "house": institution_id, "reference": key, "facts": dict(facts)})

    def dump(self) -> dict[str, object]:
        """Return what the institutions believe, payments in the order in which they were taken.

        `amount_paisa` is the real one; answers about a payment report `echo_extra_paisa` more.
        """
        payments = [as_stored(payment) for payment in self._payments.values()]
        return {"payments": payments, "refused": self._refused}

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        values = {name: value for name, value in line.items() if name != "kind"}
        key = BillerPaymentKey(str(values["house"]), str(values["reference"]))
        match kind:
            case "paid":
                self._keep(BillerPayment(**from_stored(values)))
            case "dropped":
                self._dropped.add(key)
            case "refused":
                self._refused.append({name: str(value) for name, value in values.items()})
            case "noted":
                self._notes[key.institution_id, key.reference] = dict(values["facts"])  # type: ignore[call-overload]
            case _:
                self._change(self._payments[key], kind, values)

    def _keep(self, payment: BillerPayment) -> None:
        payment.state = PaymentState(payment.state)
        self._payments[payment.key] = payment
        self._by_house[payment.institution_id].append(payment)
        self._paid_by_bill[payment.institution_id, payment.bill_number] += payment.amount_paisa

    def _change(self, payment: BillerPayment, kind: str, values: JournalLine) -> None:
        match kind:
            case "repeated":
                payment.sends += 1
            case "facts":
                payment.facts.update(values["facts"])  # type: ignore[call-overload]  # our own line
            case "cancelled":
                payment.state = PaymentState.CANCELLED
                payment.cancelled_at = str(values["cancelled_at"])
                payment.cancelled_on = str(values["cancelled_on"])
                self._paid_by_bill[payment.institution_id, payment.bill_number] -= payment.amount_paisa
            case _:
                raise ValueError(f"the book has no event called {kind}")
