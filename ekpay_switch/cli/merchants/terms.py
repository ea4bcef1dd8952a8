"""A merchant's terms as people write them: one vocabulary for `--set NAME=VALUE` and for columns of a file.

return_hosts       hosts that payers and IPNs may go to, as `shop.example` or `shop.example:8443`
networks           addresses its servers call from, as `192.0.2.7` or `192.0.2.0/24`
instruments        what payers may pay by: kinds or connector ids; empty for all
fee_plan           a payee of config/fees.toml; `*` for everybody's
charges_on_refund  `kept` or `returned`
refund_limit       taka; a refund above it takes two persons
debt_limit         taka that the merchant and its payees may owe us after refunds
refusals_max       refusals of instruments after which an order ends as failed: 1 for the first, 5, up to 20
order_minutes      minutes after which an unpaid order ends as failed: from 5 to 500
name_en, name_bn   what payers read
partner_id         our id of it, for good; made of mer_reg_id if left out

Several values are separated by spaces.
"""

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ekpay_switch.cli.typed_amounts import NOT_TAKA
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, PayeeKind
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.edge_kit.return_urls import is_return_host
from ekpay_switch.ports.merchants import Payee

PARTNER_ID = re.compile(r"[a-z][a-z0-9-]{0,31}")
MER_REG_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,63}")
PAYEE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
NAME_LENGTH_MAX = 200
REQUIRED = frozenset({"name_en", "name_bn", "return_hosts", "networks"})


class TermError(ValueError):
    """A term with an unusable value; the message says why, without the name of the term."""


@dataclass(frozen=True, slots=True)
class TermChoices:
    """What terms may name: the instruments of this installation, and the payees of the fee table."""

    instruments: Collection[str]
    fee_plans: Collection[str]


def check_mer_reg_id(text: str) -> str:
    """A registration id."""
    return _require_shape(
        text, MER_REG_ID, "3 to 64 of A-Z, a-z, 0-9, _, . and -, the first a letter or digit"
    )


def check_partner_id(text: str) -> str:
    """Our id of a merchant."""
    return _require_shape(text, PARTNER_ID, "a small letter, then up to 31 of a-z, 0-9 and -")


def partner_id_of(reg_id: str) -> str:
    """Our id of a merchant that has none of its own, from its registration id."""
    made = re.sub(r"[_.]", "-", reg_id.lower())
    if not PARTNER_ID.fullmatch(made):
        raise TermError(f"{made} made of it is no partner id, so name one")
    return made


def read_payee(code: str, kind: str, name: str) -> tuple[Payee | None, dict[str, str]]:
    """A payee, or what is wrong with it, by column."""
    readers: Mapping[str, tuple[Callable[[str], object], str]] = {
        "code": (check_payee_code, code),
        "kind": (read_payee_kind, kind),
        "name": (check_name, name),
    }
    wrong: dict[str, str] = {}
    for column, (reader, text) in readers.items():
        try:
            reader(text)
        except TermError as problem:
            wrong[column] = str(problem)
    return (None if wrong else Payee(code, PayeeKind(kind), name)), wrong


def check_payee_code(text: str) -> str:
    """A payee's code, which becomes part of the name of a ledger account."""
    return _require_shape(
        text, PAYEE_CODE, "up to 32 of A-Z, a-z, 0-9, _, . and -, the first a letter or digit"
    )


def read_payee_kind(text: str) -> PayeeKind:
    """One of the kinds of payees."""
    try:
        return PayeeKind(text)
    except ValueError as problem:
        raise TermError(f"not one of {', '.join(sorted(PayeeKind))}") from problem


def check_name(text: str) -> str:
    """A name that people read: one line, nothing before or after it."""
    if not text or text != text.strip() or not text.isprintable() or len(text) > NAME_LENGTH_MAX:
        raise TermError(f"a name is one line of up to {NAME_LENGTH_MAX} visible characters")
    return text


def read_terms(texts: Mapping[str, str], known: TermChoices) -> tuple[dict[str, Any], dict[str, str]]:
    """These texts as fields of an Agreement, and what is wrong with the others, by name."""
    terms: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in texts.items():
        reader = _READERS.get(name, _no_such_term)
        try:
            terms[name] = reader(text, known)
        except TermError as problem:
            wrong[name] = str(problem)
    return terms, wrong


def _no_such_term(_: str, __: TermChoices) -> object:
    raise TermError(f"there is no such term; there are {', '.join(sorted(_READERS))}")


def _require_shape(text: str, shape: re.Pattern[str], meaning: str) -> str:
    if not shape.fullmatch(text):
        raise TermError(f"not {meaning}")
    return text


def _hosts(text: str, _: TermChoices) -> frozenset[str]:
    hosts = frozenset(text.lower().split())
    wrong = sorted(host for host in hosts if not is_return_host(host))
    if wrong or not hosts:
        raise TermError("hosts are names, perhaps with a port, such as shop.example or localhost:3000")
    return hosts


def _networks(text: str, _: TermChoices) -> tuple[str, ...]:
    """In CIDR notation, each once; never the whole internet."""
    try:
        networks = {ipaddress.ip_network(network) for network in text.split()}
    except ValueError as problem:
        raise TermError(f"networks are addresses such as 192.0.2.7 or 192.0.2.0/24: {problem}") from problem
    if not networks or any(network.prefixlen == 0 for network in networks):
        raise TermError("at least one network, and none that is everybody's")
    return tuple(sorted(str(network) for network in networks))


def _instruments(text: str, known: TermChoices) -> frozenset[str] | None:
    chosen = frozenset(text.split())
    unknown = sorted(chosen - set(known.instruments))
    if unknown:
        raise TermError(f"no instrument is called {', '.join(unknown)}")
    return chosen or None


def _fee_plan(text: str, known: TermChoices) -> str:
    if text not in known.fee_plans:
        raise TermError(f"not a payee of config/fees.toml: {', '.join(sorted(known.fee_plans))}")
    return text


def _charges_on_refund(text: str, _: TermChoices) -> ChargesOnRefund:
    try:
        return ChargesOnRefund(text)
    except ValueError as problem:
        raise TermError(f"not one of {', '.join(sorted(ChargesOnRefund))}") from problem


def _taka(text: str, _: TermChoices) -> Money:
    try:
        return parse_taka(text)
    except MalformedAmountError as problem:
        raise TermError(NOT_TAKA) from problem


def _whole_number(least: int, most: int) -> Callable[[str, TermChoices], int]:
    def read(text: str, _: TermChoices) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else None
        if number is None or not least <= number <= most:
            raise TermError(f"not a whole number from {least} to {most}")
        return number

    return read


_READERS: Mapping[str, Callable[[str, TermChoices], object]] = {
    "name_en": lambda text, _: check_name(text),
    "name_bn": lambda text, _: check_name(text),
    "return_hosts": _hosts,
    "networks": _networks,
    "instruments": _instruments,
    "fee_plan": _fee_plan,
    "charges_on_refund": _charges_on_refund,
    "refund_limit": _taka,
    "debt_limit": _taka,
    "refusals_max": _whole_number(1, 20),
    "order_minutes": _whole_number(5, 500),
}
TERMS = frozenset(_READERS)
