"""What the payer's page shows: plain HTML in Bangla and English that needs no script.

Everything that came from outside is escaped; nothing is loaded from elsewhere.
"""

from html import escape
from typing import NamedTuple

from sandbox.bkash.wire import taka

_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_STYLE = (
    "body{font-family:sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem;line-height:1.5}"
    "header{background:#e2136e;color:#fff;padding:.5rem 1rem}"
    "input{font-size:1.25rem;width:100%;box-sizing:border-box;padding:.4rem;margin:.3rem 0 1rem}"
    "button{font-size:1.1rem;padding:.5rem 1.2rem;margin-right:.5rem}"
    ".error{border-left:.3rem solid #b00020;padding-left:.7rem}"
)


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


WALLET = Field("wallet", Text("আপনার বিকাশ নম্বর", "Your bKash account number"))
OTP = Field("otp", Text("যাচাইকরণ কোড", "Verification code"))
PIN = Field("pin", Text("বিকাশ পিন", "bKash PIN"), is_secret=True)

NO_WALLET = Text("এটি কোনো বিকাশ নম্বর নয়", "This is no bKash account number")
WRONG_OTP = Text("যাচাইকরণ কোডটি ভুল", "The verification code is wrong")
WRONG_PIN = Text("পিনটি ভুল", "The PIN is wrong")
UNKNOWN = Text("এই পেমেন্টটি পাওয়া যায়নি", "There is no such payment")
LAPSED = Text("এই পেমেন্টের সময় শেষ", "The time for this payment is over")
APPROVED = Text("পেমেন্ট অনুমোদিত হয়েছে", "The payment is approved")

_CONFIRM = Text("নিশ্চিত করুন", "Confirm")
_CANCEL = Text("বাতিল", "Cancel")


def form_page(due: Due, field: Field, error: Text | None = None) -> str:
    """Return the page of one step: one field, and the buttons confirm and cancel."""
    kind = "password" if field.is_secret else "text"
    alert = f'<p class="error" role="alert">{_both(error)}</p>' if error else ""
    return _page(
        f"{_due(due)}{alert}"
        f'<form method="post"><label for="{field.name}">{_both(field.label)}</label>'
        f'<input id="{field.name}" name="{field.name}" type="{kind}" inputmode="numeric" '
        f'autocomplete="off" maxlength="20" required autofocus>'
        f'<button name="do" value="confirm">{_both(_CONFIRM)}</button>'
        f'<button name="do" value="cancel" formnovalidate>{_both(_CANCEL)}</button></form>'
    )


def notice_page(text: Text) -> str:
    """Return a page that says one thing and asks for nothing."""
    return _page(f"<p>{_both(text)}</p>")


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


def _page(body: str) -> str:
    return (
        '<!doctype html><html lang="bn"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>বিকাশ / bKash (sandbox)</title><style>{_STYLE}</style></head>"
        f"<body><header>বিকাশ / bKash (sandbox)</header><main>{body}</main></body></html>"
    )
