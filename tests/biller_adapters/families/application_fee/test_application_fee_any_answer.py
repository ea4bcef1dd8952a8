"""Whatever an office answers, nothing is raised, and nothing is approved that is not whole and ours."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import EXAMPLE_REFERENCE, order_for
from ekpay_switch.domain.bill import BillFound
from ekpay_switch.domain.outcome import Approved, NotFound, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.application_fee.land_office_stage import (
    LDTAX,
    QUERY,
    REFERENCE,
    demand_said,
    status_said,
)

NOON = datetime(2025, 10, 20, 6, 0, tzinfo=UTC)
GOOD: dict[str, Any] = json.loads(status_said())
DEMAND: dict[str, Any] = json.loads(demand_said())["demand"]
TEXTS = (
    "0",
    "21",
    "1018.75",
    REFERENCE,
    EXAMPLE_REFERENCE,
    "paid",
    "land-development-tax",
    "",
    "\x00",
    "\ud800",
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(TEXTS)
)
NAMES = st.sampled_from([*GOOD, *DEMAND, "demand", "finalReceiptNo", "code"]) | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
ALMOST_PAID = st.dictionaries(st.sampled_from([*GOOD, "finalReceiptNo"]), LEAVES | DOCUMENTS, max_size=2).map(
    lambda changes: GOOD | changes
)
ALMOST_DEMANDED = st.dictionaries(st.sampled_from([*DEMAND]), LEAVES | DOCUMENTS, max_size=2).map(
    lambda changes: {"code": "0", "demand": DEMAND | changes}
)


@dataclass
class OneAnswer:
    """A wire on which everything is answered with the same body."""

    body: bytes

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(200, {}, self.body)


def office_saying(body: bytes) -> BillerAdapter:
    environ = {LDTAX.secrets.password_setting: "open sesame"}
    return adapter_of(LDTAX, FamilyContext(OneAnswer(body), InMemoryTokens(), StoppedClock(NOON), environ))


@cache
def an_order() -> PayOrder:
    found = asyncio.run(office_saying(demand_said()).fetch(QUERY))
    assert isinstance(found, BillFound)
    return replace(order_for("ldtax", found.bill, date(2025, 10, 20)), send_before=1e9)


def is_ours(document: object) -> bool:
    """Whether it tells of our payment with a receipt, by a reading of our own."""
    if not isinstance(document, dict):
        return False
    named = ("code", "transactionId", "reference", "service", "amount")
    agrees = all(_same(document.get(name), GOOD[name]) for name in named)
    receipt = document.get("receiptNo")
    return agrees and isinstance(receipt, str | int) and not isinstance(receipt, bool) and receipt != ""


def _same(told: object, good: str) -> bool:
    return not isinstance(told, bool) and str(told) in {good, good.removesuffix(".00")}


@given(DOCUMENTS | ALMOST_PAID)
@example(GOOD | {"receiptNo": 0})
def test_an_approval_is_ours_and_whole(document: Any) -> None:  # noqa: ANN401 - anything at all
    order = an_order()

    async def ask() -> None:
        office = office_saying(json.dumps(document).encode())
        outcome, inquiry = await office.pay(order), await office.inquire(order)
        assert not isinstance(outcome, Approved) or is_ours(document)
        assert not isinstance(inquiry, Posted) or document["transactionId"] == EXAMPLE_REFERENCE
        assert not isinstance(inquiry, NotFound) or str(document["code"]) == "21"

    asyncio.run(ask())


@given(DOCUMENTS | ALMOST_DEMANDED)
def test_a_bill_comes_to_what_its_lines_do(document: object) -> None:
    async def ask() -> None:
        found = await office_saying(json.dumps(document).encode()).fetch(QUERY)
        if isinstance(found, BillFound) and not found.bill.is_paid:
            bill = found.bill
            parts = bill.amount.minor + bill.vat.minor + bill.late_fee.minor
            assert parts == bill.total.minor == sum(line.amount.minor for line in bill.charges)
            assert min(bill.amount.minor, bill.late_fee.minor) >= 0 < bill.total.minor

    asyncio.run(ask())
