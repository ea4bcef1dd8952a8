"""The texts of the shop's pages, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.callers.ekshop.orders import Standing
from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.payer_page import Text

LANGUAGES = ("bn", "en")
_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")

_WORDING: Mapping[str, Text] = MappingProxyType(
    {
        "shop": Text("একশপ (স্যান্ডবক্স)", "ekShop (sandbox)"),
        "slogan": Text("গ্রামের পণ্য, সারা দেশে", "Goods of the villages, for the whole country"),
        "skip": Text("মূল অংশে যান", "Skip to the main part"),
        "other_language": Text("English", "বাংলা"),
        "goods": Text("পণ্য", "Goods"),
        "sheet": Text("এক পাতায় অর্ডার", "Order on one sheet"),
        "cart": Text("ঝুড়ি", "Cart"),
        "cart_empty": Text("ঝুড়িতে কিছু নেই।", "There is nothing in the cart."),
        "add": Text("ঝুড়িতে রাখুন", "Put into the cart"),
        "change": Text("পরিমাণ বদলান", "Change the quantities"),
        "to_checkout": Text("অর্ডার করুন", "Go on to the order"),
        "from": Text("বিক্রেতা", "Sold by"),
        "quantity": Text("পরিমাণ", "Quantity"),
        "price": Text("দাম", "Price"),
        "good": Text("পণ্য", "Good"),
        "sum": Text("মোট", "Sum"),
        "checkout": Text("অর্ডার", "Your order"),
        "name": Text("নাম (ইংরেজি অক্ষরে)", "Name (in Latin letters)"),
        "mobile": Text("মোবাইল নম্বর", "Mobile number"),
        "mobile_hint": Text("যেমন 01700000000", "such as 01700000000"),
        "email": Text("ই-মেইল (না থাকলে খালি রাখুন)", "E-mail (may stay empty)"),
        "address": Text("ঠিকানা", "Address"),
        "district": Text("জেলা", "District"),
        "agent": Text("ডিজিটাল সেন্টারের উদ্যোক্তা", "Agent of a digital centre"),
        "no_agent": Text("কেউ নয়, আমি নিজেই অর্ডার করছি", "Nobody, I order for myself"),
        "agent_hint": Text(
            "অন্য কারও হয়ে অর্ডার করলে আপনার সেন্টার বেছে নিন।",
            "If you order for somebody else, choose your centre.",
        ),
        "place": Text("অর্ডার দিন ও টাকা পরিশোধ করুন", "Place the order and pay"),
        "order": Text("অর্ডার", "Order"),
        "delivery": Text("ডেলিভারি", "Delivery"),
        "total": Text("সর্বমোট", "In all"),
        "shares": Text("কে কত পাবেন", "Who gets what"),
        "payee": Text("প্রাপক", "Payee"),
        "part": Text("অংশ", "Part"),
        "the_shop": Text("একশপ", "ekShop"),
        "payments": Text("পেমেন্ট", "Payments"),
        "number": Text("নম্বর", "Number"),
        "stands": Text("অবস্থা", "How it stands"),
        "heard": Text("আইপিএন", "IPNs"),
        "check": Text("পেমেন্ট যাচাই করুন", "Check the payment"),
        "pay": Text("টাকা পরিশোধ করুন", "Pay"),
        "pay_again": Text("আবার পরিশোধের চেষ্টা করুন", "Pay once more"),
        "look_again": Text("আবার দেখুন", "Look again"),
        "problem": Text("একটু সমস্যা হয়েছে", "There is a problem"),
        "unknown": Text("এমন কিছু এখানে নেই।", "There is no such thing here."),
        "unreadable": Text(
            "অর্ডারটি বোঝা যায়নি। প্রতিটি পণ্যের পরিমাণ, নাম, মোবাইল ও ঠিকানা দেখে নিন।",
            "The order cannot be read. Please check quantities, name, mobile number and address.",
        ),
        "back_to_goods": Text("পণ্যের পাতায় ফিরে যান", "Back to the goods"),
        "no_token": Text(
            "পেমেন্ট শুরু করা যায়নি। কোনো টাকা কাটা হয়নি।",
            "The payment could not be begun. No money was taken.",
        ),
    }
)

_STANDINGS: Mapping[Standing, Text] = MappingProxyType(
    {
        Standing.PLACED: Text("অর্ডার নেওয়া হয়েছে", "Placed"),
        Standing.REFUSED: Text("পেমেন্ট শুরু হয়নি", "The payment was not begun"),
        Standing.WAITING: Text("পেমেন্টের অপেক্ষায়", "Waiting for the payment"),
        Standing.PAID: Text("পরিশোধিত", "Paid"),
        Standing.FAILED: Text("পেমেন্ট হয়নি", "The payment failed"),
        Standing.CANCELLED: Text("পেমেন্ট বাতিল হয়েছে", "The payment was cancelled"),
    }
)

_EXPLANATIONS: Mapping[Standing, Text] = MappingProxyType(
    {
        Standing.PLACED: Text("পেমেন্ট এখনো শুরু হয়নি।", "No payment was begun yet."),
        Standing.REFUSED: _WORDING["no_token"],
        Standing.WAITING: Text(
            "ekPay থেকে এখনো খবর আসেনি। টাকা কাটা হয়ে থাকলে আবার পরিশোধ করবেন না; কিছুক্ষণ পর আবার দেখুন।",
            "ekPay has not told us yet. If money was taken do not pay again; look here in a while.",
        ),
        Standing.PAID: Text("ধন্যবাদ! পণ্য পাঠানো হচ্ছে।", "Thank you! The goods are on their way."),
        Standing.FAILED: Text("টাকা পাওয়া যায়নি। আবার চেষ্টা করতে পারেন।", "No money came. You may try once more."),
        Standing.CANCELLED: Text(
            "আপনি পেমেন্ট বাতিল করেছেন। আবার চেষ্টা করতে পারেন।",
            "You cancelled the payment. You may try once more.",
        ),
    }
)


class Wording:
    """The texts of one language; templates read them as `words["cart"]`."""

    def __init__(self, language: str) -> None:
        """Any language but English is Bangla."""
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self.other = "bn" if self.language == "en" else "en"

    def __getitem__(self, name: str) -> str:
        return self.of(_WORDING[name])

    def of(self, text: Text) -> str:
        """A text in this language."""
        return text.english if self.language == "en" else text.bangla

    def standing(self, standing: Standing) -> str:
        """The name of a state."""
        return self.of(_STANDINGS[standing])

    def explained(self, standing: Standing) -> str:
        """The explanation of a state for the customer."""
        return self.of(_EXPLANATIONS[standing])

    def digits(self, number: object) -> str:
        """A number in this language's digits."""
        return str(number) if self.language == "en" else str(number).translate(_BANGLA_DIGITS)

    def money(self, paisa: int) -> str:
        """An amount in taka."""
        return f"৳ {self.digits(taka(paisa))}"
