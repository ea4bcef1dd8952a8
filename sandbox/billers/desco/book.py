"""What DESCO believes: who paid which bill, under which transaction, with which scroll number.

The book is the second opinion the switch is compared with. It changes only through events, each
in the journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import JournalLine


class PaymentKey(NamedTuple):
    """DESCO's idempotency key: bill and transaction together (billers.md 2.3)."""

    bill_number: str
    transaction_id: str


@dataclass(slots=True)
class DescoPayment:
    """A saved payment; amounts in paisa, `saved_at` in UTC, `scroll_date` as `yyyy-MM-dd`.

    `saves` counts the accepted save calls of the pair, so 2 means one repeat. A payment with an
    `echo_extra_paisa` is reported wrongly, by that much, in status calls.
    """

    bill_number: str
    transaction_id: str
    account: str
    scroll_no: int
    scroll_date: str
    amount_paisa: int
    vat_paisa: int
    lpc_paisa: int
    stamp_qty: int
    saved_at: str
    echo_extra_paisa: int = 0
    saves: int = 1


_FIELDS = tuple(field.name for field in fields(DescoPayment))
# dataclasses.asdict copies deeply and would cost more than the whole rest of a save.
_values_of = attrgetter(*_FIELDS)


def _as_line(payment: DescoPayment) -> JournalLine:
    return dict(zip(_FIELDS, _values_of(payment), strict=True))


class DescoBook(JournalledBook):
    """The payments, scroll numbers and rejected duplicates of one simulator."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._payments: dict[PaymentKey, DescoPayment] = {}
        self._paid_by: dict[str, str] = {}
        self._scroll_numbers: defaultdict[str, set[int]] = defaultdict(set)
        self._dropped: set[PaymentKey] = set()
        self._rejected: list[PaymentKey] = []
        super().__init__(path, seed, today)

    def payment(self, pair: PaymentKey) -> DescoPayment | None:
        """Return what was saved under this pair, if anything."""
        return self._payments.get(pair)

    def payments(self) -> Sequence[DescoPayment]:
        """Return everything that was saved, in that order."""
        return list(self._payments.values())

    def is_paid(self, bill_number: str) -> bool:
        """Whether the bill was paid, under any transaction."""
        return bill_number in self._paid_by

    def is_scroll_used(self, scroll_date: date, scroll_no: int) -> bool:
        """Whether a saved payment of that day carries the number already."""
        return scroll_no in self._scroll_numbers[scroll_date.isoformat()]

    def was_dropped(self, pair: PaymentKey) -> bool:
        """Whether a save of this pair was once dropped on purpose."""
        return pair in self._dropped

    def record_saved(self, payment: DescoPayment) -> None:
        """Keep a new payment; the caller has checked bill, pair and scroll number."""
        self._journal.append({"kind": "saved", **_as_line(payment)})
        self._keep(payment)

    def record_repeat(self, pair: PaymentKey) -> None:
        """Count another accepted save call of a saved pair."""
        self._record({"kind": "repeated", **pair._asdict()})

    def record_rejected(self, pair: PaymentKey) -> None:
        """Keep that another transaction tried to pay a paid bill."""
        self._record({"kind": "rejected", **pair._asdict()})

    def record_dropped(self, pair: PaymentKey) -> None:
        """Keep that a save of this pair was dropped, so that the next one is not."""
        self._record({"kind": "dropped", **pair._asdict()})

    def dump(self) -> dict[str, object]:
        """Return what DESCO believes, payments in the order in which they were saved."""
        payments = [_as_line(payment) for payment in self._payments.values()]
        for payment in payments:
            del payment["echo_extra_paisa"]
        return {"payments": payments, "rejected_duplicates": [pair._asdict() for pair in self._rejected]}

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        if kind == "saved":
            values = {name: value for name, value in line.items() if name != "kind"}
            self._keep(DescoPayment(**values))  # type: ignore[arg-type]  # we wrote the line ourselves
        else:
            self._apply_to_pair(kind, PaymentKey(str(line["bill_number"]), str(line["transaction_id"])))

    def _keep(self, payment: DescoPayment) -> None:
        self._payments[PaymentKey(payment.bill_number, payment.transaction_id)] = payment
        self._paid_by[payment.bill_number] = payment.transaction_id
        self._scroll_numbers[payment.scroll_date].add(payment.scroll_no)

    def _apply_to_pair(self, kind: str, pair: PaymentKey) -> None:
        match kind:
            case "repeated":
                self._payments[pair].saves += 1
            case "rejected":
                self._rejected.append(pair)
            case "dropped":
                self._dropped.add(pair)
            case _:
                raise ValueError(f"the book has no event called {kind}")
