"""What two persons decide about an unidentified line: one proposes, another approves or rejects.

Each is one transaction under the lock of settlement: names, then the item, then entries. A proposal that
lapsed, or an approval that is refused, claims no line of the bank.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.ports.finance import Adjustment, Connection
from ekpay_switch.security.identifiers import uuid7
from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import SettlementWork, settlement_lock
from reconciliation.settlement.debts.demand_payments import demand_parts, refuse_unfit_payments
from reconciliation.settlement.debts.demands import follow_demands
from reconciliation.settlement.unidentified.found_lines import let_go, raised_alarm
from reconciliation.unidentified.item_store import (
    decision_by,
    item_by_number,
    items_named,
    items_of_entries,
    newest_approved,
    references_of_decisions,
    write_decision,
    write_events,
)
from reconciliation.unidentified.items import (
    DEMAND,
    ItemAction,
    ItemDecision,
    ItemEvent,
    ItemPart,
    ItemState,
    NewItemEvent,
    UnidentifiedItem,
    entry_id_of_event,
    reference_of,
    refuse_unfit_parts,
    reopening_entry,
    settling_entry,
)

_ACCOUNTS = "SELECT code FROM public.accounts WHERE code = ANY ($1::text[])"
_STATEMENTS = """
SELECT end_to_end_id, statement FROM reconciliation.settlement_instructions
WHERE end_to_end_id = ANY ($1::text[])
"""
# Accounts that a decision may be the first to post to; all others are there with their party.
_OWN = frozenset({"settlement_bank", "bank_charges", "write_off"})


@dataclass(frozen=True, slots=True)
class ItemProposal:
    """What a person proposes about the item of a number; parts in the order in which they were typed.

    `bank_reference` names the transfer by which a whole line was given back by hand; a target may name that
    of a part.
    """

    number: int
    action: ItemAction
    reason: str
    proposed_by: str
    targets: tuple[tuple[str, int | None], ...] = ()
    bank_reference: str = ""

    @property
    def references(self) -> frozenset[str]:
        """The bank's references of all transfers that it names."""
        named = {reference_of(target) for target, _ in self.targets}
        return frozenset({self.bank_reference.strip(), *named} - {""})


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """What another person says of the proposal that waits."""

    number: int
    person: str
    approves: bool
    reason: str = ""


async def propose(work: SettlementWork, proposal: ItemProposal) -> ItemDecision:
    """Write a proposal down; nothing is posted.

    Raises:
        SettlementError: there is no such item, it does not wait for this, or the proposal does not fit it.
    """
    if not proposal.reason.strip():
        raise SettlementError("reason: a decision needs one")
    connection = work.connection
    async with settlement_lock(work):
        item = await _locked_item(work, proposal.number, *proposal.references)
        decision = await _decision_of(work, item, proposal)
        await _refuse_unfit(work, item, decision)
        await write_decision(connection, decision)
        event = NewItemEvent(
            item.id,
            item.revision + 1,
            ItemEvent.PROPOSED,
            ItemState.PROPOSED,
            decision.id,
            person=proposal.proposed_by,
            reason=decision.reason,
        )
        await write_events(connection, [event])
    return decision


async def decide(
    work: SettlementWork, verdict: ItemVerdict, follow: Callable[[SettlementWork], Awaitable[object]]
) -> UnidentifiedItem:
    """Write what another person says; an approval posts, and `follow` books what instructions come to by it.

    Raises:
        SettlementError: no proposal waits, the person has made it, may decide nothing any more, or the books
            or the bank's line do not allow it any more; nothing was changed.
    """
    connection = work.connection
    try:
        async with settlement_lock(work):
            item = await _locked_item(work, verdict.number)
            if item.state is not ItemState.PROPOSED or item.decision_id is None:
                raise SettlementError(f"unidentified line {item.number} is {item.state.value}: nothing waits")
            decision = await decision_by(connection, item.decision_id)
            if decision.proposed_by == verdict.person:
                raise SettlementError("by: who proposed it cannot decide it; that takes a second person")
            if verdict.approves:
                await _approve(work, item, decision, verdict)
            else:
                await _reject(connection, item, decision, verdict)
            if verdict.approves and any(part.instruction for part in decision.parts):
                await follow(work)
            if verdict.approves and any(part.demand for part in decision.parts):
                await follow_demands(work)
            return await existing_item(connection, verdict.number)
    except asyncpg.CheckViolationError as refused:
        raise SettlementError(f"the books do not allow it ({refused.constraint_name})") from refused


