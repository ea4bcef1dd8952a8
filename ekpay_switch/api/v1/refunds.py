"""Giving a paid payment back, whole or in part, and looking at what was given back."""

from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.api.v1 import answers
from ekpay_switch.api.v1.calls import REPLAYED, RestAnswer, RestCall, RestV1
from ekpay_switch.api.v1.documents import RefundsDocument
from ekpay_switch.api.v1.messages import RefundMessage
from ekpay_switch.api.v1.payments import CREATED, OK, find_payment
from ekpay_switch.api.v1.problems import ProblemCode, ProblemError
from ekpay_switch.api.v1.reading import fingerprint, idempotency_key, read_message, require_json
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.ports.collections import PaymentView, RefundOpened
from ekpay_switch.ports.connectors import BY_HAND, RefundRules
from ekpay_switch.security.identifiers import uuid7


async def create_refund(call: RestCall, v1: RestV1) -> RestAnswer:
    """`POST /v1/payments/{id}/refunds`: 201 with the refund, 200 for a repeat."""
    key, mark = idempotency_key(call.request), fingerprint(call.request, call.body)
    require_json(call.request)
    view = await find_payment(call, v1)
    message = read_message(RefundMessage, call.body)
    if message.currency != view.sums.total.currency:
        raise ProblemError(ProblemCode.CURRENCY_MISMATCH)
    new = NewRefund(
        refund_id=uuid7(),
        payment_id=view.payment_id,
        partner_id=call.client.partner_id,
        reference=f"v1-refund:{key}",
        fingerprint=mark,
        amount=Money(message.amount, message.currency),
        reason=message.reason,
        requested_by=f"api:{call.client.partner_id}",
        needs_approval=await _needs_approval(view, message.amount, v1),
        burden=Burden(biller_takes_back=_biller_takes_back(view, v1)),
    )
    rules = _rules(view, v1)
    work = v1.world.refunds.request(new, rules.parts_max, rules.days_max)
    try:
        answer = await v1.tasks.run_within(work, v1.answer_seconds)
    except StillRunningError:
        raise ProblemError(ProblemCode.BUSY) from None
    match answer:
        case RefundOpened(view=refund, is_repeat=is_repeat):
            telemetry.log("v1_refund_asked", payment_id=view.payment_id, refund_id=refund.refund_id)
            status, headers = (OK, REPLAYED) if is_repeat else (CREATED, {})
            return RestAnswer(status, answers.refund_document(refund), headers)
        case RefundRefusal():
            raise ProblemError(_code_of(answer))
        case _:
            assert_never(answer)


async def list_refunds(call: RestCall, v1: RestV1) -> RestAnswer:
    """`GET /v1/payments/{id}/refunds`: all of them, the oldest first."""
    view = await find_payment(call, v1)
    refunds = await v1.world.refunds.of_payment(call.client.partner_id, view.payment_id)
    content: RefundsDocument = {"refunds": [answers.refund_document(line) for line in refunds]}
    return RestAnswer(OK, content)


async def _needs_approval(view: PaymentView, amount: int, v1: RestV1) -> bool:
    """Whether a merchant asks for more than one person may give back; a bill's client is trusted with it."""
    if not is_merchant(view.biller_id):
        return False
    merchant = await v1.world.merchants.by_partner(view.partner_id)
    return merchant is None or amount > merchant.refund_limit.minor


def _biller_takes_back(view: PaymentView, v1: RestV1) -> bool:
    """Whether the bill's payment may be taken back; not where nothing is known of its biller."""
    biller = v1.world.billers.by_id(view.biller_id)
    return biller is not None and biller.profile.takes_back


def _rules(view: PaymentView, v1: RestV1) -> RefundRules:
    connector = v1.world.connectors.by_id(view.connector_id)
    rules = None if connector is None else connector.profile.refunds
    return BY_HAND if rules is None else rules


def _code_of(refusal: RefundRefusal) -> ProblemCode:
    return ProblemCode.NOT_FOUND if refusal is RefundRefusal.UNKNOWN_PAYMENT else ProblemCode(refusal.value)
