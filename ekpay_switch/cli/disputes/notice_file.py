"""A file of a connector's notices about disputes, as CSV: read whole, or refused with each wrong cell."""

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from ekpay_switch.domain.disputes.dispute import DisputeEvent
from ekpay_switch.domain.errors import MalformedAmountError, SwitchError
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.security.card_numbers import mask_card_numbers

NOTIFIED = "notified"
# What each notice has to say; other cells of its line stay empty.
NEEDED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        NOTIFIED: frozenset({"collected", "amount", "due", "reason"}),
        DisputeEvent.EVIDENCE_REQUESTED: frozenset({"due", "word"}),
        DisputeEvent.MONEY_HELD: frozenset({"movement", "word"}),
        DisputeEvent.WON: frozenset({"word"}),
        DisputeEvent.LOST: frozenset({"word"}),
    }
)
COLUMNS = ("dispute", "event", "collected", "amount", "due", "reason", "movement", "word")
FILE_BYTES_MAX, LINES_MAX = 5_000_000, 5_000
# Names are keys of tables; as long as a reference of a settlement file may be.
NAME_MAX = 200
_NAMES = ("dispute", "collected", "movement")


class NoticeFileError(SwitchError):
    """Something in the file is wrong, so nothing of it was recorded."""

    def __init__(self, problems: Collection[str]) -> None:
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True)
class Notice:
    """One line: `dispute` is the connector's name of it, `collected` its transaction or our reference.

    What the event does not need is empty, or None. `due` is a Dhaka date.
    """

    line: int
    dispute: str
    event: str
    collected: str = ""
    amount: Money | None = None
    due: date | None = None
    reason: str = ""
    movement: str = ""
    word: str = ""


def read_notices(content: bytes) -> tuple[Notice, ...]:
    """The notices of a file in UTF-8 whose first line names the columns.

    Raises:
        NoticeFileError: anything in the file is wrong; it names each line and column.
    """
    rows = _rows(content)
    notices, problems = [], list[str]()
    for number, cells in rows:
        wrong = _wrong_cells(cells)
        problems += [f"line {number}, {column}: {fault}" for column, fault in wrong.items()]
        if not wrong:
            notices.append(_notice(number, cells))
    if problems:
        raise NoticeFileError(problems[:20])
    return tuple(notices)


def _rows(content: bytes) -> list[tuple[int, dict[str, str]]]:
    if len(content) > FILE_BYTES_MAX:
        raise NoticeFileError([f"file: more than {FILE_BYTES_MAX} bytes"])
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if set(reader.fieldnames or ()) != set(COLUMNS):
            raise NoticeFileError([f"line 1: the columns are {', '.join(COLUMNS)}"])
        rows = [(number, _cells(row)) for number, row in enumerate(reader, 2)]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise NoticeFileError([f"file: it is no CSV in UTF-8: {problem}"]) from problem
    if not 0 < len(rows) <= LINES_MAX:
        raise NoticeFileError([f"file: {len(rows)} notices; between 1 and {LINES_MAX} are read"])
    return rows


def _cells(row: Mapping[str | None, object]) -> dict[str, str]:
    cells = {name: str(cell or "").strip() for name, cell in row.items() if name is not None}
    # A line with more cells than columns is told by its event.
    return cells if None not in row else {**cells, "event": ""}


def _wrong_cells(cells: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a line, by column; nothing if it is right."""
    needed = NEEDED.get(cells["event"])
    if needed is None:
        return {"event": f"one of {', '.join(NEEDED)}"}
    wrong = {name: "missing" for name in {"dispute", *needed} if not cells[name]}
    wrong |= {
        name: f"not of a notice that is {cells['event']}"
        for name in set(COLUMNS) - needed - {"dispute", "event"}
        if cells[name]
    }
    wrong |= {name: "visible characters only" for name in COLUMNS if not cells[name].isprintable()}
    wrong |= {name: f"at most {NAME_MAX} letters" for name in _NAMES if len(cells[name]) > NAME_MAX}
    if "amount" in needed - wrong.keys() and _amount(cells["amount"]) is None:
        wrong["amount"] = "taka above zero with at most two decimals"
    if "due" in needed - wrong.keys() and _date(cells["due"]) is None:
        wrong["due"] = "a date such as 2026-12-09"
    return wrong


def _amount(text: str) -> Money | None:
    try:
        amount = parse_taka(text)
    except MalformedAmountError:
        return None
    return amount if amount.minor > 0 else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _notice(number: int, cells: Mapping[str, str]) -> Notice:
    return Notice(
        line=number,
        dispute=cells["dispute"],
        event=cells["event"],
        collected=cells["collected"],
        amount=_amount(cells["amount"]),
        due=_date(cells["due"]),
        reason=mask_card_numbers(cells["reason"]),
        movement=cells["movement"],
        word=mask_card_numbers(cells["word"]),
    )
