from datetime import timedelta

import pytest

from sandbox.kit.biller.accounts import NORMAL_MAX
from sandbox.kit.biller.bills import (
    AmountSplitRules,
    BillerAccountKind,
    BillPeriod,
    SimulatedBill,
    split_amount,
    split_part_payment,
)
from sandbox.kit.biller.institution import BillerDataError, FeeByChoice, FixedFee
from sandbox.kit.biller.templates import UnknownPlaceError
from tests.sandbox.kit.biller.sample_institutions import HOUSE, OPENED_ON, a_house, a_world

FEES = FeeByChoice({"regular": 402_500, "express": 632_500}, parameter="delivery")


def bills(kind: BillerAccountKind = BillerAccountKind.NORMAL, nth: int = 0) -> tuple[SimulatedBill, ...]:
    return a_world().bills_of(a_world().number_of(kind, nth) or "")


def is_issued_after_its_month(bill: SimulatedBill) -> bool:
    return bill.period < (bill.issued_on.year, bill.issued_on.month)


def test_the_same_seed_gives_the_same_bills_and_a_house_of_another_name_others() -> None:
    numbers = list(a_world().normal_numbers())
    assert len(numbers) == 200
    first = [a_world().bills_of(number) for number in numbers]
    assert first == [a_world().bills_of(number) for number in numbers]
    other = a_world(a_house(id="another_house"))
    assert [one.base_paisa for (one,) in first] != [other.bills_of(n)[0].base_paisa for n in numbers]


def test_the_lines_sum_to_an_amount_within_the_range() -> None:
    accounts = a_world()
    for number in accounts.normal_numbers():
        (bill,) = accounts.bills_of(number)
        assert 15_000 <= bill.base_paisa <= 900_000
        assert bill.stamp_paisa == (1_000 if bill.base_paisa > 40_000 else 0)
        assert abs(bill.vat_paisa * 105 - (bill.base_paisa - bill.stamp_paisa) * 5) <= 53
        assert sum(bill.lines_on(bill.due_on)) == bill.total_on(bill.due_on) == bill.base_paisa


def test_a_late_fee_begins_the_day_after_the_due_day() -> None:
    (bill,) = bills()
    late = bill.due_on + timedelta(days=1)
    assert bill.late_fee_paisa > 0
    assert bill.total_on(late) == sum(bill.lines_on(late)) == bill.base_paisa + bill.late_fee_paisa


def test_no_amount_changes_on_the_days_around_the_opening() -> None:
    accounts = a_world()
    for number in accounts.normal_numbers():
        (bill,) = accounts.bills_of(number)
        assert bill.total_on(OPENED_ON) == bill.total_on(OPENED_ON + timedelta(days=2))


@pytest.mark.parametrize("kind", BillerAccountKind)
def test_each_kind_is_known_by_its_serial_and_has_so_many_accounts(kind: BillerAccountKind) -> None:
    accounts = a_world()
    count = 200 if kind is BillerAccountKind.NORMAL else 999 if kind is BillerAccountKind.UNKNOWN else 1_000
    first, last = accounts.number_of(kind, 0), accounts.number_of(kind, count - 1)
    assert first is not None
    assert last is not None
    assert accounts.kind(first) is accounts.kind(last) is kind
    assert bool(accounts.bills_of(first)) == (kind is not BillerAccountKind.UNKNOWN)
    assert accounts.number_of(kind, count) is None
    assert accounts.number_of(kind, -1) is None


@pytest.mark.parametrize(
    "number",
    [
        "",
        "23400000",
        "23400201",
        "23490000",
        "2340001",
        "234000001",
        "23500001",
        "234\u09e6\u09e6\u09e6\u09e6\u09e7",
        "+3400001",
    ],
)
def test_other_numbers_are_unknown(number: str) -> None:
    accounts = a_world()
    assert accounts.kind(number) is BillerAccountKind.UNKNOWN
    assert accounts.bills_of(number) == ()
    assert accounts.bill(f"2602{number}") is None


def test_more_accounts_than_there_are_serials_leave_the_odd_ones_alone() -> None:
    accounts = a_world(accounts=10 * NORMAL_MAX)
    assert accounts.kind(HOUSE.number_of(NORMAL_MAX)) is BillerAccountKind.NORMAL
    assert accounts.kind(HOUSE.number_of(NORMAL_MAX + 1)) is BillerAccountKind.UNKNOWN
    assert accounts.kind(HOUSE.number_of(91_000)) is BillerAccountKind.ALREADY_PAID


def test_range_98_has_three_bills_of_following_months_oldest_first() -> None:
    three = bills(BillerAccountKind.THREE_BILLS)
    months = [bill.period.year * 12 + bill.period.month for bill in three]
    assert months == [months[0], months[0] + 1, months[0] + 2]
    assert [bill.due_on for bill in three] == sorted(bill.due_on for bill in three)
    assert len({bill.bill_number for bill in three}) == 3
    assert all(is_issued_after_its_month(bill) for bill in three)


def test_the_three_bills_of_a_quarterly_house_are_of_three_quarters() -> None:
    accounts = a_world(a_house(months_apart=3, fields={"holding_no": "{number}", "quarter": "{quarter}"}))
    three = accounts.bills_of(HOUSE.number_of(98_000))
    assert len({bill.period.quarter for bill in three}) == 3
    assert all(is_issued_after_its_month(bill) for bill in three)
    assert accounts.find_bills(accounts.institution.fields_of(three[1])) == (three[1],)


