"""What the nightly reconciliation needs of the core: windows, lines to match, entries, evidence, persons.

The wing that closes the day reads our books and never pays. What it decides reaches them through these ports
alone, each in the transaction of its caller where money or evidence moves, so that a decision and what it
changes are durable together. The command line hands an implementation over as the context's object.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.settlement_postings import owed_of

# An asyncpg connection; the driver does not type its methods.
Connection = Any


class LineRole(StrEnum):
    """Whose statement a line of our books is matched with."""

    CONNECTOR = "connector"  # funds that a connector brought or gave back
    BILLER = "biller"  # what a biller was told, or took back
    PARTNER = "partner"  # what a partner's prefund paid, or was given back
    MERCHANT = "merchant"  # what a merchant or its payee was credited, or gave back


class LineEvent(StrEnum):
    """What a line does with the money."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"


class LineStatus(StrEnum):
    """What we know of it when the window closed."""

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
        to a closed window. Closing again closes nothing and freezes nothing twice. Where no window stands
        open but a line is missing (a process died between the two) there is nothing to repair: both are one
        transaction. A date without any window gets an empty closed one, so that a day on which nothing was
        paid is a day that was closed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A journal entry that finance decides on: its moment, and accounts with signed paisa, debit positive.

    `id` is the entry's id, made before anything is written; the same id is the same entry. `owed` says by how
    many paisa merchants are owed more (below zero: less), where one of their accounts or of their payees'
    moves (`merchant_money.move_owed`).
    """

    id: UUID
    moment: str
    postings: tuple[tuple[str, int], ...]
    payment_id: UUID | None = None
    owed: tuple[tuple[str, int], ...] = ()
    currency: str = "BDT"

    @classmethod
    def of(cls, entry_id: UUID, entry: Entry, payment_id: UUID | None = None) -> "Adjustment":
        """An entry of `domain.settling`, with what it makes merchants owed."""
        postings = tuple((posting.account, posting.amount) for posting in entry.postings)
        return cls(entry_id, entry.moment, postings, payment_id, owed_of(entry), entry.currency)


class AdjustmentBooks(Protocol):
    """Entries that settle or correct, in the caller's transaction."""

    async def open_accounts(self, accounts: Collection[str]) -> None:
        """Make sure that accounts stand, in a transaction of their own, before the caller begins its own.

        Raises:
            UnknownAccountError: the chart has no such account.
        """
        ...

    async def post(self, connection: Connection, adjustments: Sequence[Adjustment]) -> None:
        """Write entries in order in the transaction that `connection` is in; one that stands is skipped.

        Raises:
            ProvenByPaymentError: one names its payment and moves an account that is proven by payments.
            UnbalancedEntryError: the postings of one do not sum to zero.
            asyncpg.CheckViolationError: a floor or a debt limit does not allow it.
        """
        ...

    async def balances(self, connection: Connection) -> dict[str, int]:
        """Every account with the sum of its postings in its own direction, in paisa."""
        ...


class FileSays(StrEnum):
    """What a far side's file says of a movement that we do not know the end of."""

    SUCCESS = "success"
    FAILED = "failed"
    ABSENT = "absent"  # the window is over and the file that had to name it does not


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """One answer: `movement` is the attempt or refund that the frozen line names, `amount` is in paisa.

    `file` and `ordinal` name the row, 0 where it is absent. `night` is the night that found it.
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
    """Hands what files say to the payments that wait for it; never sets an outcome by itself (law 6)."""

    async def tell(self, connection: Connection, answers: Sequence[FileAnswer]) -> int:
        """Keep answers as evidence and wake the payments, tries and refunds; how many were new.

        In the caller's transaction. An answer that stands already changes nothing. Success wakes the
        resolver, which asks and records as always (a vend still waits for its token). A failure or absence
        counts together with one negative answer of the far side, absence only from its second file on
        (reconciliation.md 5, case 10).
        """
        ...

    async def wake(self, connection: Connection, movements: Collection[UUID]) -> int:
        """Wake the payments, tries and refunds of these movements, so that the far side is asked now.

        In the caller's transaction; how many were woken. No evidence is kept: that people want to know is no
        second absent file.
        """
        ...


class Persons(Protocol):
    """The staff, as far as finance is asked."""

    async def verify(self, name: str, passphrase: str) -> None:
        """Raises NotAllowedError unless the passphrase is theirs and they have the role `finance`."""
        ...


class Finance(Protocol):
    """Everything together, opened when it is first used."""

    @property
    def home(self) -> Path:
        """The folder of this installation (`EKPAY_HOME`); the wing keeps its files in `reconciliation/`."""
        ...

    @property
    def config(self) -> Path:
        """The folder of the configuration."""
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
    def persons(self) -> Persons:
        """See `Persons`."""
        ...

    async def leave_partner_statements(self, night: date, folder: Path) -> int:
        """Leave every partner's statement of a closed business date in `folder`; how many there are.

        The same night leaves the same files. Raises where something may yet be posted to the date.
        """
        ...

    def url(self, role: str = "app") -> str:
        """The libpq URL of a role (app, owner, audit), for drivers that are not asyncpg. Never logged."""
        ...

    async def connect(self, role: str = "app") -> Connection:
        """One asyncpg connection with the session guards on; the caller closes it."""
        ...
