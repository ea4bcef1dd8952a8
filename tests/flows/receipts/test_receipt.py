"""A receipt from the books: who has one, what it says, and what it keeps to itself."""

from dataclasses import fields, replace
from datetime import date
from uuid import UUID

import pytest

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.flows.receipts.receipt import Name, Purchase, Receipt, ReceiptStatus, mask_name, receipt_of
from ekpay_switch.ports.receipts import PaidPayment
from tests.fakes.receipts import (
    PAID_AT,
    PAYMENT_ID,
    SUMS,
    FakeReceipts,
    a_merchants_payment,
    a_paid_bill,
    a_paid_order,
)
from tests.fakes.world import SmallWorld

UNSETTLED = sorted(set(State) - {State.COMPLETED, State.REFUNDED})


async def receipt_for(paid: PaidPayment, small: SmallWorld | None = None) -> Receipt | None:
    world, receipts = (small or SmallWorld()).world, FakeReceipts()
    receipts.put(paid)
    return await receipt_of(paid.payment_id, receipts, world.billers, world.connectors)


async def a_receipt(paid: PaidPayment, small: SmallWorld | None = None) -> Receipt:
    receipt = await receipt_for(paid, small)
    assert receipt is not None
    return receipt


async def test_a_merchants_receipt_says_who_was_paid_for_what_when_and_how() -> None:
    receipt = await a_receipt(a_merchants_payment())
    assert receipt == Receipt(
        payment_id=PAYMENT_ID,
        status=ReceiptStatus.VALID,
        payee=Name("ইকশপ", "ekShop"),
        is_merchant=True,
        purchase=Purchase(
            order_id="ORD-42", details="২টি নকশিকাঁথা", customer="R*** K***", mobile="*******5678"
        ),
        sums=SUMS,
        refunded=Money(0),
        on_its_way=Money(0),
        paid_at=PAID_AT,
        instrument=Name("বিকাশ", "bKash"),
        transaction="EKP260301A1B2C3D4",
        merchant_transaction="ES20260301000042",
        connector_transaction="AK7XQ2LM9P",
    )
    assert receipt.paid_on == date(2026, 3, 2)


async def test_a_bills_receipt_names_the_biller_and_masks_the_account() -> None:
    small = SmallWorld()
    receipt = await a_receipt(a_paid_bill(), small)
    assert receipt.payee == Name(small.biller.profile.name_bn, small.biller.profile.name_en)
    assert not receipt.is_merchant
    assert receipt.purchase == Purchase(bill_number="********5678", account="****5678", proof="DESCO-7781")
    assert (receipt.transaction, receipt.merchant_transaction) == ("R" * 26, "")


async def test_a_final_receipt_that_came_later_is_on_it() -> None:
    receipt = await a_receipt(a_paid_bill(facts={"receipt": "INTERIM-1", "final_receipt": "DAKHILA-2"}))
    assert (receipt.purchase.proof, receipt.purchase.final_proof) == ("INTERIM-1", "DAKHILA-2")


async def test_a_bill_of_which_little_is_known_has_a_receipt_too() -> None:
    receipt = await a_receipt(a_paid_bill(bill={"number": None}, facts={}))
    assert receipt.purchase == Purchase()


async def test_a_number_that_buys_a_service_is_masked() -> None:
    """Whoever reads it off a receipt that hangs on a wall could use the service up."""
    small = SmallWorld()
    small.biller.profile = replace(small.biller.profile, has_unique_receipt=True)
    receipt = await a_receipt(a_paid_bill(facts={"receipt": "CHALLAN12345678"}), small)
    assert receipt.purchase.proof == "***********5678"


async def test_a_biller_and_a_connector_that_are_gone_are_called_by_their_ids() -> None:
    gone = a_paid_bill(biller_id="old_biller", connector_id="old_wallet", facts={"receipt": "12345678"})
    receipt = await a_receipt(gone)
    assert receipt.payee == Name("old_biller", "old_biller")
    assert receipt.instrument == Name("old_wallet", "old_wallet")
    assert receipt.purchase.proof == "****5678"


