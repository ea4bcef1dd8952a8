"""`ekpay reconcile check`: check settlement files before the nightly run.

Heavy things are imported when the command runs; `ekpay --help` loads this module without the extra.
"""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol

import typer

from ekpay_switch.cli.terminal import complain, show_table, taka
from reconciliation.cli.allocator import keep_buffers
from reconciliation.cli.refusals import refusals
from reconciliation.errors import UnreadableFileError

if TYPE_CHECKING:
    from reconciliation.matching.engines import Engine
    from reconciliation.mirror.mirrored_lines import Mirrors
    from reconciliation.nightly.check_files import CheckRequest, CheckResult
    from reconciliation.postgres_arrow import Database

AGREES: Final = 0
BREAKS: Final = 1
NOT_CHECKED: Final = 2
# Breaks that are explained; the others are counted, and listed for programs.
_FIRST: Final = 20


class Installation(Protocol):
    """What a check needs of an installation (`ekpay_switch.ports.finance.Finance`)."""

    @property
    def home_folder(self) -> Path:
        """The folder of the installation, where mirrors lie."""
        ...

    @property
    def config(self) -> Path:
        """The folder of the configuration."""
        ...

    def url(self, role: str = "app") -> str:
        """The libpq URL of a role."""
        ...


def register(app: typer.Typer) -> None:
    """Let `check` join the commands."""
    app.command("check")(check)


def check(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            exists=True,
            dir_okay=False,
            help="Settlement files, of whatever institutions and dates.",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="For programs: every break.")] = False,  # noqa: FBT002
) -> None:
    """Compare settlement files with our frozen lines of their dates; nothing is changed.

    Give the files of all cycles of a date together: while one is missing, our unmatched lines are not yet
    breaks. Each institution and date is printed apart, with --json on a line of its own. Exits 0 if all sides
    agree, 1 if there are breaks, 2 if anything could not be checked.
    """
    raise typer.Exit(check_and_print(context.obj, files, as_json=json))


def check_and_print(
    installation: Installation, files: Sequence[Path], *, as_json: bool, engine: "Engine | None" = None
) -> int:
    """Check files and print the results; returns the exit code."""
    # What is loaded until the first date is told stays until the end. To look through it for garbage again
    # and again takes as long as half a file.
    gc.disable()
    if len(files) > 1:
        keep_buffers()
    try:
        return _code_of(partial(_check_all, installation, files, engine, as_json=as_json))
    finally:
        gc.enable()


def _code_of(check: Callable[[], int], others: tuple[type[Exception], ...] = ()) -> int:
    """The exit code of a check; where it is refused, the code that says so."""
    try:
        with refusals(others=others, exit_code=NOT_CHECKED):
            return check()
    except typer.Exit as refused:
        return refused.exit_code


def _check_all(
    installation: Installation, files: Sequence[Path], engine: "Engine | None", *, as_json: bool
) -> int:
    from adbc_driver_manager import Error  # noqa: PLC0415 - needs the extra

    from reconciliation.mirror.mirror_folder import MirrorFolder  # noqa: PLC0415
    from reconciliation.mirror.mirrored_lines import Mirrors  # noqa: PLC0415
    from reconciliation.nightly import check_files as checking  # noqa: PLC0415
    from reconciliation.postgres_arrow import Database  # noqa: PLC0415

    def check_dates() -> int:
        requests = checking.check_requests(installation.config, files)
        mirrors = Mirrors(MirrorFolder.of(installation.home_folder), complain)
        # One connection for all of them: to connect takes longer than to read a hundred thousand lines.
        with Database(installation.url("audit")) as books:
            return max(_check_date(books, request, engine, mirrors, as_json=as_json) for request in requests)

    return _code_of(check_dates, (OSError, Error))


def _check_date(
    books: "Database", request: "CheckRequest", engine: "Engine | None", mirrors: "Mirrors", *, as_json: bool
) -> int:
    """Check one institution's date and print the result; a failure does not stop the other dates."""
    code = _code_of(partial(_check_and_show, books, request, engine, mirrors, as_json=as_json))
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    return code


