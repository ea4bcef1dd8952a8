from datetime import date

import pytest

from sandbox.billers.breb.bills import BrebAccountKind, BrebAccounts, account_of

OPENED_ON = date(2026, 1, 1)


@pytest.fixture
def accounts() -> BrebAccounts:
    return BrebAccounts(seed=7, accounts=500, opened_on=OPENED_ON)


def test_the_same_seed_gives_the_same_bills_and_another_others(accounts: BrebAccounts) -> None:
    again, other = (BrebAccounts(seed=seed, accounts=500, opened_on=OPENED_ON) for seed in (7, 8))
    bills = list(accounts.normal_bills())
    assert bills == list(again.normal_bills())
    assert [bill.due_paisa for bill in bills] != [bill.due_paisa for bill in other.normal_bills()]


def test_every_normal_account_has_one_bill_of_the_month_before(accounts: BrebAccounts) -> None:
    bills = list(accounts.normal_bills())
    assert len(bills) == 500
    for bill in bills:
        assert (bill.year, bill.month) == (2025, 12)
        assert bill.number == f"2512{bill.account}"
        assert account_of(bill.number) == bill.account
        assert bill.issued_on <= OPENED_ON < bill.due_on


def test_most_amounts_have_paisa_and_some_are_whole(accounts: BrebAccounts) -> None:
    amounts = [bill.due_paisa for bill in accounts.normal_bills()]
    whole = sum(amount % 100 == 0 for amount in amounts)
    assert 30 <= whole <= 120
    assert all(12_000 <= amount <= 600_000 for amount in amounts)


def test_the_payable_amount_is_rounded_up_to_whole_taka(accounts: BrebAccounts) -> None:
    for bill in accounts.normal_bills():
        assert 0 <= bill.payable_taka * 100 - bill.due_paisa < 100


def test_range_97_has_three_bills_of_following_months(accounts: BrebAccounts) -> None:
    bills = accounts.bills_of("9700000000999")
    assert [(bill.year, bill.month) for bill in bills] == [(2025, 10), (2025, 11), (2025, 12)]
    assert [accounts.bill_of(bill.account, bill.year, bill.month) for bill in bills] == list(bills)
    assert len({bill.number for bill in bills}) == 3


@pytest.mark.parametrize(
    "account",
    [
        "1003010000500",
        "1003009999999",
        "9200000000000",
        "9400000001000",
        "9900000000000",
        "100301000000",
        "১০০৩০১০০০০০০০",
        "+003010000000",
        "x" * 13,
        "",
    ],
)
def test_other_accounts_are_unknown(accounts: BrebAccounts, account: str) -> None:
    assert accounts.kind(account) is BrebAccountKind.UNKNOWN
    assert accounts.bills_of(account) == ()
    assert accounts.bill_of(account, 2025, 12) is None


@pytest.mark.parametrize("kind", [kind for kind in BrebAccountKind if kind is not BrebAccountKind.NORMAL])
def test_each_kind_of_account_is_known_by_its_first_digits(
    accounts: BrebAccounts, kind: BrebAccountKind
) -> None:
    assert accounts.kind(f"{kind.value}00000000999") is kind
