"""The fields and messages of bKash's page."""

from sandbox.kit.payer_pages import wording
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.payer_pages.payer_page import Field

LOOK = Branding(Text("বিকাশ", "bKash"), "#e2136e")

WALLET = Field(
    "wallet",
    Text("আপনার বিকাশ নম্বর", "Your bKash account number"),
    Text("১১ সংখ্যা, ০১ দিয়ে শুরু", "11 digits, beginning with 01"),
)
OTP = Field("otp", Text("যাচাইকরণ কোড", "Verification code"), wording.OTP_HINT, autocomplete="one-time-code")
PIN = Field("pin", Text("বিকাশ পিন", "bKash PIN"), wording.PIN_HINT, is_secret=True)
FIELDS = (WALLET, OTP, PIN)
"""The fields in the order of the steps."""

NO_WALLET = Text("নম্বরটি সঠিক নয়। যেমন ০১৭০০০০০০০০", "This is no bKash account number. Try 01700000000")
