"""`ekpay partners statement`: what a partner's prefunds did on a business date, with control totals."""

import csv
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import taka
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.spreadsheet_cells import without_formula
from ekpay_switch.persistence.embedded.roles import rename_durably
from ekpay_switch.persistence.parties.partner_statements import (
    PartnerStatement,
    StatementLine,
    read_statements,
)
from ekpay_switch.ports.finance import Connection

HEADINGS = (
    "record", "bucket", "at", "payment_id", "your_reference", "biller", "bill", "charge", "fee", "vat",
    "change", "balance",
)  # fmt: skip
_RECORD_NAMES = {"topped_up": "top_up", "topped_up_reversed": "top_up_reversal"}


class StatementFormat(StrEnum):
    """What a statement is written as."""

    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to those of partners."""
    app.command("statement")(statement)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise typer.BadParameter("a business date is written 2026-04-05") from problem


def statement(
    partner_id: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")],
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=_day, metavar="DATE", help="Business date; the last closed one if left out."
        ),
    ] = None,
    form: Annotated[
        StatementFormat, typer.Option("--format", help="For a spreadsheet, or for a program.")
    ] = StatementFormat.CSV,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to; a folder: under its own name; stdout if left out."),
    ] = None,
) -> None:
    """Write a partner's statement of a closed business date; the same date gives the same bytes."""
    session = open_session()

    async def _read(_: AsyncEngine) -> PartnerStatement:
        connection = await session.database.connect()
        try:
            (partner_statement,) = await read_statements(connection, day, partner_id)
        finally:
            await connection.close()
        return partner_statement

    result = session.run(_read)
    content = render_statement(result, form)
    if out is None:
        sys.stdout.write(content)
        return
    path = out / file_name_of(result, form) if out.is_dir() else out
    if path.exists() and path.read_text(encoding="utf-8") != content:
        raise typer.BadParameter(f"{path} is there already and is another file")
    _write_durably(path, content)
    typer.echo(f"{path}: {len(result.lines)} lines of {result.partner_id} on {result.business_date}")


async def write_statements(connection: Connection, night: date, folder: Path) -> int:
    """Write the statement of every partner with a prefund to `folder`, as CSV; returns how many there are.

    An existing file is never changed: a statement that differs from an earlier one, because the date got
    another window, is written beside it as its next revision.

    Raises:
        DayNotClosedError: something may yet be posted to the date.
    """
    return _write_statements(await read_statements(connection, night), folder)


def _write_statements(statements: Sequence[PartnerStatement], folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for statement in statements:
        _write_revision(
            folder / file_name_of(statement, StatementFormat.CSV),
            render_statement(statement, StatementFormat.CSV),
        )
    return len(statements)


def file_name_of(statement: PartnerStatement, form: StatementFormat) -> str:
    """The name of a statement's file."""
    return f"{statement.partner_id}_{statement.business_date:%Y%m%d}.{form}"


def render_statement(statement: PartnerStatement, form: StatementFormat) -> str:
    """The statement as text, its control totals last."""
    return _as_csv(statement) if form is StatementFormat.CSV else _as_json(statement)


def _as_csv(statement: PartnerStatement) -> str:
    """A line a movement; the last line has count, sum and the SHA-256 of every byte before it."""
    body = io.StringIO()
    rows = csv.writer(body, lineterminator="\n")
    rows.writerow(HEADINGS)
    header = (
        "statement",
        "partner",
        statement.partner_id,
        "date",
        statement.business_date,
        "currency",
        "BDT",
    )
    rows.writerow(_padded(*header))
    for bucket, balances in statement.buckets.items():
        rows.writerow(_padded("opening", bucket, balance=balances.opening))
    rows.writerows(_rows(statement))
    for bucket, balances in statement.buckets.items():
        rows.writerow(_padded("closing", bucket, balance=balances.closing))
    count, change = _totals(statement.lines)
    digest = hashlib.sha256(body.getvalue().encode()).hexdigest()
    rows.writerow(_padded("control", "lines", count, "change", taka(change), "sha256", digest))
    return body.getvalue()


def _rows(statement: PartnerStatement) -> Iterator[Sequence[object]]:
    balances = {bucket: totals.opening for bucket, totals in statement.buckets.items()}
    for line in statement.lines:
        balances[line.bucket] += line.change
        yield (
            _RECORD_NAMES.get(line.kind, line.kind), line.bucket, _instant(line.at), line.payment_id or "",
            without_formula(line.reference), without_formula(line.biller_id),
            *("" if part is None else taka(part) for part in (line.billed, line.charge, line.fee, line.vat)),
            taka(line.change), taka(balances[line.bucket]),
        )  # fmt: skip


def _padded(*cells: object, balance: int | None = None) -> list[object]:
    row = [*cells, *[""] * (len(HEADINGS) - len(cells))]
    if balance is not None:
        row[-1] = taka(balance)
    return row


def _as_json(statement: PartnerStatement) -> str:
    """Whole paisa; the SHA-256 covers the object without `control`, keys sorted and nothing between."""
    count, change = _totals(statement.lines)
    body = {
        "partner": statement.partner_id,
        "business_date": statement.business_date.isoformat(),
        "currency": "BDT",
        "buckets": {
            bucket: {"opening": balances.opening, "closing": balances.closing}
            for bucket, balances in statement.buckets.items()
        },
        "lines": [_line_document(line) for line in statement.lines],
    }
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    control = {"lines": count, "change": change, "sha256": digest}
    return json.dumps(body | {"control": control}, ensure_ascii=False, indent=2) + "\n"


def _line_document(line: StatementLine) -> dict[str, object]:
    return {
        "record": _RECORD_NAMES.get(line.kind, line.kind),
        "bucket": line.bucket,
        "at": _instant(line.at),
        "payment_id": None if line.payment_id is None else str(line.payment_id),
        "your_reference": line.reference,
        "biller": line.biller_id,
        "bill": line.billed,
        "charge": line.charge,
        "fee": line.fee,
        "vat": line.vat,
        "change": line.change,
    }


def _totals(lines: Sequence[StatementLine]) -> tuple[int, int]:
    return len(lines), sum(line.change for line in lines)


def _instant(instant: datetime) -> str:
    return in_dhaka(instant).isoformat(timespec="milliseconds")


def _write_durably(path: Path, content: str) -> None:
    """Write a file whole and durably, or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    rename_durably(partial, path)


def _write_revision(path: Path, content: str) -> None:
    place, revision = path, 1
    while place.exists():
        if place.read_text(encoding="utf-8") == content:
            return
        place, revision = path.with_name(f"{path.stem}_r{revision}{path.suffix}"), revision + 1
    _write_durably(place, content)
