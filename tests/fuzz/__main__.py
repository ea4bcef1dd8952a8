"""`python -m tests.fuzz`: spoil files of every kind and read them; exit code 1 if one broke its reader.

`--case KIND SEED` gives one spoiled file to its reader in this process, so that an error shows where it
comes from, and writes the file to `--out` if that is given.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.reader import read_file
from tests.fuzz.fuzz_run import Tally, report, run
from tests.fuzz.statement_samples import FILE_DATE, StatementSample
from tests.fuzz.targets import Judge, targets

_REPORT_SECONDS = 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--files", type=int, default=32_800)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--case", nargs=2, metavar=("KIND", "SEED"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.case:
        return _show_case(options.case[0], int(options.case[1]), options.out)
    begun = shown = time.monotonic()
    tally, printed = Tally(), 0
    for tally in run(options.files, options.processes, options.first_seed):
        sys.stdout.writelines(f"{failure}\n" for failure in tally.failures[printed:])
        printed = len(tally.failures)
        if time.monotonic() - shown > _REPORT_SECONDS:
            shown = time.monotonic()
            sys.stdout.write(f"{tally.files} files, {len(tally.failures)} failures\n")
            sys.stdout.flush()
    sys.stdout.write("\n".join(report(tally, time.monotonic() - begun)) + "\n")
    return 1 if tally.failures else 0


def _show_case(kind: str, seed: int, out: Path | None) -> int:
    target = targets()[kind]
    content = target.mutation(seed)
    if out is not None:
        out.write_bytes(content)
    if isinstance(target.sample, StatementSample):
        try:
            sys.stdout.write(f"{read_file(content, target.sample.layout, 'fuzz_x', FILE_DATE)}\n")
        except UnreadableFileError as problem:
            sys.stdout.write(f"refused: {problem}\n")
    else:
        sys.stdout.write(f"{target.sample.read(content)}\n")
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder))
        verdict = judge.judge(target, content)
        judge.close()
    sys.stdout.write("\n".join((*verdict.faults, f"{len(verdict.faults)} faults")) + "\n")
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
