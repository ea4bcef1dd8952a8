"""What the treasury and its offices do with each of their calls.

A payment is registered, then confirmed; only a confirmation moves money, and it gives out a challan. The
numbers of the challans of one fiscal year have no gaps. Note: the kit's faults strike the
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
from sandbox.billers.challan.accounts import ChallanAccounts
from sandbox.billers.challan.challans import Challans
from sandbox.billers.challan.institutions import FAMILY, FEE_KEY, INSTITUTIONS, TreasuryInstitution
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
    success,
)
from sandbox.kit.biller.book import BillerPayment
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
from sandbox.kit.biller.taka_text import taka
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
"""Under which institution the book notes what was registered, and the slips: these belong to the treasury."""
_COLLECTOR = "EKPAY"


def client_secret(password: str) -> str:
    """Return the secret of the client that belongs to a user's password."""
    return f"{password}-client"


class ChallanFamily(BillerFamily):
    """The treasury's challan system, and the offices that it collects for."""

    name: ClassVar[str] = "CHALLAN"
    base_path: ClassVar[str] = "/acs"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS
    is_login_shared: ClassVar[bool] = True

    def __init__(self, settings: BillerSettings, clock: Clock) -> None:
        """Open the book as every family does, and count the challans in it; raises what that does."""
        super().__init__(settings, clock)
        self.challans = Challans(self.book, INSTITUTIONS)
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
            "clients/payment/initiate": Call("initiate", _json_only(self.initiate)),
            "clients/payment/initiateOTC": Call("initiateOTC", _json_only(self.initiate_otc)),
            "clients/payment/confirmation": Call("confirmation", _json_only(self.confirmation)),
            "clients/payment/details": Call("details", _json_only(self.details)),
        }

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        calls = {"use": Call("use", _json_only(partial(self.use, biller)))}
        if _treasury_institution(biller).is_demanded:
            calls["demand"] = Call("demand", _json_only(partial(self.demand, biller)))
        return calls

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        if call.name != "token":
            return super().check_headers(call, headers)
        sent = next((value for name, value in headers if name == b"authorization"), b"")
        return None if compare_digest(sent, self._client_header) else ERRORS.unauthorised

    @override
    def read(self, body: bytes) -> Form:
        return wire.read_fields(body)

    def token(self, form: Form) -> Reply:
        """Give out a bearer for the right user and password of a password grant, else HTTP 401."""
        if not isinstance(form, wire.EncodedForm) or form.get("grant_type") != "password":
            raise MalformedRequestError("a token is asked for with a form and grant_type password")
        bearer = self.login(text_field(form, "username"), text_field(form, "password"))
        if bearer is None:
            return ERRORS.unauthorised
        grant = {"access_token": bearer, "token_type": "bearer", "expires_in": BEARER_SECONDS}
        return json_reply(grant, code="granted")

    def demand(self, biller: OpenBiller, form: Form) -> Reply:
        """Report the demand that the parameters name, head by head."""
        parameters, institution = wire.read_parameters(form), _treasury_institution(biller)
        result = biller.intake.find_unpaid_bills(_with_fee_key(institution.normalise_parameters(parameters)))
        if isinstance(result, UnknownBill):
            return UNKNOWN
        if isinstance(result, BillPaidAlready):
            return PAID_ALREADY
        bill = result.bills[0]
        if biller.intake.is_connection_cut(bill.bill_number, bill.number):
            return LOST
        heads = [
            {"economic_code": head.economic_code, "title": head.title, "amount": taka(head.paisa)}
            for head in institution.heads_of(bill)
        ]
        answer: dict[str, object] = {"asked": parameters, "demand_no": bill.bill_number, "heads": heads}
        answer |= {"organization_code": institution.organization_code, "total": taka(bill.base_paisa)}
        until = self.clock.today() + timedelta(days=_DEMAND_DAYS)
        return success({**answer, "applicant_name": bill.customer_name, "valid_until": wire.day_text(until)})

    def initiate(self, form: Form) -> Reply:
        """Register a payment; a repeat is answered the same, and another under its paymentid is refused."""
        registration = wire.read_registration(form)
        refusal = self._register(registration, _NOTES)
        if refusal is not None:
            return refusal
        transaction_id = self._unguessable_number("TX", registration.payment_id)
        return success(
            {"responseurl": f"https://challan.example/pay/{transaction_id}", "transaction_id": transaction_id}
        )

    def initiate_otc(self, form: Form) -> Reply:
        """Register a payment and give out a slip to pay it at a counter within a week."""
        registration = wire.read_registration(form)
        refusal = self._register(registration, _SLIPS)
        if refusal is not None:
            return refusal
        return success(
            {
                "paymentid": registration.payment_id,
                "paidamount": taka(registration.paisa),
                "transaction_id": self._unguessable_number("TX", registration.payment_id),
                "slip_no": self._unguessable_number("OTC", registration.payment_id),
                "valid_until": self._end_of_slip(registration.payment_id),
            }
        )

    def confirmation(self, form: Form) -> Reply:
        """Take a registered payment once and give out its challan; the same again brings the same one."""
        payment_id, paisa = wire.read_payment_id(form), wire.read_amount(form, "paidamount")
        transaction_id, note = text_field(form, "transaction_id"), self.book.note(_NOTES, payment_id)
        if note is None or transaction_id != self._unguessable_number("TX", payment_id):
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
        result = self.billers[note["house"]].intake.pay(
            PaymentOrder(payment_id, paisa, note["number"], note["demand_no"] or None, facts=facts)
        )
        if isinstance(result, PaymentTaken) and not result.is_repeat:
            self.challans.keep(result.payment)
        return self.deliver(result.fault, _confirmation_reply(result))

    def details(self, form: Form) -> Reply:
        """Report which challan stands under a paymentid, and whether an office has spent it."""
        payment_id = wire.read_payment_id(form)
        note = self.book.note(_NOTES, payment_id)
        if note is None:
            return NOT_CONFIRMED if self.book.note(_SLIPS, payment_id) else NO_PAYMENT
        intake = self.billers[note["house"]].intake
        if intake.is_connection_cut(note["number"], note["demand_no"]):
            return LOST
        payment = intake.status(payment_id)
        return NOT_CONFIRMED if payment is None else success(_challan_details(payment, note))

    def use(self, biller: OpenBiller, form: Form) -> Reply:
        """Let an office spend a challan on a service, once and for ever."""
        number, service = text_field(form, "challan_no"), text_field(form, "service_reference")
        payment = self.challans.payment(number)
        if payment is None or payment.institution_id != biller.institution.id:
            return NO_CHALLAN
        if "used_for" in payment.facts:
            return USED_ALREADY
        self.book.record_facts(payment.institution_id, payment.reference, {"used_for": service})
        return success({"challan_no": number, "used_flag": "Y"})

    @override
    def _open_biller(self, institution: BillerInstitution) -> OpenBiller:
        accounts = ChallanAccounts(
            institution, self.settings.seed, self.settings.accounts, self.book.opened_on
        )
        faults = BillerFaultTable()
        return OpenBiller(
            institution, accounts, PaymentIntake(accounts, self.book, faults, self.clock), faults
        )

    def _register(self, registration: wire.Registration, notes: str) -> Reply | None:
        """Keep what is to be paid and by whom, or return why not; the same again changes nothing."""
        biller = self._office_of(registration)
        if biller is None:
            return UNKNOWN
        numbers = self._account_numbers(biller, registration)
        if numbers is None:
            return UNKNOWN
        if biller.intake.is_connection_cut(*numbers):
            return LOST
        note = {**registration.as_note(), "house": biller.institution.id, "number": numbers[0]}
        known = self.book.note(notes, registration.payment_id)
        if known is not None:
            return None if known == note else OTHER_PAYMENT
        refusal = _registration_refusal(biller, registration)
        if refusal is None:
            self.book.record_note(notes, registration.payment_id, note)
        return refusal

    def _office_of(self, registration: wire.Registration) -> OpenBiller | None:
        """Return the office whose demand is paid or, without a demand, whose account the money is for."""
        demand_no = registration.texts["demand_no"]
        if demand_no:
            counters = self.billers.values()
            return next(
                (biller for biller in counters if biller.intake.find_bill(demand_no) is not None), None
            )
        stated = [biller for biller in self.billers.values() if not _treasury_institution(biller).is_demanded]
        for biller in stated:
            if _treasury_institution(biller).organization_code == registration.organization_code:
                return biller
        return next(biller for biller in stated if _treasury_institution(biller).takes_any_head)

    def _account_numbers(self, biller: OpenBiller, registration: wire.Registration) -> tuple[str, ...] | None:
        """Return the account, and the demand if there is one; None if there is no such number."""
        demand_no = registration.texts["demand_no"]
        if demand_no:
            bill = biller.intake.find_bill(demand_no)
            return None if bill is None else (bill.number, demand_no)
        identities = {
            name: registration.texts[name] for name in ("nid", "tin", "bin") if registration.texts[name]
        }
        bills = biller.accounts.find_bills(identities)
        return (bills[0].number,) if bills else None

    def _end_of_slip(self, payment_id: str) -> str:
        """Return the last day of a slip, which stays what it was when the slip was first given out."""
        note = self.book.note(_SLIP_ENDS, payment_id)
        if note is not None:
            return note["valid_until"]
        until = wire.day_text(self.clock.today() + timedelta(days=_SLIP_DAYS))
        self.book.record_note(_SLIP_ENDS, payment_id, {"valid_until": until})
        return until

    def _unguessable_number(self, prefix: str, payment_id: str) -> str:
        """Return a number that follows from a paymentid, and that no other party can make."""
        key = blake2b(f"challan/{self.settings.seed}".encode()).digest()
        return prefix + blake2b(f"{prefix}/{payment_id}".encode(), key=key, digest_size=7).hexdigest().upper()


