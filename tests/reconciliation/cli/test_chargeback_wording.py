"""A night says of every chargeback row what became of it."""

from datetime import date

import pytest

from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.disputes import ChargebackRow, ChargebackRowAnswer
from reconciliation.cli.chargeback_wording import chargeback_wording

ROW = ChargebackRow("bkash", "CB-1", "EKF1", Money(168_977), "bkash_20260406_01.csv", date(2026, 4, 13))


@pytest.mark.parametrize("outcome", ChargebackRowOutcome)
@pytest.mark.parametrize("number", [None, 12])
def test_every_outcome_has_words(outcome: ChargebackRowOutcome, number: int | None) -> None:
    told = chargeback_wording(ChargebackRowAnswer(ROW, outcome, number))
    assert told.startswith("bkash_20260406_01.csv: chargeback CB-1 of 1689.77 BDT: ")
    assert "{" not in told


def test_what_is_open_names_the_command_for_its_money() -> None:
    told = chargeback_wording(ChargebackRowAnswer(ROW, ChargebackRowOutcome.OPENED, 12))
    assert "answer due on 2026-04-13; record its money: ekpay disputes held 12 --movement CB-1" in told
    known = chargeback_wording(ChargebackRowAnswer(ROW, ChargebackRowOutcome.KNOWN))
    assert known.endswith("a chargeback of our books has it")
