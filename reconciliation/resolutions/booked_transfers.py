"""Breaks about a line of our bank that is booked already: a decision about a break would move our bank twice.

A top-up, a transfer to a utility, a refund by hand and a decision at the other desk have moved
`settlement_bank` when they were booked, and are corrected where they were booked (docs/adr/0071). A break
that says otherwise than the bank moves nothing. The other way round, a line that a decision about its break
has booked is kept under all its names, so that nobody books it as well.
"""

from collections.abc import Collection
from typing import Final

import polars as pl

from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.ports.finance import BankBooking, Connection, Finance
from reconciliation.canonical_row import FILE
from reconciliation.engine.row_store import RowStore
from reconciliation.resolutions.decision_records import Resolution, UnfitError
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.resolution_postings import BANK, OF_OUR_BANK, touches_our_bank
from reconciliation.resolutions.stale_breaks import movements_of_break, refuse_stale
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.records import BreakRecord
from reconciliation.results.run_state import CarriedState
from reconciliation.results.runs import latest_run
from reconciliation.statement.layout import read_layouts

# Where each kind of booking is corrected.
_DOORS: Final = {
    "top-up": "reverse it there (ekpay partners reverse), and the next night ends this break",
    "deposit": "reverse it there (ekpay billers reverse-deposit), and the next night ends this break",
    "by-hand": "it was paid by hand and stays; what the bank has returned is an entry by hand under the name "
    "of its own line (ekpay decide journal)",
    "decision": "what it moved is corrected by an entry by hand (ekpay decide journal)",
    BankLineKind.UNIDENTIFIED: "link, split or return it there (ekpay settle unidentified list), and the "
    "next night ends this break",
    BankLineKind.RETURN: "reverse the return there (ekpay settle unidentified list)",
    BankLineKind.RESOLUTION: "reverse that decision (ekpay reconcile reverse)",
}


class BookedTransferError(UnfitError):
    """The break is about a transfer that is booked already, and corrected where it was booked."""


async def booked_transfer_of(
    connection: Connection, finance: Finance, broken: BreakRecord
) -> BankBooking | None:
    """What has booked the line that a break of our own bank's statement is about; None without one.

    Its names stay locked until the transaction ends.
    """
    names = await names_of_line(connection, finance, broken)
    if not names:
        return None
    standing = await finance.bank_lines.lock(connection, names)
    movements = movements_of_break(broken)
    # What the break was found with, whatever the bank calls it.
    found_with = await finance.bank_lines.bookings(connection) if movements else ()
    booked = [
        *(booking for booking in standing if booking.kind != BankLineKind.BREAK),
        *(booking for booking in found_with if booking.id in movements),
    ]
    return booked[0] if booked else None


async def names_of_line(connection: Connection, finance: Finance, broken: BreakRecord) -> Collection[str]:
    """Every name of the line of our bank that a break is about: the bank's own, and the sender's."""
    if broken.institution not in _statements(finance):
        return ()
    names, store = {broken.reference}, await newest_rows(connection, finance)
    if store is not None:
        lines = store.of_names(broken.institution, [broken.reference]).filter(pl.col("source") == FILE)
        names |= {*lines["ours"], *lines["theirs"]}
    return sorted(name for name in names if name)


async def bank_of_line(connection: Connection, finance: Finance, reference: str, amount: int) -> str:
    """The bank whose statement alone has a line of a reference and amount, in paisa; empty without one."""
    store = await newest_rows(connection, finance)
    return "" if store is None else bank_with_line(store, _statements(finance), reference, amount)


def bank_with_line(store: RowStore, banks: Collection[str], reference: str, amount: int) -> str:
    """See `bank_of_line`, of these rows and statements."""
    is_line = (pl.col("source") == FILE) & (pl.col("net") == amount)
    found = [bank for bank in banks if not store.of_names(bank, [reference]).filter(is_line).is_empty()]
    return found[0] if len(found) == 1 else ""


def _statements(finance: Finance) -> list[str]:
    layouts = read_layouts(finance.config / "statements")
    return sorted(name for name, layout in layouts.items() if layout.kind == "statement")


async def newest_rows(connection: Connection, finance: Finance) -> RowStore | None:
    """The rows as the newest run has judged them; None before the first."""
    run = await latest_run(connection)
    if run is None:
        return None
    rows = NightFolders.of(finance.home_folder).rows
    return RowStore(rows, run.seq, CarriedState.read(rows / f"{run.seq:06d}").withdrawn)


async def refuse_booked(
    connection: Connection, finance: Finance, broken: BreakRecord, action: ResolutionAction
) -> None:
    """Refuse a decision that moves money on a break whose money is booked otherwise; locks its movements.

    An unidentified line is no refusal of an action that says what the line is for: it takes the line over.

    Raises:
        BookedTransferError: it is about a booked transfer; the message names it.
        StaleBreakError: the switch has booked something about it since the night froze its lines.
    """
    booking = await booked_transfer_of(connection, finance, broken)
    is_taken_over = (
        booking is not None and booking.kind == BankLineKind.UNIDENTIFIED and action in OF_OUR_BANK
    )
    if booking is not None and not is_taken_over:
        raise BookedTransferError(
            f"action: {booking} is booked: {_DOORS[booking.kind]}; here only what moves no money fits"
        )
    await refuse_stale(connection, finance, broken)


async def keep_booked(
    connection: Connection, finance: Finance, resolution: Resolution, broken: BreakRecord
) -> None:
    """Tell the switch that an approved decision has booked the bank's line of its break."""
    amount = sum(paisa for account, paisa in resolution.postings if account == BANK)
    if amount and not touches_our_bank(resolution.action):
        names = await names_of_line(connection, finance, broken)
        await finance.bank_lines.book(connection, resolution.entry_id, names, amount)


async def release_booked(
    connection: Connection, finance: Finance, booked: Resolution, reversal: Resolution
) -> None:
    """Tell the switch that a reversed decision books no line of our bank any more."""
    await finance.bank_lines.release(connection, booked.entry_id, reversal.entry_id)
