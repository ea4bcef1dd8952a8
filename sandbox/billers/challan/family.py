"""What the treasury and its offices do with each of their calls.

A payment is registered, then confirmed; only a confirmation moves money, and it gives out a challan. The
numbers of the challans of one fiscal year have no gaps. What may surprise: the kit's faults strike the
confirmation, since nothing hangs on a registration.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from hmac import compare_digest
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.challan import wire
from sandbox.billers.challan.accounts import ChallanWorld
from sandbox.billers.challan.challans import Challans
from sandbox.billers.challan.institutions import FAMILY, FEE_KEY, HOUSES, TreasuryHouse
from sandbox.billers.challan.replies import (
    ERRORS,
    NO_CHALLAN,
    NO_PAYMENT,
    NOT_CONFIRMED,
    NOT_INITIATED,
    OTHER_AMOUNT,
    OTHER_PAYMENT,
    PAID_ALREADY,
    REFUSED,
    UNKNOWN,
    USED_ALREADY,
    fine,
)
from sandbox.kit.biller.book import Payment
from sandbox.kit.biller.call_results import OtherAmount, PaidAlready, Refused, Taken, Unknown, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.faults import FaultTable
from sandbox.kit.biller.institution import House
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.biller.till import Order, Till
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, Headers
from sandbox.kit.institution.replies import LOST, Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

CLIENT_ID = "ekpay-switch"

_DEMAND_DAYS = 15
_SLIP_DAYS = 7
_NOTES = "acs"
_SLIPS = "acs/otc"
_SLIP_ENDS = "acs/otc-ends"
"""Under which house the book notes what was registered, and the slips: these belong to the treasury."""
_COLLECTOR = "EKPAY"


def client_secret(password: str) -> str:
    """Return the secret of the client that belongs to a user's password."""
    return f"{password}-client"


