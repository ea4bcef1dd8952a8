"""Whatever the other switch seals, nothing is raised, and nothing is approved that is not whole and ours."""

import asyncio
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import given
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
from sandbox.kit.jwe import seal, unseal
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.biller_adapters.families.syndicate_client.syndicate_stage import (
    ACK,
    JALALABAD,
    QUERY,
    SECRET,
    bill_said,
)

TEXTS = (
    "0000",
    "0102",
    "1008",
    "Y",
    "N",
    "b430",
    ACK,
    EXAMPLE_REFERENCE,
    "1150.00",
    "-1",
    "",
    "\x00",
    "\ud800",
)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(TEXTS)
THINGS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
MEMBERS = {
    "bllr_inf": ("bllr_id", "is_bll_pd", "bll_amnt_ttl", "bll_amnt", "bll_no", "ekpay_fee", "rcpt_no"),
    "pyd_inf": ("pyd_trxn_refid", "pyd_amnt"),
    "resp_status": ("rsp_cd", "rsp_msg", "refno_ack"),
}
GOOD: dict[str, Any] = {
    "bllr_inf": {"bllr_id": "b430", "is_bll_pd": "Y"},
    "pyd_inf": {"pyd_trxn_refid": EXAMPLE_REFERENCE, "pyd_amnt": "1150.00"},
    "resp_status": {"rsp_cd": "0000", "rsp_msg": "success", "refno_ack": ACK},
}
PLACES = st.sampled_from([(block, member) for block, members in MEMBERS.items() for member in members])
CHANGES = st.dictionaries(PLACES | st.tuples(st.sampled_from([*MEMBERS, "hdrs"])), THINGS, max_size=3)


@dataclass
class SealedWire:
    """Answers everything with the same message, under the ids of the request, sealed."""

    message: dict[str, Any]

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side
        asked = json.loads(unseal(request.body.decode(), SECRET))
        told = {"hdrs": asked["hdrs"], "trx": asked["trx"]} | self.message
        return WireAnswer(200, {}, seal(json.dumps(told).encode(), SECRET).encode())


def process(message: dict[str, Any]) -> BillerAdapter:
    secrets = {"EKPAY_UPSTREAM_PASSWORD": "word", "EKPAY_UPSTREAM_SECRET": SECRET}
    shelf = InMemoryTokens({JALALABAD.id: "token"})
    return adapter_of(JALALABAD, FamilyContext(SealedWire(message), shelf, StoppedClock(NOON), secrets))


def _bill() -> dict[str, Any]:
    said = bill_said()({"hdrs": {}, "trx": {}})
    return {block: said[block] for block in ("bllr_inf", "resp_status")}


@cache
def the_order() -> PayOrder:
    found = asyncio.run(process(_bill()).fetch(QUERY))
    if not isinstance(found, BillFound):
        raise TypeError("the bill of the stage is none")
    return order_for(JALALABAD.id, found.bill, NOON.date())


def changed(changes: dict[tuple[str, ...], object]) -> dict[str, Any]:
    told: dict[str, Any] = {block: dict(members) for block, members in GOOD.items()}
    for place, thing in changes.items():
        if len(place) == 1:
            told[place[0]] = thing
        elif isinstance(told[place[0]], dict):
            told[place[0]][place[1]] = thing
    return told


def is_ours(told: dict[str, Any], block: str, **members: frozenset[object]) -> bool:
    """Whether in this block these members are among those values; None is for one that is left out."""
    part = told[block]
    return isinstance(part, dict) and all(
        _as_told(part.get(name)) in values for name, values in members.items()
    )


def _as_told(value: object) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value is None or isinstance(value, str):
        return value
    return str(value) if is_number else repr(value)


AMOUNTS = frozenset({"1150", "1150.0", "1150.00", None})


@given(CHANGES)
def test_a_yes_is_whole_and_ours(changes: dict[tuple[str, ...], object]) -> None:
    told, order = changed(changes), the_order()
    adapter = process(told)

    async def ask() -> None:
        outcome, inquiry = await adapter.pay(order), await adapter.inquire(order)
        await adapter.fetch(QUERY)
        if isinstance(outcome, Approved):
            assert "hdrs" not in told
            assert is_ours(told, "resp_status", rsp_cd=frozenset({"0000"}), refno_ack=frozenset({ACK}))
            assert is_ours(told, "bllr_inf", bll_amnt_ttl=AMOUNTS)
        if isinstance(inquiry, Posted):
            assert is_ours(told, "pyd_inf", pyd_trxn_refid=frozenset({EXAMPLE_REFERENCE}))
            assert is_ours(told, "bllr_inf", is_bll_pd=frozenset({"Y"}))
        if isinstance(inquiry, NotFound):
            assert "hdrs" not in told
        if not changes:
            assert isinstance(outcome, Approved)
            assert isinstance(inquiry, Posted)

    asyncio.run(ask())
