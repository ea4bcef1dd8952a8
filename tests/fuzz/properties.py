"""What must be true of whatever was read from a file, however it was spoiled; each breach is one line."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Final
from zipfile import ZipFile

import polars as pl
from lxml import etree

from reconciliation.canonical_row import BRINGS, SUCCESS
from reconciliation.errors import UnreadableFileError
from reconciliation.statement.layout import TABLES, Layout
from reconciliation.statement.reader import Reading
from reconciliation.statement.values.amounts import paisa_of_decimal

PAISA_MAX: Final = 10**16
LETTERS_MAX: Final = 200
REFUSAL_LETTERS_MAX: Final = 600
_OLDEST, _NEWEST = timedelta(days=402), timedelta(days=4)
_SHEET: Final = "xl/worksheets/sheet1.xml"


def refusal_faults(problem: UnreadableFileError) -> Iterator[str]:
    """A refusal says why in a sentence, and where in whole numbers from 1."""
    if not problem.reason or len(str(problem)) > REFUSAL_LETTERS_MAX:
        yield f"a refusal of {len(str(problem))} letters"
    if problem.line is not None and problem.line < 1:
        yield f"a refusal at line {problem.line}"


def reading_faults(reading: Reading, layout: Layout, file_date: date, content: bytes) -> Iterator[str]:
    """Amounts in whole paisa within bounds, dates, visible texts, totals that agree, and no row lost."""
    rows = reading.rows
    yield from _amount_faults(rows)
    yield from _time_faults(rows, layout, file_date)
    yield from _text_faults(rows)
    yield from _total_faults(reading, layout)
    expected = _entries_in(content, layout)
    if expected is not None and expected != rows.height:
        yield f"{rows.height} rows read of {expected}"
    expected_amount = _amount_in(content, layout)
    if expected_amount is not None and expected_amount != int(rows["gross"].sum()):
        yield f"{rows['gross'].sum()} paisa read of {expected_amount}"


def _amount_faults(rows: pl.DataFrame) -> Iterator[str]:
    for name in ("gross", "fee", "vat", "net"):
        amounts = rows[name]
        if amounts.dtype != pl.Int64 or (name != "gross" and amounts.null_count()):
            yield f"{name}: no whole paisa in each row"
        elif rows.select(pl.col(name).cast(pl.Float64).abs().sum()).item() > PAISA_MAX:
            yield f"{name}: beyond all bounds"


def _time_faults(rows: pl.DataFrame, layout: Layout, file_date: date) -> Iterator[str]:
    if rows["ordinal"].to_list() != sorted(set(rows["ordinal"])):
        yield "ordinals do not rise"
    if set(rows["business_date"]) - {file_date}:
        yield "another business date than the file's"
    midnight = datetime.combine(file_date, time(), UTC)
    instants = rows.filter(pl.col("rejected").is_null())["instant"]
    if layout.container in TABLES and instants.null_count():
        yield "a row without a time that is not rejected"
    if any(not midnight - _OLDEST < instant < midnight + _NEWEST for instant in instants.drop_nulls()):
        yield "a time beyond all bounds"


def _text_faults(rows: pl.DataFrame) -> Iterator[str]:
    for name in ("ours", "theirs", "currency"):
        for text in rows[name].drop_nulls():
            if len(text) > LETTERS_MAX or re.search(r"[\x00-\x1f\x7f-\x9f]", text):
                yield f"{name}: {text[:40]!r} cannot be shown"


def _total_faults(reading: Reading, layout: Layout) -> Iterator[str]:
    rows, controls = reading.rows, reading.controls
    for name, stated in controls.items():
        what, _, total = name.partition(".")
        if what == "stated" and controls.get(f"counted.{total}", stated) != stated:
            yield f"{total}: stated {stated}, counted {controls[f'counted.{total}']}"
    if controls.get("counted.rows") not in (None, str(rows.height)):
        yield f"{rows.height} rows, counted {controls['counted.rows']}"
    opening, closing = reading.opening, reading.closing
    if None not in (opening, closing) and (opening or 0) + int(rows["gross"].sum()) != closing:
        yield "opening and rows do not give closing"
    if "counted.gross" in controls and _written_gross(rows, layout) != int(controls["counted.gross"]):
        yield f"gross comes to {_written_gross(rows, layout)}, counted {controls['counted.gross']}"
    settled = rows.filter((pl.col("status") == SUCCESS) & (pl.col("currency") == "BDT"))["net"].sum()
    if layout.container in TABLES and reading.settled != settled:
        yield f"settled {reading.settled}, rows {settled}"


def _written_gross(rows: pl.DataFrame, layout: Layout) -> int:
    """The sum of gross as the file writes it, before an event gave it a sign."""
    by_event = layout.amounts is not None and "gross" in layout.amounts.signed_by_event
    back = pl.col("direction") != BRINGS
    return int(rows.select(pl.when(back & by_event).then(-pl.col("gross")).otherwise("gross").sum()).item())


def _entries_in(content: bytes, layout: Layout) -> int | None:
    """How many rows a file has by a simple count of our own; None where there is none."""
    counts: dict[str, Callable[[], int | None]] = {
        "text": lambda: _lines_in(content, layout),
        "workbook": lambda: _sheet_rows_in(content),
        "mt940": lambda: _entry_lines_in(content),
        "mt942": lambda: _entry_lines_in(content),
        "ach": lambda: sum(line.startswith(b"6") for line in content.split(b"\n")),
        "beftn": lambda: len(_named(_root(content), "EDR")),
        "iso8583": lambda: None,
    }
    if layout.container in counts:
        return counts[layout.container]()
    return None if layout.statement.batches == "details" else len(_booked(content))


def _entry_lines_in(content: bytes) -> int:
    return len(re.findall(rb"^:61:", content.replace(b"\r\n", b"\n"), re.MULTILINE))


def _amount_in(content: bytes, layout: Layout) -> int | None:
    """The sum of a file's amounts with their signs, by a simple count of our own."""
    if not layout.container.startswith("camt"):
        return None
    total = 0
    for entry in _booked(content):
        side = _text_of(_children(entry, "CdtDbtInd"))
        amount = paisa_of_decimal(_text_of(_children(entry, "Amt")))
        if amount is None:
            return -1
        total += amount if side == "CRDT" else -amount
    return total


