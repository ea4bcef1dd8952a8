"""The base of all layouts: a header, one text for each row, a trailer, and the totals.

The layouts themselves are in `wallet_layouts`, `bank_layouts`, `biller_layouts` and `nagad_workbook`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sandbox.kit.institution.amounts import taka
from sandbox.rehearsals.month.model.instants import plain
from sandbox.rehearsals.month.model.institutions import MonthInstitution
from sandbox.rehearsals.month.model.rows import MonthRow, RowDefect

NO_DAY = "2026-02-31"
HASH_MODULUS = 10**12


@dataclass(frozen=True, slots=True)
class Cover:
    """What the header of a file states."""

    institution: MonthInstitution
    date: int
    cycle: int
    sequence: int = 0
    correction: int = 0
    """Which correction it is; 0 is the original."""

    def name(self, extension: str) -> str:
        """Return the name of the file."""
        tail = f"_c{self.correction}" if self.correction else ""
        return f"{self.institution.id}_{plain(self.date)}_{self.cycle:02d}{tail}.{extension}"

    @property
    def flag(self) -> str:
        """O for an original, C for a correction."""
        return "C" if self.correction else "O"


@dataclass(slots=True)
class Totals:
    """The totals of a file's rows; `size` is gross without signs, `hashed` the sum of our references."""

    rows: int = 0
    gross: int = 0
    size: int = 0
    fee: int = 0
    vat: int = 0
    net: int = 0
    hashed: int = 0

    def add(self, row: MonthRow, *, is_hashed: bool) -> None:
        """Count one row."""
        self.rows += 1
        self.gross += row.gross
        self.size += abs(row.gross)
        self.fee += row.fee
        self.vat += row.vat
        self.net += row.net
        if is_hashed:
            self.hashed = (self.hashed + int(row.ours)) % HASH_MODULUS


class FileLayout(ABC):
    """How a file is written; the texts have their line ends with them."""

    extension = "csv"
    encoding = "utf-8"
    is_counted = False
    """Whether the last part needs totals."""
    is_hashed = False
    is_digested = False
    """Whether the last part needs the SHA-256 of what is before it."""

    def head(self, cover: Cover) -> str:
        """Return the text before the rows."""
        del cover
        return ""

    @abstractmethod
    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row; `ordinal` counts from 1 within the file."""

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the text after the rows."""
        del totals, cover, digest
        return ""

    @abstractmethod
    def time(self, ms: int) -> str:
        """Write an instant."""

    no_day = f"{NO_DAY} 10:20:30"
    """The 31 of February as this layout would write it."""

    def when(self, row: MonthRow) -> str:
        """Write the instant of a row, or an impossible date if that is its defect."""
        if row.spoiled is None:
            return self.time(row.ms)
        return "" if row.spoiled is RowDefect.BLANK_TIME else self.no_day


def masked_wallet(number: int) -> str:
    """Return an invented wallet number with its middle masked."""
    return f"017****{number * 7_919 % 10_000:04d}"


def masked_card(number: int) -> str:
    """Return an invented card number with its middle masked."""
    return f"506099******{number * 6_311 % 10_000:04d}"


def bracketed(paisa: int) -> str:
    """Write taka, a negative amount in brackets."""
    return f"({taka(-paisa)})" if paisa < 0 else taka(paisa)


def credit_or_debit(paisa: int) -> str:
    """Write taka with CR, a negative amount with DR."""
    return f"{taka(abs(paisa))} {'DR' if paisa < 0 else 'CR'}"
