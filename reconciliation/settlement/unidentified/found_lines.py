"""The step of `ekpay settle credits` that books lines of our banks which nothing explains.

Items whose line is gone from a corrected statement are taken back, and open ones whose line a request of
persons names are let go: what they asked for books the line once another person approves it.

The names of all lines are locked before anything is posted, as everywhere: names, then items, then entries.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.ledger.bank_lines import BankLineKind
from ekpay_switch.domain.ledger.settlement_postings import (
    unidentified_booked_entry,
    unidentified_withdrawn_entry,
)
from ekpay_switch.ports.finance import Adjustment, BankBooking, Connection, Finance
from reconciliation.settlement.journal_entries import entry_id
from reconciliation.settlement.unidentified.shared_references import contested_names, yielding_items
from reconciliation.settlement.unidentified.statement_lines import BankLine
from reconciliation.unidentified.item_store import (
    decision_by,
    find_items,
    newest_number,
    requested_returns,
    write_events,
    write_items,
)
from reconciliation.unidentified.items import (
    ItemAction,
    ItemEvent,
    ItemState,
    NewItemEvent,
    UnidentifiedItem,
    entry_id_of_event,
    subject_of,
)

_GONE: Final = "the bank's statement has the line no more, or an instruction explains it"
_REQUESTED: Final = "a request of persons names the line"
_YIELDED: Final = "a larger line of the bank bears its reference, and this one is found again without it"
_NO_LINE_NOW: Final = frozenset({ItemState.GONE, ItemState.TAKEN})


# References that requests of persons name, each with whether money came under it.
_Requested = frozenset[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class FoundLines:
    """What a statement has changed: items that were found, taken back, or decided before they went.

    `left` are items that were let go, as a request names their line.
    """

    found: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementLines:
    """What was read of all statements of our banks: the keys of all lines, and those that nothing explains.

    `narratives` are by the name of a line's row.
    """

    keys: frozenset[str]
    unexplained: Sequence[BankLine]
    narratives: Mapping[str, str]


async def follow_statements(connection: Connection, finance: Finance, lines: StatementLines) -> FoundLines:
    """Book what is new among the lines that nothing explains, and take back what the statements have no more.

    The accounts of suspense exist. Repeated, it changes nothing.
    """
    await _lock_names(connection, finance, lines)
    # What decisions about breaks have taken over meanwhile is known only now.
    items, requested, names = await _lock_names(connection, finance, lines)
    known = [item for item in items.values() if item.state not in _NO_LINE_NOW]
    staying = [item for item in known if not _is_lost(item, lines)]
    left = [item for item in staying if _is_left(item, requested)]
    gone, missing = await _take_back(connection, finance, [item for item in known if _is_lost(item, lines)])
    await let_go(connection, finance, left, _REQUESTED)
    keeping = [item for item in staying if item not in left]
    new = _new_lines(lines, items, requested)
    yielding = await _yield_names(connection, finance, keeping, lines, new, names)
    items |= {
        item.line_key: replace(item, revision=item.revision + 1, state=ItemState.GONE) for item in yielding
    }
    await _keep_names(connection, finance, [item for item in keeping if item not in yielding], names)
    standing = await finance.bank_lines.lock(connection, names)
    new = _new_lines(lines, items, requested)
    found = await _book(connection, finance, _bookable(new, standing), items, lines.narratives)
    await _find_again(connection, finance, known, lines.keys)
    return FoundLines(found, gone, missing, tuple(item.number for item in left))


def _new_lines(
    lines: StatementLines, items: Mapping[str, UnidentifiedItem], requested: _Requested
) -> list[BankLine]:
    return [
        line
        for line in lines.unexplained
        if _is_new(items.get(line.key)) and not _is_requested(line, requested)
    ]


async def _yield_names(
    connection: Connection,
    finance: Finance,
    keeping: Sequence[UnidentifiedItem],
    lines: StatementLines,
    new: Sequence[BankLine],
    names: Collection[str],
) -> list[UnidentifiedItem]:
    """Let open items go whose reference a larger line bears; they are found again in the same step."""
    standing = await finance.bank_lines.lock(connection, names)
    holders = {booking.names[0]: booking.id for booking in standing}
    open_items = [item for item in keeping if item.state is ItemState.OPEN]
    present = {line.key for line in lines.unexplained}
    yielding = yielding_items(open_items, new, holders, present)
    await let_go(connection, finance, yielding, _YIELDED)
    return yielding


async def _lock_names(
    connection: Connection, finance: Finance, lines: StatementLines
) -> tuple[dict[str, UnidentifiedItem], _Requested, frozenset[str]]:
    """Items by the keys of their lines, what persons have requested, and the names that are locked now."""
    items = {item.line_key: item for item in await find_items(connection)}
    asked = [*await finance.bank_lines.requests(connection), *await requested_returns(connection)]
    requested = frozenset((reference, amount > 0) for reference, amount in asked)
    names = _names(lines, items, requested)
    await finance.bank_lines.lock(connection, names)
    return items, requested, names


def _names(
    lines: StatementLines, by_key: Mapping[str, UnidentifiedItem], requested: _Requested
) -> frozenset[str]:
    """The names of lines that are new, lost, let go or of one name, and of those that share one with them."""
    names = {name for line in lines.unexplained if _is_new(by_key.get(line.key)) for name in line.names}
    names |= {
        name
        for item in by_key.values()
        if _is_lost(item, lines) or _is_left(item, requested)
        for name in item.names
    }
    names |= contested_names(item for item in by_key.values() if item.state is ItemState.OPEN)
    shared = {name for item in by_key.values() if names & set(item.names) for name in item.names}
    return frozenset(names | shared)


def _is_lost(item: UnidentifiedItem, lines: StatementLines) -> bool:
    return item.state not in _NO_LINE_NOW and item.line_key not in lines.keys


def _is_left(item: UnidentifiedItem, requested: _Requested) -> bool:
    return item.state is ItemState.OPEN and _is_requested(item, requested)


def _is_requested(line: BankLine | UnidentifiedItem, requested: _Requested) -> bool:
    """Whether a request that nobody has approved yet names the line; its amount is theirs to check."""
    return any((name, line.amount > 0) in requested for name in line.names)


def _is_new(item: UnidentifiedItem | None) -> bool:
    return item is None or item.state in _NO_LINE_NOW


def _bookable(
    lines: Sequence[BankLine], standing: Sequence[BankBooking]
) -> list[tuple[BankLine, frozenset[str]]]:
    """The lines that nothing else has booked, with the names that are theirs alone.

    Of new lines that share a name the largest has it: a bank may book the fee of a transfer under the
    reference of the transfer, and what persons write down by that reference is the transfer.
    """
    taken = {booking.names[0] for booking in standing if booking.kind == BankLineKind.UNIDENTIFIED}
    elsewhere = {booking.names[0] for booking in standing} - taken
    own_names: dict[str, frozenset[str]] = {}
    for line in sorted(lines, key=lambda line: -abs(line.amount)):
        if elsewhere & set(line.names):
            continue
        own_names[line.key] = frozenset(line.names) - taken
        taken |= own_names[line.key]
    return [(line, own_names[line.key]) for line in lines if line.key in own_names]


async def _book(
    connection: Connection,
    finance: Finance,
    bookable: Sequence[tuple[BankLine, frozenset[str]]],
    items: Mapping[str, UnidentifiedItem],
    narratives: Mapping[str, str],
) -> tuple[int, ...]:
    number = await newest_number(connection)
    rows: list[tuple[object, ...]] = []
    events, entries, alarms, numbers = [], [], [], []
    for line, _ in bookable:
        item = items.get(line.key)
        if item is None:
            number += 1
            item_id, its_number, revision = entry_id("unidentified line", line.key), number, 1
            rows.append(_row(line, item_id, number, narratives.get(line.row_name, "")))
        else:
            item_id, its_number, revision = item.id, item.number, item.revision + 1
        booked = entry_id_of_event(item_id, revision)
        entries.append(Adjustment.of(booked, unidentified_booked_entry(line.bank, line.amount)))
        events.append(
            NewItemEvent(
                item_id, revision, ItemEvent.FOUND, ItemState.OPEN, entry_id=booked, reason=line.row_name
            )
        )
        alarms.append(raised_alarm(its_number, line.amount, _facts(line)))
        numbers.append(its_number)
    await write_items(connection, rows)
    for (line, names), entry in zip(bookable, entries, strict=True):
        await _keep(connection, finance, entry.id, names, line)
    await finance.books.post(connection, entries)
    await write_events(connection, events)
    if alarms:
        await finance.alarms.raise_alarms(connection, alarms)
    return tuple(numbers)


def _row(line: BankLine, item_id: UUID, number: int, narrative: str) -> tuple[object, ...]:
    return (
        item_id, number, line.key, line.bank, line.day, line.amount, line.our_reference, line.bank_reference,
        narrative, line.row_name,
    )  # fmt: skip


def raised_alarm(number: int, amount: int, facts: Mapping[str, str]) -> RaisedAlarm:
    """The alarm that an item waits for two persons; `amount` is that of its line, in paisa."""
    kind = Alarm.UNIDENTIFIED_CREDIT if amount > 0 else Alarm.UNIDENTIFIED_DEBIT
    return RaisedAlarm(kind, subject_of(number), amount=abs(amount), facts=facts)


def _facts(line: BankLine) -> Mapping[str, str]:
    return {"bank": line.bank, "day": line.day.isoformat(), "reference": line.reference}


async def _take_back(
    connection: Connection, finance: Finance, lost: Collection[UnidentifiedItem]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Reverse what nobody has decided; what was decided is an alarm until two persons reverse it."""
    lapsed, gone, missing = await _divide(connection, lost)
    events = [
        NewItemEvent(
            item.id, item.revision + 1, ItemEvent.LAPSED, ItemState.OPEN, item.decision_id, reason=_GONE
        )
        for item in lapsed
    ]
    events += [
        NewItemEvent(item.id, item.revision + 1, ItemEvent.MISSING, ItemState.MISSING, reason=_GONE)
        for item in missing
    ]
    await write_events(connection, events)
    gone += [replace(item, revision=item.revision + 1) for item in lapsed]
    await let_go(connection, finance, gone, _GONE)
    if missing:
        await finance.alarms.raise_alarms(
            connection, [raised_alarm(item.number, item.amount, {"why": _GONE}) for item in missing]
        )
    return tuple(sorted(item.number for item in gone)), tuple(item.number for item in missing)


