"""What an institution of this family does with each of its four calls.

Refusals and faults are answers, never exceptions; only a request that cannot be read raises
`MalformedRequestError`.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.direct import wire
from sandbox.billers.direct.institutions import FAMILY, INSTITUTIONS
from sandbox.billers.direct.replies import (
    ERRORS,
    MALFORMED,
    NO_PAYMENT,
    OTHER_AMOUNT,
    PAID_ALREADY,
    REFUSED,
    UNKNOWN,
    success,
)
from sandbox.kit.biller.call_results import (
    BillPaidAlready,
    PaymentRefused,
    PaymentResult,
    PaymentTaken,
    UnknownBill,
    WrongAmount,
)
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field


class DirectFamily(BillerFamily):
    """All institutions that are spoken to directly."""

    name: ClassVar[str] = "DIRECT"
    base_path: ClassVar[str] = "/direct/api"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        return {
            "login": Call("login", partial(self.log_in, biller), needs_login=False),
            "bill": Call("bill", partial(self.bill, biller)),
            "payment": Call("payment", partial(self.payment, biller)),
            "status": Call("status", partial(self.payment_status, biller)),
        }

    def log_in(self, biller: OpenBiller, form: Form) -> Reply:
        """Give out a bearer for the right user and password, else HTTP 401."""
        token = self.login(text_field(form, "user"), text_field(form, "password"), biller.institution.id)
        if token is None:
            return ERRORS.unauthorised
        return success("OK", {"token": token, "expires_in": BEARER_SECONDS})

    def bill(self, biller: OpenBiller, form: Form) -> Reply:
        """Report the oldest unpaid bill of those that the parameters name, and their sum."""
        try:
            texts = wire.read_parameters(form, biller.institution)
        except wire.MalformedParameterError:
            return MALFORMED
        intake = biller.intake
        result = intake.find_unpaid_bills(texts)
        if isinstance(result, UnknownBill):
            return UNKNOWN
        if isinstance(result, BillPaidAlready):
            return PAID_ALREADY
        oldest = result.bills[0]
        if intake.is_connection_cut(oldest.bill_number, oldest.number):
            return LOST
        owed_paisa = [intake.outstanding_paisa(bill) for bill in result.bills]
        return success("OK", {"bill": wire.bill_data(oldest, owed_paisa, self.clock.today())})

    def payment(self, biller: OpenBiller, form: Form) -> Reply:
        """Take a payment once; a repeat of the same bill and amount gets the same answer."""
        try:
            order = wire.read_order(form, _bill_reference(biller, form))
        except wire.MalformedParameterError:
            return MALFORMED
        result = biller.intake.pay(order)
        return self.deliver(result.fault, _payment_reply(result))

    def payment_status(self, biller: OpenBiller, form: Form) -> Reply:
        """Report what was paid under a transaction; 204 says that nothing was."""
        reference = text_field(form, "transactionId")
        payment = biller.intake.status(reference)
        numbers = () if payment is None else (payment.bill_number, payment.number)
        if biller.intake.is_connection_cut(*numbers):
            return LOST
        return NO_PAYMENT if payment is None else success("OK", {"payment": wire.payment_data(payment)})


def _bill_reference(biller: OpenBiller, form: Form) -> wire.BillReference:
    """Return which bill a payment means: its `billNo`, or else what it would be fetched by."""
    if "billNo" in form:
        number = text_field(form, "accountNo") if "accountNo" in form else None
        return wire.BillReference(number, text_field(form, "billNo"))
    bills = biller.accounts.find_bills(wire.read_parameters(form, biller.institution))
    if not bills:
        return wire.BillReference(None, None)
    # Of several bills of one account the intake takes the oldest unpaid, and knows a repeat as such.
    return wire.BillReference(bills[0].number, bills[0].bill_number if len(bills) == 1 else None)


def _payment_reply(result: PaymentResult) -> Reply:
    match result:
        case PaymentTaken(payment):
            paid = {"receiptNo": payment.receipt, "transactionId": payment.reference}
            return success("Payment received", {**paid, "amount": taka(payment.reported_paisa)})
        case UnknownBill():
            return UNKNOWN
        case BillPaidAlready():
            return PAID_ALREADY
        case WrongAmount():
            return OTHER_AMOUNT
        case PaymentRefused():
            return REFUSED
