"""The books of a month whose payments have earned us something."""

import pytest

from tests.persistence.conftest import books
from tests.reconciliation.papers.conftest import month
from tests.reconciliation.papers.month_of_books import MonthOfBooks
from tests.reconciliation.papers.tax.earnings import MonthOfEarnings
from tests.reconciliation.settlement.conftest import stage

__all__ = ["books", "month", "stage"]


@pytest.fixture
async def earnings(month: MonthOfBooks) -> MonthOfEarnings:
    """A bank that paid bills in April, a shop with an order, and a return of charges in May."""
    return await MonthOfEarnings(month).fill()
