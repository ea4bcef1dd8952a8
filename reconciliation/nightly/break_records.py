"""Records of breaks: a finding explained, with the frozen lines that it is about."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import polars as pl

from reconciliation.breaks.explanation import Break, Explainer
from reconciliation.breaks.findings import BreakFinding, FindingKey
from reconciliation.canonical_row import FAMILY, LEDGER
from reconciliation.engine.night import Night, RunConfiguration
from reconciliation.matching.reference_keys import STRANGER
from reconciliation.nightly.break_changes import break_id
from reconciliation.results.records import BreakRecord, BreakState
from reconciliation.results.table_values import Connection

_LINES: Final = """
SELECT l.window_id, l.ordinal, l.movement FROM ledger_lines l
JOIN unnest($1::bigint[], $2::integer[]) AS k (window_id, ordinal) USING (window_id, ordinal)
"""


def records_of(
    findings: Sequence[BreakFinding],
    night: Night,
    setting: RunConfiguration,
    run_id: UUID,
    movements: Mapping[FindingKey, Sequence[str]],
) -> list[BreakRecord]:
    """Findings of a night as breaks; `movements` are the frozen lines that they are about."""
    explainer = Explainer(setting.rules, setting.calendar, setting.billers)
    nets = _nets(findings, night)
    return [
        _record(
            explainer.explain(finding, night.date, night.date),
            finding,
            run_id,
            {"movements": list(movements.get(finding.key, ())), "net": nets.get(finding.key)},
        )
        for finding in findings
    ]


def _nets(findings: Sequence[BreakFinding], night: Night) -> dict[FindingKey, int]:
    """The signed net in paisa of the row behind each finding, theirs or ours, where there is exactly one."""
    rows_of_findings = pl.DataFrame(
        [(place, finding.file, finding.key.reference, hashed) for place, finding in enumerate(findings)
         for hashed in (finding.rows or ("",))],
        schema={"_place": pl.Int64, "origin": pl.String, "reference": pl.String, "raw_hash": pl.String},
        orient="row",
    )  # fmt: skip
    rows = night.judged.rows.select(
        "origin", pl.col("reference").str.strip_prefix(STRANGER), "raw_hash", "net", "source"
    )
    theirs = rows_of_findings.join(rows.drop("reference"), on=["origin", "raw_hash"], how="inner")
    ours = rows_of_findings.filter(pl.col("raw_hash") == "").join(
        rows.filter(pl.col("source") == LEDGER).drop("raw_hash"), on=["origin", "reference"], how="inner"
    )
    all_nets = pl.concat([theirs.select("_place", "net"), ours.select("_place", "net")])
    alone = all_nets.group_by("_place").agg(pl.col("net").first(), pl.col("net").n_unique().alias("_count"))
    return {findings[place].key: net for place, net, count in alone.iter_rows() if count == 1}


def _record(explained: Break, finding: BreakFinding, run_id: UUID, more: Mapping[str, object]) -> BreakRecord:
    return BreakRecord(
        id=break_id(finding.key),
        run_id=run_id,
        code=explained.code,
        institution=explained.institution,
        reference=explained.reference,
        first_seen=explained.night,
        age=0,
        state=BreakState.OPEN,
        amount=explained.amount,
        difference=explained.difference,
        exposure=explained.exposure,
        file=explained.file,
        day=finding.day,
        cycle=finding.cycle,
        owner=explained.owner,
        deadline=explained.deadline,
        diagnosis=explained.diagnosis,
        details={
            "passes": list(explained.passes),
            "nearest": explained.nearest,
            "rows": list(explained.rows),
            "what": finding.reason,
            "action": explained.action,
            "automatic": explained.automatic,
            "en": explained.en,
            "bn": explained.bn,
            **more,
        },
    )


async def movements_of_findings(
    connection: Connection, night: Night, findings: Sequence[BreakFinding]
) -> dict[FindingKey, tuple[str, ...]]:
    """The frozen lines that each finding is about, by their movements."""
    named = pl.DataFrame(
        [(finding.key.institution, finding.key.reference) for finding in findings],
        schema={"institution": pl.String, "reference": pl.String},
        orient="row",
    ).unique()
    ours = night.judged.rows.filter(pl.col("source") == LEDGER).with_columns(
        pl.col("reference").str.strip_prefix(STRANGER)
    )
    lines = ours.join(named, on=list(FAMILY), how="semi").select(*FAMILY, "origin", "ordinal")
    places = lines.with_columns(
        window=pl.col("origin").str.extract(r"^lines-(\d+)$", 1).cast(pl.Int64),
        movement=pl.col("origin").str.extract(
            r"^(?:(?:unknown|failed)-|(?:top-up|deposit|by-hand|decision) )([0-9a-f-]{36})", 1
        ),
    )
    window_lines = places.filter(pl.col("window").is_not_null()).select("window", "ordinal").unique()
    rows = await connection.fetch(_LINES, window_lines["window"].to_list(), window_lines["ordinal"].to_list())
    of_line = {(row["window_id"], row["ordinal"]): str(row["movement"]) for row in rows}
    movements: dict[tuple[str, str], set[str]] = {}
    for institution, reference, window, ordinal, movement in places.select(
        *FAMILY, "window", "ordinal", "movement"
    ).iter_rows():
        name = movement or of_line.get((window, ordinal))
        if name is not None:
            movements.setdefault((institution, reference), set()).add(name)
    return {
        finding.key: tuple(sorted(movements.get((finding.key.institution, finding.key.reference), ())))
        for finding in findings
    }
