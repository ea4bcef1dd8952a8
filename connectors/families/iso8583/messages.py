"""Writing the messages of a host link and reading a host's answers (docs/protocols/iso8583-host-link.md).

A request's bytes follow from its row alone, so that every process writes the same request, and the same
reversal a day later. An answer counts only where all fields to be echoed are equal; amount, currency and our
reference are read as they came, since the core compares them.
"""

import re
from collections.abc import Mapping
from datetime import date, timedelta

from connectors.families.iso8583.codec import MTI
from connectors.families.iso8583.settings import LinkSettings
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.host_messages import HostMessage, NewHostMessage, Trace
from ekpay_switch.domain.money import BDT, Money
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

NETWORK, NETWORK_ANSWER = "0800", "0810"
REQUEST, REQUEST_ANSWER = "0200", "0210"
REVERSAL, REVERSAL_REPEAT, REVERSAL_ANSWER = "0420", "0421", "0430"
SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
CODE, STAN, RRN = "39", "11", "37"
APPROVED = "00"
_OUTCOME_UNKNOWN = "68"
_TAKA = "050"
_ACQUIRER_DIGITS = 11
# The fields that an answer must echo; the answer to a reversal may leave some of them out.
_ECHOED = ("3", "7", "11", "12", "13", "32", "37", "41", "42")
_REVERSAL_IDS = ("11", "37")
_NO_FORWARDING_INSTITUTION = "0" * 11
_REVERSAL_ECHOED = ("2", "3", "4", "7", "12", "13", "32", "41", "42", "49", "90", "102")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_MONTH_AND_DAY = re.compile(r"(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])", re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_HALF_A_YEAR = timedelta(days=183)

Fields = Mapping[str, str]


def rrn_of(trace: Trace) -> str:
    """The RRN of a request: YDDDhh of the Dhaka time, then the STAN."""
    local = in_dhaka(trace.at)
    return f"{local.year % 10}{local:%j%H}{_stan(trace)}"


def network_message(trace: Trace, purpose: str) -> dict[str, str]:
    """The 0800 of a sign-on, sign-off or echo."""
    return {MTI: NETWORK, "7": _utc(trace), STAN: _stan(trace), "70": purpose}


def request_message(request: NewHostMessage, settings: LinkSettings) -> dict[str, str]:
    """The 0200 of a request."""
    return {
        **_common_fields(request, settings),
        MTI: REQUEST,
        STAN: _stan(request.trace),
        "18": settings.merchant_type,
        "48": request.key.reference,
    }


def reversal_message(message: HostMessage, settings: LinkSettings, *, is_repeat: bool) -> dict[str, str]:
    """The 0420 of a request that is being reversed, or the 0421 that repeats it."""
    request, reversal = message.new, message.reversal
    assert reversal is not None, "the caller looked"
    acquirer = request.acquirer.rjust(_ACQUIRER_DIGITS, "0")
    return {
        **_common_fields(request, settings),
        MTI: REVERSAL_REPEAT if is_repeat else REVERSAL,
        STAN: _stan(reversal.trace),
        CODE: _OUTCOME_UNKNOWN,
        "90": f"{REQUEST}{_stan(request.trace)}{_utc(request.trace)}{acquirer}{_NO_FORWARDING_INSTITUTION}",
    }


def require_network_answer(answer: Fields, request: Fields) -> None:
    """Raise BrokenReplyError where an answer is not to this network management message."""
    _require_same(answer, {**request, MTI: NETWORK_ANSWER}, (MTI, "7", STAN, "70"))


def require_answer(answer: Fields, request: NewHostMessage, settings: LinkSettings) -> None:
    """Raise BrokenReplyError where an answer is not to this request."""
    expected = {**request_message(request, settings), MTI: REQUEST_ANSWER}
    _require_same(answer, expected, (MTI, *_ECHOED, settings.alias_field))
    _require_code(answer)
    if not all(_DIGITS.fullmatch(answer.get(name, "")) for name in ("4", "49")):
        raise BrokenReplyError("no amount")


def require_reversal_answer(answer: Fields, message: HostMessage, settings: LinkSettings) -> None:
    """Raise BrokenReplyError where an answer is not to the reversal of this request."""
    expected = {**reversal_message(message, settings, is_repeat=False), MTI: REVERSAL_ANSWER}
    echoed = (name for name in _REVERSAL_ECHOED if name in answer)
    _require_same(answer, expected, (MTI, *_REVERSAL_IDS, *echoed))
    _require_code(answer)


def evidence_fields(answer: Fields, settings: LinkSettings) -> dict[str, str]:
    """The fields of an answer to keep as evidence: all but the alias, in any of its fields."""
    hidden = {"2", "102", settings.alias_field}
    return {name: text for name, text in answer.items() if name not in hidden and _PRINTABLE.fullmatch(text)}


def collected_of(message: HostMessage) -> Collected:
    """The collected money as an approving answer states it."""
    request, reply = message.new, message.reply
    assert reply is not None, "the caller looked"
    fields, local = reply.fields, in_dhaka(request.trace.at).date()
    return Collected(
        reference=fields.get("48", ""),
        amount=Money(int(fields["4"]), BDT if fields["49"] == _TAKA else fields["49"]),
        provider_transaction=f"{request.acquirer}-{local:%Y%m%d}-{request.rrn}",
        facts={
            "settlement_date": settlement_date(fields.get("15", ""), local),
            "approval_code": fields.get("38", "").strip(),
            "stan": _stan(request.trace),
            "rrn": request.rrn,
        },
    )


def settlement_date(month_and_day: str, near: date) -> str:
    """A host's MMDD as the date nearest to `near`, ISO 8601; empty where it is malformed."""
    match = _MONTH_AND_DAY.fullmatch(month_and_day)
    days = (_day_of(near.year + shift, match) for shift in (-1, 0, 1)) if match else ()
    return next((day.isoformat() for day in days if day and abs(day - near) < _HALF_A_YEAR), "")


def _day_of(year: int, match: re.Match[str]) -> date | None:
    try:
        return date(year, int(match[1]), int(match[2]))
    except ValueError:
        return None


def _common_fields(request: NewHostMessage, settings: LinkSettings) -> dict[str, str]:
    """The fields that a request and its reversal share."""
    local = in_dhaka(request.trace.at)
    return {
        settings.alias_field: request.alias,
        "3": settings.processing_code,
        "4": f"{request.amount.minor:012d}",
        "7": _utc(request.trace),
        "12": f"{local:%H%M%S}",
        "13": f"{local:%m%d}",
        "32": request.acquirer,
        RRN: request.rrn,
        "41": settings.terminal.ljust(8),
        "42": settings.acceptor,
        "49": _TAKA,
    }


def _require_same(answer: Fields, expected: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if answer.get(name) != expected[name]:
            raise BrokenReplyError(f"another field {name}")


def _require_code(answer: Fields) -> str:
    """The response code; raises BrokenReplyError where it is missing or malformed."""
    code = answer.get(CODE, "")
    if not code.isalnum():
        raise BrokenReplyError("no response code")
    return code


def _stan(trace: Trace) -> str:
    return f"{trace.stan:06d}"


def _utc(trace: Trace) -> str:
    return f"{trace.at:%m%d%H%M%S}"
