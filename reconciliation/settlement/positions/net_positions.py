"""Multilateral net positions of one settlement window: what each party owes us or is owed, and why.

    net  =  gross in + gross out + fees + refunds + chargebacks + commissions + adjustments - held + released

All in whole paisa, positive for what comes to us. A window is a value date: it takes the agreed lines of
every cycle that is settled on it. What is not agreed is held: it is listed, is in suspense and moves no net
position until it is decided. Our own position is the rest: the nets sum to zero.

A window can be computed again at any time with the same result, since later decisions belong to later value
dates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from reconciliation.settlement.positions.cycles import Cycles, Party, PartyRole
from reconciliation.settlement.positions.lines import LineKind, SettlementLine, unique_lines

OURS: Final = Party(PartyRole.OURS, "ours")
_BRING_IN: Final = (PartyRole.CONNECTOR, PartyRole.PARTNER)
_COLUMNS: Final[Mapping[LineKind, str]] = {
    LineKind.FEE: "fees",
    LineKind.REFUND: "refunds",
    LineKind.CHARGEBACK: "chargebacks",
    LineKind.COMMISSION: "commissions",
    LineKind.ADJUSTMENT: "adjustments",
}


@dataclass(frozen=True, slots=True)
class NetPosition:
    """The net position of one party, explained.

    `gross_in` are payments that it collected for us, `gross_out` payments that it is to receive (negative).
    `held` is the part of these columns that is not agreed, `released` what was held before and is agreed now.
    """

    party: Party
    gross_in: int = 0
    gross_out: int = 0
    fees: int = 0
    refunds: int = 0
    chargebacks: int = 0
    commissions: int = 0
    adjustments: int = 0
    held: int = 0
    released: int = 0
    net: int = 0

    @property
    def claimed_amount(self) -> int:
        """Everything that was claimed for this window, agreed or not."""
        gross = self.gross_in + self.gross_out
        return gross + self.fees + self.refunds + self.chargebacks + self.commissions + self.adjustments

    @property
    def rest(self) -> int:
        """The part of the net that the columns do not explain: zero, unless money was made or lost."""
        return self.net - (self.claimed_amount - self.held + self.released)


@dataclass(frozen=True, slots=True)
class HeldLine:
    """One line that stands in suspense at the end of the window; `is_new` if it came with this window."""

    party: Party
    source: str
    kind: LineKind
    amount: int
    because: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Suspense:
    """What is not agreed, from window to window: opening + held - released - dropped = closing."""

    opening: int
    held: int
    released: int
    dropped: int
    lines: tuple[HeldLine, ...]

    @property
    def closing(self) -> int:
        """What waits for a decision at the end of the window, line by line."""
        return sum(line.amount for line in self.lines)

    @property
    def rest(self) -> int:
        """The part of the closing balance that the movements do not explain: zero."""
        return self.closing - (self.opening + self.held - self.released - self.dropped)


@dataclass(frozen=True, slots=True)
class SettlementSheet:
    """Everything about one settlement window; `ours` is what stays with us, with its sign turned."""

    value_date: date
    positions: tuple[NetPosition, ...]
    ours: NetPosition
    suspense: Suspense


@dataclass(frozen=True, slots=True)
class _Dated:
    """A line with the value dates on which it enters, is agreed and is dropped."""

    line: SettlementLine
    enters: date
    agreed: date | None
    dropped: date | None

    def is_open_before(self, value_date: date) -> bool:
        return self.enters < value_date and not self._is_decided(value_date, at_the_end=False)

    def is_open_after(self, value_date: date) -> bool:
        return self.enters <= value_date and not self._is_decided(value_date, at_the_end=True)

    def _is_decided(self, value_date: date, *, at_the_end: bool) -> bool:
        decided = self.agreed or self.dropped
        return decided is not None and (decided <= value_date if at_the_end else decided < value_date)


def value_dates(lines: Iterable[SettlementLine], cycles: Cycles) -> tuple[date, ...]:
    """The value dates on which something of these lines enters, is agreed or is dropped, in their order."""
    dated = [_dated(line, cycles) for line in lines]
    dates = {
        day
        for dated_line in dated
        for day in (dated_line.enters, dated_line.agreed, dated_line.dropped)
        if day is not None
    }
    return tuple(sorted(dates))


def sheet_of(value_date: date, lines: Iterable[SettlementLine], cycles: Cycles) -> SettlementSheet:
    """The net positions of the window of a value date, whatever the order of the lines.

    Raises:
        ConflictingLineError: two lines of one name are not the same.
    """
    dated = [_dated(line, cycles) for line in unique_lines(lines)]
    totals: dict[Party, dict[str, int]] = {}
    our_columns: dict[str, int] = {}
    for dated_line in dated:
        for column, amount in _shares(dated_line, value_date):
            of_party = totals.setdefault(dated_line.line.cycle.party, {})
            of_party[column] = of_party.get(column, 0) + amount
            our_columns[column] = our_columns.get(column, 0) - amount
    positions = tuple(NetPosition(party, **totals[party]) for party in sorted(totals))
    return SettlementSheet(
        value_date, positions, NetPosition(OURS, **our_columns), _suspense(value_date, dated)
    )


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """One line of a party and what it adds to which columns of a window, in paisa."""

    line: SettlementLine
    shares: tuple[tuple[str, int], ...]


def explain_position(
    party: Party, value_date: date, lines: Iterable[SettlementLine], cycles: Cycles
) -> tuple[ExplainedLine, ...]:
    """The lines behind the position of a party; they sum to the position."""
    explained_lines = [
        ExplainedLine(dated_line.line, tuple(shares))
        for dated_line in (_dated(line, cycles) for line in unique_lines(lines) if line.cycle.party == party)
        if (shares := _shares(dated_line, value_date))
    ]
    return tuple(explained_lines)


def unexplained_rest(sheet: SettlementSheet) -> int:
    """The unexplained rest of a sheet in paisa: zero, unless money was made or lost."""
    all_positions = (*sheet.positions, sheet.ours)
    differences = [
        sum(position.net for position in all_positions),
        sum(position.claimed_amount for position in all_positions),
    ]
    differences += [position.rest for position in all_positions]
    differences += [sum(position.held for position in sheet.positions) - sheet.suspense.held]
    differences += [sum(position.released for position in sheet.positions) - sheet.suspense.released]
    return sum(map(abs, [*differences, sheet.suspense.rest]))


def _dated(line: SettlementLine, cycles: Cycles) -> _Dated:
    agreed, dropped = line.agreed_on, line.dropped_on
    return _Dated(
        line,
        enters=cycles.value_date(line.cycle, line.seen_on),
        agreed=None if agreed is None else cycles.value_date(line.cycle, agreed),
        dropped=None if dropped is None else cycles.value_date(line.cycle, dropped),
    )


def _shares(dated_line: _Dated, value_date: date) -> list[tuple[str, int]]:
    """The columns of the window to which a line adds, with the amounts."""
    amount = dated_line.line.amount
    shares = []
    if dated_line.enters == value_date:
        shares.append((_column(dated_line.line), amount))
        if dated_line.agreed != value_date:
            shares.append(("held", amount))
    elif dated_line.agreed == value_date:
        shares.append(("released", amount))
    if dated_line.agreed == value_date:
        shares.append(("net", amount))
    return shares


def _column(line: SettlementLine) -> str:
    if line.kind is LineKind.PAYMENT:
        return "gross_in" if line.cycle.party.role in _BRING_IN else "gross_out"
    return _COLUMNS[line.kind]


def _suspense(value_date: date, dated: Iterable[_Dated]) -> Suspense:
    opening = newly_held = released = dropped = 0
    waiting = []
    for dated_line in dated:
        line = dated_line.line
        opening += line.amount if dated_line.is_open_before(value_date) else 0
        newly_held += line.amount if dated_line.enters == value_date != dated_line.agreed else 0
        released += line.amount if dated_line.enters < value_date == dated_line.agreed else 0
        dropped += line.amount if dated_line.dropped == value_date else 0
        if dated_line.is_open_after(value_date):
            is_new = dated_line.enters == value_date
            waiting.append(
                HeldLine(line.cycle.party, line.source, line.kind, line.amount, line.because, is_new)
            )
    return Suspense(opening, newly_held, released, dropped, tuple(waiting))
