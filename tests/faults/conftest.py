"""One installation for all kills, and the matrix that they fill."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.installation import Installation
from tests.faults.matrix import Row, drawn
from tests.faults.shopping import Shopper, hire_staff, shopping

MATRIX: pytest.StashKey[list[Row]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    rows: list[Row] = []
    config.stash.setdefault(MATRIX, rows)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[MATRIX]
    if rows:
        terminalreporter.section("the kill matrix")
        terminalreporter.write_line(drawn(rows))


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Row]]:
    """The rows so far; at the end they also stand in a file."""
    rows = pytestconfig.stash[MATRIX]
    yield rows
    (tmp_path_factory.getbasetemp() / "kill_matrix.txt").write_text(drawn(rows) + "\n")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("installation")


@pytest.fixture(scope="session")
def site(folder: Path) -> Iterator[Installation]:
    built = Installation(folder)
    try:
        asyncio.run(built.open())
        asyncio.run(hire_staff(built))
        yield built
    finally:
        built.close()


@pytest.fixture
async def shopper(site: Installation) -> AsyncIterator[Shopper]:
    await site.heal()
    async with shopping(site) as shopper:
        yield shopper
