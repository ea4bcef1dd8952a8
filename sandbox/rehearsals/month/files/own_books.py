"""Our exported books: one file a business date, in which the rows of a payment are adjacent."""

import heapq
from collections.abc import Iterable
from pathlib import Path

from sandbox.rehearsals.month.model.instants import dashed, day_of, utc
from sandbox.rehearsals.month.model.rows import MonthRow

COLUMNS = (
    "payment_id", "leg", "institution", "event", "status", "our_reference", "their_reference", "gross", "fee",
    "vat", "net", "currency", "instant", "business_date",
)  # fmt: skip
_BLOCK_LINES = 8_192


class MonthLedger:
    """Writes the file of each day; later bookings are kept until their instant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[str] = []
        self._repeated: list[MonthRow] = []
        self._later: list[tuple[int, int, tuple[MonthRow, ...]]] = []
        self._booked_later = 0
        self.rows = 0

    def open_day(self, day: int) -> None:
        """Begin the file of a day."""
        self._path = self._folder / f"{dashed(day)}.csv"
        self._end_of_day = day + 1
        self._stream = self._path.open("w", encoding="utf-8", newline="")
        self._stream.write(",".join(COLUMNS) + "\n")

    def write(self, rows: Iterable[MonthRow]) -> None:
        """Write the rows of one payment."""
        self._lines += [_line(row) for row in rows]
        if len(self._lines) >= _BLOCK_LINES:
            self._flush()

    def write_later(self, rows: tuple[MonthRow, ...]) -> None:
        """Keep rows that are booked at their instant, today or on a later day."""
        self._booked_later += 1
        heapq.heappush(self._later, (rows[0].ms, self._booked_later, rows))

    def write_until(self, ms: int) -> None:
        """Write the kept rows of instants up to this one."""
        while self._later and self._later[0][0] <= ms:
            self.write(heapq.heappop(self._later)[2])

    def repeat(self, row: MonthRow) -> None:
        """Repeat the line of a row of today at the end of the file."""
        self._repeated.append(row)

    def close_day(self) -> None:
        """End the file of the day."""
        while self._later and day_of(self._later[0][0]) < self._end_of_day:
            self.write(heapq.heappop(self._later)[2])
        self.write(self._repeated)
        self._repeated.clear()
        self._flush()
        self._stream.close()

    def _flush(self) -> None:
        self.rows += len(self._lines)
        self._stream.write("".join(self._lines))
        self._lines.clear()


def _line(row: MonthRow) -> str:
    return (
        f"{row.payment_id},{row.institution.leg},{row.institution.id},{row.event},{row.status},{row.ours},"
        f"{row.theirs},{row.gross},{row.fee},{row.vat},{row.net},{row.currency},{utc(row.ms)},"
        f"{dashed(day_of(row.ms))}\n"
    )
