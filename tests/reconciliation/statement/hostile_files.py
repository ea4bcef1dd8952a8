"""Files that no institution sends, made to break whoever reads them."""

import os
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import xlsxwriter

NAGAD = (
    "paymentRefId", "orderId", "issuerPaymentRefNo", "issuerPaymentDateTime", "clientMobileNo", "amount",
    "charge", "netAmount", "status", "cancelIssuerRefNo",
)  # fmt: skip
SHEET = "xl/worksheets/sheet1.xml"
_MEGABYTE = 1 << 20


def nagad_row(**changes: object) -> list[object]:
    """One payment of 100 taka as Nagad writes it; its time is a day number."""
    cells = dict(zip(NAGAD, ("P1", "EKF1", "N1", 46117.5, "017", 100, 1.5, 98.5, "Success", ""), strict=True))
    return list((cells | changes).values())


def nagad_workbook(*rows: list[object]) -> bytes:
    """A workbook of Nagad."""
    stream = BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet()
    headings: list[object] = list(NAGAD)
    for line, cells in enumerate([headings, *rows]):
        for column, cell in enumerate(cells):
            (sheet.write_string if isinstance(cell, str) else sheet.write_number)(line, column, cell)
    book.close()
    return stream.getvalue()


def with_part(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """A workbook some of whose parts are others."""
    stream = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(stream, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name, old.read(name)))
        for name in parts.keys() - set(old.namelist()):
            new.writestr(name, parts[name])
    return stream.getvalue()


def sheet_of(content: bytes) -> bytes:
    """The XML of the first sheet of a workbook."""
    with ZipFile(BytesIO(content)) as archive:
        return archive.read(SHEET)


def with_sheet(content: bytes, old: bytes, new: bytes) -> bytes:
    """A workbook whose sheet is written otherwise in one place."""
    sheet = sheet_of(content)
    assert old in sheet, sheet
    return with_part(content, {SHEET: sheet.replace(old, new, 1)})


def with_stray_cell(address: str) -> bytes:
    """A workbook with one more cell, somewhere."""
    digits = address.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    stray = f'<row r="{digits}"><c r="{address}"><v>1</v></c></row></sheetData>'
    return with_sheet(nagad_workbook(nagad_row()), b"</sheetData>", stray.encode())


def unpacking_to(megabytes: int) -> bytes:
    """A workbook whose sheet is nearly nothing, many times."""
    sheet = sheet_of(nagad_workbook(nagad_row()))
    padding = b" " * _MEGABYTE
    stream = BytesIO()
    with ZipFile(BytesIO(nagad_workbook(nagad_row()))) as old, ZipFile(stream, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != SHEET:
                new.writestr(name, old.read(name))
        with new.open(SHEET, "w", force_zip64=True) as part:
            part.write(sheet)
            for _ in range(megabytes):
                part.write(padding)
    return stream.getvalue()


def with_rows(content: bytes, count: int) -> bytes:
    """A workbook with so many more rows, each of which is its first one again."""
    row = sheet_of(content).partition(b'<row r="2"')[2].partition(b"</row>")[0]
    rows = b"".join(
        b'<row r="%d"' % line + re.sub(rb'(r="[A-Z]+)2"', rb'\g<1>%d"' % line, row) + b"</row>"
        for line in range(3, 3 + count)
    )
    return with_sheet(content, b"</sheetData>", rows + b"</sheetData>")


def with_large_texts(content: bytes) -> bytes:
    """A workbook whose shared texts take more memory than a reader of 64 MB has."""
    texts = (b"<si><t>" + b"x" * 32_000 + b"</t></si>") * 8_000
    shared = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + texts + b"</sst>"
    return with_part(content, {"xl/sharedStrings.xml": shared})


def lying_about_its_size(content: bytes) -> bytes:
    """A workbook whose directory says that every part unpacks to one byte."""
    lying = bytearray(content)
    place = content.find(b"PK\x01\x02")
    while place >= 0:
        lying[place + 24 : place + 28] = (1).to_bytes(4, "little")
        place = content.find(b"PK\x01\x02", place + 4)
    return bytes(lying)


def reading_processes() -> list[int]:
    """The processes that read files for this one."""
    parents = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    numbers = [int(number) for path in parents for number in path.read_text(encoding="ascii").split()]
    return [number for number in numbers if b"reading_process" in of_process(number, "cmdline")]


def of_process(number: int, name: str) -> bytes:
    """What the system tells of a process."""
    return Path(f"/proc/{number}/{name}").read_bytes()


def peak_megabytes(number: int) -> int:
    """The most memory that a process has had."""
    (line,) = [line for line in of_process(number, "status").splitlines() if line.startswith(b"VmHWM")]
    return int(line.split()[1]) // 1024
