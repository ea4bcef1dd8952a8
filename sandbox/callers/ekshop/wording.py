"""The texts of the shop's pages, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.callers.ekshop.orders import Standing
from sandbox.kit.payer_pages import language as pages
from sandbox.kit.payer_pages.language import Language, Text

LANGUAGES = tuple(Language)

_WORDING: Mapping[str, Text] = MappingProxyType(
    {
        "shop": Text("একশপ", "ekShop"),
        "rehearsal": Text(
            "পরীক্ষামূলক দোকান: এখানে কিছু বিক্রি হয় না, আসল টাকাও লেনদেন হয় না।",
            "Rehearsal: nothing is sold here, and no real money moves.",
        ),
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
        "name": Text("নাম", "Name"),
        "mobile": Text("মোবাইল নম্বর", "Mobile number"),
        "mobile_hint": Text("যেমন ০১৭০০০০০০০০", "such as 01700000000"),
        "email": Text("ই-মেইল (না থাকলে খালি রাখুন)", "E-mail (may stay empty)"),
        "address": Text("ঠিকানা", "Address"),
        "district": Text("জেলা", "District"),
        "agent": Text("ডিজিটাল সেন্টারের উদ্যোক্তা", "Agent of a digital centre"),
        "no_agent": Text("কেউ নয়, আমি নিজেই অর্ডার করছি", "Nobody, I order for myself"),
        "agent_hint": Text(
            "অন্য কারও হয়ে অর্ডার করলে আপনার সেন্টার বেছে নিন।",
            "If you order for somebody else, choose your centre.",
        ),
        "place": Text("অর্ডার দিয়ে টাকা পরিশোধ করতে যান", "Place the order and go on to pay"),
        "show_price": Text("ডেলিভারিসহ মোট আবার হিসাব করুন", "Work out the total with delivery again"),
        "your_goods": Text("আপনার পণ্য", "Your goods"),
        "goods_total": Text("পণ্যের দাম", "Goods"),
        "charge_note": Text(
            "পরিশোধের মাধ্যমের কোনো চার্জ থাকলে পেমেন্টের পাতায় দেখানো হবে।",
            "A charge for paying, if there is one, is shown on the payment page.",
        ),
        "error": Text("ভুল", "Error"),
        "no_goods": Text("অন্তত একটি পণ্য নিন।", "Choose at least one good."),
        "quantity_wrong": Text("শূন্য থেকে ৯ পর্যন্ত একটি সংখ্যা দিন।", "Give a number from 0 to 9."),
        "name_missing": Text("আপনার নাম লিখুন।", "Give your name."),
        "mobile_wrong": Text(
            "মোবাইল নম্বরটি সঠিক নয়; ০১ দিয়ে শুরু ১১ সংখ্যা দিন।",
            "This is no mobile number; give 11 digits that begin with 01.",
        ),
        "email_wrong": Text(
            "ই-মেইল ঠিকানাটি সঠিক নয়; ঠিক করুন বা খালি রাখুন।",
            "This is no e-mail address; correct it or leave it empty.",
        ),
        "address_missing": Text("পণ্য কোথায় পাঠাব, ঠিকানা লিখুন।", "Say where the goods are to go."),
        "district_missing": Text("একটি জেলা বেছে নিন।", "Choose a district."),
        "agent_wrong": Text("তালিকা থেকে একটি সেন্টার বেছে নিন।", "Choose a centre from the list."),
        "too_long": Text("২০০ অক্ষরের মধ্যে লিখুন।", "Write 200 characters at most."),
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
        "pay": Text("{sum} পরিশোধ করুন", "Pay {sum}"),
        "pay_again": Text("আবার চেষ্টা করুন: {sum}", "Try again: pay {sum}"),
        "look_again": Text("আবার দেখুন", "Look again"),
        "problem": Text("একটু সমস্যা হয়েছে", "There is a problem"),
        "unknown": Text("পাতাটি পাওয়া যায়নি।", "There is no such page."),
        "unreadable": Text(
            "অর্ডারটি নেওয়া যায়নি। পণ্যের পাতা থেকে আবার শুরু করুন।",
            "The order could not be taken. Begin again from the goods.",
        ),
        "not_taken": Text(
            "অর্ডারটি নেওয়া যায়নি; চিহ্নিত ঘরগুলো ঠিক করুন",
            "The order could not be taken; correct the marked fields",
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
        self.language = Language(language) if language in LANGUAGES else Language.BANGLA
        self.other = self.language.other

    def __getitem__(self, name: str) -> str:
        return self.of(_WORDING[name])

    def of(self, text: Text) -> str:
        """A text in this language."""
        return text.of(self.language)

    def standing(self, standing: Standing) -> str:
        """The name of a state."""
        return self.of(_STANDINGS[standing])

    def explained(self, standing: Standing) -> str:
        """The explanation of a state for the customer."""
        return self.of(_EXPLANATIONS[standing])

    def digits(self, number: object) -> str:
        """A number in this language's digits."""
        return pages.digits(number, self.language)

    def money(self, paisa: int) -> str:
        """An amount in taka."""
        return pages.money(paisa, self.language)
