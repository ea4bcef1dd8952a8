"""Read the files of a month as docs/protocols/reconciliation-month.md describes them.

It is slow, small and plain.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.sandbox.rehearsals.month.table_rows import (
    DASHED,
    Body,
    Line,
    bkash,
    desco,
    nexus,
    paisa,
    plain,
    sonali_spg,
    sums,
    upay,
    when,
)

NAME = re.compile(r"(?P<house>[a-z_]+)_(?P<date>\d{8})_(?P<cycle>\d\d)(?:_c(?P<correction>\d))?\.\w+")
_SERIAL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - wall time of Dhaka
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_CAMT = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}"


@dataclass(frozen=True)
class Read:
    """A file; `stated` and `counted` are its control totals, empty where it has none."""

    name: str
    house: str
    date: str
    cycle: int
    correction: int
    digest: str
    lines: Sequence[Line]
    sequence: int
    stated: tuple[object, ...]
    counted: tuple[object, ...]

    @property
    def is_whole(self) -> bool:
        return self.stated == self.counted


def read(path: Path) -> Read:
    found = NAME.fullmatch(path.name)
    assert found is not None, path.name
    data = path.read_bytes()
    lines, sequence, stated, counted = _READERS[found["house"]](data)
    digest = sha256(data).hexdigest()
    cycle, correction = int(found["cycle"]), int(found["correction"] or 0)
    date = datetime.strptime(found["date"], "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a date
    return Read(path.name, found["house"], date, cycle, correction, digest, lines, sequence, stated, counted)


def _sheet(data: bytes) -> Iterator[list[tuple[str, str]]]:
    """Iterate over the rows; a cell is `t` or `n` and its text."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        root = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - what we just wrote
    for row in root.iter(f"{_SHEET}row"):
        yield [
            ("t", cell.findtext(f"{_SHEET}is/{_SHEET}t") or "")
            if cell.get("t") == "inlineStr"
            else ("n", cell.findtext(f"{_SHEET}v") or "")
            for cell in row
        ]


def _nagad(data: bytes) -> Body:
    headings, *rows = _sheet(data)
    names = [text for _, text in headings]
    lines = []
    for ordinal, cells in enumerate(rows, start=1):
        row = {name: text for name, (_, text) in zip(names, cells, strict=True)}
        kinds = {name: kind for name, (kind, _) in zip(names, cells, strict=True)}
        is_back = row["status"] in {"Refunded", "PartialCancelled"}
        at = _SERIAL_ZERO + timedelta(days=float(row["issuerPaymentDateTime"]))
        lines.append(Line(
            ordinal, row["orderId"], row["cancelIssuerRefNo" if is_back else "issuerPaymentRefNo"],
            "back" if is_back else "payment", paisa(row["amount"]), paisa(row["charge"]),
            paisa(row["netAmount"]), "BDT", row["status"] != "Failed",
            at if kinds["issuerPaymentRefNo"] == "t" else None,
        ))  # fmt: skip
    return lines, 0, (), ()


def _janata(data: bytes) -> Body:
    head, *body, tail = data.decode("ascii").splitlines()
    assert {len(record) for record in (head, *body, tail)} == {120}
    lines = []
    for ordinal, text in enumerate(body, start=1):
        sign = -1 if text[1:5] == "0420" else 1
        gross, charge = sign * int(text[30:42]), sign * int(text[103:113])
        is_success = (text[101:103], text[113]) == ("00", "N")
        at = when("%Y%m%d%H%M%S", f"2026{text[64:68]}{text[58:64]}")
        lines.append(Line(
            ordinal, text[83:95], text[95:101].strip(), "payment" if sign > 0 else "back", gross, charge,
            gross - charge if is_success else 0, "BDT", is_success, at,
        ))  # fmt: skip
    size = sum(abs(line.gross or 0) for line in lines)
    hashed = sum(int(line.ours) for line in lines) % 10**12
    return lines, int(head[19:25]), (int(tail[1:10]), int(tail[10:25]), int(tail[25:37])), (
        len(lines), size, hashed,
    )  # fmt: skip


def _npsb(data: bytes) -> Body:
    head, *body, tail = [line.split("^") for line in data.decode("ascii").splitlines()]
    lines = []
    for ordinal, (_, kind, ours, theirs, time, *amounts, code, _masked) in enumerate(body, start=1):
        sign = -1 if kind == "R" else 1
        gross, fee, vat, net = (sign * int(text) for text in amounts)
        event = "payment" if kind == "P" else "back"
        at = when("%Y%m%d%H%M%S", time)
        lines.append(Line(ordinal, ours, theirs, event, gross, fee + vat, net, "BDT", code == "00", at))
    size = sum(abs(line.gross or 0) for line in lines)
    hashed = sum(int(line.ours) for line in lines) % 10**12
    return lines, int(head[6]), tuple(map(int, tail[1:])), (len(lines), size, hashed)


def _okwallet(data: bytes) -> Body:
    head, *body, tail = [line.split("|") for line in data.decode().splitlines()]
    lines = []
    for ordinal, (_, theirs, ours, time, amount) in enumerate(body, start=1):
        event = "back" if amount.endswith("DR") else "payment"
        at = when(DASHED, time)
        lines.append(Line(ordinal, ours, theirs, event, None, None, paisa(amount), "BDT", True, at))  # noqa: FBT003 - the field says it
    return lines, int(head[4]), (int(tail[1]), paisa(tail[2])), sums(lines, "net")


