"""Refunds of bills whose biller takes nothing back: two persons, and an account that they name."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import UNNAMED, Bearer, Burden
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.refunds.staff_actions import BearerError, RefundRefusedError
from ekpay_switch.ports.collections import RefundView
from tests.persistence.collections.collection_setup import Till
from tests.persistence.refunds.refund_setup import (
    BILLED,
    CONSENTED,
    DAYS_MAX,
    DELIVERED,
    NO,
    OUR_LOSS,
    PARTS_MAX,
    UNDOABLE,
    Office,
    open_office,
    wanted,
)

ASKS, AGREES = "Rahima", "Karim"
PART = 40_000
PAYABLE = "payable:desco_postpaid"


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    """An office whose books are proven once the test is through."""
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


async def _asked(office: Office, burden: Burden) -> RefundView:
    paid = await office.completed()
    return await office.desk.request(
        paid.payment_id, Money(PART), "paid twice", ASKS, PARTS_MAX, DAYS_MAX, burden=burden
    )


async def _approved(office: Office, burden: Burden) -> RefundView:
    return await office.desk.approve((await _asked(office, burden)).refund_id, AGREES)


async def test_a_final_payment_is_refunded_to_nobody_alone(office: Office) -> None:
    paid = await office.completed()
    assert await office.ask(wanted(paid.payment_id, 1, burden=UNNAMED)) is RefundRefusal.FINAL
    assert await office.books.count("refunds") == 0
    assert await office.till.balances() == DELIVERED


async def test_staff_has_to_name_who_bears_it(office: Office) -> None:
    paid = await office.completed()
    with pytest.raises(RefundRefusedError, match="payment is final"):
        await _asked(office, UNNAMED)
    with pytest.raises(RefundRefusedError, match="payment is final"):
        await office.desk.record_chargeback(paid.payment_id, Money(1), "CB-1", ASKS)
    assert await office.books.count("refunds") == 0


async def test_our_loss_is_written_off_and_the_biller_keeps_its_money(office: Office) -> None:
    asked = await _asked(office, OUR_LOSS)
    with pytest.raises(OnePersonError):
        await office.desk.approve(asked.refund_id, ASKS)
    assert await office.till.balances() == DELIVERED

    await office.desk.approve(asked.refund_id, AGREES)

    assert await office.till.balances() == DELIVERED | {"write_off": PART, "refund_due:bkash": -PART}
    await office.done(asked.refund_id)
    row = await office.row(asked.refund_id)
    assert (row["bearer"], row["consent"], row["approved_by"]) == ("our_loss", None, AGREES)
    assert (await office.till.balances())[PAYABLE] == -BILLED


async def test_a_biller_that_consents_is_owed_less_and_its_consent_is_kept(office: Office) -> None:
    view = await _approved(office, CONSENTED)
    after = DELIVERED | {PAYABLE: PART - BILLED, "refund_due:bkash": -PART}
    assert await office.till.balances() == after
    row = await office.row(view.refund_id)
    assert (row["bearer"], row["consent"]) == ("consent", "DESCO/2026/117")


@pytest.mark.parametrize("burden", [OUR_LOSS, CONSENTED, UNDOABLE])
async def test_whoever_bore_it_has_it_again_where_the_connector_refuses(
    office: Office, burden: Burden
) -> None:
    view = await _approved(office, burden)
    await office.record(await office.sent(view.refund_id), NO)
    assert await office.till.balances() == DELIVERED


async def test_a_chargeback_of_a_final_payment_is_our_loss_where_staff_says_so(office: Office) -> None:
    paid = await office.completed()
    view = await office.desk.record_chargeback(paid.payment_id, Money(BILLED), "CB-1", ASKS, OUR_LOSS)
    await office.desk.approve(view.refund_id, AGREES)
    after = await office.till.balances()
    assert (after[PAYABLE], after["write_off"], after.get("refund_due:bkash", 0)) == (-BILLED, BILLED, 0)


@pytest.mark.parametrize(
    "burden", [Burden(bearer=Bearer.CONSENT), Burden(bearer=Bearer.CONSENT, consent=" "), Burden(consent="X")]
)
async def test_a_consent_and_its_reference_go_together(office: Office, burden: Burden) -> None:
    with pytest.raises(BearerError, match="reference"):
        await _asked(office, burden)
    paid = await office.completed()
    with pytest.raises(BearerError, match="reference"):
        await office.desk.record_chargeback(paid.payment_id, Money(1), "CB-1", ASKS, burden)


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ("bearer = 'our_loss'", "named_bearer"),
        ("bearer = 'consent'", "consent"),
        ("bearer = 'consent', consent = ''", "consent"),
        ("consent = 'X'", "consent"),
        ("bearer = 'nobody'", "bearer"),
    ],
)
async def test_the_database_refuses_a_bearer_that_one_person_named(
    office: Office, change: str, condition: str
) -> None:
    paid = await office.completed()
    view = await office.take(paid, PART)
    with pytest.raises(asyncpg.CheckViolationError, match=f"ck_refunds_{condition}"):
        await office.books.tell(f"UPDATE refunds SET {change} WHERE id = $1", view.refund_id)  # noqa: S608
