"""`python -m tests.samples`: obtain, read, print, write the page; exit code 1 if the page said otherwise."""

import sys
import tempfile
from pathlib import Path

from tests.samples.judge import judged
from tests.samples.obtain import obtain
from tests.samples.page import PAGE, table, written


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        results = [judged(sample) for sample in obtain(Path(folder))]
    rows = table(results)
    sys.stdout.write("\n".join(rows) + "\n")
    before = PAGE.read_text(encoding="utf-8")
    after = written(before, rows)
    PAGE.write_text(after, encoding="utf-8")
    refused = sum(bool(result.refusal) for result in results)
    sys.stdout.write(
        f"{len(results)} files, {refused} refused; the page {'is' if before == after else 'was not'} so\n"
    )
    return 0 if before == after else 1


if __name__ == "__main__":
    sys.exit(main())
