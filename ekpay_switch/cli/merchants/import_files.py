"""Files of merchants and of payees, CSV in UTF-8: read whole, and every wrong cell named.

A file of merchants is of one upazila, a line a Union Parishad (ekpay-merchant-api.md 3.7). Its columns are
`mer_reg_id`, which is `<3 letters of the district>_<3 letters of the upazila>_<union>_up`, and the terms of
`cli.merchants.terms`; name_en, name_bn, return_hosts and networks must be there, and an empty cell of the
others is the usual term. A file of payees has the columns code, kind and name.
"""

import csv
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from errno import EEXIST
from pathlib import Path

from ekpay_switch.cli.merchants.terms import (
    REQUIRED,
    TERMS,
    TermChoices,
    partner_id_of,
    read_payee,
    read_terms,
)
from ekpay_switch.domain.spreadsheet_cells import without_formula
from ekpay_switch.persistence.embedded.roles import rename_durably
from ekpay_switch.persistence.merchants.agreements import Agreement
from ekpay_switch.persistence.merchants.staff_actions import MerchantKey, NewMerchant
from ekpay_switch.ports.merchants import Payee

UNION = re.compile(r"([a-z]{3}_[a-z]{3})_[a-z0-9]{1,21}_up")
ID = "mer_reg_id"
PAYEE_COLUMNS = frozenset({"code", "kind", "name"})
FILE_BYTES_MAX, LINES_MAX = 10_000_000, 5_000
_HEADING_MAX = 60
KEY_COLUMNS = ("mer_reg_id", "name_en", "pass_key")


@dataclass(frozen=True, slots=True, order=True)
class CellProblem:
    """What is wrong with a cell, or with a line where the column is empty; the heading is line 1."""

    line: int
    column: str
    fault: str

    def __str__(self) -> str:
        place = f"line {self.line}" + (f", {self.column}" if self.column else "")
        return f"{place}: {self.fault}"


class UnreadableError(Exception):
    """Something in the file is wrong, so nothing of it was imported."""

    def __init__(self, problems: Collection[CellProblem]) -> None:
        super().__init__()
        self.problems = sorted(problems)


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of a file: its number, and its cells by column."""

    number: int
    cells: Mapping[str, str]

    def problems(self, wrong: Mapping[str, str]) -> list[CellProblem]:
        """What is wrong, by column, as problems of this line."""
        return [CellProblem(self.number, column, text) for column, text in wrong.items()]


def read_merchants(path: Path, known: TermChoices) -> Sequence[tuple[int, NewMerchant]]:
    """The merchants of one upazila, each with the number of its line.

    Raises:
        UnreadableError: anything in the file is wrong.
    """
    lines = _read(path, REQUIRED | {ID}, TERMS | {ID})
    problems = [*_repeats(lines, ID), *_upazila_problems(lines)]
    news = []
    for line in lines:
        filled = {name: text for name, text in line.cells.items() if text and name != ID}
        terms, wrong = read_terms(filled, known)
        wrong |= dict.fromkeys(REQUIRED - filled.keys(), "is missing")
        problems += line.problems(wrong)
        reg_id = line.cells[ID]
        if not wrong and UNION.fullmatch(reg_id):
            news.append((line.number, NewMerchant(partner_id_of(reg_id), reg_id, Agreement(**terms))))
    if problems:
        raise UnreadableError(problems)
    return news


def read_payees(path: Path) -> Sequence[tuple[int, Payee]]:
    """The payees of one merchant, each with the number of its line; raises like `read_merchants`."""
    lines = _read(path, PAYEE_COLUMNS, PAYEE_COLUMNS)
    problems, payees = _repeats(lines, "code"), []
    for line in lines:
        payee, wrong = read_payee(**line.cells)
        problems += line.problems(wrong)
        if payee is not None:
            payees.append((line.number, payee))
    if problems:
        raise UnreadableError(problems)
    return payees


class KeyFile:
    """The file that new pass keys are written to once, readable by its owner alone (mode 0600).

    The keys are written durably to `partial` before their merchants are committed, and the file gets its own
    name after. Where the outcome of the COMMIT is unknown, `partial` is left.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.partial = path, path.with_name(path.name + ".partial")

    def must_be_new(self) -> None:
        """Refuse to write where other keys may be.

        Raises:
            FileExistsError: there is a file of that name, which may hold the only copy of other keys.
        """
        for path in (self.path, self.partial):
            if path.exists():
                raise FileExistsError(EEXIST, "there already, and may hold the only copy of keys", str(path))

    def keep(self, keys: Sequence[MerchantKey]) -> None:
        """Write the keys whole and durably, or raise and leave nothing; no file where there are none."""
        if not keys:
            return
        written = io.StringIO(newline="")
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(KEY_COLUMNS)
        writer.writerows([without_formula(getattr(key, column)) for column in KEY_COLUMNS] for key in keys)
        handle = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as opened:
                opened.write(written.getvalue())
                opened.flush()
                os.fsync(handle)
        except OSError:
            self.partial.unlink()
            raise

    def finish(self) -> None:
        """The merchants are committed: give the file its name."""
        rename_durably(self.partial, self.path)


