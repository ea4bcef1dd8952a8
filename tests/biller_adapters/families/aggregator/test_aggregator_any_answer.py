"""Whatever the aggregator answers, nothing is raised, and nothing is approved that is not whole and ours."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import EXAMPLE_REFERENCE, order_for
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.outcome import Approved, Posted
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.families.aggregator.aggregator_stage import BPDB, bill_data
from tests.biller_adapters.families.aggregator.test_aggregator_bills import GAS, STATED, TAXED
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.biller_adapters.test_any_answer import OneAnswer

OWED = Money(106_000)
BILLS: tuple[tuple[BillQuery, Mapping[str, object]], ...] = (
    (BPDB, bill_data()),
    (TAXED, bill_data("11012345", payable="1000.00")),
    (GAS, STATED),
)
NAMES = sorted({*bill_data(), *STATED, "bill", "status", "lid", "amount", "core_transaction_id"})
TEXTS = (
    "111",
    "777",
    "902",
    "1060.00",
    "-1.00",
    "",
    "\x00",
    "\ud800",
    EXAMPLE_REFERENCE,
    "40123456",
    "202508",
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(TEXTS)
MEMBERS = st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=8)


@cache
def process(biller_id: str) -> tuple[BillerAdapter, OneAnswer]:
    manifest, wire = the_manifest(biller_id), OneAnswer()
    settings = [manifest.secrets.password_setting, *manifest.secrets.more.values()]
    environ = dict.fromkeys(settings, "a key")
    return adapter_of(manifest, FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), environ)), wire


def an_order(query: BillQuery, **quote: str) -> PayOrder:
    quoted = {**query.parameters, **quote}
    bill = Bill("", "", "", OWED, ZERO, ZERO, OWED, biller_quote=quoted)
    return order_for(query.biller_id, bill, date(2025, 10, 20))


@pytest.mark.parametrize(("query", "bill"), BILLS, ids=[query.biller_id for query, _ in BILLS])
@given(spoiled=MEMBERS, outside=MEMBERS)
def test_any_bill_is_read_or_refused(
    query: BillQuery, bill: Mapping[str, object], spoiled: dict[str, object], outside: dict[str, object]
) -> None:
    adapter, wire = process(query.biller_id)
    told = {"status": "111", "bill": {**bill, **spoiled}, **outside}
    wire.body = json.dumps(told).encode()
    found = asyncio.run(adapter.fetch(query))
    if isinstance(found, BillFound) and not found.bill.is_paid:
        read = found.bill
        assert read.amount + read.vat + read.late_fee == read.total > ZERO
        assert sum(line.amount.minor for line in read.charges) in {0, read.total.minor}


@pytest.mark.parametrize("quote", [{"aggregator_transaction": "abc"}, {}], ids=["fetched here", "elsewhere"])
@given(members=MEMBERS)
def test_only_what_is_whole_and_ours_is_paid(quote: dict[str, str], members: dict[str, object]) -> None:
    adapter, wire = process(BPDB.biller_id)
    wire.body = json.dumps({"status": "111", **members}).encode()
    order = an_order(BPDB, **quote)
    paid = asyncio.run(adapter.pay(replace(order, send_before=1.0)))
    asked = asyncio.run(adapter.inquire(order))
    is_whole = members.get("core_transaction_id") == EXAMPLE_REFERENCE and bool(members.get("lid"))
    assert is_whole or not isinstance(paid, Approved)
    assert is_whole or not isinstance(asked, Posted)
    assert members.get("amount") in {"1060.00", 1060} or not isinstance(paid, Approved)
