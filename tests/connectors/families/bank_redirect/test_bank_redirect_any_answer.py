"""Whatever a gateway answers, nothing is raised, and nothing is collected that is not whole and ours."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.families.bank_redirect.connector import BankRedirect
from connectors.rehearsal import order_for
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    Collected,
    ConfirmedCollection,
    NoHint,
    judge_collected,
)
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.bank_redirect.bank_redirect_stage import (
    IDS,
    NAMES,
    REFERENCE,
    TRANS_ID,
    detailed,
    secrets_of,
    signed,
    verified,
)

GOOD: dict[str, dict[str, Any]] = {
    "rocket": json.loads(signed()),
    "dbbl_nexus": json.loads(signed()),
    "sonali_spg": json.loads(verified()),
    "city_bank": json.loads(detailed()) | {"transactionId": "the-token"},
}
# What may not change where money counts as collected: the way to it, and what it must be.
WHOLE: dict[str, dict[tuple[str, ...], tuple[object, ...]]] = {
    "rocket": {("RESULT",): ("OK",), ("TRANSACTION_ID",): (TRANS_ID,), ("AMOUNT",): ("50000", 50_000)},
    "sonali_spg": {
        ("PaymentStatus",): ("200", 200),
        ("InvoiceNo",): (REFERENCE,),
        ("TotalAmount",): ("500.00", "500", 500, 500.0),
    },
    "city_bank": {
        ("items", "orderStatus"): ("APPROVED",),
        ("items", "orderId"): ("921766", 921766),
        ("items", "description"): (REFERENCE,),
        ("items", "amount"): ("50000", 50_000),
        ("items", "currency"): ("050",),
    },
}
WHOLE["dbbl_nexus"] = WHOLE["rocket"]
TEXTS = (
    "OK", "000", "FAILED", "116", "200", "202", "100", "APPROVED", "DECLINED", "050", "840", "50000",
    "500.00", "500", "", "\x00", "\ud800", REFERENCE, TRANS_ID, "921766",
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([200, 50_000, 500, 500.0])
    | st.text(max_size=20)
    | st.sampled_from(TEXTS)
)
NAMES_OF_FIELDS = sorted({name for good in GOOD.values() for name in (*good, *good.get("items", {}))})
CHANGES = st.dictionaries(st.sampled_from(NAMES_OF_FIELDS), LEAVES | st.lists(LEAVES, max_size=2), max_size=3)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES_OF_FIELDS), inner, max_size=6)
    ),
    max_leaves=20,
)
STATUSES = st.sampled_from([200, 200, 200, 201, 401, 503])


@dataclass
class OneAnswer:
    """A wire on which everything is answered alike."""

    body: bytes
    status: int

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(self.status, {}, self.body)


def a_bank(connector_id: str, document: object, status: int) -> BankRedirect:
    manifest = the_manifest(connector_id)
    wire = OneAnswer(json.dumps(document).encode(), status)
    return BankRedirect(
        manifest, FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), secrets_of(manifest))
    )


def changed(connector_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    good = GOOD[connector_id]
    inner = {name: value for name, value in changes.items() if name in good.get("items", {})}
    outer = {name: value for name, value in changes.items() if name not in inner}
    return good | ({"items": good["items"] | inner} if "items" in good else {}) | outer


def at(document: object, way: tuple[str, ...]) -> object:
    for name in way:
        assert isinstance(document, dict)
        document = document[name]
    return document


@pytest.mark.parametrize("connector_id", IDS)
@settings(max_examples=60)
@given(changes=CHANGES, document=st.none() | DOCUMENTS, status=STATUSES)
@example(changes={}, document=None, status=200)
@example(changes={}, document=None, status=503)
@example(changes={"TotalAmount": 0}, document=None, status=200)
def test_money_counts_as_collected_only_where_every_field_is_right(
    connector_id: str, changes: dict[str, Any], document: object, status: int
) -> None:
    told_of = changed(connector_id, changes) if document is None else document

    async def ask() -> None:
        bank = a_bank(connector_id, told_of, status)
        order = replace(
            order_for(the_manifest(connector_id)), provider_reference=NAMES.get(connector_id, TRANS_ID)
        )
        told = await bank.inquire(order)
        if isinstance(told, Collected) and isinstance(judge_collected(order, told), ConfirmedCollection):
            assert status == 200
            for way, right in WHOLE[connector_id].items():
                value = at(told_of, way)
                assert value in right
                assert not isinstance(value, bool)
        elif not changes and document is None:
            assert status != 200, "the good answer is good"
        await bank.create(order)

    asyncio.run(ask())


@pytest.mark.parametrize("connector_id", IDS)
@settings(max_examples=40)
@given(body=st.binary(max_size=300) | DOCUMENTS.map(lambda told: json.dumps(told).encode()))
def test_whatever_comes_unasked_raises_nothing(connector_id: str, body: bytes) -> None:
    async def read() -> None:
        bank = a_bank(connector_id, {}, 200)
        for brought in (body, b"xmlmsg=" + body, b"trans_id=" + body, b"session_token=" + body):
            assert isinstance(await bank.read_callback({}, brought), CallbackHint | NoHint)

    asyncio.run(read())
