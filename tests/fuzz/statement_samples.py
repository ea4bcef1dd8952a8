"""A valid file of every layout of ours, and of every container, frame and encoding that no layout has yet.

The files of institutions are written by the sandbox, which shares no code with the readers.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Final

from reconciliation.settlement.instructions import beftn, pacs009
from reconciliation.statement.layout import Layout, read_layouts
from sandbox.rehearsals.month.files.layouts import Cover
from sandbox.rehearsals.month.files.row_writer import RowFile
from sandbox.rehearsals.month.model.instants import day_of
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, Leg, MonthInstitution
from sandbox.rehearsals.month.model.rows import MonthRow, RowEvent
from tests.fuzz.mutations.frame_mutations import FRAMES
from tests.fuzz.mutations.workbook_mutations import without_dates
from tests.reconciliation.institution_files import Credit, Head, stmt_sonali
from tests.reconciliation.settlement.sample_lines import BREB, DESCO, REGISTRY, instruction
from tests.reconciliation.statement import hostile_files as hostile
from tests.reconciliation.statement.clearing_files import Ach, ach
from tests.reconciliation.statement.clearing_layouts import (
    FIRST,
    SECOND,
    ach_layout,
    card_layout,
    messages,
)

LAYOUTS: Final = read_layouts(Path(__file__).parents[2] / "config" / "statements")
FILE_DATE: Final = date(2026, 4, 5)
# Noon of that day in Dhaka, in milliseconds since 1970.
_NOON_MS: Final = 1_775_368_800_000
_ROWS: Final = 5
# Enough that a file is read in pieces, see `piecewise_reader`.
_MANY_ROWS: Final = 900
_LARGE: Final = ("bkash", "npsb", "upay")


@dataclass(frozen=True, slots=True)
class StatementSample:
    """A valid file with its layout; of a file of messages, these before they are framed."""

    layout: Layout
    content: bytes
    messages: tuple[bytes, ...] = ()


@cache
def statement_samples() -> Mapping[str, StatementSample]:
    """Every sample by its name: the institution's, or that of the container and what is special in it."""
    with tempfile.TemporaryDirectory() as folder:
        written = {
            institution.id: StatementSample(
                LAYOUTS[institution.id], _file_of(institution, number, Path(folder))
            )
            for number, institution in enumerate((*FUNDS, *DELIVERY), start=1)
        }
        for institution in FUNDS:
            if institution.id in _LARGE:
                content = _file_of(institution, 1, Path(folder), _MANY_ROWS)
                written[f"{institution.id} large"] = StatementSample(LAYOUTS[institution.id], content)
    # With shared texts, styles and addresses of cells, which the sandbox leaves out.
    second = hostile.nagad_row(orderId="EKF2", amount=200.5, netAmount=199)
    book = without_dates(hostile.nagad_workbook(hostile.nagad_row(), second))
    written["nagad of a spreadsheet"] = StatementSample(LAYOUTS["nagad"], book)
    return written | _of_banks() | dict(_of_clearing())


def _file_of(institution: MonthInstitution, number: int, folder: Path, rows: int = _ROWS) -> bytes:
    file = RowFile(folder, Cover(institution, day_of(_NOON_MS), 1, 1), 1, lambda _row, _place: None)
    for row in _rows(institution, number, rows):
        file.add(row)
    file.close()
    return file.path.read_bytes()


def _rows(institution: MonthInstitution, number: int, count: int) -> Iterator[MonthRow]:
    """Payments of different amounts; the first is taken back where the layout can say so."""
    ours = "0" if institution.leg is Leg.FUNDS else "1"
    rows = []
    for place in range(count):
        row = MonthRow(
            f"payment {place}",
            institution,
            1_000 * number + place,
            f"{ours}{1_000 * number + place:011d}",
            _NOON_MS + 1_000 * place,
            10_000_000 + 100 * place,
        )
        row.theirs = f"{900_000 + place}"
        rows.append(row)
    yield from rows
    events = LAYOUTS[institution.id].events
    if institution.leg is Leg.FUNDS and events is not None and events.by != "payment":
        yield rows[0].taken_back(RowEvent.REFUND, rows[0].gross, _NOON_MS + 60_000, "900900")


def _of_banks() -> dict[str, StatementSample]:
    """Account statements: both of ours, and of each other container an invented one."""
    notice = _camt("054")
    begin, end = notice.index(b"<NtryDtls>"), notice.index(b"</NtryDtls>") + len(b"</NtryDtls>")
    batch = notice[:begin] + _DETAILS + notice[end:]
    return {
        "stmt_sonali": StatementSample(LAYOUTS["stmt_sonali"], _sonali()),
        "stmt_janata": StatementSample(LAYOUTS["stmt_janata"], _MT940.replace("\n", "\r\n").encode()),
        "camt052": StatementSample(_bank_layout("camt052"), _camt("052")),
        "camt053 several": StatementSample(_bank_layout("camt053", several=True), _two_statements()),
        "camt054": StatementSample(_bank_layout("camt054"), _camt("054")),
        "camt054 details": StatementSample(_bank_layout("camt054", batches="details"), batch),
        "mt940 several": StatementSample(
            _bank_layout("mt940", several=True, encoding="utf-8", account="0202000000002"),
            (_MT940 + _MT940_NEXT).encode(),
        ),
        "mt942": StatementSample(_bank_layout("mt942", encoding="latin-1"), _MT942.encode()),
    }


