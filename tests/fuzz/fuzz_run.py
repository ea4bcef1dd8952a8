"""A run over many spoiled files in several processes, and what came of it."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz.kept_seeds import KEPT
from tests.fuzz.targets import Judge, Verdict, targets

# Seeds of one target that one process takes at a time.
_CHUNK: Final = 25


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that broke its reader, or that was read and must not be."""

    target: str
    seed: int
    fault: str

    def __str__(self) -> str:
        again = f"python -m tests.fuzz --case {self.target!r} {self.seed}"
        return f"{self.target} {self.seed}: {self.fault}; again: {again}"


@dataclass(slots=True)
class Tally:
    """What came of files; megabytes and seconds are the most that one process or file took."""

    read: int = 0
    refused: int = 0
    reader_megabytes: int = 0
    own_megabytes: int = 0
    slowest: tuple[float, str] = (0.0, "")
    failures: list[Failure] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files were given to a reader."""
        return self.read + self.refused

    def add(self, other: "Tally") -> None:
        """Count what came of other files along."""
        self.read += other.read
        self.refused += other.refused
        self.reader_megabytes = max(self.reader_megabytes, other.reader_megabytes)
        self.own_megabytes = max(self.own_megabytes, other.own_megabytes)
        self.slowest = max(self.slowest, other.slowest)
        self.failures += other.failures


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some seeds of one target."""

    target: str
    seeds: Sequence[int]


def chunks(files: int, first_seed: int = 0) -> Iterator[Chunk]:
    """So many files, spread evenly over all targets, and every seed that was kept."""
    names = list(targets())
    for name in names:
        if KEPT.get(name):
            yield Chunk(name, KEPT[name])
    per_target, more = divmod(files, len(names))
    for begin in range(0, per_target + 1, _CHUNK):
        for place, name in enumerate(names):
            count = per_target + (place < more)
            if begin < count:
                seeds = range(first_seed + begin, first_seed + min(count, begin + _CHUNK))
                yield Chunk(name, seeds)


def fuzz(judge: Judge, chunk: Chunk) -> Tally:
    """Give the spoiled files of a chunk to their reader."""
    tally, target = Tally(), targets()[chunk.target]
    for seed in chunk.seeds:
        content = target.mutation(seed)
        try:
            verdict = judge.judge(target, content)
        except Exception as problem:  # noqa: BLE001 - what no property foresaw is a fault too, and goes on
            verdict = Verdict(is_read=True, faults=(f"no property can be told: {problem!r}"[:300],))
        tally.read += verdict.is_read
        tally.refused += not verdict.is_read
        tally.failures += [Failure(chunk.target, seed, fault) for fault in verdict.faults]
    tally.reader_megabytes, tally.own_megabytes = judge.reader_megabytes, judge.own_megabytes
    tally.slowest = judge.slowest
    return tally


_judges: dict[str, Judge] = {}


def _in_a_process(chunk: Chunk, scratch: str) -> Tally:
    """A chunk in a process of a run, which keeps its reader for the next one."""
    judge = _judges.get(scratch)
    if judge is None:
        folder = Path(scratch) / f"{os.getpid()}"
        folder.mkdir()
        judge = _judges[scratch] = Judge(folder)
    return fuzz(judge, chunk)


def run(files: int, processes: int, first_seed: int = 0) -> Iterator[Tally]:
    """Give so many files to their readers; after each chunk, what came of all until then."""
    tally = Tally()
    context = multiprocessing.get_context("spawn")
    waiting = chunks(files, first_seed)
    with (
        tempfile.TemporaryDirectory(prefix="ekpay-fuzz-") as scratch,
        ProcessPoolExecutor(processes, mp_context=context) as pool,
    ):
        running: dict[Future[Tally], Chunk] = {}
        while True:
            while len(running) < 2 * processes and (chunk := next(waiting, None)) is not None:
                running[pool.submit(_in_a_process, chunk, scratch)] = chunk
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                tally.add(_result(future, running.pop(future)))
            yield tally
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                return


def _result(future: Future[Tally], chunk: Chunk) -> Tally:
    try:
        return future.result()
    except BrokenProcessPool as problem:
        fault = f"one of the seeds {chunk.seeds} ended the process: {problem}"
        return Tally(failures=[Failure(chunk.target, chunk.seeds[0], fault)])


def report(tally: Tally, seconds: float) -> list[str]:
    """The lines that say what came of a run."""
    read = f"{tally.read} read, {tally.refused} refused, {len(tally.failures)} failures"
    memory = f"{tally.reader_megabytes} MB in the reader's process, {tally.own_megabytes} MB more in ours"
    slowest = f"the slowest file, of {tally.slowest[1]}, took {tally.slowest[0]:.1f} s"
    lines = [f"{tally.files} spoiled files of {len(targets())} kinds: {read}"]
    lines.append(f"memory at most {memory}; {slowest}")
    lines.append(f"{seconds:.0f} s, {tally.files / max(seconds, 0.001):.0f} files a second")
    return lines
