"""One night as `ekpay reconcile run` runs it, in the code of whatever checkout runs this file.

It writes the workbook and the JSON of the report, not its PDF. The last line of output is one JSON object:
the seconds of each step, and the peak memory of this process. Installation and configuration come from the
environment, as for any command. It imports nothing of the benchmarks: another checkout may have none.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

_FORMS = ("xlsx", "json")


def main(night: date) -> None:
    """Run a night, and print what it took."""
    started = time.perf_counter()
    from ekpay_switch.cli.ledger.finance import OpenedFinance  # noqa: PLC0415 - the imports are measured too
    from reconciliation.nightly.night_run import NightContext, run_nights  # noqa: PLC0415
    from reconciliation.reports.night_files import read_report, write_report  # noqa: PLC0415

    finance = OpenedFinance()
    marks: list[tuple[str, float]] = []

    def watch(_night: date, step: object) -> None:
        marks.append((str(step), time.perf_counter()))

    async def report(connection: Any, run: Any, rules: Any) -> Sequence[Path]:  # noqa: ANN401 - another checkout's
        content = await read_report(finance.home_folder, connection, run, rules)
        return write_report(content, finance.home_folder / "report", _FORMS)

    imported = time.perf_counter() - started
    outcomes = asyncio.run(run_nights(finance, night, NightContext(watch, report)))
    steps = {"starting": imported}
    for (step, start), (_, end) in pairwise(marks):
        steps[step] = end - start
    failures = [one.report_failure or one.mirror_failure for one in outcomes]
    print(  # noqa: T201
        json.dumps(
            {
                "nights": len(outcomes),
                "failures": [words for words in failures if words],
                "steps": {step: round(seconds, 3) for step, seconds in steps.items()},
                "peak_mb": _peak_mb(),
            }
        )
    )


def _peak_mb() -> float:
    """The peak memory of this process, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024 / 1e6


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]))
