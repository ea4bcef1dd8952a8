"""Reading a bill file: the whole file is valid, or all problems are named by line and nothing is loaded.

A file is CSV in UTF-8: a line BILLS with format, biller, the file's number and its date, then headings, one
row a bill, and a line TRAILER. First and last line end in the same control totals: how many rows, the sum of
amount and VAT in taka, and the SHA-256 of the rows as they stand, line ends included. Days are YYYY-MM-DD,
amounts taka with two decimals, `lines` is `label=taka` with semicolons between. The headings after the fixed
ones are the parameters that name a bill. The format is ours: no biller's own is public (billers.md, finding
7).
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import ZERO, Money, format_taka, total
from ekpay_switch.domain.scrolls.bill_files import BillFile, BillStatus, FiledBill, Problem

FORMAT = "1"
FIXED = (
    "bill_no", "status", "customer_name", "period", "issued_on", "due_on", "amount", "vat", "late_fee",
    "lines",
)  # fmt: skip
RAISED = tuple(name for name in FIXED if name != "status")
BYTES_MAX = 256 * 1024 * 1024
_HEAD, _TAIL = "BILLS", "TRAILER"
_HEAD_CELLS, _TAIL_CELLS = 8, 4
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
_TAKA = re.compile(r"(0|[1-9][0-9]{0,12})\.([0-9]{2})")
_COUNT = re.compile(r"0|[1-9][0-9]{0,8}")
_BILL_NO = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_-]{0,39}")
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,39}")
TEXT_MAX = 120
_JOINERS = {ord("\u200c"): None, ord("\u200d"): None}


@dataclass(frozen=True, slots=True)
class NamingParameter:
    """One parameter that names a bill, from the biller's manifest."""

    name: str
    pattern: str
    group: str
    is_required: bool


class _CellError(Exception):
    """What is wrong with a cell; never leaves this module."""


def read_bill_file(
    content: bytes, biller_id: str, naming: Sequence[NamingParameter]
) -> BillFile | list[Problem]:
    """The file's bills, or all problems in the order of its lines."""
    if len(content) > BYTES_MAX:
        return [Problem(1, "the file is too large")]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return [Problem(content.count(b"\n", 0, error.start) + 1, "not UTF-8")]
    lines = text.split("\n")
    if lines[-1]:
        return [Problem(len(lines), "the file breaks off: its last line does not end")]
    return _Reader(lines[:-1], biller_id, naming).read(hashlib.sha256(content).digest())


