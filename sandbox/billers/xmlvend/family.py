"""What a utility of this family does with each of its four calls; user and password stand in all of them.

The caller's transID is the reference of the payment, and a repeat is answered with what was stored. Refusals
and faults are answers, never exceptions; only a request that cannot be read raises `MalformedRequestError`.
"""

from collections import Counter as Counts
from collections.abc import Callable, Mapping
from functools import partial
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.prepaid.charges import charges_of
from sandbox.billers.prepaid.deposits import Deposits
from sandbox.billers.prepaid.quotes import VendQuotes
from sandbox.billers.prepaid.vending import Vending, VendRefusal
from sandbox.billers.xmlvend import replies, wire
from sandbox.billers.xmlvend.admin_api import XmlVendAdminApi
from sandbox.billers.xmlvend.institutions import FAMILY, INSTITUTIONS
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment
from sandbox.kit.biller.call_results import PaymentResult, PaymentTaken, WrongAmount
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.institution import AnyAmount, BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import PaymentOrder
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_REFUSAL_REPLIES: Mapping[VendRefusal, Reply] = {
    VendRefusal.QUOTE_DIED: replies.QUOTE_EXPIRED,
    VendRefusal.LIMIT_REACHED: replies.LIMIT_REACHED,
    VendRefusal.DEPOSIT_TOO_LOW: replies.DEPOSIT_TOO_LOW,
}
_ACKNOWLEDGED, _YES, _NO = "acknowledged", "Y", "N"

CallHandler = Callable[[OpenBiller, Form], Reply]


class XmlVendFamily(BillerFamily):
    """All utilities that speak this interface."""

    name: ClassVar[str] = "XMLVEND"
    base_path: ClassVar[str] = "/xmlvend"
    errors: ClassVar[Errors] = replies.ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS

    def __init__(self, settings: BillerSettings, clock: Clock) -> None:
        """Open the book as every family does, with the deposits and offers that stand in it."""
        super().__init__(settings, clock)
        self.deposits = Deposits(self.book, self.billers)
        self.quotes = VendQuotes(self.book, clock)
        self.vending = Vending(self.book, self.deposits, clock, settings.seed)
        self._losses: Counts[str] = Counts()

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        answers: Mapping[str, CallHandler] = {
            "verifyAmount": self.verify_amount,
            "thirdPartyRequest": self.third_party_request,
            "acknowledgement": self.acknowledgement,
            "getTnxRecords": self.get_tnx_records,
        }
        return {
            path: Call(path, partial(self._check_credentials, answer, biller), needs_login=False)
            for path, answer in answers.items()
        }

    @override
    def read(self, body: bytes) -> Form:
        return wire.read_fields(body)

    @override
    def admin_api(self) -> XmlVendAdminApi:
        return XmlVendAdminApi(self, self.deposits, self._losses)

    def verify_amount(self, biller: OpenBiller, form: Form) -> Reply:
        """Answer what an amount buys for a meter, and keep the quote under a refCode for 30 minutes."""
        number, paisa = wire.read_meter(form), wire.read_amount(form)
        wire.check_modes(form)
        if not biller.intake.has_account(number):
            return replies.UNKNOWN
        if biller.intake.is_connection_cut(number):
            return LOST
        bounds = biller.institution.payment_rule
        if isinstance(bounds, AnyAmount) and not bounds.min_paisa <= paisa <= bounds.max_paisa:
            return replies.OUT_OF_BOUNDS
        quote = self.quotes.give(biller.institution.id, number, paisa)
        balance = taka(self.deposits.balance(biller.institution.id))
        split = _amount_members(_bill_of_meter(biller, number), paisa)
        return replies.success({"refCode": quote.id, **split, "balance": balance})

    def third_party_request(self, biller: OpenBiller, form: Form) -> Reply:
        """Vend an offer once; the same transID for the same offer is answered as the first time."""
        reference, number, paisa = wire.read_reference(form), wire.read_meter(form), wire.read_amount(form)
        wire.check_modes(form)
        quote = self.quotes.find(biller.institution.id, text_field(form, "refCode"))
        if quote is None or (quote.number, quote.amount_paisa) != (number, paisa):
            return replies.QUOTE_EXPIRED
        facts: Mapping[str, str] = {}
        if biller.intake.status(reference) is None:
            refusal_of = self.vending.refusal_of(biller, quote, reference)
            if refusal_of is not None:
                return _REFUSAL_REPLIES[refusal_of]
            facts = {"ref_code": quote.id, _ACKNOWLEDGED: _NO}
            facts |= self.vending.facts(biller, quote, reference)
        result = biller.intake.pay(PaymentOrder(reference, paisa, number, facts=facts))
        if isinstance(result, PaymentTaken) and not result.is_repeat:
            self.quotes.use(biller.institution.id, quote, reference)
        return self.deliver(result.fault, _vend_reply(biller, result))

    def acknowledgement(self, biller: OpenBiller, form: Form) -> Reply:
        """Note that the token of a vend has arrived; a repeat changes nothing."""
        payment = biller.intake.status(wire.read_reference(form))
        if payment is None or payment.facts["ref_code"] != text_field(form, "refCode"):
            return replies.NO_RECORD
        institution_id = biller.institution.id
        if self._losses[institution_id] > 0:
            self._losses[institution_id] -= 1
            return LOST
        if payment.facts[_ACKNOWLEDGED] == _NO:
            self.book.record_facts(institution_id, payment.reference, {_ACKNOWLEDGED: _YES})
        return replies.ACKNOWLEDGED

    def get_tnx_records(self, biller: OpenBiller, form: Form) -> Reply:
        """Report what was vended under a transID, and whether its token is known to have come."""
        payment = biller.intake.status(wire.read_reference(form))
        if biller.intake.is_connection_cut(*(() if payment is None else (payment.number,))):
            return LOST
        if payment is None:
            return replies.NO_RECORD
        return replies.success(
            {**_vend_members(biller, payment), _ACKNOWLEDGED: payment.facts[_ACKNOWLEDGED]}
        )

    def _check_credentials(self, answer: CallHandler, biller: OpenBiller, form: Form) -> Reply:
        expected = self.settings.password.get_secret_value()
        is_right = compare_digest(text_field(form, "userPass").encode(), expected.encode())
        if text_field(form, "userName") != self.settings.user or not is_right:
            return replies.WRONG_CREDENTIALS
        return answer(biller, form)


def _bill_of_meter(biller: OpenBiller, number: str) -> SimulatedBill:
    """Return the bill of a meter that was vended for, even if the accounts has become smaller since."""
    return biller.intake.find_bill(number) or biller.accounts.bill_of_unknown(number)


def _amount_members(bill: SimulatedBill, paisa: int) -> dict[str, str]:
    charges = charges_of(bill, paisa)
    return {"arrearAMT": taka(charges.debt), "feeAMT": taka(charges.fees), "engAMT": taka(charges.energy)}


def _vend_members(biller: OpenBiller, payment: BillerPayment) -> dict[str, str]:
    """Return a vend as every answer lists it: the lines of its token in one row of digits."""
    return {
        "transID": payment.reference,
        "refCode": payment.facts["ref_code"],
        "token": payment.facts["token"].replace(",", ""),
        **_amount_members(_bill_of_meter(biller, payment.number), payment.reported_paisa),
        "balance": payment.facts["balance"],
    }


def _vend_reply(biller: OpenBiller, result: PaymentResult) -> Reply:
    match result:
        case PaymentTaken(payment):
            return replies.success(_vend_members(biller, payment))
        case WrongAmount():
            return replies.OUT_OF_BOUNDS
        case _:
            return replies.REFUSED
