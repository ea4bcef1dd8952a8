"""Settlement lines: claims between one party and us, agreed or not, each with the row it comes from.

Amounts are whole paisa and signed: positive is what the party owes us, negative what we owe it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from reconciliation.errors import ReconciliationError
from reconciliation.settlement.positions.cycles import Cycle

_BACK = " withdrawn"
_AGAIN = " reopened"


class ConflictingLineError(ReconciliationError):
    """Two lines have one name and differ, or a line was decided before it was seen."""


class LineKind(StrEnum):
    """What a line is for."""

    PAYMENT = "payment"
    FEE = "fee"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    COMMISSION = "commission"
    ADJUSTMENT = "adjustment"


LineName = tuple[Cycle, str, LineKind]


def row_of(source: str) -> str:
    """The row of a line, without the suffixes that later lines of it have."""
    while source.endswith((_BACK, _AGAIN)):
        source = source.removesuffix(_BACK).removesuffix(_AGAIN)
    return source


def successor_sources(source: str) -> tuple[str, str]:
    """The sources of the lines that withdraw and reopen a line of this source."""
    return f"{source}{_BACK}", f"{source}{_AGAIN}"


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """One amount of one cycle.

    `source` names the row for ever; source, kind and party together name the line. `seen_on` is the night in
    which it was first known, `agreed_on` the night from which it counts, `dropped_on` the night in which it
    was decided that it never will. While neither is set it is held, and `because` names the break.
    """

    cycle: Cycle
    source: str
    kind: LineKind
    amount: int
    seen_on: date
    agreed_on: date | None = None
    dropped_on: date | None = None
    because: str = ""

    def __post_init__(self) -> None:
        decided = [night for night in (self.agreed_on, self.dropped_on) if night is not None]
        if len(decided) > 1 or any(night < self.seen_on for night in decided):
            raise ConflictingLineError(f"{self.source}: seen on {self.seen_on}, decided on {decided}")

    @property
    def name(self) -> LineName:
        """The unique name of the line."""
        return self.cycle, self.source, self.kind


def unique_lines(lines: Iterable[SettlementLine]) -> tuple[SettlementLine, ...]:
    """Each line once, in a fixed order.

    Raises:
        ConflictingLineError: two lines of one name are not the same.
    """
    lines_by_name: dict[LineName, SettlementLine] = {}
    for line in lines:
        if lines_by_name.setdefault(line.name, line) != line:
            raise ConflictingLineError(f"{line.source}: {line.kind} of {line.cycle.party} is there twice")
    return tuple(lines_by_name[name] for name in sorted(lines_by_name))


def carry_forward(
    before: Iterable[SettlementLine], now: Iterable[SettlementLine], night: date
) -> tuple[SettlementLine, ...]:
    """The lines of all files after a night: decisions of earlier nights stay, new lines are added.

    `now` are the lines of every row that counts tonight. A line that is no more among them was replaced by a
    correction, or its movement is told by a file now, and is withdrawn. One that was dropped and claims money
    again comes back as a line of tonight, so no window that is over changes its figures.

    Raises:
        ConflictingLineError: a row has another amount than it had.
    """
    known = {line.name: line for line in unique_lines(before)}
    current = {line.name: line for line in (_reopened(line, known, night) for line in unique_lines(now))}
    updated = [_updated_line(line, current.get(line.name, line)) for line in known.values()]
    withdrawn_sources = {
        line.source for line in updated if line.name not in current and not line.source.endswith(_BACK)
    }
    new = [line for line in current.values() if line.name not in known]
    return withdraw_lines([*updated, *new], withdrawn_sources, night)


def _reopened(line: SettlementLine, known: Mapping[LineName, SettlementLine], night: date) -> SettlementLine:
    while (before := known.get(line.name)) and before.dropped_on is not None and line.dropped_on is None:
        agreed = None if line.agreed_on is None else night
        line = replace(line, source=f"{line.source}{_AGAIN}", seen_on=night, agreed_on=agreed)
    return line


def _updated_line(before: SettlementLine, now: SettlementLine) -> SettlementLine:
    """A decided line stays as it is; an open one keeps the first night in which it was seen."""
    if before.amount != now.amount:
        raise ConflictingLineError(f"{now.source}: {before.amount} and {now.amount} paisa")
    if before.agreed_on is not None or before.dropped_on is not None:
        return before
    return replace(now, seen_on=min(before.seen_on, now.seen_on))


def withdraw_lines(
    lines: Iterable[SettlementLine], sources: Iterable[str], night: date
) -> tuple[SettlementLine, ...]:
    """The lines after a correction replaced the rows named in `sources`.

    An agreed line has been settled, or will be, so it stays and an opposite line of tonight withdraws it; a
    held line is dropped. The rows of the correction have lines of their own.
    """
    withdrawn_sources = frozenset(sources)
    lines_by_name = {line.name: line for line in unique_lines(lines)}
    for name, line in list(lines_by_name.items()):
        if line.source not in withdrawn_sources or line.dropped_on is not None:
            continue
        if line.agreed_on is None:
            lines_by_name[name] = replace(line, dropped_on=night)
            continue
        back = f"{line.source}{_BACK}"
        taken_back = replace(line, source=back, amount=-line.amount, seen_on=night, agreed_on=night)
        # It may have been taken back on an earlier night already.
        lines_by_name.setdefault(taken_back.name, taken_back)
    return unique_lines(lines_by_name.values())