def _of_clearing() -> Iterator[tuple[str, StatementSample]]:
    """Clearing files: each frame, encoding and bitmap of messages, and both forms of BEFTN."""
    for frame, framed in FRAMES.items():
        for encoding in ("ascii", "cp500"):
            told = tuple(messages(FIRST, SECOND, FIRST | {37: "000000000003"}, encoding=encoding))
            layout = card_layout(frame=frame, encoding=encoding)
            yield f"iso8583 {frame} {encoding}", StatementSample(layout, framed(told), told)
    told = tuple(_with_hex_bitmap(message) for message in messages(FIRST, SECOND))
    yield "iso8583 hex", StatementSample(card_layout(bitmap="hex"), FRAMES["vbs"](told), told)
    paid, debit = Ach(), Ach("27", "99226002", 30_000, "EKF2", 2)
    back = Ach("21", "99426004", 5_000, "EKF3", 3, reason="R03")
    yield "ach", StatementSample(ach_layout(), ach([paid, debit], [back]))
    yield "beftn", StatementSample(ach_layout("beftn"), beftn_batch())


def _with_hex_bitmap(message: bytes) -> bytes:
    return message[:4] + message[4:20].hex().upper().encode() + message[20:]


_CREATED: Final = datetime(2026, 4, 5, 4, tzinfo=UTC)
_PAIR: Final = (instruction(DESCO, 10_000_000), instruction(BREB, 7_000_000))


def beftn_batch() -> bytes:
    """A batch of credits as we write it ourselves."""
    return beftn.batch(_PAIR, REGISTRY.debtor, _CREATED)


def pacs009_message() -> bytes:
    """A message of credits as we write it ourselves."""
    return pacs009.message(_PAIR, REGISTRY.debtor, _CREATED)


def _bank_layout(container: str, **statement: object) -> Layout:
    return Layout.model_validate(
        {
            "institution": "stmt_x",
            "code": "X",
            "version": "1",
            "kind": "statement",
            "container": container,
            "extension": "xml",
            "statement": {"account": "0127000000001"} | statement,
        }
    )


def _sonali() -> bytes:
    entries = [Credit(98_850, "B1"), Credit(1_000, "B2", "SB2"), Credit(-2_000, "", "SB3")]
    return stmt_sonali(entries, Head(FILE_DATE), opening=500)


def _camt(number: str) -> bytes:
    """The same entries as a report within the day (052) or a notice (054), which have no balances."""
    kind, root = {"052": ("Rpt", "BkToCstmrAcctRpt"), "054": ("Ntfctn", "BkToCstmrDbtCdtNtfctn")}[number]
    content = _sonali().replace(b"camt.053", f"camt.{number}".encode())
    begin, end = content.index(b"<Bal>"), content.rindex(b"</Bal>") + len(b"</Bal>")
    content = content[:begin] + content[end:]
    for old, new in ((b"BkToCstmrStmt>", f"{root}>".encode()), (b"Stmt>", f"{kind}>".encode())):
        content = content.replace(b"<" + old, b"<" + new).replace(b"</" + old, b"</" + new)
    return content


def _two_statements() -> bytes:
    first = _sonali()
    second = stmt_sonali([Credit(700, "B9")], Head(FILE_DATE, sequence=2), opening=98_350)
    begin, end = second.index(b"<Stmt>"), second.index(b"</BkToCstmrStmt>")
    return first.replace(b"</BkToCstmrStmt>", second[begin:end] + b"</BkToCstmrStmt>")


_DETAILS: Final = (
    b'<NtryDtls><TxDtls><Refs><EndToEndId>B1</EndToEndId></Refs><Amt Ccy="BDT">988.00</Amt></TxDtls>'
    b'<TxDtls><Refs><EndToEndId>B7</EndToEndId></Refs><Amt Ccy="BDT">0.50</Amt></TxDtls></NtryDtls>'
)
_MT940: Final = """:20:JB20260405
:25:0202000000002
:28C:5/1
:60F:C260405BDT1000,00
:61:2604050405C1234,35NTRFBKASH20260405//BANKREF1
:86:/BATCH/BKASH20260405/CHG/5,75
:61:2604050405RC34,35NTRFNONREF//BANKREF2
:86:undone
:61:2604050405D0,50NCHGNONREF//BANKREF3
:86:charge
:62F:C260405BDT2199,50
-
"""
_MT940_NEXT: Final = """:20:JB20260406
:25:0202000000002
:28C:6/1
:60F:C260405BDT2199,50
:61:2604060406C1,00NTRFNPSB20260406//BANKREF4
:86:/BATCH/NPSB20260406
:62F:C260406BDT2200,50
-
"""
_MT942: Final = """:20:S1
:25:0127000000001
:28C:5/1
:34F:BDT0,
:13D:2604051200+0600
:61:2604050405C1500,NTRFBKASH20260405//B1
:86:x
:61:2604050405C7,25NTRFNPSB20260405//B3
:86:y
:61:2604050405D11,5NCHGNONREF//B2
:90D:1BDT11,50
:90C:2BDT1507,25
-
"""
