"""Whatever a plain REST biller answers, nothing is raised, and what is approved is whole and ours."""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.outcome import Approved, NotFound, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from tests.biller_adapters.families.direct_rest.direct_rest_stage import (
    QUERY,
    WEST_ZONE,
    bill_data,
    bill_said,
    paid_said,
    payment_data,
)
from tests.biller_adapters.test_any_answer import DOCUMENTS, LEAVES, an_order, code_of, process

NAMES = ("code", "message", "bill", "payment", "receiptNo", *bill_data(), *payment_data())
CODES = st.sampled_from(["200", 200, "204", "404", "410"]) | LEAVES
PARTS = st.dictionaries(st.sampled_from(NAMES), LEAVES | DOCUMENTS, max_size=3)
ALMOST = st.tuples(CODES, PARTS, PARTS).map(
    lambda drawn: {
        **json.loads(paid_said()),
        "bill": bill_data(**drawn[1]),
        "payment": payment_data(**drawn[1]),
        **drawn[2],
        "code": drawn[0],
    }
)


@cache
def the_order() -> PayOrder:
    adapter, wire = process(WEST_ZONE, "token")
    return asyncio.run(an_order(adapter, wire, QUERY, bill_said()))


def is_whole(told: object) -> bool:
    """Whether it names our reference, the amount and a receipt, by a reading of our own."""
    if not isinstance(told, Mapping):
        return False
    amount, receipt = told.get("amount"), told.get("receiptNo")
    is_receipt = isinstance(receipt, str | int) and not isinstance(receipt, bool) and str(receipt) != ""
    is_amount = not isinstance(amount, bool) and str(amount) in {"1050", "1050.0", "1050.00"}
    return is_receipt and is_amount and told.get("transactionId") == EXAMPLE_REFERENCE


@given(DOCUMENTS | ALMOST)
def test_direct_rest_approves_what_is_whole_and_ours_alone(document: Any) -> None:  # noqa: ANN401 - anything at all
    order = the_order()

    async def ask() -> None:
        adapter, wire = process(WEST_ZONE, "token")
        wire.body = json.dumps(document).encode()
        outcome, inquiry = await adapter.pay(order), await adapter.inquire(order)
        code = code_of(document, "code")
        assert not isinstance(outcome, Approved) or (code == "200" and is_whole(document))
        assert isinstance(inquiry, NotFound) == (code == "204")
        if isinstance(inquiry, Posted):
            told = document["payment"]
            assert (code, told["transactionId"], told["state"]) == ("200", EXAMPLE_REFERENCE, "PAID")
        await adapter.fetch(QUERY)

    asyncio.run(ask())
