"""The report of a night, from the tables of results and the stored rows of its run.

The same run gives the same report whenever it is made: breaks, files and ages are those of its night, and it
has no time of printing. Later actions of persons are in the report of a later night.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

import polars as pl

from ekpay_switch.ports.finance import Connection
from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.explanation import Break
from reconciliation.calendar import Calendar
from reconciliation.canonical_row import FAMILY, FILE, IDENTITY, KEY, LEDGER, MATCHED, complete
from reconciliation.engine.row_store import RowStore
from reconciliation.reports.report_model import (
    BookLine,
    BreakLine,
    FileLine,
    InstitutionLine,
    InvariantCheck,
    NightLine,
    PositionLine,
    RateLine,
    Report,
    Tally,
    by_age,
    by_code,
)
from reconciliation.reports.run_collector import MISSING, fee_lines
from reconciliation.reports.tallies import Fates, by_file, by_institution, fees_of, outcomes_of
from reconciliation.results.break_results import read_breaks
from reconciliation.results.file_results import KeptFile, kept_files
from reconciliation.results.records import BreakFilter, BreakRecord, BreakState, RunRecord
from reconciliation.results.runs import read_positions, read_runs

NIGHTS_SHOWN = 30
_LOADED = "loaded"
_OVER = (BreakState.CLOSED, BreakState.RESOLVED)
_HOLDS = "hold"
# The newest night in which something happened to a break, up to an event.
_LAST = """
SELECT DISTINCT ON (break_id) break_id, night FROM reconciliation.break_events
WHERE seq <= $1 ORDER BY break_id, seq DESC
"""


@dataclass(frozen=True, slots=True)
class ReportSources:
    """The sources of a report: the run, earlier runs, files, breaks and positions."""

    run: RunRecord
    runs: tuple[RunRecord, ...]
    files: tuple[KeptFile, ...]
    breaks: tuple[BreakLine, ...]
    positions: tuple[PositionLine, ...]


@dataclass(frozen=True, slots=True)
class ReportTerms:
    """The calendar, the kinds of institutions and the version of rules."""

    calendar: Calendar
    kinds: Mapping[str, str]
    rules_version: str


async def read_report_sources(connection: Connection, run: RunRecord, calendar: Calendar) -> ReportSources:
    """Everything that the tables say of a night as it stood after a run."""
    runs = [record for record in await read_runs(connection) if record.seq <= run.seq]
    # Actions of persons after the commit are in a later report.
    through = run.figures["events"]
    last = {row["break_id"]: row["night"] for row in await connection.fetch(_LAST, through)}
    records = await read_breaks(connection, BreakFilter(), run.night, calendar, through=through)
    breaks = tuple(sorted((_break(record, run.night, last) for record in records), key=_place))
    positions = tuple(
        PositionLine(
            record.institution, record.settled, record.gross, record.fees, record.rounding, record.suspense
        )
        for record in await read_positions(connection, run.id)
    )
    files = tuple(await kept_files(connection, run.seq))
    return ReportSources(run, tuple(runs), files, breaks, positions)


def night_report(standing: ReportSources, rows: Path, terms: ReportTerms) -> Report:
    """The report of a run's night; `rows` is the folder in which runs leave their rows."""
    run = standing.run
    decided, open_rows = _rows_of(rows, run.seq)
    together = pl.concat([decided, open_rows])
    breaks = tuple(item for item in standing.breaks if item.ended in {None, run.night})
    fates = by_file(together)
    return Report(
        period="night",
        first=run.night,
        last=run.night,
        institutions=_institutions(together, terms.kinds),
        codes=by_code(breaks, run.night, run.night),
        ages=by_age(breaks),
        breaks=breaks,
        fees=fee_lines(fees_of(_newly_matched(decided)), breaks),
        files=_files(standing, fates, terms.calendar),
        books=_books(decided, open_rows, run),
        nights=tuple(_night(item, standing.breaks) for item in _last_of_each_night(standing.runs)),
        checks=tuple(
            InvariantCheck(name, "held" if words == _HOLDS else "failed", "" if words == _HOLDS else words)
            for name, words in run.invariants.items()
        ),
        evidence=_evidence(run, terms),
        rates=_rates(standing.runs),
        positions=standing.positions,
        unwatched=tuple(sorted(_named(run.figures, "unwatched."))),
        cover=_named(run.figures, "cover."),
        outcomes=outcomes_of(together),
    )


