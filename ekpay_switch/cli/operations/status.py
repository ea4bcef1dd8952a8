"""`ekpay status`: what runs, since when, what is open, what waits for a person, in twenty lines."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka, screen, show_json
from ekpay_switch.persistence.status_lines import read_status_lines
from ekpay_switch.plugins import load_status_readers
from ekpay_switch.ports.status import StatusLine
from ekpay_switch.security.masking import printable
from ekpay_switch.settings import Settings

_PATIENCE_SECONDS = 10.0
MARK = "! "
_NEXT = StatusLine("Next", "ekpay alarms list, ekpay payments list --open, ekpay reconcile status")


def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Print what runs, what is open, what waits for a person, and the last night; changes nothing."""
    session = open_session()
    lines = [*_processes(session.settings), *asyncio.run(_read_lines(session))]
    if as_json:
        show_json([asdict(line) for line in lines])
        return
    kind = "a rehearsal" if _is_rehearsal(session.settings) else "real money"
    title = f"{dhaka(datetime.now(UTC))} in Dhaka, {kind}"
    screen().print(Text(title, style="bold"), soft_wrap=True)
    width = max(len(line.label) for line in lines) + 2
    for line in (*lines, _NEXT):
        mark = "  " if line.is_well else MARK
        style = "" if line.is_well else "bold red"
        screen().print(Text(f"{mark}{line.label:{width}}{printable(line.text)}", style=style), soft_wrap=True)


async def _read_lines(session: Session) -> Sequence[StatusLine]:
    connection = await session.database.connect("audit")
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            lines = [*await read_status_lines(connection)]
            for read in load_status_readers():
                lines += await read(connection)
    finally:
        await connection.close()
    return lines


def _processes(settings: Settings) -> list[StatusLine]:
    """The processes that answer operators on this machine's settings."""
    host = settings.operations_host
    return [
        _process("Switch", host, settings.operations_port, f"payments on port {settings.port}"),
        _process("Worker process", host, settings.worker_operations_port, "doubts, notices and chores"),
    ]


def _is_rehearsal(settings: Settings) -> bool:
    """Whether what runs here is a rehearsal; where nothing answers, what this command's environment says."""
    for port in (settings.operations_port, settings.worker_operations_port):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
            return _ask(settings.operations_host, port, "/health/detail")["is_rehearsal"] == str(True)
    return settings.rehearsal


def _process(label: str, host: str, port: int, job: str) -> StatusLine:
    try:
        answer, ready = _ask(host, port, "/health/detail"), _ask(host, port, "/health/ready")
        since = dhaka(datetime.fromisoformat(answer["started_at"]))
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return StatusLine(label, f"does not answer on {host}:{port}", is_well=False)
    well = ready["status"] == "ready"
    return StatusLine(label, f"{ready['status']} since {since}: {job}", is_well=well)


def _ask(host: str, port: int, path: str) -> dict[str, str]:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return {str(name): str(value) for name, value in answer.items()}
