"""What REST v1 answers with, member by member.

The type checker holds the answers to it, and the reference is made from it (docs/adr/0111).
"""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

PaymentStatus = Literal["pending", "paid", "failed", "refund_pending", "refunded"]
RefundStatus = Literal["pending", "done", "failed"]
Paisa = Annotated[int, Field(description="Whole paisa.")]
Instant = Annotated[
    str, Field(description="RFC 3339 in UTC, to the second.", examples=["2026-11-25T10:00:00Z"])
]


class BillDocument(TypedDict):
    """The biller's own parts of the bill, as it was fetched; null where the biller names none."""

    number: str | None
    account: str | None
    amount: Annotated[int | None, Field(description="Paisa, before late fee and VAT.")]
    late_fee: Annotated[int | None, Field(description="Paisa.")]
    vat: Annotated[int | None, Field(description="Paisa.")]
    due_on: Annotated[str | None, Field(description="YYYY-MM-DD, in Dhaka.")]


class NextAction(TypedDict):
    """What the payer does next."""

    type: Literal["redirect"]
    url: Annotated[str, Field(description="Send the payer's browser here; one page, for one payer.")]


class TokenDocument(TypedDict):
    """One line that a prepaid meter takes."""

    seq: Annotated[int, Field(description="From 1, in the order of typing.", ge=1)]
    kind: Annotated[str, Field(description="`credit`, `key_change`, `tariff` or `other`.")]
    digits: str


class ReceiptDocument(TypedDict):
    """What proves the payment at its biller."""

    number: Annotated[str | None, Field(description="A receipt or the number of a treasury challan.")]
    final_number: Annotated[str | None, Field(description="The final receipt, where it comes later.")]


class RefundDocument(TypedDict):
    """A refund of a payment, whole or in part."""

    id: Annotated[str, Field(pattern="^rfd_[0-9a-f]{32}$")]
    payment_id: Annotated[str, Field(pattern="^pay_[0-9a-f]{32}$")]
    status: RefundStatus
    amount: Paisa
    currency: str
    reason: Annotated[str, Field(description="As sent; a card number in it is masked.")]
    created_at: Instant
    updated_at: Instant


class RefundsDocument(TypedDict):
    """Every refund of a payment."""

    refunds: Annotated[list[RefundDocument], Field(description="The oldest first.")]


class RaisedBillDocument(TypedDict):
    """A bill of an office with the code of its notice."""

    biller: str
    bill_no: str
    status: Annotated[
        Literal["unpaid", "paid", "withdrawn"],
        Field(description="`paid` here or at the office, by its newest file."),
    ]
    due_on: Annotated[str, Field(description="YYYY-MM-DD, in Dhaka.")]
    amount: Annotated[int, Field(description="Paisa, without VAT and late fee.")]
    vat: Paisa
    late_fee: Annotated[int, Field(description="Paisa, on top from the day after `due_on`.")]
    notice_code: Annotated[str, Field(pattern="^[1-9][0-9]{15}$", description="For the paper, by fours.")]
    notice_url: Annotated[str, Field(description="Leads to the bill; for the QR code.")]


class RaisedBillsDocument(TypedDict):
    """Bills that were raised, each instalment one of its own."""

    bills: list[RaisedBillDocument]


class PaymentDocument(TypedDict):
    """A payment: its public state, what it costs the payer, and what comes next."""

    id: Annotated[str, Field(pattern="^pay_[0-9a-f]{32}$")]
    status: Annotated[
        PaymentStatus,
        Field(description="`pending` means that nobody knows yet: do not pay again, and ask later."),
    ]
    reason: Annotated[
        str | None,
        Field(description="Why it failed or goes back, as a word such as `expired` or `biller_refused`."),
    ]
    biller: str
    bill: BillDocument
    amount: Annotated[int, Field(description="What the biller is paid, in paisa, rounding included.")]
    charge: Annotated[int, Field(description="The instrument's charge to the payer, in paisa.")]
    fee: Annotated[int, Field(description="Our fee, in paisa.")]
    vat: Annotated[int, Field(description="VAT on our fee, in paisa.")]
    total: Annotated[int, Field(description="What the payer is debited: all four together, in paisa.")]
    currency: str
    instrument: Annotated[str, Field(description="The connector that was asked last.")]
    next_action: Annotated[
        NextAction | None, Field(description="Null where no page is open: begin another try, or cancel.")
    ]
    pay_until: Instant
    next_check_at: Annotated[
        str | None,
        Field(description="When we ask the provider again, RFC 3339 in UTC; null where we do not."),
    ]
    tokens: Annotated[list[TokenDocument], Field(description="What a prepaid biller returned.")]
    receipt: ReceiptDocument | None
    refunded: Annotated[int, Field(description="What is back with the payer or on its way, in paisa.")]
    refunds: list[RefundDocument]
    created_at: Instant
    updated_at: Instant
    receipt_url: Annotated[
        str | None, Field(description="The payer's own receipt page, once the payment is completed.")
    ]
