"""Whatever bKash answers, nothing is raised, and nothing counts as collected that is not whole and ours."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.families.bkash.connector import Bkash
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
from ekpay_switch.wing_kit.token_pair import TokenPair
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.bkash.bkash_stage import EXECUTED, GIVEN_BACK

FIELDS = (
    "statusCode", "errorCode", "externalCode", "internalCode", "message", "paymentID", "trxID", "amount",
    "currency", "transactionStatus", "merchantInvoice", "merchantInvoiceNumber", "verificationStatus",
    "refundTrxId", "refundAmount", "refundTransactions", "originalTrxId", "customerMsisdn", "bkashURL",
    "paymentExecuteTime", "refundTransactionStatus",
)  # fmt: skip
TEXTS = (
    "0000", "2117", "2060", "2069", "2023", "Completed", "Initiated", "Complete", "500.00", "500", "500.001",
    "-500.00", "5e2", "BDT", "USD", "bdt", "", "\x00", "\ud800", EXAMPLE_ORDER.provider_reference,
    EXAMPLE_ORDER.reference, "EXAMPLE001",
)  # fmt: skip
NUMBERS = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([500, 500.0, 2117])
)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=30) | st.sampled_from(TEXTS)
NAMES = st.sampled_from(FIELDS) | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
CHANGES = st.dictionaries(st.sampled_from(FIELDS), LEAVES | DOCUMENTS, max_size=3)
GOOD: dict[str, Any] = json.loads(EXECUTED)
STATUSES = st.sampled_from([200, 200, 200, 400, 403, 503])


@dataclass
class OneAnswer:
    """A wire on which everything is answered alike."""

    body: bytes
    status: int

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(self.status, {}, self.body)


def a_bkash(document: object, status: int) -> Bkash:
    wire = OneAnswer(json.dumps(document).encode(), status)
    shelf = InMemoryTokens({"bkash": TokenPair("token", "").as_text})
    return Bkash(the_manifest("bkash"), FamilyContext(wire, shelf, StoppedClock(NOON), {}))


def is_taka(value: object) -> bool:
    """Whether it can be read as taka with at most two decimals, by a reading of our own."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    whole, point, rest = json.dumps(value).strip('"').partition(".")
    digits = whole.isascii() and whole.isdecimal() and len(whole) <= 13
    return digits and (not point or (rest.isascii() and rest.isdecimal() and len(rest) <= 2))


def is_word(value: object, length_max: int = 500) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and 0 < len(str(value)) <= length_max


def is_whole(document: object, status: int) -> bool:
    """Whether it says in the one right envelope that money of our payment was taken."""
    if not isinstance(document, dict) or status != 200:
        return False
    return (
        document.get("statusCode") == "0000"
        and not {"errorCode", "externalCode", "internalCode"} & document.keys()
        and document.get("transactionStatus") == "Completed"
        and document.get("paymentID") == EXAMPLE_ORDER.provider_reference
        and is_word(document.get("trxID"), 64)
        and is_taka(document.get("amount"))
        and is_word(document.get("currency"), 3)
    )


@given(DOCUMENTS | CHANGES.map(lambda changes: GOOD | changes), STATUSES)
@example(GOOD, 200)
@example(GOOD, 400)
@example(GOOD | {"errorCode": None}, 200)
def test_money_counts_as_collected_only_where_every_field_is_right(document: object, status: int) -> None:
    async def ask() -> None:
        bkash = a_bkash(document, status)
        for told in (await bkash.execute(EXAMPLE_ORDER), await bkash.inquire(EXAMPLE_ORDER)):
            assert not isinstance(told, Collected) or is_whole(document, status)
            if isinstance(told, Collected) and isinstance(
                judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection
            ):
                assert isinstance(document, dict)
                assert str(document["amount"]) in {"500", "500.0", "500.00"}
                assert document["currency"] == "BDT"
        await bkash.create(EXAMPLE_ORDER)
        await bkash.search("EXAMPLE001")

    asyncio.run(ask())


def test_the_good_answer_is_good() -> None:
    """Otherwise the property above would hold for an adapter that never collects."""
    assert is_whole(GOOD, 200)
    told = asyncio.run(a_bkash(GOOD, 200).execute(EXAMPLE_ORDER))
    assert isinstance(told, Collected)
    assert isinstance(judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection)


@given(DOCUMENTS | CHANGES.map(lambda changes: GIVEN_BACK | changes), STATUSES)
@example(GIVEN_BACK, 200)
def test_money_counts_as_given_back_only_as_ours_and_of_our_amount(document: object, status: int) -> None:
    async def ask() -> None:
        bkash = a_bkash(document, status)
        told = await bkash.refund(EXAMPLE_REFUND)
        if isinstance(told, RefundLine):
            assert isinstance(document, dict)
            assert status == 200
            assert told.amount == EXAMPLE_REFUND.amount
            assert EXAMPLE_REFUND.provider_transaction in document.values()
        await bkash.inquire_refunds(EXAMPLE_REFUND)
        await bkash.refund(replace(EXAMPLE_REFUND, may_have_been_heard=True))

    asyncio.run(ask())