async def existing_item(connection: Connection, number: int) -> UnidentifiedItem:
    """The item that persons call by this number.

    Raises:
        SettlementError: there is none.
    """
    item = await item_by_number(connection, number)
    if item is None:
        raise SettlementError(f"there is no unidentified line {number}: ekpay settle unidentified list")
    return item


async def _locked_item(work: SettlementWork, number: int, *more: str) -> UnidentifiedItem:
    """The item of a number; nobody books its line, or those of its decisions, until the transaction ends."""
    connection = work.connection
    item = await existing_item(connection, number)
    references = {*more, *await references_of_decisions(connection, item.id)} - {""}
    others = [other for name in sorted(references) for other in await items_named(connection, name)]
    names = {*item.names, *references, *(name for other in others for name in other.names)}
    await work.setting.finance.bank_lines.lock(connection, names)
    return await existing_item(connection, number)


async def _decision_of(work: SettlementWork, item: UnidentifiedItem, proposal: ItemProposal) -> ItemDecision:
    decision = ItemDecision(
        uuid7(), item.id, proposal.action, proposal.reason.strip(), "", None, proposal.proposed_by
    )
    if proposal.action is ItemAction.REVERSE:
        _refuse_state(item, ItemState.SETTLED, ItemState.MISSING)
        standing, _ = await newest_approved(work.connection, item.id)
        return replace(decision, reverses=standing.id, parts=standing.parts)
    _refuse_state(item, ItemState.OPEN)
    if proposal.action is ItemAction.RETURN:
        reference = proposal.bank_reference.strip()
        if not reference or len(reference.split()) > 1:
            raise SettlementError("reference: the bank's own for the transfer, without spaces")
        parts = (ItemPart.of_return(reference, item.amount),)
        return replace(decision, bank_reference=reference, parts=parts)
    decision = replace(decision, parts=await _parts_of(work, item, proposal.targets))
    if proposal.action is ItemAction.LINK and decision.return_parts:
        raise SettlementError("target: the whole line goes back by ekpay settle unidentified return")
    return decision


def _refuse_state(item: UnidentifiedItem, *fitting: ItemState) -> None:
    if item.state not in fitting:
        raise SettlementError(f"unidentified line {item.number} is {item.state.value}")


async def _parts_of(
    work: SettlementWork, item: UnidentifiedItem, targets: Sequence[tuple[str, int | None]]
) -> tuple[ItemPart, ...]:
    sign = 1 if item.amount > 0 else -1
    parts: list[ItemPart] = []
    for target, paisa in targets:
        amount = item.amount if paisa is None else sign * paisa
        kind, _, name = target.partition(":")
        if kind == DEMAND and amount > 0:
            parts += await demand_parts(work, name, amount)
        else:
            parts.append(ItemPart.of(target, amount))
    return tuple(parts)


async def _refuse_unfit(work: SettlementWork, item: UnidentifiedItem, decision: ItemDecision) -> None:
    """Refuse parts whose accounts or instructions are not there, and returns whose transfers are booked."""
    connection = work.connection
    refuse_unfit_parts(item, decision.parts)
    if decision.action is ItemAction.REVERSE:
        return
    await refuse_unfit_payments(work, decision.parts)
    accounts = {part.account for part in decision.parts} - _OWN
    known = {row["code"] for row in await connection.fetch(_ACCOUNTS, sorted(accounts))}
    if accounts - known:
        raise SettlementError(f"target: there is no account {', '.join(sorted(accounts - known))}")
    names = {part.instruction for part in decision.parts} - {""}
    banks = {
        row["end_to_end_id"]: row["statement"] for row in await connection.fetch(_STATEMENTS, list(names))
    }
    for name in sorted(names):
        if banks.get(name) != item.bank:
            raise SettlementError(f"target: no instruction {name} goes through {item.bank}")
    await _counterparts(work, item, decision)


async def _counterparts(
    work: SettlementWork, item: UnidentifiedItem, decision: ItemDecision
) -> list[UnidentifiedItem]:
    """The open items of the transfers that a decision names, to be let go.

    Raises:
        SettlementError: anything else has booked one of their lines, or two parts name one line.
    """
    named: dict[UUID, tuple[UnidentifiedItem, ItemPart]] = {}
    for part in decision.return_parts:
        for other in await _counterpart(work, item, part):
            if other.id in named:
                targets = f"{named[other.id][1].target} and {part.target}"
                raise SettlementError(f"target: {targets} are one line of the bank, number {other.number}")
            named[other.id] = other, part
    return [other for other, _ in named.values()]


