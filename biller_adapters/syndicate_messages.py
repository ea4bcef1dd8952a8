"""What we say to another ekPay-compatible switch, and how it is sealed (ekpay-syndicate-api.md).

A body is a compact JWE under the secret that both sides share; only the login and its answer travel in the
clear. What may surprise: an answer in the clear is taken for nothing but a login's, however good it looks,
since anybody on the way could have written it.
"""

import hashlib
import json
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from biller_adapters.dialect import Dialect, Fields, Written
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import ZERO, Money, format_taka
from ekpay_switch.security.envelope import SECRET_BYTES, EnvelopeError, close_envelope, open_envelope
from ekpay_switch.security.identifiers import unguessable
from ekpay_switch.wing_kit.manifest_sections import Section
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    bearer_token,
    json_object,
    taka,
    text,
    text_or_empty,
)
from ekpay_switch.wing_kit.token_keeper import Grant

CODE, MESSAGE = "code", "message"  # the members of every answer that was read
_GRANT = "grant"
_GRANT_MEMBERS = frozenset(
    {"security_token", "token_exp_time", "token_type", "resp_cd", "resp_msg", "ack_timestamp"}
)
_LIFE = re.compile(r"([1-9][0-9]{0,6})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_VERSION = "v1.3.0"
_MODE = "SAPI"
_REFERENCE_LENGTH = 26  # 20 to 32 of A-Z and 0-9


class FamilySettings(Section):
    """The section `family_settings` of a manifest of this family: who we are over there.

    `bllr_id` is their id of the biller where it is not ours; `default_bill_type` is said where the payer says
    nothing. After the `reroute_codes`, told apart by blanks, another route may be tried.
    """

    nd_id: Annotated[str, Field(pattern=r"^NS[0-9]{1,12}$")]
    syndct_id: Annotated[str, Field(pattern=r"^s[0-9]{1,12}$")]
    bllr_id: Annotated[str, Field(pattern=r"^(b[0-9]{3,5})?$")] = ""
    default_bill_type: Literal["M", "NM"] = "NM"
    reroute_codes: Annotated[str, Field(pattern=r"^([0-9]{4}( [0-9]{4})*)?$")] = ""


def new_reference() -> str:
    """A `ref_id` or `trx_id` that nobody else has: 26 of A-Z and 0-9."""
    return unguessable(_REFERENCE_LENGTH)


def trace_of(reference: str) -> str:
    """The `trx_id` of the payment under our reference: the same on every repeat, and of no other call."""
    digest = hashlib.sha256(f"syndicate pay {reference}".encode()).digest()
    return b32encode(digest).decode()[:_REFERENCE_LENGTH]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Writes our messages, field by field as in ekpay-syndicate-api.md, "Messages"."""

    settings: FamilySettings
    bllr_id: str

    def fetch(self, ref_id: str, bill: Mapping[str, str], now: datetime) -> Fields:
        """FETCH_BLL_REQ; `bill` are the members of `bll_inf` that name it."""
        named = {"bllr_id": self.bllr_id, "bll_typ": self.settings.default_bill_type, "mode": _MODE, **bill}
        head = self._head("FETCH_BLL_REQ", ref_id, _trace(new_reference(), now), now)
        return {**head, "bll_inf": named, **self._user()}

    def payment(
        self, ref_id: str, trace: Mapping[str, str], bill: Mapping[str, str], paid: Mapping[str, str]
    ) -> Fields:
        """UPDT_BLL_PYMNT_REQ; `bill` is the fetch's `bllr_inf` echoed, `paid` the `pyd_inf`."""
        head = self._head_at("UPDT_BLL_PYMNT_REQ", ref_id, trace, trace["trx_tms"])
        return {**head, "bllr_inf": {**bill, "mode": _MODE}, "pyd_inf": paid, **self._user()}

    def status(self, ref_id: str, now: datetime) -> Fields:
        """CHCK_BLL_STTS_REQ about the bill that was fetched under `ref_id`."""
        head = self._head("CHCK_BLL_STTS_REQ", ref_id, _trace(new_reference(), now), now)
        return {**head, "bll_inf": {"mode": _MODE, "bllr_id": self.bllr_id}, **self._user()}

    def balance(self, now: datetime) -> Fields:
        """CHCK_BKT_BLNC_REQ; its `refno_ack` is its own `trx_id`."""
        trace = _trace(new_reference(), now)
        trace["refno_ack"] = trace["trx_id"]
        return {**self._head("CHCK_BKT_BLNC_REQ", new_reference(), trace, now), **self._user()}

    def _head(
        self, name: str, ref_id: str, trace: Mapping[str, str], now: datetime
    ) -> dict[str, Mapping[str, str]]:
        return self._head_at(name, ref_id, trace, stamp(now))

    def _head_at(
        self, name: str, ref_id: str, trace: Mapping[str, str], at: str
    ) -> dict[str, Mapping[str, str]]:
        told = {"nm": name, "ver": _VERSION, "tms": at, "ref_id": ref_id, "nd_id": self.settings.nd_id}
        return {"hdrs": told, "trx": trace}

    def _user(self) -> dict[str, Mapping[str, str]]:
        return {"usr_inf": {"syndct_id": self.settings.syndct_id}}


def payment_trace(reference: str, refno_ack: str, now: datetime) -> dict[str, str]:
    """`trx` of a payment under our reference, with the answer of the fetch that it pays."""
    return {**_trace(trace_of(reference), now), "refno_ack": refno_ack}


def paid_part(reference: str, amount: Money, now: datetime) -> dict[str, str]:
    """`pyd_inf`: our reference, by which a repeat is known, and the bill without their fee."""
    return {"pyd_trxn_refid": reference, "pyd_tms": stamp(now), "pyd_amnt": format_taka(amount.minor)}


def stamp(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS+06:00`, as every time in this protocol is written."""
    return in_dhaka(instant).strftime("%Y-%m-%dT%H:%M:%S+06:00")


def _trace(trx_id: str, now: datetime) -> dict[str, str]:
    return {"trx_id": trx_id, "trx_tms": stamp(now)}


@dataclass(frozen=True, slots=True)
class Sealing:
    """The envelope that both sides share a secret for; nothing is sealed unless the secret `is_usable`."""

    secret: str

    @property
    def is_usable(self) -> bool:
        """Whether the secret is 32 characters of ASCII, which are the key."""
        return self.secret.isascii() and len(self.secret) == SECRET_BYTES

    def dialect(self) -> Dialect:
        """How the calls of this family look."""
        return Dialect(
            code_member=CODE,
            write=self.write,
            log_in=lambda user, password: {"user_id": user, "pass_key": password},
            read_grant=_grant,
            read=self.read,
        )

    def write(self, fields: Fields, token: str) -> Written:
        """A login in the clear, any other message sealed and under its token."""
        plain = json.dumps(fields).encode()
        if not token:
            return {"Content-Type": "application/json"}, plain
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
        return headers, self._closed(plain)

    def read(self, body: bytes) -> Mapping[str, Any]:
        """An answer: its code, and the message that was sealed, or the grant that was not.

        Raises:
            BrokenReplyError: our secret does not open it, or it is in the clear and no grant.
        """
        if body.lstrip()[:1] == b"{":
            told = json_object(body)
            if told.keys() != _GRANT_MEMBERS:
                raise BrokenReplyError("an answer in the clear")
            return {CODE: told["resp_cd"], _GRANT: told}
        told = json_object(self.opened(body))
        return {CODE: as_object(told.get("resp_status")).get("rsp_cd"), MESSAGE: told}

    def opened(self, body: bytes) -> bytes:
        """What is in an envelope; raises BrokenReplyError."""
        try:
            return open_envelope(body, (self.secret.encode("ascii"),))
        except EnvelopeError:
            raise BrokenReplyError("no envelope of ours") from None

    def as_answer(self, request: bytes, example: bytes) -> bytes:
        """A recorded answer as the far side would send it to this request: with its ids, sealed.

        What is no JSON object, and whatever answers a login, is left as it stands.
        """
        if not example.lstrip().startswith(b"{") or request.startswith(b"{"):
            return example
        try:
            asked, told = json_object(self.opened(request)), json_object(example)
        except BrokenReplyError:
            return example
        whole = {"hdrs": asked["hdrs"], "trx": asked["trx"], **told}
        return self._closed(json.dumps(whole, default=str).encode())

    def _closed(self, plain: bytes) -> bytes:
        return close_envelope(plain, self.secret.encode("ascii"))


def _grant(answer: Mapping[str, Any]) -> Grant:
    """A token of six members exactly, as its life says (ekpay-syndicate-api.md, "Transport")."""
    told = as_object(answer.get(_GRANT))
    life = _LIFE.fullmatch(text(told, "token_exp_time"))
    if life is None or text(told, "token_type") != "Bearer":
        raise BrokenReplyError("a token that says not how long it lives, or is no bearer")
    return Grant(bearer_token(told, "security_token"), int(life[1]) * _SECONDS[life[2]])


def is_answer_to(asked: Fields, document: Mapping[str, Any], *, must_say_so: bool) -> bool:
    """Whether a sealed answer is about the fetch that was asked about, by its `hdrs.ref_id`.

    One that does not say so may be only where the answer is a no: a malformed message has no headers.
    """
    told, head = document.get(MESSAGE), asked["hdrs"]
    if not isinstance(told, Mapping) or not isinstance(head, Mapping):
        return False
    headers = told.get("hdrs")
    ref_id = headers.get("ref_id") if isinstance(headers, Mapping) else None
    return ref_id == head["ref_id"] or (not must_say_so and ref_id in {None, ""})


def taka_or_zero(fields: Mapping[str, Any], name: str) -> Money:
    """An amount that may be left out or empty; raises BrokenReplyError where it is none."""
    return ZERO if fields.get(name) in (None, "") else taka(fields, name)


def scalar_members(fields: Mapping[str, Any], most: int) -> dict[str, str]:
    """The members that are texts or numbers, as text: what is echoed in a payment; at most so many."""
    named = {name: text_or_empty(fields, name) for name in list(fields)[:most]}
    return {name: told for name, told in named.items() if told}