async def let_go(
    connection: Connection, finance: Finance, items: Sequence[UnidentifiedItem], why: str
) -> None:
    """Take open items out of suspense and release their lines, whose names are locked."""
    entries, events = [], []
    for item in items:
        revision = item.revision + 1
        reversal = entry_id_of_event(item.id, revision)
        entries.append(Adjustment.of(reversal, unidentified_withdrawn_entry(item.bank, item.amount)))
        events.append(
            NewItemEvent(item.id, revision, ItemEvent.GONE, ItemState.GONE, entry_id=reversal, reason=why)
        )
        await finance.bank_lines.release(connection, item.booked_entry_id, reversal)
    await finance.books.post(connection, entries)
    await write_events(connection, events)
    if items:
        await finance.alarms.end_alarms(connection, [item.subject for item in items], why)


async def _divide(
    connection: Connection, lost: Collection[UnidentifiedItem]
) -> tuple[list[UnidentifiedItem], list[UnidentifiedItem], list[UnidentifiedItem]]:
    """Items whose proposal lapses, so that they go as well, those that go, and those that were decided."""
    lapsed, gone, missing = [], [], []
    for item in lost:
        if item.state is ItemState.OPEN:
            gone.append(item)
        elif item.state is ItemState.SETTLED:
            missing.append(item)
        elif item.state is ItemState.PROPOSED and item.decision_id is not None:
            decision = await decision_by(connection, item.decision_id)
            if decision.action is not ItemAction.REVERSE:
                lapsed.append(item)
    return lapsed, gone, missing


