"""Whatever the gateway answers, nothing is raised, and nothing counts that is not whole and ours."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.families.mpgs.connector import Mpgs
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    ConfirmedCollection,
    NeverPaid,
    RefundLine,
    judge_collected,
)
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.mpgs.mpgs_stage import PAID, SECRETS, a_row, refunded

FIELDS = (
    "id", "result", "status", "amount", "currency", "totalCapturedAmount", "transaction", "response",
    "gatewayCode", "type", "order", "error", "cause", "field", "session", "updateStatus", "timeOfRecord",
    "sourceOfFunds", "provided", "card", "number",
)  # fmt: skip
TEXTS = (
    "SUCCESS", "PENDING", "FAILURE", "UNKNOWN", "CAPTURED", "FAILED", "CANCELLED", "REFUNDED",
    "PARTIALLY_CAPTURED", "AUTHENTICATED", "PAYMENT", "CAPTURE", "AUTHORIZATION", "REFUND", "APPROVED",
    "DECLINED", "INVALID_REQUEST", "REQUEST_REJECTED", "transaction.amount", "500.00", "500", "500.001",
    "-500.00", "5e2", "200.00", "BDT", "USD", "bdt", "", "\x00", "\ud800", "1", EXAMPLE_ORDER.reference,
    EXAMPLE_REFUND.reference, "2025-10-20T06:01:02.345Z", "0001-01-01T00:00:00+14:00",
)  # fmt: skip
NUMBERS = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([500, 500.0, 200])
)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=30) | st.sampled_from(TEXTS)
NAMES = st.sampled_from(FIELDS) | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), LEAVES | DOCUMENTS, max_size=3)
ROWS = st.lists(
    CHANGES.map(lambda changes: a_row() | changes)
    | CHANGES.map(lambda changes: a_row(transaction=a_row()["transaction"] | changes)),
    max_size=3,
)
ORDERS = (
    DOCUMENTS
    | CHANGES.map(lambda changes: PAID | changes)
    | st.builds(lambda changes, rows: PAID | changes | {"transaction": rows}, CHANGES, ROWS)
)
REFUNDS = (
    DOCUMENTS
    | CHANGES.map(lambda changes: refunded() | changes)
    | CHANGES.map(lambda changes: refunded(transaction=refunded()["transaction"] | changes))
)
STATUSES = st.sampled_from([200, 200, 201, 400, 401, 404, 500])


@dataclass
class OneAnswer:
    """A wire on which everything is answered alike."""

    body: bytes
    status: int

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(self.status, {}, self.body)


def a_merchant(document: object, status: int) -> Mpgs:
    wire = OneAnswer(json.dumps(document).encode(), status)
    return Mpgs(the_manifest("ebl"), FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), SECRETS))


def is_500(value: object) -> bool:
    return not isinstance(value, bool) and str(value) in {"500", "500.0", "500.00"}


def taken_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        row
        for row in document["transaction"]
        if row["transaction"]["type"] in {"PAYMENT", "CAPTURE"} and row["result"] == "SUCCESS"
    ]


def is_whole(document: object, status: int) -> bool:
    """Whether it says, wherever it says it, that the money of our order was taken; a reading of our own."""
    if not isinstance(document, dict) or status not in {200, 201}:
        return False
    rows = taken_rows(document)
    return (
        document["id"] == EXAMPLE_ORDER.reference
        and document["result"] == "SUCCESS"
        and document["status"] in {"CAPTURED", "REFUNDED"}
        and "error" not in document
        and is_500(document["amount"])
        and is_500(document["totalCapturedAmount"])
        and document["currency"] == "BDT"
        and len(rows) > 0
        and all(row["transaction"]["currency"] == "BDT" for row in rows)
    )


@given(ORDERS, STATUSES)
@example(PAID, 200)
@example(PAID, 400)
@example(PAID | {"error": None}, 200)
def test_money_counts_as_collected_only_where_every_field_is_right(document: object, status: int) -> None:
    async def ask() -> None:
        merchant = a_merchant(document, status)
        told = await merchant.inquire(EXAMPLE_ORDER)
        if isinstance(told, Collected) and isinstance(
            judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection
        ):
            assert is_whole(document, status)
        if isinstance(told, AwaitingPayer | NeverPaid) and isinstance(document, dict) and status < 400:
            assert document.get("totalCapturedAmount", 0) in {0, "0", "0.0", "0.00", "00"}
        await merchant.create(EXAMPLE_ORDER)

    asyncio.run(ask())


def test_the_good_answer_is_good() -> None:
    """Otherwise the property above would hold for an adapter that never collects."""
    assert is_whole(PAID, 200)
    told = asyncio.run(a_merchant(PAID, 200).inquire(EXAMPLE_ORDER))
    assert isinstance(told, Collected)
    assert isinstance(judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection)


@given(REFUNDS, STATUSES)
@example(refunded(), 201)
@example(refunded(result="FAILURE", response={"gatewayCode": "DECLINED"}), 201)
def test_money_counts_as_given_back_only_as_ours_and_of_our_amount(document: object, status: int) -> None:
    async def ask() -> None:
        merchant = a_merchant(document, status)
        told = await merchant.refund(EXAMPLE_REFUND)
        if isinstance(told, RefundLine):
            assert isinstance(document, dict)
            assert status in {200, 201}
            assert (told.provider_refund, told.amount) == (EXAMPLE_REFUND.reference, EXAMPLE_REFUND.amount)
            assert document["order"]["id"] == EXAMPLE_ORDER.reference
            assert document["transaction"]["type"] == "REFUND"
            assert document["result"] == ("SUCCESS" if told.is_done else "PENDING")
        if isinstance(told, Declined):
            assert isinstance(document, dict)
            assert document.get("result") == "FAILURE" or "error" in document
        await merchant.inquire_refunds(EXAMPLE_REFUND)
        await merchant.refund(replace(EXAMPLE_REFUND, may_have_been_heard=True))

    asyncio.run(ask())
