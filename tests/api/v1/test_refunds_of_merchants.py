"""Refunds that a merchant asks for: above its limit it takes a second person, and its debt has a limit."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ekpay_switch.domain.merchants.merchant import Share, payee_of
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.refund import RefundState
from tests.api.v1.v1_setup import Shop, Till, a_refund, code_of
from tests.factories import TOTAL
from tests.scenarios.checkout import a_merchant

ALONE_MAX = 40_000


@pytest.fixture
async def sold(till: Till, shop: Shop) -> dict[str, Any]:
    """A payment that was sold by this client."""
    paid: dict[str, Any] = await shop.paid()
    small, payment_id = till.small, UUID(paid["id"].removeprefix("pay_"))
    small.merchants.merchants["bank1"] = a_merchant(partner_id="bank1", refund_limit=Money(ALONE_MAX))
    new = small.tables.collections[payment_id]
    small.tables.collections[payment_id] = replace(new, biller_id=payee_of("bank1"))
    small.tables.shares.open(payment_id, "bank1", [Share("", None, new.sums.amount)])
    small.tables.shares.credit(payment_id, new.sums)
    return paid


@pytest.mark.parametrize(("amount", "takes_two"), [(ALONE_MAX, False), (ALONE_MAX + 1, True)])
async def test_above_its_limit_a_refund_waits_for_a_second_person(
    till: Till, shop: Shop, sold: dict[str, Any], amount: int, *, takes_two: bool
) -> None:
    reply = await shop.refund(sold["id"], a_refund(amount=amount))
    assert (reply.status, reply.plain["status"]) == (201, "pending")
    (kept,) = till.small.tables.refunds.values()
    assert kept.new.needs_approval is takes_two
    assert kept.state is (RefundState.REQUESTED if takes_two else RefundState.APPROVED)
    assert till.small.tables.shares.owed["bank1"] == TOTAL - (0 if takes_two else amount)


async def test_a_merchant_that_is_none_any_more_gives_nothing_back_alone(
    till: Till, shop: Shop, sold: dict[str, Any]
) -> None:
    till.small.merchants.merchants.clear()
    await shop.refund(sold["id"], a_refund(amount=1))
    (kept,) = till.small.tables.refunds.values()
    assert kept.new.needs_approval


async def test_the_limit_is_not_passed_in_small_parts(till: Till, shop: Shop, sold: dict[str, Any]) -> None:
    till.small.tables.shares.refund_limits["bank1"] = ALONE_MAX
    for _ in range(3):
        await shop.refund(sold["id"], a_refund(amount=20_000))
    states = [refund.state for refund in till.small.tables.refunds.values()]
    assert states == [RefundState.APPROVED, RefundState.APPROVED, RefundState.REQUESTED]


async def test_beyond_its_debt_limit_a_merchant_gives_nothing_back(
    till: Till, shop: Shop, sold: dict[str, Any]
) -> None:
    till.small.tables.shares.owed["bank1"] = 100
    reply = await shop.refund(sold["id"], a_refund(amount=101))
    assert (reply.status, code_of(reply)) == (422, "debt_limit_reached")
    assert (await shop.refund(sold["id"], a_refund(amount=100))).status == 201


async def test_a_merchants_payment_is_looked_up_like_any_other(shop: Shop, sold: dict[str, Any]) -> None:
    await shop.refund(sold["id"], a_refund(amount=5))
    shown = await shop.look_up(sold["id"])
    assert (shown["status"], shown["refunded"]) == ("paid", 5)