async def _keep_names(
    connection: Connection, finance: Finance, items: Sequence[UnidentifiedItem], names: Collection[str]
) -> None:
    """Book lines under references, of these locked names, that they shared with a line that is gone."""
    standing = {booking.names[0] for booking in await finance.bank_lines.lock(connection, names)}
    for item in items:
        free = (set(item.names) & set(names)) - standing
        standing |= free
        if free:
            await _keep(connection, finance, item.booked_entry_id, free, item)


async def _keep(
    connection: Connection,
    finance: Finance,
    booked: UUID,
    names: Collection[str],
    line: BankLine | UnidentifiedItem,
) -> None:
    kind = BankLineKind.UNIDENTIFIED
    await finance.bank_lines.book(connection, booked, names, line.amount, kind=kind, bank=line.bank)


async def _find_again(
    connection: Connection, finance: Finance, known: Sequence[UnidentifiedItem], present: Collection[str]
) -> None:
    """End the alarms of decided items whose line is back."""
    back = [item for item in known if item.state is ItemState.MISSING and item.line_key in present]
    await write_events(
        connection,
        [
            NewItemEvent(item.id, item.revision + 1, ItemEvent.FOUND, ItemState.SETTLED, reason=item.row_name)
            for item in back
        ],
    )
    if back:
        await finance.alarms.end_alarms(connection, [item.subject for item in back], "the line is back")
