"""What is said over a host link, and reading what a host says (docs/protocols/iso8583-host-link.md).

A request's bytes follow from its row alone, so that whichever process writes it, or writes its reversal a day
later, says the same. An answer counts only where every field that must echo does; amount, currency and our
reference are read as they came, since the core compares those itself.
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
# The host has no such request (12.5): nothing moved, and its books must say the same.
NO_SUCH_ORIGINAL = "25"
CONFIRMS_REVERSAL = frozenset({APPROVED, NO_SUCH_ORIGINAL})
_OUTCOME_UNKNOWN = "68"
_TAKA = "050"
_ACQUIRER_DIGITS = 11
# What must come back as it went. An answer to a reversal may leave some of it out.
_ECHOED = ("3", "7", "11", "12", "13", "32", "37", "41", "42")
_NAMES_REVERSAL = ("11", "37")
_NO_FORWARDER = "0" * 11
_OF_A_REVERSAL = ("2", "3", "4", "7", "12", "13", "32", "41", "42", "49", "90", "102")
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_MONTH_AND_DAY = re.compile(r"(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])", re.ASCII)
_PLAIN = re.compile(r"[\x20-\x7e]*")
_HALF_A_YEAR = timedelta(days=183)

Fields = Mapping[str, str]


def rrn_of(trace: Trace) -> str:
    """YDDDhh of the Dhaka time, then the STAN."""
    local = in_dhaka(trace.at)
    return f"{local.year % 10}{local:%j%H}{_stan(trace)}"


def network_message(trace: Trace, purpose: str) -> dict[str, str]:
    """A sign-on, sign-off or echo."""
    return {MTI: NETWORK, "7": _utc(trace), STAN: _stan(trace), "70": purpose}


def request_message(sent: NewHostMessage, settings: LinkSettings) -> dict[str, str]:
    """The 0200 of a request."""
    return {
        **_both(sent, settings),
        MTI: REQUEST,
        STAN: _stan(sent.trace),
        "18": settings.merchant_type,
        "48": sent.key.reference,
    }


def reversal_message(message: HostMessage, settings: LinkSettings, *, is_repeat: bool) -> dict[str, str]:
    """The 0420 of a request that is being reversed, or the 0421 that repeats it."""
    sent, reversal = message.new, message.reversal
    assert reversal is not None, "the caller looked"
    acquirer = sent.acquirer.rjust(_ACQUIRER_DIGITS, "0")
    return {
        **_both(sent, settings),
        MTI: REVERSAL_REPEAT if is_repeat else REVERSAL,
        STAN: _stan(reversal.trace),
        CODE: _OUTCOME_UNKNOWN,
        "90": f"{REQUEST}{_stan(sent.trace)}{_utc(sent.trace)}{acquirer}{_NO_FORWARDER}",
    }


def require_network_answer(answer: Fields, asked: Fields) -> None:
    """Refuse an answer to another network message; raises BrokenReplyError."""
    _require_same(answer, {**asked, MTI: NETWORK_ANSWER}, (MTI, "7", STAN, "70"))


def require_answer(answer: Fields, sent: NewHostMessage, settings: LinkSettings) -> None:
    """Refuse what does not answer this very request; raises BrokenReplyError."""
    asked = {**request_message(sent, settings), MTI: REQUEST_ANSWER}
    _require_same(answer, asked, (MTI, *_ECHOED, settings.alias_field))
    _code(answer)
    if not all(_DIGITS.fullmatch(answer.get(name, "")) for name in ("4", "49")):
        raise BrokenReplyError("no amount")


def require_reversal_answer(answer: Fields, message: HostMessage, settings: LinkSettings) -> None:
    """Refuse what does not answer the reversal of this very request; raises BrokenReplyError."""
    asked = {**reversal_message(message, settings, is_repeat=False), MTI: REVERSAL_ANSWER}
    told = (name for name in _OF_A_REVERSAL if name in answer)
    _require_same(answer, asked, (MTI, *_NAMES_REVERSAL, *told))
    _code(answer)


def kept_fields(answer: Fields, settings: LinkSettings) -> dict[str, str]:
    """What of an answer is kept as evidence: all of it but the alias, wherever the host put one."""
    hidden = {"2", "102", settings.alias_field}
    return {name: text for name, text in answer.items() if name not in hidden and _PLAIN.fullmatch(text)}


def collected_of(message: HostMessage) -> Collected:
    """The money that an approving answer says was taken."""
    sent, reply = message.new, message.reply
    assert reply is not None, "the caller looked"
    told, local = reply.fields, in_dhaka(sent.trace.at).date()
    return Collected(
        reference=told.get("48", ""),
        amount=Money(int(told["4"]), BDT if told["49"] == _TAKA else told["49"]),
        provider_transaction=f"{sent.acquirer}-{local:%Y%m%d}-{sent.rrn}",
        facts={
            "settlement_date": settlement_date(told.get("15", ""), local),
            "approval_code": told.get("38", "").strip(),
            "stan": _stan(sent.trace),
            "rrn": sent.rrn,
        },
    )


def settlement_date(told: str, near: date) -> str:
    """A host's MMDD as the date that is nearest to ours, ISO 8601; empty where it is none."""
    found = _MONTH_AND_DAY.fullmatch(told)
    days = (_day_of(near.year + shift, found) for shift in (-1, 0, 1)) if found else ()
    return next((day.isoformat() for day in days if day and abs(day - near) < _HALF_A_YEAR), "")


def _day_of(year: int, found: re.Match[str]) -> date | None:
    try:
        return date(year, int(found[1]), int(found[2]))
    except ValueError:
        return None


def _both(sent: NewHostMessage, settings: LinkSettings) -> dict[str, str]:
    """What a request and its reversal have in common."""
    local = in_dhaka(sent.trace.at)
    return {
        settings.alias_field: sent.alias,
        "3": settings.processing_code,
        "4": f"{sent.amount.minor:012d}",
        "7": _utc(sent.trace),
        "12": f"{local:%H%M%S}",
        "13": f"{local:%m%d}",
        "32": sent.acquirer,
        RRN: sent.rrn,
        "41": settings.terminal.ljust(8),
        "42": settings.acceptor,
        "49": _TAKA,
    }


def _require_same(answer: Fields, asked: Fields, names: tuple[str, ...]) -> None:
    for name in names:
        if answer.get(name) != asked[name]:
            raise BrokenReplyError(f"another field {name}")


def _code(answer: Fields) -> str:
    """The response code, which must be there; raises BrokenReplyError."""
    code = answer.get(CODE, "")
    if not code.isalnum():
        raise BrokenReplyError("no response code")
    return code


def _stan(trace: Trace) -> str:
    return f"{trace.stan:06d}"


def _utc(trace: Trace) -> str:
    return f"{trace.at:%m%d%H%M%S}"
