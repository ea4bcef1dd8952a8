"""What BREB believes: which bills are locked, which payments are saved, which are acknowledged.

The book is the second opinion the switch is compared with. It changes only through events, each
in the journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from typing_extensions import override

from sandbox.billers.breb.faults import BrebStep
from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import JournalLine

LOCK_SECONDS = 7_200


@dataclass(frozen=True, slots=True)
class BillLock:
    """A bill kept for one channel, from an instant in UTC on."""

    bill_number: str
    account: str
    channel: str
    locked_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When it ends, if the payment is not acknowledged before."""
        return self.locked_at + timedelta(seconds=LOCK_SECONDS)


@dataclass(slots=True)
class BrebPayment:
    """A saved payment; it counts as paid only once it is acknowledged.

    `amount_taka` is what was paid and `due_paisa` what BREB is owed. `saves` and `acknowledges`
    count the accepted calls, so 2 means one repeat. Instants are UTC.
    """

    bill_number: str
    account: str
    transaction_id: str
    amount_taka: int
    due_paisa: int
    saved_at: str
    saves: int = 1
    acknowledges: int = 0
    acknowledged_at: str | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the payment is complete."""
        return self.acknowledged_at is not None


class BrebBook(JournalledBook):
    """The locks, payments and rejected duplicates of one simulator."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._locks: dict[str, BillLock] = {}
        self._payments: dict[str, BrebPayment] = {}
        self._by_bill: dict[str, BrebPayment] = {}
        self._unfinished: Counter[str] = Counter()
        self._dropped: set[tuple[str, str]] = set()
        self._rejected: list[dict[str, str]] = []
        super().__init__(path, seed, today)

    def payment(self, transaction_id: str) -> BrebPayment | None:
        """Return what was saved under this transaction id, if anything."""
        return self._payments.get(transaction_id)

    def payments(self) -> Sequence[BrebPayment]:
        """Return everything that was saved, in that order."""
        return list(self._payments.values())

    def payment_of(self, bill_number: str) -> BrebPayment | None:
        """Return the payment saved for this bill, acknowledged or not, if any."""
        return self._by_bill.get(bill_number)

    def lock(self, bill_number: str, now: datetime) -> BillLock | None:
        """Return the lock on a bill if it is alive."""
        lock = self._locks.get(bill_number)
        return lock if lock is not None and now < lock.ends_at else None

    def is_cut_off(self, account: str) -> bool:
        """Whether a payment of the account is saved and not acknowledged."""
        return self._unfinished[account] > 0

    def was_dropped(self, step: BrebStep, transaction_id: str) -> bool:
        """Whether this step of the transaction was once dropped on purpose."""
        return (step.value, transaction_id) in self._dropped

    def record_locked(self, lock: BillLock) -> None:
        """Lock a bill for a channel; the caller has checked that it is not locked."""
        values = {"bill_number": lock.bill_number, "account": lock.account, "channel": lock.channel}
        self._record({"kind": "locked", **values, "locked_at": lock.locked_at.isoformat()})

    def record_saved(self, payment: BrebPayment) -> None:
        """Keep a new payment; the caller has checked bill, transaction and lock."""
        self._record({"kind": "saved", **asdict(payment)})

    def record_repeat(self, transaction_id: str) -> None:
        """Count another accepted save call."""
        self._record({"kind": "repeated", "transaction_id": transaction_id})

    def record_acknowledged(self, transaction_id: str, now: datetime) -> None:
        """Count an accepted acknowledge call; the first completes the payment and ends the lock."""
        self._record({"kind": "acknowledged", "transaction_id": transaction_id, "at": now.isoformat()})

    def record_rejected(self, bill_number: str, transaction_id: str) -> None:
        """Keep that another transaction tried to pay a bill that has a payment."""
        self._record({"kind": "rejected", "bill_number": bill_number, "transaction_id": transaction_id})

    def record_dropped(self, step: BrebStep, transaction_id: str) -> None:
        """Keep that a step was dropped, so that the next time it is not."""
        self._record({"kind": "dropped", "step": step, "transaction_id": transaction_id})

    def dump(self, now: datetime) -> dict[str, object]:
        """Return what BREB believes, payments in the order in which they were saved."""
        payments = [
            {**asdict(payment), "is_acknowledged": payment.is_acknowledged}
            for payment in self._payments.values()
        ]
        locks = [{**asdict(lock), "ends_at": lock.ends_at} for lock in self._locks.values()]
        living = [lock for lock in locks if now < lock["ends_at"]]
        return {"payments": payments, "locks": living, "rejected_duplicates": self._rejected}

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        values = {name: value for name, value in line.items() if name != "kind"}
        transaction_id = str(values.get("transaction_id"))
        match kind:
            case "locked":
                locked_at = datetime.fromisoformat(str(values.pop("locked_at")))
                lock = BillLock(**values, locked_at=locked_at)  # type: ignore[arg-type]  # our own line
                self._locks[lock.bill_number] = lock
            case "saved":
                self._keep(BrebPayment(**values))  # type: ignore[arg-type]  # our own line
            case "repeated":
                self._payments[transaction_id].saves += 1
            case "acknowledged":
                self._finish(self._payments[transaction_id], str(values["at"]))
            case "rejected":
                self._rejected.append({name: str(value) for name, value in values.items()})
            case "dropped":
                self._dropped.add((str(values["step"]), transaction_id))
            case _:
                raise ValueError(f"the book has no event called {kind}")

    def _keep(self, payment: BrebPayment) -> None:
        self._payments[payment.transaction_id] = payment
        self._by_bill[payment.bill_number] = payment
        self._unfinished[payment.account] += 1

    def _finish(self, payment: BrebPayment, at: str) -> None:
        payment.acknowledges += 1
        if not payment.is_acknowledged:
            payment.acknowledged_at = at
            self._unfinished[payment.account] -= 1
            self._locks.pop(payment.bill_number, None)
