"""The sealed key of a month: what was seeded, to be opened only after our own digest is sealed."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reconciliation.digests import sha256_of
from reconciliation.engine.seal import Seal
from reconciliation.errors import MonthError

_HEADINGS = "code,institution,reference,night,cause"
_COLUMNS = 5

# Code, institution, reference, night.
Entry = tuple[str, str, str, date]


@dataclass(frozen=True, slots=True)
class Key:
    """What was seeded, and the digest of the whole file."""

    entries: frozenset[Entry]
    sha256: str


def open_key(path: Path, seal: Seal) -> Key:
    """Read the key; needs the written seal of a finished run.

    Raises:
        MonthError: the key is not there, its own seal is wrong, or the run's seal was not written.
    """
    if not seal.is_written():
        raise MonthError("the key stays closed until the run's digest is sealed")
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as problem:
        raise MonthError(f"the key cannot be read: {problem}") from problem
    _check_seal(lines)
    entries = frozenset(_entry(line.rstrip("\n")) for line in lines[1:-1])
    if len(entries) != len(lines) - 2:
        raise MonthError("the key names one finding twice")
    return Key(entries, sha256_of(content))


def _check_seal(lines: list[str]) -> None:
    if len(lines) < 2 or lines[0].rstrip("\n") != _HEADINGS:  # noqa: PLR2004 - headings and seal
        raise MonthError("the key has no headings or no seal")
    body = sha256_of("".join(lines[:-1]).encode())
    if lines[-1] != f"SEAL,{len(lines) - 2},{body},,\n":
        raise MonthError("the seal of the key is wrong: it was cut or changed")


def _entry(line: str) -> Entry:
    cells = line.split(",")
    if len(cells) != _COLUMNS:
        raise MonthError(f"{line!r} is no line of a key")
    code, institution, reference, night, _ = cells
    try:
        return code, institution, reference, date.fromisoformat(night)
    except ValueError as problem:
        raise MonthError(f"{night!r} in the key is no night") from problem
