"""A workbook of the bench is read to the paisa, and a wrong one is refused."""

from pathlib import Path

import pytest

from benchmarks.reconciling.large_workbook import WorkbookBenchError, figures, read_workbook, write_workbook

NAME = "nagad_20260401_01.xlsx"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_workbook(tmp_path / NAME, 300)

    run = read_workbook(tmp_path / NAME, 300)

    assert run.rows == 300
    assert min(run.seconds, run.file_mb, run.parent_rss_mb, run.rate) > 0
    assert figures(run)["xlsx_run"]["rows"] == 300


def test_other_rows_than_were_written_are_no_result(tmp_path: Path) -> None:
    write_workbook(tmp_path / NAME, 300)

    with pytest.raises(WorkbookBenchError, match="300, "):
        read_workbook(tmp_path / NAME, 301)


def test_a_workbook_that_is_refused_is_no_result(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no workbook")

    with pytest.raises(WorkbookBenchError):
        read_workbook(tmp_path / NAME, 1)
