"""The fields and messages of bKash's page."""

from sandbox.kit.institution.payer_page import Branding, Field, Text

LOOK = Branding(Text("বিকাশ", "bKash"), "#e2136e")

WALLET = Field("wallet", Text("আপনার বিকাশ নম্বর", "Your bKash account number"))
OTP = Field("otp", Text("যাচাইকরণ কোড", "Verification code"))
PIN = Field("pin", Text("বিকাশ পিন", "bKash PIN"), is_secret=True)

NO_WALLET = Text("এটি কোনো বিকাশ নম্বর নয়", "This is no bKash account number")
WRONG_OTP = Text("যাচাইকরণ কোডটি ভুল", "The verification code is wrong")
WRONG_PIN = Text("পিনটি ভুল", "The PIN is wrong")
