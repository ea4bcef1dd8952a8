"""What a receipt says, line by line, in both languages: the page and the PDF say the same."""

from dataclasses import dataclass
from typing import assert_never

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.money import Money
from ekpay_switch.edge_kit.bilingual_text import Text, dhaka_text, taka_text
from ekpay_switch.flows.receipts.receipt import Name, Purchase, Receipt, ReceiptStatus
from ekpay_switch.security.receipt_keys import SignedFacts
from ekpay_switch.web.display_text import displayable_text
from ekpay_switch.web.receipts.issuer import Issuer

TITLE = Text("রসিদ", "Receipt")
DISCOUNT, DELIVERY = Text("ছাড়", "Discount"), Text("ডেলিভারি চার্জ", "Delivery charge")
CARRIER, EXPECTED = Text("পৌঁছে দেবে", "Delivered by"), Text("কবে পাবেন", "Expected")


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A label and its value; `is_code` where the value is one text in both languages, such as an id.

    `is_named` says so of the label: it is somebody's name, or a good's.
    """

    label: Text
    value: Text
    is_code: bool = False
    is_total: bool = False
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptSection:
    """Lines that belong together, under a heading."""

    heading: Text
    lines: tuple[ReceiptLine, ...]


def payment_name(receipt: Receipt) -> str:
    """The public form of the payment's id."""
    return f"pay_{receipt.payment_id.hex}"


def signed_facts(receipt: Receipt) -> SignedFacts:
    """What the signed text of this receipt says."""
    return SignedFacts(
        payment_id=receipt.payment_id,
        transaction=receipt.transaction,
        payee=displayable_text(receipt.payee.english),
        paisa=receipt.sums.total.minor,
        paid_on=receipt.paid_on,
    )


def validity_text(receipt: Receipt) -> Text:
    """Whether the receipt holds, in one line that starts with what was paid, charges included."""
    paid = paid_text(receipt)
    standing = _validity(receipt.status)
    return Text(f"{paid.bangla} {standing.bangla}", f"{paid.english} {standing.english}")


def paid_text(receipt: Receipt) -> Text:
    """What was paid, charges included."""
    total = taka_text(receipt.sums.total.minor)
    return Text(f"পরিশোধিত: {total.bangla}।", f"Paid: {total.english}.")


def _validity(status: ReceiptStatus) -> Text:
    match status:
        case ReceiptStatus.VALID:
            return Text("এই রসিদ বৈধ।", "This receipt is valid.")
        case ReceiptStatus.PARTLY_REFUNDED:
            return Text("দামের একটি অংশ ফেরত দেওয়া হয়েছে।", "Part of the price was refunded.")
        case ReceiptStatus.REFUNDED:
            return Text(
                "টাকা ফেরত দেওয়া হয়েছে। এই রসিদ আর বৈধ নয়।", "Refunded. This receipt is no longer valid."
            )
        case ReceiptStatus.UNKNOWN:
            return Text(
                "এখন কী অবস্থা তা আমরা যাচাই করছি।",
                "We are looking into how it stands now.",
            )
        case _:
            assert_never(status)


def receipt_sections(receipt: Receipt, issuer: Issuer | None = None) -> tuple[ReceiptSection, ...]:
    """Everything else that the receipt says, in order; the issuer last, where it is configured."""
    issued_by = ReceiptSection(Text("রসিদ দিয়েছে", "Issued by"), _issuer_lines(issuer)) if issuer else None
    sections = (
        ReceiptSection(Text("প্রাপক, ও কিসের জন্য", "Paid to, and for what"), _payee_and_purchase(receipt)),
        ReceiptSection(Text("কী কিনেছেন", "What was bought"), _cart_lines(receipt.purchase.cart)),
        ReceiptSection(Text("কে কত পাবেন", "Who gets what"), _share_lines(receipt)),
        ReceiptSection(Text("টাকার পরিমাণ", "How much"), _amounts(receipt)),
        ReceiptSection(Text("কখন ও কীভাবে", "When and how"), _payment_lines(receipt)),
    )
    return (*(section for section in sections if section.lines), *((issued_by,) if issued_by else ()))


def _issuer_lines(issuer: Issuer) -> tuple[ReceiptLine, ...]:
    return (
        ReceiptLine(Text("প্রতিষ্ঠান", "Organisation"), issuer.name),
        ReceiptLine(Text("ঠিকানা", "Address"), issuer.address),
        *_code_lines(
            (Text("বিআইএন", "BIN"), issuer.bin),
            (Text("হেল্পলাইন", "Helpline"), issuer.helpline),
            (Text("ইমেইল", "Email"), issuer.email),
        ),
    )


def _payee_and_purchase(receipt: Receipt) -> tuple[ReceiptLine, ...]:
    purchase = receipt.purchase
    payee = ReceiptLine(Text("প্রাপক", "Paid to"), _name_text(receipt.payee))
    return (payee, *(_order_lines(purchase) if receipt.is_merchant else _bill_lines(purchase)))


