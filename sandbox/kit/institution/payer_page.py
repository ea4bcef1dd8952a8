"""What the page of a provider shows its payer: plain HTML in Bangla and English that needs no script.

Everything that came from outside is escaped; nothing is loaded from elsewhere.
"""

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
# The one script there is; whoever has none presses the button instead.
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

SENDING_HEADERS: tuple[Header, ...] = (
    *HEADERS[:-1],
    (b"content-security-policy", _POLICY + b"; script-src 'sha256-" + _SEND_HASH + b"'"),
)
"""What a page is sent with that sends its form by itself."""


class Text(NamedTuple):
    """One text in both languages."""

    bangla: str
    english: str


class Field(NamedTuple):
    """What a step of the page asks for: the name and kind of its one field."""

    name: str
    label: Text
    is_secret: bool = False


class Due(NamedTuple):
    """What is to be paid, and to whom."""

    merchant: str
    invoice: str
    amount_paisa: int


class Look(NamedTuple):
    """Whose page it is: the name at its head, and the colour behind that."""

    name: Text
    colour: str = "#444"


UNKNOWN = Text("এই পেমেন্টটি পাওয়া যায়নি", "There is no such payment")
LAPSED = Text("এই পেমেন্টের সময় শেষ", "The time for this payment is over")
APPROVED = Text("পেমেন্ট অনুমোদিত হয়েছে", "The payment is approved")

_CONFIRM = Text("নিশ্চিত করুন", "Confirm")
_CANCEL = Text("বাতিল", "Cancel")
_GO_BACK = Text("মার্চেন্টের কাছে ফিরে যান", "Back to the merchant")


def form_page(look: Look, due: Due, field: Field, error: Text | None = None) -> str:
    """Return the page of one step: one field, and the buttons confirm and cancel."""
    kind = "password" if field.is_secret else "text"
    alert = f'<p class="error" role="alert">{_both(error)}</p>' if error else ""
    return _page(
        look,
        f"{_due(due)}{alert}"
        f'<form method="post"><label for="{field.name}">{_both(field.label)}</label>'
        f'<input id="{field.name}" name="{field.name}" type="{kind}" inputmode="numeric" '
        f'autocomplete="off" maxlength="20" required autofocus>'
        f'<button name="do" value="confirm">{_both(_CONFIRM)}</button>'
        f'<button name="do" value="cancel" formnovalidate>{_both(_CANCEL)}</button></form>',
    )


def notice_page(look: Look, text: Text) -> str:
    """Return a page that says one thing and asks for nothing."""
    return _page(look, f"<p>{_both(text)}</p>")


def sending_page(look: Look, url: str, fields: Mapping[str, str]) -> str:
    """Return a page that sends a browser on with POST, by itself or by its one button."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    form = f'<form method="post" action="{escape(url)}">{hidden}<button>{_both(_GO_BACK)}</button></form>'
    return _page(look, f"{form}<script>{_SEND}</script>")


def _due(due: Due) -> str:
    amount = taka(due.amount_paisa)
    rows = (
        (Text("মার্চেন্ট", "Merchant"), escape(due.merchant)),
        (Text("ইনভয়েস", "Invoice"), escape(due.invoice)),
        (Text("পরিমাণ", "Amount"), f"৳ {amount.translate(_BANGLA_DIGITS)} / BDT {amount}"),
    )
    return f"<dl>{''.join(f'<dt>{_both(name)}</dt><dd>{value}</dd>' for name, value in rows)}</dl>"


def _both(text: Text) -> str:
    return f'{escape(text.bangla)} <span lang="en">/ {escape(text.english)}</span>'


def _page(look: Look, body: str) -> str:
    name = f"{escape(look.name.bangla)} / {escape(look.name.english)} (sandbox)"
    return (
        '<!doctype html><html lang="bn"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{name}</title><style>{_STYLE.format(colour=look.colour)}</style></head>"
        f"<body><header>{name}</header><main>{body}</main></body></html>"
    )