def _breb(data: bytes) -> Body:
    head, *body, tail = [line.split("|") for line in data.decode().splitlines()]
    lines = []
    for ordinal, (_, kind, ours, theirs, _bill, _account, time, amount) in enumerate(body, start=1):
        event = "payment" if kind == "PAY" else "back"
        gross, at = paisa(amount), when("%Y%m%d%H%M%S", time)
        lines.append(Line(ordinal, ours, theirs, event, gross, 0, gross, "BDT", True, at))  # noqa: FBT003 - the field says it
    return lines, int(head[4]), (int(tail[1]), paisa(tail[2])), sums(lines, "gross")


def _achallan(data: bytes) -> Body:
    head, *body, tail = data.decode("ascii").splitlines()
    assert {len(record) for record in (head, *body, tail)} == {100}
    lines = []
    for ordinal, text in enumerate(body, start=1):
        gross, at = int(text[55:70]), when("%Y%m%d%H%M%S", text[41:55].strip())
        names = (text[1:21], text[21:41].strip())
        lines.append(Line(ordinal, *names, "payment", gross, 0, gross, "BDT", True, at))  # noqa: FBT003 - the field says it
    return lines, int(head[19:25]), (int(tail[1:10]), int(tail[10:25])), sums(lines, "gross")


def _camt(data: bytes) -> Body:
    statement = ET.fromstring(data)[0][1]  # noqa: S314 - what we just wrote
    balances = [
        paisa(one.findtext(f"{_CAMT}Amt") or "") * (-1 if one.findtext(f"{_CAMT}CdtDbtInd") == "DBIT" else 1)
        for one in statement.iter(f"{_CAMT}Bal")
    ]
    lines = []
    for ordinal, entry in enumerate(statement.iter(f"{_CAMT}Ntry"), start=1):
        sign = -1 if entry.findtext(f"{_CAMT}CdtDbtInd") == "DBIT" else 1
        ours = next(entry.iter(f"{_CAMT}EndToEndId")).text or ""
        charge = paisa(next((one.text or "" for one in entry.iter(f"{_CAMT}TtlChrgsAndTaxAmt")), "0"))
        theirs = entry.findtext(f"{_CAMT}AcctSvcrRef") or ""
        net = sign * paisa(entry.findtext(f"{_CAMT}Amt") or "")
        known = "" if ours == "NOTPROVIDED" else ours
        lines.append(Line(ordinal, known, theirs, "payment", net, charge, net, "BDT", True, datetime.min))  # noqa: FBT003, DTZ901 - no time is compared
    count = int(next(statement.iter(f"{_CAMT}NbOfNtries")).text or "")
    total = paisa(next(statement.iter(f"{_CAMT}Sum")).text or "")
    return lines, int(statement.findtext(f"{_CAMT}ElctrncSeqNb") or ""), (count, total, balances[1]), (
        len(lines), sum(abs(line.net) for line in lines), balances[0] + sum(line.net for line in lines),
    )  # fmt: skip


def _mt940(data: bytes) -> Body:
    text = data.decode("ascii")
    balances = [
        paisa(amount.replace(",", ".")) * (-1 if sign == "D" else 1)
        for sign, amount in re.findall(r":6[02]F:([CD])\d{6}BDT([\d,]+)\r\n", text)
    ]
    entries = re.findall(r":61:\d{10}([CD])([\d,]+)NTRF(\w+)//(\w+)\r\n:86:/BATCH/\w+/CHG/([\d,]+)\r\n", text)
    lines = []
    for ordinal, (sign, amount, ours, theirs, charge) in enumerate(entries, start=1):
        net = paisa(amount.replace(",", ".")) * (-1 if sign == "D" else 1)
        names = ("" if ours == "NONREF" else ours, theirs)
        charged = paisa(charge.replace(",", "."))
        lines.append(Line(ordinal, *names, "payment", net, charged, net, "BDT", True, datetime.min))  # noqa: FBT003, DTZ901 - no time is compared
    return lines, 0, (balances[1],), (balances[0] + sum(line.net for line in lines),)


_READERS: Mapping[str, Callable[[bytes], Body]] = {
    "bkash": bkash,
    "nagad": _nagad,
    "dbbl_nexus": nexus,
    "sslcommerz": partial(plain, "sslcommerz", "utf-8-sig", ","),
    "upay": upay,
    "sonali_spg": sonali_spg,
    "ebl": partial(plain, "ebl", "utf-8", ","),
    "janata": _janata,
    "npsb": _npsb,
    "okwallet": _okwallet,
    "mcash": partial(plain, "mcash", "utf-16", "\t"),
    "desco_postpaid": desco,
    "breb_postpaid": _breb,
    "nesco_postpaid": partial(plain, "nesco_postpaid", "utf-8", ","),
    "dhaka_wasa": partial(plain, "dhaka_wasa", "utf-8", ","),
    "jalalabad_gas": partial(plain, "jalalabad_gas", "utf-8", ","),
    "achallan_generic": _achallan,
    "stmt_sonali": _camt,
    "stmt_janata": _mt940,
}
