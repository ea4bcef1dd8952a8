import pytest

from sandbox.billers.nesco.customers import CustomerKind, Fee, LineKind, World, fee_for, line_kinds
from sandbox.billers.nesco.wire import taka


@pytest.fixture
def world() -> World:
    return World(seed=7, customers=500)


def test_the_same_seed_gives_the_same_customers_and_another_others(world: World) -> None:
    again, other = World(seed=7, customers=500), World(seed=8, customers=500)
    numbers = list(world.normal_customers())
    assert len(numbers) == 500
    assert [world.customer(one) for one in numbers] == [again.customer(one) for one in numbers]
    assert [world.customer(one) for one in numbers] != [other.customer(one) for one in numbers]


def test_digits_follow_from_seed_and_transaction_and_never_repeat(world: World) -> None:
    lines = world.digits("260310120000000001", 12)
    assert lines == World(seed=7, customers=1).digits("260310120000000001", 12)
    assert len(set(lines)) == 12
    assert all(len(line) == 20 and line.isdigit() for line in lines)
    assert set(lines).isdisjoint(World(seed=8, customers=1).digits("260310120000000001", 12))
    assert set(lines).isdisjoint(world.digits("260310120000000002", 12))


@pytest.mark.parametrize("amount", [1, 99, 5_000, 9_999, 50_000, 12_345_678])
def test_no_line_but_the_rebate_is_negative_and_nothing_is_lost(world: World, amount: int) -> None:
    for number in list(world.normal_customers())[:100]:
        customer = world.customer(number)
        assert customer is not None
        fee = fee_for(customer, amount)
        assert fee.purchase == amount == sum(fee[1:])
        assert fee.rebate <= 0
        assert min(fee._replace(rebate=0)) >= 0


def test_some_customers_pay_off_a_debt(world: World) -> None:
    customers = [world.customer(number) for number in world.normal_customers()]
    debtors = [one for one in customers if one is not None and one.debt_paisa]
    assert 50 <= len(debtors) <= 150
    assert all(fee_for(one, 100_000).debt == one.debt_paisa for one in debtors)


@pytest.mark.parametrize(
    "number", ["10000500", "09999999", "92000000", "94001000", "97000000", "1000000", "১০০০০০০০", "x" * 8, ""]
)
def test_other_customers_are_unknown(world: World, number: str) -> None:
    assert world.customer(number) is None


@pytest.mark.parametrize(
    "kind", [kind for kind in CustomerKind if kind not in {CustomerKind.NORMAL, CustomerKind.UNKNOWN}]
)
def test_each_kind_of_customer_is_known_by_its_first_digits(world: World, kind: CustomerKind) -> None:
    customer = world.customer(f"{kind.value}000999")
    assert customer is not None
    assert customer.kind is kind
    assert line_kinds(kind)[-1] is LineKind.CREDIT


def test_a_customer_once_quoted_for_is_known_when_the_world_has_become_smaller(world: World) -> None:
    assert World(seed=7, customers=1).customer_of_old("10000499") == world.customer("10000499")


def test_amounts_are_written_with_their_sign() -> None:
    amounts = Fee(123_450, 5, 0, -105, -5, 100, -100, 1, -1)
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
