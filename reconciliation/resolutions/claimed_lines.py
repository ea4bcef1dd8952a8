"""The line of our bank behind a decision that says what the bank has paid or received.

Such a decision names the line by the bank's reference, and books it as everything else does: once. A line
that `ekpay settle credits` has put into suspense as unidentified is taken over by the decision.
"""

from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.resolutions.booked_transfers import (
    BookedTransferError,
    bank_of_line,
    keep_booked,
    names_of_line,
)
from reconciliation.resolutions.decision_records import Resolution, UnfitError
from reconciliation.resolutions.resolution_postings import BANK, OF_OUR_BANK, touches_our_bank
from reconciliation.results.records import BreakRecord
from reconciliation.unidentified.item_store import items_named, items_of_entries
from reconciliation.unidentified.item_takeover import take_over
from reconciliation.unidentified.items import ItemState, UnidentifiedItem


async def line_of_claim(
    connection: Connection, finance: Finance, resolution: Resolution
) -> UnidentifiedItem | None:
    """The unidentified line that a decision takes over; None where it has no line, or nothing has booked it.

    Locks the names of the line until the transaction ends.

    Raises:
        BookedTransferError: something else has booked the line.
        UnfitError: it names no line, or an unidentified one of another amount, or one that is decided.
    """
    reference = resolution.bank_reference
    if resolution.reverses is not None or not touches_our_bank(resolution.action):
        return None
    if not reference or len(reference.split()) > 1:
        raise UnfitError("bank_reference: say the bank's own reference of the transfer, without spaces")
    named = await items_named(connection, reference)
    names = {reference, *(name for item in named for name in item.names)}
    standing = [
        booking
        for booking in await finance.bank_lines.lock(connection, names)
        if booking.names[0] == reference
    ]
    elsewhere = [booking for booking in standing if booking.kind != BankLineKind.UNIDENTIFIED]
    if elsewhere:
        raise BookedTransferError(f"bank_reference: {elsewhere[0]} has booked {reference}")
    items = await items_of_entries(connection, [booking.id for booking in standing])
    if not items:
        return None
    item, amount = items[0], _moved_at_bank(resolution)
    if item.state is not ItemState.OPEN or item.amount != amount:
        raise UnfitError(
            f"bank_reference: unidentified line {item.number} of {item.amount} paisa is {item.state.value}; "
            f"the decision moves {amount} paisa"
        )
    return item


async def book_line(
    connection: Connection, finance: Finance, resolution: Resolution, broken: BreakRecord
) -> None:
    """Book the bank's line of an approved decision, whose entry is posted in the same transaction.

    Raises:
        BookedTransferError: something else has booked it since the proposal.
        UnfitError: it was decided otherwise since.
    """
    if not touches_our_bank(resolution.action):
        await _take_line_of_break(connection, finance, resolution, broken)
        await keep_booked(connection, finance, resolution, broken)
        return
    item = await line_of_claim(connection, finance, resolution)
    names = {resolution.bank_reference}
    if item is not None:
        await take_over(connection, finance, item, resolution.id)
        names |= set(item.names)
    amount = _moved_at_bank(resolution)
    reference = resolution.bank_reference
    bank = item.bank if item else await bank_of_line(connection, finance, reference, amount)
    free = names - {booking.names[0] for booking in await finance.bank_lines.lock(connection, names)}
    kind = BankLineKind.RESOLUTION
    await finance.bank_lines.book(connection, resolution.entry_id, free, amount, kind=kind, bank=bank)


async def _take_line_of_break(
    connection: Connection, finance: Finance, resolution: Resolution, broken: BreakRecord
) -> None:
    """Take the unidentified line over that a break is about, where the decision says what the line is for."""
    if resolution.action not in OF_OUR_BANK:
        return
    names = await names_of_line(connection, finance, broken)
    standing = await finance.bank_lines.lock(connection, names)
    booked = [booking.id for booking in standing if booking.kind == BankLineKind.UNIDENTIFIED]
    items = await items_of_entries(connection, booked)
    amount = _moved_at_bank(resolution)
    fitting = [item for item in items if item.state is ItemState.OPEN and item.amount == amount]
    if items and not fitting:
        raise UnfitError(
            f"unidentified line {items[0].number} of {items[0].amount} paisa is {items[0].state.value}; "
            f"the decision moves {amount} paisa; another line under its reference is an item of its own: "
            "ekpay settle unidentified list"
        )
    for item in fitting[:1]:
        await take_over(connection, finance, item, resolution.id)


def _moved_at_bank(resolution: Resolution) -> int:
    return sum(paisa for account, paisa in resolution.postings if account == BANK)
