"""The two answers of merchant-api, key by key (ekpay-merchant-api.md 2.1 and 2.2)."""

from datetime import datetime

from ekpay_switch.domain.merchants.merchant import MerchantCode
from ekpay_switch.flows.merchants.merchant_document import ekpay_timestamp

Answer = dict[str, str | None]


def token_answer(token: str, left_seconds: int, now: datetime) -> Answer:
    """The token, and how long it lives."""
    return _answer(token, f"{left_seconds}s", MerchantCode.ISSUED, "Secure token generated successfully", now)


def failure_answer(now: datetime) -> Answer:
    """No token, and no reason on the wire."""
    return _answer(None, None, MerchantCode.FAILURE, "Failure", now)


def _answer(
    token: str | None, life_text: str | None, code: MerchantCode, details: str, now: datetime
) -> Answer:
    """Recorded answers have `ack_tstamp`, ekPay's manual `ack_timestamp`: clients read either."""
    return {
        "secure_token": token,
        "token_exp_time": life_text,
        "msg_code": code.value,
        "msg_det": details,
        "ack_tstamp": ekpay_timestamp(now),
        "ack_timestamp": ekpay_timestamp(now),
    }