def _order_lines(purchase: Purchase) -> tuple[ReceiptLine, ...]:
    return _code_lines(
        (Text("অর্ডার নম্বর", "Order"), purchase.order_id),
        (Text("বিবরণ", "Details"), purchase.details),
        (Text("ক্রেতা", "Customer"), purchase.customer),
        (Text("মোবাইল", "Mobile"), purchase.mobile),
    )


def _cart_lines(cart: Cart | None) -> tuple[ReceiptLine, ...]:
    """The goods as the merchant sent them, then what else makes up the price."""
    if cart is None:
        return ()
    delivery = cart.delivery or CartDelivery()
    return (
        *(_named_line(cart_line_text(line), line.amount) for line in cart.lines),
        *_amount_lines((DISCOUNT, cart.discount), (DELIVERY, delivery.charge)),
        *_code_lines((CARRIER, delivery.carrier), (EXPECTED, delivery.expected)),
    )


def _share_lines(receipt: Receipt) -> tuple[ReceiptLine, ...]:
    own = _name_text(receipt.payee)
    return tuple(
        _named_line(displayable_text(name), amount)
        if name
        else ReceiptLine(own, taka_text(amount.minor), is_named=own.bangla == own.english)
        for name, amount in receipt.purchase.shares
    )


def _named_line(name: str, amount: Money) -> ReceiptLine:
    return ReceiptLine(Text(name, name), taka_text(amount.minor), is_named=True)


def cart_line_text(line: CartLine) -> str:
    """A good, and behind it how many or how much of it, unless it is one."""
    name = displayable_text(line.name)
    return name if line.quantity == "1" else f"{name} \u00d7 {line.quantity}"


def _bill_lines(purchase: Purchase) -> tuple[ReceiptLine, ...]:
    return _code_lines(
        (Text("বিল নম্বর", "Bill number"), purchase.bill_number),
        (Text("গ্রাহক নম্বর", "Account"), purchase.account),
        (Text("বিলারের রসিদ বা চালান নম্বর", "Biller's receipt or challan"), purchase.proof),
        (Text("চূড়ান্ত রসিদ নম্বর", "Final receipt"), purchase.final_proof),
    )


def _amounts(receipt: Receipt) -> tuple[ReceiptLine, ...]:
    sums = receipt.sums
    extras = _amount_lines(
        (Text("রাউন্ডিং", "Rounding"), sums.rounding),
        (Text("ব্যাংক বা ওয়ালেটের চার্জ", "Charge of the bank or wallet"), sums.charge),
        (Text("ekPay ফি", "ekPay fee"), sums.fee),
        (Text("ভ্যাট", "VAT"), sums.vat),
    )
    back = _amount_lines(
        (Text("ফেরত দেওয়া হয়েছে", "Refunded"), receipt.refunded),
        (Text("ফেরতের পথে", "Refund on its way"), receipt.on_its_way),
    )
    price = ReceiptLine(Text("দাম", "Price"), taka_text(sums.amount.minor))
    total = ReceiptLine(Text("মোট", "Total paid"), taka_text(sums.total.minor), is_total=True)
    return (price, *extras, total, *back)


def _payment_lines(receipt: Receipt) -> tuple[ReceiptLine, ...]:
    transaction_label = Text("বিক্রেতার লেনদেন নম্বর", "Merchant's transaction")
    return (
        ReceiptLine(
            Text("পরিশোধের সময় (বাংলাদেশ সময়)", "Paid on (Bangladesh time)"), dhaka_text(receipt.paid_at)
        ),
        ReceiptLine(Text("পরিশোধের মাধ্যম", "Paid with"), _name_text(receipt.instrument)),
        *_code_lines(
            (Text("ekPay লেনদেন নম্বর", "ekPay transaction number"), receipt.transaction),
            (transaction_label, receipt.merchant_transaction),
            (Text("লেনদেন নম্বর (TrxID)", "Transaction number (TrxID)"), receipt.connector_transaction),
            (Text("পেমেন্ট নম্বর", "Payment"), payment_name(receipt)),
        ),
    )


def _name_text(name: Name) -> Text:
    """A foreign name in both languages; where one is missing the other replaces it."""
    bangla, english = displayable_text(name.bangla), displayable_text(name.english)
    return Text(bangla or english, english or bangla)


def _code_lines(*pairs: tuple[Text, str]) -> tuple[ReceiptLine, ...]:
    """Lines of values that are the same in both languages; an empty value has none."""
    values = ((label, displayable_text(value)) for label, value in pairs)
    return tuple(ReceiptLine(label, Text(value, value), is_code=True) for label, value in values if value)


def _amount_lines(*pairs: tuple[Text, Money]) -> tuple[ReceiptLine, ...]:
    """Lines of amounts; a zero has none."""
    return tuple(ReceiptLine(label, taka_text(amount.minor)) for label, amount in pairs if amount.minor)
