"""Entries by hand: what an approval posts, and items in suspense, which never give more than they hold."""

from collections.abc import Collection, Sequence
from uuid import UUID

from ekpay_switch.domain.alarms import entry_subject
from ekpay_switch.domain.decisions.journal import JOURNAL_MOMENT, JournalChart, journal_entry
from ekpay_switch.domain.decisions.suspense import TAKING_MOMENT, SuspenseItem, UnfitTakingError, taking_fault
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.settlement_postings import UNIDENTIFIED, payable_changes
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms
from ekpay_switch.persistence.decisions.carry_out import Approval
from ekpay_switch.persistence.decisions.proposals import read_takings
from ekpay_switch.persistence.ledger.adjustments import post_adjustments
from ekpay_switch.persistence.ledger.suspense_items import list_open_items, lock_items, read_items
from ekpay_switch.persistence.payment_rows import ADJUSTMENT_LANE, lock_books
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.decisions import JournalProposal, ProposalView, SuspenseView
from ekpay_switch.ports.finance import Adjustment

_IS_UNIDENTIFIED = "SELECT true FROM journal_entries WHERE id = $1 AND starts_with(moment, $2)"


class NoItemError(SwitchError):
    """The entry has put nothing into suspense that is decided here."""


async def proposed_entry(connection: Connection, proposal: JournalProposal, chart: JournalChart) -> Entry:
    """The entry of a proposal.

    Raises:
        ForbiddenEntryError: it does not balance, or the chart does not let its accounts meet.
        NoItemError: it is to take from an entry that has put nothing into suspense.
        UnfitTakingError: it cannot take from that item as it stands.
    """
    entry = journal_entry(proposal.postings, chart, _moment(proposal.takes_from))
    if proposal.takes_from is not None:
        fault = taking_fault(entry, await _items_of(connection, proposal.takes_from))
        if fault:
            raise UnfitTakingError(f"of: {fault}")
    return entry


async def post_journal(
    connection: Connection, view: ProposalView, approval: Approval, chart: JournalChart
) -> str:
    """Post an approved entry; returns why its proposal has lapsed instead, or nothing.

    The items that it takes from are locked until the transaction ends, so two approvals never take more than
    remains. The alarm of an entry ends with the last that remained of it.
    """
    entry, takes_from = view.entries[0], view.takes_from
    postings = tuple((posting.account, posting.amount) for posting in entry.postings)
    try:
        journal_entry(postings, chart, entry.moment)
    except SwitchError as problem:
        return f"the chart does not allow it any more: {problem}"
    if takes_from is not None:
        # Before the items, as everybody who takes from them does.
        await lock_books(connection, ADJUSTMENT_LANE)
        fault = taking_fault(entry, await lock_items(connection, takes_from))
        if fault:
            return f"it cannot be taken from entry {takes_from} any more: {fault}"
    adjustment = Adjustment(
        approval.entry_ids[0], entry.moment, postings, None, payable_changes(entry), entry.currency
    )
    await post_adjustments(connection, [adjustment])
    return ""


async def end_settled_item(connection: Connection, entry_id: UUID, decision_id: UUID) -> None:
    """End the alarm of an entry of which nothing remains, once the decision is written as approved."""
    if not any(item.remains for item in await read_items(connection, entry_id)):
        reason = f"decision {decision_id}: nothing of it remains"
        await end_alarms(connection, [entry_subject(entry_id)], AlarmEnd.DECISION, reason)


async def list_suspense(connection: Connection, limit: int, after: UUID | None) -> Sequence[SuspenseView]:
    """See `ports.decisions.DecisionDesk`."""
    return await _views(connection, await list_open_items(connection, limit, after))


async def show_suspense(connection: Connection, entry_id: UUID) -> Sequence[SuspenseView]:
    """See `ports.decisions.DecisionDesk`."""
    return await _views(connection, await _items_of(connection, entry_id))


async def _views(connection: Connection, items: Sequence[SuspenseItem]) -> Sequence[SuspenseView]:
    takings = await read_takings(connection, {item.entry_id for item in items})
    return [SuspenseView(item, _about(item, takings)) for item in items]


def _about(item: SuspenseItem, takings: Collection[ProposalView]) -> list[ProposalView]:
    return [view for view in takings if view.takes_from == item.entry_id]


async def _items_of(connection: Connection, entry_id: UUID) -> Sequence[SuspenseItem]:
    items = await read_items(connection, entry_id)
    if not items and await connection.fetchval(_IS_UNIDENTIFIED, entry_id, UNIDENTIFIED):
        raise NoItemError(
            f"of: entry {entry_id} belongs to an unidentified line of a bank: ekpay settle unidentified list"
        )
    if not items:
        raise NoItemError(f"of: entry {entry_id} has put nothing into suspense that is decided here")
    return items


def _moment(takes_from: UUID | None) -> str:
    return JOURNAL_MOMENT if takes_from is None else TAKING_MOMENT
