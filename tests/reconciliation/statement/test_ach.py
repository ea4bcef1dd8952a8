"""BEFTN and NACHA-like files: what is counted, where it is refused, and what a return becomes."""

import tomllib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.canonical_row import BRINGS, FAILED, SUCCESS, TAKES_BACK
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.settlement.instructions import beftn
from reconciliation.statement.formats import ach
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import read_file
from tests.reconciliation.settlement.sample_lines import BREB, DESCO, REGISTRY, instruction
from tests.reconciliation.statement.clearing_files import FILLER, Ach, ach_lines
from tests.reconciliation.statement.clearing_files import ach as ach_file
from tests.reconciliation.statement.clearing_layouts import ACH_LAYOUT, ach_layout

SUN = date(2026, 4, 5)
PAID, TAKEN = Ach(), Ach("27", "99226002", 30_000, "EKF2", 2)
RETURNED = Ach("21", "99426004", 5_000, "EKF3", 3, reason="R03")
FILE = ach_file([PAID, TAKEN], [RETURNED])


def test_entries_and_returns_become_rows() -> None:
    told = read_file(FILE, ach_layout(), "beftn_in_x", SUN)
    assert told.rows.select("ours", "theirs", "direction", "status", "gross").rows() == [
        ("EKF1", "990260000000001", BRINGS, SUCCESS, 100_000),
        ("EKF2", "990260000000002", TAKES_BACK, SUCCESS, -30_000),
        ("EKF3", "990260000000003", BRINGS, FAILED, 5_000),
    ]
    assert set(told.rows["instant"]) == {datetime(2026, 4, 4, 18, tzinfo=UTC)}, "midnight in Dhaka"
    assert told.settled == 70_000
    assert told.header["ImmediateOrigin"] == "990000001"


def test_what_was_stated_and_counted_is_told() -> None:
    controls = read_file(FILE, ach_layout(), "beftn_in_x", SUN).controls
    told = {name: controls[f"stated.{name}"] for name in ("records", "hash", "debits", "credits", "batches")}
    assert told == {
        "records": "4",
        "hash": str(99126001 + 99226002 + 99426004),
        "debits": "30000",
        "credits": "105000",
        "batches": "2",
    }
    assert controls["counted.rows"] == "3"
    assert controls["counted.gross"] == "135000"
    assert controls["stated.blocks"] == "1"


def test_a_return_tells_its_reason_and_what_it_returns() -> None:
    (batch,) = ach.read_lines(ach_file([RETURNED])).batches
    (entry,) = batch.entries
    assert entry.addenda[0]["ReturnReason"] == "R03"
    assert entry.addenda[0]["OriginalTraceNumber"] == "990260000000009"
    assert (entry.line, entry.is_credit) == (3, True)


@given(st.lists(st.integers(min_value=0, max_value=99_999_999), min_size=101, max_size=140))
def test_the_hash_total_is_cut_to_its_last_ten_digits(banks: list[int]) -> None:
    entries = [Ach(bank=f"{bank:08d}") for bank in [99_999_999] * 101 + banks]
    assert sum(int(entry.bank) for entry in entries) > 10**10
    read_ = ach.read_lines(ach_file(entries))
    assert int(read_.control["EntryHash"]) == sum(int(entry.bank) for entry in entries) % 10**10


def with_line(number: int, begin: int, text: str) -> bytes:
    """The file with something else at a place of one line, counted from 1."""
    lines = FILE.decode().splitlines()
    line = lines[number - 1]
    lines[number - 1] = line[: begin - 1] + text + line[begin - 1 + len(text) :]
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (with_line(3, 30, "0000100001"), 5, "TotalCreditAmount"),
        (with_line(4, 30, "0000030001"), 5, "TotalDebitAmount"),
        (with_line(3, 4, "99126011"), 5, "EntryHash"),
        (with_line(5, 5, "000003"), 5, "EntryAddendaCount"),
        (with_line(5, 88, "0000002"), 5, "BatchNumber"),
        (with_line(10, 2, "000003"), 10, "BatchCount"),
        (with_line(10, 14, "00000005"), 10, "EntryAddendaCount"),
        (with_line(10, 22, "0000000001"), 10, "EntryHash"),
        (with_line(10, 8, "000002"), None, "BlockCount"),
    ],
)
def test_a_control_that_disagrees_refuses_the_file(content: bytes, line: int | None, column: str) -> None:
    with pytest.raises(ControlTotalError) as caught:
        ach.read_lines(content)
    assert (caught.value.line, caught.value.column) == (line, column)


LINES = ach_lines([PAID, TAKEN], [RETURNED])


