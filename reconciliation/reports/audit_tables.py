"""Tables for auditors: control totals, our books, invariants, digests."""

from collections.abc import Iterable

from reconciliation.canonical_row import BROKEN, MATCHED, OPEN, REJECTED
from reconciliation.reports.bilingual_table import INSTITUTION, Amount, BilingualTable, Cell, columns
from reconciliation.reports.report_model import FileLine, Report, Tally
from reconciliation.reports.wording import CHECK_RESULTS, EVIDENCE, INVARIANTS, STATES, BilingualText

_NOTHING = Tally()


def files(lines: Iterable[FileLine]) -> BilingualTable:
    """Every file: due and arrival, stated and counted rows."""
    return BilingualTable(
        BilingualText("Control totals", "নিয়ন্ত্রণ যোগফল"),
        columns(
            ("File", "ফাইল", 38),
            INSTITUTION,
            ("Date", "তারিখ", 12),
            ("Cycle", "চক্র", 8),
            ("State", "অবস্থা", 24),
            ("Due", "আসার কথা", 12),
            ("Came", "এসেছে", 12),
            ("Late, business days", "দেরি, কর্মদিবস", 10),
            ("Rows stated", "লেখা সারি", 10),
            ("Settled, taka", "পরিশোধ্য, টাকা", 17),
            ("Matched", "মিলেছে", 10),
            ("Breaks", "গরমিল", 10),
            ("Rejected", "বাতিল", 10),
            ("Waiting", "অপেক্ষমাণ", 10),
            ("Rows left", "পাওয়া সারি", 10),
            ("Agrees", "মেলে", 14),
        ),
        tuple(_file(line) for line in lines),
    )


def _file(line: FileLine) -> tuple[Cell, ...]:
    counts = line.stated.rows if line.state == "loaded" else None
    return (
        line.name,
        line.institution,
        line.day,
        line.cycle,
        STATES[line.state].bilingual,
        line.due,
        line.arrived_on,
        line.late,
        counts,
        None if counts is None else Amount(line.stated.paisa),
        *(line.fates.get(fate, _NOTHING).rows for fate in (MATCHED, BROKEN, REJECTED, OPEN)),
        line.rows_by_fate.rows,
        STATES["yes" if line.agrees else "no"].bilingual,
    )


def books(report: Report) -> BilingualTable:
    """Our own days."""
    return BilingualTable(
        BilingualText("Our books", "আমাদের খাতা"),
        columns(
            ("Business date", "লেনদেনের তারিখ", 38),
            ("Rows", "সারি", 12),
            ("Gross, taka", "মোট, টাকা", 18),
            ("Net, taka", "নিট, টাকা", 18),
            ("SHA-256", "SHA-256", 68),
        ),
        tuple(
            (line.day, line.rows, Amount(line.gross), Amount(line.net), line.sha256) for line in report.books
        ),
    )


def checks(report: Report) -> BilingualTable:
    """The seven invariants."""
    return BilingualTable(
        BilingualText("Seven invariants", "সাতটি শর্ত"),
        columns(("Invariant", "শর্ত", 60), ("Outcome", "ফল", 34), ("In words", "বিবরণ", 68)),
        tuple(
            (INVARIANTS[check.name].bilingual, CHECK_RESULTS[check.result].bilingual, check.words)
            for check in report.checks
        ),
    )


def evidence(report: Report) -> BilingualTable:
    """Digests and versions of inputs and results."""
    return BilingualTable(
        BilingualText("Evidence", "প্রমাণ"),
        columns(("What", "কী", 38), ("Digest (SHA-256) or version", "সারাংক (SHA-256) বা সংস্করণ", 68)),
        tuple((EVIDENCE[name].bilingual, value) for name, value in report.evidence.items()),
    )


def digests(report: Report) -> BilingualTable:
    """The files that came, each with the SHA-256 of its bytes."""
    return BilingualTable(
        BilingualText("Files", "ফাইল"),
        columns(("File", "ফাইল", 38), ("State", "অবস্থা", 34), ("SHA-256", "SHA-256", 68)),
        tuple(
            (line.name, STATES[line.state].bilingual, line.sha256)
            for line in report.files
            if line.arrived_on is not None
        ),
    )
