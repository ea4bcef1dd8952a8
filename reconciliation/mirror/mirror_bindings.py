"""Rows of `reconciliation.mirrors`: the lines that each file holds."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from reconciliation.results.table_values import Connection

_INSERT: Final = """
INSERT INTO reconciliation.mirrors (institution, window_id, business_date, last_line, last_ordinal, rows,
  gross, first_instant, last_instant, sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


@dataclass(frozen=True, slots=True)
class MirrorBinding:
    """The plain lines of an institution in a closed window, all of them up to `last_line`.

    Plain is a payment that succeeded in taka (`matching.frozen_lines.PLAIN`). `rows` says how many there are
    and `gross` what they sum to, in paisa. `last_ordinal` is the last ordinal of anybody's line in the
    window: a mirror of a window that has a later one does not count.
    """

    institution: str
    window_id: int
    business_date: date
    last_line: int
    last_ordinal: int
    rows: int
    gross: int
    first_instant: datetime
    last_instant: datetime
    sha256: str


async def write_binding(connection: Connection, binding: MirrorBinding) -> None:
    """Add a row; of several for one institution and window, the newest counts."""
    await connection.execute(
        _INSERT,
        binding.institution,
        binding.window_id,
        binding.business_date,
        binding.last_line,
        binding.last_ordinal,
        binding.rows,
        binding.gross,
        binding.first_instant,
        binding.last_instant,
        binding.sha256,
    )
