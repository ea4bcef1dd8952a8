"""What the nightly reconciliation needs of the core: windows, frozen lines, entries, evidence, staff.

The reconciliation reads our database and never pays. It writes through these ports alone, in the transaction
of the caller where money or evidence changes, so that a decision and its effects are durable together. The
command line passes an implementation as the context's object.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.settlement_postings import payable_changes
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.ports.disputes import ChargebackRows

# An asyncpg connection; the driver does not type its methods.
Connection = Any


class LineRole(StrEnum):
    """Whose statement a frozen line is matched with."""

    CONNECTOR = "connector"  # funds that a connector collected or refunded
    BILLER = "biller"  # a payment to a biller, or its reversal
    PARTNER = "partner"  # a payment from a partner's prefund, or its return
    MERCHANT = "merchant"  # a credit to a merchant or its payee, or its refund


class LineEvent(StrEnum):
    """The kind of movement of a line."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"


class LineStatus(StrEnum):
    """Our state of the movement when the window closed."""

    SUCCESS = "success"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A settlement window that nothing is posted to any more, and how many lines were frozen with it."""

    window_id: int
    business_date: date
    closed_at: datetime
    lines: int


class Windows(Protocol):
    """Settlement windows and the lines that are frozen when one closes."""

    async def close(self, up_to: date) -> Sequence[ClosedWindow]:
        """Close every open window of a date not after `up_to` and freeze the lines of `ledger_lines`.

        One transaction under the exclusive form of the lock that every posting shares, so no entry is posted
        to a closed window. A repeat closes nothing and freezes nothing twice; since closing and freezing are
        one transaction, no line can be missing. A date without any window gets an empty closed one, so that a
        day without payments is closed too.
        """
        ...


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A journal entry that finance decides on: its moment, and accounts with signed paisa, debit positive.

    `id` is the entry's id, made before anything is written; the same id is the same entry. `payable_changes`
    is how many paisa more each merchant is owed (below zero: less), where an account of the merchant or its
    payees moves (`share_postings.move_owed`).
    """

    id: UUID
    moment: str
    postings: tuple[tuple[str, int], ...]
    payment_id: UUID | None = None
    payable_changes: tuple[tuple[str, int], ...] = ()
    currency: str = "BDT"

    @classmethod
    def of(cls, entry_id: UUID, entry: Entry, payment_id: UUID | None = None) -> "Adjustment":
        """An entry of `settlement_postings`, with how much more merchants are owed by it."""
        postings = tuple((posting.account, posting.amount) for posting in entry.postings)
        return cls(entry_id, entry.moment, postings, payment_id, payable_changes(entry), entry.currency)


class AdjustmentBooks(Protocol):
    """Entries that settle or correct, in the caller's transaction."""

    async def open_accounts(self, accounts: Collection[str]) -> None:
        """Make sure that accounts exist, in a transaction of their own, before the caller begins its own.

        Raises:
            UnknownAccountError: the chart has no such account.
        """
        ...

    async def post(self, connection: Connection, adjustments: Sequence[Adjustment]) -> None:
        """Write entries in order in the transaction of `connection`; one that is stored already is skipped.

        Raises:
            ProvenByPaymentError: one names its payment and moves an account that is proven by payments.
            UnbalancedEntryError: the postings of one do not sum to zero.
            asyncpg.CheckViolationError: a prefund or a debt limit does not allow it.
        """
        ...

    async def balances(self, connection: Connection) -> dict[str, int]:
        """Every account with the sum of its postings in its own direction, in paisa."""
        ...


class FileSays(StrEnum):
    """What a far side's file states about a movement whose end we do not know."""

    SUCCESS = "success"
    FAILED = "failed"
    ABSENT = "absent"  # the window is over and the file that should name it does not


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """One statement of a file: `movement` is the attempt or refund of the frozen line, `amount` is in paisa.

    `file` and `ordinal` name the row, 0 where it is absent. `night` is the night of the statement.
    """

    movement: UUID
    payment_id: UUID
    role: LineRole
    event: LineEvent
    says: FileSays
    file: str
    ordinal: int
    night: date
    their_reference: str = ""
    amount: int = 0


