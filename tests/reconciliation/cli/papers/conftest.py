"""`ekpay report` over the books of a month."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.report_commands import app
from tests.persistence.conftest import books
from tests.reconciliation.papers.conftest import month
from tests.reconciliation.papers.month_of_books import MonthOfBooks
from tests.reconciliation.settlement.conftest import stage

__all__ = ["books", "month", "stage"]


@pytest.fixture
def typed(month: MonthOfBooks) -> Callable[..., Any]:
    """Types a command of reports."""

    async def _type(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=month.finance))

    return _type
