"""Nights and months of tests read their files in this process, but where isolation is what is tested.

A process that reads files imports for most of a second, which is a third of a small night; that it reads as
this one does, and what it refuses, is tested in `statement/test_isolated_reader.py`.
"""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from reconciliation.month import month_run
from reconciliation.nightly import judge_run
from reconciliation.statement.formats.file_limits import FileLimits
from reconciliation.statement.reader import ReaderInHere


class NightReader(ReaderInHere, AbstractContextManager["NightReader"]):
    """`IsolatedReader` without its process."""

    def __init__(self, limits: FileLimits, scratch: Path | None = None) -> None:
        """Keep nothing: files of tests are small."""

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """There is no process."""

    def close(self) -> None:
        """There is no process."""


@pytest.fixture(autouse=True)
def _reading_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("isolated_reading") is None:
        for module in (judge_run, month_run):
            monkeypatch.setattr(module, "IsolatedReader", NightReader)
