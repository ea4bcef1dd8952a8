"""Expected lines of our own bank's statement for what two persons have booked by the bank's reference.

A top-up brings money, a transfer to a utility and a refund that was paid by hand take some; a decision that
moves our bank (an entry by hand, the rest of a refund) does either. Each is a row of ours beside the
instructions (`expected_debits`), so that the night matches the bank's line with it instead of calling it a
stranger; without a line by the business day after its approval it is a break.

What was booked wrong and reversed is withdrawn, unless the bank has a line that takes the money back: then
both are expected. The row of an unidentified line is withdrawn once its decision is reversed, and expected
again, under a name of its own, once persons have decided anew.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import polars as pl

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.ports.finance import Finance
from reconciliation.calendar import Calendar
from reconciliation.canonical_row import BRINGS, FAILED, FILE, LEDGER, SUCCESS, complete, no_rows
from reconciliation.engine.row_store import RowStore
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.matching.reference_keys import STRANGER
from reconciliation.results.table_values import Connection
from reconciliation.unidentified.item_store import items_of_entries
from reconciliation.unidentified.items import UNDECIDED

WITHDRAWN: Final = " withdrawn"


@dataclass(frozen=True, slots=True)
class BankTransfer:
    """A booked transfer; `amount` is in paisa, positive where it brings money to our bank account.

    The bank's line bears one of `names`. `bank` has the statement, empty for that of the account through
    which transfers go. `is_undecided`: it is an unidentified line about which nothing stands decided.
    `is_one_of_several`: the entry has booked other lines as well.
    """

    kind: str
    id: UUID
    amount: int
    names: tuple[str, ...]
    approved_on: date
    is_reversed: bool
    bank: str = ""
    is_undecided: bool = False
    is_one_of_several: bool = False

    @property
    def origin(self) -> str:
        """The origin of its row."""
        of_several = f"/{self.names[0]}" if self.is_one_of_several else ""
        return f"{self.kind} {self.id}{of_several}"


@dataclass(frozen=True, slots=True)
class _BankLine:
    reference: str
    direction: int
    amount: int


@dataclass(frozen=True, slots=True)
class OwnStatement:
    """The statement of the account through which transfers go, with what earlier runs have left of it."""

    institution: str
    calendar: Calendar
    store: RowStore
    taken: Collection[str]

    def rows(self, transfers: Sequence[BankTransfer]) -> pl.DataFrame:
        """Canonical rows of ours for what no run has taken yet.

        A row that failed is none: it says that the one whose origin it extends is not expected any more.
        """
        unsettled = [transfer for transfer in transfers if self._is_unsettled(transfer)]
        lines = self._lines_of(sorted({name for transfer in unsettled for name in transfer.names}))
        rows = [
            row
            for transfer in unsettled
            for row in self._rows_of(
                transfer, [line for name in transfer.names for line in lines.get(name, [])]
            )
        ]
        return complete(pl.DataFrame(rows)) if rows else no_rows()

    def _is_unsettled(self, transfer: BankTransfer) -> bool:
        if transfer.is_undecided:
            return bool(self._standing_origin(transfer))
        if transfer.is_reversed:
            return f"{transfer.origin} returned" not in self.taken
        return not self._standing_origin(transfer)

    def _taken_origins(self, transfer: BankTransfer) -> list[str]:
        """The names of the rows of a transfer that earlier runs took, the newest last."""
        origins: list[str] = []
        while (origin := _origin_of(transfer, len(origins) + 1)) in self.taken:
            origins.append(origin)
        return origins

    def _standing_origin(self, transfer: BankTransfer) -> str:
        """The name of the row of a transfer that is expected since an earlier run; empty without one."""
        newest = self._taken_origins(transfer)[-1:]
        return next((origin for origin in newest if f"{origin}{WITHDRAWN}" not in self.taken), "")

    def _lines_of(self, references: Sequence[str]) -> dict[str, list[_BankLine]]:
        """The lines of the bank that bear one of these references, as its own or as the sender's."""
        lines: dict[str, list[_BankLine]] = {}
        known = self.store.of_names(self.institution, references) if references else no_rows()
        columns = ("ours", "theirs", "reference", "direction", "net")
        for ours, theirs, reference, direction, net in (
            known.filter(pl.col("source") == FILE).sort("origin", "ordinal").select(columns).iter_rows()
        ):
            for name in {ours, theirs}:
                lines.setdefault(name, []).append(_BankLine(reference, direction, net))
        return lines

    def _rows_of(self, transfer: BankTransfer, lines: Sequence[_BankLine]) -> Iterator[dict[str, object]]:
        standing = self._standing_origin(transfer)
        # Several lines may bear one reference; the one of this amount is meant.
        fitting = [line for line in lines if line.amount == transfer.amount] or lines
        reference = fitting[0].reference if fitting else f"{STRANGER}{transfer.names[0]}"
        row = self._row(transfer, reference)
        is_over = transfer.is_reversed or transfer.is_undecided
        returned = next((line for line in lines if line.amount == -transfer.amount), None)
        if is_over and (returned is None or transfer.is_undecided):
            if standing:
                yield row | {"origin": f"{standing}{WITHDRAWN}", "status": FAILED}
            return
        if not standing:
            yield row | {"origin": _origin_of(transfer, len(self._taken_origins(transfer)) + 1)}
        if not is_over or returned is None:
            return
        row = self._row(transfer, returned.reference)
        amounts = {"gross": -transfer.amount, "net": -transfer.amount}
        yield row | amounts | {"origin": f"{transfer.origin} returned", "direction": returned.direction}

    def _row(self, transfer: BankTransfer, reference: str) -> dict[str, object]:
        booked_on = self.calendar.on_or_after(transfer.approved_on)
        return {
            "source": LEDGER,
            "origin": transfer.origin,
            "ordinal": 1,
            "institution": self.institution,
            "reference": reference,
            "direction": BRINGS,
            "ours": reference,
            "theirs": "",
            "status": SUCCESS,
            "gross": transfer.amount,
            "fee": 0,
            "vat": 0,
            "net": transfer.amount,
            "currency": CURRENCY,
            "business_date": transfer.approved_on,
            "due_date": self.calendar.business_day_after(booked_on),
            "is_late": False,
        }


def _origin_of(transfer: BankTransfer, number: int) -> str:
    """The name of the row of a transfer that is expected for the first, second, … time."""
    match number:
        case 1:
            return transfer.origin
        case 2:
            return f"{transfer.origin} again"
        case _:
            return f"{transfer.origin} again {number}"


async def booked_transfers(connection: Connection, finance: Finance) -> list[BankTransfer]:
    """Every transfer that is booked, reversed ones too.

    An unidentified line is undecided before two persons have decided about it, and after they have reversed
    that: its break stands until then, so that an action of the break can take the line over.
    """
    bookings = await finance.bank_lines.bookings(connection)
    times = Counter(booking.id for booking in bookings)
    unidentified = [booking.id for booking in bookings if booking.kind == BankLineKind.UNIDENTIFIED]
    undecided = {
        item.booked_entry_id
        for item in await items_of_entries(connection, unidentified)
        if item.state in UNDECIDED
    }
    return [
        BankTransfer(
            booking.kind,
            booking.id,
            booking.amount,
            booking.names,
            business_date(booking.booked_at),
            booking.is_reversed,
            booking.bank,
            booking.id in undecided,
            booking.kind == BankLineKind.RETURN and times[booking.id] > 1,
        )
        for booking in bookings
    ]
