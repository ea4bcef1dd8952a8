"""`/receipt/<token>`: the receipt for people, its PDF, and `/receipt/keys`: what it is checked with.

A token is the unguessable name of a receipt, or its signed text (docs/adr/0049); whoever has either may see
the receipt. Whatever else stands there, such as a text that was changed, gets one and the same page, and so
does the name of a payment that has no receipt (yet).
"""

from dataclasses import dataclass

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch import telemetry
from ekpay_switch.edge_kit.bilingual_text import Text
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.flows.receipt import receipt_of
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.receipts import Receipts
from ekpay_switch.ports.world import Clock
from ekpay_switch.security.receipt_keys import PAGE, VERSION, ReceiptKeys, SignedFacts, check, key_id
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.receipts.lines import signed_facts
from ekpay_switch.web.receipts.pages import (
    PDF_SUFFIX,
    Message,
    Shown,
    for_pdf,
    message_page,
    pdf_answer,
    receipt_page,
)
from ekpay_switch.web.receipts.typesetter import Typesetter

KEYS_PATH = f"{PAGE}/keys"
ROUTE, PDF_ROUTE = "receipt", "receipt-pdf"
_KEYS_CACHED_SECONDS = 300
_NOBODY = "nobody"

_LOOK_AGAIN = Text(
    "ঠিকানাটি পুরো লেখা হয়েছে কি না দেখুন, অথবা কিউআর কোডটি আবার স্ক্যান করুন।",
    "See whether the address is complete, or scan the QR code once more.",
)
_NO_RECEIPT = Message(
    404,
    Text("এই ঠিকানায় কোনো রসিদ নেই", "There is no receipt at this address"),
    (
        Text(
            "যিনি এটি দেখিয়েছেন তাঁর কাছে আমাদের বৈধ রসিদ নেই, অথবা ঠিকানাটি বদলে গেছে।",
            "Whoever showed you this has no valid receipt of ours, or the address was changed.",
        ),
        _LOOK_AGAIN,
    ),
)
_TOO_OFTEN = Message(
    429,
    Text("একটু পরে আবার চেষ্টা করুন", "Try again in a moment"),
    (Text("এখান থেকে অনেকবার চেষ্টা করা হয়েছে।", "There were too many tries from here."),),
)
_CANNOT_LOOK = Message(
    503,
    Text("এই মুহূর্তে আমরা দেখতে পারছি না", "We cannot look at the moment"),
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
class ReceiptDesk:
    """What the pages need.

    `visits` and `pdfs` limit how often one address may call.
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
    typesetter: Typesetter


def mount(app: FastAPI, desk: ReceiptDesk) -> None:
    """Add the keys, the PDF and the page."""
    now = desk.clock.now

    async def keys(_: Request) -> Response:
        listed = [{"id": key_id(key), "key": key} for key in desk.keys.public_keys()]
        body = orjson.dumps({"algorithm": "Ed25519", "version": VERSION, "keys": listed})
        headers = {"Cache-Control": f"public, max-age={_KEYS_CACHED_SECONDS}"}
        return Response(body, headers=headers, media_type="application/json")

    async def page(request: Request) -> Response:
        found = await _found(request, desk, desk.visits)
        answer = found if isinstance(found, Response) else receipt_page(request, desk.pages, found, now())
        telemetry.HTTP_REQUESTS.labels(ROUTE, answer.status_code).inc()
        return answer

    async def pdf(request: Request) -> Response:
        found = await _found(request, desk, desk.pdfs)
        answer = found if isinstance(found, Response) else await _set(request, found, desk)
        telemetry.HTTP_REQUESTS.labels(PDF_ROUTE, answer.status_code).inc()
        return answer

    app.add_route(KEYS_PATH, keys, methods=["GET"])
    app.add_route(f"{PAGE}/{{token}}{PDF_SUFFIX}", pdf, methods=["GET"])
    app.add_route(f"{PAGE}/{{token}}", page, methods=["GET"])


async def _found(request: Request, desk: ReceiptDesk, rate: RateLimit) -> Shown | Response:
    """The receipt that the token is of, or the page that says why there is none to see."""
    address = request.client.host if request.client else _NOBODY
    if not rate.allows(address):
        return message_page(request, desk.pages, _TOO_OFTEN)
    try:
        shown = await _receipt(request.path_params["token"], desk)
    except Exception as error:  # noqa: BLE001 - whoever holds a receipt is owed a page
        telemetry.count_error("receipt_page_broke_off", error=error)
        return message_page(request, desk.pages, _CANNOT_LOOK)
    return message_page(request, desk.pages, _NO_RECEIPT) if shown is None else shown


async def _receipt(token: str, desk: ReceiptDesk) -> Shown | None:
    payment_id = desk.keys.payment_of(token)
    if payment_id is None:
        return None
    receipt = await receipt_of(payment_id, desk.receipts, desk.billers, desk.connectors)
    if receipt is None:
        return None
    facts = signed_facts(receipt)
    if token.startswith(f"{VERSION}.") and not _agrees(token, facts, desk.keys):
        # Only a key in wrong hands, or books that were restored to an earlier day, can have made this.
        telemetry.count_error("receipt_contradicts_books", payment_id=payment_id)
        return None
    return Shown(receipt, desk.keys.sign(facts), desk.keys.path(payment_id), desk.public_url)


def _agrees(token: str, facts: SignedFacts, keys: ReceiptKeys) -> bool:
    """Whether a signed text says what the books say; a payee may have changed its name since."""
    signed = check(token, keys.public_keys())
    if not isinstance(signed, SignedFacts):
        return False
    return (signed.transaction, signed.paisa, signed.paid_on) == (
        facts.transaction,
        facts.paisa,
        facts.paid_on,
    )


async def _set(request: Request, shown: Shown, desk: ReceiptDesk) -> Response:
    pdf = await desk.typesetter.pdf(for_pdf(shown))
    if pdf is None:
        return message_page(request, desk.pages, Message(503, _NO_PDF_TITLE, _NO_PDF, shown.path))
    return pdf_answer(shown, desk.pages, pdf)