def _lines_in(content: bytes, layout: Layout) -> int:
    text = layout.text
    around = (layout.header is not None) + (layout.trailer is not None) + bool(text and text.headings)
    end = b"\n"
    if text is not None and text.encoding == "utf-16-le-bom":
        end = "\n".encode("utf-16-le")
        content = content[2:]
        return sum(content[at : at + 2] == end for at in range(0, len(content), 2)) - around
    return content.count(end) - around


def _sheet_rows_in(content: bytes) -> int | None:
    """The rows of the first sheet that hold something, the headings apart; None where parts were renamed."""
    with ZipFile(BytesIO(content)) as archive:
        if archive.namelist().count(_SHEET) != 1:
            return None
        sheet = _root(archive.read(_SHEET))
    if sheet.tag == "none":
        return None
    filled = 0
    for row in _named(sheet, "row"):
        cells = [cell for cell in _named(row, "c") if cell.get("t") != "e"]
        texts = [_text_of([leaf]) for cell in cells for leaf in (*_named(cell, "v"), *_named(cell, "t"))]
        filled += any(texts)
    return filled - 1


def _booked(content: bytes) -> list[etree._Element]:
    entries = _named(_root(content), "Ntry")
    return [entry for entry in entries if _state_of(entry) in {"BOOK", ""}]


def _state_of(entry: etree._Element) -> str:
    (state,) = _children(entry, "Sts")[:1] or [None]
    if state is None:
        return ""
    codes = _children(state, "Cd")
    return _text_of(codes) or _text_of([state])


def _root(content: bytes) -> etree._Element:
    """The root of a file that a reader has taken; empty where another parser than ours takes it for none."""
    parser = etree.XMLParser(huge_tree=True, resolve_entities=False, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return etree.Element("none")


def _named(root: etree._Element, name: str) -> list[etree._Element]:
    return [element for element in root.iter(etree.Element) if etree.QName(element).localname == name]


def _children(element: etree._Element, name: str) -> list[etree._Element]:
    return [child for child in element.iterchildren(etree.Element) if etree.QName(child).localname == name]


def _text_of(elements: list[etree._Element]) -> str:
    """All text of the first element, whatever stands between its letters."""
    return "" if not elements else "".join(elements[0].itertext(with_tail=False)).strip()
