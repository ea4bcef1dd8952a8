"""A few days of a few institutions, written to a folder and reconciled as a whole month would be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from functools import cache, cached_property
from pathlib import Path

import polars as pl

from reconciliation.calendar import read_calendar
from reconciliation.engine.night import Night, RunConfiguration, RunProgress, run_night
from reconciliation.intake.file_names import LogicalKey, expected_name
from reconciliation.intake.file_schedule import FileSchedule
from reconciliation.intake.ledger_rows import COLUMNS
from reconciliation.intake.participants import only_participants
from reconciliation.matching.engines import PolarsEngine
from reconciliation.month.month_folder import Month
from reconciliation.month.month_run import empty_progress, setting_of
from tests.reconciliation.institution_files import WRITERS, Credit, Head, Movement, stmt_sonali

CONFIG = Path(__file__).parents[2] / "config"
FIRST = date(2026, 4, 5)


@cache
def _whole_setting(nights: tuple[date, ...]) -> RunConfiguration:
    return setting_of(CONFIG, Month(Path(), nights))


@dataclass
class SmallMonth:
    """Nights from `first` on. Files that nobody writes are empty, unless their key is among the absent."""

    folder: Path
    institutions: Collection[str]
    days: int = 3
    first: date = FIRST
    absent: set[LogicalKey] = field(default_factory=set)
    _ledger: dict[date, list[str]] = field(default_factory=dict)
    _files: dict[date, dict[str, bytes]] = field(default_factory=dict)
    _closing: dict[date, int] = field(default_factory=dict)
    _written: set[LogicalKey] = field(default_factory=set)

    @property
    def nights(self) -> tuple[date, ...]:
        return tuple(self.first + timedelta(days=step) for step in range(self.days))

    @cached_property
    def setting(self) -> RunConfiguration:
        whole = _whole_setting(self.nights)
        calendar = only_participants(self.institutions, read_calendar(CONFIG / "calendar.toml"))
        return replace(
            whole, calendar=calendar, schedule=FileSchedule(calendar, self.nights[0], self.nights[-1])
        )

    def book(self, institution: str, *rows: Movement, theirs_known: bool = True) -> "SmallMonth":
        """Put rows into our books."""
        for row in rows:
            theirs = row.theirs if theirs_known and row.status == "success" else ""
            leg = "delivery" if institution.endswith("postpaid") else "funds"
            instant = row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            day = row.at.date()
            kept = row.gross - row.kept
            amounts = f"{row.gross},{row.kept},0,{kept}"
            head = f"00000000-0000-7000-8000-000000000001,{leg},{institution},{row.event},{row.status}"
            line = f"{head},{row.ours},{theirs},{amounts},BDT,{instant},{day}"
            self._ledger.setdefault(day, []).append(line)
        return self

    def send(
        self, institution: str, rows: Sequence[Movement], day: date, *, cycle: int = 0, **more: int
    ) -> "SmallMonth":
        """Let an institution send a file: `night` days after `day`, by default when it is due."""
        key = LogicalKey(institution, day, cycle or self._last_cycle(institution))
        head = Head(day, key.cycle, self.setting.schedule.ordinals[key], more.get("correction", 0))
        return self.put(key, WRITERS[institution](rows, head), **more)

    def credit(self, entries: Sequence[Credit], day: date, opening: int = 0) -> "SmallMonth":
        """Let Sonali Bank send a statement."""
        key = LogicalKey("stmt_sonali", day, 1)
        self._closing[day] = opening + sum(entry.amount for entry in entries)
        return self.put(key, stmt_sonali(entries, Head(day), opening))

    def put(
        self, key: LogicalKey, content: bytes, *, correction: int = 0, night: int | None = None
    ) -> "SmallMonth":
        """Lay a file into the night in which it is due, or `night` days after its own date."""
        calendar = self.setting.calendar
        due = calendar.arrival(key.institution, key.day)
        when = due if night is None else key.day + timedelta(days=night)
        stem, _, extension = expected_name(key, self.setting.layouts[key.institution]).rpartition(".")
        name = f"{stem}_c{correction}.{extension}" if correction else f"{stem}.{extension}"
        self._files.setdefault(when, {})[name] = content
        self._written.add(key)
        return self

    def run(self) -> "Outcome":
        """Write everything out and reconcile it."""
        return self.of(self.write())

    def of(self, month: Month) -> "Outcome":
        """Reconcile what lies in a folder."""
        setting = self.setting
        progress = empty_progress(setting, self.folder / "rows")
        engine = PolarsEngine()
        nights = [run_night(month.inputs(night), setting, progress, engine) for night in self.nights]
        return Outcome(month, setting, progress, nights)

    def _last_cycle(self, institution: str) -> int:
        return len(self.setting.calendar.institutions[institution].cycle_ends)

    def write(self) -> Month:
        """Lay ledger days and files into the folder."""
        (self.folder / "ledger").mkdir(parents=True)
        for night in self.nights:
            lines = [",".join(COLUMNS), *self._ledger.get(night, [])]
            (self.folder / "ledger" / f"{night}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (self.folder / "files" / str(night)).mkdir(parents=True)
        setting = self.setting
        for key, night in setting.schedule.arrivals.items():
            if key not in self._written and key not in self.absent:
                self._files.setdefault(night, {})[expected_name(key, setting.layouts[key.institution])] = (
                    self._empty(key)
                )
        for night, files in self._files.items():
            for name, content in files.items():
                (self.folder / "files" / str(night) / name).write_bytes(content)
        return Month(self.folder, self.nights)

    def _empty(self, key: LogicalKey) -> bytes:
        head = Head(key.day, key.cycle, self.setting.schedule.ordinals[key])
        if key.institution == "stmt_sonali":
            earlier = [day for day in self._closing if day < key.day]
            return stmt_sonali([], head, self._closing[max(earlier)] if earlier else 0)
        return WRITERS[key.institution]([], head)


@dataclass
class Outcome:
    """What a small month came to."""

    month: Month
    setting: RunConfiguration
    progress: RunProgress
    nights: list[Night]

    @property
    def found(self) -> set[tuple[str, str, str]]:
        """Code, reference and night of every finding."""
        return {
            (key.code.value, key.reference, str(night)) for key, (night, _) in self.progress.findings.items()
        }

    @property
    def codes(self) -> list[str]:
        return sorted(key.code.value for key in self.progress.findings)

    @property
    def waits_for(self) -> dict[tuple[str, str], int]:
        """Code and reference of every finding with what waits for its file, in paisa."""
        found = self.progress.findings.items()
        return {(key.code.value, key.reference): one.open_total for key, (_, one) in found}

    def difference(self, code: str) -> int:
        """The difference of the one finding of a code."""
        (one,) = [one for key, (_, one) in self.progress.findings.items() if key.code == code]
        return one.difference

    def fates(self, reference: str) -> list[tuple[int, int, str]]:
        """Source, net and verdict of each row of a reference, in order."""
        rows = self.progress.store.all_rows().filter(pl.col("reference") == reference)
        return sorted(rows.select("source", "net", "verdict").iter_rows())
