"""A file read in pieces comes to what the same file comes to line by line, refusals with their places too."""

from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciliation.errors import UnreadableFileError
from reconciliation.statement import (
    canonical_rows as canonical,
)
from reconciliation.statement import (
    line_hashes as hashes,
)
from reconciliation.statement import (
    piecewise_reader as scan,
)
from reconciliation.statement import (
    reader,
)
from reconciliation.statement.cell_tables import CellTable
from reconciliation.statement.layout import Layout, read_layout
from reconciliation.statement.reader import Reading, read_file

LAYOUTS = Path(__file__).parents[3] / "config" / "statements"
DAY = date(2026, 4, 5)
UPAY = "txn_id,invoice_id,method,date_time,amount,fee,net,status"
BKASH = (
    "trxID,paymentID,merchantInvoiceNumber,transactionType,initiationTime,completedTime,debitMSISDN,amount,"
    "serviceFee,creditedAmount,currency,transactionStatus,originalTrxID"
)
some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Whatever a cell or a line of text may hold that could make two readers differ.
TEXT = st.text(alphabet='abA1,."\r\n \t\u09e6\ufeff\x1f', max_size=6)
GOOD = st.sampled_from(
    ["T1", "R1", "wallet", "2026-04-05 10:00:00", '"1,234.50"', "0.50", "success", '""', ""]
)


def layout(name: str) -> Layout:
    return read_layout(LAYOUTS / f"{name}.toml")


def outcome(content: bytes, used: Layout) -> Reading | str:
    try:
        return read_file(content, used, "file", DAY)
    except UnreadableFileError as problem:
        return f"{problem.code} {problem}"


def both(content: bytes, used: Layout, monkeypatch: pytest.MonkeyPatch) -> tuple[object, object]:
    with monkeypatch.context() as patch:
        patch.setattr(scan, "BYTES_MIN", 10**9)
        by_lines = outcome(content, used)
    with monkeypatch.context() as patch:
        patch.setattr(scan, "BYTES_MIN", 0)
        patch.setattr(scan, "_WHOLE_BYTES", 100)
        patch.setattr(scan, "_PIECE_BYTES", 100)
        pieces = outcome(content, used)
    return by_lines, pieces