async def _counterpart(
    work: SettlementWork, item: UnidentifiedItem, part: ItemPart
) -> list[UnidentifiedItem]:
    """The open item of the very transfer that a part names; none where nothing has booked it.

    Raises:
        SettlementError: anything else has booked that line.
    """
    connection = work.connection
    standing = await work.setting.finance.bank_lines.lock(connection, [part.reference])
    booked = [booking.id for booking in standing if booking.kind == BankLineKind.UNIDENTIFIED]
    items = await items_of_entries(connection, booked)
    for other in items:
        is_smaller = other.amount * part.amount < 0 and abs(other.amount) < abs(part.amount)
        if is_smaller and other.bank == item.bank and other.state in {ItemState.PROPOSED, ItemState.SETTLED}:
            raise SettlementError(
                f"{part.field}: unidentified line {other.number} bears {part.reference} and is "
                f"{other.state.value}: reverse or reject that, then ekpay settle credits"
            )
    fitting = [
        other
        for other in items
        if (other.state, other.bank, other.amount) == (ItemState.OPEN, item.bank, -part.amount)
    ]
    if len(standing) > len(fitting):
        raise SettlementError(f"{part.field}: {standing[0]} has booked it, or has another amount or bank")
    return fitting


async def _approve(
    work: SettlementWork, item: UnidentifiedItem, decision: ItemDecision, verdict: ItemVerdict
) -> None:
    finance, connection = work.setting.finance, work.connection
    await _refuse_unfit(work, item, decision)
    for person in (decision.proposed_by, verdict.person):
        if not await finance.persons.may_decide(connection, person):
            raise SettlementError(f"by: {person} may decide nothing any more")
    is_reversal = decision.action is ItemAction.REVERSE
    booked = entry_id_of_event(item.id, item.revision + 1)
    await _book_transfers(work, item, decision, booked)
    await finance.books.post(connection, [Adjustment.of(booked, _entry_of(item, decision))])
    if is_reversal:
        _, reversed_entry = await newest_approved(connection, item.id)
        await finance.bank_lines.release(connection, reversed_entry, booked)
    state = ItemState.OPEN if is_reversal else ItemState.SETTLED
    await write_events(connection, [_ended(item, ItemEvent.APPROVED, state, verdict, booked)])
    if is_reversal:
        alarm = raised_alarm(item.number, item.amount, {"why": decision.reason})
        await finance.alarms.raise_alarms(connection, [alarm])
    else:
        await finance.alarms.end_alarms(connection, [item.subject], "two persons have decided it")


async def _book_transfers(
    work: SettlementWork, item: UnidentifiedItem, decision: ItemDecision, booked: UUID
) -> None:
    """Book the line of each transfer that a decision names, which may be an open item till now."""
    finance, connection = work.setting.finance, work.connection
    counterparts = await _counterparts(work, item, decision)
    await let_go(connection, finance, counterparts, f"it is the return of unidentified line {item.number}")
    for part in decision.return_parts:
        await finance.bank_lines.book(
            connection,
            booked,
            [part.reference],
            -part.amount,
            kind=BankLineKind.RETURN,
            bank=item.bank,
        )


def _entry_of(item: UnidentifiedItem, decision: ItemDecision) -> Entry:
    build = reopening_entry if decision.action is ItemAction.REVERSE else settling_entry
    return build(item, decision.parts)


async def _reject(
    connection: Connection, item: UnidentifiedItem, decision: ItemDecision, verdict: ItemVerdict
) -> None:
    state = ItemState.SETTLED if decision.action is ItemAction.REVERSE else ItemState.OPEN
    await write_events(connection, [_ended(item, ItemEvent.REJECTED, state, verdict, None)])


def _ended(
    item: UnidentifiedItem, event: ItemEvent, state: ItemState, verdict: ItemVerdict, entry_id: UUID | None
) -> NewItemEvent:
    return NewItemEvent(
        item.id,
        item.revision + 1,
        event,
        state,
        item.decision_id,
        person=verdict.person,
        entry_id=entry_id,
        reason=verdict.reason,
    )
