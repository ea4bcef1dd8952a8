"""The load: wrk, which needs little processor time, sends prepared bodies for a fixed time."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.kit.errors import BenchError
from benchmarks.kit.prepared_requests import PreparedRequest
from benchmarks.kit.stage import Stage

_SCRIPT = Path(__file__).with_name("prepared.lua")
_MARK = "RESULT "
_ANSWER_SECONDS = 30


class LoadError(BenchError):
    """wrk is missing, ended badly, or ran out of prepared bodies."""


@dataclass(frozen=True, slots=True)
class Load:
    """How wrk is run: its threads, and the connections they share out.

    With `urls`, each address gets a wrk of its own with its share of the connections and of the partners:
    neighbours by number, so that every process has partners of odd and of even lanes. An address may occur
    twice.
    """

    threads: int
    connections: int
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of one turn of wrk; `unsent` are the bodies that it did not send."""

    seconds: float
    sent: int
    answered: int
    not_2xx: int
    broken: int
    percentiles_ms: dict[str, float]
    unsent: tuple[PreparedRequest, ...]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def wrk_path() -> str:
    """The path of wrk.

    Raises:
        LoadError: it is not installed.
    """
    path = shutil.which("wrk")
    if path is None:
        raise LoadError("wrk is missing; on Debian and Ubuntu: apt-get install wrk")
    return path


async def send(
    stage: Stage, path: str, prepared: Sequence[PreparedRequest], seconds: int, load: Load
) -> LoadResult:
    """Send as many of the bodies as fit into `seconds`, each at most once.

    Raises:
        LoadError: wrk failed, or too few bodies were prepared for a valid rate.
    """
    if load.urls:
        return await _send_to_each_url(stage, path, prepared, seconds, load)
    with TemporaryDirectory(prefix="ekpay-wrk-") as name:
        folder = Path(name)
        shares = [prepared[thread :: load.threads] for thread in range(load.threads)]
        _write_requests(folder, shares, [partner.token for partner in stage.partners])
        report = await run_wrk(_SCRIPT, stage.switch_url + path, folder, seconds, load)
    return _load_result(report, shares)


async def _send_to_each_url(
    stage: Stage, path: str, prepared: Sequence[PreparedRequest], seconds: int, load: Load
) -> LoadResult:
    shares = split_by_process(prepared, len(stage.partners), len(load.urls))
    load_each = Load(load.threads, load.connections // len(load.urls))
    sending = (
        send(replace(stage, switch_url=url), path, share, seconds, load_each)
        for url, share in zip(load.urls, shares, strict=True)
    )
    return combined_result(await asyncio.gather(*sending))


def split_by_process(
    prepared: Sequence[PreparedRequest], partners: int, processes: int
) -> list[list[PreparedRequest]]:
    """The bodies by process: a partner's all at one process, those of a single partner at all in turn."""
    if partners == 1:
        return [list(prepared[process::processes]) for process in range(processes)]
    shares: list[list[PreparedRequest]] = [[] for _ in range(processes)]
    for request in prepared:
        shares[(request.token - 1) * processes // partners].append(request)
    return shares


def combined_result(results: Sequence[LoadResult]) -> LoadResult:
    """The results of several wrk at the same time as one; of each percentile the worst."""
    first = results[0]
    return LoadResult(
        seconds=max(result.seconds for result in results),
        sent=sum(result.sent for result in results),
        answered=sum(result.answered for result in results),
        not_2xx=sum(result.not_2xx for result in results),
        broken=sum(result.broken for result in results),
        percentiles_ms={
            name: max(result.percentiles_ms[name] for result in results) for name in first.percentiles_ms
        },
        unsent=_interleave([result.unsent for result in results]),
    )


def _interleave(shares: Sequence[Sequence[PreparedRequest]]) -> tuple[PreparedRequest, ...]:
    rows = zip_longest(*shares)
    return tuple(request for row in rows for request in row if request is not None)


async def run_wrk(script: Path, url: str, folder: Path, seconds: int, load: Load) -> dict[str, Any]:
    """Run wrk with one of our scripts, which reads `folder`; return the script's report.

    Raises:
        LoadError: wrk is missing or ended without a result.
    """
    command = [wrk_path(), "-t", str(load.threads), "-c", str(load.connections), "-d", f"{seconds}s"]
    command += ["--timeout", f"{_ANSWER_SECONDS}s", "-s", str(script), url, "--", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), "")
    if not line:
        raise LoadError(f"wrk ended without a result: {output.strip()[-500:]}")
    report: dict[str, Any] = json.loads(line.removeprefix(_MARK))
    return report


def _write_requests(folder: Path, shares: Sequence[Sequence[PreparedRequest]], tokens: Sequence[str]) -> None:
    (folder / "tokens").write_text("".join(f"{token}\n" for token in tokens))
    for thread, share in enumerate(shares):
        (folder / f"bodies.{thread}").write_text(
            "".join(f"{request.token} {request.body}\n" for request in share)
        )


def _load_result(report: dict[str, Any], shares: Sequence[Sequence[PreparedRequest]]) -> LoadResult:
    sent_by: list[int] = report["sent_by"]
    if any(sent > len(share) for sent, share in zip(sent_by, shares, strict=True)):
        raise LoadError(f"wrk ran out of prepared bodies ({sum(map(len, shares))}): prepare more")
    unsent = [request for sent, share in zip(sent_by, shares, strict=True) for request in share[sent:]]
    return LoadResult(
        seconds=report["seconds"],
        sent=sum(sent_by),
        answered=report["answered"],
        not_2xx=report["not_2xx"],
        broken=report["broken"],
        percentiles_ms={name: report[f"{name}_ms"] for name in ("p50", "p95", "p99")},
        unsent=tuple(unsent),
    )