def _json_only(answer: Callable[[Form], Reply]) -> Callable[[Form], Reply]:
    """Return the answer to a call that is a JSON object and no form."""

    def deliver(form: Form) -> Reply:
        if isinstance(form, wire.EncodedForm):
            raise MalformedRequestError("the body is no JSON object")
        return answer(form)

    return deliver


def _treasury_institution(biller: OpenBiller) -> TreasuryInstitution:
    assert isinstance(biller.institution, TreasuryInstitution)
    return biller.institution


def _with_fee_key(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters, those of a passport's fee taken together if they are there."""
    choices = [parameters[name] for name in ("pages", "validity", "delivery") if name in parameters]
    return {**parameters, FEE_KEY: "-".join(choices)} if choices else dict(parameters)


def _registration_refusal(biller: OpenBiller, registration: wire.Registration) -> Reply | None:
    institution, demand_no = _treasury_institution(biller), registration.texts["demand_no"]
    if not institution.takes_any_head and (
        registration.organization_code != institution.organization_code
        or not registration.heads.keys() <= institution.economic_codes
    ):
        return REFUSED
    bill = biller.intake.find_bill(demand_no) if demand_no else None
    return PAID_ALREADY if bill is not None and biller.intake.is_paid(bill) else None


def _confirmation_reply(result: PaymentResult) -> Reply:
    match result:
        case PaymentTaken(payment):
            return success(
                {
                    "challan_no": payment.facts["challan_no"],
                    "paymentid": payment.reference,
                    "paidamount": taka(payment.reported_paisa),
                    "transaction_id": payment.facts["transaction_id"],
                }
            )
        case UnknownBill():
            return UNKNOWN
        case BillPaidAlready():
            return PAID_ALREADY
        case WrongAmount():
            return OTHER_AMOUNT
        case PaymentRefused():
            return REFUSED


def _challan_details(payment: BillerPayment, note: Mapping[str, str]) -> dict[str, object]:
    year, month, day = payment.business_date.split("-")
    paid_on = f"{day}-{month}-{year}"
    return {
        "challan_no": payment.facts["challan_no"],
        "tin": note["tin"],
        "bin": note["bin"],
        "payment_id": payment.reference,
        "paidamount": taka(payment.reported_paisa),
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
