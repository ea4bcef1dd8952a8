"""A cell that cannot be read refuses its file, and the refusal says in which line and column it stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ekpay_switch.cli.disputes.notice_file import NoticeFileError, read_notices
from ekpay_switch.cli.merchants.import_files import UnreadableError, read_payees
from reconciliation.errors import UnreadableFileError
from reconciliation.settlement.instructions.bank_answers import parse_report
from reconciliation.settlement.instructions.pacs009 import check_message
from reconciliation.statement.reader import read_file
from tests.fuzz.operator_files import operator_files
from tests.fuzz.statement_samples import FILE_DATE, pacs009_message, statement_samples
from tests.reconciliation.statement import hostile_files as hostile


@pytest.mark.parametrize(
    ("name", "old", "new", "column"),
    [
        ("bkash", b",100000.00,", b",1OOOOO.OO,", "amount"),
        ("bkash large", b",100000.00,", b",1OOOOO.OO,", "amount"),
        ("upay", b'"Tk 1,00,000.00"', b'"Tk 1,00,00.00"', "amount"),
        ("upay large", b'"Tk 1,00,000.00"', b'"Tk 1,00,00.00"', "amount"),
        ("npsb", b"^10000000^", b"^1000000O^", "gross"),
        ("okwallet", b" CR", b" XX", "net"),
        ("stmt_sonali", b'<Amt Ccy="BDT">988.50<', b'<Amt Ccy="BDT">988.5O<', "Amt"),
        ("camt052", b"<CdtDbtInd>CRDT<", b"<CdtDbtInd>CRED<", "CdtDbtInd"),
        ("stmt_janata", b"C1234,35N", b"C12O4,35N", ":61:"),
        ("mt942", b"C1500,N", b"C15OO,N", ":61:"),
        ("ach", b"0000100000EKF1", b"000010000OEKF1", "Amount"),
        ("beftn", b"<Amount>0", b"<Amount>x", "Amount"),
    ],
)
def test_a_statement_is_refused_with_its_place(name: str, old: bytes, new: bytes, column: str) -> None:
    sample = statement_samples()[name]
    line = sample.content[: sample.content.index(old)].count(b"\n") + 1
    with pytest.raises(UnreadableFileError) as caught:
        read_file(sample.content.replace(old, new, 1), sample.layout, "x", FILE_DATE)
    assert (caught.value.unit, caught.value.column) == ("line", column)
    # A record of XML is named by the line where it begins.
    assert line - 12 <= (caught.value.line or 0) <= line
    assert name == "beftn" or caught.value.line == line


def test_a_message_is_refused_with_its_number_and_field() -> None:
    sample = statement_samples()["iso8583 vbs ascii"]
    wrong = sample.content.replace(b"000000100000", b"00000010000O", 1)
    with pytest.raises(UnreadableFileError) as caught:
        read_file(wrong, sample.layout, "x", FILE_DATE)
    assert (caught.value.unit, caught.value.line, caught.value.column) == ("message", 2, "amount")


def test_a_workbook_is_refused_with_its_row_and_column() -> None:
    sample = statement_samples()["nagad of a spreadsheet"]
    book = hostile.with_sheet(sample.content, b"<v>100</v>", b"<v>1OO</v>")
    with pytest.raises(UnreadableFileError) as caught:
        read_file(book, sample.layout, "x", FILE_DATE)
    assert (caught.value.line, caught.value.column) == (2, "amount")


def _payees(content: bytes, folder: Path) -> object:
    path = folder / "payees.csv"
    path.write_bytes(content)
    return read_payees(path)


@pytest.mark.parametrize(
    ("content", "read", "words"),
    [
        (
            operator_files()["disputes read"].content.replace(b"1689.77", b"1689,77"),
            lambda content, _: read_notices(content),
            "line 2, event",
        ),
        (
            operator_files()["disputes read"].content.replace(b"1689.77", b"1689.7O"),
            lambda content, _: read_notices(content),
            "line 2, amount",
        ),
        (
            operator_files()["settle answer pacs.002"].content.replace(b"E2<", b"<x/>E2<"),
            lambda content, _: parse_report(content),
            "line 1, column OrgnlEndToEndId",
        ),
        (
            pacs009_message().replace(b">100000.00<", b">100000.O0<", 1),
            lambda content, _: check_message(content),
            "IntrBkSttlmAmt",
        ),
        (
            operator_files()["merchants payees import"].content.replace(b"agent,", b"x,"),
            _payees,
            "line 3, kind",
        ),
    ],
)
def test_what_persons_feed_is_refused_with_its_place(
    content: bytes, read: Callable[[bytes, Path], object], words: str, tmp_path: Path
) -> None:
    with pytest.raises((UnreadableFileError, NoticeFileError, UnreadableError)) as caught:
        read(content, tmp_path)
    problem = caught.value
    told = "; ".join(map(str, problem.problems)) if isinstance(problem, UnreadableError) else str(problem)
    assert words in told
