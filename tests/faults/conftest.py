"""One installation for all kills, and the matrix that they fill."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.crashes.kill_matrix import Recovery, Row, drawn, recoveries_drawn
from tests.faults.crashes.paying_partner import Shopper, hire_staff, shopping
from tests.faults.installation import Installation
from tests.faults.wallet_crashes.kill_matrix import WalletRow, wallets_drawn
from tests.faults.wallet_crashes.shop import WalletShop, wallet_shop

MATRIX: pytest.StashKey[list[Row]] = pytest.StashKey()
WALLETS: pytest.StashKey[list[WalletRow]] = pytest.StashKey()
RECOVERIES: pytest.StashKey[list[Recovery]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    rows: list[Row] = []
    config.stash.setdefault(MATRIX, rows)
    wallets: list[WalletRow] = []
    config.stash.setdefault(WALLETS, wallets)
    recoveries: list[Recovery] = []
    config.stash.setdefault(RECOVERIES, recoveries)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash[MATRIX]
    if rows:
        terminalreporter.section("the kill matrix")
        terminalreporter.write_line(drawn(rows))
    wallets = config.stash[WALLETS]
    if wallets:
        terminalreporter.section("the kill matrix of wallet payments")
        terminalreporter.write_line(wallets_drawn(wallets))
    recoveries = config.stash[RECOVERIES]
    if recoveries:
        terminalreporter.section("seconds until work went on")
        terminalreporter.write_line(recoveries_drawn(recoveries))


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Row]]:
    """The rows so far; at the end they also stand in a file, with the recoveries."""
    rows, recoveries = pytestconfig.stash[MATRIX], pytestconfig.stash[RECOVERIES]
    yield rows
    told = f"{drawn(rows)}\n\n{recoveries_drawn(recoveries)}\n"
    (tmp_path_factory.getbasetemp() / "kill_matrix.txt").write_text(told)


@pytest.fixture(scope="session")
def wallet_rows(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[WalletRow]]:
    """The rows of wallet payments so far; at the end they also stand in a file."""
    yield (rows := pytestconfig.stash[WALLETS])
    (tmp_path_factory.getbasetemp() / "kill_matrix_of_wallets.txt").write_text(f"{wallets_drawn(rows)}\n")


@pytest.fixture(scope="session")
def recoveries(pytestconfig: pytest.Config) -> list[Recovery]:
    """How soon work went on after the strikes so far."""
    return pytestconfig.stash[RECOVERIES]


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


@pytest.fixture
async def shop(site: Installation) -> AsyncIterator[WalletShop]:
    await site.close_breakers()
    await site.heal()
    async with wallet_shop(site) as shop:
        yield shop