def assert_same(content: bytes, used: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    by_lines, pieces = both(content, used, monkeypatch)
    if isinstance(by_lines, str) or isinstance(pieces, str):
        assert by_lines == pieces
        return
    assert isinstance(by_lines, Reading)
    assert isinstance(pieces, Reading)
    assert by_lines.rows.equals(pieces.rows)
    assert by_lines.rows.schema == pieces.rows.schema
    assert (by_lines.header, by_lines.settled) == (pieces.header, pieces.settled)
    assert by_lines.controls == pieces.controls


def upay(*rows: str, total: str = "", end: str = "\n") -> bytes:
    total = total or f"TOTAL,{len(rows)},,,0.00,0.00,0.00,"
    return end.join([UPAY, *rows, total, ""]).encode()


@some
@given(st.lists(st.lists(TEXT | GOOD, min_size=7, max_size=9).map(",".join), max_size=8))
@example(['T1,R1,"a\nb",2026-04-05 10:00:00,0.00,0.00,0.00,success'])
@example(['T"1,R1,x,2026-04-05 10:00:00,0.00,0.00,0.00,success'])
@example(['"T1"x,R1,"""",2026-04-05 10:00:00,0.00,0.00,0.00,success', ""])
@example(["T1,R1,x,2026-04-05 10:00:00,0.00,0.00,0.00,success\r"])
def test_any_text_is_read_alike(monkeypatch: pytest.MonkeyPatch, rows: list[str]) -> None:
    assert_same(upay(*rows), layout("upay"), monkeypatch)


@some
@given(st.lists(st.lists(TEXT | GOOD, min_size=12, max_size=14).map(",".join), max_size=8))
@example(["T1,P1,R1,Payment,x,2026-04-05T10:00:00:000 GMT+0600,a\rb,10.00,0.15,9.85,BDT,Completed,"])
@example(['T1,P1,R1,Payment,x,2026-04-05T10:00:00:000 GMT+0600,"\n",10.00,0.15,9.85,BDT,Completed,'])
def test_any_text_with_other_line_ends_is_read_alike(
    monkeypatch: pytest.MonkeyPatch, rows: list[str]
) -> None:
    content = "".join(line + "\r\n" for line in [BKASH, *rows]).encode()
    assert_same(content, layout("bkash"), monkeypatch)


@pytest.mark.parametrize("strange", ['"T9"x', 'T"9', '"T9"', "T9\n", '"T\n9"', '"T,9"', " T9 "])
@pytest.mark.parametrize("amount", ['"1,000.00"', "1000.00", "-7.00", '"999.00"'])
def test_quotes_beside_amounts_are_read_alike(
    monkeypatch: pytest.MonkeyPatch, strange: str, amount: str
) -> None:
    rows = [f'T{n},R{n},wallet,2026-04-05 10:00:00,"1,000.00",0.00,"1,000.00",success' for n in range(4)]
    for cell in (f"{strange},R9,wallet", f"T9,{strange},wallet", f"T9,R9,{strange}"):
        rows[2] = f"{cell},2026-04-05 10:00:00,{amount},0.00,{amount},success"
        for total in ('"4,000.00"', '"2,993.00"', '"3,999.00"'):
            content = upay(*rows, total=f"TOTAL,4,,,{total},0.00,{total},")
            assert_same(content, layout("upay"), monkeypatch)


def test_what_is_written_plainly_is_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    row = 'T{n},R{n},"a,{n}",2026-04-05 10:00:00,"1,000.00",0.00,"1,000.00",success'
    rows = [row.format(n=n) for n in range(1_000)]
    content = upay(*rows, total='TOTAL,1000,,,"10,00,000.00",0.00,"10,00,000.00",')
    wanted = read_file(content, layout("upay"), "file", DAY)
    asked: list[int] = []

    def rows_of(table: CellTable, used: Layout, day: date, *, hashed: bool) -> pl.DataFrame:
        asked.append(table.cells.height)
        return canonical.rows_of(table, used, day, hashed=hashed)

    monkeypatch.setattr(scan, "rows_of", rows_of)
    for hashed in (True, False):
        found = read_file(content, layout("upay"), "file", DAY, hashed=hashed)
        assert found.rows.drop("raw_hash").equals(wanted.rows.drop("raw_hash"))
        assert found.controls == wanted.controls
    assert asked == []
    # One time that is none: its piece is read column by column, which rejects the row alone.
    read_file(content.replace(b"10:00:00", b"25:00:00", 1), layout("upay"), "file", DAY)
    assert asked == [1_000]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "quoted", ['"1,23,456.50"', "1,23,456.50", "0.5", " 7.00", "\u09ed.\u09e6\u09e6", "x", "-7.00"]
)
def test_amounts_are_read_alike(monkeypatch: pytest.MonkeyPatch, end: str, quoted: str) -> None:
    rows = [f"T{n},R{n},wallet,2026-04-05 10:00:0{n},100.00,0.00,100.00,success" for n in range(5)]
    rows.append(f"T9,R9,wallet,2026-04-05 10:00:00,{quoted},0.00,{quoted},success")
    for total in ("500.00", '"1,23,956.50"', "507.00", "500.50", "493.00"):
        told = f"TOTAL,6,,,{total},0.00,{total},"
        assert_same(upay(*rows, total=told, end=end), layout("upay"), monkeypatch)


def test_a_hash_total_is_taken_of_all_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"D^P^{n:012d}^T{n}^20260405100000^100^0^0^100^00^acc" for n in range(1, 9)]
    head = "FH^NPSB^O^EKPAY^20260405^1^7^BDT"
    for total in (36, 37):
        content = "\n".join([head, *rows, f"FT^8^800^{total}", ""]).encode()
        assert_same(content, layout("npsb"), monkeypatch)


