"""Messages to another ekPay-compatible switch, and their encryption (ekpay-syndicate-api.md).

A body is a compact JWE under the shared secret; only the login and its answer are plain text. An answer in
plain text is never read as anything but a login's, since anybody on the network could have written it.
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

from biller_adapters.dialect import Dialect, Fields, HeadersAndBody
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

CODE, MESSAGE = "code", "message"  # the members of a decoded answer
_GRANT = "grant"
_GRANT_MEMBERS = frozenset(
    {"security_token", "token_exp_time", "token_type", "resp_cd", "resp_msg", "ack_timestamp"}
)
_LIFE = re.compile(r"([1-9][0-9]{0,6})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_VERSION = "v1.3.0"
_MODE = "SAPI"
_REFERENCE_LENGTH = 26  # 20 to 32 of A-Z and 0-9


class SyndicateSettings(Section):
    """The section `family_settings` of a manifest of this family: our ids at the other switch.

    `bllr_id` is the other switch's id of the biller where it differs from ours; `default_bill_type` is used
    where the payer states none. After one of the `reroute_codes`, separated by blanks, another route may be
    tried.
    """

    nd_id: Annotated[str, Field(pattern=r"^NS[0-9]{1,12}$")]
    syndct_id: Annotated[str, Field(pattern=r"^s[0-9]{1,12}$")]
    bllr_id: Annotated[str, Field(pattern=r"^(b[0-9]{3,5})?$")] = ""
    default_bill_type: Literal["M", "NM"] = "NM"
    reroute_codes: Annotated[str, Field(pattern=r"^([0-9]{4}( [0-9]{4})*)?$")] = ""


def new_reference() -> str:
    """A new unique `ref_id` or `trx_id`: 26 of A-Z and 0-9."""
    return unguessable(_REFERENCE_LENGTH)


def trace_of(reference: str) -> str:
    """The `trx_id` of the payment with this reference: the same on every repeat, unique among calls."""
    digest = hashlib.sha256(f"syndicate pay {reference}".encode()).digest()
    return b32encode(digest).decode()[:_REFERENCE_LENGTH]


@dataclass(frozen=True, slots=True)
class MessageWriter:
    """Writes our messages, field by field as in ekpay-syndicate-api.md, "Messages"."""

    settings: SyndicateSettings
    bllr_id: str

    def fetch(self, ref_id: str, bill: Mapping[str, str], now: datetime) -> Fields:
        """FETCH_BLL_REQ; `bill` has the members of `bll_inf` that name the bill."""
        parameters = {
            "bllr_id": self.bllr_id,
            "bll_typ": self.settings.default_bill_type,
            "mode": _MODE,
            **bill,
        }
        head = self._head("FETCH_BLL_REQ", ref_id, _trace(new_reference(), now), now)
        return {**head, "bll_inf": parameters, **self._user()}

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
        return self._head_at(name, ref_id, trace, format_timestamp(now))

    def _head_at(
        self, name: str, ref_id: str, trace: Mapping[str, str], at: str
    ) -> dict[str, Mapping[str, str]]:
        headers = {"nm": name, "ver": _VERSION, "tms": at, "ref_id": ref_id, "nd_id": self.settings.nd_id}
        return {"hdrs": headers, "trx": trace}

    def _user(self) -> dict[str, Mapping[str, str]]:
        return {"usr_inf": {"syndct_id": self.settings.syndct_id}}


def payment_trace(reference: str, refno_ack: str, now: datetime) -> dict[str, str]:
    """`trx` of a payment with our reference and the `refno_ack` of the fetch that it pays."""
    return {**_trace(trace_of(reference), now), "refno_ack": refno_ack}


def paid_part(reference: str, amount: Money, now: datetime) -> dict[str, str]:
    """`pyd_inf`: our reference, by which a repeat is recognised, and the amount without their fee."""
    return {
        "pyd_trxn_refid": reference,
        "pyd_tms": format_timestamp(now),
        "pyd_amnt": format_taka(amount.minor),
    }


def format_timestamp(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS+06:00`, the form of every time in this protocol."""
    return in_dhaka(instant).strftime("%Y-%m-%dT%H:%M:%S+06:00")


def _trace(trx_id: str, now: datetime) -> dict[str, str]:
    return {"trx_id": trx_id, "trx_tms": format_timestamp(now)}


