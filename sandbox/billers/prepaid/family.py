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
from sandbox.billers.prepaid.admin_api import VendingDesk
from sandbox.billers.prepaid.deposits import Deposits
from sandbox.billers.prepaid.institutions import FAMILY, HOUSES
from sandbox.billers.prepaid.quotes import Quote, Quotes
from sandbox.billers.prepaid.utility import PrepaidHouse
from sandbox.billers.prepaid.vending import Against, Vending
from sandbox.kit.biller.bills import CounterBill
from sandbox.kit.biller.call_results import OtherAmount, Owed, Taken, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.institution import House, TakesAny
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.biller.till import Order
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_WORDS: Mapping[Against, Reply] = {
    Against.QUOTE_DIED: replies.QUOTE_DIED,
    Against.LIMIT_REACHED: replies.LIMIT_REACHED,
    Against.DEPOSIT_TOO_LOW: replies.DEPOSIT_TOO_LOW,
}


class Institution(CounterFarSide):
    """All prepaid utilities that speak this protocol."""

    name: ClassVar[str] = "PREPAID"
    base_path: ClassVar[str] = "/prepaid"
    errors: ClassVar[Errors] = replies.ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES

    def __init__(self, settings: CounterSettings, clock: Clock) -> None:
        """Open the book as every family does, with the deposits and quotes that stand in it."""
        super().__init__(settings, clock)
        self.deposits = Deposits(self.book, self.counters)
        self.quotes = Quotes(self.book, clock)
        self.vending = Vending(self.book, self.deposits, clock, settings.seed)

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        return {
            "login": Call("login", partial(self.log_in, counter), needs_login=False),
            "pre-charge": Call("quote", partial(self.pre_charge, counter)),
            "remote-charge": Call("vend", partial(self.remote_charge, counter)),
            "history": Call("history", partial(self.history, counter)),
        }

    @override
    def turn_away(self, call: Call, headers: Headers) -> Reply | None:
        """The token stands in a header of its own here, and bare."""
        bearers = ((b"authorization", b"Bearer " + told) for name, told in headers if name == b"access_token")
        return super().turn_away(call, bearers)

    @override
    def desk(self) -> VendingDesk:
        return VendingDesk(self, self.deposits)

    def log_in(self, counter: Counter, form: Form) -> Reply:
        """Give out a token for the right user and password, else HTTP 401."""
        token = self.login(text_field(form, "userName"), text_field(form, "password"), counter.house.id)
        if token is None:
            return replies.ERRORS.unauthorised
        return replies.fine({"access_token": token, "expiresIn": BEARER_SECONDS})

    def pre_charge(self, counter: Counter, form: Form) -> Reply:
        """Say what an amount would buy, and keep the offer for 30 minutes."""
        house = _prepaid(counter)
        texts, paisa = wire.named(form, house), wire.amount(form)
        wire.check_mobile(form, house)
        found = counter.till.look_up(texts)
        if not isinstance(found, Owed):
            return replies.UNKNOWN
        bill = found.bills[0]
        if counter.till.is_cut_off(bill.number):
            return LOST
        bounds = house.takes
        if isinstance(bounds, TakesAny) and not bounds.min_paisa <= paisa <= bounds.max_paisa:
            return replies.OUT_OF_BOUNDS
        quote = self.quotes.give(house.id, bill.number, paisa)
        return replies.fine(wire.quote_data(quote.id, house, bill, paisa))

    def remote_charge(self, counter: Counter, form: Form) -> Reply:
        """Vend a quote once; every repeat is answered as the first and vends nothing."""
        reference = text_field(form, "transactionId")
        quote = self.quotes.find(counter.house.id, reference)
        if quote is None:
            return replies.UNKNOWN
        facts: Mapping[str, str] = {}
        if counter.till.status(reference) is None:
            against = self.vending.against(counter, quote, reference)
            if against is not None:
                return _WORDS[against]
            facts = self.vending.facts(counter, quote, reference)
        verdict = counter.till.pay(Order(reference, quote.amount_paisa, quote.number, facts=facts))
        return self.answered(verdict.how, _told(counter, verdict))

    def history(self, counter: Counter, form: Form) -> Reply:
        """Tell what was vended under a quote; 10001, 10009 and 10011 say that nothing was."""
        reference = text_field(form, "transactionId")
        quote = self.quotes.find(counter.house.id, reference)
        if quote is None:
            return replies.UNKNOWN
        if counter.till.is_cut_off(quote.number):
            return LOST
        payment = counter.till.status(reference)
        if payment is None:
            return self._nothing(quote)
        return replies.fine(wire.vend_data(payment, _prepaid(counter), _bill(counter, quote.number)))

    def _nothing(self, quote: Quote) -> Reply:
        return replies.NOTHING_VENDED if quote.is_alive(self.clock.now()) else replies.NOTHING_EVER


def _prepaid(counter: Counter) -> PrepaidHouse:
    assert isinstance(counter.house, PrepaidHouse), "this family has no other houses"
    return counter.house


def _bill(counter: Counter, number: str) -> CounterBill:
    """Return the bill of an account that was quoted for, even if the world has become smaller since."""
    return counter.till.find(number) or counter.world.imagined(number)


def _told(counter: Counter, verdict: Verdict) -> Reply:
    match verdict:
        case Taken(payment):
            return replies.fine(wire.vend_data(payment, _prepaid(counter), _bill(counter, payment.number)))
        case OtherAmount():
            return replies.OUT_OF_BOUNDS
        case _:
            return replies.REFUSED
