"""The books of a month whose payouts were taxed."""

from pathlib import Path

import pytest

from tests.persistence.conftest import books
from tests.reconciliation.papers.withholding.withheld_month import WithheldMonth
from tests.reconciliation.settlement.conftest import stage
from tests.reconciliation.settlement.stage import Stage

__all__ = ["books", "stage"]


@pytest.fixture
async def taxed(stage: Stage, tmp_path: Path) -> WithheldMonth:
    """April with two taxed payouts."""
    return await WithheldMonth(stage, tmp_path / "config").fill()
