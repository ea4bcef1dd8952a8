"""Whatever a provider answers, nothing is raised, and only what is whole and ours counts as collected."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.token_init_status.connector import TokenInitStatus
from connectors.families.token_init_status.sign_in import LoginSession
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    ConfirmedCollection,
    RefundLine,
    judge_collected,
)
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.token_init_status.token_init_status_stage import (
    DIALECTS,
    FINE,
    NAME,
    ROW,
    TAP,
    UPAY,
    Dialect,
    said,
    upay_said,
)

TEXTS = (
    "0000", "1000", "PS2005", "MPR200", "4041", "1001", "1068", "paid", "success", "pending", "failed",
    "done", "500.00", "500", "500.001", "-500.00", "5e2", "BDT", "USD", "", "\x00", "\ud800", "..", NAME,
    EXAMPLE_ORDER.reference, EXAMPLE_REFUND.reference, "EXAMPLE001",
)  # fmt: skip
FIELDS = (
    "code", "sp_code", "data", "status", "payment_id", "merchant_reference", "order_id", "customer_order_id",
    "txn_id", "session_id", "trx_id", "bank_trx_id", "transaction_id", "amount", "recived_amount", "currency",
    "refund_id", "refund_reference", "refunds", "success_list", "failed_list", "refund_amount", "page_url",
)  # fmt: skip
NUMBERS = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([500, 500.0, 1000])
)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | st.sampled_from(TEXTS)
NAMES = st.sampled_from(FIELDS) | st.text(max_size=6)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=20,
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), LEAVES | DOCUMENTS, max_size=3)
STATUSES = st.sampled_from([200, 200, 200, 201, 400, 401, 403, 500])


@dataclass
class OneAnswer:
    """A wire on which everything is answered alike."""

    body: bytes
    status: int

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(self.status, {}, self.body)


def connector(dialect: Dialect, document: object, status: int) -> TokenInitStatus:
    told: dict[str, str | int] = {
        "store_id": 1,
        "execute_url": "http://127.0.0.1:8204/shurjopay/api/secret-pay",
    }
    shelf = InMemoryTokens({dialect.id: LoginSession("token", told).stored_text})
    wire = OneAnswer(json.dumps(document).encode(), status)
    environ = dict.fromkeys(dialect.manifest.secrets.values(), "secret")
    return TokenInitStatus(the_manifest(dialect.id), FamilyContext(wire, shelf, StoppedClock(NOON), environ))


def bent(good: Any, changes: Mapping[str, object]) -> object:  # noqa: ANN401 - whatever JSON it is
    """A good answer with changes at whichever depth its members are."""
    if isinstance(good, list):
        return [bent(one, changes) for one in good]
    if isinstance(good.get("data"), dict):
        return good | {"data": good["data"] | changes}
    return good | changes


def flat(document: object, like: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON it is
    """The members that a good answer of the dialect has, wherever they are in one like it."""
    if isinstance(document, list):
        return flat(document[0], like[0] if isinstance(like, list) else like) if document else {}
    if not isinstance(document, dict):
        return {}
    # Where good answers have no such part, one that somebody adds says nothing.
    inner = document.get("data") if isinstance(like, dict) and "data" in like else None
    return document | (inner if isinstance(inner, dict) else {})


def good(dialect: Dialect) -> object:
    told: object = json.loads(dialect.standing(dialect.words["paid"]))
    return told


@pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.id for dialect in DIALECTS])
@given(data=st.data())
def test_money_counts_as_collected_only_where_every_field_is_right(
    dialect: Dialect, data: st.DataObject
) -> None:
    document = data.draw(DOCUMENTS | CHANGES.map(lambda changes: bent(good(dialect), changes)))
    status = data.draw(STATUSES)

    async def ask() -> None:
        one = connector(dialect, document, status)
        told = await one.inquire(EXAMPLE_ORDER)
        await one.create(EXAMPLE_ORDER)
        if isinstance(told, Collected) and isinstance(
            judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection
        ):
            fields = flat(document, good(dialect))
            assert status == 200
            assert str(fields["amount"]) in {"500", "500.0", "500.00"}
            # Upay tells no currency; at the others one must be told.
            assert fields.get("currency") in ({None, "BDT"} if dialect is UPAY else {"BDT"})
            assert NAME in fields.values()
            assert EXAMPLE_ORDER.reference in fields.values()

    asyncio.run(ask())


@pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.id for dialect in DIALECTS])
def test_the_good_answer_is_good(dialect: Dialect) -> None:
    """Otherwise the property above would hold for an adapter that never collects."""
    told = asyncio.run(connector(dialect, good(dialect), 200).inquire(EXAMPLE_ORDER))
    assert isinstance(told, Collected)
    assert isinstance(judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection)


GIVEN = json.loads(said(FINE, {"payment_id": NAME}, ROW))
LISTED = json.loads(
    upay_said("MPR200", {"success_list": [{"txn_id": EXAMPLE_ORDER.reference, "refund_amount": 200}]})
)


@pytest.mark.parametrize(("dialect", "answer"), [(TAP, GIVEN), (UPAY, LISTED)], ids=["tap", "upay"])
@given(data=st.data())
def test_money_counts_as_given_back_only_of_our_amount(
    dialect: Dialect, answer: object, data: st.DataObject
) -> None:
    document = data.draw(DOCUMENTS | CHANGES.map(lambda changes: bent(answer, changes)))
    status = data.draw(STATUSES)

    async def ask() -> None:
        one = connector(dialect, document, status)
        told = await one.refund(EXAMPLE_REFUND)
        if isinstance(told, RefundLine):
            assert status == 200
            assert told.amount == EXAMPLE_REFUND.amount
        await one.inquire_refunds(EXAMPLE_REFUND)
        await one.refund(replace(EXAMPLE_REFUND, may_have_been_heard=True))

    asyncio.run(ask())