def test_a_house_whose_bills_have_the_number_of_the_account_has_one_bill_each() -> None:
    accounts = a_world(a_house(bill_number="{number}"))
    (bill,) = accounts.bills_of(HOUSE.number_of(98_000))
    assert bill.bill_number == bill.number
    assert accounts.bill(bill.number) == bill


def test_a_bill_is_found_by_its_number_alone() -> None:
    accounts = a_world()
    for bill in bills(BillerAccountKind.THREE_BILLS):
        assert accounts.bill(bill.bill_number) == bill
        assert accounts.bill(f"0001{bill.number}") is None


def test_parameters_name_the_bills_that_agree_with_all_of_them() -> None:
    accounts, (oldest, *_) = a_world(), bills(BillerAccountKind.THREE_BILLS)
    fields = HOUSE.fields_of(oldest)
    assert fields == {"customer_no": oldest.number, "bill_period": "{:04d}{:02d}".format(*oldest.period)}
    assert accounts.find_bills(fields) == (oldest,)
    assert len(accounts.find_bills({"customer_no": oldest.number})) == 3
    assert accounts.find_bills(fields | {"bill_period": "209901"}) == ()
    assert accounts.find_bills({"bill_period": fields["bill_period"]}) == ()
    assert accounts.find_bills(fields | {"unheard_of": "1"}) == (oldest,)


def test_a_second_group_names_the_same_bills_and_a_free_parameter_none() -> None:
    house = a_house(
        fields={"customer_no": "{number}", "mobile": "017000{serial}", "amount": "{taka}"},
        alternative_fields={"bill_no": "{bill_number}"},
        unchecked_fields=frozenset({"mobile", "amount"}),
    )
    accounts = a_world(house)
    (bill,) = accounts.bills_of(HOUSE.number_of(7))
    assert (
        accounts.find_bills({"bill_no": bill.bill_number})
        == accounts.find_bills({"customer_no": bill.number})
        == (bill,)
    )
    assert accounts.find_bills({"bill_no": bill.bill_number, "customer_no": HOUSE.number_of(8)}) == ()
    assert accounts.find_bills({"customer_no": bill.number, "mobile": "01899999999", "amount": "1.00"}) == (
        bill,
    )
    assert accounts.find_bills({"mobile": "01700000007"}) == ()
    told = house.fields_of(bill, reported_paisa=12_345)
    assert (told["mobile"], told["amount"]) == ("01700000007", "123.45")


def test_a_fee_follows_what_the_payer_chose() -> None:
    accounts = a_world(a_house(amount=FEES, fields={"customer_no": "{number}", "delivery": "{choice}"}))
    number = HOUSE.number_of(7)
    (express,) = accounts.bills_of(number, "express")
    assert (express.base_paisa, express.choice) == (632_500, "express")
    assert accounts.find_bills({"customer_no": number, "delivery": "express"}) == (express,)
    assert accounts.find_bills({"customer_no": number, "delivery": "by pigeon"}) == ()
    (drawn,) = accounts.bills_of(number)
    assert drawn.base_paisa == FEES.paisa_by_key[accounts.institution.fields_of(drawn)["delivery"]]
    assert a_world(a_house(amount=FixedFee(23_000))).bills_of(number, "express") == ()


def test_a_fixed_fee_is_everybodys() -> None:
    accounts = a_world(a_house(amount=FixedFee(23_000), lines=AmountSplitRules(vat_bp=1_500)))
    assert {accounts.bills_of(number)[0].vat_paisa for number in accounts.normal_numbers()} == {3_000}


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "234####"},
        {"number": "2#####34#####"},
        {"number": "{yy}#####"},
        {"bill_number": "{yy}{mm}"},
        {"fields": {"bill_period": "{yyyy}"}},
        {"unchecked_fields": frozenset({"customer_no"})},
    ],
)
def test_a_house_that_cannot_work_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BillerDataError, match="a_house"):
        a_house(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"bill_number": "{number}{ward}"},
        {"fields": {"x": "{number}{moon}"}},
        {"alternative_fields": {"x": "{moon}"}},
    ],
)
def test_a_place_that_nothing_fills_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UnknownPlaceError, match=r"ward|moon"):
        a_house(**changes)


@pytest.mark.parametrize(
    ("month", "quarter", "year"),
    [(7, 1, "2026-2027"), (12, 2, "2026-2027"), (1, 3, "2025-2026"), (6, 4, "2025-2026")],
)
def test_the_fiscal_year_begins_in_july(month: int, quarter: int, year: str) -> None:
    period = BillPeriod(2026, month)
    assert (period.quarter, period.fiscal_year) == (quarter, year)


@pytest.mark.parametrize("paisa", [1, 2, 999, 10_001, 63_000])
def test_no_line_of_a_part_is_negative_and_they_sum_to_it(paisa: int) -> None:
    whole = split_amount(63_000, AmountSplitRules(vat_bp=1_500, other_bp=3_000, stamp_paisa=1_000))
    part = split_part_payment(whole, paisa)
    assert sum(part) == paisa
    assert min(part) >= 0
    assert split_part_payment(whole, sum(whole)) == whole
