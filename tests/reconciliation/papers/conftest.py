"""Books of a month for papers: entries on business dates of our choice."""

import pytest

from tests.persistence.books import Books
from tests.persistence.conftest import books
from tests.reconciliation.papers.month_of_books import MonthOfBooks
from tests.reconciliation.settlement.conftest import stage
from tests.reconciliation.settlement.stage import Stage

__all__ = ["books", "stage"]


@pytest.fixture
async def month(stage: Stage, books: Books) -> MonthOfBooks:
    """A partner with a prefund, and what it did in March and April."""
    await books.partner("bank1")
    return await MonthOfBooks(stage).fill()
