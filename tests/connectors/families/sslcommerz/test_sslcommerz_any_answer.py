"""Whatever they answer, nothing is raised, and nothing counts as collected that is not whole and ours."""

import asyncio
import json
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    ConfirmedCollection,
    PageCreated,
    RefundLine,
    judge_collected,
)
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import (
    BEGUN,
    GIVEN_BACK,
    GOOD,
    PAID,
    REFERENCE,
    VALIDATION,
    a_connector,
    an_order,
    attempts,
    said,
)

TEXTS = (
    "VALID", "VALIDATED", "PENDING", "FAILED", "DONE", "Successful", "success", "processing", "refunded", "0",
    "1", "2", "7", "500.00", "500", "500.001", "-500.00", "5e2", "BDT", "USD", "", "\x00", "\ud800",
    REFERENCE, "EXAMPLE001", "RFD1",
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.sampled_from(TEXTS)
)  # fmt: skip
VALUES = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=5), LEAVES, max_size=2)


def changes_of(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(sorted(document)), VALUES, max_size=3)


def is_500_taka(value: object) -> bool:
    """Read by a way of our own; a whole number, a decimal or a text of either."""
    try:
        return not isinstance(value, bool) and Decimal(json.dumps(value).strip('"')) == 500
    except InvalidOperation:
        return False


def check(told: object, document: dict[str, Any], amounts: tuple[str, ...]) -> None:
    if isinstance(told, Collected) and isinstance(judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection):
        assert all(is_500_taka(document[name]) for name in amounts)
        assert document["currency"] == "BDT"


@given(changes_of(VALIDATION), changes_of(GOOD))
@example({}, {})
@example({"amount": None}, {"val_id": True})
def test_sslcommerz_collects_only_what_is_whole_and_ours(
    validation: dict[str, Any], attempt: dict[str, Any]
) -> None:
    one, row = VALIDATION | validation, GOOD | attempt
    connector = a_connector(the_manifest("sslcommerz"), query=attempts(row), validate=said(one))
    told = asyncio.run(connector.inquire(an_order()))
    if not isinstance(told, Collected):
        return
    spoken = one if row["val_id"] else row
    check(told, spoken, ("amount", "currency_amount"))
    assert row["tran_id"] == spoken["tran_id"] == told.reference == REFERENCE
    assert row["status"] in {"VALID", "VALIDATED"}
    assert spoken["status"] in {"VALID", "VALIDATED"}
    assert str(spoken["risk_level"]) == "0"


@given(changes_of(PAID))
@example({})
def test_aamarpay_collects_only_what_is_whole_and_ours(changes: dict[str, Any]) -> None:
    document = PAID | changes
    connector = a_connector(the_manifest("aamarpay"), query=said(document))
    told = asyncio.run(connector.inquire(an_order()))
    if not isinstance(told, Collected):
        return
    check(told, document, ("amount",))
    assert str(document["status_code"]) == "2"
    assert document["pay_status"] == "Successful"
    assert document["mer_txnid"] == told.reference == REFERENCE


@given(changes_of(BEGUN), changes_of(GIVEN_BACK))
@example({}, {})
def test_money_counts_as_given_back_only_where_the_refund_query_says_so(
    begun: dict[str, Any], query: dict[str, Any]
) -> None:
    first, second = BEGUN | begun, GIVEN_BACK | query
    connector = a_connector(the_manifest("sslcommerz"), refund=said(first), refund_status=said(second))
    told = asyncio.run(connector.refund(EXAMPLE_REFUND))
    if isinstance(told, RefundLine):
        assert told.provider_refund == str(first["refund_ref_id"])
        assert first["bank_tran_id"] == EXAMPLE_REFUND.provider_transaction
        assert not told.is_done or (second["APIConnect"], second["status"]) == ("DONE", "refunded")


@pytest.mark.parametrize("connector_id", ["sslcommerz", "aamarpay"])
def test_no_rubbish_raises(connector_id: str) -> None:
    manifest = the_manifest(connector_id)

    @given(VALUES | st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3)))
    @example("true")
    def rubbish(value: object) -> None:
        answer = json.dumps(value).encode()
        connector = a_connector(manifest, **dict.fromkeys(manifest.operations, answer))
        assert not isinstance(asyncio.run(connector.create(an_order())), PageCreated)
        assert not isinstance(asyncio.run(connector.inquire(an_order())), Collected)
        assert not isinstance(asyncio.run(connector.refund(EXAMPLE_REFUND)), RefundLine)

    rubbish()
