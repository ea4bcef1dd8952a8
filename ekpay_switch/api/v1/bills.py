"""Raising the bills of an office, and looking one up."""

from typing import assert_never

from ekpay_switch.api.v1.calls import REPLAYED, RestAnswer, RestCall, RestV1
from ekpay_switch.api.v1.documents import RaisedBillDocument, RaisedBillsDocument
from ekpay_switch.api.v1.messages import BillQuery, ChargeLineMessage, RaisedBillMessage, RaiseMessage
from ekpay_switch.api.v1.payments import CREATED, OK
from ekpay_switch.api.v1.problems import FieldError, ProblemCode, ProblemError
from ekpay_switch.api.v1.reading import ERRORS_MAX, read_message, read_query, require_json
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.scrolls.bill_files import BillStatus
from ekpay_switch.domain.scrolls.bill_notices import NOTICE_PATH, BillNotice, RaisedNotices
from ekpay_switch.edge_kit.background_tasks import StillRunningError
from ekpay_switch.flows.bills.raise_bills import (
    BillsRefused,
    NewBill,
    RaiseOrder,
    RaiseRefusal,
    find_bill,
    raise_bills,
)


async def raise_all(call: RestCall, v1: RestV1) -> RestAnswer:
    """`POST /v1/bills`: 201 with the bills and their notices, 200 for a repeat.

    It needs no idempotency key: the numbers of the bills are theirs.
    """
    require_json(call.request)
    message = read_message(RaiseMessage, call.body)
    today = business_date(v1.world.clock.now())
    bills = [_new_bill(bill, today.isoformat()) for bill in message.bills]
    order = RaiseOrder(call.client.partner_id, message.biller, bills, today)
    try:
        work = raise_bills(order, v1.world.billers, v1.raised_bills)
        answer = await v1.tasks.run_within(work, v1.answer_seconds)
    except StillRunningError:
        raise ProblemError(ProblemCode.BUSY) from None
    match answer:
        case RaisedNotices(notices=notices, is_repeat=is_repeat):
            content: RaisedBillsDocument = {
                "bills": [_document(notice, message.biller, v1) for notice in notices]
            }
            status, headers = (OK, REPLAYED) if is_repeat else (CREATED, {})
            return RestAnswer(status, content, headers)
        case BillsRefused():
            raise _problem_of(answer)
        case RaiseRefusal():
            raise ProblemError(ProblemCode(answer.value))
        case _:
            assert_never(answer)


async def look_up(call: RestCall, v1: RestV1) -> RestAnswer:
    """`GET /v1/bills?biller=…&bill_no=…`: the bill as it stands."""
    query = read_query(BillQuery, call.request)
    answer = await find_bill(
        call.client.partner_id, query.biller, query.bill_no, v1.world.billers, v1.raised_bills
    )
    if answer is None:
        raise ProblemError(ProblemCode.NOT_FOUND)
    if isinstance(answer, RaiseRefusal):
        raise ProblemError(ProblemCode(answer.value))
    return RestAnswer(OK, _document(answer, query.biller, v1))


def _new_bill(message: RaisedBillMessage, issued_on: str) -> NewBill:
    cells = {
        "bill_no": message.bill_no,
        "customer_name": message.customer_name,
        "period": message.period,
        "issued_on": issued_on,
        "due_on": message.due_on,
        "amount": format_taka(message.amount),
        "vat": format_taka(message.vat),
        "late_fee": format_taka(message.late_fee),
        "lines": ";".join(map(_charge, message.lines)),
    }
    return NewBill(cells, message.parameters, message.instalments, message.every_days)


def _charge(line: ChargeLineMessage) -> str:
    return f"{line.label}={format_taka(line.amount)}"


def _document(notice: BillNotice, biller: str, v1: RestV1) -> RaisedBillDocument:
    bill = notice.stored.bill
    status = BillStatus.PAID if notice.stored.is_taken else bill.status
    return {
        "biller": biller,
        "bill_no": bill.bill_key,
        "status": status.value,
        "due_on": bill.due_on.isoformat(),
        "amount": bill.amount.minor,
        "vat": bill.vat.minor,
        "late_fee": bill.late_fee.minor,
        "notice_code": notice.code,
        "notice_url": f"{v1.world.public_url}{NOTICE_PATH}/{notice.code}",
    }


def _problem_of(refused: BillsRefused) -> ProblemError:
    why = "already_there" if refused.are_known else "not_allowed"
    errors = [
        FieldError(f"/bills/{fault.place}/{fault.member}", why) for fault in refused.faults[:ERRORS_MAX]
    ]
    return ProblemError(ProblemCode.BILL_EXISTS if refused.are_known else ProblemCode.BILL_NOT_VALID, errors)
