"""The pages of a provider for its payers: plain HTML in Bangla and English that needs no script.

Everything that came from outside is escaped; nothing is loaded from elsewhere.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from typing import NamedTuple

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.replies import Header

_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_STYLE = (
    "body{{font-family:sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem;line-height:1.5}}"
    "header{{background:{colour};color:#fff;padding:.5rem 1rem}}"
    "input{{font-size:1.25rem;width:100%;box-sizing:border-box;padding:.4rem;margin:.3rem 0 1rem}}"
    "button{{font-size:1.1rem;padding:.5rem 1.2rem;margin-right:.5rem}}"
    ".error{{border-left:.3rem solid #b00020;padding-left:.7rem}}"
)
# The only script; a browser without scripts has the button instead.
_SEND = "document.forms[0].submit()"
_SEND_HASH = b64encode(sha256(_SEND.encode()).digest())
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", _POLICY),
)
"""What every page is sent with."""

_TELL = "parent.postMessage(JSON.parse(document.querySelector('[data-told]').dataset.told),'*')"
_TELL_HASH = b64encode(sha256(_TELL.encode()).digest())

AUTO_POST_HEADERS: tuple[Header, ...] = (
    *HEADERS[:-1],
    (b"content-security-policy", _POLICY + b"; script-src 'sha256-" + _SEND_HASH + b"'"),
)
"""What a page is sent with that sends its form by itself."""

FRAMED_HEADERS: tuple[Header, ...] = (
    *HEADERS[:-1],
    (
        b"content-security-policy",
        _POLICY.replace(b"frame-ancestors 'none'", b"frame-ancestors *")
        + b"; script-src 'sha256-"
        + _TELL_HASH
        + b"'",
    ),
)
"""What a page is sent with that stands in a frame of anybody's page, and tells it how the payer has ended."""


class Text(NamedTuple):
    """One text in both languages."""

    bangla: str
    english: str


class Field(NamedTuple):
    """The one field of a step of the page."""

    name: str
    label: Text
    is_secret: bool = False


class PaymentDue(NamedTuple):
    """What is to be paid, and to whom."""

    merchant: str
    invoice: str
    amount_paisa: int

    @property
    def rows(self) -> tuple[tuple[Text, str], ...]:
        """Each name with its value, which is escaped."""
        amount = taka(self.amount_paisa)
        return (
            (Text("মার্চেন্ট", "Merchant"), escape(self.merchant)),
            (Text("ইনভয়েস", "Invoice"), escape(self.invoice)),
            (Text("পরিমাণ", "Amount"), f"৳ {amount.translate(_BANGLA_DIGITS)} / BDT {amount}"),
        )


class AgreementDue(NamedTuple):
    """What a payer is asked to agree to: a merchant may ask for money again, with the PIN alone."""

    merchant: str
    reference: str

    @property
    def rows(self) -> tuple[tuple[Text, str], ...]:
        """Each name with its value, which is escaped."""
        return (
            (Text("মার্চেন্ট", "Merchant"), escape(self.merchant)),
            (Text("রেফারেন্স", "Reference"), escape(self.reference)),
            (Text("চুক্তি", "Agreement"), _bilingual(_PIN_ALONE)),
        )


class Branding(NamedTuple):
    """The name at the head of a page, and its colour."""

    name: Text
    colour: str = "#444"


UNKNOWN = Text("এই পেমেন্টটি পাওয়া যায়নি", "There is no such payment")
LAPSED = Text("এই পেমেন্টের সময় শেষ", "The time for this payment is over")
APPROVED = Text("পেমেন্ট অনুমোদিত হয়েছে", "The payment is approved")
NOT_APPROVED = Text("পেমেন্ট অনুমোদিত হয়নি", "The payment is not approved")

_PIN_ALONE = Text("পরের পেমেন্টে শুধু পিন লাগবে", "Later payments need the PIN alone")
_CONFIRM = Text("নিশ্চিত করুন", "Confirm")
_CANCEL = Text("বাতিল", "Cancel")
_GO_BACK = Text("মার্চেন্টের কাছে ফিরে যান", "Back to the merchant")


def form_page(look: Branding, due: PaymentDue | AgreementDue, field: Field, error: Text | None = None) -> str:
    """Return the page of one step: one field, and the buttons confirm and cancel."""
    kind = "password" if field.is_secret else "text"
    alert = f'<p class="error" role="alert">{_bilingual(error)}</p>' if error else ""
    return _page(
        look,
        f"{_due_table(due)}{alert}"
        f'<form method="post"><label for="{field.name}">{_bilingual(field.label)}</label>'
        f'<input id="{field.name}" name="{field.name}" type="{kind}" inputmode="numeric" '
        f'autocomplete="off" maxlength="20" required autofocus>'
        f'<button name="do" value="confirm">{_bilingual(_CONFIRM)}</button>'
        f'<button name="do" value="cancel" formnovalidate>{_bilingual(_CANCEL)}</button></form>',
    )


def message_page(look: Branding, text: Text) -> str:
    """Return a page with one message and no form."""
    return _page(look, f"<p>{_bilingual(text)}</p>")


def auto_post_page(look: Branding, url: str, fields: Mapping[str, str]) -> str:
    """Return a page that sends a browser on with POST, by itself or by its one button."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    form = (
        f'<form method="post" action="{escape(url)}">{hidden}<button>{_bilingual(_GO_BACK)}</button></form>'
    )
    return _page(look, f"{form}<script>{_SEND}</script>")


def page_for_parent(look: Branding, text: Text, told: Mapping[str, str]) -> str:
    """Return a page with one message that tells the page around its frame these fields, whosever it is."""
    told_as_json = escape(json.dumps(told))
    return _page(look, f'<p data-told="{told_as_json}">{_bilingual(text)}</p><script>{_TELL}</script>')


def _due_table(due: PaymentDue | AgreementDue) -> str:
    return f"<dl>{''.join(f'<dt>{_bilingual(name)}</dt><dd>{value}</dd>' for name, value in due.rows)}</dl>"


def _bilingual(text: Text) -> str:
    return f'{escape(text.bangla)} <span lang="en">/ {escape(text.english)}</span>'


def _page(look: Branding, body: str) -> str:
    name = f"{escape(look.name.bangla)} / {escape(look.name.english)} (sandbox)"
    return (
        '<!doctype html><html lang="bn"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name}</title><style>{_STYLE.format(colour=look.colour)}</style></head>"
        f"<body><header>{name}</header><main>{body}</main></body></html>"
    )
