"""New findings with what the night's rows say about them: nearest candidate, diagnosis, open total."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from reconciliation.breaks.codes import BreakCode
from reconciliation.breaks.diagnosis import DiagnosisContext, diagnose
from reconciliation.breaks.findings import BreakFinding
from reconciliation.breaks.nearest_candidate import UnmatchedRows, with_nearest
from reconciliation.canonical_row import MATCHED, QUIET
from reconciliation.engine.awaited_files import SINGLE_FILE, AwaitedFiles
from reconciliation.engine.payouts import Payouts
from reconciliation.intake.file_names import parse_file_name
from reconciliation.intake.file_register import FileRegister
from reconciliation.intake.receive_files import ReceivedFiles


def explain_findings(
    findings: Sequence[BreakFinding],
    rows: pl.DataFrame,
    register: FileRegister,
    payouts: Payouts,
    waiting: AwaitedFiles = SINGLE_FILE,
) -> tuple[BreakFinding, ...]:
    """The findings in their order, each with its nearest candidate, diagnosis or open total."""
    # A candidate is never a matched row, so nearly all rows are left out at once.
    unmatched = rows.filter(~pl.col("verdict").is_in([MATCHED, QUIET]))
    near = UnmatchedRows(unmatched)
    differences = Counter(_place(finding) for finding in findings if finding.compared is not None)
    totals = waiting.totals(findings, unmatched, register)
    results = []
    for finding in findings:
        if finding.key in totals:
            results.append(replace(finding, open_total=totals[finding.key]))
        elif finding.compared is not None:
            cause = diagnose(finding.compared, _diagnosis_context(finding, differences, register, payouts))
            results.append(replace(finding, diagnosis=cause))
        else:
            results.append(with_nearest(finding, near))
    return tuple(results)


def _place(finding: BreakFinding) -> tuple[str, int]:
    return finding.key.institution, finding.difference


def _diagnosis_context(
    finding: BreakFinding,
    differences: Mapping[tuple[str, int], int],
    register: FileRegister,
    payouts: Payouts,
) -> DiagnosisContext:
    institution = finding.key.institution
    batch = payouts.batch_of(finding.key.reference)
    files = [] if batch is None else [register.loaded_file_of(key) for key in batch.files]
    opposite = -finding.difference
    # A finding is not its own counterpart, even where it differs by nothing.
    opposite_count = differences.get((institution, opposite), 0) - (opposite == finding.difference)
    return DiagnosisContext(
        refunds=finding.refunds,
        differences=(opposite,) if opposite_count > 0 else (),
        batches=payouts.credits_of(institution),
        # A credit that is short by one of its files.
        cycles=[-arrival.settled for arrival in files if arrival is not None],
    )


def with_changed_lines(received: ReceivedFiles, replaced: pl.DataFrame) -> list[BreakFinding]:
    """The findings of intake; that of a replaced file lists the lines that its correction changed."""
    changed = {}
    for name in received.withdrawn:
        key = parse_file_name(name).key
        before = replaced.filter(pl.col("origin") == name)
        after = [
            frame
            for frame in received.frames
            if frame.height and parse_file_name(frame["origin"][0]).key == key
        ]
        remaining = pl.concat(after)["raw_hash"] if after else pl.Series(dtype=pl.String)
        changed[name] = tuple(
            before.filter(~pl.col("raw_hash").is_in(remaining.implode()))["raw_hash"].sort()
        )
    return [
        replace(finding, rows=changed[finding.file])
        if finding.key.code is BreakCode.FILE_SUPERSEDED and finding.file in changed
        else finding
        for finding in received.findings
    ]
