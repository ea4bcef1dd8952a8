"""Whatever a far side answers, nothing is raised, and nothing is approved that is not whole and ours."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import BillFound, BillQuery
from ekpay_switch.domain.outcome import Approved, HalfDone, NotFound, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.prepaid_vend import nesco_stage
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.biller_adapters.families.three_step import breb_stage

FIELDS = (
    "resultcode", "RESULT_CODE", "data", "fee", "token", "tokenType", "purchaseAmount", "transactionId",
    "orderNo", "RESULT_MSG", "DUE_AMOUNT", "SMS_AC_NO", "rebate", "balance",
)  # fmt: skip
TEXTS = (
    "0", "1200", "1266", "1267", "1268", "10001", "500.00", "-2.29", nesco_stage.QUOTE, "CREDIT", "",
    nesco_stage.DIGITS[0], ",".join(nesco_stage.DIGITS), "\x00", "\ud800", breb_stage.ACCOUNT,
)  # fmt: skip
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=30) | st.sampled_from(TEXTS)
NAMES = st.sampled_from(FIELDS) | st.text(max_size=8)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)


@dataclass
class OneAnswer:
    """A wire on which everything is answered with the same body."""

    body: bytes = b""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(200, {}, self.body)


def process(manifest: Manifest, kept_token: str) -> tuple[BillerAdapter, OneAnswer]:
    wire, shelf = OneAnswer(), InMemoryTokens({manifest.id: kept_token})
    return adapter_of(manifest, FamilyContext(wire, shelf, StoppedClock(NOON), {})), wire


async def an_order(adapter: BillerAdapter, wire: OneAnswer, query: BillQuery, body: bytes) -> PayOrder:
    wire.body = body
    found = await adapter.fetch(query)
    assert isinstance(found, BillFound), found
    bill = replace(found.bill, biller_quote={**found.bill.biller_quote, **query.payer})
    return order_for(query.biller_id, bill, date(2025, 10, 20))


@cache
def breb_order() -> PayOrder:
    adapter, wire = process(the_manifest("breb_postpaid"), "access=a&refresh=b")
    return asyncio.run(an_order(adapter, wire, breb_stage.QUERY, breb_stage.bill_said()))


@cache
def nesco_order() -> PayOrder:
    adapter, wire = process(the_manifest("nesco_prepaid"), "token")
    quote = nesco_stage.envelope(nesco_stage.quote_data())
    return asyncio.run(an_order(adapter, wire, nesco_stage.QUERY, quote))


def code_of(document: object, member: str) -> str | None:
    """The code where it belongs, by a reading of our own."""
    code = document.get(member) if isinstance(document, dict) else None
    return str(code) if isinstance(code, int | str) and not isinstance(code, bool) else None


def is_whole_vend(document: object) -> bool:
    """Whether it says that our quote was vended for 500 taka, with lines of 20 digits."""
    try:
        data = cast("Any", document)["data"]
        vended, token = data["fee"]["purchaseAmount"], data["token"]
        lines = [] if isinstance(token, bool) else str(token).split(",")
        return (
            data["transactionId"] == nesco_stage.QUOTE
            and str(vended) in {"500", "500.0", "500.00"}
            and all(len(line) == 20 and line.isascii() and line.isdecimal() for line in lines)
            and bool(lines)
        )
    except (TypeError, KeyError, AttributeError):
        return False


@given(DOCUMENTS, st.sampled_from(["save", "acknowledge"]))
def test_breb_approves_a_step_on_1200_alone(document: object, step: str) -> None:
    order = replace(breb_order(), step=step)

    async def ask() -> None:
        adapter, wire = process(the_manifest("breb_postpaid"), "access=a&refresh=b")
        wire.body = json.dumps(document).encode()
        outcome, inquiry = await adapter.pay(order), await adapter.inquire(order)
        code = code_of(document, "RESULT_CODE")
        assert isinstance(outcome, Approved) == (code == "1200")
        assert isinstance(inquiry, Posted) == (code == "1268")
        assert isinstance(inquiry, HalfDone) == (code == "1267")
        assert isinstance(inquiry, NotFound) == (code == "1266")
        assert not isinstance(await adapter.fetch(breb_stage.QUERY), BillFound) or code in {"1200", "1278"}

    asyncio.run(ask())


def changed(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The data with some members, of it or of its fee, put in place of the good ones."""
    fee = {name: changes.get(name, value) for name, value in data["fee"].items()}
    return {**data, "fee": fee} | {name: value for name, value in changes.items() if name in data}


ALMOST = st.dictionaries(st.sampled_from(FIELDS), LEAVES | DOCUMENTS, max_size=2).map(
    lambda changes: {
        "resultcode": changes.get("resultcode", "0"),
        "data": changed(nesco_stage.vend_data(3), changes),
    }
)


@given(DOCUMENTS | ALMOST)
def test_nesco_approves_a_vend_with_code_amount_and_tokens_alone(document: object) -> None:
    order = nesco_order()

    async def ask() -> None:
        adapter, wire = process(the_manifest("nesco_prepaid"), "token")
        wire.body = json.dumps(document).encode()
        outcome, inquiry = await adapter.pay(order), await adapter.inquire(order)
        is_whole = code_of(document, "resultcode") == "0" and is_whole_vend(document)
        assert isinstance(outcome, Approved) == is_whole
        assert isinstance(inquiry, Posted) or not is_whole
        if isinstance(outcome, Approved):
            assert outcome.tokens
            assert not any(line.digits in text for line in outcome.tokens for text in outcome.facts.values())
        await adapter.fetch(nesco_stage.QUERY)

    asyncio.run(ask())