def joined(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (joined(LINES[:-1]), "no file control"),
        (joined(LINES[:3] + LINES[4:]), "EntryAddendaCount"),
        (joined([*LINES, FILLER]), "blocks of 10"),
        (joined(LINES[:6] + LINES[7:8] + LINES[6:7] + LINES[8:]), "addenda behind batch header"),
        (joined(LINES[:7] + LINES[8:]), "without the addenda"),
    ],
)
def test_a_file_that_is_cut_or_stirred_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFileError, match=said):
        ach.read_lines(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: 0 characters"),
        (with_line(4, 93, "").replace(b"0990260000000002", b"099026000000002"), "line 4: 93 characters"),
        (FILE.replace(b"EkPay", "\u099fkPay".encode(), 1), "is not ascii"),
        (with_line(3, 1, "4"), "line 3, column 1: '4' begins no record"),
        (with_line(3, 1, "7"), "line 3: addenda behind batch header"),
        (with_line(3, 30, "00001000 0"), "line 3, column Amount: '00001000 0' is no number"),
        (with_line(3, 2, "2 "), "line 3, column TransactionCode: '2' is no number"),
        (with_line(1, 38, "20"), "line 1, column BlockingFactor: '20' where 10 must stand"),
        (with_line(2, 51, "ADV"), "line 2, column SECC: batches of ADV are not taken"),
        (joined([*LINES[:9], LINES[9], *LINES[1:9], LINES[9]]), "line 11: something stands behind"),
    ],
)
def test_what_is_no_such_file_is_refused_with_its_place(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        ach.read_lines(content)
    assert said in str(caught.value)


def test_blanks_at_the_end_of_the_first_and_last_record_may_be_cut_off() -> None:
    cut = "\n".join(line.rstrip() for line in LINES) + "\n\n"
    assert ach.read_lines(cut.encode()).controls == ach.read_lines(FILE).controls


def test_lines_may_end_as_on_a_mainframe() -> None:
    assert len(ach.read_lines(FILE.replace(b"\n", b"\r\n")).batches) == 2


EFT = beftn.batch(
    [instruction(DESCO, 12_345_605), instruction(BREB, 10_000_000)],
    REGISTRY.debtor,
    datetime(2026, 4, 5, 19, 30, tzinfo=UTC),
)


def test_the_batch_that_settlement_writes_is_read_with_the_same_totals() -> None:
    totals = beftn.check_batch(EFT)
    read_ = ach.read_xml(EFT)
    assert read_.controls["stated.records"] == str(totals.records)
    assert read_.controls["stated.hash"] == str(totals.hash_total)
    assert read_.controls["stated.credits"] == str(totals.amount)
    rows = read_file(EFT, ach_layout("beftn"), "beftn_in_x", SUN).rows
    assert sorted(rows["gross"]) == [10_000_000, 12_345_605]
    assert set(rows["theirs"]) == {"990260000000001", "990260000000002"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (EFT.replace(b"000012345605", b"000012345606"), "TotalCreditAmount"),
        (EFT.replace(b"<FCR>", b"<XXX>").replace(b"</FCR>", b"</XXX>"), "no file control"),
        (EFT.replace(b"EFT>", b"EFX>"), "the root is not EFT"),
        (EFT.replace(b"<EFT>", b"<!DOCTYPE EFT><EFT>"), "document type"),
        (b"<EFT>", "no well-formed XML"),
        (EFT.decode().encode("utf-16"), "only UTF-8"),
    ],
)
def test_a_broken_batch_of_xml_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFileError, match=said):
        ach.read_xml(content)


def test_cells_of_a_clearing_record_are_fixed() -> None:
    with pytest.raises(ValueError, match="are fixed"):
        Layout.model_validate({**tomllib.loads(ACH_LAYOUT), "row": {"columns": ["Amount"]}})
    with pytest.raises(ValueError, match="no column of the row: Sum"):
        Layout.model_validate(tomllib.loads(ACH_LAYOUT.replace('"Amount"', '"Sum"')))


def test_a_field_of_xml_is_not_read_up_to_an_element_inside_it() -> None:
    batch = beftn.batch([instruction(DESCO, 10_000_000)], REGISTRY.debtor, datetime(2026, 4, 5, tzinfo=UTC))
    with pytest.raises(UnreadableFileError, match=r"column IndividualId: text and elements"):
        ach.read_xml(batch.replace(b"<IndividualId>", b"<IndividualId>EK<x/>", 1))
    commented = batch.replace(b"<IndividualId>", b"<IndividualId>EK<!-- x -->", 1)
    (entry,) = ach.read_xml(commented).batches[0].entries
    assert entry.fields["IndividualId"].startswith("EK" + instruction(DESCO, 10_000_000).end_to_end_id[:3])


@pytest.mark.parametrize("digits", ["9" * 5_000, "0" * 5_000 + "1", "9" * 41])
@pytest.mark.parametrize(
    "field",
    ["Amount", "ReceivingBank", "EntryHash", "TotalCreditAmount", "EntryAddendaCount", "BatchCount"],
)
def test_a_number_of_thousands_of_digits_refuses_the_file(field: str, digits: str) -> None:
    batch = beftn.batch([instruction(DESCO, 10_000_000)], REGISTRY.debtor, datetime(2026, 4, 5, tzinfo=UTC))
    head, tag, rest = batch.partition(f"<{field}>".encode())
    wrong = head + tag + digits.encode() + rest[rest.index(b"<") :]
    with pytest.raises(UnreadableFileError) as caught:
        ach.read_xml(wrong)
    assert caught.value.column == field
    assert len(str(caught.value)) < 600
    if field != "BatchCount":
        with pytest.raises(UnreadableFileError):
            beftn.check_batch(wrong)
