"""The folder that a demo leaves: its report, its outcome for programs, its nights' reports, its logs."""

import json
import shutil
from pathlib import Path

from rich.console import Console

from sandbox.rehearsals.demo.report import DemoOutcome, as_json, show

REPORT, OUTCOME = "report.txt", "outcome.json"

_NIGHTS = Path("reconciliation") / "reports"
_LOGS = Path("logs")
_REPORT_WIDTH = 140


def leave_reports(outcome: DemoOutcome, home: Path, place: Path) -> None:
    """Copy what a reader wants from the demo's home into `place`, whose earlier content is replaced whole."""
    fresh = place.with_name(f"{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for source, name in ((home / _NIGHTS, "reports"), (home / _LOGS, "logs")):
        if source.is_dir():
            shutil.copytree(source, fresh / name)
    with (fresh / REPORT).open("w", encoding="utf-8") as file:
        page = Console(file=file, width=_REPORT_WIDTH, markup=False, highlight=False, emoji=False)
        page.soft_wrap = True
        show(outcome, page)
    content = json.dumps(as_json(outcome), indent=2, ensure_ascii=False)
    (fresh / OUTCOME).write_text(f"{content}\n", encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)