class Institution(CounterFarSide):
    """The treasury's challan system, and the offices that it collects for."""

    name: ClassVar[str] = "CHALLAN"
    base_path: ClassVar[str] = "/acs"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES
    is_login_shared: ClassVar[bool] = True

    def __init__(self, settings: CounterSettings, clock: Clock) -> None:
        """Open the book as every family does, and count the challans in it; raises what that does."""
        super().__init__(settings, clock)
        self.challans = Challans(self.book, HOUSES)
        password = settings.password.get_secret_value()
        client = f"{CLIENT_ID}:{client_secret(password)}".encode()
        self._client_header = b"Basic " + b64encode(client)

    @classmethod
    @override
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        return {
            "EKPAY_ACHALLAN_URL": f"{origin}{cls.base_path}",
            "EKPAY_ACHALLAN_PASSWORD": password,
            "EKPAY_ACHALLAN_CLIENT_ID": CLIENT_ID,
            "EKPAY_ACHALLAN_CLIENT_SECRET": client_secret(password),
        }

    @override
    def shared_calls(self) -> Mapping[str, Call]:
        return {
            "token": Call("token", self.token, needs_login=False),
            "clients/payment/initiate": Call("initiate", _json(self.initiate)),
            "clients/payment/initiateOTC": Call("initiateOTC", _json(self.initiate_otc)),
            "clients/payment/confirmation": Call("confirmation", _json(self.confirmation)),
            "clients/payment/details": Call("details", _json(self.details)),
        }

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        calls = {"use": Call("use", _json(partial(self.use, counter)))}
        if _house(counter).is_demanded:
            calls["demand"] = Call("demand", _json(partial(self.demand, counter)))
        return calls

    @override
    def turn_away(self, call: Call, headers: Headers) -> Reply | None:
        if call.name != "token":
            return super().turn_away(call, headers)
        sent = next((value for name, value in headers if name == b"authorization"), b"")
        return None if compare_digest(sent, self._client_header) else ERRORS.unauthorised

    @override
    def read(self, body: bytes) -> Form:
        return wire.fields(body)

    def token(self, form: Form) -> Reply:
        """Give out a bearer for the right user and password of a password grant, else HTTP 401."""
        if not isinstance(form, wire.Encoded) or form.get("grant_type") != "password":
            raise MalformedRequestError("a token is asked for with a form and grant_type password")
        bearer = self.login(text_field(form, "username"), text_field(form, "password"))
        if bearer is None:
            return ERRORS.unauthorised
        grant = {"access_token": bearer, "token_type": "bearer", "expires_in": BEARER_SECONDS}
        return json_reply(grant, code="granted")

    def demand(self, counter: Counter, form: Form) -> Reply:
        """Tell what an office demands for what the parameters name, head by head."""
        asked, house = wire.parameters(form), _house(counter)
        found = counter.till.look_up(_with_fee_key(house.rewritten(asked)))
        if isinstance(found, Unknown):
            return UNKNOWN
        if isinstance(found, PaidAlready):
            return PAID_ALREADY
        bill = found.bills[0]
        if counter.till.is_cut_off(bill.bill_number, bill.number):
            return LOST
        heads = [
            {"economic_code": head.economic_code, "title": head.title, "amount": taka(head.paisa)}
            for head in house.heads_of(bill)
        ]
        told: dict[str, object] = {"asked": asked, "demand_no": bill.bill_number, "heads": heads}
        told |= {"organization_code": house.organization_code, "total": taka(bill.base_paisa)}
        until = self.clock.today() + timedelta(days=_DEMAND_DAYS)
        return fine({**told, "applicant_name": bill.customer_name, "valid_until": wire.day_text(until)})

    def initiate(self, form: Form) -> Reply:
        """Register a payment; the same again is told the same, and another under its paymentid is refused."""
        wanted = wire.initiated(form)
        refusal = self._registered(wanted, _NOTES)
        if refusal is not None:
            return refusal
        transaction_id = self._sealed("TX", wanted.payment_id)
        return fine(
            {"responseurl": f"https://challan.example/pay/{transaction_id}", "transaction_id": transaction_id}
        )

    def initiate_otc(self, form: Form) -> Reply:
        """Register a payment and give out a slip to pay it at a counter within a week."""
        wanted = wire.initiated(form)
        refusal = self._registered(wanted, _SLIPS)
        if refusal is not None:
            return refusal
        return fine(
            {
                "paymentid": wanted.payment_id,
                "paidamount": taka(wanted.paisa),
                "transaction_id": self._sealed("TX", wanted.payment_id),
                "slip_no": self._sealed("OTC", wanted.payment_id),
                "valid_until": self._end_of_slip(wanted.payment_id),
            }
        )

    def confirmation(self, form: Form) -> Reply:
        """Take a registered payment once and give out its challan; the same again brings the same one."""
        payment_id, paisa = wire.payment_id(form), wire.amount(form, "paidamount")
        transaction_id, note = text_field(form, "transaction_id"), self.book.note(_NOTES, payment_id)
        if note is None or transaction_id != self._sealed("TX", payment_id):
            return NOT_INITIATED
        if taka(paisa) != note["paidamount"]:
            return OTHER_AMOUNT
        facts = {
            name: note[name] for name in ("organization_code", "heads", "demand_no", "tin", "bin", "remarks")
        }
        facts |= {
            "transaction_id": transaction_id,
            "challan_no": self.challans.next_number(self.clock.today()),
        }
        verdict = self.counters[note["house"]].till.pay(
            Order(payment_id, paisa, note["number"], note["demand_no"] or None, facts=facts)
        )
        if isinstance(verdict, Taken) and not verdict.is_repeat:
            self.challans.keep(verdict.payment)
        return self.answered(verdict.how, _confirmed(verdict))

    def details(self, form: Form) -> Reply:
        """Tell which challan stands under a paymentid, and whether an office has spent it."""
        payment_id = wire.payment_id(form)
        note = self.book.note(_NOTES, payment_id)
        if note is None:
            return NOT_CONFIRMED if self.book.note(_SLIPS, payment_id) else NO_PAYMENT
        till = self.counters[note["house"]].till
        if till.is_cut_off(note["number"], note["demand_no"]):
            return LOST
        payment = till.status(payment_id)
        return NOT_CONFIRMED if payment is None else fine(_details(payment, note))

    def use(self, counter: Counter, form: Form) -> Reply:
        """Let an office spend a challan on a service, once and for ever."""
        number, service = text_field(form, "challan_no"), text_field(form, "service_reference")
        payment = self.challans.payment(number)
        if payment is None or payment.house != counter.house.id:
            return NO_CHALLAN
        if "used_for" in payment.facts:
            return USED_ALREADY
        self.book.record_facts(payment.house, payment.reference, {"used_for": service})
        return fine({"challan_no": number, "used_flag": "Y"})

    @override
    def _open_counter(self, house: House) -> Counter:
        world = ChallanWorld(house, self.settings.seed, self.settings.accounts, self.book.opened_on)
        faults = FaultTable()
        return Counter(house, world, Till(world, self.book, faults, self.clock), faults)

    def _registered(self, wanted: wire.Initiated, notes: str) -> Reply | None:
        """Keep what is to be paid and by whom, or return why not; the same again changes nothing."""
        counter = self._office_of(wanted)
        if counter is None:
            return UNKNOWN
        numbers = self._numbers(counter, wanted)
        if numbers is None:
            return UNKNOWN
        if counter.till.is_cut_off(*numbers):
            return LOST
        note = {**wanted.as_note(), "house": counter.house.id, "number": numbers[0]}
        known = self.book.note(notes, wanted.payment_id)
        if known is not None:
            return None if known == note else OTHER_PAYMENT
        refusal = _refusal(counter, wanted)
        if refusal is None:
            self.book.record_note(notes, wanted.payment_id, note)
        return refusal

    def _office_of(self, wanted: wire.Initiated) -> Counter | None:
        """Return whose demand is paid or, where there is none, whose account the money is for."""
        demand_no = wanted.texts["demand_no"]
        if demand_no:
            counters = self.counters.values()
            return next((counter for counter in counters if counter.till.find(demand_no) is not None), None)
        stated = [counter for counter in self.counters.values() if not _house(counter).is_demanded]
        for counter in stated:
            if _house(counter).organization_code == wanted.organization_code:
                return counter
        return next(counter for counter in stated if _house(counter).takes_any_head)

    def _numbers(self, counter: Counter, wanted: wire.Initiated) -> tuple[str, ...] | None:
        """Return the account, and the demand if there is one; None if nobody has it."""
        demand_no = wanted.texts["demand_no"]
        if demand_no:
            bill = counter.till.find(demand_no)
            return None if bill is None else (bill.number, demand_no)
        told = {name: wanted.texts[name] for name in ("nid", "tin", "bin") if wanted.texts[name]}
        bills = counter.world.named(told)
        return (bills[0].number,) if bills else None

    def _end_of_slip(self, payment_id: str) -> str:
        """Return the last day of a slip, which stays what it was when the slip was first given out."""
        noted = self.book.note(_SLIP_ENDS, payment_id)
        if noted is not None:
            return noted["valid_until"]
        until = wire.day_text(self.clock.today() + timedelta(days=_SLIP_DAYS))
        self.book.record_note(_SLIP_ENDS, payment_id, {"valid_until": until})
        return until

    def _sealed(self, prefix: str, payment_id: str) -> str:
        """Return a number that follows from a paymentid, and that nobody else can make."""
        key = blake2b(f"challan/{self.settings.seed}".encode()).digest()
        return prefix + blake2b(f"{prefix}/{payment_id}".encode(), key=key, digest_size=7).hexdigest().upper()


