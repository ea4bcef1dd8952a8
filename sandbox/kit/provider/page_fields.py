"""What the page of a provider asks its payer for, and how what was typed is read."""

from collections.abc import Callable

from sandbox.kit.payer_pages import wording
from sandbox.kit.payer_pages.language import Language, Text, digits, typed_digits, typed_mobile
from sandbox.kit.payer_pages.payer_page import Field
from sandbox.kit.provider.payer_numbers import PayerKind, number_of

NUMBER_FIELDS = {
    PayerKind.WALLET: Field(
        PayerKind.WALLET,
        Text("আপনার ওয়ালেট নম্বর", "Your wallet number"),
        Text("১১ সংখ্যা, ০১ দিয়ে শুরু", "11 digits, beginning with 01"),
    ),
    PayerKind.CARD: Field(
        PayerKind.CARD,
        Text("আপনার কার্ড নম্বর", "Your card number"),
        Text("১৬ সংখ্যা; শুধু পরীক্ষার নম্বর দিন", "16 digits; only a number to try"),
    ),
    PayerKind.ACCOUNT: Field(
        PayerKind.ACCOUNT,
        Text("আপনার হিসাব নম্বর", "Your account number"),
        Text("১৩ সংখ্যা", "13 digits"),
    ),
}
"""What is asked for first, by kind of payer."""

OTP = Field("otp", Text("যাচাইকরণ কোড", "Verification code"), wording.OTP_HINT, autocomplete="one-time-code")
PIN = Field("pin", Text("পিন", "PIN"), wording.PIN_HINT, is_secret=True)
FIELD_COUNT = 3
"""How many steps a payer takes who is not known yet: number, code and PIN."""

_READERS: dict[PayerKind, Callable[[str], str]] = {PayerKind.WALLET: typed_mobile}


def typed_number(kind: PayerKind, text: str) -> str:
    """Return the number of a payer as the institution has it, whatever digits and blanks were typed."""
    return _READERS.get(kind, typed_digits)(text)


def unknown_number(kind: PayerKind) -> Text:
    """Return what is said about a number that nobody has, with one that somebody has."""
    example = number_of(kind, 0)
    return Text(
        f"নম্বরটি সঠিক নয়। যেমন {digits(example, Language.BANGLA)}", f"Nobody has this number. Try {example}"
    )


def with_tries_left(error: Text, left: int) -> Text:
    """Return what is said about a wrong code or PIN, with how often another one may be given."""
    return Text(
        f"{error.bangla}। {wording.TRIES_LEFT.bangla.format(left=digits(left, Language.BANGLA))}।",
        f"{error.english}. {wording.TRIES_LEFT.english.format(left=left)}.",
    )
