import pytest

from sandbox.billers.nesco.customers import (
    CustomerKind,
    NescoCustomers,
    NescoLineKind,
    PurchaseBreakdown,
    break_down_purchase,
    line_kinds,
)
from sandbox.billers.nesco.wire import taka


@pytest.fixture
def customers() -> NescoCustomers:
    return NescoCustomers(seed=7, customers=500)


def test_the_same_seed_gives_the_same_customers_and_another_others(customers: NescoCustomers) -> None:
    again, other = NescoCustomers(seed=7, customers=500), NescoCustomers(seed=8, customers=500)
    numbers = list(customers.normal_customers())
    assert len(numbers) == 500
    assert [customers.customer(one) for one in numbers] == [again.customer(one) for one in numbers]
    assert [customers.customer(one) for one in numbers] != [other.customer(one) for one in numbers]


def test_digits_follow_from_seed_and_transaction_and_never_repeat(customers: NescoCustomers) -> None:
    lines = customers.digits("260310120000000001", 12)
    assert lines == NescoCustomers(seed=7, customers=1).digits("260310120000000001", 12)
    assert len(set(lines)) == 12
    assert all(len(line) == 20 and line.isdigit() for line in lines)
    assert set(lines).isdisjoint(NescoCustomers(seed=8, customers=1).digits("260310120000000001", 12))
    assert set(lines).isdisjoint(customers.digits("260310120000000002", 12))


@pytest.mark.parametrize("amount", [1, 99, 5_000, 9_999, 50_000, 12_345_678])
def test_no_line_but_the_rebate_is_negative_and_nothing_is_lost(
    customers: NescoCustomers, amount: int
) -> None:
    for number in list(customers.normal_customers())[:100]:
        customer = customers.customer(number)
        assert customer is not None
        fee = break_down_purchase(customer, amount)
        assert fee.purchase == amount == sum(fee[1:])
        assert fee.rebate <= 0
        assert min(fee._replace(rebate=0)) >= 0


def test_some_customers_pay_off_a_debt(customers: NescoCustomers) -> None:
    listed = [customers.customer(number) for number in customers.normal_customers()]
    debtors = [one for one in listed if one is not None and one.debt_paisa]
    assert 50 <= len(debtors) <= 150
    assert all(break_down_purchase(one, 100_000).debt == one.debt_paisa for one in debtors)


@pytest.mark.parametrize(
    "number", ["10000500", "09999999", "92000000", "94001000", "97000000", "1000000", "১০০০০০০০", "x" * 8, ""]
)
def test_other_customers_are_unknown(customers: NescoCustomers, number: str) -> None:
    assert customers.customer(number) is None


@pytest.mark.parametrize(
    "kind", [kind for kind in CustomerKind if kind not in {CustomerKind.NORMAL, CustomerKind.UNKNOWN}]
)
def test_each_kind_of_customer_is_known_by_its_first_digits(
    customers: NescoCustomers, kind: CustomerKind
) -> None:
    customer = customers.customer(f"{kind.value}000999")
    assert customer is not None
    assert customer.kind is kind
    assert line_kinds(kind)[-1] is NescoLineKind.CREDIT


def test_a_customer_once_quoted_for_is_known_when_the_world_has_become_smaller(
    customers: NescoCustomers,
) -> None:
    assert NescoCustomers(seed=7, customers=1).customer_of_old("10000499") == customers.customer("10000499")


def test_amounts_are_written_with_their_sign() -> None:
    amounts = PurchaseBreakdown(123_450, 5, 0, -105, -5, 100, -100, 1, -1)
    assert [taka(one) for one in amounts] == [
        "1234.50",
        "0.05",
        "0.00",
        "-1.05",
        "-0.05",
        "1.00",
        "-1.00",
        "0.01",
        "-0.01",
    ]
