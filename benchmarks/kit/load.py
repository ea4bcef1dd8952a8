"""The load: wrk, which is no Python and costs little, sending prepared bodies for a fixed time."""

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
from benchmarks.kit.prepared_requests import Prepared
from benchmarks.kit.stage import Stage

_SCRIPT = Path(__file__).with_name("prepared.lua")
_MARK = "RESULT "
_ANSWER_SECONDS = 30


class LoadError(BenchError):
    """wrk is missing, ended badly, or ran out of prepared bodies."""


@dataclass(frozen=True, slots=True)
class Load:
    """How wrk is run: its threads, and the connections they share out.

    Where there are `urls`, each has a wrk of its own, with its share of the connections and of the partners:
    neighbours by number, so that every process has partners of odd and of even lanes. The same address may
    stand there twice.
    """

    threads: int
    connections: int
    urls: tuple[str, ...] = ()


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
        raise LoadError("wrk is missing; on Debian and Ubuntu: apt-get install wrk")
    return found


async def send(stage: Stage, path: str, prepared: Sequence[Prepared], seconds: int, load: Load) -> LoadResult:
    """Send as many of the bodies as fit into `seconds`, each at most once.

    Raises:
        LoadError: wrk failed, or there were too few bodies, which would make the rate a lie.
    """
    if load.urls:
        return await _send_apart(stage, path, prepared, seconds, load)
    with TemporaryDirectory(prefix="ekpay-wrk-") as name:
        folder = Path(name)
        shares = [prepared[thread :: load.threads] for thread in range(load.threads)]
        _write(folder, shares, [partner.token for partner in stage.partners])
        told = await run_wrk(_SCRIPT, stage.switch_url + path, folder, seconds, load)
    return _result(told, shares)


async def _send_apart(
    stage: Stage, path: str, prepared: Sequence[Prepared], seconds: int, load: Load
) -> LoadResult:
    shares = apart(prepared, len(stage.partners), len(load.urls))
    each = Load(load.threads, load.connections // len(load.urls))
    sending = (
        send(replace(stage, switch_url=url), path, share, seconds, each)
        for url, share in zip(load.urls, shares, strict=True)
    )
    return together(await asyncio.gather(*sending))


def apart(prepared: Sequence[Prepared], partners: int, places: int) -> list[list[Prepared]]:
    """The bodies by place, each partner's all at one; a single partner's go to all places in turn."""
    if partners == 1:
        return [list(prepared[place::places]) for place in range(places)]
    shares: list[list[Prepared]] = [[] for _ in range(places)]
    for one in prepared:
        shares[(one.token - 1) * places // partners].append(one)
    return shares


def together(results: Sequence[LoadResult]) -> LoadResult:
    """What several wrk saw at the same time, as if it were one; of each percentile the worst."""
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
        left=_in_turn([result.left for result in results]),
    )


def _in_turn(shares: Sequence[Sequence[Prepared]]) -> tuple[Prepared, ...]:
    rows = zip_longest(*shares)
    return tuple(one for row in rows for one in row if one is not None)


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
        raise LoadError(f"wrk ended without a result: {output.strip()[-500:]}")
    told: dict[str, Any] = json.loads(line.removeprefix(_MARK))
    return told


def _write(folder: Path, shares: Sequence[Sequence[Prepared]], tokens: Sequence[str]) -> None:
    (folder / "tokens").write_text("".join(f"{token}\n" for token in tokens))
    for thread, share in enumerate(shares):
        (folder / f"bodies.{thread}").write_text("".join(f"{one.token} {one.body}\n" for one in share))


def _result(told: dict[str, Any], shares: Sequence[Sequence[Prepared]]) -> LoadResult:
    sent_by: list[int] = told["sent_by"]
    if any(sent > len(share) for sent, share in zip(sent_by, shares, strict=True)):
        raise LoadError(f"wrk ran out of prepared bodies ({sum(map(len, shares))}): prepare more")
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