class FileEvidence(Protocol):
    """Passes statements of files to the payments in doubt; never sets an outcome by itself (law 6)."""

    async def tell(self, connection: Connection, answers: Sequence[FileAnswer]) -> int:
        """Store statements as evidence and make inquiries of payments, tries, refunds due; how many were new.

        In the caller's transaction. A statement that is stored already changes nothing. Success wakes the
        resolver, which inquires and records as always (a vend still waits for its token). A failure or
        absence counts together with one negative answer of the far side, absence only from its second file on
        (reconciliation.md 5, case 10).
        """
        ...

    async def wake(self, connection: Connection, movements: Collection[UUID]) -> int:
        """Make the inquiries of the payments, tries and refunds of these movements due now.

        In the caller's transaction; how many there were. No evidence is stored: a request of staff is no
        statement of a file.
        """
        ...


@dataclass(frozen=True, slots=True)
class LiveRefund:
    """A refund of the switch that was neither rejected nor refused, as it stands now; amount in paisa.

    A chargeback is one too, also while it is held for a dispute and once it came back to us.
    """

    refund_id: UUID
    state: RefundState
    amount: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class LiveMovement:
    """What the switch has booked by now about the movement of a frozen line; sums in paisa, instants in UTC.

    `collected` is None where nothing was collected, and for what collects nothing. `booked_at` is the newest
    booking about it but for refunds, None without any; `window_closed_at` is when the settlement window of
    that booking closed, None while it is open. `owed_at_desk` is what decisions about breaks owe its payer,
    or have paid.
    """

    movement: UUID
    payment_id: UUID
    payment_state: State
    collected: int | None
    booked_at: datetime | None
    owed_at_desk: int
    refunds: tuple[LiveRefund, ...] = ()
    window_closed_at: datetime | None = None


