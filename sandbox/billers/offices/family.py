"""What an office does with each of its three calls.

There is no login: user and password come with every call (HTTP Basic). Refusals and faults are answers, never
exceptions; only a request that cannot be read raises `MalformedRequestError`.
"""

from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.offices import wire
from sandbox.billers.offices.admin_api import OfficesAdminApi
from sandbox.billers.offices.demands import OfficeAccounts
from sandbox.billers.offices.final_receipts import FinalReceipts, OfficeTimes
from sandbox.billers.offices.institutions import FAMILY, INSTITUTIONS
from sandbox.billers.offices.office import OfficeInstitution
from sandbox.billers.offices.payment_windows import ClosingReason, PaymentWindows
from sandbox.billers.offices.replies import (
    ERRORS,
    EXPIRED,
    MALFORMED,
    NO_PAYMENT,
    NOT_OPEN,
    OTHER_AMOUNT,
    PAID_ALREADY,
    REFUSED,
    UNKNOWN,
    success,
)
from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.call_results import (
    BillPaidAlready,
    PaymentRefused,
    PaymentResult,
    PaymentTaken,
    UnknownBill,
    WrongAmount,
)
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.faults import BillerFaultTable
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import PaymentIntake, PaymentOrder
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_CLOSED: Mapping[ClosingReason, Reply] = {ClosingReason.NOT_OPEN: NOT_OPEN, ClosingReason.EXPIRED: EXPIRED}


class OfficesFamily(BillerFamily):
    """All offices, behind one port."""

    name: ClassVar[str] = "OFFICES"
    base_path: ClassVar[str] = "/offices"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[OfficeInstitution, ...]] = INSTITUTIONS

    def __init__(self, settings: BillerSettings, clock: Clock, times: OfficeTimes | None = None) -> None:
        """Open the book; errors as in `BillerFamily`. `times` are those of the environment by default."""
        self.offices: Mapping[str, OfficeInstitution] = {
            institution.id: institution for institution in self.institutions
        }
        self._accounts_by_office: dict[str, OfficeAccounts] = {}
        super().__init__(settings, clock)
        self.final_receipts = FinalReceipts(self.book, clock, times or OfficeTimes())
        self._windows = PaymentWindows(self.book, clock, self.billers)
        pair = f"{settings.user}:{settings.password.get_secret_value()}".encode()
        self._key = b"Basic " + b64encode(pair)

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        institution_id = self.offices[biller.institution.id]
        calls = {
            "pay": Call("pay", partial(self.pay, institution_id)),
            "status": Call("status", partial(self.payment_status, institution_id)),
        }
        return calls | (
            {"demand": Call("demand", partial(self.demand, institution_id))}
            if institution_id.has_demand
            else {}
        )

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        header = next((value for name, value in headers if name == b"authorization"), b"")
        return None if compare_digest(header, self._key) else ERRORS.unauthorised

    @override
    def admin_api(self) -> OfficesAdminApi:
        return OfficesAdminApi(self, self.offices, self.final_receipts)

    def demand(self, institution: OfficeInstitution, form: Form) -> Reply:
        """Report what is owed for a reference and, where there are several, its step."""
        try:
            texts = wire.read_parameters(form, institution)
        except wire.MalformedDetailError:
            return MALFORMED
        bill = self._accounts_by_office[institution.id].find_demand(texts)
        return UNKNOWN if bill is None else self._demand_reply(institution, bill, texts)

    def pay(self, institution: OfficeInstitution, form: Form) -> Reply:
        """Take a payment once; a repeat of the same demand and amount gets the same answer."""
        try:
            call = wire.read_payment_call(form, institution)
        except wire.MalformedDetailError:
            return MALFORMED
        intake, bill = (
            self.billers[institution.id].intake,
            self._accounts_by_office[institution.id].find_demand(call.texts),
        )
        if bill is None:
            return UNKNOWN
        refusal = self._refusal(intake, institution, bill, call)
        if refusal is not None:
            self.book.record_refused(institution.id, call.transaction_id, bill.bill_number, refusal.code)
            return refusal
        result = intake.pay(
            PaymentOrder(
                reference=call.transaction_id,
                amount_paisa=call.amount_paisa,
                number=bill.number,
                bill_number=bill.bill_number,
                choice=institution.key_of(call.texts),
                facts=wire.facts_of(call, institution),
            )
        )
        return self.deliver(result.fault, self._payment_reply(result, institution))

    def payment_status(self, institution: OfficeInstitution, form: Form) -> Reply:
        """Report what was paid under a transaction, and the final receipt once it exists."""
        reference = text_field(form, "transactionId")
        if form.get("service") != institution.service:
            return MALFORMED
        intake = self.billers[institution.id].intake
        payment = intake.status(reference)
        numbers = () if payment is None else (payment.bill_number, payment.number)
        if intake.is_connection_cut(*numbers):
            return LOST
        if payment is None:
            return NO_PAYMENT
        final_receipt = self.final_receipts.number_of_payment(payment, institution)
        return success({"state": payment.state, **wire.payment_data(payment, institution, final_receipt)})

    def _demand_reply(
        self, institution: OfficeInstitution, bill: SimulatedBill, texts: Mapping[str, str]
    ) -> Reply:
        intake = self.billers[institution.id].intake
        if intake.is_connection_cut(bill.bill_number, bill.number):
            return LOST
        if intake.is_paid(bill):
            return PAID_ALREADY
        closed = self._windows.closing_reason(bill, institution)
        if closed is not None:
            return _CLOSED[closed]
        until = self._windows.last_day(bill, institution)
        return success(
            {"demand": wire.demand_data(bill, institution, texts, intake.outstanding_paisa(bill), until)}
        )

    def _refusal(
        self,
        intake: PaymentIntake,
        institution: OfficeInstitution,
        bill: SimulatedBill,
        call: wire.PaymentCall,
    ) -> Reply | None:
        """Return an office's refusal that comes before the payment intake; None for a known transaction."""
        if intake.status(call.transaction_id) is not None or intake.is_paid(bill):
            return None
        closed = self._windows.closing_reason(bill, institution)
        if closed is not None:
            return _CLOSED[closed]
        heads = tuple((amount.head.code, amount.paisa) for amount in institution.heads_of(bill))
        is_part = call.amount_paisa != intake.outstanding_paisa(bill)
        may_be_part = institution.is_part_payable_of(bill) or not institution.is_part_payable
        # A payment of the whole demand states its heads; a part payment need not.
        is_agreed = call.heads == heads or (not call.heads and institution.is_part_payable)
        return None if is_agreed and (may_be_part or not is_part) else OTHER_AMOUNT

    def _payment_reply(self, result: PaymentResult, institution: OfficeInstitution) -> Reply:
        match result:
            case PaymentTaken(payment):
                return success(
                    wire.payment_data(
                        payment, institution, self.final_receipts.number_of_payment(payment, institution)
                    )
                )
            case UnknownBill():
                return UNKNOWN
            case BillPaidAlready():
                return PAID_ALREADY
            case WrongAmount():
                return OTHER_AMOUNT
            case PaymentRefused():
                return REFUSED

    @override
    def _open_biller(self, institution: BillerInstitution) -> OpenBiller:
        office = self.offices[institution.id]
        accounts = OfficeAccounts(office, self.settings.seed, self.settings.accounts, self.book.opened_on)
        self._accounts_by_office[institution.id] = accounts
        faults = BillerFaultTable()
        return OpenBiller(
            institution, accounts, PaymentIntake(accounts, self.book, faults, self.clock), faults
        )
