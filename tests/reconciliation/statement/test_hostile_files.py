"""Files made to break their reader are refused, with their place where they have one."""

import os
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats.file_limits import USUAL_LIMITS, FileLimits
from reconciliation.statement.layout import read_layouts
from reconciliation.statement.reader import Reading, read_file
from tests.reconciliation.institution_files import Head, Movement, at, breb, npsb
from tests.reconciliation.statement import hostile_files as hostile

CONFIG = Path(__file__).parents[3] / "config"
LAYOUTS = read_layouts(CONFIG / "statements")
SUN = date(2026, 4, 5)
ROW = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000, 1_150, theirs="F1")
BOOK = hostile.nagad_workbook(hostile.nagad_row())


def reading(institution: str, content: bytes, limits: FileLimits = USUAL_LIMITS) -> Reading:
    return read_file(content, LAYOUTS[institution], f"{institution}_x", SUN, limits=limits)


def refusal(institution: str, content: bytes, limits: FileLimits = USUAL_LIMITS) -> UnreadableFileError:
    with pytest.raises(UnreadableFileError) as raised:
        reading(institution, content, limits)
    return raised.value


def test_the_limits_of_the_product_stand_in_its_configuration() -> None:
    told = tomllib.loads((CONFIG / "reconciliation.toml").read_text(encoding="utf-8"))["reading"]
    assert told == USUAL_LIMITS.model_dump()


@pytest.mark.parametrize(
    ("address", "line", "words"),
    [
        ("XFD1048576", 1_048_576, "a cell in column 16384, which has no heading"),
        ("A1048576", 3, "the row is empty"),
        ("XFD3", 3, "a cell in column 16384, which has no heading"),
        ("XFE3", 3, "no address of a cell"),
        ("ZZZZZZZZ3", 3, "no address of a cell"),
        ("A1048577", 3, "beyond the bounds of a sheet"),
        ("A99999999999999999999", 3, "beyond the bounds of a sheet"),
    ],
)
def test_an_address_is_never_taken_as_a_size(address: str, line: int, words: str) -> None:
    problem = refusal("nagad", hostile.with_stray_cell(address))
    assert (problem.line, words in problem.reason) == (line, True), problem


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'r="B2"', b'r="A2"', "stands where no cell can follow"),
        (b'r="B2"', b'r="B7"', "stands in another row than it says"),
        (b'<row r="2"', b'<row r="1"', "stands behind row 1"),
        (b'<row r="2"', b'<row r="x"', "stands behind row 1"),
        (b't="s"><v>10</v>', b't="s"><v>99</v>', "no shared text '99'"),
        (b't="s"><v>10</v>', b't="s"><v>-1</v>', "no shared text '-1'"),
        (b'<row r="2"', b'<row r="2"><row r="3"/></row><row r="2"', "row '3' stands inside another row"),
        (b'<c r="B2"', b'<row r="3"></row><c r="B2"', "row '3' stands inside another row"),
        (
            b"</row></sheetData>",
            b'</row><c r="K2"><v>1</v></c></sheetData>',
            "stands where no cell can follow",
        ),
        (b'<c r="B2"', b'<c r="B2"><c r="C2"><v>1</v></c></c><c r="D2"', "stands where no cell can follow"),
        (b"<v>10</v>", b"<v>1</v><v>0</v>", "a cell with two values"),
        (b"<sheetData>", b"<sheetData", "no well-formed XML"),
        (b"<worksheet", b'<!DOCTYPE w [<!ENTITY a "b">]><worksheet', "document type"),
    ],
)
def test_a_sheet_that_no_program_writes_is_refused(old: bytes, new: bytes, words: str) -> None:
    assert words in str(refusal("nagad", hostile.with_sheet(BOOK, old, new)))


def test_a_number_beyond_all_amounts_names_its_cell() -> None:
    for amount in (1e27, 1e300, "1" * 5_000):
        problem = refusal("nagad", hostile.nagad_workbook(hostile.nagad_row(amount=amount)))
        assert (problem.line, problem.column) == (2, "amount")
        assert len(str(problem)) < 500


