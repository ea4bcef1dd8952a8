"""Sheets, lines and cover as rows for screens, JSON and CSV; amounts in whole paisa."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import polars as pl

from reconciliation.errors import SettlementError, UnknownPartyError
from reconciliation.results.table_values import Connection
from reconciliation.settlement.current_state import SettlementWork
from reconciliation.settlement.instructions.instruction_outcomes import InstructionOutcome
from reconciliation.settlement.instructions.value_date_record import SettledPosition
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.lines import SettlementLine, row_of
from reconciliation.settlement.positions.net_positions import explain_position
from reconciliation.settlement.positions.payout_credits import PayoutCredit
from reconciliation.settlement.store.settlement_lines import runs_about
from reconciliation.similar_names import unknown_name_wording

COLUMNS: Final = (
    "gross_in", "gross_out", "fees", "refunds", "chargebacks", "commissions", "adjustments", "held",
    "released", "net",
)  # fmt: skip
CARRY_COLUMNS: Final = ("carried_in", "instructed", "carried_out", "pays_itself", "reason")
_OWN: Final = """
SELECT payment_id, our_reference, their_reference FROM public.ledger_lines
WHERE window_id = $1 AND ordinal = $2
"""


@dataclass(frozen=True, slots=True)
class LineDetails:
    """One line behind a position, with the references of its row, as far as they are known."""

    line: SettlementLine
    shares: Mapping[str, int]
    ours: str
    theirs: str
    payment_id: UUID | str | None

    def facts(self) -> dict[str, object]:
        """All its values by name."""
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


def position_facts(row: SettledPosition) -> dict[str, object]:
    """One line of a sheet by name."""
    facts: dict[str, object] = {"role": row.position.party.role.value, "party": row.position.party.name}
    facts |= {name: getattr(row.position, name) for name in COLUMNS}
    return facts | {name: getattr(row, name) for name in CARRY_COLUMNS}


def credit_facts(credit: PayoutCredit) -> dict[str, object]:
    """One credit by name."""
    return {
        "batch": credit.batch.key,
        "bank": credit.batch.bank,
        "connector": credit.batch.connector,
        "payout_date": credit.batch.payout_date,
        "owed": credit.batch.owed_amount,
        "credited": credit.credited,
        "charge": credit.batch.charge,
        "receivable": credit.receivable,
        "suspense": credit.suspense,
        "rounding": credit.rounding,
        "ending": credit.funds.value,
        "difference": credit.difference,
    }


def outcome_facts(outcome: InstructionOutcome) -> dict[str, object]:
    """One instruction and its outcome by name."""
    paid = outcome.instruction
    return {
        "end_to_end_id": paid.end_to_end_id,
        "value_date": paid.value_date,
        "party": str(paid.creditor.creditor),
        "amount": paid.amount,
        "rail": paid.creditor.rail,
        "ending": outcome.ending.value,
        "moved": outcome.moved_amount,
        "contradicts": outcome.contradicts,
        "answers": [f"{answer.kind} {answer.reason}".strip() for answer in outcome.answers],
    }


def party_called(name: str, parties: Sequence[Party]) -> Party:
    """The party of a name, with its role as prefix (`biller:desco_postpaid`) or without.

    Raises:
        SettlementError: the name alone means several.
        UnknownPartyError: there is none.
    """
    matches = sorted({party for party in parties if name in {party.name, str(party)}})
    if not matches:
        raise UnknownPartyError(
            unknown_name_wording(name, {str(party) for party in parties}, "party with a line")
        )
    if len(matches) > 1:
        raise SettlementError(f"{name} means {', '.join(map(str, matches))}")
    return matches[0]


async def position_details(
    work: SettlementWork, lines: Sequence[SettlementLine], party_name: str, value_date: date
) -> tuple[Party, list[LineDetails]]:
    """The lines behind the position of a party on a value date, each with its row.

    Raises:
        SettlementError: the name alone means several.
        UnknownPartyError: no such party has a line.
    """
    party = party_called(party_name, [line.cycle.party for line in lines])
    explained_lines = explain_position(party, value_date, lines, work.setting.cycles)
    named = await _references_by_row(
        work, {row_of(explained_line.line.source) for explained_line in explained_lines}
    )
    details = []
    for explained_line in explained_lines:
        own = await _own_line(work.connection, explained_line.line)
        ours, theirs, payment = own or next(
            (named[place] for place in _places(explained_line.line) if place in named), ("", "", None)
        )
        details.append(LineDetails(explained_line.line, dict(explained_line.shares), ours, theirs, payment))
    return party, details


def _places(line: SettlementLine) -> Iterator[tuple[str, int]]:
    """The origin and ordinal of a line's row, without a suffix such as `withdrawn`."""
    origin, _, rest = line.source.partition(":")
    number = rest.split(" ", 1)[0]
    if number.isdecimal():
        yield origin, int(number)


async def _references_by_row(
    work: SettlementWork, names: Collection[str]
) -> Mapping[tuple[str, int], tuple[str, str, str | None]]:
    """The references of rows on both sides, read from the runs that made lines of them."""
    runs = await runs_about(work.connection, names)
    settled = work.setting.rows.settled_rows(work.run, runs, names)
    rows = pl.concat([settled, work.setting.rows.changed_rows(work.run).rows])
    values = rows.select("origin", "ordinal", "reference", "theirs", "payment_id").iter_rows()
    return {(origin, ordinal): (ours, theirs, payment) for origin, ordinal, ours, theirs, payment in values}


async def _own_line(connection: Connection, line: SettlementLine) -> tuple[str, str, UUID] | None:
    """The references of the frozen line of our books that a line comes from, if it is one."""
    for origin, ordinal in _places(line):
        window = origin.removeprefix("lines-")
        if window.isdecimal():
            row = await connection.fetchrow(_OWN, int(window), ordinal)
            if row is not None:
                return row["our_reference"], row["their_reference"], row["payment_id"]
    return None
