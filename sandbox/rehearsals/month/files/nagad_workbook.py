"""Nagad's file: a workbook with one sheet, written directly so that the same rows give the same bytes.

References are text cells, amounts are numbers in taka, times are serial days since 30 December 1899.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import IO

from sandbox.kit.institution.amounts import taka
from sandbox.rehearsals.month.files.layouts import Cover, FileLayout, Totals, masked_wallet
from sandbox.rehearsals.month.model.days import FIRST
from sandbox.rehearsals.month.model.instants import split
from sandbox.rehearsals.month.model.rows import MonthRow, RowDefect, RowStatus

_SERIAL_OF_FIRST = (FIRST - date(1899, 12, 30)).days
_BOOK = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>"
    ),
    "xl/workbook.xml": (
        f'{_XML}<workbook xmlns="{_BOOK}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="Settlement" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'
    ),
    # Style 1 is a date with a time of day.
    "xl/styles.xml": (
        f'{_XML}<styleSheet xmlns="{_BOOK}"><fonts count="1"><font/></fonts>'
        '<fills count="2"><fill/><fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>'
    ),
}
_HEADINGS = (
    "paymentRefId", "orderId", "issuerPaymentRefNo", "issuerPaymentDateTime", "clientMobileNo", "amount",
    "charge", "netAmount", "status", "cancelIssuerRefNo",
)  # fmt: skip
_WORDS = {RowStatus.SUCCESS: "Success", RowStatus.FAILED: "Failed"}


@contextmanager
def workbook(path: Path) -> Iterator[IO[bytes]]:
    """Open a workbook; what is written is the XML of its sheet."""
    with zipfile.ZipFile(path, "w") as book:
        for name, text in _PARTS.items():
            book.writestr(_part(name), text)
        with book.open(_part(_SHEET), "w", force_zip64=True) as sheet:
            yield sheet


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    part.compress_type = zipfile.ZIP_DEFLATED
    part.create_system = 0
    return part


def _text(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>' if text else "<c/>"


def _number(text: str) -> str:
    return f"<c><v>{text}</v></c>"


class Nagad(FileLayout):
    """One row of the sheet each."""

    extension = "xlsx"

    def head(self, cover: Cover) -> str:
        """Return the beginning of the sheet and its headings."""
        del cover
        cells = "".join(map(_text, _HEADINGS))
        return f'{_XML}<worksheet xmlns="{_BOOK}"><sheetData><row>{cells}</row>\n'

    def time(self, ms: int) -> str:
        """Write the serial day in Dhaka, exact to the second."""
        day, second, _ = split(ms)
        return f"{_SERIAL_OF_FIRST + day + second / 86_400:.8f}"

    def line(self, row: MonthRow, ordinal: int, cover: Cover) -> str:
        """Return one row."""
        del ordinal, cover
        first, cancel = (row.original.theirs, row.theirs) if row.original else (row.theirs, "")
        theirs = _number(first) if row.spoiled is RowDefect.NUMBER else _text(first)
        cells = (
            _text(f"{row.number:024d}"), _text(row.ours), theirs, f'<c s="1"><v>{self.time(row.ms)}</v></c>',
            _text(masked_wallet(row.number)), _number(taka(row.gross)), _number(taka(row.fee + row.vat)),
            _number(taka(row.net)), _text(_word(row)), _text(cancel),
        )  # fmt: skip
        return f"<row>{''.join(cells)}</row>\n"

    def tail(self, totals: Totals, cover: Cover, digest: str) -> str:
        """Return the end of the sheet."""
        del totals, cover, digest
        return "</sheetData></worksheet>"


def _word(row: MonthRow) -> str:
    if row.original is None:
        return _WORDS[row.status]
    return "Refunded" if -row.gross == row.original.gross else "PartialCancelled"
