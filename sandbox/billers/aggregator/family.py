"""What the aggregator does with each of its calls.

Refusals and faults are answers, never exceptions; only a request that cannot be read raises
`MalformedRequestError`. Keys stand for ever, so the fault `expire_tokens` finds nothing here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.aggregator.bill_infos import BillInfo, find_bill_info, record_bill_info
from sandbox.billers.aggregator.bill_lookup import LookupContext, look_up_bill, payment_refusal
from sandbox.billers.aggregator.institutions import FAMILY, INSTITUTIONS, UTILITIES, service_list
from sandbox.billers.aggregator.replies import (
    CANCELLED,
    ERRORS,
    IN_PROCESS,
    NO_PAYMENT,
    NO_SUCH_INFO,
    OTHER_AMOUNT,
    PAID_ALREADY,
    REFUSED,
    TOO_LATE,
    TRANSACTION_IN_USE,
    UNKNOWN,
    success,
)
from sandbox.kit.biller.bills import BillerAccountKind
from sandbox.kit.biller.book import BillerPayment, PaymentState
from sandbox.kit.biller.call_results import (
    BillPaidAlready,
    PaymentRefused,
    PaymentResult,
    PaymentTaken,
    UnknownBill,
    WrongAmount,
)
from sandbox.kit.biller.family import BillerFamily
from sandbox.kit.biller.institution import REHEARSAL, BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_COLLECTOR_REFERENCE = "collector_reference"
_CHANNELS = ("channel_type", "channel_id")


class AggregatorFamily(BillerFamily):
    """The aggregator with all its utilities."""

    name: ClassVar[str] = "AGGREGATOR"
    base_path: ClassVar[str] = "/aggregator"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        answers = {
            "bill-info": self.bill_info,
            "bill-payment": self.bill_payment,
            "bill-status": self.bill_status,
            "bill-cancel": self.bill_cancel,
        }
        return {
            path: Call(path, partial(self._check_utility_keys, biller, answer))
            for path, answer in answers.items()
        }

    @override
    def shared_calls(self) -> Mapping[str, Call]:
        return {"service-list": Call("service-list", lambda _: success("OK", {"services": service_list()}))}

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        """Admit a call that shows the collector's key and code; there is no login."""
        values = dict(headers)
        is_key = compare_digest(values.get(b"auth-key", b""), self._password.encode())
        return (
            None if is_key and values.get(b"stk-code") == self.settings.user.encode() else ERRORS.unauthorised
        )

    @override
    @classmethod
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        variables = {
            "EKPAY_AGGREGATOR_URL": f"{origin}{cls.base_path}",
            "EKPAY_AGGREGATOR_PASSWORD": password,
        }
        for institution_id in INSTITUTIONS:
            if institution_id.id != REHEARSAL:
                variables[f"EKPAY_{institution_id.id.upper()}_AUTH_KEY"] = institution_id.auth_key
                variables[f"EKPAY_{institution_id.id.upper()}_SECRET_KEY"] = institution_id.secret_key
        return variables

    def bill_info(self, biller: OpenBiller, form: Form) -> Reply:
        """Report what is owed, and store it by the collector's transaction; a repeat must ask the same."""
        transaction = text_field(form, "transaction_id")
        lookup = look_up_bill(self._lookup_context(biller), form)
        if isinstance(lookup, Reply):
            return lookup
        if biller.intake.is_connection_cut(lookup.info.bill_number, lookup.info.number):
            return LOST
        known = find_bill_info(self.book, biller.institution.id, transaction)
        if known is not None and known.question != lookup.info.question:
            return TRANSACTION_IN_USE
        if known is None or (not known.core and known != lookup.info):
            record_bill_info(self.book, biller.institution.id, transaction, lookup.info)
        return success("OK", {"transaction_id": transaction, "bill": dict(lookup.bill_data)})

    def bill_payment(self, biller: OpenBiller, form: Form) -> Reply:
        """Take a payment of what bill-info reported, once; a repeat gets the same answer."""
        transaction, core = text_field(form, "transaction_id"), text_field(form, "core_transaction_id")
        for member in UTILITIES[biller.institution.id].payment_members:
            text_field(form, member)
        info = find_bill_info(self.book, biller.institution.id, transaction)
        if info is None:
            return NO_SUCH_INFO
        known = biller.intake.status(core)
        stopped = self._refusal_before_payment(biller, info, transaction, core)
        if stopped is not None:
            return stopped
        if known is not None and self._is_in_process(biller, known):
            return IN_PROCESS
        if not info.core:
            record_bill_info(self.book, biller.institution.id, transaction, info.paid_by(core))
        result = biller.intake.pay(info.order(transaction, core, _channel(form)))
        return self.deliver(result.fault, _payment_reply(result))

    def bill_status(self, biller: OpenBiller, form: Form) -> Reply:
        """Report what was paid under a transaction."""
        payment = self._payment(biller, form)
        if biller.intake.is_connection_cut(*_bill_and_account_numbers(payment)):
            return LOST
        if payment is None:
            return NO_PAYMENT
        if payment.state is PaymentState.CANCELLED:
            return CANCELLED
        return IN_PROCESS if self._is_in_process(biller, payment) else _receipt_reply("OK", payment)

    def bill_cancel(self, biller: OpenBiller, form: Form) -> Reply:
        """Take a payment back on its own day; afterwards its bill is owed again."""
        payment = self._payment(biller, form)
        if biller.intake.is_connection_cut(*_bill_and_account_numbers(payment)):
            return LOST
        if payment is None:
            return NO_PAYMENT
        if payment.state is PaymentState.PAID and payment.business_date != self.clock.today().isoformat():
            return TOO_LATE
        biller.intake.cancel(payment.reference)
        return _receipt_reply("taken back", payment)

    @property
    def _password(self) -> str:
        return self.settings.password.get_secret_value()

    def _check_utility_keys(
        self, biller: OpenBiller, answer: Callable[[OpenBiller, Form], Reply], form: Form
    ) -> Reply:
        utility = UTILITIES[biller.institution.id]
        keys = {"utility_auth_key": utility.auth_key, "utility_secret_key": utility.secret_key}
        if any(form.get(name) != key for name, key in keys.items()):
            return ERRORS.unauthorised
        return answer(biller, form)

    def _lookup_context(self, biller: OpenBiller) -> LookupContext:
        return LookupContext(UTILITIES[biller.institution.id], biller.intake, self.book, self.clock.today())

    def _refusal_before_payment(
        self, biller: OpenBiller, info: BillInfo, transaction: str, core: str
    ) -> Reply | None:
        """Return a refusal that needs no payment intake: a transaction in use, or nothing left to pay."""
        if info.core not in {"", core}:
            earlier = biller.intake.status(info.core)
            return (
                PAID_ALREADY
                if earlier is not None and earlier.state is PaymentState.PAID
                else TRANSACTION_IN_USE
            )
        known = biller.intake.status(core)
        if known is not None:
            return None if known.facts[_COLLECTOR_REFERENCE] == transaction else TRANSACTION_IN_USE
        reply = payment_refusal(self._lookup_context(biller), info)
        if reply is not None:
            self.book.record_refused(biller.institution.id, core, info.bill_number, reply.code)
        return reply

    def _payment(self, biller: OpenBiller, form: Form) -> BillerPayment | None:
        info = find_bill_info(self.book, biller.institution.id, text_field(form, "transaction_id"))
        return None if info is None or not info.core else biller.intake.status(info.core)

    def _is_in_process(self, biller: OpenBiller, payment: BillerPayment) -> bool:
        """Whether it is one of those that take their time, and that time is not over."""
        passed = self.clock.now() - datetime.fromisoformat(payment.paid_at)
        is_slow = biller.accounts.kind(payment.number) is BillerAccountKind.SLOW
        return is_slow and passed.total_seconds() < self.settings.slow_seconds


def _channel(form: Form) -> str:
    channels = (form.get(name) for name in _CHANNELS)
    return next((text for text in channels if isinstance(text, str)), "")


def _bill_and_account_numbers(payment: BillerPayment | None) -> tuple[str, ...]:
    return () if payment is None else (payment.bill_number, payment.number)


def _receipt_reply(message: str, payment: BillerPayment) -> Reply:
    return success(
        message,
        {
            "transaction_id": payment.facts[_COLLECTOR_REFERENCE],
            "core_transaction_id": payment.reference,
            "lid": payment.receipt,
            "amount": taka(payment.reported_paisa),
        },
    )


def _payment_reply(result: PaymentResult) -> Reply:
    match result:
        case PaymentTaken(payment):
            return _receipt_reply("SUCCESS", payment)
        case UnknownBill():
            return UNKNOWN
        case BillPaidAlready():
            return PAID_ALREADY
        case WrongAmount():
            return OTHER_AMOUNT
        case PaymentRefused():
            return REFUSED