def test_a_workbook_is_refused_for_what_its_directory_says() -> None:
    tight = hostile.unpacking_to(30)
    assert "unpacks to more than 200 times its size" in str(refusal("nagad", tight))
    few = USUAL_LIMITS.model_copy(update={"unpacked_megabytes": 20, "unpacked_ratio": 2_000})
    assert "unpacks to more than 20 MB" in str(refusal("nagad", tight, few))
    enough = few.model_copy(update={"unpacked_megabytes": 40})
    assert reading("nagad", hostile.unpacking_to(2), enough).rows.height == 1


def test_a_directory_that_lies_is_found_out() -> None:
    assert "no workbook that can be read" in str(refusal("nagad", hostile.lying_about_its_size(BOOK)))
    assert "no workbook" in str(refusal("nagad", BOOK[:-30]))
    assert "no workbook" in str(refusal("nagad", BOOK[: len(BOOK) // 2]))


def test_cells_are_counted() -> None:
    assert reading("nagad", BOOK, USUAL_LIMITS.model_copy(update={"cells": 20})).rows.height == 1
    # Its shared texts are fewer, and counted by themselves.
    problem = refusal("nagad", BOOK, USUAL_LIMITS.model_copy(update={"cells": 19}))
    assert "more than 19 cells" in str(problem)
    problem = refusal("nagad", BOOK, USUAL_LIMITS.model_copy(update={"cells": 12}))
    assert "more than 12 shared texts" in str(problem)


@pytest.mark.parametrize("digits", [40, 4_300, 100_000])
def test_a_total_of_thousands_of_digits_is_no_total(digits: int) -> None:
    content = npsb([ROW], Head(SUN)).replace(b"FT^1^", b"FT^" + b"9" * digits + b"^")
    problem = refusal("npsb", content)
    assert isinstance(problem, ControlTotalError)
    assert len(str(problem)) < 500


def test_a_reference_of_thousands_of_digits_has_no_hash_total() -> None:
    content = npsb([ROW], Head(SUN)).replace(b"000000000001", b"1" * 5_000)
    assert "what is no number" in str(refusal("npsb", content))


@pytest.mark.parametrize("text", ["T\x00", "T\x1b[31m", "x" * 201, os.urandom(5_000).hex()])
def test_a_reference_that_no_table_holds_is_refused(text: str) -> None:
    content = breb([ROW.but(theirs=text)], Head(SUN))
    assert "row 1 names" in str(refusal("breb_postpaid", content))


def test_amounts_that_are_too_much_together_are_refused() -> None:
    rows = [ROW.but(gross=99 * 10**13, ours=f"E{number}") for number in range(20)]
    assert "the amounts together are more than" in str(refusal("breb_postpaid", breb(rows, Head(SUN))))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"<sst", b"<sst", 1)[::-1],
        lambda _: b"",
        lambda _: b"PK\x05\x06" + bytes(18),
        lambda _: bytes(1_000),
    ],
)
def test_what_is_no_workbook_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    assert "no workbook that can be read" in str(refusal("nagad", spoil(BOOK)))


@pytest.mark.parametrize("encoding", ["x", "UTF-7", "IBM500"])
def test_a_sheet_in_an_encoding_that_nobody_knows_is_refused(encoding: str) -> None:
    sheet = hostile.sheet_of(BOOK).partition(b"?>")[2]
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() + sheet
    with pytest.raises(UnreadableFileError):
        reading("nagad", hostile.with_part(BOOK, {hostile.SHEET: declared}))


def test_a_refusal_is_short_whatever_the_column_is_called() -> None:
    headings = b"x" * 50_000 + b",b\r\n"
    assert len(str(refusal("bkash", headings))) < 600


def test_a_file_that_ends_before_its_first_line_has_no_line() -> None:
    assert refusal("stmt_sonali", b"").line is None or refusal("stmt_sonali", b"").line == 1
    assert UnreadableFileError("no XML", line=0).line is None
