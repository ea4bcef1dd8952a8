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

from sandbox.billers.aggregator.bill_infos import Info, info_of, keep
from sandbox.billers.aggregator.bill_lookup import Window, look, objection
from sandbox.billers.aggregator.institutions import FAMILY, HOUSES, UTILITIES, listed
from sandbox.billers.aggregator.replies import (
    CANCELLED,
    ERRORS,
    IN_PROCESS,
    NO_SUCH_INFO,
    NOTHING_THERE,
    OTHER_AMOUNT,
    PAID_ALREADY,
    REFUSED,
    TAKEN,
    TOO_LATE,
    UNKNOWN,
    done,
)
from sandbox.kit.biller.bills import Kind
from sandbox.kit.biller.book import Payment, State
from sandbox.kit.biller.call_results import OtherAmount, PaidAlready, Refused, Taken, Unknown, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.institution import REHEARSAL, House
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_COLLECTOR_REFERENCE = "collector_reference"
_CHANNELS = ("channel_type", "channel_id")


class Institution(CounterFarSide):
    """The aggregator with all its utilities."""

    name: ClassVar[str] = "AGGREGATOR"
    base_path: ClassVar[str] = "/aggregator"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        answers = {
            "bill-info": self.bill_info,
            "bill-payment": self.bill_payment,
            "bill-status": self.bill_status,
            "bill-cancel": self.bill_cancel,
        }
        return {
            path: Call(path, partial(self._under_keys, counter, answer)) for path, answer in answers.items()
        }

    @override
    def shared_calls(self) -> Mapping[str, Call]:
        return {"service-list": Call("service-list", lambda _: done("OK", {"services": listed()}))}

    @override
    def turn_away(self, call: Call, headers: Headers) -> Reply | None:
        """Let in who shows the collector's key and code; there is no login."""
        told = dict(headers)
        is_key = compare_digest(told.get(b"auth-key", b""), self._password.encode())
        return (
            None if is_key and told.get(b"stk-code") == self.settings.user.encode() else ERRORS.unauthorised
        )

    @override
    @classmethod
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        variables = {
            "EKPAY_AGGREGATOR_URL": f"{origin}{cls.base_path}",
            "EKPAY_AGGREGATOR_PASSWORD": password,
        }
        for house in HOUSES:
            if house.id != REHEARSAL:
                variables[f"EKPAY_{house.id.upper()}_AUTH_KEY"] = house.auth_key
                variables[f"EKPAY_{house.id.upper()}_SECRET_KEY"] = house.secret_key
        return variables

    def bill_info(self, counter: Counter, form: Form) -> Reply:
        """Tell what is owed, and keep it under the collector's transaction; a repeat must ask the same."""
        transaction = text_field(form, "transaction_id")
        seen = look(self._window(counter), form)
        if isinstance(seen, Reply):
            return seen
        if counter.till.is_cut_off(seen.info.bill_number, seen.info.number):
            return LOST
        known = info_of(self.book, counter.house.id, transaction)
        if known is not None and known.asked != seen.info.asked:
            return TAKEN
        if known is None or (not known.core and known != seen.info):
            keep(self.book, counter.house.id, transaction, seen.info)
        return done("OK", {"transaction_id": transaction, "bill": dict(seen.told)})

    def bill_payment(self, counter: Counter, form: Form) -> Reply:
        """Take a payment of what was told, once; the same again is told again."""
        transaction, core = text_field(form, "transaction_id"), text_field(form, "core_transaction_id")
        for member in UTILITIES[counter.house.id].pays_with:
            text_field(form, member)
        info = info_of(self.book, counter.house.id, transaction)
        if info is None:
            return NO_SUCH_INFO
        known = counter.till.status(core)
        stopped = self._stopped(counter, info, transaction, core)
        if stopped is not None:
            return stopped
        if known is not None and self._is_in_process(counter, known):
            return IN_PROCESS
        if not info.core:
            keep(self.book, counter.house.id, transaction, info.paid_by(core))
        verdict = counter.till.pay(info.order(transaction, core, _channel(form)))
        return self.answered(verdict.how, _told(verdict))

    def bill_status(self, counter: Counter, form: Form) -> Reply:
        """Tell what was paid under a transaction."""
        payment = self._payment(counter, form)
        if counter.till.is_cut_off(*_numbers(payment)):
            return LOST
        if payment is None:
            return NOTHING_THERE
        if payment.state is State.CANCELLED:
            return CANCELLED
        return IN_PROCESS if self._is_in_process(counter, payment) else _paid("OK", payment)

    def bill_cancel(self, counter: Counter, form: Form) -> Reply:
        """Take a payment back on its own day; afterwards its bill is owed again."""
        payment = self._payment(counter, form)
        if counter.till.is_cut_off(*_numbers(payment)):
            return LOST
        if payment is None:
            return NOTHING_THERE
        if payment.state is State.PAID and payment.business_date != self.clock.today().isoformat():
            return TOO_LATE
        counter.till.cancel(payment.reference)
        return _paid("taken back", payment)

    @property
    def _password(self) -> str:
        return self.settings.password.get_secret_value()

    def _under_keys(self, counter: Counter, answer: Callable[[Counter, Form], Reply], form: Form) -> Reply:
        utility = UTILITIES[counter.house.id]
        keys = {"utility_auth_key": utility.auth_key, "utility_secret_key": utility.secret_key}
        if any(form.get(name) != key for name, key in keys.items()):
            return ERRORS.unauthorised
        return answer(counter, form)

    def _window(self, counter: Counter) -> Window:
        return Window(UTILITIES[counter.house.id], counter.till, self.book, self.clock.today())

    def _stopped(self, counter: Counter, info: Info, transaction: str, core: str) -> Reply | None:
        """Return why the till need not be asked: another's transaction, or nothing left to be paid."""
        if info.core not in {"", core}:
            earlier = counter.till.status(info.core)
            return PAID_ALREADY if earlier is not None and earlier.state is State.PAID else TAKEN
        known = counter.till.status(core)
        if known is not None:
            return None if known.facts[_COLLECTOR_REFERENCE] == transaction else TAKEN
        reply = objection(self._window(counter), info)
        if reply is not None:
            self.book.record_refused(counter.house.id, core, info.bill_number, reply.code)
        return reply

    def _payment(self, counter: Counter, form: Form) -> Payment | None:
        info = info_of(self.book, counter.house.id, text_field(form, "transaction_id"))
        return None if info is None or not info.core else counter.till.status(info.core)

    def _is_in_process(self, counter: Counter, payment: Payment) -> bool:
        """Whether it is one of those that take their time, and that time is not over."""
        passed = self.clock.now() - datetime.fromisoformat(payment.paid_at)
        is_slow = counter.world.kind(payment.number) is Kind.SLOW
        return is_slow and passed.total_seconds() < self.settings.slow_seconds


def _channel(form: Form) -> str:
    told = (form.get(name) for name in _CHANNELS)
    return next((text for text in told if isinstance(text, str)), "")


def _numbers(payment: Payment | None) -> tuple[str, ...]:
    return () if payment is None else (payment.bill_number, payment.number)


def _paid(message: str, payment: Payment) -> Reply:
    return done(
        message,
        {
            "transaction_id": payment.facts[_COLLECTOR_REFERENCE],
            "core_transaction_id": payment.reference,
            "lid": payment.receipt,
            "amount": taka(payment.told_paisa),
        },
    )


def _told(verdict: Verdict) -> Reply:
    match verdict:
        case Taken(payment):
            return _paid("SUCCESS", payment)
        case Unknown():
            return UNKNOWN
        case PaidAlready():
            return PAID_ALREADY
        case OtherAmount():
            return OTHER_AMOUNT
        case Refused():
            return REFUSED
