"""Following a payment: who gets a code, and what whoever does not get one can tell."""

from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.citizens.one_time_codes import CodeVerdict
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.flows.carts.order_cart import order_cart
from ekpay_switch.flows.citizens.track_cart import TrackingRequest, open_tracking, request_tracking
from ekpay_switch.ports.citizens import CartContact, CitizenPorts
from tests.fakes.carts import CartScene
from tests.fakes.citizens import FakeCodes, FakeContacts, FakeLimits, citizens_of

NUMBER, OTHER = "01712345678", "01812345678"


async def followed() -> tuple[CartScene, CitizenPorts, TrackingRequest]:
    """An ordered cart with a contact, and the request of its payer."""
    scene = CartScene()
    citizens = citizens_of(scene.carts, scene.small.clock)
    cart = await scene.filled()
    await citizens.contacts.keep(cart.cart_id, CartContact(NUMBER, PayerLanguage.BANGLA))
    assert isinstance(await order_cart(cart, PayerLanguage.BANGLA, scene.office), str)
    number = scene.order_of(cart).ekpay_trnx_id
    return scene, citizens, TrackingRequest(number, NUMBER, "203.0.113.7", PayerLanguage.BANGLA)


def _codes(citizens: CitizenPorts) -> FakeCodes:
    assert isinstance(citizens.codes, FakeCodes)
    return citizens.codes


async def test_the_payer_gets_a_code_that_opens_the_cart_once() -> None:
    scene, citizens, request = await followed()
    code_id = await request_tracking(request, citizens)
    assert code_id is not None
    (message,) = _codes(citizens).messages
    stored = _codes(citizens).codes[code_id].new
    assert (message.number, stored.code in message.text) == (NUMBER, True)
    check = await open_tracking(code_id, stored.code, citizens)
    (cart,) = scene.carts.carts.values()
    assert (check.verdict, check.subject) == (CodeVerdict.RIGHT, cart.reference)
    assert (await open_tracking(code_id, stored.code, citizens)).verdict is CodeVerdict.DEAD


@pytest.mark.parametrize("change", [{"number": OTHER}, {"payment_number": "26120210000000000"}])
async def test_whoever_guesses_gets_a_code_to_type_that_opens_nothing(change: dict[str, str]) -> None:
    _, citizens, request = await followed()
    code_id = await request_tracking(replace(request, **change), citizens)  # type: ignore[arg-type]
    assert code_id is not None
    assert _codes(citizens).messages == []
    stored = _codes(citizens).codes[code_id].new
    assert stored.subject is None
    assert (await open_tracking(code_id, stored.code, citizens)).verdict is CodeVerdict.WRONG


async def test_a_new_request_of_the_browser_ends_its_code_before() -> None:
    _, citizens, request = await followed()
    first = await request_tracking(request, citizens)
    assert first is not None
    code = _codes(citizens).codes[first].new.code
    assert await request_tracking(replace(request, replaces=first), citizens) is not None
    assert (await open_tracking(first, code, citizens)).verdict is CodeVerdict.DEAD


async def test_beyond_the_limits_nothing_is_made(capfd: pytest.CaptureFixture[str]) -> None:
    _, citizens, request = await followed()
    citizens = replace(citizens, limits=FakeLimits(is_open=False))
    assert await request_tracking(request, citizens) is None
    assert _codes(citizens).codes == {}
    assert capfd.readouterr().err == ""


async def test_once_a_cart_is_ordered_its_contact_stays() -> None:
    scene, citizens, request = await followed()
    (cart,) = scene.carts.carts.values()
    await citizens.contacts.keep(cart.cart_id, CartContact(OTHER, PayerLanguage.ENGLISH))
    assert isinstance(citizens.contacts, FakeContacts)
    assert citizens.contacts.kept[cart.cart_id].number == NUMBER
    assert isinstance(cart.cart_id, UUID)
    assert NUMBER not in repr(request)
