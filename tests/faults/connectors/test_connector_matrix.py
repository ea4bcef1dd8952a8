"""Every connector, and twelve things that can happen to a payer's money there, over the wire.

docs/operations/connector-matrix.md says what is expected, so what an operator reads is what happens.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.connectors.books import cell_of, disagreements, read_everything
from tests.faults.connectors.cells import COLUMNS, Player
from tests.faults.connectors.providers import CONNECTORS, providers
from tests.faults.connectors.scene import Scene
from tests.faults.connectors.stage import Site, open_site
from tests.faults.installation import ROOT
from tests.faults.matrix_table import Printed, drawn

DOCUMENT = ROOT / "docs" / "operations" / "connector-matrix.md"
CORNER = "connector"
# For whoever works on a family: only these rows are played, and the others are not compared.
ROWS = tuple(os.environ.get("EKPAY_MATRIX_CONNECTORS", "").split()) or tuple(CONNECTORS)
CELLS = [(row, column) for row in ROWS for column in COLUMNS]
Cells = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Played:
    """How every cell ended, what the books have against each other, and what our audit says of ours."""

    cells: Cells
    faults: Mapping[tuple[str, str], Sequence[str]]
    strays: Sequence[str]
    audit: tuple[bool, str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Played:
    folder = tmp_path_factory.mktemp("connector_matrix")
    outcome = asyncio.run(play(folder))
    (folder / "connector_matrix.md").write_text(as_markdown(outcome.cells, ROWS) + "\n")
    pytestconfig.pluginmanager.register(Printed("the connector matrix", drawn(outcome.cells, ROWS, COLUMNS)))
    return outcome


async def play(folder: Path) -> Played:
    async with open_site(folder) as site:
        return await site.stage.children.watched(_all_cells(site))


async def _all_cells(site: Site) -> Played:
    far_sides = providers(site)
    customers = (await site.biller.admin("GET", "unpaid?count=1000"))["customers"]
    player = Player(site, far_sides, iter(one["customer_no"] for one in customers))
    scenes = await player.play(ROWS)
    everything = await read_everything(site, far_sides)
    cells, faults = {}, {}
    for cell, scene in scenes.items():
        if isinstance(scene, Scene):
            cells[cell] = cell_of(scene, everything.books)
            faults[cell] = [
                fault
                for one in (scene, *scene.also)
                for fault in disagreements(everything.books[one.payment_id])
            ]
        else:
            cells[cell], faults[cell] = f"NOT PLAYED: {type(scene).__name__}: {scene}", ["not played"]
    return Played(cells, faults, everything.strays, await site.stage.tool.ask("audit"))


def as_markdown(cells: Cells, rows: Sequence[str]) -> str:
    """The table of the documentation."""
    table = [[CORNER, *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    table += [[f"`{row}`", *(cells[row, column] for column in COLUMNS)] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


def read_document(text: str) -> Cells:
    """The cells of the documentation's table, by connector and column."""
    _, _, after = text.partition(f"| {CORNER} |")
    lines = [line for line in after.splitlines()[2:] if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    return {
        (name.strip("`"), column): text
        for name, *texts in rows
        for column, text in zip(COLUMNS, texts, strict=True)
    }


@pytest.mark.parametrize(("row", "column"), CELLS, ids=[f"{row}-{column}" for row, column in CELLS])
def test_each_cell_ends_as_the_documentation_says(played: Played, row: str, column: str) -> None:
    assert played.cells[row, column] == read_document(DOCUMENT.read_text())[row, column]


def test_the_documentation_tells_of_every_connector_and_column_and_of_no_other() -> None:
    assert list(read_document(DOCUMENT.read_text())) == [
        (row, column) for row in CONNECTORS for column in COLUMNS
    ]


def test_the_documentation_says_why_of_every_column_and_of_no_other() -> None:
    _, _, why = DOCUMENT.read_text().partition("## Why\n")
    titled = [f"{column[0].upper()}{column[1:]}." for column in COLUMNS]
    assert [line.partition("**")[0] for line in why.split("\n**")[1:]] == titled


@pytest.mark.parametrize(("row", "column"), CELLS, ids=[f"{row}-{column}" for row, column in CELLS])
def test_every_book_says_the_same_of_each_payment(played: Played, row: str, column: str) -> None:
    assert played.faults[row, column] == []


def test_no_provider_has_moved_or_opened_anything_that_is_not_ours(played: Played) -> None:
    assert played.strays == []


def test_the_audit_is_clean_after_all_of_it(played: Played) -> None:
    is_clean, last_line = played.audit
    assert is_clean, last_line
