"""`/receipt/<token>`: the receipt for people, its PDF, and `/receipt/keys`: what it is checked with.

A token is the unguessable name of a receipt, or its signed text (docs/adr/0049); whoever has either may see
the receipt. Any other token, such as a changed text, gets one and the same page, and so does the name of a
payment that has no receipt (yet).
"""

from dataclasses import dataclass

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.edge_kit.bilingual_text import Text
from ekpay_switch.edge_kit.login_watch import LoginWatch, address_of
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.receipts.receipt import receipt_of
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.receipts import Receipts
from ekpay_switch.ports.world import Clock
from ekpay_switch.security.receipt_keys import (
    PAGE,
    VERSION,
    ReceiptKeys,
    SignedFacts,
    key_id,
    verify_signed_text,
)
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.receipts.issuer import Issuer
from ekpay_switch.web.receipts.lines import signed_facts
from ekpay_switch.web.receipts.pages import (
    PDF_SUFFIX,
    MessagePage,
    SignedReceipt,
    message_page,
    pdf_answer,
    pdf_content,
    receipt_page,
)
from ekpay_switch.web.receipts.typesetter import Typesetter

KEYS_PATH = f"{PAGE}/keys"
ROUTE, PDF_ROUTE = "receipt", "receipt-pdf"
_KEYS_CACHED_SECONDS = 300
_UNKNOWN_ADDRESS = "nobody"

_LOOK_AGAIN = Text(
    "ঠিকানাটি পুরো লেখা হয়েছে কি না দেখুন, অথবা কিউআর কোডটি আবার স্ক্যান করুন।",
    "See whether the address is complete, or scan the QR code once more.",
)
_NO_RECEIPT = MessagePage(
    404,
    Text("রসিদটি পাওয়া যায়নি", "There is no receipt at this address"),
    (
        Text(
            "যিনি এটি দেখিয়েছেন তাঁর কাছে আমাদের বৈধ রসিদ নেই, অথবা ঠিকানাটি বদলে গেছে।",
            "Whoever showed you this has no valid receipt of ours, or the address was changed.",
        ),
        _LOOK_AGAIN,
    ),
)
_TOO_OFTEN = MessagePage(
    429,
    Text("একটু পরে আবার চেষ্টা করুন", "Try again in a moment"),
    (Text("এখান থেকে অনেকবার চেষ্টা করা হয়েছে।", "There were too many tries from here."),),
)
_CANNOT_LOOK = MessagePage(
    503,
    Text("এখন রসিদটি দেখানো যাচ্ছে না", "We cannot show the receipt at the moment"),
    (
        Text(
            "রসিদটি বৈধ কি না তা এতে বোঝা যায় না। একটু পরে আবার দেখুন।",
            "This says nothing about the receipt. Look again in a moment.",
        ),
    ),
)
_NO_PDF_TITLE = Text("পিডিএফ এই মুহূর্তে পাওয়া যাচ্ছে না", "The PDF is not available now")
_NO_PDF = (
    Text(
        "রসিদটি নিজের পাতায় আছে, এবং সেখান থেকে ছাপানো যায়।",
        "The receipt itself is on its page, and can be printed from there.",
    ),
)


@dataclass(frozen=True, slots=True)
class ReceiptPages:
    """What the pages need.

    `visits` and `pdfs` limit how often one caller may call, `refusals` how often it may be wrong.
    """

    receipts: Receipts
    billers: Billers
    connectors: Connectors
    keys: ReceiptKeys
    clock: Clock
    public_url: str
    pages: Pages
    visits: RateLimit
    pdfs: RateLimit
    refusals: RateLimit
    logins: LoginWatch
    typesetter: Typesetter
    issuer: Issuer | None = None


