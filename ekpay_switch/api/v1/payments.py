"""Making a payment, looking it up, trying again, cancelling.

The idempotency key is looked up before the body is validated: a repeat gets the first answer for ever, even
where the rules have changed.
"""

from typing import assert_never
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.api.v1 import answers
from ekpay_switch.api.v1.calls import REPLAYED, RestAnswer, RestCall, RestV1
from ekpay_switch.api.v1.messages import CancelMessage, PaymentMessage, TryMessage
from ekpay_switch.api.v1.problems import BASE, FieldError, ProblemCode, ProblemError
from ekpay_switch.api.v1.reading import fingerprint, idempotency_key, read_message, require_json
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.edge_kit.fetch_limits import FetchLimitError
from ekpay_switch.edge_kit.return_urls import return_url_fault
from ekpay_switch.flows.collections.collect import (
    ClientCollectOrder,
    CollectionAnswer,
    CollectRefusal,
    collect,
    try_again,
)
from ekpay_switch.ports.collections import BillTaken, Client, NoNewTry, PaymentView

CREATED, OK, ACCEPTED = 201, 200, 202


async def create(call: RestCall, v1: RestV1) -> RestAnswer:
    """`POST /v1/payments`: 201 with the payment, 200 for a repeat, 202 where the answer is late."""
    reference, mark = f"v1:{idempotency_key(call.request)}", fingerprint(call.request, call.body)
    require_json(call.request)
    known = await v1.world.collections.by_reference(call.client.partner_id, reference)
    if known is not None:
        return await _repeat_answer(known, mark, v1)
    message = read_message(PaymentMessage, call.body)
    why = return_url_fault(message.return_url, call.client.return_hosts)
    if why is not None:
        raise ProblemError(ProblemCode.RETURN_URL_NOT_ALLOWED, [FieldError("/return_url", why)])
    order = ClientCollectOrder(
        client=call.client,
        reference=reference,
        fingerprint=mark,
        ekpay_biller_id=message.biller,
        parameters=message.parameters,
        amount=Money(message.amount, message.currency),
        instrument=message.instrument,
        return_url=message.return_url,
        language=message.payer_language,
    )
    return await _collect_in_time(order, v1)


async def _collect_in_time(order: ClientCollectOrder, v1: RestV1) -> RestAnswer:
    """Collect in a background task, which a disconnecting caller never cancels."""
    try:
        answer = await v1.tasks.run_within(_collect_within_limits(order, v1), v1.answer_seconds)
    except StillRunningError:
        return await _late_answer(order, v1)
    except FetchLimitError as error:
        raise ProblemError(ProblemCode.RATE_LIMITED, detail=error.limit) from None
    except Exception as error:  # noqa: BLE001 - it is raised again where nothing was stored
        return await _answer_after(error, order, v1)
    match answer:
        case CollectionAnswer(view=view, is_repeat=True):
            return await _payment_answer(OK, view, v1, REPLAYED)
        case CollectionAnswer(view=view):
            telemetry.log("v1_payment_made", payment_id=view.payment_id, partner_id=order.client.partner_id)
            return await _payment_answer(CREATED, view, v1)
        case BillTaken(payment_id=other_payment_id):
            name = None if other_payment_id is None else answers.payment_name(other_payment_id)
            raise ProblemError(ProblemCode.BILL_ALREADY_IN_PROGRESS, payment_id=name)
        case CollectRefusal():
            raise _problem_of(answer)
        case _:
            assert_never(answer)


async def _collect_within_limits(
    order: ClientCollectOrder, v1: RestV1
) -> CollectionAnswer | CollectRefusal | BillTaken:
    """Collect while there is a place for one more fetch of this client.

    Raises:
        FetchLimitError: there is none; nothing was asked and nothing stored.
    """
    async with v1.fetches.place_for(order.client.partner_id, order.client.fetches):
        return await collect(order, v1.world)


async def _answer_after(error: Exception, order: ClientCollectOrder, v1: RestV1) -> RestAnswer:
    """After any error the payment may have been stored: then it is the answer, and the jobs go on with it."""
    view = await v1.world.collections.by_reference(order.client.partner_id, order.reference)
    if view is None or view.fingerprint != order.fingerprint:
        raise error
    telemetry.log_error("v1_payment_broke_off", payment_id=view.payment_id, error=error)
    return await _payment_answer(ACCEPTED, view, v1)


async def _late_answer(order: ClientCollectOrder, v1: RestV1) -> RestAnswer:
    """The answer for a slow collect: the payment if it is stored, else `busy`: the same key is safe."""
    view = await v1.world.collections.by_reference(order.client.partner_id, order.reference)
    if view is None:
        raise ProblemError(ProblemCode.BUSY)
    if view.fingerprint != order.fingerprint:
        raise ProblemError(ProblemCode.KEY_REUSED)
    return await _payment_answer(ACCEPTED, view, v1)


