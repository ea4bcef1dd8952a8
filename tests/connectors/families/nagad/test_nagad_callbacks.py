"""What the payer's browser brings back from Nagad: a hint, and nothing more."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.nagad.connector import Nagad
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.ports.world import NotSent, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest

PAYMENT, ORDER = "MDYxMjM0.abc+/x==", "EXAMPLE0000000000001"
QUERY = {
    "merchant": "100000000000001",
    "order_id": ORDER,
    "payment_ref_id": PAYMENT,
    "status": "Success",
    "status_code": "00_0000_000",
    "message": "Successful Transaction",
    "payment_dt": "20251020120102",
    "issuer_payment_ref": "EXAMPLE001",
}


class NobodyThere:
    """A wire that a callback must not use."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return NotSent("nobody there")


def a_nagad() -> Nagad:
    """Without secrets: reading a hint needs none."""
    around = FamilyContext(NobodyThere(), InMemoryTokens(), StoppedClock(NOON), {})
    return Nagad(the_manifest("nagad"), around)


async def heard(**changes: str | None) -> CallbackHint | NoHint:
    told = {name: value for name, value in (QUERY | changes).items() if value is not None}
    return await a_nagad().read_callback({}, urlencode(told).encode())


@pytest.mark.parametrize("claims", ["Success", "Failed", "Aborted", "Cancelled"])
async def test_a_browser_that_comes_back_is_a_hint_and_calls_for_no_word_of_ours(claims: str) -> None:
    assert await heard(status=claims) == CallbackHint(
        f"{PAYMENT} {claims}", PAYMENT, claims, ORDER, is_agreed=False
    )


async def test_a_repeat_has_the_same_event_whatever_else_it_says() -> None:
    first, again = await heard(), await heard(message="", issuer_payment_ref="EXAMPLE009")
    assert first == again


async def test_headers_change_nothing() -> None:
    nagad, query = a_nagad(), urlencode(QUERY).encode()
    form = {"content-type": "application/x-www-form-urlencoded", "cookie": "a=b"}
    assert await nagad.read_callback(form, query) == await nagad.read_callback({}, query)


@pytest.mark.parametrize("order_id", [None, "", "FOUR", "X" * 21, "EXAMPLE-1", "\u09e7"])
async def test_a_reference_that_cannot_be_ours_is_left_out(order_id: str | None) -> None:
    told = await heard(order_id=order_id)
    assert isinstance(told, CallbackHint)
    assert (told.provider_reference, told.reference) == (PAYMENT, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_ref_id": None},
        {"payment_ref_id": ""},
        {"payment_ref_id": "two words"},
        {"payment_ref_id": "../x"},
        {"payment_ref_id": "x" * 129},
        {"status": None},
        {"status": ""},
        {"status": "success"},
        {"status": "Paid"},
        {"message": "x" * 5_000},
    ],
)
async def test_a_query_that_says_nothing_certain_is_no_hint(changes: dict[str, str | None]) -> None:
    told = await heard(**changes)
    assert isinstance(told, NoHint)
    assert not told.is_forged


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"\xff\xfe",
        b'{"payment_ref_id": "a", "status": "Success"}',
        urlencode([*QUERY.items(), ("status", "Failed")]).encode(),
        urlencode([*QUERY.items(), *((f"x{number}", "1") for number in range(30))]).encode(),
    ],
)
async def test_what_is_no_query_of_nagads_is_no_hint(query: bytes) -> None:
    assert isinstance(await a_nagad().read_callback({}, query), NoHint)


@given(st.binary(max_size=200))
async def test_whatever_comes_nothing_is_raised(body: bytes) -> None:
    told = await a_nagad().read_callback({}, body)
    assert isinstance(told, NoHint) or b"payment_ref_id=" in body
