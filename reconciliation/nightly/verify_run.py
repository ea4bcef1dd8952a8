"""Prove a run again from archived files and frozen lines, by the rules of its day.

The run is judged again in a folder of its own, starting from the state after the run before it: the rows on
disk, which must be what was committed, and the tables as they were then. So the hundredth night takes as long
as the first. With `whole`, every run from the first on is judged from nothing and compared with what is
stored.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from ekpay_switch.ports.finance import Finance
from reconciliation.breaks.findings import FindingKey
from reconciliation.errors import NightError
from reconciliation.intake.ledger_rows import read_lines
from reconciliation.nightly.break_changes import BreakChanges, changes_of
from reconciliation.nightly.break_records import records_of
from reconciliation.nightly.inbox import Inbox, TakenFile, missing_from
from reconciliation.nightly.judge_run import JudgedRun, RunInputs, RunJudge, RunLocations, expected_of
from reconciliation.nightly.night_configuration import NightRules
from reconciliation.resolutions.day_closing import verify_closings
from reconciliation.resolutions.decision_proofs import verify_decisions
from reconciliation.results import event_chain as chain
from reconciliation.results.break_results import read_breaks
from reconciliation.results.earlier_run_state import breaks_known_after, state_after_run
from reconciliation.results.file_results import KeptFile, kept_files
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.records import BreakFilter, BreakRecord, PositionRecord, RunRecord
from reconciliation.results.run_state import CarriedState, RunState, StandingBreaks, folder_digest
from reconciliation.results.runs import read_positions, read_runs
from reconciliation.results.table_values import Connection

# Called after each run that was judged again: how many, of how many.
Watcher = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Committed:
    """The committed tables: `runs` are to be judged, `earlier` came before, `files` are those of all."""

    earlier: Sequence[RunRecord]
    runs: Sequence[RunRecord]
    files: Sequence[KeptFile]
    sheets: Sequence[Sequence[PositionRecord]]
    breaks: dict[UUID, BreakRecord]


@dataclass(slots=True)
class _Replay:
    """The state after the runs that were judged again."""

    before: RunState = field(default_factory=RunState)
    known: dict[FindingKey, date] = field(default_factory=dict)


async def verify_run(finance: Finance, seq: int, watch: Watcher, *, whole: bool = False) -> str | None:
    """None where a run is proven, with `whole` every run before it too, or in words what differs first.

    Raises:
        NightError: there is no such run.
    """
    folders, first = NightFolders.of(finance.home_folder), 1 if whole else seq
    connection = await finance.connect("audit")
    try:
        for proof in (chain.verify_chain, verify_decisions, verify_closings):
            broken = await proof(connection)
            if broken is not None:
                return broken
        committed = await _committed(connection, first, seq, folders)
        before = await state_after_run(connection, first - 1, folders.rows)
        replay = _Replay(before, await breaks_known_after(connection, first - 1))
    finally:
        await connection.close()
    changed = _changed_on_disk(committed, folders)
    if changed is not None:
        return changed
    with TemporaryDirectory(prefix="verify-", dir=folders.spill) as workspace:
        differences = _replay_runs(committed, replay, folders, Path(workspace), finance.url("audit"))
        for count, difference in enumerate(differences, start=1):
            watch(count, len(committed.runs))
            if difference is not None:
                return difference
    return None


async def _committed(connection: Connection, first: int, last: int, folders: NightFolders) -> _Committed:
    runs = [run for run in await read_runs(connection) if run.seq <= last]
    if not runs or runs[-1].seq != last:
        raise NightError(f"there is no run {last}")
    earlier, to_judge = runs[: first - 1], runs[first - 1 :]
    sheets = [await read_positions(connection, run.id) for run in to_judge]
    # Ages are not compared, so any calendar will do. A run's own breaks were first seen in its night.
    calendar = _rules_of(runs[-1], folders).calendar
    sought = BreakFilter(night=runs[-1].night if first == last else None)
    breaks = await read_breaks(connection, sought, runs[-1].night, calendar)
    files = await kept_files(connection, last)
    return _Committed(earlier, to_judge, files, sheets, {record.id: record for record in breaks})


def _rules_of(run: RunRecord, folders: NightFolders) -> NightRules:
    folder = folders.rules / run.identity["rules"]
    rules = NightRules.read(folder, are_kept=True)
    if rules.digest != run.identity["rules"]:
        raise NightError(f"run {run.seq}: the rules of its day were changed in {folder.name}")
    return rules


def _changed_on_disk(committed: _Committed, folders: NightFolders) -> str | None:
    for run in (*committed.earlier, *committed.runs):
        folder = folders.rows / f"{run.seq:06d}"
        if not folder.is_dir() or folder_digest(folder) != run.rows_digest:
            return f"run {run.seq}: its rows on disk are not what was committed"
    first = committed.runs[0].seq
    judged = [kept_file.file.sha256 for kept_file in committed.files if kept_file.run >= first]
    missing_digest = missing_from(Inbox(folders), judged)
    return None if missing_digest is None else f"the archived file {missing_digest} is gone or changed"


def _replay_runs(
    committed: _Committed, replay: _Replay, folders: NightFolders, workspace: Path, url: str
) -> Iterator[str | None]:
    """Judge each run again in the workspace; yields for each what differs, or None."""
    inbox = Inbox(folders)
    for run in committed.earlier:
        name = f"{run.seq:06d}"
        (workspace / name).symlink_to(folders.rows / name, target_is_directory=True)
    for run, sheet in zip(committed.runs, committed.sheets, strict=True):
        files = [_taken_file(kept_file, inbox) for kept_file in committed.files if kept_file.run == run.seq]
        lines = read_lines(url, replay.before.last_line, run.last_line)
        inputs = RunInputs(run.night, lines, tuple(sorted(files)), expected_of(folders.rows, run.seq))
        locations = RunLocations(url, inbox, workspace, folders.spill)
        judged = RunJudge(_rules_of(run, folders), locations).judge(replay.before, inputs)
        changes = changes_of(judged.night, replay.before.standing, replay.known, judged.progress)
        difference = _difference(run, judged, changes, replay) or _difference_of_results(
            run, sheet, judged, changes, committed
        )
        if difference is None and run is committed.runs[-1]:
            difference = _difference_of_files(committed.files, judged)
        yield None if difference is None else f"run {run.seq}: {difference}"
        standing: StandingBreaks = changes.standing_after(replay.before.standing, run.night)
        replay.known |= {finding.key: run.night for finding in changes.new_findings}
        replay.before = RunState(
            run=run,
            register=judged.progress.register,
            standing=standing,
            since=judged.part.since,
            sheet=judged.sheet,
            carried=CarriedState.read(workspace / f"{run.seq:06d}"),
        )


def _taken_file(kept_file: KeptFile, inbox: Inbox) -> TakenFile:
    file = kept_file.file
    return TakenFile(file.name, file.sha256, file.source, file.received_at, inbox.archived_path(file.sha256))


def _difference(run: RunRecord, judged: JudgedRun, changes: BreakChanges, replay: _Replay) -> str | None:
    """The first difference in inputs or in digests of results."""
    for name, digest in judged.identity.items():
        if run.identity.get(name) != digest:
            return f"the identity of its {name} differs"
    before = replay.before.run
    pairs = {
        "identity digest": (run.identity_digest, judged.identity_digest),
        "findings digest": (
            run.findings_digest,
            changes.digest(before.findings_digest if before else "", run.night),
        ),
        "outcome digest": (run.outcome_digest, judged.outcome_digest),
    }
    return next(
        (
            f"the {name} differs"
            for name, (committed_digest, judged_digest) in pairs.items()
            if committed_digest != judged_digest
        ),
        None,
    )


def _difference_of_results(
    run: RunRecord,
    sheet: Sequence[PositionRecord],
    judged: JudgedRun,
    changes: BreakChanges,
    committed: _Committed,
) -> str | None:
    """The first difference between the tables and what follows from the inputs."""
    if dict(run.invariants) != dict(judged.invariants):
        return "what the invariants say differs"
    figure = next((name for name, value in judged.figures.items() if run.figures.get(name) != value), None)
    if figure is not None:
        return f"the figure {figure} differs"
    if list(sheet) != list(judged.sheet.values()):
        return "the positions differ"
    for expected in records_of(changes.new_findings, judged.night, judged.setting, run.id, {}):
        record = committed.breaks.get(expected.id)
        if record is None or not _is_alike(record, expected):
            return f"the break {expected.code} of {expected.reference} at {expected.institution} differs"
    return None


def _is_alike(record: BreakRecord, expected: BreakRecord) -> bool:
    """Whether a break is as it was found; states and ages change later, suggestions with the version."""
    proven = replace(record, age=0, state=expected.state, details=_without_suggestions(record.details))
    return proven == replace(expected, details=_without_suggestions(expected.details))


def _without_suggestions(details: Mapping[str, object]) -> dict[str, object]:
    """The details of a break without its movements and its nearest candidate, which pass 6 suggests."""
    passes = details.get("passes")
    tried = (
        [text for text in passes if not str(text).startswith("6:")] if isinstance(passes, list) else passes
    )
    return dict(details) | {"movements": [], "nearest": "", "passes": tried}


def _difference_of_files(files: Sequence[KeptFile], judged: JudgedRun) -> str | None:
    """The first difference between the register of files and the tables."""
    arrivals = judged.progress.register.arrivals
    for kept_file, arrival in zip(files, arrivals, strict=False):
        file = kept_file.file
        is_same = (file.name, file.sha256, file.state, file.rows, file.settled, file.rounding) == (
            arrival.name.text,
            arrival.sha256,
            arrival.state.value,
            arrival.rows,
            arrival.settled,
            arrival.rounding,
        )
        if not is_same:
            return f"the file {file.name} is not what was kept of it"
    return None if len(files) == len(arrivals) else "files are missing from the tables"