def mount(app: FastAPI, receipt_pages: ReceiptPages) -> None:
    """Add the keys, the PDF and the page."""
    now = receipt_pages.clock.now

    async def keys(_: Request) -> Response:
        listed = [{"id": key_id(key), "key": key} for key in receipt_pages.keys.public_keys()]
        body = orjson.dumps({"algorithm": "Ed25519", "version": VERSION, "keys": listed})
        headers = {"Cache-Control": f"public, max-age={_KEYS_CACHED_SECONDS}"}
        return Response(body, headers=headers, media_type="application/json")

    async def page(request: Request) -> Response:
        receipt = await _find_receipt(request, receipt_pages, receipt_pages.visits)
        answer = (
            receipt
            if isinstance(receipt, Response)
            else receipt_page(request, receipt_pages.pages, receipt, now())
        )
        telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
        return answer

    async def pdf(request: Request) -> Response:
        receipt = await _find_receipt(request, receipt_pages, receipt_pages.pdfs)
        answer = (
            receipt if isinstance(receipt, Response) else await _pdf_response(request, receipt, receipt_pages)
        )
        telemetry.HTTP_REQUESTS.labels(PDF_ROUTE, answer.status_code).inc()
        return answer

    app.add_route(KEYS_PATH, keys, methods=["GET"])
    app.add_route(f"{PAGE}/{{token}}{PDF_SUFFIX}", pdf, methods=["GET"])
    app.add_route(f"{PAGE}/{{token}}", page, methods=["GET"])


async def _find_receipt(
    request: Request, receipt_pages: ReceiptPages, rate: RateLimit
) -> SignedReceipt | Response:
    """The receipt of the token, or the page that says why there is none."""
    address = address_of(request)
    caller = caller_of(address) or _UNKNOWN_ADDRESS
    # First of all: who is over a limit costs no signature and no look at the books.
    if not (rate.allows(caller) and receipt_pages.refusals.has_room(caller)):
        return _too_often_page(request, receipt_pages)
    try:
        receipt = await _receipt_of_token(request.path_params["token"], receipt_pages)
    except Exception as error:  # noqa: BLE001 - whoever holds a receipt is owed a page
        telemetry.count_error("receipt_page_broke_off", error=error)
        return message_page(request, receipt_pages.pages, _CANNOT_LOOK)
    if receipt is None:
        receipt_pages.refusals.allows(caller)
        await receipt_pages.logins.note(address, "no_receipt")
        return message_page(request, receipt_pages.pages, _NO_RECEIPT)
    return receipt


def _too_often_page(request: Request, receipt_pages: ReceiptPages) -> Response:
    page = message_page(request, receipt_pages.pages, _TOO_OFTEN)
    page.headers["Retry-After"] = "1"
    return page


async def _receipt_of_token(token: str, receipt_pages: ReceiptPages) -> SignedReceipt | None:
    payment_id = receipt_pages.keys.payment_of(token)
    if payment_id is None:
        return None
    receipt = await receipt_of(
        payment_id, receipt_pages.receipts, receipt_pages.billers, receipt_pages.connectors
    )
    if receipt is None:
        return None
    facts = signed_facts(receipt)
    if token.startswith(f"{VERSION}.") and not _agrees(token, facts, receipt_pages.keys):
        # Only a stolen key, or books that were restored to an earlier day, explain this.
        telemetry.count_error("receipt_contradicts_books", payment_id=payment_id)
        return None
    return SignedReceipt(
        receipt,
        receipt_pages.keys.sign(facts),
        receipt_pages.keys.path(payment_id),
        receipt_pages.public_url,
        receipt_pages.issuer,
    )


def _agrees(token: str, facts: SignedFacts, keys: ReceiptKeys) -> bool:
    """Whether a signed text says what the books say; a payee may have changed its name since."""
    signed = verify_signed_text(token, keys.public_keys())
    if not isinstance(signed, SignedFacts):
        return False
    return (signed.transaction, signed.paisa, signed.paid_on) == (
        facts.transaction,
        facts.paisa,
        facts.paid_on,
    )


async def _pdf_response(request: Request, receipt: SignedReceipt, receipt_pages: ReceiptPages) -> Response:
    pdf = await receipt_pages.typesetter.pdf(pdf_content(receipt))
    if pdf is None:
        return message_page(
            request, receipt_pages.pages, MessagePage(503, _NO_PDF_TITLE, _NO_PDF, receipt.path)
        )
    return pdf_answer(receipt, receipt_pages.pages, pdf)