class LiveMovements(Protocol):
    """The movements of frozen lines as the switch has them now, and what finance owes their payers beside it.

    All in the caller's transaction.
    """

    async def lock(self, connection: Connection, movements: Collection[UUID]) -> Sequence[LiveMovement]:
        """Lock the books, and the payments, tries and refunds of these movements, and read them.

        Nothing of them changes until the transaction ends. What is neither an attempt, nor a refund, nor a
        further movement of ours is left out.
        """
        ...

    async def owe(
        self, connection: Connection, entry_id: UUID, movements: Collection[UUID], amount: int
    ) -> None:
        """Keep that an entry owes the payers of these tries so many paisa, or not twice under its id.

        From then on the switch gives back nothing of what such a try turns out to have collected. Of a try
        that has collected before, what is owed is other money, and the switch books no further movement of
        it. The movements are locked by `lock` in the same transaction.
        """
        ...

    async def release(self, connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        """Keep that the entry `reversal_id` owes nothing any more of what `entry_id` owed; once."""
        ...


@dataclass(frozen=True, slots=True)
class BankBooking:
    """What books a line of our own bank's statement; `amount` in paisa, above zero where money came.

    `names` are those by which the line is known, the likeliest first. `id` is that of the top-up, transfer,
    refund or decision, or of the entry by which the reconciliation has booked the line. `bank` has the
    statement, empty for that of the account through which transfers go.
    """

    kind: str
    id: UUID
    amount: int
    names: tuple[str, ...]
    booked_at: datetime
    is_reversed: bool = False
    bank: str = ""

    def __str__(self) -> str:
        """What has booked it, in words."""
        words = {
            "by-hand": "refund",
            BankLineKind.UNIDENTIFIED: "the unidentified line of entry",
            BankLineKind.RETURN: "the return of an unidentified line, entry",
            BankLineKind.RESOLUTION: "the decision about a break of entry",
        }
        return f"{words.get(self.kind, self.kind)} {self.id}"


class BankLines(Protocol):
    """What is booked of the lines of our own bank's statement; all in the caller's transaction."""

    async def bookings(self, connection: Connection) -> Sequence[BankBooking]:
        """Whatever is booked by a reference, reversed or not, but for decisions about a line's own break."""
        ...

    async def requests(self, connection: Connection) -> Sequence[tuple[str, int]]:
        """Reference and amount, in paisa, of what persons ask to book by a reference and nobody has approved.

        The amount is below zero where money left.
        """
        ...

    async def lock(self, connection: Connection, names: Collection[str]) -> Sequence[BankBooking]:
        """Lock lines by their names and read what stands booked of them, whatever has booked it.

        Nobody else books these lines until the transaction ends.
        """
        ...

    async def book(
        self,
        connection: Connection,
        entry_id: UUID,
        names: Collection[str],
        amount: int,
        *,
        kind: BankLineKind = BankLineKind.BREAK,
        bank: str = "",
    ) -> None:
        """Keep that an entry of the reconciliation has booked the line of these names; once.

        `amount` is in paisa, below zero where money left. `bank` has the statement, see `BankBooking`.
        """
        ...

    async def release(self, connection: Connection, entry_id: UUID, reversal_id: UUID) -> None:
        """Keep that the entry `reversal_id` has taken back what `entry_id` had booked; once."""
        ...


class AlarmBooks(Protocol):
    """Alarms that the wing raises and ends itself, in the caller's transaction; the core never ends them."""

    async def raise_alarms(self, connection: Connection, alarms: Sequence[RaisedAlarm]) -> None:
        """Write alarms; one that is open already counts, with the newest amount and facts."""
        ...

    async def end_alarms(self, connection: Connection, subjects: Sequence[str], reason: str) -> None:
        """End every open alarm about these subjects, which are over. A repeat changes nothing."""
        ...


class Persons(Protocol):
    """The staff with the role `finance`."""

    async def verify(self, name: str, passphrase: str) -> None:
        """Check the passphrase and the role `finance`; raises NotAllowedError otherwise."""
        ...

    async def may_decide(self, connection: Connection, name: str) -> bool:
        """Whether this person is still on the staff, with the role `finance`.

        In the caller's transaction; nobody removes them until it ends.
        """
        ...


class Finance(Protocol):
    """All ports of the reconciliation; each is opened at its first use."""

    @property
    def home_folder(self) -> Path:
        """The folder of this installation (`EKPAY_HOME`); the wing keeps its files in `reconciliation/`."""
        ...

    @property
    def config(self) -> Path:
        """The folder of the configuration."""
        ...

    @property
    def is_rehearsal(self) -> bool:
        """Whether no money of this installation is real (`EKPAY_REHEARSAL`, docs/adr/0080)."""
        ...

    def deposit_alarm_days(self) -> Mapping[str, Decimal]:
        """For how many days of vends our deposit at each prefunded utility should last, by the biller's id.

        Below that the alarm `deposit_low` is raised, so a top-up is proposed.
        """
        ...

    @property
    def windows(self) -> Windows:
        """See `Windows`."""
        ...

    @property
    def books(self) -> AdjustmentBooks:
        """See `AdjustmentBooks`."""
        ...

    @property
    def evidence(self) -> FileEvidence:
        """See `FileEvidence`."""
        ...

    @property
    def chargeback_rows(self) -> ChargebackRows:
        """See `ChargebackRows`."""
        ...

    @property
    def movements(self) -> LiveMovements:
        """See `LiveMovements`."""
        ...

    @property
    def bank_lines(self) -> BankLines:
        """See `BankLines`."""
        ...

    @property
    def alarms(self) -> AlarmBooks:
        """See `AlarmBooks`."""
        ...

    @property
    def persons(self) -> Persons:
        """See `Persons`."""
        ...

    async def write_partner_statements(self, night: date, folder: Path) -> int:
        """Write every partner's statement of a closed business date into `folder`; how many there are.

        A repeat writes the same files. Raises where the date is not closed yet.
        """
        ...

    def url(self, role: str = "app") -> str:
        """The libpq URL of a role (app, owner, audit), for drivers that are not asyncpg. Never logged."""
        ...

    async def connect(self, role: str = "app") -> Connection:
        """One asyncpg connection with the session guards on; the caller closes it."""
        ...
