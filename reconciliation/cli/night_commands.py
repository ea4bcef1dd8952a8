"""The commands of `ekpay reconcile` that run nights and verify them.

Heavy things are imported when a command runs; `ekpay --help` loads this module without the extra.
"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from ekpay_switch.cli.terminal import complain, dhaka, show_json, show_table, taka
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.cli.chargeback_wording import chargeback_wording
from reconciliation.cli.night_option import typed_night
from reconciliation.cli.progress_bar import counting_bar
from reconciliation.cli.refusals import refusals
from reconciliation.errors import ReportError

if TYPE_CHECKING:
    from reconciliation.nightly.night_configuration import NightRules
    from reconciliation.nightly.night_run import NightContext, NightOutcome, NightStep
    from reconciliation.nightly.night_status import CodeCounts, NightStatus
    from reconciliation.results.records import RunRecord

RED = 1
_AGAIN = timedelta(minutes=5)


NightOption = Annotated[
    date | None, typer.Option("--night", parser=typed_night, metavar="DATE", help="A business date.")
]
EarlyOption = Annotated[
    bool, typer.Option("--early", help="Rehearse a date that is not over yet; it cannot be closed on that.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(app: typer.Typer) -> None:
    """Let the commands of the night join."""
    app.command("run")(run)
    app.command("nightly")(nightly)
    app.command("status")(status)
    app.command("verify")(verify)


def run(
    context: typer.Context,
    night: NightOption = None,
    early: EarlyOption = False,  # noqa: FBT002
    json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Run a night, by default that of yesterday, and before it every earlier one without a run.

    Reads the files in the inbox. A night without new files or lines is printed as it is; new ones make a
    further run of it. Exits 1 where something is red: an invariant, a missing file, somebody unwatched.
    """
    with refusals(others=(SwitchError,)):
        _run(context.obj, _chosen_night(context.obj, night, early=early), as_json=json)


def nightly(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="End after one night.")] = False,  # noqa: FBT002
) -> None:
    """Wait for the cut-off of each night and run it, for systemd or `ekpay run`.

    A night whose cut-off has passed and that has no run is run at once. What is red is printed, and the next
    night awaited; a night that could not be run is run again after five minutes. With `--once` the exit code
    is that of `run`.
    """
    with refusals(others=(SwitchError,)):
        from reconciliation.nightly.night_configuration import NIGHT, read_night_settings  # noqa: PLC0415 - needs the extra
        from reconciliation.nightly.night_start import deadline, last_due, now, wait_until  # noqa: PLC0415

        finance: Finance = context.obj
        minutes = read_night_settings(finance.config / NIGHT).cut_off_minutes
        newest = asyncio.run(_newest(finance))
        due = last_due(now(), minutes)
        night = due if newest is None or newest < due else due + timedelta(days=1)
        while True:
            wait_until(deadline(night, minutes))
            code = _run_or_report(finance, night)
            if once:
                raise typer.Exit(RED if code is None else code)
            if code is None:
                wait_until(now() + _AGAIN)
            else:
                night += timedelta(days=1)


def status(context: typer.Context, night: NightOption = None, json: JsonOption = False) -> None:  # noqa: FBT002
    """Print the status of a night, by default the newest. Exits as `run` does; 1 where there is no run."""
    with refusals(others=(SwitchError,)):
        from reconciliation.nightly.night_status import status_of  # noqa: PLC0415 - needs the extra

        night_status = asyncio.run(status_of(context.obj, night))
        if night_status is None:
            complain("no run of that night" if night else "no night was run yet")
            raise typer.Exit(RED)
        _show(night_status, as_json=json)


def verify(
    context: typer.Context,
    seq: Annotated[
        int, typer.Argument(metavar="RUN", min=1, help="The number of a run, as status prints it.")
    ],
    whole: Annotated[bool, typer.Option("--all", help="Every run before it too, from nothing.")] = False,  # noqa: FBT002
) -> None:
    """Prove a run again from archived files and frozen lines, from the state after the run before it.

    Exits 1 and names the first thing that differs: the chain of events, rows on disk, an archived file, what
    went in, findings, outcome, figures, positions, breaks or files.
    """
    with refusals(others=(SwitchError,)):
        from reconciliation.nightly.verify_run import verify_run as prove  # noqa: PLC0415 - needs the extra

        with counting_bar() as bar:
            task = bar.add_task("judging again", total=None)

            def watch(done: int, of: int) -> None:
                bar.update(task, completed=done, total=of)

            difference = asyncio.run(prove(context.obj, seq, watch, whole=whole))
        if difference is not None:
            complain(difference)
            raise typer.Exit(RED)
        typer.echo(f"run {seq} and every run before it are proven" if whole else f"run {seq} is proven")