def read_raised_bills(content: bytes, naming: Sequence[NamingParameter]) -> list[FiledBill] | list[Problem]:
    """The bills of a plain CSV file, or all problems in the order of its lines.

    Headings stand on line 1: those of a bill file without `status`, since every bill is new.
    """
    if len(content) > BYTES_MAX:
        return [Problem(1, "the file is too large")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [Problem(content.count(b"\n", 0, error.start) + 1, "not UTF-8")]
    return _Reader(text.rstrip("\r\n").split("\n"), "", naming, RAISED).read_rows()


def read_raised_bill(
    cells: Mapping[str, str], naming: Sequence[NamingParameter]
) -> FiledBill | list[Problem]:
    """One bill of cells by their names, `RAISED` and parameters of the biller; or all problems, at line 0."""
    strange = sorted(cells.keys() - {*RAISED, *(parameter.name for parameter in naming)})
    if strange:
        return [Problem(0, "no parameter of this biller", name) for name in strange]
    return _Reader([], "", naming, RAISED).read_cells(cells)


class _Reader:
    """Reads lines whose headings begin with `fixed`."""

    def __init__(
        self,
        lines: list[str],
        biller_id: str,
        naming: Sequence[NamingParameter],
        fixed: tuple[str, ...] = FIXED,
    ) -> None:
        self._lines = lines
        self._biller_id = biller_id
        self._fixed = fixed
        self._naming = {parameter.name: parameter for parameter in naming}
        self._problems: list[Problem] = []

    def read(self, digest: bytes) -> BillFile | list[Problem]:
        if len(self._lines) < len((_HEAD, FIXED, _TAIL)):
            return [Problem(max(1, len(self._lines)), "not even a header, headings and a trailer")]
        head = self._frame_line(1, _HEAD, _HEAD_CELLS)
        names = self._headings(2)
        tail = self._frame_line(len(self._lines), _TAIL, _TAIL_CELLS)
        if head is None or names is None or tail is None:
            return self._problems
        bills = self._bills(names, range(3, len(self._lines)))
        if self._problems:
            return self._problems
        stated = self._read_number_and_day(head)
        sum_of_bills = total(bill.amount + bill.vat for bill in bills)
        self._compare_totals(bills, sum_of_bills, head[-3:], tail[-3:])
        if self._problems or stated is None:
            return self._problems
        number, made_on = stated
        return BillFile(self._biller_id, number, made_on, digest, tuple(bills), sum_of_bills)

    def read_rows(self) -> list[FiledBill] | list[Problem]:
        """Headings on the first line and a bill on each other one."""
        names = self._headings(1)
        bills = [] if names is None else self._bills(names, range(2, len(self._lines) + 1))
        if not bills and not self._problems:
            return [Problem(1, "no bill stands below the headings")]
        return self._problems or bills

    def read_cells(self, cells: Mapping[str, str]) -> FiledBill | list[Problem]:
        """One bill that stands in no file."""
        bill = self._bill(0, {"status": BillStatus.UNPAID, **cells})
        return self._problems if bill is None or self._problems else bill

    # ---- header, headings and trailer

    def _frame_line(self, line: int, first_cell: str, cells: int) -> list[str] | None:
        row = self._cells(line)
        if row is None or len(row) != cells or row[0] != first_cell:
            self._add_problem(line, f"no line that begins with {first_cell} and has {cells} cells")
            return None
        return row

    def _headings(self, line: int) -> list[str] | None:
        row = self._cells(line) or []
        names = row[len(self._fixed) :]
        if tuple(row[: len(self._fixed)]) != self._fixed:
            self._add_problem(line, f"the headings must begin with {', '.join(self._fixed)}")
        elif len(set(names)) != len(names) or not set(names) <= self._naming.keys():
            self._add_problem(line, "a heading is no parameter of this biller, or stands twice")
        else:
            return row
        return None

    def _read_number_and_day(self, head: Sequence[str]) -> tuple[int, date] | None:
        try:
            return _number_and_day(head, self._biller_id)
        except _CellError as error:
            self._add_problem(1, str(error))
            return None

    def _compare_totals(
        self, bills: Sequence[FiledBill], sum_of_bills: Money, head: Sequence[str], tail: Sequence[str]
    ) -> None:
        rows = "".join(f"{line}\n" for line in self._lines[2:-1])
        digest = hashlib.sha256(rows.encode()).hexdigest()
        totals = [str(len(bills)), format_taka(sum_of_bills.minor), digest]
        for line, stated in ((1, head), (len(self._lines), tail)):
            for total_name, theirs, ours in zip(("count", "sum", "SHA-256"), stated, totals, strict=True):
                if theirs != ours:
                    self._add_problem(line, f"the {total_name} is not that of the rows")

    # ---- the bills

    def _bills(self, headings: Sequence[str], rows: range) -> list[FiledBill]:
        bills: list[tuple[int, FiledBill]] = []
        for line in rows:
            row = self._cells(line)
            if row is None or len(row) != len(headings):
                self._add_problem(line, f"no CSV row of {len(headings)} cells")
                continue
            bill = self._bill(line, {"status": BillStatus.UNPAID, **dict(zip(headings, row, strict=True))})
            if bill is not None:
                bills.append((line, bill))
        counts = Counter(bill.bill_key for _, bill in bills)
        for line, bill in bills:
            if counts[bill.bill_key] > 1:
                self._add_problem(line, "stands in this file more than once", "bill_no")
        return [bill for _, bill in bills]

    def _bill(self, line: int, cells: Mapping[str, str]) -> FiledBill | None:
        before = len(self._problems)
        for name, read_cell in _CELL_READERS.items():
            try:
                read_cell(cells[name])
            except _CellError as error:
                self._add_problem(line, str(error), name)
        parameters = self._parameters(line, cells)
        if len(self._problems) > before:
            return None
        bill = _build_bill(cells, parameters)
        if bill.amount + bill.vat == ZERO:
            self._add_problem(line, "nothing is owed", "amount")
        if bill.lines and total(charge.amount for charge in bill.lines) != bill.amount:
            self._add_problem(line, "they do not sum to the amount", "lines")
        return bill

    def _parameters(self, line: int, cells: Mapping[str, str]) -> dict[str, str]:
        filled = {name: cells[name] for name in self._naming if cells.get(name)}
        for name, text in filled.items():
            if re.fullmatch(self._naming[name].pattern, text, re.ASCII) is None:
                self._add_problem(line, "not of the form that the manifest wants", name)
        parameters = self._naming.values()
        missing = [
            parameter for parameter in parameters if parameter.is_required and parameter.name not in filled
        ]
        if {parameter.group for parameter in parameters} <= {parameter.group for parameter in missing}:
            self._add_problem(line, "no group of parameters is filled in, so nobody could name the bill")
        return filled

    def _cells(self, line: int) -> list[str] | None:
        """The cells of one line, or None where it is no valid CSV."""
        written = self._lines[line - 1].removesuffix("\r")
        if not _is_printable(written):
            return None
        try:
            (row,) = csv.reader([written], strict=True)
        except (csv.Error, ValueError):
            return None
        return row

    def _add_problem(self, line: int, why: str, cell: str = "") -> None:
        self._problems.append(Problem(line, why, cell))


def _is_printable(text: str) -> bool:
    """Whether it has no control character; the joiners of Bangla, as in র‍্যাব, are none."""
    return text.translate(_JOINERS).isprintable()


def _number_and_day(head: Sequence[str], biller_id: str) -> tuple[int, date]:
    if head[1:3] != [FORMAT, biller_id]:
        raise _CellError("another format, or another biller's file")
    number = _count(head[3])
    if number == 0:
        raise _CellError("files are numbered from 1 on")
    return number, _day(head[4])


def _build_bill(cells: Mapping[str, str], parameters: Mapping[str, str]) -> FiledBill:
    """The bill of cells that were all checked."""
    return FiledBill(
        bill_key=cells["bill_no"],
        status=_status(cells["status"]),
        parameters=parameters,
        customer_name=cells["customer_name"],
        period=cells["period"],
        issued_on=_day_or_none(cells["issued_on"]),
        due_on=_day(cells["due_on"]),
        amount=_taka(cells["amount"]),
        vat=_taka(cells["vat"]),
        late_fee=_taka(cells["late_fee"]),
        lines=_charges(cells["lines"]),
    )


def _bill_no(cell: str) -> str:
    if _BILL_NO.fullmatch(cell) is None:
        raise _CellError("not 1 to 40 letters, digits, / _ or -")
    return cell


def _status(cell: str) -> BillStatus:
    try:
        return BillStatus(cell.lower())
    except ValueError:
        raise _CellError(f"none of {', '.join(status.upper() for status in BillStatus)}") from None


def _text(cell: str) -> str:
    if len(cell) > TEXT_MAX:
        raise _CellError(f"longer than {TEXT_MAX} signs")
    if not _is_printable(cell):
        raise _CellError("holds a control character")
    return cell


def _day(cell: str) -> date:
    try:
        # The standard library reads more forms than this one.
        return date.fromisoformat(cell if _DAY.fullmatch(cell) else "")
    except ValueError:
        raise _CellError("no date as YYYY-MM-DD") from None


def _day_or_none(cell: str) -> date | None:
    return _day(cell) if cell else None


def _taka(cell: str) -> Money:
    match = _TAKA.fullmatch(cell)
    if match is None:
        raise _CellError("no taka with two decimals")
    return Money(int(match[1] + match[2]))


def _count(cell: str) -> int:
    if _COUNT.fullmatch(cell) is None:
        raise _CellError("no number")
    return int(cell)


def _charges(cell: str) -> tuple[ChargeLine, ...]:
    return tuple(_charge(part) for part in cell.split(";")) if cell else ()


def _charge(part: str) -> ChargeLine:
    label, _, amount = part.partition("=")
    if _LABEL.fullmatch(label) is None:
        raise _CellError("a line has no label of small letters")
    return ChargeLine(label, _taka(amount))


_CELL_READERS: Mapping[str, Callable[[str], object]] = {
    "bill_no": _bill_no,
    "status": _status,
    "customer_name": _text,
    "period": _text,
    "issued_on": _day_or_none,
    "due_on": _day,
    "amount": _taka,
    "vat": _taka,
    "late_fee": _taka,
    "lines": _charges,
}
