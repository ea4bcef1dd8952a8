"""An unidentified line that a decision about a break takes over, as it says what the bank has moved."""

from uuid import UUID

from ekpay_switch.domain.ledger.settlement_postings import SETTLEMENT_BANK, unidentified_settled_entry
from ekpay_switch.ports.finance import Adjustment, Connection, Finance
from reconciliation.unidentified.item_store import write_events
from reconciliation.unidentified.items import (
    ItemEvent,
    ItemState,
    NewItemEvent,
    UnidentifiedItem,
    entry_id_of_event,
)


async def take_over(
    connection: Connection, finance: Finance, item: UnidentifiedItem, resolution_id: UUID
) -> None:
    """Take an open item out of suspense and release its line, in the transaction that books it otherwise.

    The names of the line are locked. Its decision was approved by two persons.
    """
    revision = item.revision + 1
    entry_id = entry_id_of_event(item.id, revision)
    entry = unidentified_settled_entry(item.bank, [(SETTLEMENT_BANK, item.amount)])
    await finance.books.post(connection, [Adjustment.of(entry_id, entry)])
    await finance.bank_lines.release(connection, item.booked_entry_id, entry_id)
    reason = "a decision about a break has booked the line"
    event = NewItemEvent(
        item.id,
        revision,
        ItemEvent.TAKEN,
        ItemState.TAKEN,
        resolution_id=resolution_id,
        entry_id=entry_id,
        reason=reason,
    )
    await write_events(connection, [event])
    await finance.alarms.end_alarms(connection, [item.subject], reason)
