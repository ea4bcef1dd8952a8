"""What this switch does with each of its five calls.

Refusals and faults are answers, never exceptions; only a body that cannot be opened raises
`MalformedRequestError`. What is refused with a code from 1003 on burns the partner's reference.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

from typing_extensions import override

from sandbox.billers.upstream import replies, wire
from sandbox.billers.upstream.admin_api import UpstreamAdminApi
from sandbox.billers.upstream.envelope import MESSAGE, open_body, seal_answer
from sandbox.billers.upstream.fetches import BillFetch, BillFetches, new_ack
from sandbox.billers.upstream.institutions import BILLER_ID, FAMILY, INSTITUTIONS
from sandbox.billers.upstream.prefund import FEE, PartnerPrefund
from sandbox.billers.upstream.replies import ERRORS
from sandbox.billers.upstream.settings import PartnerSettings
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
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import PaymentOrder
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import Clock, dhaka_day
from sandbox.kit.institution.far_side import Call
from sandbox.kit.institution.replies import LOST, Errors, Reply, json_reply, text_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field

MessageHandler = Callable[[wire.MessageHead, wire.Block], Reply]

_CODES: Mapping[type[PaymentResult], str] = {
    UnknownBill: replies.UNKNOWN_BILL,
    BillPaidAlready: replies.PAID_ALREADY,
    WrongAmount: replies.OTHER_AMOUNT,
    PaymentRefused: replies.REFUSED,
}


class UpstreamFamily(BillerFamily):
    """The switch, and every institution behind it."""

    name: ClassVar[str] = "UPSTREAM"
    base_path: ClassVar[str] = "/syndicate/api"
    errors: ClassVar[Errors] = ERRORS
    family: ClassVar[str] = FAMILY
    institutions: ClassVar[tuple[BillerInstitution, ...]] = INSTITUTIONS
    is_login_shared: ClassVar[bool] = True

    def __init__(self, settings: BillerSettings, clock: Clock) -> None:
        """Open the book and reckon what is left of the prefund; errors as for every family."""
        self.partner = PartnerSettings()
        self._secret = self.partner.secret.get_secret_value()
        super().__init__(settings, clock)
        self.prefund = PartnerPrefund(self.book, self.partner.prefund_paisa, self.billers)
        self._fetches = BillFetches(self.book)
        self._by_biller_id = {
            biller.institution.family_data[BILLER_ID]: biller for biller in self.billers.values()
        }

    @classmethod
    @override
    def settings_for_switch(cls, origin: str, password: str) -> dict[str, str]:
        return {
            "EKPAY_UPSTREAM_URL": f"{origin}{cls.base_path}",
            "EKPAY_UPSTREAM_PASSWORD": password,
            "EKPAY_UPSTREAM_SECRET": PartnerSettings().secret.get_secret_value(),
        }

    @override
    def institution_calls(self, biller: OpenBiller) -> Mapping[str, Call]:
        return {}

    @override
    def shared_calls(self) -> Mapping[str, Call]:
        answering: dict[str, tuple[str, MessageHandler]] = {
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
        return open_body(body, self._secret)

    @override
    def admin_api(self) -> UpstreamAdminApi:
        return UpstreamAdminApi(self, self.prefund)

    # ---- the calls ---------------------------------------------------------------------------------------

    def get_token(self, form: Form) -> Reply:
        """Give out a bearer: six members exactly, or HTTP 401 with two."""
        token = self.login(text_field(form, "user_id"), text_field(form, "pass_key"))
        if token is None:
            return replies.LOGIN_REFUSED
        grant = {
            "security_token": token,
            "token_exp_time": f"{BEARER_SECONDS}s",
            "token_type": "Bearer",
            "resp_cd": replies.SUCCESS,
            "resp_msg": replies.MESSAGES[replies.SUCCESS],
            "ack_timestamp": wire.instant(self.clock.now()),
        }
        return json_reply(grant, code=replies.SUCCESS)

    def fetch(self, head: wire.MessageHead, message: wire.Block) -> Reply:
        """Report the oldest unpaid bill that is named, and store the answer under a new `refno_ack`."""
        request = wire.read_bill_block(message)
        biller = self._by_biller_id.get(request["bllr_id"])
        if biller is None:
            return self._sealed_reply(head, replies.UNKNOWN_BILLER)
        texts = wire.read_parameters(request, biller.institution)
        result = biller.intake.find_unpaid_bills(texts)
        if isinstance(result, UnknownBill):
            return self._sealed_reply(head, replies.UNKNOWN_BILL)
        bill = (
            biller.accounts.find_bills(texts)[0] if isinstance(result, BillPaidAlready) else result.bills[0]
        )
        if biller.intake.is_connection_cut(bill.bill_number, bill.number):
            return LOST
        day, fee = self.clock.today(), self.partner.fee_paisa
        block = wire.bill_block(bill, biller.institution, day, fee) | {"bll_typ": request["bll_typ"]}
        if isinstance(result, BillPaidAlready):
            block["is_bll_pd"] = "Y"
        elif len(result.bills) > 1:
            block["bll_cnt"] = str(len(result.bills))
        fetch = BillFetch(
            refno_ack=new_ack(),
            ref_id=head.ref_id,
            trx_id=head.trx_id,
            institution_id=biller.institution.id,
            bill_number=bill.bill_number,
            number=bill.number,
            total_paisa=str(bill.total_on(day)),
            fee_paisa=str(fee),
            fetched_on=day.isoformat(),
        )
        self._fetches.keep(fetch)
        return self._sealed_reply(head, replies.SUCCESS, {"bllr_inf": block}, fetch.refno_ack)

    def pay(self, head: wire.MessageHead, message: wire.Block) -> Reply:
        """Take a payment once; a repeat with the same content gets its result."""
        paid = wire.read_payment(message)
        known = self._payment_under(paid.reference)
        if known is not None:
            if known.facts["content"] != paid.content:
                return self._sealed_reply(head, replies.OTHER_CONTENT)
            return self._pay(head, paid, self.billers[known.institution_id], known.number, known.bill_number)
        burnt = self._fetches.refusal(paid.reference)
        if burnt is not None:
            return self._sealed_reply(head, burnt[1] if burnt[0] == paid.content else replies.OTHER_CONTENT)
        fetch = self._fetch_paid(head, paid)
        code = self._refusal(paid, fetch)
        if code or fetch is None:
            return self._refuse_and_burn(head, paid, code)
        return self._pay(head, paid, self.billers[fetch.institution_id], fetch.number, fetch.bill_number)

    def status(self, head: wire.MessageHead, message: wire.Block) -> Reply:
        """Report the state of the bill that was fetched under this `ref_id`."""
        biller = self._by_biller_id.get(wire.read_bill_block(message)["bllr_id"])
        fetch = self._fetches.by_ref_id(head.ref_id)
        if biller is None:
            return self._sealed_reply(head, replies.UNKNOWN_BILLER)
        if fetch is None or fetch.institution_id != biller.institution.id:
            return self._sealed_reply(head, replies.UNKNOWN_BILL)
        if biller.intake.is_connection_cut(fetch.bill_number, fetch.number):
            return LOST
        bill = biller.intake.find_bill(fetch.bill_number)
        is_paid = bill is not None and biller.intake.is_paid(bill)
        payer = self._fetches.payer_of(fetch.institution_id, fetch.bill_number)
        payment = self._payment_under(fetch.reference) or self._payment_under(payer)
        answer: wire.Block = {
            "bllr_inf": {
                "bllr_id": biller.institution.family_data[BILLER_ID],
                "is_bll_pd": "Y" if is_paid else "N",
            }
        }
        if payment is not None:
            answer["bllr_inf"]["rcpt_no"] = payment.receipt
            return self._sealed_reply(
                head, replies.SUCCESS, answer | {"pyd_inf": wire.payment_block(payment)}
            )
        burnt = self._fetches.refusal(fetch.reference)
        if burnt is not None:
            answer["bllr_inf"]["is_bll_pd"] = "N"
        return self._sealed_reply(head, burnt[1] if burnt else replies.SUCCESS, answer)

    def balance(self, head: wire.MessageHead, message: wire.Block) -> Reply:
        """Report what is left of the prefund; there is no prepaid bucket here."""
        if message["trx"].get("refno_ack") != head.trx_id:
            raise wire.MalformedMessageError("refno_ack")
        balances = {"bckt_blnc": taka(self.prefund.left_paisa), "prepaid_blnc": taka(0)}
        return self._sealed_reply(head, replies.SUCCESS, {"bckt_blnc_inf": balances})

    # ---- their parts -------------------------------------------------------------------------------------

    def _read(self, name: str, answer: MessageHandler, form: Form) -> Reply:
        """Answer a message once it was sealed, is whole, and is this partner's own."""
        if MESSAGE not in form:
            raise MalformedRequestError("the body is not sealed")
        message, head = form[MESSAGE], None
        try:
            head = wire.read_head(message, name)
            if (head.nd_id, head.syndct_id) != (self.partner.nd_id, self.partner.syndct_id):
                return self._sealed_reply(head, replies.NOT_ALLOWED)
            assert isinstance(message, dict)
            return answer(head, message)
        except wire.MalformedMessageError:
            return self._sealed_reply(head, replies.MALFORMED)

    def _sealed_reply(
        self, head: wire.MessageHead | None, code: str, more: wire.Block | None = None, refno_ack: str = ""
    ) -> Reply:
        """Return a sealed answer under HTTP 200, whatever it says."""
        answer = wire.answer_message(head, code, replies.MESSAGES[code], self.clock.now()) | (more or {})
        if refno_ack:
            answer["resp_status"] |= {"refno_ack": refno_ack}
        return text_reply("text/plain", seal_answer(answer, self._secret))._replace(code=code)

    def _payment_under(self, reference: str) -> BillerPayment | None:
        """Return what was taken under a reference, at whichever institution."""
        payments = (biller.intake.status(reference) for biller in self.billers.values())
        return next((payment for payment in payments if payment is not None), None)

    def _fetch_paid(self, head: wire.MessageHead, paid: wire.PaymentMessage) -> BillFetch | None:
        """Return the fetch to be paid, marked as tried; None if `refno_ack` and `ref_id` disagree."""
        fetch = self._fetches.by_ack(paid.refno_ack)
        if fetch is None or fetch.ref_id != head.ref_id:
            return None
        if fetch.trx_id == head.trx_id:
            raise wire.MalformedMessageError("trx_id")
        self._fetches.tried(fetch, paid.reference)
        return fetch

    def _refusal(self, paid: wire.PaymentMessage, fetch: BillFetch | None) -> str:
        """Return why a first payment cannot be that of its fetch, or empty."""
        today = dhaka_day(self.clock.now()).isoformat()
        if fetch is None or fetch.fetched_on != today:
            return replies.FETCH_EXPIRED
        biller, total, fee = self.billers[fetch.institution_id], int(fetch.total_paisa), int(fetch.fee_paisa)
        echoed = (paid.biller_id, paid.total_paisa, paid.fee_paisa)
        is_echo = echoed == (biller.institution.family_data[BILLER_ID], total, fee)
        if not is_echo or paid.amount_paisa not in {total, total + fee}:
            return replies.OTHER_AMOUNT
        if self.book.is_paid(fetch.institution_id, fetch.bill_number):
            return replies.BILL_PAID_ELSEWHERE
        return "" if self.prefund.covers(total + fee) else replies.PREFUND_TOO_LOW

    def _pay(
        self,
        head: wire.MessageHead,
        paid: wire.PaymentMessage,
        biller: OpenBiller,
        number: str,
        bill_number: str,
    ) -> Reply:
        facts = {
            "content": paid.content,
            "refno_ack": paid.refno_ack,
            "channel": wire.MODE,
            "collector_reference": head.trx_id,
            FEE: str(paid.fee_paisa),
        }
        order = PaymentOrder(paid.reference, paid.total_paisa, number, bill_number, facts=facts)
        result = biller.intake.pay(order)
        if isinstance(result, PaymentTaken):
            if not result.is_repeat:
                self._fetches.take(result.payment.reference, biller.institution.id, bill_number)
                self.prefund.debit(result.payment)
            return self.deliver(result.fault, self._payment_reply(head, result.payment, biller.institution))
        if result.fault is not None:
            return self.deliver(result.fault, LOST)
        return self._refuse_and_burn(head, paid, _CODES[type(result)])

    def _payment_reply(
        self, head: wire.MessageHead, payment: BillerPayment, institution: BillerInstitution
    ) -> Reply:
        block = {
            "bllr_id": institution.family_data[BILLER_ID],
            "bll_no": payment.bill_number,
            "bllr_accno": payment.number,
            "bll_amnt_ttl": taka(payment.reported_paisa),
            "ekpay_fee": taka(int(payment.facts[FEE])),
            "is_bll_pd": "Y",
            "rcpt_no": payment.receipt,
        }
        return self._sealed_reply(head, replies.SUCCESS, {"bllr_inf": block}, payment.facts["refno_ack"])

    def _refuse_and_burn(self, head: wire.MessageHead, paid: wire.PaymentMessage, code: str) -> Reply:
        self._fetches.refuse(paid.reference, paid.content, code)
        return self._sealed_reply(head, code, refno_ack=paid.refno_ack)
