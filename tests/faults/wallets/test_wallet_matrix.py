"""Everything that can happen to money that we collect by bKash, over the wire: how each payment ends.

docs/operations/wallet-matrix.md says what is expected, so what an operator reads is what happens.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.callers.client.messages import ApiOrder
from sandbox.rehearsals.demo.admin_clients.admin_client import by_own_names
from sandbox.rehearsals.demo.comparison.bkash_books import WalletBooks, compare_wallet
from tests.faults.installation import ROOT
from tests.faults.matrix_table import Cells, Printed, as_markdown, drawn, read_markdown
from tests.faults.wallets.books import (
    COLUMNS,
    KEPT_BASIS_POINTS,
    RECEIVABLE,
    Books,
    collected,
    given_back,
    shop_line,
    tokens_made,
)
from tests.faults.wallets.cells import AMOUNT_CHANGED, ROWS, End, Player
from tests.faults.wallets.stage import WalletSite, open_site

DOCUMENT = ROOT / "docs" / "operations" / "wallet-matrix.md"
CELLS = [(row, column) for row in ROWS for column in COLUMNS]
# What every simulated wallet holds at first, in paisa.
FULL_WALLET = 10_000_000
TOTAL = "SELECT coalesce(sum(amount), 0)::bigint AS net FROM postings WHERE account = $1"


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it: the ends, and what stood when all was over; `wallets` is what each payer has."""

    ends: Mapping[str, End]
    everything: WalletBooks
    wallets: Mapping[str, int]
    audit: tuple[bool, str]

    @property
    def cells(self) -> Cells:
        return {(row, column): end.cells[column] for row, end in self.ends.items() for column in COLUMNS}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Played:
    folder = tmp_path_factory.mktemp("wallet_matrix")
    outcome = asyncio.run(play(folder))
    (folder / "wallet_matrix.md").write_text(as_markdown(outcome.cells, ROWS, COLUMNS) + "\n")
    pytestconfig.pluginmanager.register(Printed("the wallet matrix", drawn(outcome.cells, ROWS, COLUMNS)))
    return outcome


async def play(folder: Path) -> Played:
    async with open_site(folder) as site:
        return await site.stage.children.watched(play_on(site))


async def play_on(site: WalletSite) -> Played:
    ends = await Player(site, iter(await bills(site)), iter(await meters(site))).play()
    dump = await site.wallet.admin("GET", "dump")
    return Played(
        ends={end.row: end for end in ends},
        everything=await everything(site, [end.books for end in ends if end.books is not None]),
        wallets=dump["wallets"],
        audit=await site.stage.tool.ask("audit"),
    )


async def bills(site: WalletSite) -> Sequence[ApiOrder]:
    """Orders to pay bills of DESCO that nobody has paid."""
    desk = site.desks["desco"]
    found = await desk.payables(len(ROWS))
    return [
        ApiOrder(
            bill.biller,
            by_own_names(desk.parameters, bill.named[0]),
            bill.amount_paisa,
            site.page.url(bill.target),
        )
        for bill in found
    ]


async def meters(site: WalletSite) -> Sequence[str]:
    """Customers of NESCO whose recharges are one line of a token."""
    found = await site.desks["nesco"].admin("GET", f"unpaid?count={len(ROWS)}")
    return [one["customer_no"] for one in found["customers"]]


async def everything(site: WalletSite, books: Sequence[Books]) -> WalletBooks:
    """All payments together beside all that bKash has moved."""
    ((receivable,),) = await site.rows(TOTAL, RECEIVABLE)
    return WalletBooks(
        ours=[one.ours for one in books],
        theirs=await site.wallet.book(),
        shop=[shop_line(one.told) for one in books],
        receivable_paisa=receivable,
        kept_basis_points=KEPT_BASIS_POINTS,
        tokens=await tokens_made(site),
    )


@pytest.mark.parametrize(("row", "column"), CELLS, ids=[f"{row}-{column}" for row, column in CELLS])
def test_a_payment_ends_as_the_documentation_says(played: Played, row: str, column: str) -> None:
    assert played.cells[row, column] == read_markdown(DOCUMENT.read_text())[row, column]


@pytest.mark.parametrize("row", ROWS)
def test_every_book_says_the_same_of_a_payment_and_the_audit_is_clean(played: Played, row: str) -> None:
    assert list(played.ends[row].faults) == []


def test_the_documentation_tells_of_no_other_cells() -> None:
    assert list(read_markdown(DOCUMENT.read_text())) == CELLS


def test_the_documentation_says_why_of_every_row_and_of_no_other() -> None:
    _, _, why = DOCUMENT.read_text().partition("## Why\n")
    assert [line.partition("**")[0] for line in why.split("\n**")[1:]] == [f"{row}." for row in _titled()]


def _titled() -> Iterator[str]:
    return (row[0].upper() + row[1:] for row in ROWS)


def test_bkash_has_moved_nothing_that_is_not_ours_and_owes_us_what_the_ledger_says(played: Played) -> None:
    compared = compare_wallet(played.everything)
    assert list(compared.unexplained) == []
    odd = played.ends[AMOUNT_CHANGED].books
    assert odd is not None
    assert [one.subject for one in compared.contradictions] == [f"payment {odd.told.id}"]


def test_no_payer_was_debited_twice(played: Played) -> None:
    for end in played.ends.values():
        assert end.books is not None, end.cells
        taken, back = collected(end.books.movements), given_back(end.books.movements)
        assert taken in {0, end.books.told.total}
        assert played.wallets.get(end.wallet, FULL_WALLET) == FULL_WALLET - taken + back


def test_the_audit_is_clean_after_all_of_it(played: Played) -> None:
    is_clean, last_line = played.audit
    assert is_clean, last_line
