from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.book import PaymentState
from sandbox.kit.biller.call_results import (
    BillPaidAlready,
    PaymentRefused,
    PaymentTaken,
    UnknownBill,
    UnpaidBills,
    WrongAmount,
)
from sandbox.kit.biller.faults import MAGIC, BillerFault
from sandbox.kit.biller.institution import AmountRange, AnyAmount, InParts
from sandbox.kit.biller.payment_intake import PaymentOrder
from sandbox.kit.institution.faults import ANYBODY
from tests.sandbox.kit.biller.sample_institutions import Shop, a_house

PLAIN_KINDS = {
    BillerAccountKind.NORMAL,
    BillerAccountKind.UNKNOWN,
    BillerAccountKind.ALREADY_PAID,
    BillerAccountKind.THREE_BILLS,
    BillerAccountKind.AMOUNT_CHANGES,
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("kind", BillerAccountKind)
def test_each_kind_either_misbehaves_or_is_plain(kind: BillerAccountKind) -> None:
    assert (kind in MAGIC) != (kind in PLAIN_KINDS)


def test_a_bill_is_taken_once_and_a_repeat_changes_nothing(shop: Shop) -> None:
    bill = shop.bill()
    order = shop.order(bill)
    assert shop.intake.unpaid_bills_of(bill.number) == (bill,)
    first, second = shop.intake.pay(order), shop.intake.pay(order)
    assert isinstance(first, PaymentTaken)
    assert isinstance(second, PaymentTaken)
    assert (first.is_repeat, second.is_repeat, second.fault) == (False, True, None)
    assert first.payment is second.payment
    assert (second.payment.sends, second.payment.amount_paisa) == (2, bill.base_paisa)
    assert shop.intake.unpaid_bills_of(bill.number) == ()
    assert shop.pay(bill, "T2") == BillPaidAlready()
    assert shop.book.paid_total("a_house", bill.bill_number) == bill.base_paisa


def test_the_lines_of_a_payment_are_those_of_its_bill_that_day(shop: Shop) -> None:
    bill = shop.bill()
    shop.clock.advance(days=60)
    taken = shop.pay(bill)
    assert isinstance(taken, PaymentTaken)
    payment = taken.payment
    assert payment.late_fee_paisa == bill.late_fee_paisa > 0
    assert payment.amount_paisa == bill.base_paisa + bill.late_fee_paisa
    assert (payment.vat_paisa, payment.stamp_paisa) == (bill.vat_paisa, bill.stamp_paisa)
    assert (payment.paid_at, payment.business_date) == ("2026-05-09T06:00:00+00:00", "2026-05-09")


def test_the_same_reference_for_something_else_is_refused_for_ever(shop: Shop) -> None:
    bill, other = shop.bill(), shop.bill(nth=1)
    shop.pay(bill)
    for changes in ({"amount_paisa": 1}, {"bill_number": "x"}, {"number": other.number}):
        assert shop.pay(bill, **changes) == PaymentRefused()
    assert shop.pay(other) == PaymentRefused()
    assert shop.reasons() == ["other"] * 4
    assert shop.intake.status("T2") is None


def test_another_amount_or_bill_is_refused_and_nothing_is_taken(shop: Shop) -> None:
    bill, other = shop.bill(), shop.bill(nth=1)
    assert shop.pay(bill, amount_paisa=bill.base_paisa + 1) == WrongAmount(bill.base_paisa)
    assert shop.pay(bill, bill_number=f"2501{bill.number}") == UnknownBill()
    assert shop.pay(bill, number=other.number) == UnknownBill()
    assert shop.intake.pay(PaymentOrder("T1", 1)) == UnknownBill()
    assert shop.intake.pay(PaymentOrder("T1", 1, number="")) == UnknownBill()
    assert shop.intake.status("T1") is None
    assert isinstance(shop.pay(bill), PaymentTaken)


def test_an_account_stands_for_its_oldest_unpaid_bill_and_a_repeat_for_the_same(shop: Shop) -> None:
    bills = shop.accounts.bills_of(shop.bill(BillerAccountKind.THREE_BILLS).number)
    assert shop.intake.find_unpaid_bills({"customer_no": bills[0].number}) == UnpaidBills(bills)
    paid = []
    for nth, bill in enumerate(bills):
        order = PaymentOrder(f"T{nth}", shop.intake.outstanding_paisa(bill), bill.number)
        for _ in range(2):
            taken = shop.intake.pay(order)
            assert isinstance(taken, PaymentTaken)
            paid.append(taken.payment.bill_number)
    assert paid == [bill.bill_number for bill in bills for _ in range(2)]
    assert shop.intake.find_unpaid_bills({"customer_no": bills[0].number}) == BillPaidAlready()
    assert shop.intake.pay(PaymentOrder("T9", 1, bills[0].number)) == BillPaidAlready()


def test_looking_up_tells_unknown_from_paid(shop: Shop) -> None:
    assert (
        shop.intake.find_unpaid_bills({"customer_no": "23490001", "bill_period": "202601"}) == UnknownBill()
    )
    assert shop.intake.find_unpaid_bills({}) == UnknownBill()
    paid = shop.bill(BillerAccountKind.ALREADY_PAID)
    assert shop.intake.find_unpaid_bills(shop.house.fields_of(paid)) == BillPaidAlready()
    assert shop.pay(paid, amount_paisa=paid.base_paisa) == BillPaidAlready()
    assert shop.intake.has_account(paid.number)
    assert not shop.intake.has_account("23490001")


@pytest.mark.parametrize(
    "kind",
    [
        BillerAccountKind.SLOW,
        BillerAccountKind.LOST_PAID,
        BillerAccountKind.HTML,
        BillerAccountKind.ECHOES_OTHER,
    ],
)
def test_kinds_whose_answer_goes_wrong_are_paid_and_a_repeat_is_plain(
    shop: Shop, kind: BillerAccountKind
) -> None:
    bill = shop.bill(kind)
    order = shop.order(bill)
    first, again = shop.intake.pay(order), shop.intake.pay(order)
    assert isinstance(first, PaymentTaken)
    assert isinstance(again, PaymentTaken)
    assert first.fault is MAGIC[kind]
    assert (again.is_repeat, again.fault) == (True, None)
    told = first.payment.reported_paisa - first.payment.amount_paisa
    assert told == (100 if kind is BillerAccountKind.ECHOES_OTHER else 0)


def test_range_94_drops_the_first_payment_of_each_reference(shop: Shop) -> None:
    bill = shop.bill(BillerAccountKind.LOST_UNPAID)
    assert shop.pay(bill, "T1") == PaymentRefused(BillerFault.LOST_UNPAID)
    assert shop.intake.status("T1") is None
    shop.reopen()
    assert shop.pay(bill, "T2") == PaymentRefused(BillerFault.LOST_UNPAID)
    assert isinstance(shop.pay(bill, "T1"), PaymentTaken)
    assert shop.reasons() == []


def test_range_95_refuses_for_ever(shop: Shop) -> None:
    bill = shop.bill(BillerAccountKind.REFUSES)
    assert [shop.pay(bill), shop.pay(bill)] == [PaymentRefused(), PaymentRefused()]
    assert shop.intake.is_paid(bill) is False


def test_range_99_wants_another_amount_than_was_told(shop: Shop) -> None:
    bill = shop.bill(BillerAccountKind.AMOUNT_CHANGES)
    told = shop.intake.outstanding_paisa(bill)
    assert [shop.pay(bill), shop.pay(bill)] == [WrongAmount(told + 100)] * 2
    assert isinstance(shop.pay(bill, amount_paisa=told + 100), PaymentTaken)


def test_parts_never_come_to_more_than_the_total(tmp_path: Path) -> None:
    shop = Shop(tmp_path, a_house(payment_rule=InParts()))
    bill = shop.bill()
    whole = shop.intake.outstanding_paisa(bill)
    assert shop.pay(bill, amount_paisa=0) == WrongAmount(whole)
    assert shop.pay(bill, amount_paisa=-1) == WrongAmount(whole)
    assert shop.pay(bill, amount_paisa=whole + 1) == WrongAmount(whole)
    parts = [1, 777, 5_000]
    for nth, part in enumerate(parts):
        assert isinstance(shop.pay(bill, f"T{nth}", amount_paisa=part), PaymentTaken)
    left = whole - sum(parts)
    assert shop.intake.outstanding_paisa(bill) == left
    assert shop.pay(bill, "T9", amount_paisa=left + 1) == WrongAmount(left)
    assert isinstance(shop.pay(bill, "T9"), PaymentTaken)
    assert shop.pay(bill, "T10", amount_paisa=1) == BillPaidAlready()
    taken = shop.book.payments_of("a_house")
    assert sum(payment.amount_paisa for payment in taken) == whole
    for one in taken:
        lines = (one.principal_paisa, one.vat_paisa, one.late_fee_paisa, one.stamp_paisa, one.other_paisa)
        assert sum(lines) == one.amount_paisa
        assert min(lines) >= 0


def test_range_99_of_a_house_that_takes_parts_has_less_left_than_was_told(tmp_path: Path) -> None:
    shop = Shop(tmp_path, a_house(payment_rule=InParts()))
    bill = shop.bill(BillerAccountKind.AMOUNT_CHANGES)
    told = shop.intake.outstanding_paisa(bill)
    assert shop.pay(bill) == WrongAmount(told - 100)


def test_any_amount_within_bounds_is_taken_any_number_of_times(tmp_path: Path) -> None:
    takes = AnyAmount(10_000, 1_500_000)
    shop = Shop(tmp_path, a_house(payment_rule=takes, amount=AmountRange(10_000, 500_000, 10_000)))
    for kind in (
        BillerAccountKind.NORMAL,
        BillerAccountKind.ALREADY_PAID,
        BillerAccountKind.THREE_BILLS,
        BillerAccountKind.AMOUNT_CHANGES,
    ):
        number = shop.bill(kind).number
        for amount in (10_000, 1_500_000):
            assert isinstance(shop.intake.pay(PaymentOrder(f"{kind}{amount}", amount, number)), PaymentTaken)
        assert shop.intake.pay(PaymentOrder("T1", 9_999, number)) == WrongAmount(10_000)
        assert shop.intake.pay(PaymentOrder("T1", 1_500_001, number)) == WrongAmount(1_500_000)
        assert shop.intake.unpaid_bills_of(number)
    one = shop.book.payments_of("a_house")[0]
    assert one.vat_paisa == 476
    assert isinstance(
        shop.intake.pay(PaymentOrder(one.reference, one.amount_paisa, one.number)), PaymentTaken
    )


def test_a_cancelled_payment_owes_its_bill_again_and_its_reference_stays_refused(shop: Shop) -> None:
    bill = shop.bill()
    order = shop.order(bill)
    assert shop.intake.cancel("T1") is None
    shop.intake.pay(order)
    shop.clock.advance(days=1)
    cancelled = shop.intake.cancel("T1")
    assert cancelled is not None
    assert (cancelled.state, cancelled.cancelled_on) == (PaymentState.CANCELLED, "2026-03-11")
    shop.clock.advance(days=1)
    assert shop.intake.cancel("T1") is cancelled
    assert cancelled.cancelled_on == "2026-03-11"
    assert shop.intake.pay(order) == PaymentRefused()
    assert shop.intake.unpaid_bills_of(bill.number) == (bill,)
    assert isinstance(shop.pay(bill, "T2"), PaymentTaken)


@pytest.mark.parametrize("fault", [BillerFault.LOST_UNPAID, BillerFault.HTTP_500, BillerFault.CLOSE_BEFORE])
def test_an_ordered_fault_keeps_a_payment_from_being_looked_at(shop: Shop, fault: BillerFault) -> None:
    bill = shop.bill()
    shop.faults.add(ANYBODY, fault, 1)
    shop.faults.add(bill.bill_number, fault, 1)
    assert [shop.pay(bill), shop.pay(bill)] == [PaymentRefused(fault)] * 2
    order = shop.order(bill)
    assert isinstance(shop.intake.pay(order), PaymentTaken)
    shop.faults.add(bill.number, fault, 1)
    assert shop.intake.pay(order) == PaymentRefused(fault)
    assert [one.sends for one in shop.book.payments_of("a_house")] == [1]


def test_a_refusal_never_takes_back_what_was_taken(shop: Shop) -> None:
    bill = shop.bill()
    order = shop.order(bill)
    shop.intake.pay(order)
    shop.faults.add(bill.number, BillerFault.REFUSE, 1)
    assert isinstance(shop.intake.pay(order), PaymentTaken)


def test_asking_calls_are_cut_off_by_close_before_only(shop: Shop) -> None:
    shop.faults.add("1", BillerFault.LOST_PAID, 1)
    shop.faults.add("2", BillerFault.CLOSE_BEFORE, 1)
    shop.faults.add(ANYBODY, BillerFault.CLOSE_BEFORE, 1)
    assert [
        shop.intake.is_connection_cut("2", "1"),
        shop.intake.is_connection_cut("1"),
        shop.intake.is_connection_cut("1"),
    ] == [
        True,
        True,
        False,
    ]


def test_a_bill_that_has_become_overdue_wants_its_late_fee(shop: Shop) -> None:
    bill = shop.bill()
    shop.clock.instant += timedelta(days=40)
    assert shop.pay(bill, amount_paisa=bill.base_paisa) == WrongAmount(bill.base_paisa + bill.late_fee_paisa)
