"""`ekpay settle withdrawals` and `ekpay settle accounts` as finance types them."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconciliation.cli.settle_commands import app
from tests.reconciliation.settlement.payout_desk import cool, date_books
from tests.reconciliation.settlement.sample_lines import SUN
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage

Typed = Callable[..., Any]
ASK = ("ask", "bank1", "1250.50", "--bucket", "postpaid", "--reference", "letter 1", "--by", MAKER)
ACCOUNT = (
    "--name", "Bank One", "--bic", "AAAABDDHXXX", "--routing-number", "991260012",
    "--account", "9910000000077",
    "--holds", "current", "--rail", "rtgs", "--reason", "letter, called back", "--by", MAKER,
)  # fmt: skip


@pytest.fixture
def stage(settlement_stage: Stage) -> Stage:
    """The stage of settlement, where its neighbours have that of nights."""
    return settlement_stage


@pytest.fixture
async def typed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types a command about bank1, which has a prefund."""
    await stage.books.partner("bank1", prefund=500_000)
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    monkeypatch.setenv("EKPAY_APPROVER_PASSPHRASE", "two")

    async def _type(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=stage.office))

    return _type


async def test_a_withdrawal_from_the_letter_to_its_cancellation(typed: Typed, stage: Stage) -> None:
    assert "approve 1 --by NAME" in (await typed("withdrawals", *ASK)).output
    assert stage.office.persons.asked == [(MAKER, "one")]
    assert "waits" in (await typed("withdrawals", "list", "--open")).output
    approved = await typed("withdrawals", "approve", "1", "--by", CHECKER)
    assert approved.output == "1250.50 taka are due to bank1 (letter 1).\n"
    two = ("--by", MAKER, "--approved-by", CHECKER)
    back = await typed("withdrawals", "cancel", "1", "--reason", "they need it", *two)
    assert back.output == "1250.50 taka are back in the postpaid prefund of bank1.\n"
    (row,) = json.loads((await typed("withdrawals", "list", "--json")).output)
    assert (row["state"], row["amount_paisa"], row["reason"]) == ("cancelled", 125_050, "they need it")
    assert "letter 1" not in (await typed("withdrawals", "list", "--open")).output


async def test_a_sweep_from_the_return_to_its_cancellation(typed: Typed, stage: Stage) -> None:
    await stage.hold({"vat_payable": 125_050, "settlement_bank": 125_050})
    await stage.run(SUN)
    await date_books(stage, SUN)
    words = ("vat", "--until", "2026-04-05", "--reference", "return 4", "--by", MAKER)
    asked = await typed("sweep", "ask", *words)
    assert asked.output == "Sweep 1 of 1250.50 taka waits: ekpay settle sweep approve 1 --by NAME\n"
    refused = await typed("sweep", "approve", "1", "--by", MAKER)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    approved = await typed("sweep", "approve", "1", "--by", CHECKER)
    assert approved.output == "1250.50 taka are due to sweep:treasury (return 4).\n"
    assert "sweep:treasury" in (await typed("withdrawals", "list", "--open")).output
    two = ("--by", MAKER, "--approved-by", CHECKER)
    back = await typed("withdrawals", "cancel", "1", "--reason", "paid by hand", *two)
    assert back.output == "1250.50 taka are back in vat_payable.\n"
    (row,) = json.loads((await typed("withdrawals", "list", "--json")).output)
    assert (row["role"], row["partner"], row["until"]) == ("sweep", "treasury", "2026-04-05")