def _chosen_night(finance: Finance, night: date | None, *, early: bool) -> date:
    from reconciliation.nightly.night_start import last_over, now  # noqa: PLC0415 - needs the extra

    over = last_over(now())
    chosen = over if night is None else night
    if night is None and early:
        chosen = over + timedelta(days=1)
    if chosen > over:
        if not early:
            raise typer.BadParameter(f"{chosen} is not over yet: --early rehearses it", param_hint="--night")
        _refuse_unbegun(finance, chosen, over + timedelta(days=1))
        complain(f"{chosen} is not over yet: what is still paid in it comes into a later run")
    return chosen


def _refuse_unbegun(finance: Finance, night: date, today: date) -> None:
    """Refuse a date that has not begun; in a rehearsal it follows the night before it."""
    if night > today:
        if not finance.is_rehearsal:
            raise typer.BadParameter(f"{night} has not begun", param_hint="--night")
        newest = asyncio.run(_newest(finance))
        if newest is None or newest < night - timedelta(days=1):
            raise typer.BadParameter(
                f"{night} has not begun, and the night before it was not run", param_hint="--night"
            )


def _run(finance: Finance, night: date, *, as_json: bool) -> None:
    from reconciliation.nightly.night_run import run_nights  # noqa: PLC0415 - needs the extra
    from reconciliation.nightly.night_status import status_of  # noqa: PLC0415

    with counting_bar() as bar:
        outcomes = asyncio.run(run_nights(finance, night, _night_context(finance, bar)))
    _report_outcomes(outcomes, night)
    night_status = asyncio.run(status_of(finance, outcomes[-1].run.night))
    if night_status is not None:
        _show(
            night_status,
            as_json=as_json,
            complaints=[
                failure
                for outcome in outcomes
                for failure in (outcome.dispute_failure, outcome.report_failure)
                if failure
            ],
        )


def _run_or_report(finance: Finance, night: date) -> int | None:
    """Run a night for `nightly`: the exit code of `run`, or None where it was not run."""
    try:
        _run(finance, night, as_json=False)
    except typer.Exit as problem:
        return problem.exit_code
    except Exception as problem:  # noqa: BLE001 - whatever it was, the night is still to be run
        complain(f"{night} was not run: {problem}")
        return None
    return 0


async def _newest(finance: Finance) -> date | None:
    from reconciliation.results.runs import latest_run  # noqa: PLC0415 - needs the extra

    connection = await finance.connect("audit")
    try:
        run = await latest_run(connection)
    finally:
        await connection.close()
    return None if run is None else run.night


def _night_context(finance: Finance, bar: Progress) -> "NightContext":
    from reconciliation.nightly.night_run import NightContext, NightStep  # noqa: PLC0415 - needs the extra

    steps, tasks = list(NightStep), {}

    def watch(night: date, step: "NightStep") -> None:
        if night not in tasks:
            tasks[night] = bar.add_task(str(night), total=len(steps) - 1)
        bar.update(tasks[night], description=f"{night} {step}", completed=steps.index(step))

    async def report(connection: Connection, done: "RunRecord", rules: "NightRules") -> Sequence[Path]:
        return await _write_reports(finance, connection, done, rules)

    return NightContext(watch, report)


async def _write_reports(
    finance: Finance, connection: Connection, done: "RunRecord", rules: "NightRules"
) -> Sequence[Path]:
    """Write the reports of a run, and every partner's statement of the date: all of them or none."""
    from reconciliation.reports.night_files import write_night_reports  # noqa: PLC0415
    from reconciliation.results.night_folders import NightFolders  # noqa: PLC0415 - needs the extra

    reports = NightFolders.of(finance.home_folder).reports
    out, unfinished = reports / f"{done.night}-{done.number}", reports / f".{done.night}-{done.number}"
    if not out.exists():
        shutil.rmtree(unfinished, ignore_errors=True)
        await write_night_reports(finance.home_folder, connection, done, rules, unfinished)
        try:
            await finance.write_partner_statements(done.night, unfinished / "partners")
        except SwitchError as problem:
            raise ReportError(f"statements of partners were not left: {problem}") from problem
        unfinished.rename(out)
    return sorted(out.iterdir())


