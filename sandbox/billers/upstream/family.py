"""What this switch does with each of its five calls.

Refusals and faults are answers, never exceptions; only a body that cannot be opened raises
`MalformedRequestError`. What is refused with a code from 1003 on burns the partner's reference.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.upstream import replies, wire
from sandbox.billers.upstream.admin_api import UpstreamDesk
from sandbox.billers.upstream.envelope import MESSAGE, opened, sealed
from sandbox.billers.upstream.fetches import Fetch, Fetches, new_ack
from sandbox.billers.upstream.institutions import BILLER_ID, FAMILY, HOUSES
from sandbox.billers.upstream.prefund import FEE, Prefund
from sandbox.billers.upstream.replies import ERRORS
from sandbox.billers.upstream.settings import PartnerSettings
from sandbox.kit.biller.book import Payment
from sandbox.kit.biller.call_results import OtherAmount, PaidAlready, Refused, Taken, Unknown, Verdict
from sandbox.kit.biller.family import Counter, CounterFarSide
from sandbox.kit.biller.institution import House
from sandbox.kit.biller.settings import CounterSettings
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.biller.till import Order
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock, dhaka_day
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply, json_reply, text_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

Answering = Callable[[wire.Head, wire.Block], Reply]

_CODES: Mapping[type[Verdict], str] = {
    Unknown: replies.UNKNOWN_BILL,
    PaidAlready: replies.PAID_ALREADY,
    OtherAmount: replies.OTHER_AMOUNT,
    Refused: replies.REFUSED,
}


class Institution(CounterFarSide):
    """The switch, and every house behind it."""

    name: ClassVar[str] = "UPSTREAM"
    base_path: ClassVar[str] = "/syndicate/api"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    houses: ClassVar[tuple[House, ...]] = HOUSES
    is_login_shared: ClassVar[bool] = True

    def __init__(self, settings: CounterSettings, clock: Clock) -> None:
        """Open the book and reckon what is left of the prefund; errors as for every family."""
        self.partner = PartnerSettings()
        self._secret = self.partner.secret.get_secret_value()
        super().__init__(settings, clock)
        self.prefund = Prefund(self.book, self.partner.prefund_paisa, self.counters)
        self._fetches = Fetches(self.book)
        self._by_biller_id = {one.house.extra[BILLER_ID]: one for one in self.counters.values()}

    @classmethod
    @override
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        return {
            "EKPAY_UPSTREAM_URL": f"{origin}{cls.base_path}",
            "EKPAY_UPSTREAM_PASSWORD": password,
            "EKPAY_UPSTREAM_SECRET": PartnerSettings().secret.get_secret_value(),
        }

    @override
    def house_calls(self, counter: Counter) -> Mapping[str, Call]:
        return {}

    @override
    def shared_calls(self) -> Mapping[str, Call]:
        answering: dict[str, tuple[str, Answering]] = {
            "fetch-bill": ("FETCH_BLL_REQ", self.fetch),
            "update-billPayment": ("UPDT_BLL_PYMNT_REQ", self.pay),
            "check-bill-status": ("CHCK_BLL_STTS_REQ", self.status),
            "check-bbalance": ("CHCK_BKT_BLNC_REQ", self.balance),
        }
        calls = {
            path: Call(path, partial(self._read, name, answer)) for path, (name, answer) in answering.items()
        }
        return {"get-token": Call("get-token", self.get_token, needs_login=False), **calls}

    @override
    def read(self, body: bytes) -> Form:
        return opened(body, self._secret)

    @override
    def desk(self) -> UpstreamDesk:
        return UpstreamDesk(self)

    # ---- the calls ---------------------------------------------------------------------------------------

    def get_token(self, form: Form) -> Reply:
        """Give out a bearer: six members exactly, or HTTP 401 with two."""
        token = self.login(text_field(form, "user_id"), text_field(form, "pass_key"))
        if token is None:
            return replies.LOGIN_REFUSED
        told = {
            "security_token": token,
            "token_exp_time": f"{BEARER_SECONDS}s",
            "token_type": "Bearer",
            "resp_cd": replies.DONE,
            "resp_msg": replies.MESSAGES[replies.DONE],
            "ack_timestamp": wire.instant(self.clock.now()),
        }
        return json_reply(told, code=replies.DONE)

    def fetch(self, head: wire.Head, message: wire.Block) -> Reply:
        """Tell the oldest unpaid bill that is named, and remember what was told under a new `refno_ack`."""
        asked = wire.asked_bill(message)
        counter = self._by_biller_id.get(asked["bllr_id"])
        if counter is None:
            return self._said(head, replies.UNKNOWN_BILLER)
        texts = wire.parameters(asked, counter.house)
        found = counter.till.look_up(texts)
        if isinstance(found, Unknown):
            return self._said(head, replies.UNKNOWN_BILL)
        bill = counter.world.named(texts)[0] if isinstance(found, PaidAlready) else found.bills[0]
        if counter.till.is_cut_off(bill.bill_number, bill.number):
            return LOST
        day, fee = self.clock.today(), self.partner.fee_paisa
        told = wire.bill_told(bill, counter.house, day, fee) | {"bll_typ": asked["bll_typ"]}
        if isinstance(found, PaidAlready):
            told["is_bll_pd"] = "Y"
        elif len(found.bills) > 1:
            told["bll_cnt"] = str(len(found.bills))
        ids = (new_ack(), head.ref_id, head.trx_id, counter.house.id, bill.bill_number, bill.number)
        kept = Fetch(*ids, str(bill.total_on(day)), str(fee), dhaka_day(self.clock.now()).isoformat())
        self._fetches.keep(kept)
        return self._said(head, replies.DONE, {"bllr_inf": told}, kept.refno_ack)

    def pay(self, head: wire.Head, message: wire.Block) -> Reply:
        """Take a payment once; the same reference with the same content is told what became of it."""
        paid = wire.payment(message)
        known = self._known(paid.reference)
        if known is not None:
            if known.facts["content"] != paid.content:
                return self._said(head, replies.OTHER_CONTENT)
            return self._pay(head, paid, self.counters[known.house], known.number, known.bill_number)
        burnt = self._fetches.refusal(paid.reference)
        if burnt is not None:
            return self._said(head, burnt[1] if burnt[0] == paid.content else replies.OTHER_CONTENT)
        fetch = self._fetch_paid(head, paid)
        code = self._refusal(paid, fetch)
        if code or fetch is None:
            return self._burnt(head, paid, code)
        return self._pay(head, paid, self.counters[fetch.house], fetch.number, fetch.bill_number)

    def status(self, head: wire.Head, message: wire.Block) -> Reply:
        """Tell what became of the bill that was fetched under this `ref_id`."""
        counter = self._by_biller_id.get(wire.asked_bill(message)["bllr_id"])
        fetch = self._fetches.by_ref_id(head.ref_id)
        if counter is None:
            return self._said(head, replies.UNKNOWN_BILLER)
        if fetch is None or fetch.house != counter.house.id:
            return self._said(head, replies.UNKNOWN_BILL)
        if counter.till.is_cut_off(fetch.bill_number, fetch.number):
            return LOST
        bill = counter.till.find(fetch.bill_number)
        is_paid = bill is not None and counter.till.is_paid(bill)
        payer = self._fetches.payer_of(fetch.house, fetch.bill_number)
        payment = self._known(fetch.reference) or self._known(payer)
        told: wire.Block = {
            "bllr_inf": {"bllr_id": counter.house.extra[BILLER_ID], "is_bll_pd": "Y" if is_paid else "N"}
        }
        if payment is not None:
            told["bllr_inf"]["rcpt_no"] = payment.receipt
            return self._said(head, replies.DONE, told | {"pyd_inf": wire.paid_told(payment)})
        burnt = self._fetches.refusal(fetch.reference)
        if burnt is not None:
            told["bllr_inf"]["is_bll_pd"] = "N"
        return self._said(head, burnt[1] if burnt else replies.DONE, told)

    def balance(self, head: wire.Head, message: wire.Block) -> Reply:
        """Tell what is left of the prefund; there is no prepaid bucket here."""
        if message["trx"].get("refno_ack") != head.trx_id:
            raise wire.MalformedMessageError("refno_ack")
        left = {"bckt_blnc": taka(self.prefund.left_paisa), "prepaid_blnc": taka(0)}
        return self._said(head, replies.DONE, {"bckt_blnc_inf": left})

    # ---- their parts -------------------------------------------------------------------------------------

    def _read(self, name: str, answer: Answering, form: Form) -> Reply:
        """Answer a message once it was sealed, is whole, and is this partner's own."""
        if MESSAGE not in form:
            raise MalformedRequestError("the body is not sealed")
        message, head = form[MESSAGE], None
        try:
            head = wire.head_of(message, name)
            if (head.nd_id, head.syndct_id) != (self.partner.nd_id, self.partner.syndct_id):
                return self._said(head, replies.NOT_ALLOWED)
            assert isinstance(message, dict)
            return answer(head, message)
        except wire.MalformedMessageError:
            return self._said(head, replies.MALFORMED)

    def _said(
        self, head: wire.Head | None, code: str, more: wire.Block | None = None, refno_ack: str = ""
    ) -> Reply:
        """Return a sealed answer under HTTP 200, whatever it says."""
        told = wire.answer(head, code, replies.MESSAGES[code], self.clock.now()) | (more or {})
        if refno_ack:
            told["resp_status"] |= {"refno_ack": refno_ack}
        return text_reply("text/plain", sealed(told, self._secret))._replace(code=code)

    def _known(self, reference: str) -> Payment | None:
        """Return what was taken under a reference, at whichever house."""
        taken = (counter.till.status(reference) for counter in self.counters.values())
        return next((payment for payment in taken if payment is not None), None)

    def _fetch_paid(self, head: wire.Head, paid: wire.Paid) -> Fetch | None:
        """Return the fetch to be paid, now tried, or None if `refno_ack` and `ref_id` are of two."""
        fetch = self._fetches.by_ack(paid.refno_ack)
        if fetch is None or fetch.ref_id != head.ref_id:
            return None
        if fetch.trx_id == head.trx_id:
            raise wire.MalformedMessageError("trx_id")
        self._fetches.tried(fetch, paid.reference)
        return fetch

    def _refusal(self, paid: wire.Paid, fetch: Fetch | None) -> str:
        """Return why a first payment cannot be that of its fetch, or empty."""
        today = dhaka_day(self.clock.now()).isoformat()
        if fetch is None or fetch.fetched_on != today:
            return replies.FETCH_EXPIRED
        counter, total, fee = self.counters[fetch.house], int(fetch.total_paisa), int(fetch.fee_paisa)
        echoed = (paid.biller_id, paid.total_paisa, paid.fee_paisa)
        is_echo = echoed == (counter.house.extra[BILLER_ID], total, fee)
        if not is_echo or paid.amount_paisa not in {total, total + fee}:
            return replies.OTHER_AMOUNT
        if self.book.is_paid(fetch.house, fetch.bill_number):
            return replies.BILL_TAKEN
        return "" if self.prefund.holds(total + fee) else replies.PREFUND_TOO_LOW

    def _pay(
        self, head: wire.Head, paid: wire.Paid, counter: Counter, number: str, bill_number: str
    ) -> Reply:
        facts = {
            "content": paid.content,
            "refno_ack": paid.refno_ack,
            "channel": wire.MODE,
            "collector_reference": head.trx_id,
            FEE: str(paid.fee_paisa),
        }
        order = Order(paid.reference, paid.total_paisa, number, bill_number, facts=facts)
        verdict = counter.till.pay(order)
        if isinstance(verdict, Taken):
            if not verdict.is_repeat:
                self._fetches.take(verdict.payment.reference, counter.house.id, bill_number)
                self.prefund.lower(verdict.payment)
            return self.answered(verdict.how, self._taken(head, verdict.payment, counter.house))
        if verdict.how is not None:
            return self.answered(verdict.how, LOST)
        return self._burnt(head, paid, _CODES[type(verdict)])

    def _taken(self, head: wire.Head, payment: Payment, house: House) -> Reply:
        told = {
            "bllr_id": house.extra[BILLER_ID],
            "bll_no": payment.bill_number,
            "bllr_accno": payment.number,
            "bll_amnt_ttl": taka(payment.told_paisa),
            "ekpay_fee": taka(int(payment.facts[FEE])),
            "is_bll_pd": "Y",
            "rcpt_no": payment.receipt,
        }
        return self._said(head, replies.DONE, {"bllr_inf": told}, payment.facts["refno_ack"])

    def _burnt(self, head: wire.Head, paid: wire.Paid, code: str) -> Reply:
        self._fetches.refuse(paid.reference, paid.content, code)
        return self._said(head, code, refno_ack=paid.refno_ack)
