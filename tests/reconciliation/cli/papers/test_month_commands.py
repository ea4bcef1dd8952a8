"""`ekpay reconcile month-check` and `month-close` as finance types them."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.reconcile_commands import app
from tests.reconciliation.papers.month_of_books import APRIL_30, MonthOfBooks
from tests.reconciliation.papers.test_month_closing import CLOSED_NIGHTS, CLOSED_WINDOWS


async def test_a_month_is_checked_and_closed_by_two_persons(
    month: MonthOfBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    monkeypatch.setenv("EKPAY_APPROVER_PASSPHRASE", "two")
    persons = ("--by", "Rahima", "--approved-by", "Karim")

    async def typed(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=month.finance))

    checked = await typed("month-check", "2026-04")
    assert checked.exit_code == 1
    assert "1. settlement window of 2026-04-01 was never closed" in checked.output
    refused = await typed("month-close", "2026-04", *persons)
    assert refused.exit_code == 1
    assert "the month cannot be closed: settlement window of 2026-04-01" in refused.output
    run_id = await month.stage.run(APRIL_30)
    await month.stage.books.tell(CLOSED_WINDOWS)
    await month.stage.books.tell(CLOSED_NIGHTS, run_id)
    assert "nothing stands against closing 2026-04" in (await typed("month-check", "2026-04")).output
    assert (await typed("month-close", "2026-04", *persons[:3], "Rahima")).exit_code == 2
    closed = await typed("month-close", "2026-04", *persons)
    assert closed.exit_code == 0, closed.output
    assert closed.output.startswith("2026-04 is closed by Rahima and Karim; digest ")
    assert "2026-04 is closed by Rahima and Karim" in (await typed("month-check", "2026-04")).output
