"""A process that reads files of far sides, and nothing else: whatever a file does to it, it does to it alone.

It is started by `isolated_reader`, with the limits as its one argument. On its input stands one request a
line, and on its output one answer a line, both JSON; rows go into a file of Arrow IPC that the request names,
so nothing of a far side's is ever taken as a program. It has no connection and no secret.
"""

import json
import os
import resource
import sys
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.file_limits import FileLimits
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import read_file

ANSWER_BYTES_MAX: Final = 1 << 20
_LAYOUTS_MAX: Final = 256
_KILOBYTE: Final = 1 << 10
# After a file that took this part of the memory, another process begins with the next one.
_USED_UP: Final = 4


def main(limits_text: str) -> None:
    """Read files until the input ends, each within the limits."""
    limits = FileLimits.model_validate_json(limits_text)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # What a library prints is no answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _warm_up()
    before = _data_bytes()
    _limit(resource.RLIMIT_DATA, before + limits.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    answers.write(b"ready\n")
    for line in sys.stdin.buffer:
        answer = _answer(line, limits)
        is_used_up = _data_bytes() - before > limits.memory_bytes // _USED_UP
        _write(answers, answer | {"is_used_up": is_used_up})


def _answer(line: bytes, limits: FileLimits) -> dict[str, object]:
    request = json.loads(line)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + limits.processor_seconds)
    try:
        content = Path(request["path"]).read_bytes()
        reading = read_file(
            content,
            _layout(request["layout"]),
            request["name"],
            date.fromisoformat(request["date"]),
            limits=limits,
        )
        reading.rows.write_ipc(request["rows"], compression="uncompressed")
    except UnreadableFileError as problem:
        refusal = {
            "code": problem.code,
            "reason": problem.reason,
            "line": problem.line,
            "column": problem.column,
            "unit": problem.unit,
        }
        return {"refusal": refusal}
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as problem:  # noqa: BLE001 - a panic of a library is no Exception either
        return {"failure": type(problem).__name__}
    return {
        "header": reading.header,
        "settled": reading.settled,
        "opening": reading.opening,
        "closing": reading.closing,
        "controls": dict(reading.controls),
    }


def _write(answers: BinaryIO, answer: dict[str, object]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    if len(line) > ANSWER_BYTES_MAX:
        line = json.dumps({"failure": "header", "is_used_up": True}).encode() + b"\n"
    while line:
        line = line[answers.write(line) or 0 :]


@lru_cache(_LAYOUTS_MAX)
def _layout(text: str) -> Layout:
    # Strict as to members; but JSON has no tuples.
    return Layout.model_validate_json(text)


def _limit(kind: int, most: int) -> None:
    """Lower a limit of this process, or raise it up to what whoever started it set."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _warm_up() -> None:
    """Let the engine start its threads, whose stacks are no part of what a file takes."""
    frame = pl.DataFrame({"cell": ["1", "2"]})
    frame.lazy().with_columns(pl.col("cell").cast(pl.Int64).sum().over("cell")).collect(engine="streaming")


def _data_bytes() -> int:
    """The memory that this process may write and that no file stands behind."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * _KILOBYTE
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
