"""The texts of a provider's pages, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.kit.payer_pages.language import Text

REHEARSAL = Text(
    "পরীক্ষামূলক পাতা: এখানে আসল টাকা লেনদেন হয় না। আসল পিন বা কার্ড নম্বর দেবেন না।",
    "Rehearsal: no real money moves here. Never type a real PIN or card number.",
)
OTHER_LANGUAGE = Text("English", "বাংলা")
PAYEE = Text("প্রাপক", "Payee")
PURPOSE = Text("বিবরণ", "For")
INVOICE = Text("ইনভয়েস নম্বর", "Invoice number")
REFERENCE = Text("রেফারেন্স", "Reference")
AGREEMENT = Text("সম্মতি", "Agreement")
AMOUNT = Text("টাকার পরিমাণ", "Amount")
PIN_ALONE = Text("পরের পেমেন্টে শুধু পিন লাগবে", "Later payments need the PIN alone")
STEP = Text("ধাপ {at}/{steps}", "Step {at} of {steps}")
ERROR = Text("ভুল", "Error")

NEXT = Text("এগিয়ে যান", "Continue")
CONFIRMATIONS: Mapping[str, Text] = MappingProxyType(
    {
        "pay": Text("{sum} দিন", "Pay {sum}"),
        "allow": Text("{sum} কাটার অনুমতি দিন", "Allow {sum} to be taken"),
        "agree": Text("সম্মতি দিন", "Agree"),
    }
)
CANCELLATIONS: Mapping[str, Text] = MappingProxyType(
    {
        "pay": Text("পেমেন্ট বাতিল করুন", "Cancel the payment"),
        "allow": Text("পেমেন্ট বাতিল করুন", "Cancel the payment"),
        "agree": Text("সম্মতি না দিয়ে ফিরে যান", "Go back without agreeing"),
    }
)
GO_BACK = Text("দোকানের পাতায় ফিরে যান", "Back to the merchant")

UNKNOWN = (
    Text("এই পেমেন্টটি পাওয়া যায়নি", "There is no such payment"),
    Text("যেখান থেকে এসেছেন সেখানে ফিরে আবার শুরু করুন।", "Go back to where you came from and begin again."),
)
LAPSED = (
    Text("এই পেমেন্টের সময় শেষ", "The time for this payment is over"),
    Text(
        "এই পাতায় কোনো টাকা নেওয়া হয়নি। দোকানের পাতায় ফিরে আবার শুরু করুন।",
        "No money was taken on this page. Go back to the shop's page and begin again.",
    ),
)
APPROVED = (
    Text("পেমেন্ট অনুমোদিত হয়েছে", "The payment is approved"),
    Text(
        "পেমেন্টটি এখন কী অবস্থায় আছে, তা দোকানের পাতায় দেখুন।",
        "Go back to the shop's page to see how the payment stands.",
    ),
)
NOT_APPROVED = (
    Text("পেমেন্ট অনুমোদিত হয়নি", "The payment is not approved"),
    Text("দোকানের পাতায় ফিরে আবার চেষ্টা করতে পারেন।", "You may go back to the shop's page and try again."),
)

TRY_THESE = Text("পরীক্ষার জন্য নম্বর, কোড ও পিন", "Numbers, code and PIN to try")
CODE = Text("যাচাইকরণ কোড", "Verification code")
PIN = Text("পিন", "PIN")
NUMBER = Text("নম্বর", "Number")
MEANING = Text("কী হয়", "What happens")
MORE_TO_TRY = Text("সব নম্বর দেখার কমান্ড:", "A command lists them all:")
CHEATSHEET_COMMAND = "ekpay sandbox cheatsheet"

OTP_HINT = Text(
    "এখানে কোনো SMS আসে না; কোডটি এই পাতার নিচে আছে।", "No SMS is sent here; the code stands below on this page."
)
PIN_HINT = Text("পরীক্ষার পিনটি এই পাতার নিচে আছে।", "The PIN to try stands below on this page.")
WRONG_OTP = Text("যাচাইকরণ কোডটি ভুল", "The verification code is wrong")
WRONG_PIN = Text("পিনটি ভুল", "The PIN is wrong")
TRIES_LEFT = Text("আর {left} বার চেষ্টা করা যাবে", "{left} more to try")
