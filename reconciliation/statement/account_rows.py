"""Account statements as canonical rows: which account, how many statements, and whether they are whole.

A row is an entry, or each payment inside it where the layout asks for details. The reversal of a credit is a
row that takes back; every other entry, a charge too, is a row of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import polars as pl

from reconciliation.canonical_row import BRINGS, SUCCESS, TAKES_BACK
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats import camt, mt940
from reconciliation.statement.formats.account_entries import AccountStatement, StatementEntry, check_balances
from reconciliation.statement.layout import Container, Layout

_KINDS: Final[Mapping[Container, str]] = {
    "camt052": "Rpt",
    "camt053": "Stmt",
    "camt054": "Ntfctn",
    "mt940": "940",
    "mt942": "942",
}
# Kinds with both balances, and those that need a sum: without one, a cut file would not be noticed.
_WITH_BALANCES: Final = {"camt053", "mt940"}
_WITH_SUMS: Final = {"mt942"}


@dataclass(frozen=True, slots=True)
class StatementRows:
    """The rows and totals of the statements of a file."""

    rows: pl.DataFrame
    opening: int | None
    closing: int | None
    entry_total: int
    controls: Mapping[str, str]


def read_statements(content: bytes, layout: Layout) -> StatementRows:
    """The rows of every statement of a file, each checked against its balances and sums.

    Raises:
        UnreadableFileError: another kind of message, account or currency than the layout's.
        ControlTotalError: balances and entries disagree, or do not follow on each other.
    """
    statements = _messages(content, layout)
    if not statements or (len(statements) != 1 and not layout.statement.several):
        raise ControlTotalError(f"{len(statements)} account statements where one must be")
    for statement in statements:
        _check(statement, layout)
    check_balances(statements)
    _check_chain(statements)
    entries = _numbered(statements, layout)
    return StatementRows(
        rows=_rows(entries),
        opening=statements[0].opening,
        closing=statements[-1].closing,
        entry_total=sum(entry.amount for entry in entries),
        controls=_controls(statements, entries),
    )


def entry_texts(content: bytes, layout: Layout) -> dict[int, str]:
    """What each line of a file that was read before says beside its references, by its place.

    Raises:
        UnreadableFileError: the file is not that any more.
    """
    return {entry.ordinal: entry.text for entry in _numbered(_messages(content, layout), layout)}


def _messages(content: bytes, layout: Layout) -> Sequence[AccountStatement]:
    if layout.container.startswith("camt"):
        return camt.read(content)
    encoding = layout.statement.encoding
    try:
        return mt940.read(content.decode(encoding).replace("\r\n", "\n"))
    except UnicodeDecodeError as problem:
        raise UnreadableFileError(f"byte {problem.start} is not {encoding}") from problem


def _check(statement: AccountStatement, layout: Layout) -> None:
    name, container = statement.identification, layout.container
    if statement.kind != _KINDS[container]:
        raise UnreadableFileError(f"account statement {name}: {statement.kind} is no {container}")
    if layout.statement.account != statement.account:
        raise UnreadableFileError(f"account statement {name} is of another account")
    currencies = {entry.currency for entry in statement.entries}
    if len(currencies | {statement.currency} - {""}) > 1:
        raise UnreadableFileError(f"account statement {name}: entries in {', '.join(sorted(currencies))}")
    if container in _WITH_BALANCES and (statement.opening is None or statement.closing is None):
        raise ControlTotalError(f"account statement {name}: a balance is missing, the file may be cut off")
    if container in _WITH_SUMS and not statement.controls:
        raise ControlTotalError(f"account statement {name}: neither :90C: nor :90D:, it may be cut off")


def _check_chain(statements: Sequence[AccountStatement]) -> None:
    """Statements of one file are of one account, and each opens where the one before closed."""
    for before, after in pairwise(statements):
        if (before.account, before.currency) != (after.account, after.currency):
            raise UnreadableFileError(f"account statement {after.identification} is of another account")
        if before.closing != after.opening:
            raise ControlTotalError(
                f"account statement {after.identification}: opening {after.opening}"
                f" behind a closing of {before.closing} paisa"
            )


def _numbered(statements: Sequence[AccountStatement], layout: Layout) -> list[StatementEntry]:
    entries = [entry for statement in statements for entry in statement.entries]
    if layout.statement.batches == "entry":
        return entries
    parts = [part for entry in entries for part in entry.parts or (entry,)]
    return [replace(part, ordinal=number) for number, part in enumerate(parts, start=1)]


def _rows(entries: Sequence[StatementEntry]) -> pl.DataFrame:
    amounts = [entry.amount for entry in entries]
    return pl.DataFrame(
        {
            "ordinal": [entry.ordinal for entry in entries],
            "ours": [entry.reference for entry in entries],
            "theirs": [entry.bank_reference for entry in entries],
            "currency": [entry.currency for entry in entries],
            "gross": amounts,
            "net": amounts,
            "raw_hash": [entry.fingerprint for entry in entries],
            "direction": [
                TAKES_BACK if entry.is_reversal and entry.amount < 0 else BRINGS for entry in entries
            ],
        },
        schema_overrides={"gross": pl.Int64, "net": pl.Int64, "ordinal": pl.Int32, "direction": pl.Int8}
        | dict.fromkeys(("ours", "theirs", "currency", "raw_hash"), pl.String),
    ).with_columns(
        status=pl.lit(SUCCESS, pl.Int8),
        fee=pl.lit(0, pl.Int64),
        vat=pl.lit(0, pl.Int64),
    )


def _controls(statements: Sequence[AccountStatement], entries: Sequence[StatementEntry]) -> Mapping[str, str]:
    """The controls of one message, or the number of messages; stated and counted closing balances."""
    first, last = statements[0], statements[-1]
    entry_total = sum(entry.amount for entry in entries)
    controls = {"counted.rows": str(len(entries)), "counted.moved": str(entry_total)}
    if len(statements) == 1:
        controls |= first.controls
    else:
        controls["counted.statements"] = str(len(statements))
    if first.opening is not None and last.closing is not None:
        controls |= {"stated.opening": str(first.opening), "stated.closing": str(last.closing)}
        controls["counted.closing"] = str(first.opening + entry_total)
    return controls
