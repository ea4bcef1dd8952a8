"""Whether every paisa of a demo's payees has left or is held, by our ledger and by the bank's own book."""

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sandbox.kit.institution.amounts import lakh
from sandbox.kit.institution.clock import dhaka_day, utc_now
from sandbox.rehearsals.day.payout_bank import ODD_FATES, BookedPayout, Fate
from sandbox.rehearsals.demo.payouts.payee_books import (
    PayeeLine,
    Row,
    payee_lines,
    reasons_of,
    unagreed_payouts,
)
from sandbox.rehearsals.demo.payouts.payout_desk import PaidOrder, PayoutDesk
from sandbox.rehearsals.month.model.days import day_number

_CAME_BACK = frozenset({Fate.REJECTED.value, Fate.RETURNED.value})


@dataclass(frozen=True, slots=True)
class BankFigures:
    """Our money at the banks, in paisa: by our books, by their statements, and what the cover is by both.

    `unidentified` are lines of theirs that nothing explains and nobody has decided. `owed_paisa` is what of
    our money belongs to others, by the ledger's accounts.
    """

    books_paisa: int
    statement_paisa: int
    cover_paisa: int
    unidentified: int
    owed_paisa: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PayoutOutcome:
    """What two persons instructed, what the bank made of it, and a line for each payee.

    `unagreed` is what connectors have paid out beyond what is agreed: connector and paisa by ledger entry.
    """

    orders: Sequence[PaidOrder]
    payouts: Sequence[BookedPayout]
    payees: Sequence[PayeeLine]
    bank: BankFigures
    unagreed: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def faults(self) -> Sequence[str]:
        """Everything that speaks against the proof."""
        return [*self._payee_faults(), *self._bank_faults()]

    @property
    def is_proven(self) -> bool:
        """Whether all came in = all left + all held for each payee, and the bank agrees with our books."""
        return not self.faults

    def of_fate(self, fate: Fate) -> Sequence[BookedPayout]:
        """The orders with which the bank has done this."""
        return [payout for payout in self.payouts if payout.fate == fate]

    @property
    def came_paisa(self) -> int:
        """Everything that came in for payees."""
        return sum(line.came_paisa for line in self.payees)

    @property
    def paid_paisa(self) -> int:
        """Everything that has left for payees by the bank's own book."""
        return sum(line.paid_paisa for line in self.payees)

    @property
    def held_paisa(self) -> int:
        """Everything that is held."""
        return sum(line.held_paisa for line in self.payees)

    def _payee_faults(self) -> Iterator[str]:
        yield from (line.fault for line in self.payees if line.fault)
        if not self.paid_paisa:
            yield "nobody was paid"
        for fate in ODD_FATES:
            if not self.of_fate(fate):
                yield f"the bank has no order that is {fate}"
        for payout in self.payouts:
            if payout.fate in _CAME_BACK and not self._is_paid_again(payout):
                yield f"{payout.name}: {lakh(payout.paisa)} taka were {payout.fate} and not paid again"

    def _is_paid_again(self, payout: BookedPayout) -> bool:
        return any(
            later.account == payout.account
            and later.message != payout.message
            and later.fate == Fate.PAID
            and later.paisa >= payout.paisa
            for later in self.payouts
        )

    def _bank_faults(self) -> Iterator[str]:
        figures = self.bank
        if figures.books_paisa != figures.statement_paisa:
            yield (
                f"our books have {lakh(figures.books_paisa)} taka at the banks, their statements "
                f"{lakh(figures.statement_paisa)}"
            )
        if figures.cover_paisa < 0:
            yield f"the trust cover is short by {lakh(-figures.cover_paisa)} taka"
        if figures.unidentified:
            yield f"{figures.unidentified} lines of the banks' statements are unidentified"


async def payout_outcome(
    desk: PayoutDesk, sheet: Row, cover: Row, breaks: Sequence[Row], began_on: date
) -> PayoutOutcome:
    """Read the ledger and the bank's book and compare them.

    Raises:
        CommandFailedError: the switch refused to write its ledger.
    """
    tool, setting = desk.stage.tool, desk.stage.setting
    folder = setting.home_folder / "ledger-of-payouts"
    period = ("--since", f"{began_on}", "--until", f"{dhaka_day(utc_now())}")
    await tool.run("report", "ledger", *period, "--format", "csv", "--out", f"{folder}")
    unidentified = await tool.read("settle", "unidentified", "list", "--json")
    assert setting.config is not None, "a demo has a configuration of its own"
    paid = desk.bank.paid_paisa(day_number(desk.nights[-1]))
    accounts, reasons = payees_by_account(setting.config / "settlement.toml"), reasons_of(sheet, breaks)
    ledger = read_ledger(folder)
    lines = payee_lines(ledger, accounts, paid, desk.instructions, reasons)
    figures = BankFigures(
        cover["bank"],
        cover["bank_by_statement"],
        min(cover["strict"], cover["strict_by_statement"]),
        len(unidentified),
        cover["owed"],
    )
    return PayoutOutcome(desk.orders, desk.bank.payouts(), lines, figures, unagreed_payouts(ledger))


def read_ledger(folder: Path) -> Sequence[Row]:
    """The rows of the one general ledger in a folder."""
    [path] = folder.glob("*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def payees_by_account(path: Path) -> Mapping[str, str]:
    """The payees by the numbers of their bank accounts, as finance has written them down."""
    accounts = tomllib.loads(path.read_text(encoding="utf-8"))["accounts"]
    return {row["account"]: f"{row['role']}:{row['party']}" for row in accounts}
