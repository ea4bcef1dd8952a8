"""What NESCO does with each of its four calls.

Every method is synchronous and runs to its end before the next begins, so two vends of one quote
cannot overlap. Refusals and faults are answers, never exceptions; only a request that cannot be
read raises `MalformedRequestError`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.nesco.admin_api import NescoAdminApi
from sandbox.billers.nesco.book import NescoBook, NescoQuote, NescoTokenLine, NescoVend
from sandbox.billers.nesco.customers import (
    CustomerKind,
    NescoCustomer,
    NescoCustomers,
    break_down_purchase,
    is_in_unknown_range,
    line_kinds,
)
from sandbox.billers.nesco.faults import DROPS_FIRST, MAGIC, NescoFault, NescoStep
from sandbox.billers.nesco.replies import ERRORS, HTML_PAGE, REFUSALS, SUCCESS, result
from sandbox.billers.nesco.settings import NescoSettings
from sandbox.billers.nesco.wire import amount_field, customer_field, quote_data, taka
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS, BearerTokens
from sandbox.kit.institution.clock import DHAKA, Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, json_object, text_field

_OTHER_AMOUNT_PAISA = 100
_REFUSED_WITH = {NescoFault.REFUSE: "10021", NescoFault.LIMIT: "10022"}


@dataclass(frozen=True)
class NescoInstitution(FarSide):
    """NESCO: its customers, its book, its logins and its faults."""

    name: ClassVar[str] = "NESCO"
    base_path: ClassVar[str] = "/nesco/api"
    errors: ClassVar[Errors] = ERRORS

    settings: NescoSettings
    clock: Clock
    customers: NescoCustomers
    book: NescoBook
    faults: StepFaults[NescoFault]
    bearers: BearerTokens

    @classmethod
    def open(cls, settings: NescoSettings, clock: Clock) -> "NescoInstitution":
        """Open the book below `settings.home`, replaying its journal, and the accounts it belongs to.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        return cls(
            settings=settings,
            clock=clock,
            customers=NescoCustomers(settings.seed, settings.accounts),
            book=NescoBook(settings.journal_path, settings.seed, clock.today()),
            faults=StepFaults(NescoStep),
            bearers=BearerTokens(),
        )

    @override
    def calls(self) -> Mapping[str, Call]:
        return {
            "login": Call("login", self.login, needs_login=False),
            "pre-charge": Call("quote", self.pre_charge),
            "remote-charge": Call("vend", self.remote_charge),
            "history": Call("history", self.history),
        }

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        if not call.needs_login:
            return None
        for name, value in headers:
            if name == b"access_token":
                return None if self.bearers.admits(value, self.clock.now()) else ERRORS.unauthorised
        return ERRORS.unauthorised

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def admin_api(self) -> NescoAdminApi:
        return NescoAdminApi(self)

    @override
    def close(self) -> None:
        self.book.close()

    def login(self, form: Form) -> Reply:
        """Give out a token for the right user and password, else HTTP 401."""
        user, password = text_field(form, "userName"), text_field(form, "password")
        expected = self.settings.password.get_secret_value()
        if user != self.settings.user or not compare_digest(password.encode(), expected.encode()):
            return ERRORS.unauthorised
        token = self.bearers.issue(self.clock.now())
        return result(SUCCESS, "success", {"access_token": token, "expiresIn": BEARER_SECONDS})

    def pre_charge(self, form: Form) -> Reply:
        """Say what an amount would buy, and keep the offer for 30 minutes."""
        number, amount = customer_field(form), amount_field(form)
        customer = self.customers.customer(number)
        if customer is None:
            # The head-end has two codes for it.
            return _refusal("404" if is_in_unknown_range(number) else "10001")
        fault = self.faults.take(NescoStep.QUOTE, number)
        return self._apply_fault(fault, customer, lambda: self._quote(customer, amount, fault))

    def remote_charge(self, form: Form) -> Reply:
        """Vend a quote once; every repeat is answered as the first and vends nothing."""
        quote = self.book.quote(text_field(form, "transactionId"))
        if quote is None:
            return _refusal("10001")
        customer = self.customers.customer_of_old(quote.customer_no)
        fault = self._fault_of_vend(quote, customer)
        return self._apply_fault(fault, customer, lambda: self._vend(quote, customer, fault))

    def history(self, form: Form) -> Reply:
        """Report what was vended under a quote; 10001, 10009 and 10011 say that nothing was."""
        quote = self.book.quote(text_field(form, "transactionId"))
        if quote is None:
            return _refusal("10001")
        fault = self.faults.take(NescoStep.HISTORY, quote.transaction_id, quote.customer_no)
        customer = self.customers.customer_of_old(quote.customer_no)
        return self._apply_fault(fault, customer, lambda: self._history(quote, customer))

    def _fault_of_vend(self, quote: NescoQuote, customer: NescoCustomer) -> NescoFault | None:
        fault = self.faults.take(NescoStep.VEND, quote.transaction_id, quote.customer_no)
        if fault is not None or self.book.vend(quote.transaction_id) is not None:
            return fault
        magic = MAGIC.get(customer.kind)
        if magic in DROPS_FIRST:
            if self.book.was_dropped(quote.transaction_id):
                return None
            self.book.record_dropped(quote.transaction_id)
        return magic

    def _apply_fault(
        self, fault: NescoFault | None, customer: NescoCustomer, answer: Callable[[], Reply]
    ) -> Reply:
        match fault:
            case NescoFault.LOST_UNDONE | NescoFault.CLOSE_BEFORE:
                return LOST
            case NescoFault.HTTP_500:
                return ERRORS.http_500
            case NescoFault.EXPIRE_TOKENS:
                self.bearers.revoke_all()
                return ERRORS.unauthorised
            case NescoFault.IN_DOUBT_UNDONE:
                return _refusal("10113", customer)
            case _:
                reply = answer()
                return reply if reply.code != SUCCESS else self._distort(fault, customer, reply)

    def _distort(self, fault: NescoFault | None, customer: NescoCustomer, reply: Reply) -> Reply:
        match fault:
            case NescoFault.LOST_DONE:
                return LOST
            case NescoFault.HTML:
                return HTML_PAGE
            case NescoFault.SLOW:
                return reply._replace(delay_seconds=self.settings.slow_seconds)
            case NescoFault.IN_DOUBT_DONE:
                return _refusal("10012", customer)
            case _:
                return reply

    def _quote(self, customer: NescoCustomer, amount_paisa: int, fault: NescoFault | None) -> Reply:
        if fault is NescoFault.REFUSE:
            return _refusal("10021", customer)
        now = self.clock.now()
        # The instant keeps the quotes of a book apart from those of a deleted book.
        number = f"{now.astimezone(DHAKA):%y%m%d%H%M%S}{self.book.quotes + 1:06d}"
        self.book.record_quoted(NescoQuote(number, customer.number, amount_paisa, now))
        return _success(customer, quote_data(number, customer, break_down_purchase(customer, amount_paisa)))

    def _vend(self, quote: NescoQuote, customer: NescoCustomer, fault: NescoFault | None) -> Reply:
        vend = self.book.vend(quote.transaction_id)
        if vend is not None:
            self.book.record_repeat(quote.transaction_id)
        else:
            refusal = self._refusal_of_vend(quote, fault)
            if refusal is not None:
                return _refusal(refusal, customer)
            vend = self._make_vend(quote, customer, fault)
            self.book.record_vended(vend)
        if vend.hides_token:
            return _refusal("10115", customer)
        return _success(customer, _vend_data(customer, vend))

    def _refusal_of_vend(self, quote: NescoQuote, fault: NescoFault | None) -> str | None:
        if not quote.is_alive(self.clock.now()):
            return "10020"
        if quote.amount_paisa > self._balance_paisa():
            return "10021"
        return _REFUSED_WITH.get(fault) if fault else None

    def _make_vend(self, quote: NescoQuote, customer: NescoCustomer, fault: NescoFault | None) -> NescoVend:
        kinds = line_kinds(customer.kind)
        digits = self.customers.digits(quote.transaction_id, len(kinds))
        now = self.clock.now()
        return NescoVend(
            transaction_id=quote.transaction_id,
            customer_no=quote.customer_no,
            amount_paisa=quote.amount_paisa,
            order_no=f"{now.astimezone(DHAKA):%y%m%d}{self.book.vends + 1:08d}",
            lines=[NescoTokenLine(kind.value, line) for kind, line in zip(kinds, digits, strict=True)],
            balance_paisa=self._balance_paisa() - quote.amount_paisa,
            vended_at=now.isoformat(),
            echo_extra_paisa=_OTHER_AMOUNT_PAISA if fault is NescoFault.ECHO_OTHER_AMOUNT else 0,
            hides_token=fault is NescoFault.LATE_TOKEN,
        )

    def _balance_paisa(self) -> int:
        return self.settings.deposit_paisa - self.book.vended_paisa

    def _history(self, quote: NescoQuote, customer: NescoCustomer) -> Reply:
        vend = self.book.vend(quote.transaction_id)
        if vend is None:
            return _refusal("10009" if quote.is_alive(self.clock.now()) else "10011", customer)
        data = _vend_data(customer, vend)
        if vend.hides_token:
            data["token"] = ""
            data.pop("tokenType", None)
            self.book.record_token_viewed(quote.transaction_id)
        return _success(customer, data)


def _refusal(code: str, customer: NescoCustomer | None = None) -> Reply:
    is_number = customer is not None and customer.kind is CustomerKind.NUMERIC_CODE
    return result(code, REFUSALS[code], is_number=is_number)


def _success(customer: NescoCustomer, data: Mapping[str, object]) -> Reply:
    return result(SUCCESS, "success", data, is_number=customer.kind is CustomerKind.NUMERIC_CODE)


def _vend_data(customer: NescoCustomer, vend: NescoVend) -> dict[str, object]:
    fee = break_down_purchase(customer, vend.amount_paisa + vend.echo_extra_paisa)
    data = quote_data(vend.transaction_id, customer, fee)
    data["orderNo"] = vend.order_no
    data["token"] = ",".join(line.digits for line in vend.lines)
    data["balance"] = taka(vend.balance_paisa)
    # An old head-end does not report what its lines do.
    if customer.kind is not CustomerKind.NUMERIC_CODE:
        data["tokenType"] = ",".join(line.kind for line in vend.lines)
    return data
