"""The evidence of a run beside its rows: breaks, positions, arrivals, failed invariants."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from reconciliation.breaks.explanation import Explainer
from reconciliation.engine.invariants import MonthChecks
from reconciliation.engine.night import RunConfiguration, RunProgress
from reconciliation.matching.institution_positions import COLUMNS, positions


def write_evidence(
    progress: RunProgress, setting: RunConfiguration, checks: MonthChecks, as_of: date, folder: Path
) -> None:
    """`breaks.jsonl`, `positions.csv`, `files.csv` and `invariants.json`; amounts in whole paisa."""
    explainer = Explainer(setting.rules, setting.calendar, setting.billers)
    with (folder / "breaks.jsonl").open("w", encoding="utf-8") as file:
        for _, (night, finding) in sorted(progress.findings.items()):
            content = asdict(explainer.explain(finding, night, as_of))
            file.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
    positions(progress.store.all_rows(COLUMNS)).write_csv(folder / "positions.csv")
    with (folder / "files.csv").open("w", encoding="utf-8") as file:
        file.write("night,name,state,rows,settled,sha256\n")
        for arrival in progress.register.arrivals:
            facts = (
                arrival.night,
                arrival.name.text,
                arrival.state,
                arrival.rows,
                arrival.settled,
                arrival.sha256,
            )
            file.write(",".join(map(str, facts)) + "\n")
    broken = {invariant.value: words for invariant, words in checks.broken.items()}
    (folder / "invariants.json").write_text(json.dumps(broken, indent=2) + "\n", encoding="utf-8")
