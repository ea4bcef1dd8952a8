"""An alarm that is open at the end of a demo has a cause that the demo made, or nobody can explain it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.collecting.load import CollectedPayment
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse, PayerOrder
from sandbox.rehearsals.demo.comparison.biller_books import Disagreement
from sandbox.rehearsals.demo.deciding.open_alarms import DemoCauses

PAYMENT = "01a226cb-0c62-757c-8ec8-1f36dff6cbdb"
NAME = f"pay_{PAYMENT.replace('-', '')}"
CONTRADICTION = [Disagreement(f"payment {NAME}", "it says 5 and holds 4")]


def _alarm(kind: str, payment_id: str | None = PAYMENT) -> dict[str, Any]:
    return {"kind": kind, "subject": f"payment {payment_id}", "payment_id": payment_id, "facts": {}}


def _paid(course: CollectionCourse, *, gives_back: bool = True) -> dict[str, CollectedPayment]:
    bill = Payable("b025", "1", ({},), 100)
    order = PayerOrder(course, "nagad", bill, "1", "2", is_sent_twice=False, gives_back=gives_back)
    return {NAME: cast("CollectedPayment", SimpleNamespace(order=order))}


def _cause(causes: DemoCauses, alarm: dict[str, Any]) -> str:
    (explained,) = causes.open_alarms([alarm])
    return explained.cause


@pytest.mark.parametrize("kind", ["amount_echo_mismatch", "collected_mismatch", "payment_in_review"])
def test_a_review_is_explained_by_a_contradiction(kind: str) -> None:
    assert _cause(DemoCauses(CONTRADICTION, {}, {}), _alarm(kind)) == "it says 5 and holds 4"
    assert not _cause(DemoCauses([], {}, {}), _alarm(kind))


@pytest.mark.parametrize(
    ("course", "gives_back", "is_explained"),
    [
        (CollectionCourse.PLAIN, False, True),
        (CollectionCourse.REFUND_OWED, True, True),
        (CollectionCourse.OTHER_AMOUNT, True, True),
        (CollectionCourse.PLAIN, True, False),
        (CollectionCourse.REFUND_WHOLE, True, False),
    ],
)
def test_a_refund_by_hand_is_explained_by_its_connector_or_its_course(
    course: CollectionCourse, *, gives_back: bool, is_explained: bool
) -> None:
    causes = DemoCauses([], _paid(course, gives_back=gives_back), {})
    assert bool(_cause(causes, _alarm("refund_needs_a_person"))) is is_explained


@pytest.mark.parametrize(
    ("entry", "paisa", "is_explained"),
    [("e1", 500, True), ("e1", 501, False), ("e2", 500, False), ("e2", 0, False)],
)
def test_money_in_suspense_is_explained_by_a_payout_of_this_amount(
    entry: str, paisa: int, *, is_explained: bool
) -> None:
    alarm = _alarm("money_in_suspense", None) | {"subject": f"entry {entry}", "amount": paisa}
    cause = _cause(DemoCauses([], {}, {}, {"e1": ("bkash", 500)}), alarm)
    assert cause == ("bkash has paid out more than is agreed with it" if is_explained else "")


def test_a_host_is_explained_by_what_was_done_to_it() -> None:
    assert _cause(DemoCauses([], _paid(CollectionCourse.HOST_LATE), {}), _alarm("late_approval")) == (
        "nagad: host heard after the reversal"
    )
    assert not _cause(DemoCauses([], _paid(CollectionCourse.PLAIN), {}), _alarm("late_approval"))


@pytest.mark.parametrize("kind", ["late_success", "delivery_stuck", "receipt_missing", "shut_out"])
def test_whatever_the_demo_decides_itself_has_no_cause_to_stay_open(kind: str) -> None:
    causes = DemoCauses(CONTRADICTION, _paid(CollectionCourse.REFUND_OWED, gives_back=False), {})
    assert not _cause(causes, _alarm(kind))
    assert not _cause(causes, _alarm(kind, None))


@pytest.mark.parametrize(("count", "is_explained"), [("2", True), ("3", False), ("1", False)])
def test_open_breaks_are_explained_by_as_many_as_the_nights_left(count: str, *, is_explained: bool) -> None:
    causes = DemoCauses([], {}, {"agrani": 2})
    alarm = {"kind": "breaks_open", "payment_id": None, "facts": {"breaks": count}}
    assert bool(_cause(causes, alarm | {"subject": "breaks agrani"})) is is_explained
    assert not _cause(causes, alarm | {"subject": "breaks nagad"})


def test_a_citizen_whose_connector_gives_nothing_back_is_a_cause_for_refunds_only() -> None:
    causes = DemoCauses([], {}, {}, owed={PAYMENT: "ebl"})
    assert "ebl gives nothing back to a citizen" in _cause(causes, _alarm("refund_needs_a_person"))
    assert not _cause(causes, _alarm("late_approval"))
    assert not _cause(DemoCauses([], {}, {}), _alarm("refund_needs_a_person"))
