"""Everything that can go wrong with one exchange, at each biller, over the wire: how the payment ends.

docs/operations/fault-matrix.md says what is expected, so what an operator reads is what happens.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.callers.partner.client import PartnerClient
from sandbox.rehearsals.demo.paying.partner import PartnerSide
from tests.faults.billers.books import prefund_faults
from tests.faults.billers.cells import COLUMNS, DIVISOR, HURRY, ROWS, TARIFF_CHANGE, Player
from tests.faults.billers.stage import Site, open_site
from tests.faults.installation import ROOT
from tests.faults.matrix_table import Cells, End, Printed, as_markdown, drawn, read_markdown

DOCUMENT = ROOT / "docs" / "operations" / "fault-matrix.md"
NAMES = tuple(column.name for column in COLUMNS)
CELLS = [(row, column) for row in ROWS for column in NAMES]

Ends = Mapping[tuple[str, str], End]


class Played:
    """What came of it: the ends, and what stood when all was over."""

    def __init__(self, ends: Ends, prefunds: list[str], audit: tuple[bool, str]) -> None:
        self.ends = ends
        self.prefunds = prefunds
        self.audit = audit

    @property
    def cells(self) -> Cells:
        return {key: end.text for key, end in self.ends.items()}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Played:
    folder = tmp_path_factory.mktemp("fault_matrix")
    outcome = asyncio.run(play(folder))
    (folder / "fault_matrix.md").write_text(as_markdown(outcome.cells, ROWS, NAMES) + "\n")
    pytestconfig.pluginmanager.register(Printed("the fault matrix", drawn(outcome.cells, ROWS, NAMES)))
    return outcome


async def play(folder: Path) -> Played:
    async with open_site(folder, DIVISOR, HURRY, partners=1) as site:
        return await site.stage.children.watched(play_on(site))


async def play_on(site: Site) -> Played:
    player = site.cast.partners[0]
    async with PartnerClient(site.cast.address, player.credentials()) as client:
        ends = await Player(site, PartnerSide(player, client), await unpaid(site)).play()
    audit = await site.stage.tool.ask("audit")
    return Played({(end.row, end.column): end for end in ends}, await prefund_faults(site), audit)


async def unpaid(site: Site) -> Mapping[str, list[Mapping[str, str]]]:
    """A bill for each cell; NESCO's customers have changed their tariff, so each vend has twelve lines."""
    postpaid = {name: await site.desks[name].payables(len(CELLS)) for name in ("desco", "breb")}
    bills: dict[str, list[Mapping[str, str]]]
    bills = {name: [bill.named[0] for bill in found] for name, found in postpaid.items()}
    bills["nesco"] = [
        {"bllr_accno": str(TARIFF_CHANGE + number), "amount": "500"} for number in range(len(ROWS))
    ]
    return bills


@pytest.mark.parametrize(("row", "column"), CELLS, ids=[f"{row}-{column}" for row, column in CELLS])
def test_a_payment_ends_as_the_documentation_says(played: Played, row: str, column: str) -> None:
    end = played.ends[row, column]
    assert end.text == read_markdown(DOCUMENT.read_text())[row, column]
    assert end.faults == ()


def test_the_documentation_tells_of_no_other_cells() -> None:
    assert list(read_markdown(DOCUMENT.read_text())) == CELLS


def test_every_prefund_holds_what_is_neither_spent_nor_held(played: Played) -> None:
    assert played.prefunds == []


def test_the_audit_is_clean_after_all_of_it(played: Played) -> None:
    is_clean, last_line = played.audit
    assert is_clean, last_line
