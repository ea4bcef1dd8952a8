"""`GET /ekpaypg/v1`: redirects from the address that merchants build to the payer's checkout.

The token ends here: no page, link or log has it again.
"""

from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.api.page_parts import Page, redirect, render_page
from ekpay_switch.edge_kit.bilingual_text import Text
from ekpay_switch.flows.merchants.open_merchant_payment import CHECKOUT_PATH
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.world import World
from ekpay_switch.security.merchant_tokens import MerchantTokens

_BACK_TO_SHOP = Text(
    "যেখান থেকে শুরু করেছিলেন সেখানে ফিরে গিয়ে আবার শুরু করুন।",
    "Go back to where you started, and start the payment again there.",
)
_NOTHING_TAKEN = Text("এই পাতায় আপনার কোনো টাকা কাটা হয়নি।", "No money was taken from you on this page.")
_LOOK_THERE = Text(
    "টাকা দিয়ে থাকলে আবার দেবেন না। যেখান থেকে শুরু করেছিলেন সেখানে পেমেন্টের অবস্থা দেখুন।",
    "If you have paid already, do not pay again. Look at your payment where you started.",
)
_INCOMPLETE = Page(
    400,
    Text("এই ঠিকানাটি অসম্পূর্ণ", "This address is incomplete"),
    [
        Text(
            "পেমেন্টের পাতা খোলার জন্য যা দরকার, ঠিকানায় তা নেই।",
            "Something that opens the payment page is missing from it.",
        ),
        _NOTHING_TAKEN,
        _BACK_TO_SHOP,
    ],
)
_UNKNOWN = Page(
    404,
    Text("পাতাটি পাওয়া যায়নি", "There is no payment at this address"),
    [_NOTHING_TAKEN, _BACK_TO_SHOP],
)
_ENDED = Page(
    410, Text("এই পেমেন্টের সময় শেষ", "The time for this payment is over"), [_LOOK_THERE, _BACK_TO_SHOP]
)
_TOO_MANY = Page(
    429,
    Text("এই মুহূর্তে পাতাটি দেখানো যাচ্ছে না", "This page cannot be shown at the moment"),
    [Text("একটু পরে এই ঠিকানায় আবার আসুন।", "Come back to this address in a moment.")],
)


async def to_checkout(request: Request, tokens: MerchantTokens, world: World) -> Response:
    """Redirect to the checkout, or show a page that says why not."""
    query = request.query_params
    tokens_sent, references_sent = query.getlist("sToken"), query.getlist("trnsID")
    if len(tokens_sent) != 1 or len(references_sent) != 1 or not tokens_sent[0] or not references_sent[0]:
        return render_page(_INCOMPLETE)
    payment = await _find_payment(tokens_sent[0], references_sent[0], tokens, world)
    if payment is None:
        return render_page(_UNKNOWN)
    if payment.token_expires_at <= world.clock.now():
        return render_page(_ENDED)
    return redirect(f"{world.public_url}{CHECKOUT_PATH}/{payment.checkout_reference}")


def too_many() -> Response:
    """The page for an address that calls too often."""
    return render_page(_TOO_MANY)


async def _find_payment(
    token: str, trnx_id: str, tokens: MerchantTokens, world: World
) -> MerchantPayment | None:
    """The payment of this name whose token this is, expired or not."""
    mer_reg_id = tokens.claimed_merchant(token)
    merchant = None if mer_reg_id is None else await world.merchants.by_reg_id(mer_reg_id)
    if merchant is None:
        return None
    payment = await world.merchant_payments.by_order(merchant.partner_id, trnx_id)
    if payment is None:
        return None
    is_right = tokens.is_of(token, payment.payment_id, payment.mer_reg_id, payment.token_expires_at)
    return payment if is_right else None