async def _repeat_answer(known: PaymentView, mark: bytes, v1: RestV1) -> RestAnswer:
    """The answer to a repeat: the payment that is stored under the key."""
    if known.fingerprint != mark:
        raise ProblemError(ProblemCode.KEY_REUSED)
    return await _payment_answer(OK, known, v1, REPLAYED)


def _problem_of(refusal: CollectRefusal) -> ProblemError:
    """The refusal as a problem; their codes are the same, and a test checks that none is missing."""
    code = ProblemCode(refusal.value)
    if refusal is CollectRefusal.MALFORMED_PARAMETERS:
        return ProblemError(code, [FieldError("/parameters", "not_of_this_biller")])
    return ProblemError(code)


async def look_up(call: RestCall, v1: RestV1) -> RestAnswer:
    """`GET /v1/payments/{id}`: from our books, never by a wire call."""
    return await _payment_answer(OK, await find_payment(call, v1), v1)


async def start_new_try(call: RestCall, v1: RestV1) -> RestAnswer:
    """`POST /v1/payments/{id}/tries`: 201 with the payment and a new page, 202 where the answer is late."""
    payment_id = payment_id_of_path(call)
    require_json(call.request)
    message = read_message(TryMessage, call.body)
    work = try_again(call.client, payment_id, message.instrument, v1.world, message.payer_language)
    try:
        answer = await v1.tasks.run_within(work, v1.answer_seconds)
    except StillRunningError:
        return await _payment_answer(ACCEPTED, await _view(call.client, payment_id, v1), v1)
    match answer:
        case CollectRefusal():
            raise _problem_of(answer)
        case NoNewTry(state=state):
            raise _wrong_state(state, ProblemCode.PAYMENT_NOT_PAYABLE, payment_id)
        case _:
            return await _payment_answer(CREATED, answer, v1)


async def cancel(call: RestCall, v1: RestV1) -> RestAnswer:
    """`POST /v1/payments/{id}/cancel`: 200 with the payment, failed."""
    payment_id = payment_id_of_path(call)
    if call.body:
        require_json(call.request)
        read_message(CancelMessage, call.body)
    work = v1.world.collections.cancel(call.client.partner_id, payment_id)
    try:
        refused = await v1.tasks.run_within(work, v1.answer_seconds)
    except StillRunningError:
        raise ProblemError(ProblemCode.BUSY) from None
    if refused is not None:
        raise _wrong_state(refused.state, ProblemCode.PAYMENT_NOT_CANCELLABLE, payment_id)
    return await _payment_answer(OK, await _view(call.client, payment_id, v1), v1)


def _wrong_state(state: State | None, code: ProblemCode, payment_id: UUID) -> ProblemError:
    if state is None:
        return ProblemError(ProblemCode.NOT_FOUND)
    return ProblemError(code, payment_id=answers.payment_name(payment_id))


def payment_id_of_path(call: RestCall) -> UUID:
    """The payment that the path names.

    Raises:
        RefusedError: it names none, so there is none.
    """
    payment_id = answers.payment_id_of(call.name)
    if payment_id is None:
        raise ProblemError(ProblemCode.NOT_FOUND)
    return payment_id


async def find_payment(call: RestCall, v1: RestV1) -> PaymentView:
    """The payment that the path names; one of another client is answered like an unknown one."""
    return await _view(call.client, payment_id_of_path(call), v1)


async def _view(client: Client, payment_id: UUID, v1: RestV1) -> PaymentView:
    view = await v1.world.collections.view(client.partner_id, payment_id)
    if view is None:
        raise ProblemError(ProblemCode.NOT_FOUND)
    return view


async def _payment_answer(
    status: int, view: PaymentView, v1: RestV1, headers: dict[str, str] | None = None
) -> RestAnswer:
    biller = v1.world.billers.by_id(view.biller_id)
    gives_tokens = biller is not None and biller.profile.gives_tokens
    is_paid = view.state is State.COMPLETED
    tokens = await v1.world.payments.tokens(view.payment_id) if gives_tokens and is_paid else ()
    # A payment keeps its biller, also one that was taken out of the catalogue.
    biller_name = view.biller_id if biller is None else biller.profile.ekpay_id
    if status != OK:
        headers = {"Location": f"{BASE}/payments/{answers.payment_name(view.payment_id)}"}
    content = answers.payment_document(view, biller_name, tokens, _receipt_url(view, v1))
    return RestAnswer(status, content, headers or {})


def _receipt_url(view: PaymentView, v1: RestV1) -> str | None:
    """Where the payer may read and keep the receipt, once there is one."""
    if v1.receipt_path is None or view.state is not State.COMPLETED:
        return None
    return f"{v1.world.public_url}{v1.receipt_path(view.payment_id)}"
