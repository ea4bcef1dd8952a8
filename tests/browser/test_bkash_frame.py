"""bKash's page in a frame of a shop's page, as shops have it: with the simulator alone, and no switch."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.conftest import PHONE_HEIGHT, PHONE_WIDTH
from tests.browser.installation import ROOT
from tests.browser.shopper import PATIENCE_MS

INVOICES = count(1)
WALLET, EMPTY_WALLET = "01700000003", "01992000000"
PAGE = """<!doctype html><title>Shop</title><h1>Shop</h1>
<button id="bKash_button">Pay With bKash</button><p id="says">nothing</p>
<script src="{origin}/versions/1.1.0-beta/checkout/bKash-checkout-sandbox.js"></script>
<script>
let paymentID;
const says = (text) => {{ document.getElementById("says").textContent = text; }};
const ask = (path) => fetch(path, {{ method: "POST" }}).then((answer) => answer.json());
bKash.init({{
  paymentMode: "checkout",
  paymentRequest: {{ amount: "1.00", intent: "sale" }},
  createRequest(request) {{
    // Shops show the frame's surroundings themselves.
    document.getElementById("bKashFrameWrapper").style.display = "block";
    ask("/create?amount=" + request.amount).then((created) => {{
      paymentID = created.paymentID;
      if (paymentID) {{ bKash.create().onSuccess({{ paymentID }}); }}
      else {{ bKash.create().onError(); says("not created: " + created.errorMessage); }}
    }});
  }},
  executeRequestOnAuthorization() {{
    ask("/execute?paymentID=" + paymentID).then((executed) => {{
      if (executed.trxID) {{ says("paid " + executed.amount); }}
      else {{ bKash.execute().onError(); says("not paid: " + executed.errorMessage); }}
    }});
  }},
  onClose() {{ says("closed"); }},
}});
bKash.reconfigure({{ paymentRequest: {{ amount: "{amount}", intent: "sale" }} }});
</script>"""


@dataclass
class FrameShop:
    """A shop: its server, which asks the simulator, and its page in a browser."""

    page: Page
    simulator: str
    address: str = ""
    amount: str = "85.50"
    created: list[str] = field(default_factory=list)
    token: str = ""

    def ask(self, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        sent = {"Authorization": self.token, "X-APP-Key": "bkash-sandbox-app"} | headers
        url = f"{self.simulator}/v1.1.0-beta/checkout/{path}"
        data = b"" if body is None else json.dumps(body).encode()
        with urlopen(Request(url, data, sent)) as answer:  # noqa: S310 - our own simulator
            answered: dict[str, Any] = json.load(answer)
        return answered

    def answer(self, path: str, value: str) -> dict[str, Any]:
        """What the shop's server answers its own page."""
        if path == "/execute":
            return self.ask(f"payment/execute/{value}")
        invoice = f"F-{next(INVOICES)}"
        fields = {"amount": value, "currency": "BDT", "intent": "sale", "merchantInvoiceNumber": invoice}
        created = self.ask("payment/create", fields)
        self.created.append(created.get("paymentID", ""))
        return created

    def status(self) -> str:
        """What the simulator says of the payment that was created last."""
        url = f"{self.simulator}/v1.2.0-beta/checkout/payment/query/{self.created[-1]}"
        headers = {"Authorization": self.token, "X-APP-Key": "bkash-sandbox-app"}
        with urlopen(Request(url, headers=headers)) as answer:  # noqa: S310 - our own simulator
            return str(json.load(answer)["transactionStatus"])

    def open(self, amount: str = "85.50") -> None:
        self.amount = amount
        self.page.goto(self.address)
        self.page.click("#bKash_button")

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("#bKashFrameWrapper iframe")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.frame.locator(f"input[name={name}]").fill(value)
            self.frame.locator("button[value=confirm]").click()

    def says(self, text: str) -> None:
        expect(self.page.locator("#says")).to_have_text(text)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a process with the simulated bKash alone is served."""
    home = str(tmp_path_factory.mktemp("bkash"))
    command = [sys.executable, "-m", "sandbox", "serve", "--bkash-port", "0", "--home", home]
    environment = {**os.environ, "EKPAY_BKASH_GRANTS_AN_HOUR": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        parts = urlsplit(process.stdout.readline().split()[-1])
        yield f"{parts.scheme}://{parts.netloc}"
        process.terminate()


@contextmanager
def shop_server(shop: FrameShop) -> Iterator[str]:
    """Serve the shop at another site than the simulator, so that the frame there gets no cookies."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = PAGE.format(origin=shop.simulator, amount=shop.amount)
            self._send("text/html", page)

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            self._send("application/json", json.dumps(shop.answer(parts.path, parts.query.partition("=")[2])))

        def _send(self, content_type: str, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def frame_shop(chromium: Browser, simulator: str) -> Iterator[FrameShop]:
    context = chromium.new_context(viewport={"width": PHONE_WIDTH, "height": PHONE_HEIGHT}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    shop = FrameShop(context.new_page(), simulator)
    app = {"app_key": "bkash-sandbox-app", "app_secret": "bkash-sandbox-secret"}
    shop.token = shop.ask("token/grant", app, username="ekpay", password="bkash-sandbox")["id_token"]
    with shop_server(shop) as shop.address:
        yield shop
        context.close()


def test_a_payer_pays_in_the_frame_and_the_shop_executes(frame_shop: FrameShop) -> None:
    frame_shop.open()
    expect(frame_shop.frame.locator("dl.due")).to_contain_text("BDT 85.50")
    frame_shop.fill(wallet=WALLET, otp="123456", pin="12121")
    frame_shop.says("paid 85.50")
    assert frame_shop.status() == "Completed"


def test_a_cancelled_payment_closes_the_frame_and_another_click_begins_anew(frame_shop: FrameShop) -> None:
    frame_shop.open()
    frame_shop.fill(wallet=WALLET)
    frame_shop.frame.locator("button[value=cancel]").click()
    frame_shop.says("closed")
    expect(frame_shop.page.locator("#bKashFrameWrapper")).to_be_hidden()
    frame_shop.page.click("#bKash_button")
    frame_shop.fill(wallet=WALLET, otp="123456", pin="12121")
    frame_shop.says("paid 85.50")
    assert len(set(frame_shop.created)) == 2


def test_a_refused_execute_hides_the_frame(frame_shop: FrameShop) -> None:
    frame_shop.open()
    frame_shop.fill(wallet=EMPTY_WALLET, otp="123456", pin="12121")
    frame_shop.says("not paid: Insufficient Balance")
    assert frame_shop.status() == "Declined"
    expect(frame_shop.page.locator("#bKashFrameWrapper")).to_be_hidden()


def test_a_refused_create_shows_no_frame(frame_shop: FrameShop) -> None:
    frame_shop.open(amount="0.50")
    frame_shop.says("not created: Invalid amount")
    assert frame_shop.created == [""]
    expect(frame_shop.page.locator("#bKashFrameWrapper")).to_be_hidden()


def test_a_message_of_somebody_else_executes_nothing(frame_shop: FrameShop) -> None:
    frame_shop.open()
    expect(frame_shop.frame.locator("input[name=wallet]")).to_be_visible()
    spy = "bKash.reconfigure({executeRequestOnAuthorization() { says('executed'); }})"
    frame_shop.page.evaluate(f"{spy}; window.postMessage({{status: 'success'}}, '*')")
    frame_shop.page.evaluate("new Promise((done) => setTimeout(done, 0))")
    frame_shop.says("nothing")
    # The same message from the frame itself counts.
    frame_shop.fill(wallet=WALLET, otp="123456", pin="12121")
    frame_shop.says("executed")
    assert frame_shop.status() == "Initiated"
