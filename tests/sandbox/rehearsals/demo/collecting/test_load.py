"""When a payment of a demo stands as its course wants, and when its payer has to pay once more."""

from typing import Any

import pytest

from sandbox.callers.client.messages import payment_of
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.collecting.load import CollectedPayment
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse, PayerOrder
from tests.sandbox.callers.client.stub_rest_v1 import PAYMENT, REFUND

BETWEEN_TRIES = {"next_action": None, "next_check_at": PAYMENT["pay_until"]}


def collected(
    course: CollectionCourse,
    *refunds: str,
    paid_anew: int = 0,
    gives_back: bool = True,
    **told: Any,  # noqa: ANN401 - of any member
) -> CollectedPayment:
    bill = Payable("b025", "1", (), 125_000)
    order = PayerOrder(course, "nagad", bill, "1", "2", gives_back=gives_back)
    back = [REFUND | {"payment_id": PAYMENT["id"], "status": status} for status in refunds]
    return CollectedPayment(order, "key", payment_of(PAYMENT | {"refunds": back} | told), paid_anew)


@pytest.mark.parametrize(
    ("course", "status", "refunds", "is_right"),
    [
        (CollectionCourse.PLAIN, "paid", (), True),
        (CollectionCourse.PLAIN, "failed", (), False),
        (CollectionCourse.PLAIN, "paid", ("done",), False),
        (CollectionCourse.CANCELLED, "failed", (), True),
        (CollectionCourse.REFUND_PART, "paid", ("done",), True),
        (CollectionCourse.REFUND_PART, "paid", ("pending",), False),
        (CollectionCourse.REFUND_PARTS, "paid", ("done", "done"), False),
        (CollectionCourse.PAID_TOO_LATE, "failed", (), False),
        (CollectionCourse.PAID_TOO_LATE_BY_HAND, "failed", ("pending",), True),
        (CollectionCourse.BILLER_REFUSES_BY_HAND, "refund_pending", ("pending",), True),
    ],
)
def test_a_payment_is_settled_when_it_and_its_refunds_stand_as_the_course_wants(
    course: CollectionCourse, status: str, refunds: tuple[str, ...], *, is_right: bool
) -> None:
    assert collected(course, *refunds, status=status).is_as_expected is is_right


@pytest.mark.parametrize(
    ("course", "status", "refund", "gives_back", "is_right"),
    [
        (CollectionCourse.PLAIN, "refunded", "done", True, True),
        (CollectionCourse.REFUND_PARTS, "refunded", "done", True, True),
        (CollectionCourse.PLAIN, "refund_pending", "pending", True, False),
        (CollectionCourse.PLAIN, "refund_pending", "pending", False, True),
        (CollectionCourse.PLAIN, "refunded", "failed", True, False),
        (CollectionCourse.CANCELLED, "refunded", "done", True, False),
    ],
)
def test_a_biller_may_refuse_whatever_is_paid_and_then_all_is_back_or_owed(
    course: CollectionCourse, status: str, refund: str, *, gives_back: bool, is_right: bool
) -> None:
    refused = collected(course, refund, status=status, reason="biller_refused", gives_back=gives_back)
    assert refused.is_as_expected is is_right
    expired = collected(course, refund, status=status, reason="expired", gives_back=gives_back)
    assert not expired.is_as_expected


def test_a_payer_pays_anew_where_nothing_else_can_bring_money() -> None:
    assert collected(CollectionCourse.PLAIN, **BETWEEN_TRIES).needs_further_try
    assert collected(CollectionCourse.BILLER_REFUSES, **BETWEEN_TRIES).needs_further_try


@pytest.mark.parametrize(
    "one",
    [
        collected(CollectionCourse.PLAIN),
        collected(CollectionCourse.PLAIN, next_action=None),
        collected(CollectionCourse.PLAIN, **BETWEEN_TRIES, status="failed"),
        collected(CollectionCourse.PLAIN, **BETWEEN_TRIES, paid_anew=3),
        collected(CollectionCourse.LAPSED, **BETWEEN_TRIES),
        collected(CollectionCourse.OTHER_AMOUNT, **BETWEEN_TRIES),
    ],
    ids=["page open", "being asked about", "over", "often enough", "not to be paid", "in review"],
)
def test_nobody_pays_anew_where_money_may_come_or_must_not(one: CollectedPayment) -> None:
    assert not one.needs_further_try