@dataclass(frozen=True, slots=True)
class EnvelopeCodec:
    """Encrypts and decrypts messages under the shared secret; only with a secret that `is_usable`."""

    secret: str

    @property
    def is_usable(self) -> bool:
        """Whether the secret is 32 ASCII characters, which are the key."""
        return self.secret.isascii() and len(self.secret) == SECRET_BYTES

    def dialect(self) -> Dialect:
        """The wire format of this family's calls."""
        return Dialect(
            code_member=CODE,
            write=self.write,
            log_in=lambda user, password: {"user_id": user, "pass_key": password},
            read_grant=_grant,
            read=self.read,
        )

    def write(self, fields: Fields, token: str) -> HeadersAndBody:
        """A login in plain text, or any other message encrypted and under its token."""
        plain = json.dumps(fields).encode()
        if not token:
            return {"Content-Type": "application/json"}, plain
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
        return headers, self._encrypt(plain)

    def read(self, body: bytes) -> Mapping[str, Any]:
        """An answer: its code and its decrypted message, or the grant of a login in plain text.

        Raises:
            BrokenReplyError: our secret does not decrypt it, or it is plain text and no grant.
        """
        if body.lstrip()[:1] == b"{":
            document = json_object(body)
            if document.keys() != _GRANT_MEMBERS:
                raise BrokenReplyError("an answer in plain text")
            return {CODE: document["resp_cd"], _GRANT: document}
        document = json_object(self.decrypt(body))
        return {CODE: as_object(document.get("resp_status")).get("rsp_cd"), MESSAGE: document}

    def decrypt(self, body: bytes) -> bytes:
        """The plain text of an envelope; raises BrokenReplyError."""
        try:
            return open_envelope(body, (self.secret.encode("ascii"),))
        except EnvelopeError:
            raise BrokenReplyError("an envelope that our secret does not open") from None

    def encrypt_example_reply(self, request: bytes, example: bytes) -> bytes:
        """A recorded answer as the far side would send it to this request: with its ids, encrypted.

        An example that is no JSON object, or answers a login, stays unchanged.
        """
        if not example.lstrip().startswith(b"{") or request.startswith(b"{"):
            return example
        try:
            request_document, example_document = json_object(self.decrypt(request)), json_object(example)
        except BrokenReplyError:
            return example
        document = {"hdrs": request_document["hdrs"], "trx": request_document["trx"], **example_document}
        return self._encrypt(json.dumps(document, default=str).encode())

    def _encrypt(self, plain: bytes) -> bytes:
        return close_envelope(plain, self.secret.encode("ascii"))


def _grant(answer: Mapping[str, Any]) -> Grant:
    """The token and its life in seconds (ekpay-syndicate-api.md, "Transport"); raises BrokenReplyError."""
    grant = as_object(answer.get(_GRANT))
    life = _LIFE.fullmatch(text(grant, "token_exp_time"))
    if life is None or text(grant, "token_type") != "Bearer":
        raise BrokenReplyError("a token without a life, or no bearer token")
    return Grant(bearer_token(grant, "security_token"), int(life[1]) * _SECONDS[life[2]])


def is_answer_to(request: Fields, document: Mapping[str, Any], *, must_have_ref_id: bool) -> bool:
    """Whether an answer has the `hdrs.ref_id` of its request.

    It may be missing only where the answer is a decline, since the answer to a malformed message has no
    headers.
    """
    message, request_headers = document.get(MESSAGE), request["hdrs"]
    if not isinstance(message, Mapping) or not isinstance(request_headers, Mapping):
        return False
    headers = message.get("hdrs")
    ref_id = headers.get("ref_id") if isinstance(headers, Mapping) else None
    return ref_id == request_headers["ref_id"] or (not must_have_ref_id and ref_id in {None, ""})


def taka_or_zero(fields: Mapping[str, Any], name: str) -> Money:
    """An amount, zero where it is missing or empty; raises BrokenReplyError where it is malformed."""
    return ZERO if fields.get(name) in (None, "") else taka(fields, name)


def scalar_members(fields: Mapping[str, Any], most: int) -> dict[str, str]:
    """At most `most` members that are texts or numbers, as text; a payment echoes them."""
    members = {name: text_or_empty(fields, name) for name in list(fields)[:most]}
    return {name: value for name, value in members.items() if value}
