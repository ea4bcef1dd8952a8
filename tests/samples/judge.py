"""What our readers make of a sample: how many rows, or the refusal in our words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats import ach, camt, iso8583_file, mt940
from reconciliation.statement.formats.account_entries import AccountStatement, check_balances
from reconciliation.statement.formats.message_layout import ElementLayout, MessageLayout
from tests.samples.obtain import Sample


@dataclass(frozen=True)
class Judged:
    """A sample with what was read of it; `refusal` is empty where all controls agree."""

    sample: Sample
    groups: int
    rows: int
    refusal: str


def judged(sample: Sample) -> Judged:
    """Read one sample with the reader of its kind, then hold it against its own controls."""
    content = sample.path.read_bytes()
    try:
        groups, rows = _READERS[sample.kind](content, sample.path)
    except UnreadableFileError as problem:
        return Judged(sample, 0, 0, str(problem))
    except _StatedOtherwiseError as problem:
        return Judged(sample, problem.groups, problem.rows, str(problem))
    return Judged(sample, groups, rows, "")


class _StatedOtherwiseError(Exception):
    """The entries were understood; what the file states of them is something else."""

    def __init__(self, groups: int, rows: int, what: str) -> None:
        super().__init__(what)
        self.groups, self.rows = groups, rows


def _of_statements(statements: Sequence[AccountStatement]) -> tuple[int, int]:
    rows = sum(len(statement.entries) for statement in statements)
    try:
        check_balances(statements)
    except UnreadableFileError as problem:
        raise _StatedOtherwiseError(len(statements), rows, str(problem)) from problem
    return len(statements), rows


def _swift(content: bytes, _path: Path) -> tuple[int, int]:
    # Nobody says how these are encoded; in production the layout does.
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    return _of_statements(mt940.read(text.replace("\r\n", "\n")))


def _camt(content: bytes, _path: Path) -> tuple[int, int]:
    return _of_statements(camt.read(content))


def _ach(content: bytes, _path: Path) -> tuple[int, int]:
    read = ach.read_lines(content)
    return len(read.batches), sum(len(batch.entries) for batch in read.batches)


_ELEMENTS = {
    "2": ElementLayout(digits=2, length=19),
    "3": ElementLayout(length=6),
    "4": ElementLayout(length=12),
    "12": ElementLayout(length=12),
    "24": ElementLayout(length=3),
    "37": ElementLayout(length=12),
    "48": ElementLayout(
        digits=3, length=999, tags={"0105": "id", "0146": "fee", "0301": "sum", "0306": "count"}
    ),
    "49": ElementLayout(length=3),
}


def _messages(content: bytes, path: Path) -> tuple[int, int]:
    frame, encoding = (
        "blocked" if "blocked" in path.name else "vbs",
        "cp500" if "cp500" in path.name else "ascii",
    )
    spec = {"frame": frame, "encoding": encoding, "row": {"MTI": "1240"}, "elements": _ELEMENTS}
    messages = iso8583_file.read(content, MessageLayout.model_validate(spec))
    rows = [message for message in messages if message["MTI"] == "1240"]
    trailer = messages[-1]
    total = sum(int(message["DE4"]) for message in rows)
    if (int(trailer["sum"]), int(trailer["count"])) != (total, len(messages)):
        raise _StatedOtherwiseError(1, len(rows), "the trailer says otherwise")
    return 1, len(rows)


_READERS: dict[str, Callable[[bytes, Path], tuple[int, int]]] = {
    "MT940": _swift,
    "MT942": _swift,
    "camt": _camt,
    "ACH": _ach,
    "ISO 8583": _messages,
}
