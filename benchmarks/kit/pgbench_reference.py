"""The reference: pgbench writing the same rows, one payment at a time in two transactions.

It has no HTTP, no envelope and no biller: it shows the rate of this PostgreSQL when payments are written one
at a time. The rows are complete with their hashes: `ekpay audit` proves them together with the switch's own.
"""

import asyncio
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.kit.errors import BenchError
from benchmarks.kit.stage import Stage

CLIENTS = (1, 4, 8, 16, 32)
_SCRIPTS = ("claim.sql", "outcome.sql")
_ROLE = "ekpay_app"
_THREADS_MAX = 2
_COUNT = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_RATE = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")
_LATENCY = re.compile(r"latency average = ([\d.]+) ms")


class PgbenchError(BenchError):
    """pgbench is missing or ended badly."""


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """The result of one turn of pgbench; a payment is two of its transactions."""

    clients: int
    payments: int
    rate: float
    mean_ms: float


async def run_pgbench(
    stage: Stage, turn: int, clients: int, seconds: int, *, has_scroll: bool
) -> ReferenceResult:
    """Run `clients` clients in prepared mode for `seconds`, as the switch's own database role.

    Without a scroll number payments do not wait for a shared counter.

    Raises:
        PgbenchError: pgbench failed, or a payment did.
    """
    psql, environment = stage.postgres.psql_command(_ROLE)
    with TemporaryDirectory(prefix="ekpay-pgbench-") as folder:
        script = Path(folder) / "payment.sql"
        script.write_text("".join(Path(__file__).with_name(name).read_text() for name in _SCRIPTS))
        command = [
            _pgbench_path(psql[0]),
            *psql[1:-2],
            "-n",
            "-M",
            "prepared",
            "-f",
            str(script),
            "-T",
            str(seconds),
        ]
        command += [
            "-c",
            str(clients),
            "-j",
            str(min(clients, _THREADS_MAX)),
            "-D",
            "n=0",
            "-D",
            f"has_scroll={int(has_scroll)}",
        ]
        command += ["-D", f"turn={turn}", "-D", f"partners={len(stage.partners)}", psql[-1]]
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output = (await process.communicate())[0].decode()
    if process.returncode != 0 or _reported_number(_FAILED, output) != 0:
        raise PgbenchError(f"pgbench failed: {output.strip()[-800:]}")
    payments = int(_reported_number(_COUNT, output))
    return ReferenceResult(
        clients, payments, _reported_number(_RATE, output), _reported_number(_LATENCY, output)
    )


def _pgbench_path(psql: str) -> str:
    """The pgbench that comes with the server, of the same version; else whichever is installed.

    Raises:
        PgbenchError: there is none.
    """
    sibling = Path(psql).with_name("pgbench")
    path = str(sibling) if sibling.is_file() else shutil.which("pgbench")
    if path is None:
        raise PgbenchError("pgbench is missing; on Debian and Ubuntu: apt-get install postgresql-contrib")
    return path


def _reported_number(pattern: re.Pattern[str], output: str) -> float:
    match = pattern.search(output)
    if match is None:
        raise PgbenchError(f"pgbench did not say {pattern.pattern}: {output.strip()[-800:]}")
    return float(match[1])