def test_what_stands_around_a_body_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "T1,P1,R1,Payment,x,2026-04-05T10:00:00:000 GMT+0600,01,10.00,0.15,9.85,BDT,Completed,"
    used = layout("bkash")
    for lines in ([BKASH, row], [BKASH], [], ["a,b", row], [BKASH, row, "short"], [BKASH + ",x", row], [row]):
        for end in ("\r\n", "\n"):
            content = "".join(line + end for line in lines).encode()
            assert_same(content, used, monkeypatch)
            assert_same(content[:-1], used, monkeypatch)
            assert_same(content + b"\xff" + end.encode(), used, monkeypatch)
    marked = layout("sslcommerz")
    assert_same(b"no mark" + b"\n", marked, monkeypatch)


def test_a_cell_of_fixed_text_must_hold_it_in_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"D^P^{n:012d}^T{n}^20260405100000^100^0^0^100^00^acc" for n in range(1, 9)]
    rows[6] = "X" + rows[6][1:]
    content = "\n".join(["FH^NPSB^O^EKPAY^20260405^1^7^BDT", *rows, "FT^8^800^36", ""]).encode()
    by_lines, pieces = both(content, layout("npsb"), monkeypatch)
    assert by_lines == pieces
    assert "line 8" in str(pieces)


def test_pieces_are_used_where_a_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"T{n},R{n},wallet,2026-04-05 10:00:00,1.00,0.00,1.00,success" for n in range(2_000)]
    content = upay(*rows, total='TOTAL,2000,,,"2,000.00",0.00,"2,000.00",')
    asked: list[int] = []
    monkeypatch.setattr(reader, "table_of", lambda *_: asked.append(1))
    assert read_file(content, layout("upay"), "file", DAY).rows.height == 2_000
    assert asked == []


@pytest.mark.parametrize("tail", [1, 4096])
@pytest.mark.parametrize("name", ["upay", "npsb", "mcash", "achallan_generic"])
def test_digests_of_single_lines_are_those_of_the_whole_file(
    name: str, tail: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = layout(name)
    content = {
        "upay": upay(*[f'T{n},R{n},"w,{n}",2026-04-05 10:00:00,0.00,0.00,0.00,success' for n in range(9)]),
        "npsb": "\n".join(
            ["FH^NPSB^O^EKPAY^20260405^1^7^BDT"]
            + [f"D^P^{n:012d}^T{n}^20260405100000^100^0^0^100^00^acc" for n in range(1, 10)]
            + ["FT^9^900^45", ""]
        ).encode(),
        "mcash": b"\xff\xfe"
        + "\r\n".join(
            ["\t".join(used.row.columns if used.row else ())]
            + [
                f"T{n}\tR{n}\tSALE\t05-Apr-2026 10:00:00\t1.00\t0.00\t0.00\t1.00\tBDT\tSUCCESS"
                for n in range(9)
            ]
            + [""]
        ).encode("utf-16-le"),
        "achallan_generic": "".join(
            line.ljust(100) + "\n"
            for line in (
                ["HACHALLAN20260405010000001"]
                + [f"D{n:020d}{n:020d}20260405100000{100:015d}{n:013d}" for n in range(9)]
                + [f"T{9:09d}{900:015d}"]
            )
        ).encode(),
    }[name]
    rows = read_file(content, used, "file", DAY).rows
    bare = read_file(content, used, "file", DAY, hashed=False).rows
    assert bare["raw_hash"].null_count() == bare.height == 9
    monkeypatch.setattr(hashes, "_TAIL_BYTES", tail)
    for ordinals in ([], [1], [9], [2, 3, 7], list(range(1, 10))):
        wanted = rows.filter(pl.col("ordinal").is_in(ordinals))["raw_hash"].to_list()
        assert hashes.hashes_at(BytesIO(content), used, ordinals).to_list() == wanted


@pytest.mark.parametrize("place", ["headings", "trailer"])
def test_letters_that_are_none_beside_the_body_refuse_the_file_with_their_place(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [UPAY, *['T1,R1,wallet,2026-04-05 10:00:00,"1,234.50",0.50,1234.00,success'] * 3, "TOTAL,3"]
    content = "".join(f"{line}\n" for line in lines).encode()
    wrong = b"\xef" + content if place == "headings" else content[:-3] + b"\xef" + content[-2:]
    by_lines, pieces = both(wrong, layout("upay"), monkeypatch)
    assert by_lines == pieces
    assert f"byte {wrong.index(0xEF)} is not utf-8" in str(by_lines)
