"""The answer key of the month: each seeded break, written last and sealed."""

from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from sandbox.rehearsals.month.model.instants import dashed

HEADINGS = "code,institution,reference,night,cause"


class Code(StrEnum):
    """The 24 kinds of break."""

    FILE_MISSING = "FILE_MISSING"
    FILE_DUPLICATE = "FILE_DUPLICATE"
    FILE_REPLAYED = "FILE_REPLAYED"
    FILE_SUPERSEDED = "FILE_SUPERSEDED"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    CONTROL_TOTAL = "CONTROL_TOTAL"
    ROW_REJECTED = "ROW_REJECTED"
    LEDGER_ONLY = "LEDGER_ONLY"
    FILE_ONLY = "FILE_ONLY"
    BILLER_NOT_POSTED = "BILLER_NOT_POSTED"
    BILLER_DOUBLE_POST = "BILLER_DOUBLE_POST"
    DUP_IN_FILE = "DUP_IN_FILE"
    DUP_ACROSS_FILES = "DUP_ACROSS_FILES"
    DUP_IN_LEDGER = "DUP_IN_LEDGER"
    AMBIGUOUS = "AMBIGUOUS"
    AMOUNT = "AMOUNT"
    FEE_VARIANCE = "FEE_VARIANCE"
    ROUNDING = "ROUNDING"
    CURRENCY = "CURRENCY"
    THEY_SUCCESS_WE_FAILED = "THEY_SUCCESS_WE_FAILED"
    WE_SUCCESS_THEY_FAILED = "WE_SUCCESS_THEY_FAILED"
    UNKNOWN_OPEN = "UNKNOWN_OPEN"
    TIMING = "TIMING"
    REVERSAL_PENDING = "REVERSAL_PENDING"


class AnswerKey:
    """The breaks that an engine must raise, each with the first night in which it can."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, str], str] = {}

    def add(self, code: Code, institution: str, reference: str, night: int, cause: str) -> None:
        """Add a break.

        Raises:
            ValueError: the same break was seeded before, so that the two could not be distinguished.
        """
        name = (code.value, institution, reference)
        if name in self._lines:
            raise ValueError(f"seeded twice: {name}")
        self._lines[name] = f"{','.join(name)},{dashed(night)},{cause}"

    def codes(self) -> set[str]:
        """Return the codes that were seeded."""
        return {code for code, _, _ in self._lines}

    def __len__(self) -> int:
        return len(self._lines)

    def write(self, path: Path) -> None:
        """Write all of them, sorted, and the seal."""
        body = "".join(f"{line}\n" for line in [HEADINGS, *sorted(self._lines.values())]).encode()
        seal = f"SEAL,{len(self._lines)},{sha256(body).hexdigest()},,\n"
        path.write_bytes(body + seal.encode())
