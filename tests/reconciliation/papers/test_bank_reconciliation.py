"""Our bank account by our books against the banks' statements: every difference has a name and an age."""

from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import deposited_entry
from ekpay_switch.domain.ledger.settlement_postings import SETTLEMENT_BANK, unidentified_settled_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.finance import Adjustment
from reconciliation.errors import ReportError
from reconciliation.papers.bank_items import (
    DIFFERENT,
    IN_BOOKS_ONLY,
    ON_STATEMENT_ONLY,
    BankMovement,
    BankReconciliation,
    reconcile_bank,
)
from reconciliation.papers.bank_paper import shown_name, write_bank_csv
from reconciliation.papers.bank_reading import read_bank_reconciliation
from reconciliation.settlement.current_state import open_work
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import Stage, booked

FILES = """
WITH f AS (
  INSERT INTO reconciliation.files (run_id, seq, name, institution, day, cycle, correction, sha256, source,
    received_at, night, layout_version, rows, settled, closing, controls)
  VALUES ($1, 1, $3, 'stmt_janata', $2, 1, 0, $3, 'folder', now(), $2, '1', 1, 0, $4, '{}') RETURNING id)
INSERT INTO reconciliation.file_states (file_id, run_id, state, rounding) SELECT id, $1, 'loaded', 0 FROM f
"""
TOP_UP = """
INSERT INTO top_ups (id, partner_id, bucket, amount, reference, asked_by, approved_by, approved_at)
VALUES ($1, 'bank1', 'postpaid', 500, 'SB7', 'Rahima', 'Karim', now())
"""


def ours(amount: int, *names: str, day: date = SUN) -> BankMovement:
    return BankMovement(names, day, amount, "topped_up")


def theirs(amount: int, *names: str, day: date = SUN) -> BankMovement:
    return BankMovement(names, day, amount, "stmt_janata")


def test_what_stands_on_both_sides_is_no_item_and_the_rest_is_with_its_age() -> None:
    result = reconcile_bank(
        TUE,
        [ours(500, "SB7"), ours(-200, "E1", "E2", day=MON), ours(70, "LATE"), ours(10, "SHORT")],
        [theirs(300, "B1", "SB7"), theirs(200, "SB7"), theirs(-200, "E2"), theirs(9, "SHORT"),
         theirs(40, "ACC 12345678901234", day=MON)],
        (1_000, 1_349),
    )  # fmt: skip
    assert [(item.name, item.side, item.difference, item.age(TUE)) for item in result.items] == [
        ("LATE", IN_BOOKS_ONLY, -70, 2),
        ("SHORT", DIFFERENT, -1, 2),
        ("ACC 12345678901234", ON_STATEMENT_ONLY, 40, 1),
    ]
    assert (result.by_books, result.by_statements, result.before_statements) == (380, 1_349, 1_000)
    assert result.unread_amount == 0
    assert [shown_name(item) for item in result.items] == ["LATE", "SHORT", "ACC **********1234"]


movements = st.builds(
    BankMovement,
    st.lists(st.sampled_from("ABCDEF"), min_size=1, max_size=3, unique=True).map(tuple),
    st.dates(date(2026, 1, 1), date(2026, 4, 1)),
    st.integers(-(10**9), 10**9),
    st.just("topped_up"),
)


@given(st.lists(movements, max_size=12), st.lists(movements, max_size=12), st.integers(-(10**12), 10**12))
def test_both_balances_tie_whatever_the_names(
    books: list[BankMovement], lines: list[BankMovement], before: int
) -> None:
    after = before + sum(line.amount for line in lines)
    assert reconcile_bank(MON, books, lines, (before, after)).unread_amount == 0
    assert reconcile_bank(MON, books, lines, (before, after + 7)).unread_amount == 7


async def reconciled(stage: Stage, at: date) -> BankReconciliation:
    async with open_work(stage.desk, "audit") as work:
        return await read_bank_reconciliation(work, at)


async def test_entries_and_rows_of_statements_are_read_up_to_the_date(stage: Stage, tmp_path: Path) -> None:
    top_up_id = uuid4()
    await stage.books.partner("bank1")
    await stage.books.tell(TOP_UP, top_up_id)
    top_up = Adjustment(top_up_id, "topped_up", (("settlement_bank", 500), ("prefund:bank1:postpaid", -500)))
    await stage.write(top_up)
    await stage.post(deposited_entry("nesco_prepaid", Money(80)))
    await stage.books.tell("UPDATE journal_entries SET business_date = $1", SUN)
    stage.rows = [
        booked("stmt_janata", "SB7", 500, MON, theirs=""),
        booked("stmt_janata", "STRANGER", 30, MON, ordinal=2, theirs=""),
        booked("stmt_janata", "LATER", 1, TUE, theirs=""),
    ]
    run_id = await stage.run(MON)
    with pytest.raises(ReportError, match=f"no statement of a bank up to {SUN} was read"):
        await reconciled(stage, SUN)
    await stage.books.tell(FILES, run_id, MON, "stmt_janata_20260406_01.xml", 1_530)
    result = await reconciled(stage, MON)
    assert [(item.side, item.by_books, item.by_statement) for item in result.items] == [
        (IN_BOOKS_ONLY, -80, 0),
        (ON_STATEMENT_ONLY, 0, 30),
    ]
    assert (result.by_books, result.before_statements, result.unread_amount) == (420, 1_000, 0)
    write_bank_csv(result, tmp_path / "bank.csv")
    assert "unexplained" not in (tmp_path / "bank.csv").read_text(encoding="utf-8")


async def test_each_transfer_of_one_entry_is_compared_with_its_own_line(stage: Stage) -> None:
    """A payer got two parts of a line back, and the bank has booked one of them so far."""
    returned = unidentified_settled_entry("stmt_janata", [(SETTLEMENT_BANK, 900)])
    entry_id = uuid4()
    await stage.write(Adjustment.of(entry_id, returned))
    await stage.books.tell(
        "INSERT INTO break_bank_lines (reference, entry_id, amount, booked_by, bank)"
        " VALUES ('FT-1', $1, -500, 'return', 'stmt_janata'), ('FT-2', $1, -400, 'return', 'stmt_janata')",
        entry_id,
    )
    await stage.books.tell("UPDATE journal_entries SET business_date = $1", SUN)
    stage.rows = [booked("stmt_janata", "FT-2", -400, MON, theirs="")]
    run_id = await stage.run(MON)
    await stage.books.tell(FILES, run_id, MON, "stmt_janata_20260406_01.xml", 600)
    result = await reconciled(stage, MON)
    assert [(item.name, item.side, item.by_books) for item in result.items] == [("FT-1", IN_BOOKS_ONLY, -500)]
    assert (result.before_statements, result.unread_amount) == (1_000, 0)
