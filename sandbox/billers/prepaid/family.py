"""What a prepaid utility does with each of its four calls.

A quote vends once: its number is the reference of the payment, and a repeat is answered with what was stored.
Refusals and faults are answers, never exceptions; only a request that cannot be read raises
`MalformedRequestError`.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.prepaid import replies, wire
from sandbox.billers.prepaid.admin_api import VendingAdminApi
from sandbox.billers.prepaid.deposits import Deposits
from sandbox.billers.prepaid.institutions import FAMILY, INSTITUTIONS
from sandbox.billers.prepaid.quotes import VendQuote, VendQuotes
from sandbox.billers.prepaid.utility import PrepaidUtility
from sandbox.billers.prepaid.vending import Vending, VendRefusal
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.call_results import PaymentResult, PaymentTaken, UnpaidBills, WrongAmount
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.institution import AnyAmount, BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import PaymentOrder
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_REFUSAL_REPLIES: Mapping[VendRefusal, Reply] = {
    VendRefusal.QUOTE_DIED: replies.QUOTE_EXPIRED,
    VendRefusal.LIMIT_REACHED: replies.LIMIT_REACHED,
    VendRefusal.DEPOSIT_TOO_LOW: replies.DEPOSIT_TOO_LOW,
}


class PrepaidFamily(BillerFamily):
    """All prepaid utilities that speak this protocol."""

    name: ClassVar[str] = "PREPAID"
    base_path: ClassVar[str] = "/prepaid"
    errors: ClassVar[Errors] = replies.ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS

    def __init__(self, settings: BillerSettings, clock: Clock) -> None:
        """Open the book as every family does, with the deposits and quotes that stand in it."""
        super().__init__(settings, clock)
        self.deposits = Deposits(self.book, self.billers)
        self.quotes = VendQuotes(self.book, clock)
        self.vending = Vending(self.book, self.deposits, clock, settings.seed)

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        return {
            "login": Call("login", partial(self.log_in, biller), needs_login=False),
            "pre-charge": Call("quote", partial(self.pre_charge, biller)),
            "remote-charge": Call("vend", partial(self.remote_charge, biller)),
            "history": Call("history", partial(self.history, biller)),
        }

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        """The token stands in a header of its own here, and bare."""
        bearers = (
            (b"authorization", b"Bearer " + value) for name, value in headers if name == b"access_token"
        )
        return super().check_headers(call, bearers)

    @override
    def admin_api(self) -> VendingAdminApi:
        return VendingAdminApi(self, self.deposits)

    def log_in(self, biller: OpenBiller, form: Form) -> Reply:
        """Give out a token for the right user and password, else HTTP 401."""
        token = self.login(text_field(form, "userName"), text_field(form, "password"), biller.institution.id)
        if token is None:
            return replies.ERRORS.unauthorised
        return replies.success({"access_token": token, "expiresIn": BEARER_SECONDS})

    def pre_charge(self, biller: OpenBiller, form: Form) -> Reply:
        """Say what an amount would buy, and keep the offer for 30 minutes."""
        institution = _prepaid(biller)
        texts, paisa = wire.read_account_numbers(form, institution), wire.read_amount(form)
        wire.check_mobile(form, institution)
        result = biller.intake.find_unpaid_bills(texts)
        if not isinstance(result, UnpaidBills):
            return replies.UNKNOWN
        bill = result.bills[0]
        if biller.intake.is_connection_cut(bill.number):
            return LOST
        bounds = institution.payment_rule
        if isinstance(bounds, AnyAmount) and not bounds.min_paisa <= paisa <= bounds.max_paisa:
            return replies.OUT_OF_BOUNDS
        quote = self.quotes.give(institution.id, bill.number, paisa)
        return replies.success(wire.quote_data(quote.id, institution, bill, paisa))

    def remote_charge(self, biller: OpenBiller, form: Form) -> Reply:
        """Vend a quote once; every repeat is answered as the first and vends nothing."""
        reference = text_field(form, "transactionId")
        quote = self.quotes.find(biller.institution.id, reference)
        if quote is None:
            return replies.UNKNOWN
        facts: Mapping[str, str] = {}
        if biller.intake.status(reference) is None:
            refusal_of = self.vending.refusal_of(biller, quote, reference)
            if refusal_of is not None:
                return _REFUSAL_REPLIES[refusal_of]
            facts = self.vending.facts(biller, quote, reference)
        result = biller.intake.pay(PaymentOrder(reference, quote.amount_paisa, quote.number, facts=facts))
        return self.deliver(result.fault, _vend_reply(biller, result))

    def history(self, biller: OpenBiller, form: Form) -> Reply:
        """Report what was vended under a quote; 10001, 10009 and 10011 say that nothing was."""
        reference = text_field(form, "transactionId")
        quote = self.quotes.find(biller.institution.id, reference)
        if quote is None:
            return replies.UNKNOWN
        if biller.intake.is_connection_cut(quote.number):
            return LOST
        payment = biller.intake.status(reference)
        if payment is None:
            return self._no_vend_reply(quote)
        return replies.success(
            wire.vend_data(payment, _prepaid(biller), _bill_of_account(biller, quote.number))
        )

    def _no_vend_reply(self, quote: VendQuote) -> Reply:
        return (
            replies.NOTHING_VENDED if quote.is_alive(self.clock.now()) else replies.NOTHING_VENDED_AND_EXPIRED
        )


def _prepaid(biller: OpenBiller) -> PrepaidUtility:
    assert isinstance(biller.institution, PrepaidUtility), "this family has no other institutions"
    return biller.institution


def _bill_of_account(biller: OpenBiller, number: str) -> SimulatedBill:
    """Return the bill of an account that was quoted for, even if the accounts has become smaller since."""
    return biller.intake.find_bill(number) or biller.accounts.bill_of_unknown(number)


def _vend_reply(biller: OpenBiller, result: PaymentResult) -> Reply:
    match result:
        case PaymentTaken(payment):
            return replies.success(
                wire.vend_data(payment, _prepaid(biller), _bill_of_account(biller, payment.number))
            )
        case WrongAmount():
            return replies.OUT_OF_BOUNDS
        case _:
            return replies.REFUSED
