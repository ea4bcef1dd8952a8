"""A file can break the process that reads it, and nothing else."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest

from reconciliation.canonical_row import complete
from reconciliation.errors import ControlTotalError, NightError, UnreadableFileError
from reconciliation.statement import isolated_reader
from reconciliation.statement.formats.file_limits import USUAL_LIMITS, FileLimits
from reconciliation.statement.isolated_reader import IsolatedReader
from reconciliation.statement.layout import read_layouts
from reconciliation.statement.reader import ReaderInHere, Reading
from tests.reconciliation.institution_files import Credit, Head, Movement, at, breb, npsb, stmt_sonali
from tests.reconciliation.statement import hostile_files as hostile

LAYOUTS = read_layouts(Path(__file__).parents[3] / "config" / "statements")
SUN = date(2026, 4, 5)
ROW = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000, 1_150, theirs="F1")
WHOLE = {
    "npsb": npsb([ROW], Head(SUN)),
    "breb_postpaid": breb([ROW], Head(SUN)),
    "nagad": hostile.nagad_workbook(hostile.nagad_row()),
    "stmt_sonali": stmt_sonali([Credit(98_850, "B1")], Head(SUN)),
}


@pytest.fixture
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader(USUAL_LIMITS) as usual:
        yield usual


def limited(**limits: int) -> IsolatedReader:
    return IsolatedReader(FileLimits(**limits))


def laid(folder: Path, content: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


def read(reader: IsolatedReader | ReaderInHere, path: Path, institution: str) -> Reading:
    return reader.read(path, LAYOUTS[institution], f"{institution}_x", SUN)


@pytest.mark.parametrize("institution", WHOLE)
def test_a_file_is_read_as_in_this_process(reader: IsolatedReader, institution: str, tmp_path: Path) -> None:
    path = laid(tmp_path, WHOLE[institution])
    there, here = read(reader, path, institution), read(ReaderInHere(), path, institution)
    assert there.rows.equals(here.rows)
    assert (there.header, there.settled, there.opening, there.closing, there.controls) == (
        here.header,
        here.settled,
        here.opening,
        here.closing,
        dict(here.controls),
    )


def test_a_refusal_keeps_its_kind_and_place(reader: IsolatedReader, tmp_path: Path) -> None:
    with pytest.raises(ControlTotalError, match="the last line has no end"):
        read(reader, laid(tmp_path, WHOLE["breb_postpaid"][:-1]), "breb_postpaid")
    spoiled = hostile.nagad_workbook(hostile.nagad_row(amount=1e27))
    with pytest.raises(UnreadableFileError, match="line 2, column amount: ") as raised:
        read(reader, laid(tmp_path, spoiled), "nagad")
    assert (raised.value.line, raised.value.column) == (2, "amount")


def test_one_process_reads_one_file_after_another(tmp_path: Path) -> None:
    with limited() as reader:
        processes: set[int] = set()
        for institution in (*WHOLE, *WHOLE):
            read(reader, laid(tmp_path, WHOLE[institution]), institution)
            processes |= set(hostile.reading_processes())
    assert len(processes) == 1
    assert not hostile.reading_processes()


def test_a_process_may_start_before_its_first_file(
    reader: IsolatedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Mock(wraps=subprocess.Popen)
    monkeypatch.setattr("reconciliation.statement.isolated_reader.subprocess.Popen", start)
    reader.start()
    reader.start()
    assert start.call_count == 1
    read(reader, laid(tmp_path, WHOLE["breb_postpaid"]), "breb_postpaid")
    assert start.call_count == 1


def test_a_process_that_never_reads_is_no_fault_of_a_file(
    reader: IsolatedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated_reader, "_MODULE", "reconciliation.no_such_module")
    with pytest.raises(NightError, match=r"no process to read files in: .*no_such_module"):
        read(reader, laid(tmp_path, WHOLE["breb_postpaid"]), "breb_postpaid")


def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    large = hostile.with_large_texts(WHOLE["nagad"])
    with limited(memory_megabytes=64, unpacked_ratio=5_000) as reader:
        with pytest.raises(UnreadableFileError, match="it is damaged, or takes more than 64 MB to read"):
            read(reader, laid(tmp_path, large), "nagad")
        assert read(reader, laid(tmp_path, WHOLE["nagad"]), "nagad").rows.height == 1


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    long = hostile.with_rows(WHOLE["nagad"], 300_000)
    words = "it takes more than 1 s of the processor, or 1200 s, to read"
    with limited(processor_seconds=1) as reader:
        with pytest.raises(UnreadableFileError, match=words):
            read(reader, laid(tmp_path, long), "nagad")
        assert read(reader, laid(tmp_path, WHOLE["nagad"]), "nagad").rows.height == 1


def test_the_cells_of_a_large_workbook_are_never_in_memory_together(tmp_path: Path) -> None:
    """Together the cells of these rows take more than the reader has here."""
    told = b'<c r="E2" t="inlineStr"><is><t>' + b"0" * 300 + b"</t></is></c>"
    sheet = hostile.sheet_of(WHOLE["nagad"])
    cell = re.search(rb'<c r="E2".*?</c>', sheet)
    assert cell is not None
    wide = hostile.with_sheet(WHOLE["nagad"], cell[0], told)
    large = hostile.with_rows(wide, 300_000)
    with limited(memory_megabytes=300, unpacked_ratio=5_000) as reader:
        assert read(reader, laid(tmp_path, large), "nagad").rows.height == 300_001


def test_a_file_that_never_ends_is_refused_by_the_clock(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with limited(clock_seconds=1) as reader:
        with pytest.raises(UnreadableFileError, match=r"it takes more than .* or 1 s, to read"):
            read(reader, tmp_path / "pipe", "nagad")
        assert not hostile.reading_processes()


def test_what_an_earlier_file_left_behind_refuses_no_other_one(tmp_path: Path) -> None:
    with limited() as reader:
        read(reader, laid(tmp_path, WHOLE["npsb"]), "npsb")
        (process,) = hostile.reading_processes()
        os.kill(process, signal.SIGKILL)
        assert read(reader, laid(tmp_path, WHOLE["npsb"]), "npsb").rows.height == 1


def test_an_error_that_nobody_thought_of_is_a_refusal(reader: IsolatedReader, tmp_path: Path) -> None:
    """Here the file is gone; it might be any mistake in a format of ours."""
    with pytest.raises(UnreadableFileError, match="it is damaged"):
        read(reader, tmp_path / "nowhere", "npsb")


def test_the_process_is_given_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EKPAY_DATABASE_URL", "secret")
    with limited() as reader:
        read(reader, laid(tmp_path, WHOLE["npsb"]), "npsb")
        (process,) = hostile.reading_processes()
        assert b"EKPAY" not in hostile.of_process(process, "environ")


# In a process of its own, whose memory nothing else has used before; the kernel forgets its peak until then.
TAKEN_OVER = """
import sys
from pathlib import Path
from reconciliation.statement import isolated_reader

def kilobytes(name):
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(name))

Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
before = kilobytes("VmRSS:")
rows = isolated_reader.read_rows(Path(sys.argv[1]))
print(rows.height, kilobytes("VmHWM:") - before)
"""


def test_rows_are_taken_over_without_a_second_copy_in_memory(tmp_path: Path) -> None:
    number = pl.DataFrame({"ordinal": range(200_000)})
    text = pl.format("{}{}", pl.lit("0" * 24), pl.col("ordinal"))
    rows = number.with_columns(gross="ordinal", ours=text, theirs=text, raw_hash=text)
    path = tmp_path / "rows.arrow"
    complete(rows).write_ipc(path, compression="uncompressed")
    assert path.stat().st_size > 50_000_000
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", TAKEN_OVER, str(path)]
    height, kilobytes = subprocess.check_output(command, env=environment).split()  # noqa: S603 - our own
    assert int(height) == 200_000
    assert int(kilobytes) * 1024 < 1.5 * path.stat().st_size