def _json(answer: Callable[[Form], Reply]) -> Callable[[Form], Reply]:
    """Return the answer to a call that is a JSON object and no form."""

    def answered(form: Form) -> Reply:
        if isinstance(form, wire.Encoded):
            raise MalformedRequestError("the body is no JSON object")
        return answer(form)

    return answered


def _house(counter: Counter) -> TreasuryHouse:
    assert isinstance(counter.house, TreasuryHouse)
    return counter.house


def _with_fee_key(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters, those of a passport's fee taken together if they are there."""
    wanted = [asked[name] for name in ("pages", "validity", "delivery") if name in asked]
    return {**asked, FEE_KEY: "-".join(wanted)} if wanted else dict(asked)


def _refusal(counter: Counter, wanted: wire.Initiated) -> Reply | None:
    house, demand_no = _house(counter), wanted.texts["demand_no"]
    if not house.takes_any_head and (
        wanted.organization_code != house.organization_code or not wanted.heads.keys() <= house.economic_codes
    ):
        return REFUSED
    bill = counter.till.find(demand_no) if demand_no else None
    return PAID_ALREADY if bill is not None and counter.till.is_paid(bill) else None


def _confirmed(verdict: Verdict) -> Reply:
    match verdict:
        case Taken(payment):
            return fine(
                {
                    "challan_no": payment.facts["challan_no"],
                    "paymentid": payment.reference,
                    "paidamount": taka(payment.told_paisa),
                    "transaction_id": payment.facts["transaction_id"],
                }
            )
        case Unknown():
            return UNKNOWN
        case PaidAlready():
            return PAID_ALREADY
        case OtherAmount():
            return OTHER_AMOUNT
        case Refused():
            return REFUSED


def _details(payment: Payment, note: Mapping[str, str]) -> dict[str, object]:
    year, month, day = payment.business_date.split("-")
    paid_on = f"{day}-{month}-{year}"
    return {
        "challan_no": payment.facts["challan_no"],
        "tin": note["tin"],
        "bin": note["bin"],
        "payment_id": payment.reference,
        "paidamount": taka(payment.told_paisa),
        "entry_date": paid_on,
        "payment_date": paid_on,
        "client_name": "",
        "mobile_no": note["mobile"],
        "email": note["email"],
        "address": "",
        "bank_name": _COLLECTOR,
        "routing_no": "",
        "used_flag": "Y" if "used_for" in payment.facts else "N",
        "SubmissionID": "",
    }