def _rows_of(folder: Path, seq: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows whose fate a run changed, and those that are open after it."""
    place = RowStore(folder, seq).folder_of(seq)
    settled = complete(pl.read_parquet(place / "settled.parquet"))
    before = RowStore(folder, seq - 1).of_families(settled.select(FAMILY).unique())
    known = before.select(*IDENTITY, pl.col("verdict").alias("_before"))
    joined = settled.join(known, on=list(IDENTITY), how="left")
    decided = joined.filter(pl.col("verdict").ne_missing(pl.col("_before"))).drop("_before")
    return decided, complete(pl.read_parquet(place / "open.parquet")).select(decided.columns)


def _newly_matched(decided: pl.DataFrame) -> pl.DataFrame:
    """Our rows that were matched in the run, with the rows of theirs that answer them."""
    matched = decided.filter(pl.col("verdict") == MATCHED)
    ours = matched.filter(pl.col("source") == LEDGER)
    theirs = matched.filter(pl.col("source") == FILE)
    return pl.concat([ours, theirs.join(ours.select(KEY).unique(), on=list(KEY), how="semi")])


def _institutions(rows: pl.DataFrame, kinds: Mapping[str, str]) -> tuple[InstitutionLine, ...]:
    ours, theirs = by_institution(rows, LEDGER), by_institution(rows, FILE)
    return tuple(
        InstitutionLine(name, kinds[name], ours.get(name, {}), theirs.get(name, {}))
        for name in sorted(ours.keys() | theirs.keys())
    )


def _books(decided: pl.DataFrame, open_rows: pl.DataFrame, run: RunRecord) -> tuple[BookLine, ...]:
    """Our rows that the run looked at, by business date; the digest is of all our rows of the run."""
    ours = pl.concat([decided, open_rows]).filter(pl.col("source") == LEDGER)
    totals = ours.group_by("business_date").agg(pl.len(), pl.col("gross").sum(), pl.col("net").sum())
    return tuple(
        BookLine(day, count, gross, net, run.identity.get("ledger", ""))
        for day, count, gross, net in totals.sort("business_date").iter_rows()
    )


def _break(record: BreakRecord, night: date, last: Mapping[UUID, date]) -> BreakLine:
    details = record.details
    explained = Break(
        code=record.code,
        institution=record.institution,
        reference=record.reference,
        night=record.first_seen,
        as_of=night,
        age=record.age,
        owner=record.owner,
        deadline=record.deadline,
        action=_text(details, "action"),
        automatic=_text(details, "automatic"),
        exposure=record.exposure,
        amount=record.amount,
        difference=record.difference,
        file=record.file,
        passes=_texts(details, "passes"),
        nearest=_text(details, "nearest"),
        diagnosis=record.diagnosis,
        rows=_texts(details, "rows"),
        en=_text(details, "en"),
        bn=_text(details, "bn"),
    )
    return BreakLine(explained, last.get(record.id, record.first_seen) if record.state in _OVER else None)


def _text(details: Mapping[str, object], name: str) -> str:
    value = details.get(name, "")
    return value if isinstance(value, str) else ""


def _texts(details: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = details.get(name, ())
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def _place(line: BreakLine) -> tuple[bool, int, str, str, str]:
    explained = line.explained
    return (
        line.ended is not None,
        -explained.exposure,
        explained.code,
        explained.institution,
        explained.reference,
    )


# ---- files


def _files(standing: ReportSources, fates: Mapping[str, Fates], calendar: Calendar) -> tuple[FileLine, ...]:
    """What the run judged, and every file that is missing by its night."""
    run = standing.run
    arrived = [
        _arrived_line(kept_file, fates, calendar) for kept_file in standing.files if kept_file.run == run.seq
    ]
    missing = [
        _missing_line(broken.explained, calendar)
        for broken in standing.breaks
        if broken.explained.code == BreakCode.FILE_MISSING and broken.ended is None
    ]
    return tuple(
        sorted([*arrived, *missing], key=lambda line: (line.institution, line.name, str(line.arrived_on)))
    )


def _arrived_line(kept_file: KeptFile, fates: Mapping[str, Fates], calendar: Calendar) -> FileLine:
    file = kept_file.file
    due = calendar.arrival(file.institution, file.day) if file.institution in calendar.institutions else None
    return FileLine(
        name=file.name,
        institution=file.institution,
        day=file.day,
        cycle=file.cycle,
        state=file.state,
        due=due,
        arrived_on=file.night,
        late=0 if due is None or due >= file.night else calendar.age(due, file.night),
        stated=Tally(file.rows, file.settled),
        fates=fates.get(file.name, {}) if file.state == _LOADED else {},
        sha256=file.sha256,
    )


def _missing_line(explained: Break, calendar: Calendar) -> FileLine:
    return FileLine(
        name=explained.file,
        institution=explained.institution,
        day=explained.night,
        cycle=1,
        state=MISSING,
        due=explained.night,
        arrived_on=None,
        late=calendar.age(explained.night, explained.as_of),
        stated=Tally(),
        fates={},
        sha256="",
    )


# ---- nights before


def _last_of_each_night(runs: Sequence[RunRecord]) -> list[RunRecord]:
    newest = {run.night: run for run in runs}
    return [newest[night] for night in sorted(newest)][-NIGHTS_SHOWN:]


def _night(run: RunRecord, breaks: Sequence[BreakLine]) -> NightLine:
    """One night in a line, from the figures that its run left."""
    figures = run.figures
    return NightLine(
        night=run.night,
        on_time=figures.get("files.on_time", 0),
        late=figures.get("files.late", 0),
        missing=figures.get("files.missing", 0),
        matched=_sum(figures, "matched."),
        decided=_sum(figures, "decided."),
        found_count=figures.get("found", sum(line.explained.night == run.night for line in breaks)),
        ended=figures.get("ended", 0),
        open=figures.get("open", 0),
        exposure=figures.get("exposure", 0),
    )


def _named(figures: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): value for name, value in figures.items() if name.startswith(prefix)}


def _sum(figures: Mapping[str, int], prefix: str) -> int:
    return sum(_named(figures, prefix).values())


def _rates(runs: Sequence[RunRecord]) -> tuple[RateLine, ...]:
    """Each run's rates; several runs of a night stand together."""
    totals: dict[tuple[str, date], tuple[int, int]] = {}
    for run in runs:
        for name, decided in _named(run.figures, "decided.").items():
            matched, all_of = totals.get((name, run.night), (0, 0))
            matched += run.figures.get(f"matched.{name}", 0)
            totals[name, run.night] = (matched, all_of + decided)
    return tuple(RateLine(name, night, *totals[name, night]) for name, night in sorted(totals))


def _evidence(run: RunRecord, terms: ReportTerms) -> Mapping[str, str]:
    return {
        "run": run.identity_digest,
        "findings": run.findings_digest,
        "outcome": run.outcome_digest,
        "rows": run.rows_digest,
        **{name: run.identity[name] for name in ("ledger", "files", "rules") if name in run.identity},
        "calendar_version": terms.calendar.version,
        "rules_version": terms.rules_version,
    }
