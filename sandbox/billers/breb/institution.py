"""What BREB does with each of its six calls.

Every method is synchronous and runs to its end before the next begins, so two saves of one bill
cannot overlap. Refusals and faults are answers, never exceptions; only a request that cannot be
read raises `MalformedRequestError`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.breb import replies
from sandbox.billers.breb.admin_api import BrebAdminApi
from sandbox.billers.breb.bills import BrebAccountKind, BrebAccounts, BrebBill, account_of
from sandbox.billers.breb.book import BillLock, BrebBook, BrebPayment
from sandbox.billers.breb.faults import MAGIC, TOKEN_FAULTS, BrebFault, BrebStep
from sandbox.billers.breb.settings import BrebSettings
from sandbox.billers.breb.tokens import ACCESS_SECONDS, BrebTokenState, TokenPairs
from sandbox.billers.breb.wire import (
    BrebSaveRequest,
    day_text,
    exact_taka,
    form_fields,
    read_bill,
    read_reference,
    read_save,
)
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_CONTENT_TYPE = b"application/x-www-form-urlencoded"
_NOT_DONE = {
    BrebFault.LOST_UNDONE: LOST,
    BrebFault.CLOSE_BEFORE: LOST,
    BrebFault.HTTP_500: replies.ERRORS.http_500,
    BrebFault.EXPIRE_TOKENS: replies.TOKEN_EXPIRED,
    BrebFault.EXPIRE_PAIRS: replies.TOKEN_EXPIRED,
}
_DONE_BUT = {
    BrebFault.LOST_DONE: LOST,
    BrebFault.HTML: replies.HTML_PAGE,
    BrebFault.STRANGE_CODE: replies.STRANGE,
}
_BAD_ACCESS = {BrebTokenState.EXPIRED: replies.TOKEN_EXPIRED, BrebTokenState.UNKNOWN: replies.TOKEN_UNKNOWN}
_BAD_REFRESH = {
    BrebTokenState.EXPIRED: replies.REFRESH_EXPIRED,
    BrebTokenState.USED: replies.REFRESH_USED,
    BrebTokenState.UNKNOWN: replies.TOKEN_UNKNOWN,
}


@dataclass(frozen=True)
class BrebInstitution(FarSide):
    """BREB: its bills, its book, its token pair and its faults."""

    name: ClassVar[str] = "BREB"
    base_path: ClassVar[str] = "/breb/api"
    errors: ClassVar[Errors] = replies.ERRORS

    settings: BrebSettings
    clock: Clock
    accounts: BrebAccounts
    book: BrebBook
    faults: StepFaults[BrebFault]
    tokens: TokenPairs

    @classmethod
    def open(cls, settings: BrebSettings, clock: Clock) -> "BrebInstitution":
        """Open the book below `settings.home`, replaying its journal, and the accounts it belongs to.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        book = BrebBook(settings.journal_path, settings.seed, clock.today())
        return cls(
            settings=settings,
            clock=clock,
            accounts=BrebAccounts(settings.seed, settings.accounts, book.opened_on),
            book=book,
            faults=StepFaults(BrebStep),
            tokens=TokenPairs(),
        )

    @override
    def calls(self) -> Mapping[str, Call]:
        return {
            "authenticate": Call("authenticate", self.authenticate),
            "token": Call("token", self.renew),
            "bill": Call("bill", self._with_token(self.fetch)),
            "payment": Call("save", self._with_token(self.save)),
            "acknowledge": Call("acknowledge", self._with_token(self.acknowledge)),
            "status": Call("status", self._with_token(self.status)),
        }

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        # The access token is a field of the form, so a header can only be of the wrong kind.
        for name, value in headers:
            if name == b"content-type":
                is_form = value.partition(b";")[0].strip().lower() == _CONTENT_TYPE
                return None if is_form else replies.WRONG_CONTENT_TYPE
        return replies.WRONG_CONTENT_TYPE

    @override
    def read(self, body: bytes) -> Form:
        return form_fields(body)

    @override
    def admin_api(self) -> BrebAdminApi:
        return BrebAdminApi(self)

    @override
    def close(self) -> None:
        self.book.close()

    def authenticate(self, form: Form) -> Reply:
        """Give out a token pair for the right user, password and channel, else 1259."""
        user, password = text_field(form, "_pUSER"), text_field(form, "_pPASSWORD")
        expected = self.settings.password.get_secret_value()
        is_known = user == self.settings.user and self._is_our_channel(form)
        if not compare_digest(password.encode(), expected.encode()) or not is_known:
            return replies.WRONG_CREDENTIALS
        return self._new_pair()

    def renew(self, form: Form) -> Reply:
        """Exchange a valid refresh token for a new pair; 1258, 1271 and 1273 refuse it."""
        token = text_field(form, "_pREFRESH_TOKEN")
        if not self._is_our_channel(form):
            return replies.TOKEN_UNKNOWN
        standing = self.tokens.refresh_standing(token, self.clock.now())
        return self._new_pair() if standing is BrebTokenState.ALIVE else _BAD_REFRESH[standing]

    def fetch(self, form: Form) -> Reply:
        """Report a due bill and lock it for this channel for two hours."""
        request = read_bill(form)
        if self.accounts.kind(request.account) is BrebAccountKind.UNKNOWN:
            return replies.UNKNOWN_ACCOUNT
        bill = self.accounts.bill_of(request.account, request.year, request.month)
        fault = self.faults.take(BrebStep.BILL, bill.number if bill else request.account, request.account)
        return self._apply_fault(fault, lambda: self._lock(request.account, bill, fault))

    def save(self, form: Form) -> Reply:
        """Save a payment once; the same transaction again is accepted and changes nothing."""
        save = read_save(form)
        if self.accounts.kind(save.bill.account) is BrebAccountKind.UNKNOWN:
            return replies.UNKNOWN_ACCOUNT
        bill = self.accounts.bill_of(*save.bill)
        if bill is None or bill.number != save.bill_number:
            return replies.NO_DUE_BILL
        is_repeat = self.book.payment(save.transaction_id) is not None
        fault = self._fault(BrebStep.SAVE, save.transaction_id, save.bill_number, is_done=is_repeat)
        return self._apply_fault(fault, lambda: self._save(bill, save, fault))

    def acknowledge(self, form: Form) -> Reply:
        """Complete a saved payment; a completed one is acknowledged again without effect."""
        transaction_id, bill_number = read_reference(form)
        payment = self._saved_payment(transaction_id, bill_number)
        is_done = payment is not None and payment.is_acknowledged
        fault = self._fault(BrebStep.ACKNOWLEDGE, transaction_id, bill_number, is_done=is_done)
        return self._apply_fault(fault, lambda: self._acknowledge(payment, fault))

    def status(self, form: Form) -> Reply:
        """Report how far a payment came: 1266 nothing saved, 1267 saved, 1268 complete."""
        transaction_id, bill_number = read_reference(form)
        fault = self.faults.take(BrebStep.STATUS, bill_number, account_of(bill_number))
        payment = self._saved_payment(transaction_id, bill_number)
        if payment is None:
            standing = replies.STATUS_NOTHING
        else:
            standing = replies.STATUS_COMPLETE if payment.is_acknowledged else replies.STATUS_SAVED
        return self._apply_fault(fault, lambda: standing)

    def refusal_of_fetch(self, bill: BrebBill) -> Reply | None:
        """Return why a bill cannot be fetched and locked now, or None if it can."""
        lock = self.book.lock(bill.number, self.clock.now())
        refusal = None
        if self._is_cut_off(bill.account):
            refusal = replies.CUT_OFF
        elif bill.kind is BrebAccountKind.ALREADY_PAID or self.book.payment_of(bill.number):
            refusal = replies.NO_DUE_BILL
        elif bill.kind is BrebAccountKind.BEGUN_ELSEWHERE or (lock and lock.channel != self.settings.channel):
            refusal = replies.BEGUN_ELSEWHERE
        elif lock is not None:
            refusal = replies.BEGUN_HERE
        return refusal

    def expire_tokens(self, fault: BrebFault) -> None:
        """Let the access token die now, and the refresh token too if the fault says so."""
        self.tokens.expire(self.clock.now(), refresh_too=fault is BrebFault.EXPIRE_PAIRS)

    def _with_token(self, answer: Callable[[Form], Reply]) -> Callable[[Form], Reply]:
        def answer_admitted(form: Form) -> Reply:
            token = text_field(form, "_pACCESS_TOKEN")
            if not self._is_our_channel(form):
                return replies.TOKEN_OF_ANOTHER
            standing = self.tokens.access_standing(token, self.clock.now())
            return answer(form) if standing is BrebTokenState.ALIVE else _BAD_ACCESS[standing]

        return answer_admitted

    def _is_our_channel(self, form: Form) -> bool:
        return text_field(form, "_pPAY_CHANNEL_ID") == self.settings.channel

    def _new_pair(self) -> Reply:
        pair = self.tokens.issue(self.clock.now())
        tokens = {"ACCESS_TOKEN": pair.access, "REFRESH_TOKEN": pair.refresh}
        return replies.result("1200", "success", **tokens, EXPIRES_IN=ACCESS_SECONDS)

    def _fault(
        self, step: BrebStep, transaction_id: str, bill_number: str, *, is_done: bool
    ) -> BrebFault | None:
        account = account_of(bill_number)
        fault = self.faults.take(step, bill_number, account)
        if fault is not None or is_done:
            return fault
        magic = MAGIC.get((self.accounts.kind(account), step))
        if magic is BrebFault.LOST_UNDONE:
            if self.book.was_dropped(step, transaction_id):
                return None
            self.book.record_dropped(step, transaction_id)
        return magic

    def _apply_fault(self, fault: BrebFault | None, answer: Callable[[], Reply]) -> Reply:
        if fault in _NOT_DONE:
            if fault in TOKEN_FAULTS:
                self.expire_tokens(fault)
            return _NOT_DONE[fault]
        reply = answer()
        if fault is None or reply.code not in replies.CARRIED_OUT:
            return reply
        if fault is BrebFault.SLOW:
            return reply._replace(delay_seconds=self.settings.slow_seconds)
        return _DONE_BUT.get(fault, reply)

    def _is_cut_off(self, account: str) -> bool:
        is_magic = self.accounts.kind(account) is BrebAccountKind.CUT_OFF_EARLIER
        return is_magic or self.book.is_cut_off(account)

    def _lock(self, account: str, bill: BrebBill | None, fault: BrebFault | None) -> Reply:
        if bill is None:
            # The account is looked at before the month.
            return replies.CUT_OFF if self._is_cut_off(account) else replies.NO_DUE_BILL
        refusal = self.refusal_of_fetch(bill) or (replies.REFUSED if fault is BrebFault.REFUSE else None)
        if refusal is None:
            channel, now = self.settings.channel, self.clock.now()
            self.book.record_locked(BillLock(bill.number, account, channel, now))
        return refusal or _bill_reply(bill)

    def _save(self, bill: BrebBill, save: BrebSaveRequest, fault: BrebFault | None) -> Reply:
        saved = self.book.payment(save.transaction_id)
        if saved is not None:
            if saved.bill_number != bill.number:
                return replies.REFUSED
            self.book.record_repeat(save.transaction_id)
            return replies.DONE
        refusal = self._refusal_of_save(bill, save, fault)
        if refusal is not None:
            return refusal
        self.book.record_saved(
            BrebPayment(
                bill_number=bill.number,
                account=bill.account,
                transaction_id=save.transaction_id,
                amount_taka=save.paid_taka,
                due_paisa=bill.due_paisa,
                saved_at=self.clock.now().isoformat(),
            )
        )
        return replies.DONE

    def _refusal_of_save(
        self, bill: BrebBill, save: BrebSaveRequest, fault: BrebFault | None
    ) -> Reply | None:
        refusal = None
        lock = self.book.lock(bill.number, self.clock.now())
        if bill.kind is BrebAccountKind.ALREADY_PAID or self.book.payment_of(bill.number):
            self.book.record_rejected(bill.number, save.transaction_id)
            refusal = replies.NO_DUE_BILL
        elif lock is None or lock.channel != self.settings.channel:
            refusal = replies.NOT_LOCKED
        elif save.paid_taka != bill.payable_taka:
            refusal = replies.AMOUNT_DIFFERS
        elif fault is BrebFault.REFUSE:
            refusal = replies.REFUSED
        return refusal

    def _saved_payment(self, transaction_id: str, bill_number: str) -> BrebPayment | None:
        payment = self.book.payment(transaction_id)
        return payment if payment is not None and payment.bill_number == bill_number else None

    def _acknowledge(self, payment: BrebPayment | None, fault: BrebFault | None) -> Reply:
        if payment is None:
            return replies.NOTHING_TO_ACKNOWLEDGE
        if fault is BrebFault.REFUSE and not payment.is_acknowledged:
            return replies.REFUSED
        self.book.record_acknowledged(payment.transaction_id, self.clock.now())
        return replies.DONE


def _bill_reply(bill: BrebBill) -> Reply:
    return replies.result(
        "1200",
        "success",
        SMS_AC_NO=bill.account,
        BILL_NO=bill.number,
        BILL_MONTH=f"{bill.month:02d}",
        BILL_YEAR=f"{bill.year:04d}",
        ISSUE_DATE=day_text(bill.issued_on),
        DUE_DATE=day_text(bill.due_on),
        DUE_AMOUNT=exact_taka(bill.due_paisa),
        PBS_NAME_E=bill.society,
    )
