"""The page that says what was read: the table between its two marks is written, the rest is by hand."""

from collections.abc import Sequence
from pathlib import Path

from tests.samples.judge import Judged
from tests.samples.why import WHY

PAGE = Path(__file__).parents[2] / "docs" / "operations" / "sample-files.md"
_BEGIN, _END = "<!-- written by python -m tests.samples -->", "<!-- end of what is written -->"


def table(results: Sequence[Judged]) -> list[str]:
    """The rows of the table, a line a file."""
    lines = ["| package | file | format | groups | rows | result |", "| --- | --- | --- | --- | --- | --- |"]
    for result in results:
        sample = result.sample
        why = WHY.get(sample.name, "")
        said = "read" if not result.refusal else f"refused: {result.refusal.replace('|', '/')}"
        lines.append(
            f"| {sample.package} | {sample.name} | {sample.kind} | {result.groups or ''} "
            f"| {result.rows or ''} | {said}{f' ({why})' if why else ''} |"
        )
    return lines


def written(page: str, rows: Sequence[str]) -> str:
    """The page with these rows."""
    head, _, rest = page.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n\n" + "\n".join(rows) + f"\n\n{_END}{tail}"