def _read(path: Path, required: Collection[str], allowed: Collection[str]) -> list[FileLine]:
    """The lines below the heading, without blanks around their cells; empty lines do not count."""
    content = path.read_bytes()
    if len(content) > FILE_BYTES_MAX:
        raise UnreadableError([CellProblem(1, "", f"the file has more than {FILE_BYTES_MAX} bytes")])
    try:
        rows = [*_rows(content.decode("utf-8-sig"))]
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise UnreadableError([CellProblem(line, "", "not UTF-8")]) from problem
    if len(rows) > LINES_MAX:
        raise UnreadableError([CellProblem(LINES_MAX, "", f"the file has more than {LINES_MAX} lines")])
    if len(rows) < 2:  # noqa: PLR2004 - the heading and something below it
        raise UnreadableError([CellProblem(1, "", "a file has a heading and at least one line below it")])
    (_, heading), *below = rows
    problems = [*_heading_problems(heading, required, allowed)]
    width = len(heading)
    problems += [
        CellProblem(number, "", f"has {len(cells)} cells, the heading {width}")
        for number, cells in below
        if len(cells) != width
    ]
    if problems:
        raise UnreadableError(problems)
    return [FileLine(number, dict(zip(heading, cells, strict=True))) for number, cells in below]


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not empty, under the number of its last line end."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as problem:
        raise UnreadableError([CellProblem(reader.line_num, "", f"not CSV: {problem}")]) from problem


def _heading_problems(
    heading: Sequence[str], required: Collection[str], allowed: Collection[str]
) -> Iterator[CellProblem]:
    for name in sorted(set(heading)):
        if name not in allowed:
            heading_shown = name if len(name) <= _HEADING_MAX else f"{name[:_HEADING_MAX]}…"
            known = ", ".join(sorted(allowed))
            yield CellProblem(1, heading_shown, f"there is no such column; there are {known}")
        elif heading.count(name) > 1:
            yield CellProblem(1, name, "stands twice")
    for name in sorted(set(required) - set(heading)):
        yield CellProblem(1, name, "is missing")


def _repeats(lines: Sequence[FileLine], column: str) -> list[CellProblem]:
    first: dict[str, int] = {}
    return [
        CellProblem(line.number, column, f"the same as in line {before}")
        for line in lines
        if (before := first.setdefault(line.cells[column], line.number)) != line.number
    ]


def _upazila_problems(lines: Sequence[FileLine]) -> Iterator[CellProblem]:
    """Ids that are no union's, and unions of another upazila than the first one's."""
    upazila = ""
    for line in lines:
        match = UNION.fullmatch(line.cells[ID])
        if match is None:
            shape = "not <3 letters district>_<3 letters upazila>_<union>_up in small letters"
            yield CellProblem(line.number, ID, shape)
            continue
        upazila = upazila or match[1]
        if match[1] != upazila:
            yield CellProblem(line.number, ID, f"of another upazila than {upazila}")
