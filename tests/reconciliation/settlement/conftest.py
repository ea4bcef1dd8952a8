"""The databases of the persistence tests, for the tables of settlement."""

from pathlib import Path

import pytest

from tests.persistence.books import Books
from tests.persistence.conftest import books
from tests.reconciliation.settlement.stage import Stage

__all__ = ["books"]


@pytest.fixture
async def stage(books: Books, tmp_path: Path) -> Stage:
    """Empty books, nobody settled yet, two persons of finance."""
    return await Stage(books, tmp_path).staff()