# ---- whether it holds


async def test_a_payment_that_is_not_known_has_none() -> None:
    world = SmallWorld().world
    assert await receipt_of(UUID(int=9), FakeReceipts(), world.billers, world.connectors) is None


@pytest.mark.parametrize("state", UNSETTLED)
async def test_a_payment_that_was_never_completed_has_none(state: State) -> None:
    assert await receipt_for(a_merchants_payment(state=state, was_completed=False)) is None


@pytest.mark.parametrize("state", UNSETTLED)
async def test_what_moves_again_after_it_was_completed_cannot_be_told(state: State) -> None:
    receipt = await a_receipt(a_merchants_payment(state=state))
    assert receipt.status is ReceiptStatus.UNKNOWN


@pytest.mark.parametrize("was_completed", [True, False])
async def test_a_payment_that_went_back_as_a_whole_says_so(*, was_completed: bool) -> None:
    paid = a_paid_bill(state=State.REFUNDED, was_completed=was_completed, refunded=SUMS.total)
    receipt = await a_receipt(paid)
    assert (receipt.status, receipt.refunded) == (ReceiptStatus.REFUNDED, SUMS.total)


@pytest.mark.parametrize(
    ("refunded", "status"),
    [
        (0, ReceiptStatus.VALID),
        (1, ReceiptStatus.PARTLY_REFUNDED),
        (99_999, ReceiptStatus.PARTLY_REFUNDED),
        (100_000, ReceiptStatus.REFUNDED),  # the whole price; its charges were kept
        (102_075, ReceiptStatus.REFUNDED),
    ],
)
async def test_refunds_of_a_completed_payment_are_counted_against_its_price(
    refunded: int, status: ReceiptStatus
) -> None:
    receipt = await a_receipt(a_merchants_payment(refunded=Money(refunded), on_its_way=Money(7)))
    assert (receipt.status, receipt.refunded, receipt.on_its_way) == (status, Money(refunded), Money(7))


async def test_a_rounded_bill_is_refunded_when_the_rounding_is_back_too() -> None:
    sums = Sums(Money(100_030), Money(0), Money(0), Money(0), rounding=Money(70))
    partly = await a_receipt(a_paid_bill(sums=sums, refunded=Money(100_030)))
    wholly = await a_receipt(a_paid_bill(sums=sums, refunded=Money(100_100)))
    assert (partly.status, wholly.status) == (ReceiptStatus.PARTLY_REFUNDED, ReceiptStatus.REFUNDED)


async def test_a_refund_on_its_way_leaves_the_receipt_valid() -> None:
    receipt = await a_receipt(a_merchants_payment(on_its_way=Money(100_000)))
    assert receipt.status is ReceiptStatus.VALID


# ---- what it keeps to itself


async def test_nothing_that_names_the_payer_is_whole_on_a_receipt() -> None:
    secrets = {
        "customer": "Rahela Khatun",
        "mobile": "01712345678",
        "details": "For Rahela.Khatun@example.com, call 01712-345678 or ০১৭১২৩৪৫৬৭৮; account 2050123456789",
    }
    receipt = await a_receipt(a_merchants_payment(order=a_paid_order(**secrets)))
    told = " ".join(str(getattr(receipt.purchase, one.name)) for one in fields(Purchase))
    for secret in ("Khatun", "01712345678", "01712-345678", "০১৭১২৩৪৫৬৭৮", "2050123456789", "@"):
        assert secret not in told, secret


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("Rahela Khatun", "R*** K***"),
        ("  মোঃ  আব্দুল করিম ", "ম*** আ*** ক***"),
        ("X", "X***"),
        ("", ""),
        (" ", ""),
    ],
)
def test_a_name_is_shown_by_its_first_letters(name: str, masked: str) -> None:
    assert mask_name(name) == masked