def _check_and_show(
    books: "Database", request: "CheckRequest", engine: "Engine | None", mirrors: "Mirrors", *, as_json: bool
) -> int:
    from reconciliation.nightly import check_files as checking  # noqa: PLC0415

    try:
        result = checking.check_lines(books, request, engine, mirrors)
    except UnreadableFileError as problem:
        complain(f"{problem.file} would be refused as {problem.code}: {problem}")
        return NOT_CHECKED
    if as_json:
        # One line for each date, so that a reader can process results as they come.
        typer.echo(dumps(_json_of(result), ensure_ascii=False))
    else:
        _show(result)
    return AGREES if result.agrees else BREAKS


def _json_of(result: "CheckResult") -> dict[str, object]:
    ours, theirs = result.matched_counts
    request, judged = result.request, result.judged
    return {
        "institution": request.institution,
        "date": request.day.date.isoformat(),
        "files": dict(judged.theirs),
        "missing_cycles": request.missing,
        "agrees": result.agrees,
        "ours": judged.ours,
        "ours_mirrored": result.mirrored,
        "theirs": sum(judged.theirs.values()),
        "ours_matched": ours,
        "theirs_matched": theirs,
        "ours_waiting": result.waiting_count,
        "ours_quiet": result.quiet,
        "theirs_of_other_dates": result.of_other_dates,
        "codes": {
            code: {"count": count, "amount": amount, "difference": difference}
            for code, (count, amount, difference) in result.by_code.items()
        },
        "breaks": [
            {
                "code": finding.key.code.value,
                "reference": finding.key.reference,
                "amount": finding.amount,
                "difference": finding.difference,
                "file": finding.file,
                "rows": finding.rows,
            }
            for finding in result.findings
        ],
        "first": [
            {"reference": finding.reference, "en": finding.en, "bn": finding.bn}
            for finding in result.explain_first(_FIRST)
        ],
        "digest": result.digest,
    }


def _show(result: "CheckResult") -> None:
    request, judged = result.request, result.judged
    ours, theirs = result.matched_counts
    rows = [
        *((name, str(count)) for name, count in judged.theirs.items()),
        ("rows of theirs", str(sum(judged.theirs.values()))),
        ("of them matched", str(theirs)),
        ("with lines of other dates", str(result.of_other_dates)),
        ("lines of ours", str(judged.ours)),
        ("of them matched", str(ours)),
        ("not yet in a file", str(result.waiting_count)),
        ("failed, in no file", str(result.quiet)),
    ]
    show_table(f"{request.institution} {request.day.date}", ("what", ">rows"), rows)
    codes = [
        (code, str(count), taka(amount), taka(difference))
        for code, (count, amount, difference) in result.by_code.items()
    ]
    if codes:
        show_table("Breaks", ("code", ">found", ">amounts", ">differences"), codes)
        explained = [
            (
                explained_break.code,
                explained_break.reference,
                taka(explained_break.amount),
                explained_break.en,
            )
            for explained_break in result.explain_first(_FIRST)
        ]
        show_table(f"The first {len(explained)}", ("code", "reference", ">amount", "what"), explained)
    for words in _remarks(result):
        typer.echo(words)


def _remarks(result: "CheckResult") -> list[str]:
    """Remarks that readers of the tables need."""
    remarks = []
    missing = result.request.missing
    if missing:
        listed = ", ".join(map(str, missing))
        remarks.append(f"cycle {listed} is not among the files: unmatched lines of ours may be in it")
    if not result.judged.ours:
        remarks.append("our books have no line of this institution and date")
    if result.of_other_dates:
        remarks.append("only the nightly run knows whether earlier files have these rows of other dates")
    remarks.append("it agrees with our books" if result.agrees else "it does not agree with our books")
    return remarks
