from datetime import date

import pytest

from sandbox.billers.breb.bills import AccountKind, World, account_of

OPENED_ON = date(2026, 1, 1)


@pytest.fixture
def world() -> World:
    return World(seed=7, accounts=500, opened_on=OPENED_ON)


def test_the_same_seed_gives_the_same_bills_and_another_others(world: World) -> None:
    again, other = (World(seed=seed, accounts=500, opened_on=OPENED_ON) for seed in (7, 8))
    bills = list(world.normal_bills())
    assert bills == list(again.normal_bills())
    assert [bill.due_paisa for bill in bills] != [bill.due_paisa for bill in other.normal_bills()]


def test_every_normal_account_has_one_bill_of_the_month_before(world: World) -> None:
    bills = list(world.normal_bills())
    assert len(bills) == 500
    for bill in bills:
        assert (bill.year, bill.month) == (2025, 12)
        assert bill.number == f"2512{bill.account}"
        assert account_of(bill.number) == bill.account
        assert bill.issued_on <= OPENED_ON < bill.due_on


def test_most_amounts_have_paisa_and_some_are_whole(world: World) -> None:
    amounts = [bill.due_paisa for bill in world.normal_bills()]
    whole = sum(amount % 100 == 0 for amount in amounts)
    assert 30 <= whole <= 120
    assert all(12_000 <= amount <= 600_000 for amount in amounts)


def test_the_payable_amount_is_rounded_up_to_whole_taka(world: World) -> None:
    for bill in world.normal_bills():
        assert 0 <= bill.payable_taka * 100 - bill.due_paisa < 100


def test_range_97_has_three_bills_of_following_months(world: World) -> None:
    bills = world.bills_of("9700000000999")
    assert [(bill.year, bill.month) for bill in bills] == [(2025, 10), (2025, 11), (2025, 12)]
    assert [world.bill_of(bill.account, bill.year, bill.month) for bill in bills] == list(bills)
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
def test_other_accounts_are_unknown(world: World, account: str) -> None:
    assert world.kind(account) is AccountKind.UNKNOWN
    assert world.bills_of(account) == ()
    assert world.bill_of(account, 2025, 12) is None


@pytest.mark.parametrize("kind", [kind for kind in AccountKind if kind is not AccountKind.NORMAL])
def test_each_kind_of_account_is_known_by_its_first_digits(world: World, kind: AccountKind) -> None:
    assert world.kind(f"{kind.value}00000000999") is kind
