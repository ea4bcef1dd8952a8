"""Judge one run: prior state and inputs in, results out; no write to the database, no clock.

The nightly run uses it, and `verify` repeats it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from reconciliation.canonical_row import FAILED, SCHEMA, complete, no_rows
from reconciliation.digests import sha256_of, sha256_of_frame, sha256_of_lines
from reconciliation.engine.invariants import NightChecks
from reconciliation.engine.night import Night, NightInputs, RunConfiguration, RunProgress, run_night
from reconciliation.engine.payouts import Payouts
from reconciliation.engine.restatement import outcome
from reconciliation.engine.row_store import RowStore, sync_to_disk
from reconciliation.engine.seal import RunIdentity
from reconciliation.intake.file_register import Arrival
from reconciliation.intake.ledger_rows import PARTNER, LineRange, read_lines, rows_of_lines, with_institutions
from reconciliation.intake.participants import Participants, participants_of
from reconciliation.matching.engine_choice import ByInstitution
from reconciliation.matching.engines import DuckDbEngine, PolarsEngine
from reconciliation.nightly.inbox import Inbox, TakenFile
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.nightly.run_proofs import carried_totals, check_run, invariant_wording, sheet_after
from reconciliation.nightly.run_totals import run_figures, unwatched_figures, unwatched_institutions
from reconciliation.results.records import PositionRecord
from reconciliation.results.run_state import CarriedState, RunState, folder_digest
from reconciliation.settlement.store.expected_debits import INSTRUCTION
from reconciliation.settlement.store.expected_transfers import WITHDRAWN
from reconciliation.statement.isolated_reader import IsolatedReader
from reconciliation.statement.reader import FileReader

EXPECTED: Final = "expected.parquet"
# The columns of expected rows when there is no verdict yet. None of ours has an outcome code, and the digests
# of runs from before there was one must stay.
_TAKEN: Final = [name for name in SCHEMA if name not in {"verdict", "outcome_code"}]
# An expected row that failed only withdraws the one whose origin it extends.
_STANDS: Final = pl.col("status") != FAILED


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The inputs that are new in a run: frozen lines, files in their order, debits that banks must book.

    `waited` are lines of earlier runs whose institution nobody watched until now.
    """

    night: date
    lines: LineRange
    files: tuple[TakenFile, ...]
    expected: pl.DataFrame
    late_lines: tuple[pl.DataFrame, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """Every line that the run takes, those of earlier runs first."""
        return pl.concat([*self.late_lines, self.lines.frame])

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to judge."""
        return not self.files and self.lines.last == self.lines.after and self.expected.is_empty()


@dataclass(frozen=True, slots=True)
class RunLocations:
    """Where a run reads and writes: the URL of the books, archived files, rows of runs, spill folder."""

    url: str
    archive: Inbox
    rows: Path
    spill: Path


@dataclass(frozen=True, slots=True)
class RunMaterial:
    """The sources of a run's rows; implements `engine.restatement.RestatementMaterial`."""

    locations: RunLocations
    inputs: RunInputs
    run: int

    def books(self, institution: str, up_to: date) -> pl.DataFrame:  # noqa: ARG002 - the last line bounds it
        """Our lines of one institution up to the last that the run takes."""
        lines = read_lines(self.locations.url, 0, self.inputs.lines.last, institution).frame
        return rows_of_lines(with_institutions(lines, {institution}))[0]

    def expected_rows(self, institution: str) -> pl.DataFrame:
        """Lines that its statements must have, of this run and all before, without what was withdrawn."""
        earlier = [expected_of(self.locations.rows, run) for run in range(1, self.run)]
        told = pl.concat([*earlier, self.inputs.expected]).filter(pl.col("institution") == institution)
        return told.filter(_STANDS & ~pl.col("origin").is_in(_withdrawn_origins(told)))

    def path(self, arrival: Arrival) -> Path:
        """The archived bytes of a file."""
        return self.locations.archive.archived_path(arrival.sha256)


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """The results of a run."""

    night: Night
    setting: RunConfiguration
    progress: RunProgress
    part: Participants
    identity: Mapping[str, str]
    figures: Mapping[str, int]
    invariants: Mapping[str, str]
    sheet: Mapping[str, PositionRecord]
    outcome_digest: str
    rows_digest: str
    sql: str

    @property
    def identity_digest(self) -> str:
        """SHA-256 over the inputs, including the identity of the run before."""
        return sha256_of_lines(f"{name} {digest}" for name, digest in sorted(self.identity.items()))


@dataclass(frozen=True, slots=True)
class RunJudge:
    """Judges runs by rules."""

    rules: NightRules
    locations: RunLocations

    def judge(self, before: RunState, run_inputs: RunInputs) -> JudgedRun:
        """Judge one run, check its invariants, and write its rows beside those of earlier runs."""
        with IsolatedReader(self.rules.settings.reading, self.locations.spill) as reader:
            if run_inputs.files:
                reader.start()
            return self._judge(before, run_inputs, reader)

    def _judge(self, before: RunState, run_inputs: RunInputs, reader: FileReader) -> JudgedRun:
        run_inputs = replace(run_inputs, late_lines=self._late_lines(before, run_inputs.lines.after))
        lines = with_institutions(run_inputs.frame, self.rules.layouts)
        named = _first_dates(lines)
        part = participants_of(before.since, named, self.rules.layouts, self.rules.calendar)
        watched = lines.filter(pl.col("institution").is_in(list(part.since)))
        setting = replace(self.rules.setting(run_inputs.night, part.since), reader=reader)
        progress = self._progress(before, setting)
        expected = _expected(run_inputs, part)
        inputs = _night_inputs(run_inputs, watched, expected)
        duckdb = DuckDbEngine(self.locations.spill, self.rules.settings.memory_limit)
        engine = ByInstitution(PolarsEngine(), duckdb)
        try:
            night = run_night(inputs, setting, progress, engine)
            material = RunMaterial(self.locations, run_inputs, before.seq + 1)
            checks = NightChecks(setting, progress, (engine, duckdb), material)
            totals = carried_totals(night, before.figures)
            check_run(checks, night, before.figures, totals)
            sql = engine.sql()
        finally:
            duckdb.close()
        left_out = lines.filter(~pl.col("institution").is_in(list(part.since)))
        figures = (
            totals | run_figures(night, setting, progress) | unwatched_figures(left_out, part, before.figures)
        )
        return JudgedRun(
            night,
            setting,
            progress,
            part,
            # What the run takes: a row of a statement that nobody watches yet is in no folder to prove.
            _identity(before, replace(run_inputs, expected=expected), self.rules),
            figures,
            invariant_wording(checks),
            sheet_after(before.sheet, night),
            outcome(night.judged.rows),
            self._write_carried(before, expected, progress),
            sql,
        )

    def _late_lines(self, before: RunState, last: int) -> tuple[pl.DataFrame, ...]:
        """Lines up to `last` of institutions that can take part now and never did (ADR 0062)."""
        partners = {name for name in self.rules.layouts if name.startswith(f"{PARTNER}_")}
        candidates = (unwatched_institutions(before.figures) | partners) - before.since.keys()
        watched = candidates & self.rules.layouts.keys() & self.rules.calendar.institutions.keys()
        frames = (
            [read_lines(self.locations.url, 0, last, name).frame for name in sorted(watched)] if last else []
        )
        return tuple(frame for frame in frames if frame.height)

    def _progress(self, before: RunState, setting: RunConfiguration) -> RunProgress:
        store = RowStore(self.locations.rows, before.seq, before.carried.withdrawn)
        store.discard_beyond()
        payouts = Payouts(setting.layouts, setting.schedule, before.carried.payouts)
        return RunProgress(store, before.register, payouts, dict(before.standing))

    def _write_carried(self, before: RunState, expected: pl.DataFrame, progress: RunProgress) -> str:
        """Write the state for the next run beside the rows; the digest of the run's folder."""
        place = progress.store.folder_of(progress.store.last)
        taken_instructions = {*before.carried.instructions, *expected["origin"].to_list()}
        carried = CarriedState(
            tuple(progress.store.withdrawn),
            progress.payouts.expected_credits,
            tuple(sorted(taken_instructions)),
        )
        if expected.height:
            expected.write_parquet(place / EXPECTED)
            sync_to_disk(place / EXPECTED)
        carried.write(place)
        return folder_digest(place)


def expected_of(rows: Path, run: int) -> pl.DataFrame:
    """The expected debits that a run took."""
    path = rows / f"{run:06d}" / EXPECTED
    return complete(pl.read_parquet(path)) if path.exists() else no_rows()


def _first_dates(lines: pl.DataFrame) -> dict[str, date]:
    first = lines.group_by("institution").agg(pl.col("business_date").min())
    return dict(first.sort("institution").iter_rows())


def _expected(inputs: RunInputs, part: Participants) -> pl.DataFrame:
    """The expected lines of statements that are watched, and were when a transfer was due on them."""
    since = pl.DataFrame(
        {"institution": list(part.since), "_since": list(part.since.values())},
        schema={"institution": pl.String(), "_since": pl.Date()},
    )
    watched = inputs.expected.join(since, on="institution", how="inner")
    is_asked_for = pl.col("origin").str.starts_with(INSTRUCTION) | (pl.col("due_date") >= pl.col("_since"))
    return watched.filter(is_asked_for).select(inputs.expected.columns).sort("origin", "ordinal")


def _withdrawn_origins(expected: pl.DataFrame) -> list[str]:
    """The origins of rows that are not expected any more."""
    return expected.filter(~_STANDS)["origin"].str.strip_suffix(WITHDRAWN).to_list()


def _night_inputs(inputs: RunInputs, lines: pl.DataFrame, expected: pl.DataFrame) -> NightInputs:
    ours, replaced = rows_of_lines(lines)
    files = tuple(file.as_incoming_file for file in inputs.files)
    withdrawn = (*replaced, *_withdrawn_origins(expected))
    return NightInputs(inputs.night, ours, files, expected.filter(_STANDS), withdrawn)


def _identity(before: RunState, inputs: RunInputs, rules: NightRules) -> dict[str, str]:
    """SHA-256 over each part of the inputs; the identity of the run before stands for all earlier runs."""
    parts = RunIdentity(
        ledger_sha256=sha256_of_lines(
            [
                # Lines are in the order of their ids, late lines apart for each institution.
                *(
                    sha256_of(frame.write_csv().encode())
                    for frame in (*inputs.late_lines, inputs.lines.frame)
                ),
                sha256_of_frame(inputs.expected, _TAKEN),
            ]
        ),
        files_sha256=sha256_of_lines(sorted(f"{file.name} {file.sha256}" for file in inputs.files)),
        rules_sha256=rules.digest,
        calendar_version=rules.calendar.version,
    )
    run = before.run
    return {
        "night": inputs.night.isoformat(),
        "before": "" if run is None else run.identity_digest,
        "ledger": parts.ledger_sha256,
        "files": parts.files_sha256,
        "rules": parts.rules_sha256,
        "calendar": parts.calendar_version,
    }
