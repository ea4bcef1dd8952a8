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
from sandbox.billers.prepaid.quotes import Quotes
from sandbox.billers.prepaid.vending import Against, Vending
from sandbox.billers.xmlvend import replies, wire
from sandbox.billers.xmlvend.admin_api import XmlVendDesk
from sandbox.billers.xmlvend.institutions import FAMILY, HOUSES
from sandbox.kit.biller.bills import CounterBill
from sandbox.kit.biller.book import Payment
from sandbox.kit.biller.call_results import OtherAmount, Taken, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.institution import House, TakesAny
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.biller.till import Order
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_WORDS: Mapping[Against, Reply] = {
    Against.QUOTE_DIED: replies.QUOTE_DIED,
    Against.LIMIT_REACHED: replies.LIMIT_REACHED,
    Against.DEPOSIT_TOO_LOW: replies.DEPOSIT_TOO_LOW,
}
_ACKNOWLEDGED, _YES, _NO = "acknowledged", "Y", "N"

Answer = Callable[[Counter, Form], Reply]


class Institution(CounterFarSide):
    """All utilities that speak this interface."""

    name: ClassVar[str] = "XMLVEND"
    base_path: ClassVar[str] = "/xmlvend"
    errors: ClassVar[Errors] = replies.ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES

    def __init__(self, settings: CounterSettings, clock: Clock) -> None:
        """Open the book as every family does, with the deposits and offers that stand in it."""
        super().__init__(settings, clock)
        self.deposits = Deposits(self.book, self.counters)
        self.quotes = Quotes(self.book, clock)
        self.vending = Vending(self.book, self.deposits, clock, settings.seed)
        self._losses: Counts[str] = Counts()

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        answers: Mapping[str, Answer] = {
            "verifyAmount": self.verify_amount,
            "thirdPartyRequest": self.third_party_request,
            "acknowledgement": self.acknowledgement,
            "getTnxRecords": self.get_tnx_records,
        }
        return {
            path: Call(path, partial(self._let_in, answer, counter), needs_login=False)
            for path, answer in answers.items()
        }

    @override
    def read(self, body: bytes) -> Form:
        return wire.fields(body)

    @override
    def desk(self) -> XmlVendDesk:
        return XmlVendDesk(self, self._losses)

    def verify_amount(self, counter: Counter, form: Form) -> Reply:
        """Say what an amount comes to for a meter, and keep the offer under a refCode for 30 minutes."""
        number, paisa = wire.meter(form), wire.amount(form)
        wire.check_modes(form)
        if not counter.till.knows(number):
            return replies.UNKNOWN
        if counter.till.is_cut_off(number):
            return LOST
        bounds = counter.house.takes
        if isinstance(bounds, TakesAny) and not bounds.min_paisa <= paisa <= bounds.max_paisa:
            return replies.OUT_OF_BOUNDS
        quote = self.quotes.give(counter.house.id, number, paisa)
        balance = taka(self.deposits.balance(counter.house.id))
        split = _split(_bill(counter, number), paisa)
        return replies.fine({"refCode": quote.id, **split, "balance": balance})

    def third_party_request(self, counter: Counter, form: Form) -> Reply:
        """Vend an offer once; the same transID for the same offer is answered as the first time."""
        reference, number, paisa = wire.reference(form), wire.meter(form), wire.amount(form)
        wire.check_modes(form)
        quote = self.quotes.find(counter.house.id, text_field(form, "refCode"))
        if quote is None or (quote.number, quote.amount_paisa) != (number, paisa):
            return replies.QUOTE_DIED
        facts: Mapping[str, str] = {}
        if counter.till.status(reference) is None:
            against = self.vending.against(counter, quote, reference)
            if against is not None:
                return _WORDS[against]
            facts = {"ref_code": quote.id, _ACKNOWLEDGED: _NO}
            facts |= self.vending.facts(counter, quote, reference)
        verdict = counter.till.pay(Order(reference, paisa, number, facts=facts))
        if isinstance(verdict, Taken) and not verdict.is_repeat:
            self.quotes.use(counter.house.id, quote, reference)
        return self.answered(verdict.how, _told(counter, verdict))

    def acknowledgement(self, counter: Counter, form: Form) -> Reply:
        """Note that the token of a vend has come; told twice it is noted once."""
        payment = counter.till.status(wire.reference(form))
        if payment is None or payment.facts["ref_code"] != text_field(form, "refCode"):
            return replies.NO_RECORD
        house = counter.house.id
        if self._losses[house] > 0:
            self._losses[house] -= 1
            return LOST
        if payment.facts[_ACKNOWLEDGED] == _NO:
            self.book.record_facts(house, payment.reference, {_ACKNOWLEDGED: _YES})
        return replies.SUCCESS

    def get_tnx_records(self, counter: Counter, form: Form) -> Reply:
        """Tell what was vended under a transID, and whether its token is known to have come."""
        payment = counter.till.status(wire.reference(form))
        if counter.till.is_cut_off(*(() if payment is None else (payment.number,))):
            return LOST
        if payment is None:
            return replies.NO_RECORD
        return replies.fine({**_vended(counter, payment), _ACKNOWLEDGED: payment.facts[_ACKNOWLEDGED]})

    def _let_in(self, answer: Answer, counter: Counter, form: Form) -> Reply:
        expected = self.settings.password.get_secret_value()
        is_right = compare_digest(text_field(form, "userPass").encode(), expected.encode())
        if text_field(form, "userName") != self.settings.user or not is_right:
            return replies.NOT_LET_IN
        return answer(counter, form)


def _bill(counter: Counter, number: str) -> CounterBill:
    """Return the bill of a meter that was vended for, even if the world has become smaller since."""
    return counter.till.find(number) or counter.world.imagined(number)


def _split(bill: CounterBill, paisa: int) -> dict[str, str]:
    charges = charges_of(bill, paisa)
    return {"arrearAMT": taka(charges.debt), "feeAMT": taka(charges.fees), "engAMT": taka(charges.energy)}


def _vended(counter: Counter, payment: Payment) -> dict[str, str]:
    """Return a vend as every answer tells it: the lines of its token in one row of digits."""
    return {
        "transID": payment.reference,
        "refCode": payment.facts["ref_code"],
        "token": payment.facts["token"].replace(",", ""),
        **_split(_bill(counter, payment.number), payment.told_paisa),
        "balance": payment.facts["balance"],
    }


def _told(counter: Counter, verdict: Verdict) -> Reply:
    match verdict:
        case Taken(payment):
            return replies.fine(_vended(counter, payment))
        case OtherAmount():
            return replies.OUT_OF_BOUNDS
        case _:
            return replies.REFUSED
