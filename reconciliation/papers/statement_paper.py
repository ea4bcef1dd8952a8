"""A statement as CSV, workbook and PDF, all written while its lines are read once."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Protocol

from ekpay_switch.domain.money import group_digits, grouped_taka
from ekpay_switch.ports.finance import Connection
from reconciliation.papers.account_words import account_words
from reconciliation.papers.csv_paper import CsvPaper
from reconciliation.papers.statement import HolderBalance, Statement, StatementLine, statement_lines
from reconciliation.papers.statement_party import PARTY_ROLES
from reconciliation.papers.trial_balance_paper import FINAL, PROVISIONAL, dated_title
from reconciliation.papers.written_files import WrittenFiles
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, columns
from reconciliation.reports.pdf import set_as_pdf
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook_cells import Workbook, WorkbookSheet

TITLE = BilingualText("Statement", "হিসাব বিবরণী")
PROGRAM = "reconciliation.papers.typeset"
# More entries than that make a PDF of days; the other files have each of them.
PDF_ENTRIES_MAX = 1_500
SHEET_ROWS_MAX = 1_000_000
# A reference and the longest name of a biller; a line of it has half as many.
_TEXT_MAX = 60
_HEADINGS = (
    "record", "account", "business_date", "at", "words_en", "words_bn", "reference", "payee", "payment_id",
    "paid_in", "paid_out", "balance",
)  # fmt: skip
_COLUMNS = columns(
    ("Account", "হিসাব", 30),
    ("Business date", "ব্যবসায়িক দিন", 13),
    ("What", "বিবরণ", 44),
    ("Reference", "রেফারেন্স", 28),
    ("Paid to", "যাকে দেওয়া", 20),
    ("Payment", "পরিশোধ", 38),
    ("In, taka", "জমা, টাকা", 16),
    ("Out, taka", "খরচ, টাকা", 16),
    ("Balance, taka", "জের, টাকা", 18),
)
_BALANCES = BilingualText("Balances", "জের")
_BALANCE_COLUMNS = columns(
    ("Account", "হিসাব", 30),
    ("Meaning", "অর্থ", 44),
    ("Opening, taka", "প্রারম্ভিক, টাকা", 18),
    ("In, taka", "জমা, টাকা", 18),
    ("Out, taka", "খরচ, টাকা", 18),
    ("Closing, taka", "সমাপনী, টাকা", 18),
)


class _Sink(Protocol):
    """What takes the lines of a statement."""

    def add(self, line: StatementLine) -> None: ...

    def finish(self) -> None: ...


async def write_statement(
    connection: Connection, statement: Statement, files: WrittenFiles, forms: Sequence[str]
) -> None:
    """Write a statement in these forms of csv, xlsx and pdf, in the snapshot of its trial balance.

    Raises:
        ReportError: the PDF could not be set, or an account does not close as the trial balance says.
    """
    made: Mapping[str, Callable[[Statement, Path], _Sink]] = {
        "csv": _CsvSink,
        "xlsx": _WorkbookSink,
        "pdf": _PdfSink,
    }
    sinks = [made[form](statement, files.path(f"{statement.name}.{form}")) for form in forms]
    async for line in statement_lines(connection, statement):
        for sink in sinks:
            sink.add(line)
    for sink in sinks:
        sink.finish()


def _sides(line: StatementLine) -> tuple[Amount | None, Amount | None]:
    """What came in, and what went out."""
    if line.record != "entry":
        return None, None
    return (Amount(line.change), None) if line.change > 0 else (None, Amount(-line.change))


class _CsvSink:
    def __init__(self, statement: Statement, path: Path) -> None:
        self._statement = statement
        self._paper = CsvPaper(path, _HEADINGS)

    def add(self, line: StatementLine) -> None:
        self._paper.add([
            line.record, line.account, line.business_date, line.at, line.words.en, line.words.bn,
            line.reference, line.biller_id, str(line.payment_id or ""), *_sides(line), Amount(line.balance),
        ])  # fmt: skip

    def finish(self) -> None:
        balances = self._statement.balances
        self._paper.control([
            ("paid_in", sum(line.paid_in for line in balances)),
            ("paid_out", sum(line.paid_out for line in balances)),
            ("closing", sum(line.closing for line in balances)),
        ])  # fmt: skip
        self._paper.close()


class _WorkbookSink:
    def __init__(self, statement: Statement, path: Path) -> None:
        self._title = _title(statement)
        self._book = Workbook(path, path.parent, statement.trial_balance.period.last, self._title)
        sheet = self._book.sheet("Balances · জের", self._title)
        for line in _facts(statement):
            sheet.line(line)
        rows = tuple(_balance_cells(line) for line in statement.balances)
        sheet.table(BilingualTable(_BALANCES, _BALANCE_COLUMNS, rows))
        self._number = 0
        self._sheet = self._entries()

    def add(self, line: StatementLine) -> None:
        if self._sheet.row >= SHEET_ROWS_MAX:
            self._sheet = self._entries()
        self._sheet.add([
            line.account, line.business_date, line.words.bilingual, line.reference, line.biller_id,
            str(line.payment_id or ""), *_sides(line), Amount(line.balance),
        ])  # fmt: skip

    def finish(self) -> None:
        self._book.close()

    def _entries(self) -> WorkbookSheet:
        self._number += 1
        sheet = self._book.sheet(f"Entries {self._number}", self._title)
        sheet.freeze(sheet.headings(_COLUMNS))
        return sheet


class _PdfSink:
    """Holds at most so many entries; beyond them only what came and went each day."""

    def __init__(self, statement: Statement, path: Path) -> None:
        self._statement = statement
        self._path = path
        self._entries: dict[str, list[StatementLine]] = {line.account: [] for line in statement.balances}
        self._days: dict[str, dict[date, _Day]] = {line.account: {} for line in statement.balances}
        self._count = 0

    def add(self, line: StatementLine) -> None:
        if line.business_date is None:
            return
        self._count += 1
        self._days[line.account].setdefault(line.business_date, _Day(line.business_date)).add(line)
        if self._count <= PDF_ENTRIES_MAX:
            self._entries[line.account].append(line)

    def finish(self) -> None:
        command = (sys.executable, "-m", PROGRAM, "statement")
        self._path.write_bytes(set_as_pdf(self._page(), command))

    def _page(self) -> Mapping[str, Any]:
        statement = self._statement
        is_short = self._count <= PDF_ENTRIES_MAX
        last = statement.trial_balance.period.last
        return {
            "title": _words(TITLE),
            "facts": list(_facts(statement)),
            "dated": int(datetime.combine(last, time(), tzinfo=UTC).timestamp()),
            "accounts": [
                {
                    "code": balance.account,
                    "words": _words(account_words(balance.account)),
                    "opening": grouped_taka(balance.opening),
                    "paid_in": grouped_taka(balance.paid_in),
                    "paid_out": grouped_taka(balance.paid_out),
                    "closing": grouped_taka(balance.closing),
                    "rows": [_entry_row(line) for line in self._entries[balance.account]]
                    if is_short
                    else [day.row() for day in self._days[balance.account].values()],
                }
                for balance in statement.balances
            ],
            "by_days": not is_short,
        }


class _Day:
    """What came and went on one business date."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._count = self._paid_in = self._paid_out = self._balance = 0

    def add(self, line: StatementLine) -> None:
        self._count += 1
        self._paid_in += max(line.change, 0)
        self._paid_out += max(-line.change, 0)
        self._balance = line.balance

    def row(self) -> Mapping[str, Any]:
        count = group_digits(self._count)
        return {
            "date": self._day.isoformat(),
            "words": _words(BilingualText(f"{count} entries", f"{count}টি এন্ট্রি")),
            "named": "",
            "paid_in": grouped_taka(self._paid_in) if self._paid_in else "",
            "paid_out": grouped_taka(self._paid_out) if self._paid_out else "",
            "balance": grouped_taka(self._balance),
        }


