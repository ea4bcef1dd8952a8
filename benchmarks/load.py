"""The load: wrk, which is no Python and costs little, sending prepared bodies for a fixed time."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.quotes import Prepared
from benchmarks.stage import Stage

_SCRIPT = Path(__file__).with_name("prepared.lua")
_MARK = "RESULT "
_ANSWER_SECONDS = 30


class LoadError(Exception):
    """wrk is missing, ended badly, or ran out of prepared bodies."""


@dataclass(frozen=True, slots=True)
class Load:
    """How wrk is run: its threads, and the connections they share out."""

    threads: int
    connections: int


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What wrk saw in one turn; `left` are the bodies that it did not get to."""

    seconds: float
    sent: int
    answered: int
    not_2xx: int
    broken: int
    percentiles_ms: dict[str, float]
    left: tuple[Prepared, ...]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def wrk() -> str:
    """The path of wrk.

    Raises:
        LoadError: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        message = "wrk is missing; on Debian and Ubuntu: apt-get install wrk"
        raise LoadError(message)
    return found


async def send(stage: Stage, path: str, prepared: Sequence[Prepared], seconds: int, load: Load) -> LoadResult:
    """Send as many of the bodies as fit into `seconds`, each at most once.

    Raises:
        LoadError: wrk failed, or there were too few bodies, which would make the rate a lie.
    """
    with TemporaryDirectory(prefix="ekpay-wrk-") as name:
        folder = Path(name)
        shares = [prepared[thread :: load.threads] for thread in range(load.threads)]
        _write(folder, shares, [partner.token for partner in stage.partners])
        told = await run_wrk(_SCRIPT, stage.switch_url + path, folder, seconds, load)
    return _result(told, shares)


async def run_wrk(script: Path, url: str, folder: Path, seconds: int, load: Load) -> dict[str, Any]:
    """Run wrk with one of our scripts, which reads `folder`; what the script told at its end.

    Raises:
        LoadError: wrk is missing or ended without a result.
    """
    command = [wrk(), "-t", str(load.threads), "-c", str(load.connections), "-d", f"{seconds}s"]
    command += ["--timeout", f"{_ANSWER_SECONDS}s", "-s", str(script), url, "--", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), "")
    if not line:
        message = f"wrk ended without a result: {output.strip()[-500:]}"
        raise LoadError(message)
    told: dict[str, Any] = json.loads(line.removeprefix(_MARK))
    return told


def _write(folder: Path, shares: Sequence[Sequence[Prepared]], tokens: Sequence[str]) -> None:
    (folder / "tokens").write_text("".join(f"{token}\n" for token in tokens))
    for thread, share in enumerate(shares):
        (folder / f"bodies.{thread}").write_text("".join(f"{one.token} {one.body}\n" for one in share))


def _result(told: dict[str, Any], shares: Sequence[Sequence[Prepared]]) -> LoadResult:
    sent_by: list[int] = told["sent_by"]
    if any(sent > len(share) for sent, share in zip(sent_by, shares, strict=True)):
        message = f"wrk ran out of prepared bodies ({sum(map(len, shares))}): prepare more"
        raise LoadError(message)
    left = [one for sent, share in zip(sent_by, shares, strict=True) for one in share[sent:]]
    return LoadResult(
        seconds=told["seconds"],
        sent=sum(sent_by),
        answered=told["answered"],
        not_2xx=told["not_2xx"],
        broken=told["broken"],
        percentiles_ms={name: told[f"{name}_ms"] for name in ("p50", "p95", "p99")},
        left=tuple(left),
    )
