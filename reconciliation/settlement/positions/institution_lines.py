"""Judged rows of institutions as lines: what is matched is agreed, what is broken is held under its code.

Of a movement in a file, the file's amount is the claim, as in `matching.institution_positions`; a movement
that is only in our books is a claim of ours and is held. Lines of merchants, payees and partners do not come
from files: `ledger_lines` makes them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import polars as pl

from reconciliation.breaks.findings import BreakFinding
from reconciliation.canonical_row import (
    BRINGS,
    BROKEN,
    CHARGEBACK,
    FILE,
    KEY,
    LEDGER,
    MATCHED,
    SUCCESS,
    TAKES_BACK,
)
from reconciliation.intake.file_names import parse_file_name
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.settlement.positions.cycles import Cycle, Cycles, Party, PartyRole
from reconciliation.settlement.positions.lines import LineKind, SettlementLine

_ROLES: Mapping[str, PartyRole] = {"funds": PartyRole.CONNECTOR, "delivery": PartyRole.BILLER}
_KINDS: Mapping[int, LineKind] = {
    BRINGS: LineKind.PAYMENT,
    TAKES_BACK: LineKind.REFUND,
    CHARGEBACK: LineKind.CHARGEBACK,
}
# The files of a partner are those of an institution of this name.
_PARTNERS = "partner_"
_READ_COLUMNS = (
    "source", "origin", "ordinal", "institution", "reference", "direction", "fee", "vat", "net", "instant",
    "verdict",
)  # fmt: skip


class ClaimFate(StrEnum):
    """The effect of an approved resolution on a claim."""

    AGREED = "agreed"  # our books now agree with the row
    DROPPED = "dropped"  # the claim is given up


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Rows with their verdicts, and the night in which they were given.

    `kinds` are the kinds of institutions: bank statements make no lines, and neither do files of partners,
    whose prefunds have paid. `from_deposit` are billers that took their money off a deposit that we keep
    there. `decided` is what people decided about every break of a reference of an institution.
    """

    rows: pl.DataFrame
    night: date
    kinds: Mapping[str, Literal["funds", "delivery", "statement"]]
    findings: tuple[BreakFinding, ...] = ()
    from_deposit: frozenset[str] = frozenset()
    decided: Mapping[tuple[str, str], ClaimFate] = field(default_factory=dict)


def institution_lines(judged: JudgedRows, cycles: Cycles) -> tuple[SettlementLine, ...]:
    """The lines of every row that claims money, as if all were first seen tonight.

    `lines.carry_forward` merges them with the lines that earlier nights made of the same rows.
    """
    names = _names(judged.findings)
    settled_rows = judged.rows.filter((pl.col("status") == SUCCESS) & (pl.col("currency") == CURRENCY))
    file_rows = settled_rows.filter(pl.col("source") == FILE)
    # Whatever a file says of the same movement is the claim; ours beside it would hold it twice. What waits
    # in its window is no claim yet.
    broken = settled_rows.filter((pl.col("source") == LEDGER) & (pl.col("verdict") == BROKEN))
    alone = broken.join(file_rows.select(KEY).unique(), on=list(KEY), how="anti")
    lines: list[SettlementLine] = []
    for row in (
        pl.concat([file_rows, alone]).select(_READ_COLUMNS).sort("origin", "ordinal").iter_rows(named=True)
    ):
        role = _role_of(str(row["institution"]), judged)
        if role is not None:
            lines += _lines_of_row(row, _cycle(row, role, cycles), judged, names)
    return tuple(lines)


def payments_of_rows(frame: pl.DataFrame, institutions: Collection[str]) -> dict[str, UUID]:
    """The payment of each row of these institutions that may become a line, by its `<origin>:<ordinal>`.

    A row of a file has that of the row of ours with its reference and direction; of several, the first by id.
    """
    is_partner = pl.col("institution").str.starts_with(_PARTNERS)
    rows = frame.filter(pl.col("institution").is_in(institutions) & ~is_partner)
    name = pl.format("{}:{}", "origin", "ordinal").alias("name")
    own = rows.filter((pl.col("source") == LEDGER) & pl.col("payment_id").is_not_null())
    by_key = own.group_by(KEY).agg(pl.col("payment_id").min())
    filed = rows.filter(pl.col("source") == FILE).drop("payment_id").join(by_key, on=list(KEY), how="inner")
    linked = pl.concat([own.select(name, "payment_id"), filed.select(name, "payment_id")])
    return {row: UUID(payment) for row, payment in linked.iter_rows()}


def _role_of(institution: str, judged: JudgedRows) -> PartyRole | None:
    return None if institution.startswith(_PARTNERS) else _ROLES.get(judged.kinds.get(institution, ""))


def _names(findings: Iterable[BreakFinding]) -> Mapping[tuple[str, str], str]:
    """The codes of breaks for each reference of an institution."""
    codes_by_reference: dict[tuple[str, str], set[str]] = {}
    for finding in findings:
        codes_by_reference.setdefault((finding.key.institution, finding.key.reference), set()).add(
            finding.key.code.value
        )
    return {key: " ".join(sorted(codes)) for key, codes in codes_by_reference.items()}


def _cycle(row: Mapping[str, object], role: PartyRole, cycles: Cycles) -> Cycle:
    party = Party(role, str(row["institution"]))
    instant = row["instant"]
    if row["source"] == LEDGER and isinstance(instant, datetime):
        return cycles.cycle_of(party, instant)
    key = parse_file_name(str(row["origin"])).key
    return Cycle(party, key.day, key.cycle)


def _lines_of_row(
    row: Mapping[str, object], cycle: Cycle, judged: JudgedRows, names: Mapping[tuple[str, str], str]
) -> Iterator[SettlementLine]:
    fate = judged.decided.get((cycle.party.name, str(row["reference"])))
    is_agreed = row["verdict"] == MATCHED or fate is ClaimFate.AGREED
    because = names.get((cycle.party.name, str(row["reference"])), str(row["verdict"]))
    line = SettlementLine(
        cycle,
        f"{row['origin']}:{row['ordinal']}",
        LineKind.PAYMENT,
        0,
        seen_on=judged.night,
        agreed_on=judged.night if is_agreed else None,
        dropped_on=judged.night if fate is ClaimFate.DROPPED and not is_agreed else None,
        because="" if is_agreed else because,
    )
    # What a connector collected comes to us; what a biller accepted is owed to it.
    sign = 1 if cycle.party.role is PartyRole.CONNECTOR else -1
    amounts = [(kind, sign * amount) for kind, amount in _amounts(row)]
    if cycle.party.role is PartyRole.BILLER and cycle.party.name in judged.from_deposit:
        amounts.append((LineKind.ADJUSTMENT, -sum(amount for _, amount in amounts)))
    for kind, amount in amounts:
        if amount:
            yield replace(line, kind=kind, amount=amount)


def _amounts(row: Mapping[str, object]) -> tuple[tuple[LineKind, int], ...]:
    """The movement, and what was kept of it; together they are the net, also where no gross was told."""
    net, fee, vat = (_paisa(row[name]) for name in ("net", "fee", "vat"))
    kind = _KINDS[_paisa(row["direction"])]
    return (kind, net + fee + vat), (LineKind.FEE, -(fee + vat))


def _paisa(value: object) -> int:
    return value if isinstance(value, int) else 0
