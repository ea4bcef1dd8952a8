"""Payout credits of connectors on bank statements, batch by batch, divided by what they are for.

    credited + charge  =  receivable + suspense + rounding        in whole paisa

The agreed part of the files reduces the receivable, the rest is in suspense, and a missing paisa stays owed
(reconciliation.md 5, case 18).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

import polars as pl

from reconciliation.canonical_row import FAMILY, FILE, LEDGER, MATCHED, SUCCESS
from reconciliation.errors import MonthError
from reconciliation.intake.file_names import parse_file_name
from reconciliation.matching.institution_positions import CURRENCY, families_that_agree
from reconciliation.settlement.positions.cycles import Cycle, Cycles, Party, PartyRole
from reconciliation.settlement.positions.lines import SettlementLine
from reconciliation.statement.layout import Layout

_DATE_LENGTH: Final = len("20260405")


class FundsComparison(StrEnum):
    """How a credit compares with what its files come to."""

    AS_EXPECTED = "as_expected"
    SHORT = "funds_short"
    OVER = "funds_over"


@dataclass(frozen=True, slots=True)
class PayoutBatch:
    """What one payout should be by its files: `owed` before the bank takes its charge, `credited` what came.

    `credited` is None while the bank's statement does not name the batch.
    """

    key: str
    bank: str
    connector: str
    payout_date: date
    owed_amount: int
    charge: int
    credited: int | None


@dataclass(frozen=True, slots=True)
class PayoutCredit:
    """A credit divided by what it is for. All sums are those of the batch so far, in paisa."""

    batch: PayoutBatch
    credited: int
    receivable: int
    suspense: int
    rounding: int

    @property
    def difference(self) -> int:
        """What was credited beyond the files' total, charge included; below zero is missing."""
        return self.credited + self.batch.charge - self.batch.owed_amount

    @property
    def funds(self) -> FundsComparison:
        """How the credit compares with the files."""
        if self.difference == 0:
            return FundsComparison.AS_EXPECTED
        return FundsComparison.SHORT if self.difference < 0 else FundsComparison.OVER


def batches_of(rows: pl.DataFrame, layouts: Mapping[str, Layout]) -> tuple[PayoutBatch, ...]:
    """Every batch that is expected, from the rows of ours that wait for credits and those of statements."""
    banks = [name for name, layout in layouts.items() if layout.kind == "statement"]
    bank_rows = rows.filter(pl.col("institution").is_in(banks) & (pl.col("currency") == CURRENCY))
    credits_by_batch = (
        bank_rows.filter(pl.col("source") == FILE).group_by("reference").agg(pl.col("net").sum())
    )
    credited = {str(key): int(net) for key, net in credits_by_batch.iter_rows()}
    ours = bank_rows.filter(pl.col("source") == LEDGER).select(
        "reference", "institution", "net", "business_date"
    )
    batches = []
    for key, bank, net, day in ours.sort("reference").iter_rows():
        connector = connector_of_batch(key, layouts)
        if connector is not None:
            charge = layouts[bank].charge
            batches.append(PayoutBatch(key, bank, connector, day, net + charge, charge, credited.get(key)))
    return tuple(batches)


def connector_of_batch(key: str, layouts: Mapping[str, Layout]) -> str | None:
    """The connector whose payout a reference names; None where it names none."""
    code, day = key[:-_DATE_LENGTH], key[-_DATE_LENGTH:]
    if not day.isdigit():
        return None
    return next(
        (name for name, layout in layouts.items() if layout.code == code and layout.payout is not None), None
    )


def credits_of(
    batches: Iterable[PayoutBatch],
    lines: Iterable[SettlementLine],
    cycles: Cycles,
    rounding: Mapping[str, int],
) -> Iterator[PayoutCredit]:
    """Each credit that has come, divided; `rounding` tells of each file what it rounds in our favour."""
    agreed: dict[tuple[str, date], int] = {}
    rounded: dict[tuple[str, date], int] = {}
    for line in lines:
        if line.agreed_on is None or line.cycle.party.role is not PartyRole.CONNECTOR or not is_filed(line):
            continue
        place = (line.cycle.party.name, cycles.value_date(line.cycle))
        agreed[place] = agreed.get(place, 0) + line.amount
    for origin, paisa in rounding.items():
        place = _place_of(origin, cycles)
        rounded[place] = rounded.get(place, 0) + paisa
    for batch in batches:
        if batch.credited is not None:
            place = (batch.connector, batch.payout_date)
            yield divide_credit(batch, batch.credited, agreed.get(place, 0), rounded.get(place, 0))


def divide_credit(batch: PayoutBatch, credited: int, agreed: int, rounded: int) -> PayoutCredit:
    """A credit of which the files' part `agreed` is agreed, `rounded` of it in our favour."""
    difference = credited + batch.charge - batch.owed_amount
    missing, beyond = min(0, difference), max(0, difference)
    return PayoutCredit(
        batch, credited, agreed - rounded + missing, batch.owed_amount - agreed + beyond, rounded
    )


def withdrawn_credit(before: PayoutCredit) -> PayoutCredit:
    """A credit that no statement books any more: nothing of it stands, and the batch is owed as before."""
    return PayoutCredit(replace(before.batch, charge=0, credited=0), 0, 0, 0, 0)


def rounded_by_file(rows: pl.DataFrame) -> Mapping[str, int]:
    """The difference of each file's matched rows to ours in paisa, where it is not zero."""
    agreed = families_that_agree(rows).with_columns(paisa=pl.col("settled") - pl.col("net"))
    # The difference of a family counts for one file, also where the family has rows in two.
    files = (
        rows.filter((pl.col("source") == FILE) & (pl.col("status") == SUCCESS))
        .filter((pl.col("verdict") == MATCHED) & (pl.col("currency") == CURRENCY))
        .group_by(FAMILY)
        .agg(origin=pl.col("origin").min())
    )
    differences = agreed.filter(pl.col("paisa") != 0).join(files, on=list(FAMILY), how="inner")
    return dict(differences.group_by("origin").agg(pl.col("paisa").sum()).sort("origin").iter_rows())


def is_filed(line: SettlementLine) -> bool:
    """Whether the line comes from a file, so that a payout covers it."""
    try:
        parse_file_name(line.source.split(":", 1)[0])
    except MonthError:
        return False
    return True


def _place_of(origin: str, cycles: Cycles) -> tuple[str, date]:
    key = parse_file_name(origin).key
    return key.institution, cycles.value_date(
        Cycle(Party(PartyRole.CONNECTOR, key.institution), key.day, key.cycle)
    )
