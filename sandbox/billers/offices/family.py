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
from sandbox.billers.offices.admin_api import OfficesDesk
from sandbox.billers.offices.demands import OfficeWorld
from sandbox.billers.offices.final_receipts import FinalReceipts, OfficeTimes
from sandbox.billers.offices.institutions import FAMILY, HOUSES
from sandbox.billers.offices.office import OfficeHouse
from sandbox.billers.offices.payment_windows import Closed, Gates
from sandbox.billers.offices.replies import (
    ERRORS,
    EXPIRED,
    MALFORMED,
    NOT_OPEN,
    NOTHING_THERE,
    OTHER_AMOUNT,
    PAID_ALREADY,
    REFUSED,
    UNKNOWN,
    fine,
)
from sandbox.kit.biller.bills import CounterBill
from sandbox.kit.biller.call_results import OtherAmount, PaidAlready, Refused, Taken, Unknown, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.faults import FaultTable
from sandbox.kit.biller.institution import House
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.biller.till import Order, Till
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply
from sandbox.kit.institution.requests import Form, text_field

_CLOSED: Mapping[Closed, Reply] = {Closed.NOT_OPEN: NOT_OPEN, Closed.EXPIRED: EXPIRED}


class Institution(CounterFarSide):
    """All offices, behind one port."""

    name: ClassVar[str] = "OFFICES"
    base_path: ClassVar[str] = "/offices"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[OfficeHouse, ...]] = HOUSES

    def __init__(self, settings: CounterSettings, clock: Clock, times: OfficeTimes | None = None) -> None:
        """Open the book; errors as in `CounterFarSide`. `times` are those of the environment by default."""
        self.offices: Mapping[str, OfficeHouse] = {house.id: house for house in self.houses}
        self._worlds: dict[str, OfficeWorld] = {}
        super().__init__(settings, clock)
        self.final_receipts = FinalReceipts(self.book, clock, times or OfficeTimes())
        self._gates = Gates(self.book, clock, self.counters)
        pair = f"{settings.user}:{settings.password.get_secret_value()}".encode()
        self._key = b"Basic " + b64encode(pair)

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        house = self.offices[counter.house.id]
        calls = {
            "pay": Call("pay", partial(self.pay, house)),
            "status": Call("status", partial(self.payment_status, house)),
        }
        return calls | ({"demand": Call("demand", partial(self.demand, house))} if house.has_demand else {})

    @override
    def turn_away(self, call: Call, headers: Headers) -> Reply | None:
        told = next((value for name, value in headers if name == b"authorization"), b"")
        return None if compare_digest(told, self._key) else ERRORS.unauthorised

    @override
    def desk(self) -> OfficesDesk:
        return OfficesDesk(self)

    def demand(self, house: OfficeHouse, form: Form) -> Reply:
        """Tell what is owed for a reference and, where there are several, its step."""
        try:
            texts = wire.texts_of(form, house)
        except wire.MalformedDetailError:
            return MALFORMED
        bill = self._worlds[house.id].demanded(texts)
        return UNKNOWN if bill is None else self._demand_told(house, bill, texts)

    def pay(self, house: OfficeHouse, form: Form) -> Reply:
        """Take a payment once; the same transaction for the same demand and amount is told again."""
        try:
            call = wire.payment_call(form, house)
        except wire.MalformedDetailError:
            return MALFORMED
        till, bill = self.counters[house.id].till, self._worlds[house.id].demanded(call.texts)
        if bill is None:
            return UNKNOWN
        refusal = self._refusal(till, house, bill, call)
        if refusal is not None:
            self.book.record_refused(house.id, call.transaction_id, bill.bill_number, refusal.code)
            return refusal
        verdict = till.pay(
            Order(
                reference=call.transaction_id,
                amount_paisa=call.amount_paisa,
                number=bill.number,
                bill_number=bill.bill_number,
                choice=house.key_of(call.texts),
                facts=wire.facts_of(call, house),
            )
        )
        return self.answered(verdict.how, self._told(verdict, house))

    def payment_status(self, house: OfficeHouse, form: Form) -> Reply:
        """Tell what was paid under a transaction, and the final receipt once it exists."""
        reference = text_field(form, "transactionId")
        if form.get("service") != house.service:
            return MALFORMED
        till = self.counters[house.id].till
        payment = till.status(reference)
        numbers = () if payment is None else (payment.bill_number, payment.number)
        if till.is_cut_off(*numbers):
            return LOST
        if payment is None:
            return NOTHING_THERE
        final_receipt = self.final_receipts.of(payment, house)
        return fine({"state": payment.state, **wire.payment_data(payment, house, final_receipt)})

    def _demand_told(self, house: OfficeHouse, bill: CounterBill, texts: Mapping[str, str]) -> Reply:
        till = self.counters[house.id].till
        if till.is_cut_off(bill.bill_number, bill.number):
            return LOST
        if till.is_paid(bill):
            return PAID_ALREADY
        closed = self._gates.closed_because(bill, house)
        if closed is not None:
            return _CLOSED[closed]
        until = self._gates.last_day(bill, house)
        return fine({"demand": wire.demand_data(bill, house, texts, till.left_of(bill), until)})

    def _refusal(
        self, till: Till, house: OfficeHouse, bill: CounterBill, call: wire.PaymentCall
    ) -> Reply | None:
        """Return what an office says no to before it comes to money; a known transaction is past that."""
        if till.status(call.transaction_id) is not None or till.is_paid(bill):
            return None
        closed = self._gates.closed_because(bill, house)
        if closed is not None:
            return _CLOSED[closed]
        heads = tuple((one.head.code, one.paisa) for one in house.heads_of(bill))
        is_part = call.amount_paisa != till.left_of(bill)
        may_be_part = house.takes_part_of(bill) or not house.takes_part
        # Who pays all of a fresh demand says what of; the heads of a part are nobody's business.
        is_agreed = call.heads == heads or (not call.heads and house.takes_part)
        return None if is_agreed and (may_be_part or not is_part) else OTHER_AMOUNT

    def _told(self, verdict: Verdict, house: OfficeHouse) -> Reply:
        match verdict:
            case Taken(payment):
                return fine(wire.payment_data(payment, house, self.final_receipts.of(payment, house)))
            case Unknown():
                return UNKNOWN
            case PaidAlready():
                return PAID_ALREADY
            case OtherAmount():
                return OTHER_AMOUNT
            case Refused():
                return REFUSED

    @override
    def _open_counter(self, house: House) -> Counter:
        office = self.offices[house.id]
        world = OfficeWorld(office, self.settings.seed, self.settings.accounts, self.book.opened_on)
        self._worlds[house.id] = world
        faults = FaultTable()
        return Counter(house, world, Till(world, self.book, faults, self.clock), faults)
