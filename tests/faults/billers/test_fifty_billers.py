"""Fifty billers, ten things that a payer may meet at each, over the wire: how each of the cells ends.

docs/operations/biller-table.md says what is expected, so what an operator reads is what happens.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.network.proxy.faults import NetworkFault
from tests.faults.billers.fifty_billers_cells import Cells
from tests.faults.billers.fifty_billers_stage import Street, offices_of, open_street
from tests.faults.billers.stage import Proxy
from tests.faults.installation import ROOT
from tests.faults.matrix_table import Printed, drawn

DOCUMENT = ROOT / "docs" / "operations" / "biller-table.md"
COLUMNS = (
    "fetch", "pay", "pay again", "status", "unknown account", "already paid", "amount changed",
    "lost answer, paid", "lost answer, not paid", "refused after collect",
)  # fmt: skip
AT_ONCE = 24
BILLERS = sorted(
    path.stem
    for path in (ROOT / "config" / "billers").glob("*.toml")
    if "route_of" not in path.read_text().partition("[[parameters]]")[0]
)
CORNER = "biller"
ROUTED = "dpdc_postpaid"


@dataclass(frozen=True, slots=True)
class Played:
    """How every cell ended, and what our books say of themselves when all is over."""

    cells: Mapping[tuple[str, str], str]
    rerouted: str
    audit: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Played:
    folder = tmp_path_factory.mktemp("fifty_billers")
    outcome = asyncio.run(play(folder))
    (folder / "biller_table.md").write_text(as_markdown(outcome.cells) + "\n")
    pytestconfig.pluginmanager.register(Printed("the biller table", drawn(outcome.cells, BILLERS, COLUMNS)))
    return outcome


async def play(folder: Path) -> Played:
    async with open_street(folder) as street:
        return await street.stage.children.watched(_all_cells(street))


async def _all_cells(street: Street) -> Played:
    cells = Cells(street)
    places = asyncio.Semaphore(AT_ONCE)

    async def _one(number: int, biller: Mapping[str, object], column: str) -> str:
        async with places:
            return await cells.play(biller, column, number)

    # Column by column, so that one biller is not asked everything at once.
    wanted = [(biller, column) for column in COLUMNS for biller in street.billers]
    began_on = dhaka_day(utc_now())
    texts = await asyncio.gather(*(_one(number, *one) for number, one in enumerate(wanted)))
    await offices_of(street.stage).send_scrolls(began_on)
    ends = {
        (str(biller["id"]), column): await cells.read_later(number, texts[number])
        for number, (biller, column) in enumerate(wanted)
    }
    return Played(ends, await _rerouted(street, cells), await street.audited())


async def _rerouted(street: Street, cells: Cells) -> str:
    """DPDC is fetched directly, cannot be connected to any more, and is paid all the same."""
    (dpdc,) = (biller for biller in street.billers if biller["id"] == ROUTED)
    async with Proxy(street.stage.setting.control_address) as proxy:
        text = await cells.rerouted(dpdc, lambda: proxy.arm("direct", NetworkFault.REFUSE))
        await proxy.lift("direct")
    return text


def as_markdown(cells: Mapping[tuple[str, str], str]) -> str:
    """The table of the documentation."""
    table = [[CORNER, *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    table += [[row, *(cells[row, column] for column in COLUMNS)] for row in BILLERS]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


def read_document() -> Mapping[tuple[str, str], str]:
    """The cells of the documentation's table, by biller and column."""
    _, _, after = DOCUMENT.read_text().partition(f"| {CORNER} |")
    lines = [line for line in after.splitlines()[2:] if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    return {
        (name, column): text for name, *texts in rows for column, text in zip(COLUMNS, texts, strict=True)
    }


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("biller", BILLERS)
def test_each_cell_ends_as_the_documentation_says(played: Played, biller: str, column: str) -> None:
    assert played.cells[biller, column] == read_document()[biller, column]


def test_there_are_fifty_billers_and_the_documentation_tells_of_no_others() -> None:
    assert len(BILLERS) == 50
    assert list(read_document()) == [(biller, column) for biller in BILLERS for column in COLUMNS]


def test_a_biller_with_a_second_route_is_paid_by_it_where_nothing_left_us_on_the_first(
    played: Played,
) -> None:
    assert played.rerouted == "completed, told 0000; nothing there; on the second route there once"


def test_the_audit_is_clean_after_all_of_it(played: Played) -> None:
    assert played.audit == ""
