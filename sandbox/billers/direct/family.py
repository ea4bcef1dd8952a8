"""What a house of this family does with each of its four calls.

Refusals and faults are answers, never exceptions; only a request that cannot be read raises
`MalformedRequestError`.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.direct import wire
from sandbox.billers.direct.institutions import FAMILY, HOUSES
from sandbox.billers.direct.replies import (
    ERRORS,
    MALFORMED,
    NOTHING_THERE,
    OTHER_AMOUNT,
    PAID_ALREADY,
    REFUSED,
    UNKNOWN,
    fine,
)
from sandbox.kit.biller.call_results import OtherAmount, PaidAlready, Refused, Taken, Unknown, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.institution import House
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field


class Institution(CounterFarSide):
    """All houses that are spoken to directly."""

    name: ClassVar[str] = "DIRECT"
    base_path: ClassVar[str] = "/direct/api"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        return {
            "login": Call("login", partial(self.log_in, counter), needs_login=False),
            "bill": Call("bill", partial(self.bill, counter)),
            "payment": Call("payment", partial(self.payment, counter)),
            "status": Call("status", partial(self.payment_status, counter)),
        }

    def log_in(self, counter: Counter, form: Form) -> Reply:
        """Give out a bearer for the right user and password, else HTTP 401."""
        token = self.login(text_field(form, "user"), text_field(form, "password"), counter.house.id)
        if token is None:
            return ERRORS.unauthorised
        return fine("OK", {"token": token, "expires_in": BEARER_SECONDS})

    def bill(self, counter: Counter, form: Form) -> Reply:
        """Tell the oldest unpaid bill of those that the parameters name, and what they come to together."""
        try:
            texts = wire.parameters(form, counter.house)
        except wire.MalformedParameterError:
            return MALFORMED
        till = counter.till
        found = till.look_up(texts)
        if isinstance(found, Unknown):
            return UNKNOWN
        if isinstance(found, PaidAlready):
            return PAID_ALREADY
        oldest = found.bills[0]
        if till.is_cut_off(oldest.bill_number, oldest.number):
            return LOST
        owed_paisa = [till.left_of(bill) for bill in found.bills]
        return fine("OK", {"bill": wire.bill_data(oldest, owed_paisa, self.clock.today())})

    def payment(self, counter: Counter, form: Form) -> Reply:
        """Take a payment once; the same transaction for the same bill and amount is told again."""
        try:
            order = wire.order(form, _named(counter, form))
        except wire.MalformedParameterError:
            return MALFORMED
        verdict = counter.till.pay(order)
        return self.answered(verdict.how, _told(verdict))

    def payment_status(self, counter: Counter, form: Form) -> Reply:
        """Tell what was paid under a transaction; 204 says that nothing was."""
        reference = text_field(form, "transactionId")
        payment = counter.till.status(reference)
        numbers = () if payment is None else (payment.bill_number, payment.number)
        if counter.till.is_cut_off(*numbers):
            return LOST
        return NOTHING_THERE if payment is None else fine("OK", {"payment": wire.payment_data(payment)})


def _named(counter: Counter, form: Form) -> wire.Named:
    """Return which bill a payment means: its `billNo`, or else what it would be fetched by."""
    if "billNo" in form:
        number = text_field(form, "accountNo") if "accountNo" in form else None
        return wire.Named(number, text_field(form, "billNo"))
    bills = counter.world.named(wire.parameters(form, counter.house))
    if not bills:
        return wire.Named(None, None)
    # Of several bills of one account the till takes the oldest unpaid, and knows a repeat as such.
    return wire.Named(bills[0].number, bills[0].bill_number if len(bills) == 1 else None)


def _told(verdict: Verdict) -> Reply:
    match verdict:
        case Taken(payment):
            paid = {"receiptNo": payment.receipt, "transactionId": payment.reference}
            return fine("Payment received", {**paid, "amount": taka(payment.told_paisa)})
        case Unknown():
            return UNKNOWN
        case PaidAlready():
            return PAID_ALREADY
        case OtherAmount():
            return OTHER_AMOUNT
        case Refused():
            return REFUSED
