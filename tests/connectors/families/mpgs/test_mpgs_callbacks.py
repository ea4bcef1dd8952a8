"""What comes unasked: a notice under the shared secret, or a browser with an indicator; both are hints."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.mpgs.connector import Mpgs
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.ports.world import WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.mpgs.mpgs_stage import SECRETS, a_row, refunded, said

SECRET = {"x-notification-secret": "between us", "content-type": "application/json"}
NOTICE = said(a_row())


class NoWire:
    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        pytest.fail(f"{far_side} was asked by {request.method}")


def a_merchant(**environ: str) -> Mpgs:
    around = FamilyContext(NoWire(), InMemoryTokens(), StoppedClock(NOON), SECRETS | environ)
    return Mpgs(the_manifest("ebl"), around)


async def test_a_notice_under_the_secret_names_the_order_by_our_reference() -> None:
    told = await a_merchant().read_callback(SECRET, NOTICE)
    assert isinstance(told, CallbackHint)
    assert (told.reference, told.provider_reference) == (EXAMPLE_ORDER.reference, "")
    assert told.claims == "PAYMENT SUCCESS"
    assert not told.is_agreed


async def test_a_notice_of_a_refund_names_the_refund() -> None:
    told = await a_merchant().read_callback(SECRET, said(refunded()))
    assert isinstance(told, CallbackHint)
    assert told.reference == EXAMPLE_REFUND.reference


async def test_a_notice_that_is_repeated_is_the_same_and_a_change_is_another() -> None:
    merchant = a_merchant()
    bodies = (NOTICE, NOTICE, said(a_row(result="FAILURE")))
    first, repeated, changed = [await merchant.read_callback(SECRET, body) for body in bodies]
    assert isinstance(first, CallbackHint)
    assert isinstance(changed, CallbackHint)
    assert first == repeated
    assert first.event_id != changed.event_id


@pytest.mark.parametrize(
    "secret", ["", "wrong", "between us ", "between us, between us", "Between us", "\u09e7", "\ud800"]
)
async def test_a_wrong_secret_is_forged(secret: str) -> None:
    told = await a_merchant().read_callback({"x-notification-secret": secret}, NOTICE)
    assert isinstance(told, NoHint)
    assert told.is_forged


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, NOTICE),
        ({"content-type": "application/json"}, NOTICE),
        ({"content-type": "application/json"}, b" \n" + NOTICE),
        ({"host": "switch.example", "user-agent": "x"}, b"resultIndicator=0123456789abcdef"),
    ],
)
async def test_a_missing_secret_is_forged(headers: dict[str, str], body: bytes) -> None:
    told = await a_merchant().read_callback(headers, body)
    assert isinstance(told, NoHint)
    assert told.is_forged


@pytest.mark.parametrize(
    "header", [{}, {"x-notification-secret": ""}, {"x-notification-secret": "between us"}]
)
async def test_without_a_secret_of_ours_nothing_is_believed(header: dict[str, str]) -> None:
    told = await a_merchant(EKPAY_EBL_WEBHOOK_SECRET="").read_callback(header, NOTICE)
    assert told == NoHint("EKPAY_EBL_WEBHOOK_SECRET is not set")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"order.id=x",
        NOTICE[:-5],
        said({"result": "SUCCESS"}),
        said(a_row(order={})),
        said(a_row(order={"id": "a/b"})),
        said(a_row(order={"id": "x" * 41})),
        said(a_row(result=None)),
        NOTICE[:-1] + b', "more": "' + b"x" * 70_000 + b'"}',
    ],
)
async def test_a_notice_that_cannot_be_read_is_none_and_not_forged(body: bytes) -> None:
    told = await a_merchant().read_callback(SECRET, body)
    assert isinstance(told, NoHint)
    assert not told.is_forged


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/x-www-form-urlencoded"}])
async def test_a_browser_that_comes_back_wakes_and_names_nothing(headers: dict[str, str]) -> None:
    query = b"resultIndicator=0123456789abcdef&sessionVersion=a1b2c3d405"
    told = await a_merchant().read_callback(headers, query)
    assert isinstance(told, CallbackHint)
    assert (told.reference, told.provider_reference, told.claims) == ("", "", "returned")
    assert not told.is_agreed
    assert "0123456789abcdef" not in told.event_id
    assert told == await a_merchant().read_callback(headers, query)


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"sessionVersion=1",
        b"resultIndicator=",
        b"resultIndicator=a%20b",
        b"resultIndicator=a&resultIndicator=a",
        b"resultIndicator=" + b"x" * 41,
        b"resultIndicator=a&" + b"x" * 5_000,
        b"&".join([b"resultIndicator=a", *(b"x=1" for _ in range(30))]),
        b"\xff\xfe",
    ],
)
async def test_a_query_without_one_indicator_is_no_hint(query: bytes) -> None:
    told = await a_merchant().read_callback({}, query)
    assert isinstance(told, NoHint)
    assert not told.is_forged


@given(st.dictionaries(st.sampled_from(["x-notification-secret", "host"]), st.text(max_size=20)), st.binary())
async def test_whatever_comes_nothing_is_raised_and_nothing_is_believed(
    headers: dict[str, str], body: bytes
) -> None:
    told: Any = await a_merchant().read_callback(headers, body)
    assert isinstance(told, NoHint) or told.claims == "returned"