def _report_outcomes(outcomes: "Sequence[NightOutcome]", night: date) -> None:
    last = outcomes[-1]
    if last.run.night > night:
        complain(f"later nights were run than {night}: the newest is {last.run.night}")
    if not last.is_new:
        complain(f"nothing is new: run {last.run.seq} of {last.run.night} stands")
    for outcome in outcomes:
        for answer in outcome.chargebacks:
            complain(chargeback_wording(answer))
        if outcome.dispute_failure:
            reason = outcome.dispute_failure
            complain(f"{outcome.run.night} is committed, but run it again to open disputes: {reason}")
        if outcome.report_failure:
            reason = outcome.report_failure
            complain(f"{outcome.run.night} is committed, but not every report could be left: {reason}")
        if outcome.mirror_failure:
            reason = outcome.mirror_failure
            complain(f"{outcome.run.night} is committed, but a check of it will take longer: {reason}")


def _show(night_status: "NightStatus", *, as_json: bool, complaints: Sequence[str] = ()) -> None:
    if as_json:
        show_json(_json_of(night_status))
    else:
        _show_tables(night_status)
    for words in night_status.red:
        complain(words)
    if night_status.red or complaints:
        raise typer.Exit(RED)


def _json_of(night_status: "NightStatus") -> dict[str, object]:
    done = night_status.run
    return {
        "night": done.night,
        "number": done.number,
        "run": done.seq,
        "finished_at": done.finished_at,
        "deadline": night_status.deadline,
        "holds": done.holds,
        "invariants": dict(night_status.invariants),
        "digests": {
            "identity": done.identity_digest,
            "findings": done.findings_digest,
            "outcome": done.outcome_digest,
            "rows": done.rows_digest,
        },
        "files": [asdict(line) for line in night_status.files],
        "rows": [{**asdict(line), "rate": line.rate} for line in night_status.rows],
        "breaks": [_json_of_code(line) for line in night_status.codes],
        "unwatched": dict(night_status.unwatched),
        "waiting": list(night_status.waiting),
        "strangers": list(night_status.strangers),
        "red": list(night_status.red),
        "figures": dict(done.figures),
    }


def _json_of_code(line: "CodeCounts") -> dict[str, object]:
    return {"code": line.code, "found": line.found_count, "open": line.open, "exposure": line.exposure}


def _show_tables(night_status: "NightStatus") -> None:
    done = night_status.run
    files = [
        (line.institution, str(line.expected), str(line.in_time), str(line.late), str(len(line.missing)),
         " ".join((*line.missing[:2], *line.refused[:1])))
        for line in night_status.files
    ]  # fmt: skip
    headings = ("institution", ">expected", ">in time", ">late", ">missing", "which")
    show_table(f"Files of {done.night}, due by {dhaka(night_status.deadline)}", headings, files)
    rows = [(line.institution, str(line.matched), str(line.decided), line.rate) for line in night_status.rows]
    show_table("Rows", ("institution", ">matched", ">decided", ">rate"), rows)
    codes = [
        (line.code, str(line.found_count), str(line.open), taka(line.exposure)) for line in night_status.codes
    ]
    figures = done.figures
    total = ("all", str(figures["found"]), str(figures["open"]), taka(figures["exposure"]))
    show_table("Breaks", ("code", ">found", ">open", ">exposure"), [*codes, total])
    show_table("Invariants", ("invariant", "outcome"), list(night_status.invariants.items()))
    if night_status.waiting:
        typer.echo(f"waiting in the inbox: {', '.join(night_status.waiting)}")
    holds = "hold" if done.holds else "do not hold"
    typer.echo(f"run {done.seq}, night {done.night} number {done.number}, invariants {holds}")
    typer.echo(f"identity {done.identity_digest}, outcome {done.outcome_digest}")
    typer.echo(f"breaks {done.findings_digest}")
