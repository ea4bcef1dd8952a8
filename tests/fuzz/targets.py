"""Every kind of file that some reader of ours takes, by name: how it is spoiled, and how it is judged."""

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.file_limits import FileLimits
from reconciliation.statement.isolated_reader import IsolatedReader
from tests.fuzz.mutations.byte_mutations import change_encoding, spoil_bytes
from tests.fuzz.mutations.cell_texts import STEPS
from tests.fuzz.mutations.delimited_mutations import spoil_cells
from tests.fuzz.mutations.frame_mutations import spoil_messages
from tests.fuzz.mutations.line_mutations import spoil_lines
from tests.fuzz.mutations.tree_mutations import spoil_tree
from tests.fuzz.mutations.workbook_mutations import spoil_workbook
from tests.fuzz.operator_files import OperatorFile, operator_files
from tests.fuzz.properties import reading_faults, refusal_faults
from tests.fuzz.statement_samples import FILE_DATE, StatementSample, statement_samples
from tests.reconciliation.statement import hostile_files as hostile

# A spoiled file is small; one that takes so long is a defect, whatever the machine does beside it.
PROCESSOR_SECONDS: Final = 10
LIMITS: Final = FileLimits(processor_seconds=PROCESSOR_SECONDS)
MEGABYTES_MAX: Final = 600
_ENCODINGS: Final = {"utf-16-le-bom": "utf-16", "utf-8-sig": "utf-8-sig"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a file: read or refused, and every property that does not hold."""

    is_read: bool
    faults: tuple[str, ...] = ()


class Judge:
    """Gives files to their readers; those of statements are read in the process of the product's reader."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "file"
        self._reader = IsolatedReader(LIMITS, folder)
        self.reader_megabytes = 0
        self.slowest = (0.0, "")
        # What this process did before, such as other tests, is not the reading of files.
        self._megabytes_before = _peak_megabytes()

    def close(self) -> None:
        """End the reader's process."""
        self._reader.close()

    @property
    def own_megabytes(self) -> int:
        """By how much the most memory of this process has grown, in which the files of operators are read."""
        return _peak_megabytes() - self._megabytes_before

    def judge(self, target: "Target", content: bytes) -> Verdict:
        """Read a file, and measure how long it takes by the clock and in how much memory."""
        begun = time.monotonic()
        verdict = (
            self._of_statement(target.sample, content)
            if isinstance(target.sample, StatementSample)
            else _of_operator_file(target.sample, content)
        )
        self.slowest = max(self.slowest, (time.monotonic() - begun, target.name))
        too_large = [
            f"{megabytes} MB in process {name}"
            for name, megabytes in (("of the reader", self.reader_megabytes), ("of ours", self.own_megabytes))
            if megabytes >= MEGABYTES_MAX
        ]
        return Verdict(verdict.is_read, (*verdict.faults, *too_large))

    def _of_statement(self, sample: StatementSample, content: bytes) -> Verdict:
        self._path.write_bytes(content)
        try:
            reading = self._reader.read(self._path, sample.layout, "fuzz_x", FILE_DATE)
        except UnreadableFileError as problem:
            # What the process did not refuse itself has a cause: it broke, or took too long.
            broken = [repr(problem.__cause__)] if problem.__cause__ is not None else []
            return Verdict(is_read=False, faults=(*broken, *refusal_faults(problem)))
        finally:
            self._measure()
        return Verdict(is_read=True, faults=tuple(reading_faults(reading, sample.layout, FILE_DATE, content)))

    def _measure(self) -> None:
        for process in hostile.reading_processes():
            self.reader_megabytes = max(self.reader_megabytes, hostile.peak_megabytes(process))


def _peak_megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _of_operator_file(file: OperatorFile[Any], content: bytes) -> Verdict:
    before = time.process_time()
    try:
        read = file.read(content)
    except (MemoryError, RecursionError, Exception) as problem:  # noqa: BLE001 - all that is no refusal is a defect
        return Verdict(is_read=False, faults=(repr(problem)[:300],))
    faults = [] if read is None else list(file.faults(read, content))
    if time.process_time() - before > PROCESSOR_SECONDS:
        faults.append(f"more than {PROCESSOR_SECONDS} s of the processor")
    return Verdict(read is not None, tuple(faults))


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of file."""

    name: str
    sample: StatementSample | OperatorFile[Any]

    def mutation(self, seed: int) -> bytes:
        """A valid file spoiled at random, the same for a seed; three times in four as its format is built."""
        random = Random(f"{self.name} {seed}")  # noqa: S311 - to be the same again
        if random.randrange(4):
            return random.choice(self._builders)(random, self.sample.content)
        content = self.sample.content
        for _ in range(random.choice(STEPS)):
            content = spoil_bytes(random, content)
        return change_encoding(random, content) if random.randrange(20) == 0 else content

    @property
    def _builders(self) -> Sequence[Callable[[Random, bytes], bytes]]:
        """The mutations that know how such a file is built."""
        if isinstance(self.sample, OperatorFile):
            return [self.sample.spoil, *([] if self.sample.spoil is spoil_tree else [spoil_lines])]
        return list(_statement_mutations(self.sample))


def _statement_mutations(sample: StatementSample) -> Iterator[Callable[[Random, bytes], bytes]]:
    layout = sample.layout
    match layout.container:
        case "text":
            encoding = _ENCODINGS.get(layout.text.encoding if layout.text else "", "utf-8")
            delimiter = layout.text.delimiter if layout.text else ""
            yield lambda random, content: spoil_lines(random, content, encoding)
            if delimiter:
                yield lambda random, content: spoil_cells(random, content, delimiter, encoding)
        case "workbook":
            yield spoil_workbook
        case "iso8583":
            messages, spec = sample.messages, layout.messages
            frame, code = (spec.frame, spec.encoding) if spec else ("vbs", "ascii")
            yield lambda random, _content: spoil_messages(random, messages, frame, code)
        case "ach" | "mt940" | "mt942":
            yield spoil_lines
        case _:
            yield spoil_tree


@cache
def targets() -> Mapping[str, Target]:
    """Every target by its name."""
    samples: dict[str, StatementSample | OperatorFile[Any]] = {**statement_samples(), **operator_files()}
    return {name: Target(name, sample) for name, sample in samples.items()}
