"""What DESCO does with each of its five calls.

Every method is synchronous and runs to its end before the next begins, so two saves of one bill
cannot overlap. Refusals and faults are answers, never exceptions; only a request that cannot be
read raises `MalformedRequestError`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.desco.admin_api import DescoAdminApi
from sandbox.billers.desco.bills import DescoAccountKind, DescoAccounts, DescoBill, stamps_for
from sandbox.billers.desco.book import DescoBook, DescoPayment, PaymentKey
from sandbox.billers.desco.faults import MAGIC, DescoFault, DescoFaultTable
from sandbox.billers.desco.replies import (
    AMOUNT_DIFFERS,
    ERRORS,
    HTML_PAGE,
    PAID_ALREADY,
    REFUSED,
    SAVED,
    SAVED_BUT_SAYS_500,
    SCROLL_REFUSED,
    TOKEN_REFUSED,
    UNKNOWN_BILL,
    data_reply,
)
from sandbox.billers.desco.settings import DescoSettings
from sandbox.billers.desco.tokens import BillTokens
from sandbox.billers.desco.wire import DescoSaveRequest, day_text, read_save, taka
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS, BearerTokens
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form, json_object, text_field

_OTHER_AMOUNT_PAISA = 100
_CODE_UNKNOWN = 404
_CODE_PAID = 324
_UNPAID = "0"
_NOT_SAVED = {
    DescoFault.LOST_UNPAID: LOST,
    DescoFault.CLOSE_BEFORE: LOST,
    DescoFault.HTTP_500: ERRORS.http_500,
}
_SAVED_BUT = {
    DescoFault.LOST_PAID: LOST,
    DescoFault.ECHO_OTHER_AMOUNT: LOST,
    DescoFault.HTML: HTML_PAGE,
    DescoFault.STATUS_500: SAVED_BUT_SAYS_500,
}


@dataclass(frozen=True)
class DescoInstitution(FarSide):
    """DESCO: its bills, its book, its tokens and its faults."""

    name: ClassVar[str] = "DESCO"
    base_path: ClassVar[str] = "/desco/api"
    errors: ClassVar[Errors] = ERRORS

    settings: DescoSettings
    clock: Clock
    accounts: DescoAccounts
    book: DescoBook
    faults: DescoFaultTable
    bearers: BearerTokens
    bill_tokens: BillTokens

    @classmethod
    def open(cls, settings: DescoSettings, clock: Clock) -> "DescoInstitution":
        """Open the book below `settings.home`, replaying its journal, and the accounts it belongs to.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        book = DescoBook(settings.journal_path, settings.seed, clock.today())
        return cls(
            settings=settings,
            clock=clock,
            accounts=DescoAccounts(settings.seed, settings.accounts, book.opened_on),
            book=book,
            faults=DescoFaultTable(),
            bearers=BearerTokens(b"Bearer "),
            bill_tokens=BillTokens(settings.seed),
        )

    @override
    def calls(self) -> Mapping[str, Call]:
        return {
            "login": Call("login", self.login, needs_login=False),
            "bills": Call("list", self.list_bills),
            "bill": Call("info", self.bill_info),
            "payment": Call("save", self.save_payment),
            "payment-status": Call("status", self.payment_status),
        }

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        if not call.needs_login:
            return None
        for name, value in headers:
            if name == b"authorization":
                return None if self.bearers.admits(value, self.clock.now()) else ERRORS.unauthorised
        return ERRORS.unauthorised

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def admin_api(self) -> DescoAdminApi:
        return DescoAdminApi(self)

    @override
    def close(self) -> None:
        self.book.close()

    def login(self, form: Form) -> Reply:
        """Give out a bearer for the right user and password, else HTTP 401."""
        user, password = text_field(form, "user"), text_field(form, "password")
        expected = self.settings.password.get_secret_value()
        if user != self.settings.user or not compare_digest(password.encode(), expected.encode()):
            return ERRORS.unauthorised
        token = self.bearers.issue(self.clock.now())
        return json_reply({"statusCode": 200, "message": "OK", "token": token, "expiresIn": BEARER_SECONDS})

    def list_bills(self, form: Form) -> Reply:
        """List the unpaid bills of an account, oldest first."""
        account = text_field(form, "accountNo")
        if self.faults.takes_close(account):
            return LOST
        if not self.accounts.has_account(account):
            return data_reply(_CODE_UNKNOWN, "no such account", [])
        # Only "0", unpaid, is known (billers.md 2.3); another wish is met with nothing.
        wants_unpaid = form.get("paymentStatus") == _UNPAID
        bills = [bill for bill in self.accounts.bills_of(account) if wants_unpaid and not self.is_paid(bill)]
        return data_reply(200, "OK", [_bill_line(bill) for bill in bills])

    def bill_info(self, form: Form) -> Reply:
        """Report everything about an unpaid bill, with a new bill token."""
        bill = self.accounts.bill(text_field(form, "billNo"))
        if bill is None:
            return data_reply(_CODE_UNKNOWN, "no such bill", None)
        if self.faults.takes_close(bill.number, bill.account.number):
            return LOST
        if self.is_paid(bill):
            return data_reply(_CODE_PAID, "bill already paid", None)
        token = self.bill_tokens.issue(bill.number, self.clock.now())
        return data_reply(200, "OK", _bill_details(bill, token, self.clock.today()))

    def save_payment(self, form: Form) -> Reply:
        """Save a payment once; the same bill and transaction again is accepted and changes nothing."""
        save = read_save(form, self.settings.bank_code)
        bill = self.accounts.bill(save.bill_number)
        if bill is None:
            return UNKNOWN_BILL
        pair = PaymentKey(save.bill_number, save.transaction_id)
        is_repeat = self.book.payment(pair) is not None
        fault = self._fault_of_save(bill, pair, is_repeat=is_repeat)
        if fault in _NOT_SAVED:
            return _NOT_SAVED[fault]
        if is_repeat:
            self.book.record_repeat(pair)
        else:
            refusal = self._refusal(bill, save, fault)
            if refusal is not None:
                return refusal
            self.book.record_saved(self._payment(bill, save, fault))
        return self._answer_of_saved(fault)

    def payment_status(self, form: Form) -> Reply:
        """Report what was saved under bill and transaction together; nothing saved is an empty list."""
        pair = PaymentKey(text_field(form, "billNumber"), text_field(form, "transactionId"))
        if self.faults.takes_close(pair.bill_number, pair.bill_number[-8:]):
            return LOST
        payment, bill = self.book.payment(pair), self.accounts.bill(pair.bill_number)
        if payment is None or bill is None:
            return data_reply(200, "OK", [])
        return data_reply(200, "OK", [_status_line(payment, bill)])

    def is_paid(self, bill: DescoBill) -> bool:
        """Whether the bill is paid, here or, for the magic range 91, before the book began."""
        return bill.account.kind is DescoAccountKind.ALREADY_PAID or self.book.is_paid(bill.number)

    def _fault_of_save(self, bill: DescoBill, pair: PaymentKey, *, is_repeat: bool) -> DescoFault | None:
        fault = self.faults.take(bill.number, bill.account.number)
        if fault is not None or is_repeat:
            return fault
        magic = MAGIC.get(bill.account.kind)
        if magic is DescoFault.LOST_UNPAID:
            if self.book.was_dropped(pair):
                return None
            self.book.record_dropped(pair)
        return magic

    def _refusal(self, bill: DescoBill, save: DescoSaveRequest, fault: DescoFault | None) -> Reply | None:
        refusal = None
        if self.is_paid(bill):
            self.book.record_rejected(PaymentKey(save.bill_number, save.transaction_id))
            refusal = PAID_ALREADY
        elif fault is DescoFault.EXPIRE_TOKENS or not self._holds_token(save):
            refusal = TOKEN_REFUSED
        elif not _amounts_agree(bill, save, self.clock.today()):
            refusal = AMOUNT_DIFFERS
        elif self._is_scroll_refused(save):
            refusal = SCROLL_REFUSED
        elif fault is DescoFault.REFUSE:
            refusal = REFUSED
        return refusal

    def _holds_token(self, save: DescoSaveRequest) -> bool:
        return self.bill_tokens.admits(save.bill_token, save.bill_number, self.clock.now())

    def _is_scroll_refused(self, save: DescoSaveRequest) -> bool:
        number = save.scroll_no
        return number is None or number < 1 or self.book.is_scroll_used(save.scroll_date, number)

    def _payment(self, bill: DescoBill, save: DescoSaveRequest, fault: DescoFault | None) -> DescoPayment:
        return DescoPayment(
            bill_number=save.bill_number,
            transaction_id=save.transaction_id,
            account=bill.account.number,
            scroll_no=save.scroll_no or 0,
            scroll_date=save.scroll_date.isoformat(),
            amount_paisa=save.paid_paisa,
            vat_paisa=save.vat_paisa,
            lpc_paisa=save.late_charge_paisa,
            stamp_qty=save.stamp_qty or 0,
            saved_at=self.clock.now().isoformat(),
            echo_extra_paisa=_OTHER_AMOUNT_PAISA if fault is DescoFault.ECHO_OTHER_AMOUNT else 0,
        )

    def _answer_of_saved(self, fault: DescoFault | None) -> Reply:
        if fault is None:
            return SAVED
        if fault is DescoFault.SLOW:
            return SAVED._replace(delay_seconds=self.settings.slow_seconds)
        return _SAVED_BUT.get(fault, SAVED)


