"""A hook before each commit: TOML files can be read. `python -m tests.commit_hooks.toml_files FILE ...`."""

import sys
import tomllib
from pathlib import Path

from tests.commit_hooks.report import report


def problems(paths: list[str]) -> list[str]:
    """Each file that is no TOML, with what the parser says."""
    lines = []
    for path in paths:
        try:
            tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            lines.append(f"{path}: {error}")
    return lines


if __name__ == "__main__":
    sys.exit(report(problems(sys.argv[1:])))
