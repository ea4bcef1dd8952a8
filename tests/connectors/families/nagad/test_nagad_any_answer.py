"""Whatever Nagad answers, nothing is raised, and nothing counts as collected that is not whole and ours."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    ConfirmedCollection,
    RefundLine,
    judge_collected,
)
from tests.connectors.families.bkash.test_bkash_any_answer import is_taka, is_word
from tests.connectors.families.nagad.nagad_stage import (
    BEGUN,
    GIVEN,
    GONE_BACK,
    MERCHANT_ID,
    ORDER,
    OURS,
    PAGE,
    PAID,
    THEIRS,
    a_refund,
    hearing,
    sealed,
)

GOT_IT = {"Success", "PartialCancelled", "PartialRefunded", "Refunded"}
NAMES = sorted({*PAID, *BEGUN, *GIVEN, *PAGE, "reason", "devMessage", "message", "currencyCode"})
TEXTS = (
    *GOT_IT, "Cancelled", "PinGiven", "InvalidMerchant", "ServerError", "000", "050", "500.00", "500",
    "500.001", "-500.00", "5e2", "", "\x00", "\ud800", OURS, THEIRS, MERCHANT_ID, "EXAMPLE001", "EXAMPLE002",
    "2025-10-20 11:58:00.0",
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(TEXTS)
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)
CHANGES = st.dictionaries(st.sampled_from(NAMES), DOCUMENTS, max_size=3)
STATUSES = st.sampled_from([200, 200, 200, 400, 404, 503])


def is_whole(document: object, status: int) -> bool:
    """Whether it says that money of our payment was taken, and nothing against it."""
    if not isinstance(document, dict) or status != 200:
        return False
    word = document.get("status")
    return (
        not any(document.get(name) not in (None, "") for name in ("reason", "devMessage"))
        and isinstance(word, str)
        and word in GOT_IT
        and (word != "Success" or document.get("statusCode") == "000")
        and str(document.get("merchantId")) == MERCHANT_ID
        and document.get("paymentRefId") == THEIRS
        and is_word(document.get("issuerPaymentRefNo"), 128)
        and is_taka(document.get("amount"))
        and document.get("currencyCode") in (None, "", "050")
    )


@given(DOCUMENTS | CHANGES.map(lambda changes: PAID | changes), STATUSES)
@example(PAID, 200)
@example(PAID, 400)
@example(PAID | {"status": ["Success"]}, 200)
@example(PAID | {"reason": 0}, 200)
def test_money_counts_as_collected_only_where_every_field_is_right(document: object, status: int) -> None:
    told = asyncio.run(hearing(json.dumps(document).encode(), status).inquire(ORDER))
    assert not isinstance(told, Collected) or is_whole(document, status)
    if isinstance(told, Collected) and isinstance(judge_collected(ORDER, told), ConfirmedCollection):
        assert isinstance(document, dict)
        assert str(document["amount"]) in {"500", "500.0", "500.00"}
        assert document["orderId"] == OURS


def test_the_good_answer_is_good() -> None:
    """Otherwise the property above would hold for a connector that never collects."""
    assert is_whole(PAID, 200)
    told = asyncio.run(hearing(json.dumps(PAID).encode(), 200).inquire(ORDER))
    assert isinstance(told, Collected)
    assert isinstance(judge_collected(ORDER, told), ConfirmedCollection)


@given(
    DOCUMENTS | CHANGES.map(lambda changes: GIVEN | changes),
    st.dictionaries(st.sampled_from(["sensitiveData", "signature", "reason", "status"]), LEAVES, max_size=1),
    STATUSES,
)
@example(GIVEN, {}, 200)
def test_money_counts_as_given_back_only_under_its_seal_and_of_our_amount(
    document: Any,  # noqa: ANN401 - any JSON
    beside: dict[str, object],
    status: int,
) -> None:
    plaintext = json.dumps(document).encode()
    if len(plaintext) > 245:
        return
    nagad = hearing(json.dumps(sealed(plaintext) | beside).encode(), status)
    told = asyncio.run(nagad.refund(a_refund()))
    if isinstance(told, RefundLine):
        assert status == 200
        assert not {"sensitiveData", "signature"} & beside.keys()
        assert told.amount == a_refund().amount
        assert document["cancelTrxId"]
    asyncio.run(nagad.create(ORDER))


@given(DOCUMENTS | CHANGES.map(lambda changes: GONE_BACK | changes), STATUSES)
@example(GONE_BACK, 200)
def test_a_doubtful_refund_is_proven_only_by_the_whole_of_our_payment(document: object, status: int) -> None:
    nagad = hearing(json.dumps(document).encode(), status)
    order = replace(a_refund(), amount=a_refund().collected, may_have_been_heard=True)
    told = asyncio.run(nagad.refund(order))
    if isinstance(told, RefundLine):
        assert isinstance(document, dict)
        assert status == 200
        assert document["status"] in {"Refunded", "Cancelled"}
        assert document["issuerPaymentRefNo"] == order.provider_transaction
        assert document["orderId"] == order.collected_reference
        assert str(document["amount"]) in {"500", "500.0", "500.00"}