def _amounts_agree(bill: DescoBill, save: DescoSaveRequest, today: date) -> bool:
    due = bill.to_be_paid_on(today)
    amounts = (save.paid_paisa, save.payment_paisa, save.vat_paisa, save.late_charge_paisa, save.stamp_qty)
    return amounts == (due, due, bill.vat_paisa, bill.late_charge_on(today), stamps_for(due))


def _bill_line(bill: DescoBill) -> dict[str, str]:
    return {
        "billNo": bill.number,
        "amount": taka(bill.total_paisa),
        "lpc": taka(bill.late_charge_paisa),
        "vat": taka(bill.vat_paisa),
        "dueDate": day_text(bill.due_on),
    }


def _bill_details(bill: DescoBill, token: str, today: date) -> dict[str, str]:
    account = bill.account
    return {
        "billNo": bill.number,
        "accountNo": account.number,
        "meterNo": account.meter_number,
        "year": f"{bill.year:04d}",
        "month": f"{bill.month:02d}",
        "tariff": account.tariff,
        "departmentCode": account.department_code,
        "totalAmount": taka(bill.total_paisa),
        "totalVat": taka(bill.vat_paisa),
        "lpc": taka(bill.late_charge_paisa),
        "totalAmountTobePaid": taka(bill.to_be_paid_on(today)),
        "issueDate": day_text(bill.issued_on),
        "dueDate": day_text(bill.due_on),
        "billToken": token,
        "customerName": account.customer_name,
        "address": account.address,
        "totalKwh": str(bill.kwh),
    }


def _status_line(payment: DescoPayment, bill: DescoBill) -> dict[str, str]:
    year, month, day = payment.scroll_date.split("-")
    return {
        "paymentStatus": "PAID",
        "transactionId": payment.transaction_id,
        "departmentCode": bill.account.department_code,
        "paymentAmount": taka(payment.amount_paisa + payment.echo_extra_paisa),
        "paymentVatAmount": taka(payment.vat_paisa),
        "paymentDate": f"{day}-{month}-{year}",
    }