async def test_a_top_up_from_the_proposal_to_its_cancellation(typed: Typed, stage: Stage) -> None:
    await stage.hold({"own_funds": 90_000_000, "settlement_bank": 90_000_000})
    await stage.hold({"biller_deposit:nesco_prepaid": -20_000_000, "settlement_bank": 20_000_000})
    await stage.run(SUN)
    await date_books(stage, SUN)
    rows = {row["biller"]: row for row in json.loads((await typed("deposits", "--json")).output)}
    assert rows["nesco_prepaid"] == {
        "biller": "nesco_prepaid", "balance_paisa": -20_000_000, "in_transit_paisa": 0,
        "vends_of_day_paisa": 20_000_000, "days_left": "-1.0", "is_below": True,
        "proposed_paisa": 80_000_000, "waiting": None,
    }  # fmt: skip
    assert (rows["breb_prepaid"]["days_left"], rows["breb_prepaid"]["is_below"]) == (None, False)
    assert "below its floor" in (await typed("deposits")).output
    words = ("--reference", "proposal", "--by", MAKER)
    refused = await typed("topup", "ask", "nobody", "1.00", *words)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    asked = await typed("topup", "ask", "nesco_prepaid", *words)
    assert asked.output == "Top-up 1 of 800000.00 taka waits: ekpay settle topup approve 1 --by NAME\n"
    assert "top-up 1 waits" in (await typed("deposits")).output
    assert (await typed("topup", "approve", "1", "--by", MAKER)).exit_code == 1
    approved = await typed("topup", "approve", "1", "--by", CHECKER)
    assert approved.output == "800000.00 taka are due to deposit:nesco_prepaid (proposal).\n"
    assert "deposit:nesco_prepaid" in (await typed("withdrawals", "list", "--open")).output
    two = ("--by", MAKER, "--approved-by", CHECKER)
    back = await typed("withdrawals", "cancel", "1", "--reason", "paid by hand", *two)
    assert back.output == "800000.00 taka are not on their way to deposit:nesco_prepaid any more.\n"
    second = await typed("topup", "ask", "nesco_prepaid", "1250.50", "--reference", "again", "--by", MAKER)
    assert "Top-up 2 of 1250.50 taka waits" in second.output


async def test_a_refusal_is_one_line_and_changes_nothing(typed: Typed) -> None:
    await typed("withdrawals", *ASK)
    alone = await typed("withdrawals", "approve", "1", "--by", MAKER)
    assert (alone.exit_code, alone.output.count("\n")) == (1, 1)
    assert "it takes another person" in alone.output
    assert (await typed("withdrawals", "approve", "2", "--by", CHECKER)).exit_code == 1
    rubbish = await typed("withdrawals", "ask", "bank1", "1,2", *ASK[3:])
    assert "not taka" in rubbish.output
    one = await typed("withdrawals", "cancel", "1", "--reason", "r", "--by", MAKER, "--approved-by", MAKER)
    assert one.exit_code == 2
    rejected = await typed("withdrawals", "reject", "1", "--reason", "not signed", "--by", MAKER)
    assert "Rejected 1250.50 taka of bank1" in rejected.output


async def test_a_changed_account_is_shown_by_its_last_characters(typed: Typed) -> None:
    asked = await typed("accounts", "ask", "partner:bank1", *ACCOUNT)
    assert "approve 1 --by NAME" in asked.output, asked.output
    approved = await typed("accounts", "approve", "1", "--by", CHECKER)
    assert "partner:bank1 is paid into *********0077 from" in approved.output
    shown = await typed("accounts", "list")
    assert "0077" in shown.output
    assert "9910000000077" not in shown.output
    (row,) = json.loads((await typed("accounts", "list", "--json")).output)
    assert (row["state"], row["account"]) == ("cooling", "9910000000077")
    stopped = await typed("accounts", "stop", "1", "--reason", "forged", "--by", CHECKER)
    assert "is paid as before" in stopped.output
    nobody = await typed("accounts", "ask", "bank1", *ACCOUNT)
    assert nobody.exit_code == 2


async def test_a_payee_whose_account_two_persons_have_entered_has_limits_too(
    typed: Typed, stage: Stage
) -> None:
    await stage.hold({"payable:some_biller": 1})
    await stage.run()
    two = ("--by", MAKER, "--approved-by", CHECKER)
    assert (await typed("limit", "biller:some_biller", "10.00", *two)).exit_code == 2
    await typed("accounts", "ask", "biller:some_biller", *ACCOUNT)
    await typed("accounts", "approve", "1", "--by", CHECKER)
    await cool(stage)
    limited = await typed("limit", "biller:some_biller", "10.00", *two)
    assert "biller:some_biller may be paid 10.00 at our risk" in limited.output, limited.output
