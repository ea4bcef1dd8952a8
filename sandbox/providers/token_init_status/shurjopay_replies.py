"""shurjoPay's answers: flat JSON, HTTP 200 nearly always, and misspelt members in both spellings.

An order that was not decided in time has no status of its own: it stays initiated and not completed.
"""

from collections.abc import Mapping
from datetime import datetime

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.bearer_tokens import BEARER_SECONDS
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.provider.call_results import Refusal, ReportedOrder
from sandbox.kit.provider.orders import FailedTry, OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.providers.token_init_status.masking import masked

PAY_PATH = "api/secret-pay"
STORE_ID = 1
TAKA = "BDT"

_PAID, _DECLINED, _CANCELLED, _UNKNOWN = "1000", "1001", "1002", "1011"
_STATUSES = {
    OrderState.OPENED: ("1068", "Initiated"),
    OrderState.AGREED: ("1068", "Initiated"),
    OrderState.EXPIRED: ("1065", "Initiated"),
    OrderState.PAID: (_PAID, "Completed"),
    OrderState.DECLINED: (_DECLINED, "Failed"),
    OrderState.CANCELLED: (_CANCELLED, "Cancelled"),
}
_MESSAGES = {_PAID: "Success", _DECLINED: "Declined", _CANCELLED: "Cancelled"}
_CODES = {400: "1062"}


def _error(code: str, message: str, status: int = 200) -> Reply:
    return json_reply({"sp_code": code, "message": message}, code=code, status=status)


def _error_reply(status: int, message: str) -> Reply:
    code = _CODES.get(status)
    return (
        json_reply({"message": message}, code=status, status=status)
        if code is None
        else _error(code, message, status)
    )


ERRORS = Errors(_error_reply)
WRONG_LOGIN = _error("1064", "Please check your credentials")
NOT_ACCEPTED = _error("1010", "Currency or amount not taken")
UNKNOWN_STORE = _error("2008", "Merchant inactive")
_USED_BEFORE = _error("4444", "The order_id was used before")


def token_reply(provider: Provider, origin: str, token: str, now: datetime) -> Reply:
    """Give out a token, and say where the caller finds the call that opens payments.

    That is the address by which the caller found us, which need not be the one that we listen at.
    """
    at = f"{now.astimezone(DHAKA):%Y-%m-%d %I:%M:%S%p}".lower()
    return json_reply(
        {
            "token": token,
            "store_id": STORE_ID,
            "execute_url": f"{origin}/{provider.institution.id}/{PAY_PATH}",
            "token_type": "Bearer",
            "sp_code": "200",
            "message": "Ok",
            "TokenCreateTime": at,
            "token_create_time": at,
            "expires_in": BEARER_SECONDS,
        }
    )


def opened_reply(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    """Say where the page of a new order is; a page has no code."""
    if isinstance(order, Refusal):
        return _USED_BEFORE if order is Refusal.DUPLICATE else UNKNOWN_STORE
    report = (
        "customer_name",
        "customer_address",
        "customer_phone",
        "customer_city",
        "customer_email",
        "client_ip",
    )
    return json_reply(
        {
            "checkout_url": provider.page_url(order),
            "amount": taka(order.amount_paisa),
            "currency": order.currency,
            "sp_order_id": order.provider_reference,
            "customer_order_id": order.reference,
            **{name: order.facts[name] for name in report},
            "intent": "sale",
            "transactionStatus": "Initiated",
        }
    )


def status_reply(report: ReportedOrder | Refusal) -> Reply:
    """Say what has become of an order, in a list: the last try of its payer first."""
    if isinstance(report, Refusal):
        return json_reply([{"sp_code": _UNKNOWN, "message": "Invalid Order Id"}], code=_UNKNOWN)
    code, word = _STATUSES[report.state]
    order = report.order
    lines = [_line(report, code, word, order.transaction_id, order.decided_at or order.created_at)]
    lines += [_failed_try(report, failed_try) for failed_try in reversed(order.tries)]
    return json_reply(lines, code=code)


def _failed_try(report: ReportedOrder, failed_try: FailedTry) -> Mapping[str, object]:
    code, word = _STATUSES[OrderState.DECLINED]
    return _line(report, code, word, failed_try.transaction_id, failed_try.at)


def _line(report: ReportedOrder, code: str, word: str, transaction_id: str, at: str) -> Mapping[str, object]:
    order, facts, message = report.order, report.order.facts, _MESSAGES.get(code, "Initiated")
    return {
        "id": 1,
        "order_id": order.provider_reference,
        "currency": report.currency,
        **_amounts(taka(report.amount_paisa)),
        "is_verify": 1,
        "card_holder_name": None,
        "card_number": masked(order.payer) or None,
        "phone_no": facts["customer_phone"],
        "bank_trx_id": transaction_id or None,
        "invoice_no": order.provider_reference,
        "bank_status": message if code == _PAID else None,
        "customer_order_id": order.reference,
        "sp_code": code,
        "sp_message": message,
        "sp_massage": message,
        "name": facts["customer_name"],
        "email": facts["customer_email"],
        "address": facts["customer_address"],
        "city": facts["customer_city"],
        **{name: facts[name] or None for name in ("value1", "value2", "value3", "value4")},
        "transaction_status": word,
        "method": "Card",
        "date_time": f"{datetime.fromisoformat(at).astimezone(DHAKA):%Y-%m-%d %H:%M:%S}",
    }


def _amounts(amount: str) -> Mapping[str, object]:
    return {
        "amount": amount,
        "payable_amount": amount,
        "discsount_amount": 0,
        "discount_amount": 0,
        "disc_percent": 0,
        "recived_amount": amount,
        "received_amount": amount,
        "usd_amt": 0,
        "usd_rate": 0,
    }
