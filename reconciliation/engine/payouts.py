"""Payouts: the files that one bank credit pays, and its expected amount.

An institution pays all its files of one payout date by one credit under a batch key, less the bank's own
charge (docs/protocols/reconciliation-month.md, "Payouts on the statements"). An expected credit enters the
pool as a row of ours, so the kernel matches the statement like any other file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from reconciliation.canonical_row import BRINGS, LEDGER, SUCCESS, complete, no_rows
from reconciliation.intake.file_names import LogicalKey
from reconciliation.intake.file_register import FileRegister
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.statement.layout import Layout

# The due date of a row that waits for an event without a date.
NEVER = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class BatchFiles:
    """Files that are paid together; `charge` is what the bank takes off the credit, in paisa."""

    key: str
    bank: str
    charge: int
    payout_date: date
    files: tuple[LogicalKey, ...]


class Payouts:
    """All batches of a month, and what was last expected of each.

    `told` holds for each batch how often its credit was expected anew, and the credit in paisa.
    """

    def __init__(
        self,
        layouts: Mapping[str, Layout],
        schedule: FileSchedule,
        expected_credits: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self._layouts = layouts
        self._schedule = schedule
        self.expected_credits: dict[str, tuple[int, int]] = dict(expected_credits or {})
        self._batches = self._of_keys(schedule.ordinals)

    @property
    def batches(self) -> tuple[BatchFiles, ...]:
        """Every batch whose files are expected, or came all the same."""
        return tuple(self._batches.values())

    def _of_keys(self, keys: Iterable[LogicalKey]) -> Mapping[str, BatchFiles]:
        files: dict[tuple[str, date], list[LogicalKey]] = {}
        for key in keys:
            payout = self._layouts[key.institution].payout
            # Without a layout of the bank's statements no credit can be expected.
            if payout is not None and payout.bank in self._layouts:
                files.setdefault((key.institution, self._schedule.payout_date(key)), []).append(key)
        batches = [
            self._batch(name, day, tuple(keys_of_batch))
            for (name, day), keys_of_batch in sorted(files.items())
        ]
        return {batch.key: batch for batch in batches}

    def _batch(self, institution: str, day: date, files: tuple[LogicalKey, ...]) -> BatchFiles:
        layout = self._layouts[institution]
        bank = layout.payout.bank if layout.payout else ""
        return BatchFiles(f"{layout.code}{day:%Y%m%d}", bank, self._layouts[bank].charge, day, files)

    def incomplete_batches(self, register: FileRegister) -> list[str]:
        """The keys of batches that still wait for a file."""
        return [batch.key for batch in self.batches if self._settled_total(batch, register) is None]

    def batch_of(self, key: str) -> BatchFiles | None:
        """The batch of a key, if there is one."""
        return self._batches.get(key)

    def credits_of(self, institution: str) -> list[int]:
        """What was last expected of each batch of an institution, in paisa."""
        mine = (batch for batch in self.batches if batch.files[0].institution == institution)
        return [self.expected_credits[batch.key][1] for batch in mine if batch.key in self.expected_credits]

    def update_expected_rows(self, register: FileRegister) -> tuple[pl.DataFrame, list[str]]:
        """Rows for credits that are newly expected or have changed, and the origins of rows they replace."""
        if self._schedule.is_open:
            loaded = (arrival.name.key for arrival in register.loaded_files())
            self._batches = self._of_keys(sorted({*self._schedule.ordinals, *loaded}))
        rows, replaced = [], []
        for batch, owed_paisa in self._complete_batches(register):
            revision, before = self.expected_credits.get(batch.key, (0, 0))
            credit = owed_paisa - batch.charge if owed_paisa else 0
            if credit == before:
                continue
            if before:
                replaced.append(_origin(batch, revision))
            self.expected_credits[batch.key] = (revision + 1, credit)
            if credit:
                rows.append(_row(batch, revision + 1, credit))
        return (complete(pl.DataFrame(rows)) if rows else no_rows()), replaced

    def _complete_batches(self, register: FileRegister) -> Iterator[tuple[BatchFiles, int]]:
        for batch in self.batches:
            owed_paisa = self._settled_total(batch, register)
            if owed_paisa is not None:
                yield batch, owed_paisa

    @staticmethod
    def _settled_total(batch: BatchFiles, register: FileRegister) -> int | None:
        """What the files of a batch settle together, or None while one of them is not loaded."""
        files = [register.loaded_file_of(key) for key in batch.files]
        if any(arrival is None for arrival in files):
            return None
        return sum(arrival.settled for arrival in files if arrival is not None)


def _origin(batch: BatchFiles, revision: int) -> str:
    return f"payout {batch.key} {revision}"


def _row(batch: BatchFiles, revision: int, credit: int) -> dict[str, object]:
    return {
        "source": LEDGER,
        "origin": _origin(batch, revision),
        "ordinal": 1,
        "institution": batch.bank,
        "reference": batch.key,
        "direction": BRINGS,
        "ours": batch.key,
        "theirs": "",
        "status": SUCCESS,
        "gross": credit,
        "fee": 0,
        "vat": 0,
        "net": credit,
        "currency": "BDT",
        "business_date": batch.payout_date,
        "due_date": batch.payout_date,
        "is_late": False,
    }