def _entry_row(line: StatementLine) -> Mapping[str, Any]:
    paid_in, paid_out = _sides(line)
    named = " · ".join(part for part in (line.reference, line.biller_id) if part)
    return {
        "date": str(line.business_date),
        "words": _words(line.words),
        "named": named if len(named) <= _TEXT_MAX else f"{named[: _TEXT_MAX - 1]}…",
        "paid_in": "" if paid_in is None else grouped_taka(paid_in),
        "paid_out": "" if paid_out is None else grouped_taka(paid_out),
        "balance": grouped_taka(line.balance),
    }


def _title(statement: Statement) -> BilingualText:
    title = dated_title(TITLE, statement.trial_balance)
    return BilingualText(f"{title.en}: {statement.party.name}", f"{title.bn}: {statement.party.name}")


def _facts(statement: Statement) -> Sequence[str]:
    """Whose it is, of when, how final, and how to read it."""
    party, period = statement.party, statement.trial_balance.period
    sign = BilingualText("taka; a balance below zero is owed to us", "টাকায়; শূন্যের নিচের জের আমাদের পাওনা")
    return (
        f"{PARTY_ROLES[party.role].bilingual}: {party.name} ({party.id})",
        f"{period.first} \u2013 {period.last}",
        (FINAL if statement.trial_balance.is_final else PROVISIONAL).bilingual,
        sign.bilingual,
    )


def _balance_cells(line: HolderBalance) -> tuple[Cell, ...]:
    amounts = (Amount(paisa) for paisa in (line.opening, line.paid_in, line.paid_out, line.closing))
    return (line.account, account_words(line.account).bilingual, *amounts)


def _words(words: BilingualText) -> dict[str, str]:
    return {"en": words.en, "bn": words.bn}
