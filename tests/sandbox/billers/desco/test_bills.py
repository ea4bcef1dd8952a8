from datetime import date, timedelta

import pytest

from sandbox.billers.desco.bills import DescoAccountKind, DescoAccounts, stamps_for

OPENED_ON = date(2026, 3, 10)


@pytest.fixture
def accounts() -> DescoAccounts:
    return DescoAccounts(seed=7, accounts=500, opened_on=OPENED_ON)


def test_the_same_seed_gives_the_same_bills(accounts: DescoAccounts) -> None:
    again = DescoAccounts(seed=7, accounts=500, opened_on=OPENED_ON)
    assert list(accounts.normal_bills()) == list(again.normal_bills())


def test_another_seed_gives_other_bills(accounts: DescoAccounts) -> None:
    other = DescoAccounts(seed=8, accounts=500, opened_on=OPENED_ON)
    assert [bill.total_paisa for bill in accounts.normal_bills()] != [
        bill.total_paisa for bill in other.normal_bills()
    ]


def test_every_normal_account_has_one_bill_with_a_number_of_its_month(accounts: DescoAccounts) -> None:
    bills = list(accounts.normal_bills())
    assert len(bills) == 500
    for bill in bills:
        assert bill.number == f"{bill.month:02d}{bill.year % 100:02d}{bill.account.number}"
        assert (bill.year, bill.month) < (bill.issued_on.year, bill.issued_on.month)
        assert bill.issued_on < bill.due_on


def test_amounts_lie_in_the_promised_range_with_vat_inside(accounts: DescoAccounts) -> None:
    for bill in accounts.normal_bills():
        assert 15_000 <= bill.total_paisa <= 900_000
        assert abs(bill.vat_paisa * 105 - bill.total_paisa * 5) <= 53
        assert abs(bill.late_charge_paisa * 100 - bill.total_paisa * 5) <= 50


def test_about_one_bill_in_ten_is_overdue(accounts: DescoAccounts) -> None:
    overdue = sum(bill.due_on < OPENED_ON for bill in accounts.normal_bills())
    assert 25 <= overdue <= 80


def test_the_late_charge_begins_the_day_after_the_due_day(accounts: DescoAccounts) -> None:
    bill = accounts.bills_of("10000000")[0]
    assert bill.to_be_paid_on(bill.due_on) == bill.total_paisa
    assert bill.to_be_paid_on(bill.due_on + timedelta(days=1)) == bill.total_paisa + bill.late_charge_paisa


def test_no_amount_changes_on_the_days_around_the_opening(accounts: DescoAccounts) -> None:
    for bill in accounts.normal_bills():
        assert bill.to_be_paid_on(OPENED_ON) == bill.to_be_paid_on(OPENED_ON + timedelta(days=2))


def test_range_97_has_three_bills_oldest_first(accounts: DescoAccounts) -> None:
    bills = accounts.bills_of("97009999")
    assert len({bill.number for bill in bills}) == 3
    assert [bill.due_on for bill in bills] == sorted(bill.due_on for bill in bills)
    assert all((bill.year, bill.month) < (bill.issued_on.year, bill.issued_on.month) for bill in bills)
    months = [bill.year * 12 + bill.month for bill in bills]
    assert months == [months[0], months[0] + 1, months[0] + 2]


@pytest.mark.parametrize(
    "account",
    [
        "10000500",
        "09999999",
        "92000000",
        "94010000",
        "90000000",
        "1000000",
        "১০০০০০০০",
        "+1000000",
        "",
        "x" * 8,
    ],
)
def test_other_accounts_are_unknown(accounts: DescoAccounts, account: str) -> None:
    assert not accounts.has_account(account)
    assert accounts.bills_of(account) == ()


def test_a_bill_is_found_by_its_number_alone(accounts: DescoAccounts) -> None:
    for bill in accounts.bills_of("97000000"):
        assert accounts.bill(bill.number) is bill
    assert accounts.bill("000097000000") is None
    assert accounts.bill("97000000") is None


@pytest.mark.parametrize("kind", [kind for kind in DescoAccountKind if kind is not DescoAccountKind.UNKNOWN])
def test_each_kind_of_account_is_known_by_its_first_digits(
    accounts: DescoAccounts, kind: DescoAccountKind
) -> None:
    assert accounts.bills_of(f"{kind.value}000000")[0].account.kind is kind


def test_a_stamp_is_due_above_400_taka_only() -> None:
    assert (stamps_for(40_000), stamps_for(40_001)) == (0, 1)
