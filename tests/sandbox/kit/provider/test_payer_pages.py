"""Where the payer's page is found, and what it is called with."""

from pathlib import Path

import aiohttp
import pytest

from sandbox.callers.payer.browser import Browser
from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.http_request import read_request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.requests import MalformedRequestError
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.hooks import OpenProvider
from sandbox.kit.provider.orders import NewOrder
from tests.sandbox.caller import SetClock
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.sample_family import Merchant, Sample, gateway_settings

CONFIRM = ("do", "confirm")


@pytest.mark.parametrize("behaviour", [PayerDecision.APPROVE, PayerDecision.RETURN])
async def test_a_page_can_be_at_an_address_that_the_merchant_makes_up(
    merchant: Merchant, behaviour: PayerDecision
) -> None:
    reference, _ = await merchant.create()
    session = await merchant.ask("POST", f"orders/{reference}/session")
    assert "/getpay/checkout?session=" in session["page"]
    assert (await pay(session["page"], Payer(await merchant.number("normal")), behaviour)).status == "paid"
    order = await merchant.order(reference)
    assert (order["facts"]["device"], order["calls"]) == ("phone", {"create": 1, "prepare": 1})


async def test_two_orders_at_one_address_do_not_disturb_each_other(merchant: Merchant) -> None:
    pages = []
    for _ in range(2):
        reference, _ = await merchant.create()
        pages.append((await merchant.ask("POST", f"orders/{reference}/session"))["page"])
    number = await merchant.number("normal")
    async with Browser() as browser:
        shown = await browser.submit(await browser.open(pages[0]), {"wallet": number}, CONFIRM)
        assert (shown.form is not None and list(shown.form.fields)) == ["otp"]
        shown = await browser.open(pages[1])
        assert (shown.form is not None and list(shown.form.fields)) == ["wallet"]


async def test_a_call_before_the_page_can_be_struck_and_one_of_nothing_is_unknown(merchant: Merchant) -> None:
    reference, _ = await merchant.create()
    await merchant.fault(ProviderFault.LOST_DONE, ProviderStep.PREPARE)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await merchant.call("POST", f"orders/{reference}/session")
    assert (await merchant.order(reference))["facts"]["device"] == "phone"
    assert await merchant.ask("POST", "orders/NONE/session") == {"refused": "unknown"}
    assert (await merchant.call("GET", "checkout?session=NONE"))[0] == 404


async def test_a_browser_that_has_nowhere_to_go_stays(merchant: Merchant) -> None:
    for address in ("", "ftp://x", "http://[", "https://মার্চেন্ট.example"):
        merchant.return_url = address
        reference, visit = await merchant.a_visited("return_twice")
        assert (visit.sent_to, (await merchant.status(reference))["state"]) == (None, "paid")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (ProviderFault.REFUSE, 401),
        (ProviderFault.UNAUTHORISED, 401),
        (ProviderFault.HTTP_500, 500),
        (ProviderFault.HTTP_500_DONE, 500),
    ],
)
async def test_a_login_can_be_struck(merchant: Merchant, fault: ProviderFault, status: int) -> None:
    body = {"user": "ekpay", "password": "gateway-sandbox"}
    await merchant.fault(fault, ProviderStep.LOGIN)
    assert (await merchant.call("POST", "token", body))[0] == status
    assert (await merchant.call("POST", "token", body))[0] == 200


async def test_a_step_that_is_refused_is_refused_in_the_familys_words(merchant: Merchant) -> None:
    await merchant.fault(ProviderFault.REFUSE, ProviderStep.CREATE)
    assert (await merchant.create("N1"))[1] == {"refused": "refused"}
    assert "page" in (await merchant.create("N1"))[1]


async def test_a_family_that_makes_one_name_for_everything_is_found_out(
    tmp_path: Path, clock: SetClock
) -> None:
    async with served(OneName.open(gateway_settings(tmp_path), Clock(clock.now))) as (session, origin):
        merchant = Merchant(session, origin)
        await merchant.log_in()
        assert (await merchant.create())[1]["id"] == "same"
        assert (await merchant.call("POST", "orders/N2", {"amount": "1"}))[0] == 500


class OneName(Sample):
    """A family with a bug."""

    family = "one_name"

    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:  # noqa: ARG002
        return "same"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[]"),
        ("application/json", b"{"),
        ("", b"{x}"),
        ("application/x-www-form-urlencoded", b"\xff=1"),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(201))),
    ],
)
def test_a_body_of_no_form_is_malformed(content_type: str, body: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        read_request(a_scope(content_type), body).fields()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
        b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--",
        b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x--",
        b"\xff" * 40,
    ],
)
def test_rubbish_for_a_multipart_form_brings_nothing_odd(body: bytes) -> None:
    assert set(read_request(a_scope("multipart/form-data; boundary=x"), body).fields()) <= {"a"}
    assert read_request(a_scope("multipart/form-data"), body).fields() == {}


def test_user_and_password_of_a_basic_header_are_read() -> None:
    def basic(header: str) -> object:
        return read_request(a_scope("", header), b"").basic

    assert basic("Basic bWVyY2hhbnQuQTpwOnE=") == ("merchant.A", "p:q")
    for header in ("", "Basic", "Basic !", "Bearer bWVyY2hhbnQuQTpwOnE=", "Basic YQ==", "Basic /w=="):
        assert basic(header) is None


def test_the_origin_is_where_the_caller_found_us() -> None:
    request = read_request(a_scope(""), b"")
    assert request.origin == "http://127.0.0.1:8202"
    assert request._replace(headers={"host": "proxy:1"}).origin == "http://proxy:1"


def test_addresses_that_a_browser_can_be_sent_to() -> None:
    assert is_web_address("https://m.example:8443/a?b=c")
    for text in ("", "x", "ftp://x", "http://", "http://[", "http://x:99999999", 'http://x/"', None):
        assert not is_web_address(text)


def a_scope(content_type: str, authorization: str = "") -> dict[str, object]:
    headers = [(b"content-type", content_type.encode()), (b"authorization", authorization.encode())]
    where = {"path": "/", "query_string": b"", "server": ("127.0.0.1", 8202)}
    return {"method": "POST", "headers": headers, **where}
