"""Which bank's statement has the line that a decision names."""

from pathlib import Path

import polars as pl
import pytest

from reconciliation.canonical_row import BROKEN, complete
from reconciliation.engine.row_store import RowStore
from reconciliation.resolutions.booked_transfers import bank_with_line
from tests.reconciliation.settlement.sample_lines import MON
from tests.reconciliation.settlement.stage import booked

BANKS = ("stmt_janata", "stmt_sonali")


@pytest.mark.parametrize(
    ("reference", "amount", "bank"),
    [
        ("FT-7", 900, "stmt_janata"),
        ("FT-8", -500, "stmt_sonali"),
        ("FT-7", -900, ""),
        ("FT-9", 300, ""),
        ("NONE", 900, ""),
    ],
    ids=["the second bank", "the first", "another amount", "both", "no line"],
)
def test_the_bank_is_the_one_whose_statement_has_the_line(
    tmp_path: Path, reference: str, amount: int, bank: str
) -> None:
    lines = [
        booked("stmt_janata", "OUR-7", 900, MON, theirs="FT-7", ordinal=1, verdict=BROKEN),
        booked("stmt_sonali", "FT-8", -500, MON, ordinal=1, verdict=BROKEN),
        *(booked(name, "", 300, MON, theirs="FT-9", ordinal=2, verdict=BROKEN) for name in BANKS),
    ]
    store = RowStore(tmp_path)
    store.write_run(complete(pl.DataFrame(lines)))
    assert bank_with_line(RowStore(tmp_path, 1), BANKS, reference, amount) == bank
