"""Sheets, lines and cover as rows for screens, JSON and CSV; amounts in whole paisa."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import polars as pl

from reconciliation.errors import SettlementError, UnknownPartyError
from reconciliation.results.table_values import Connection
from reconciliation.settlement.current_state import Work
from reconciliation.settlement.instructions.instruction_outcomes import Outcome
from reconciliation.settlement.instructions.value_date_record import Settled
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.lines import Line, row_of
from reconciliation.settlement.positions.net_positions import explained
from reconciliation.settlement.positions.payout_credits import Credit
from reconciliation.settlement.store.settlement_lines import runs_about
from reconciliation.similar_names import in_words

COLUMNS: Final = (
    "gross_in", "gross_out", "fees", "refunds", "chargebacks", "commissions", "adjustments", "held",
    "released", "net",
)  # fmt: skip
BESIDE: Final = ("carried_in", "instructed", "carried_out", "pays_itself", "reason")
_OWN: Final = """
SELECT payment_id, our_reference, their_reference FROM public.ledger_lines
WHERE window_id = $1 AND ordinal = $2
"""


@dataclass(frozen=True, slots=True)
class Drilled:
    """One line behind a position, with the row that it comes from, as far as that is known."""

    line: Line
    shares: Mapping[str, int]
    ours: str
    theirs: str
    payment_id: UUID | str | None

    def facts(self) -> dict[str, object]:
        """Everything about it by name."""
        line = self.line
        return {
            "day": line.cycle.day,
            "cycle": line.cycle.number,
            "source": line.source,
            "kind": line.kind.value,
            "amount": line.amount,
            "state": "agreed" if line.agreed_on else "dropped" if line.dropped_on else "held",
            "because": line.because,
            "columns": dict(self.shares),
            "our_reference": self.ours,
            "their_reference": self.theirs,
            "payment_id": self.payment_id,
        }


def facts_of(row: Settled) -> dict[str, object]:
    """One line of a sheet by name."""
    told: dict[str, object] = {"role": row.position.party.role.value, "party": row.position.party.name}
    told |= {name: getattr(row.position, name) for name in COLUMNS}
    return told | {name: getattr(row, name) for name in BESIDE}


def facts_of_credit(one: Credit) -> dict[str, object]:
    """One credit by name."""
    return {
        "batch": one.batch.key,
        "bank": one.batch.bank,
        "connector": one.batch.connector,
        "payout_date": one.batch.payout_date,
        "owed": one.batch.owed,
        "credited": one.credited,
        "charge": one.batch.charge,
        "receivable": one.receivable,
        "suspense": one.suspense,
        "rounding": one.rounding,
        "ending": one.funds.value,
        "difference": one.difference,
    }


def facts_of_outcome(one: Outcome) -> dict[str, object]:
    """One instruction and what became of it by name."""
    paid = one.instruction
    return {
        "end_to_end_id": paid.end_to_end_id,
        "value_date": paid.value_date,
        "party": str(paid.creditor.creditor),
        "amount": paid.amount,
        "rail": paid.creditor.rail,
        "ending": one.ending.value,
        "moved": one.moved,
        "contradicts": one.contradicts,
        "answers": [f"{answer.said} {answer.reason}".strip() for answer in one.answers],
    }


def party_called(name: str, parties: Sequence[Party]) -> Party:
    """The party of a name, with its role before it (`biller:desco_postpaid`) or without.

    Raises:
        SettlementError: the name alone means several.
        UnknownPartyError: there is none.
    """
    found = sorted({party for party in parties if name in {party.name, str(party)}})
    if not found:
        raise UnknownPartyError(in_words(name, {str(party) for party in parties}, "party with a line"))
    if len(found) > 1:
        raise SettlementError(f"{name} means {', '.join(map(str, found))}")
    return found[0]


async def drilled(work: Work, lines: Sequence[Line], wanted: tuple[str, date]) -> tuple[Party, list[Drilled]]:
    """The lines behind the position of a party on a value date, each with its row.

    Raises:
        SettlementError: the name alone means several.
        UnknownPartyError: no such party has a line.
    """
    name, value_date = wanted
    party = party_called(name, [line.cycle.party for line in lines])
    found = explained(party, value_date, lines, work.desk.cycles)
    named = await _named(work, {row_of(one.line.source) for one in found})
    told = []
    for one in found:
        own = await _own(work.connection, one.line)
        ours, theirs, payment = own or next(
            (named[place] for place in _places(one.line) if place in named), ("", "", None)
        )
        told.append(Drilled(one.line, dict(one.shares), ours, theirs, payment))
    return party, told


def _places(line: Line) -> Iterator[tuple[str, int]]:
    """The row of a line, whatever was put behind its name since."""
    origin, _, rest = line.source.partition(":")
    number = rest.split(" ", 1)[0]
    if number.isdecimal():
        yield origin, int(number)


async def _named(
    work: Work, wanted: Collection[str]
) -> Mapping[tuple[str, int], tuple[str, str, str | None]]:
    """What both sides call some rows, read from the runs that made lines of them."""
    runs = await runs_about(work.connection, wanted)
    settled = work.desk.rows.settled(work.run, runs, wanted)
    rows = pl.concat([settled, work.desk.rows.changed(work.run).rows])
    told = rows.select("origin", "ordinal", "reference", "theirs", "payment_id").iter_rows()
    return {(origin, ordinal): (ours, theirs, payment) for origin, ordinal, ours, theirs, payment in told}


async def _own(connection: Connection, line: Line) -> tuple[str, str, UUID] | None:
    """The frozen line of our books that a line comes from, if it is one."""
    for origin, ordinal in _places(line):
        window = origin.removeprefix("lines-")
        if window.isdecimal():
            row = await connection.fetchrow(_OWN, int(window), ordinal)
            if row is not None:
                return row["our_reference"], row["their_reference"], row["payment_id"]
    return None
