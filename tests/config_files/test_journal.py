"""The chart of entries that two persons write by hand, as it stands in config/journal.toml."""

from pathlib import Path

import pytest

from ekpay_switch.config_files.journal import read_journal_chart

CHART = read_journal_chart(Path("config/journal.toml"))


def test_our_owners_pay_in_and_take_out_by_our_bank_account() -> None:
    assert CHART.lets_meet("settlement_bank", "own_funds")
    assert CHART.lets_meet("own_funds", "settlement_bank")


@pytest.mark.parametrize("account", ["prefund:bank1:postpaid", "payable:desco_postpaid", "suspense:bkash"])
def test_our_own_funds_never_meet_money_of_others(account: str) -> None:
    assert not CHART.lets_meet("own_funds", account)
