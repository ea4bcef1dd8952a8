"""The five request messages, checked at the edge (ekpay-syndicate-api.md, "Messages").

Unknown members are ignored, since real clients send more than they need; a malformed known member is refused
by its name. Numbers arrive as the text that was sent, so an amount is read by our own parser alone. A name of
the partner's own with a card number in it is refused; what names a bill is judged by its biller's forms
(docs/adr/0084).
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic import Field as Member

from ekpay_switch.api.card_texts import CARD_NUMBER, CARDS_REFUSED
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, format_taka, parse_taka

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{20,32}$"), CARDS_REFUSED]
Instant = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+06:00$")
]
# A caller's own name of a call, which only stands in logs: clients send from 12 characters up.
TraceId = Annotated[str, StringConstraints(pattern=r"^[ -~]{1,64}$")]

# Members of `bll_inf` that are ours, and how many of them one message may have.
_FURTHER = re.compile(r"x_[a-z0-9_]{2,40}", re.ASCII)
_FURTHER_MAX = 16

# Members of `bllr_inf` that name a bill.
_NAMES = frozenset({"bll_no", "bllr_accno", "bll_mobno", "bll_typ", "meter_no"})

Field = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]


def _amount(value: object) -> Money:
    if not isinstance(value, str):
        # pydantic turns a ValueError into a field error
        raise ValueError("not an amount")  # noqa: TRY004
    try:
        return parse_taka(value)
    except MalformedAmountError as error:
        raise ValueError("not an amount") from error


def _empty_is_none(value: object) -> object:
    return None if value in ("", None) else _amount(value)


_TAKA = {"type": ["string", "number"], "pattern": r"^[0-9]{1,13}(\.[0-9]{1,2})?$", "minimum": 0}
Amount = Annotated[Money, BeforeValidator(_amount), WithJsonSchema(_TAKA)]
OptionalAmount = Annotated[
    Money | None,
    BeforeValidator(_empty_is_none),
    WithJsonSchema({"anyOf": [_TAKA, {"const": ""}, {"type": "null"}]}),
]


def _show_further(schema: dict[str, Any]) -> None:
    """Describe our own members where they stand on the wire: beside the others."""
    del schema["properties"]["further"]
    schema["required"].remove("further")
    schema["patternProperties"] = {f"^{_FURTHER.pattern}$": {"type": ["string", "null"], "maxLength": 128}}


def _show_names(schema: dict[str, Any]) -> None:
    """Describe the members that name the bill where they stand on the wire."""
    del schema["properties"]["named"]
    schema["required"].remove("named")
    schema["properties"] |= {name: {"type": "string"} for name in sorted(_NAMES)}


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)


class Headers(_Part):
    """`hdrs`: which message this is and whose node sends it."""

    nm: Field
    nd_id: Annotated[str, StringConstraints(pattern=r"^NS[0-9]{1,12}$")]
    ver: Field = "v1.3.0"
    tms: Instant | None = None


class ReferencedHeaders(Headers):
    """`hdrs` of every message but the master data, with the reference of the fetch."""

    ref_id: Reference


class Trace(_Part):
    """`trx`: the partner's own id of this call, logged and never checked for reuse."""

    trx_id: TraceId
    trx_tms: Field | None = None


class UserPart(_Part):
    """`usr_inf`: the id of the partner."""

    syndct_id: Annotated[str, StringConstraints(pattern=r"^s[0-9]{1,12}$")]


class BillPart(_Part):
    """`bll_inf` of a fetch: the biller and whatever names the bill.

    `further` are our own members `x_<name>`, for what ekPay's message has no member; on the wire they stand
    beside the others.
    """

    model_config = ConfigDict(json_schema_extra=_show_further)

    bllr_id: Field
    bll_no: Field | None = None
    bll_period: Field | None = None
    meter_no: Field | None = None
    bllr_accno: Field | None = None
    bill_mobno: Field | None = None
    bll_typ: Annotated[str, StringConstraints(pattern=r"^(M|NM)?$")] | None = None
    bll_loc_cd: Field | None = None
    bll_cstnm: Field | None = None
    xchng_code: Field | None = None
    last_pay_dt: Field | None = None
    amount: OptionalAmount = None
    mode: Field | None = None
    further: Annotated[Mapping[str, Field | None], Member(max_length=_FURTHER_MAX)]

    @model_validator(mode="before")
    @classmethod
    def _gather_further(cls, members: object) -> object:
        """Collect our own members; a member `further` of the caller is ignored as unknown."""
        if not isinstance(members, dict):
            return members
        further = {name: value for name, value in members.items() if _FURTHER.fullmatch(name)}
        return {**members, "further": further}

    def filled_members(self) -> dict[str, str]:
        """The members that name a bill and are filled in; an amount in taka, without decimals where whole."""
        members: dict[str, Any] = self.model_dump(exclude={"bllr_id", "amount", "mode", "further"})
        filled = {name: text for name, text in {**members, **self.further}.items() if text}
        if self.amount is not None:
            filled["amount"] = format_taka(self.amount.minor).removesuffix(".00")
        return filled


class StatusBillPart(_Part):
    """`bll_inf` of a status question."""

    bllr_id: Field
    mode: Field | None = None


class PaidBillPart(_Part):
    """`bllr_inf` of a payment: what was fetched, whole or in part, echoed.

    `named` are the members that name the bill, as far as they are texts; they are echoed and not judged.
    """

    model_config = ConfigDict(json_schema_extra=_show_names)

    bllr_id: Field
    bll_amnt_ttl: OptionalAmount = None
    ekpay_fee: OptionalAmount = None
    named: Mapping[str, str]

    @model_validator(mode="before")
    @classmethod
    def _gather_named(cls, members: object) -> object:
        """Collect the names; a member `named` of the caller is ignored as unknown."""
        if not isinstance(members, dict):
            return members
        named = {name: value for name, value in members.items() if name in _NAMES and isinstance(value, str)}
        return {**members, "named": named}


class PaidPart(_Part):
    """`pyd_inf`: the partner's own payment; its reference is the idempotency key."""

    pyd_trxn_refid: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,64}$"), CARDS_REFUSED]
    pyd_tms: Field | None = None
    pyd_amnt: Amount


class PaidTrace(Trace):
    """`trx` of a payment, with the answer of the fetch that it pays."""

    refno_ack: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,64}$"), CARDS_REFUSED]


class MasterDataRequest(_Part):
    """FETCH_MDM_DATA_REQ."""

    hdrs: Headers
    trx: Trace | None = None


class FetchRequest(_Part):
    """FETCH_BLL_REQ."""

    hdrs: ReferencedHeaders
    trx: Trace
    bll_inf: BillPart
    usr_inf: UserPart


class PayRequest(_Part):
    """UPDT_BLL_PYMNT_REQ."""

    hdrs: ReferencedHeaders
    trx: PaidTrace
    bllr_inf: PaidBillPart
    pyd_inf: PaidPart
    usr_inf: UserPart

    def fingerprint(self) -> bytes:
        """What a repeat of the reference must equal: quote, biller, amounts by value, partner.

        Never hdrs, trx or times, which a real retry changes.
        """
        amounts = (self.pyd_inf.pyd_amnt, self.bllr_inf.bll_amnt_ttl, self.bllr_inf.ekpay_fee)
        parts = [
            "pay-1",
            self.trx.refno_ack,
            self.bllr_inf.bllr_id,
            *("" if amount is None else str(amount.minor) for amount in amounts),
            self.usr_inf.syndct_id,
        ]
        return hashlib.sha256("\x1f".join(parts).encode()).digest()


class StatusRequest(_Part):
    """CHCK_BLL_STTS_REQ."""

    hdrs: ReferencedHeaders
    trx: Trace | None = None
    bll_inf: StatusBillPart
    usr_inf: UserPart


class BalanceRequest(_Part):
    """CHCK_BKT_BLNC_REQ."""

    hdrs: Headers
    trx: Trace | None = None
    usr_inf: UserPart


# What a member must be, where its name alone does not say it.
_RULES = {
    "nd_id": "must be NS and digits",
    "syndct_id": "must be s and digits",
    "ref_id": "must be 20 to 32 of A-Z and 0-9",
    "tms": "must be YYYY-MM-DDTHH:MM:SS+06:00",
    "trx_id": "must be 1 to 64 printable characters",
    "refno_ack": "must be that of a fetch answer",
    "bll_typ": "must be M or NM",
    "pyd_trxn_refid": "must be 1 to 64 of A-Z, a-z, 0-9, . _ : / and -",
    "amount": "must be taka with at most two decimals",
    "bll_amnt_ttl": "must be taka with at most two decimals",
    "ekpay_fee": "must be taka with at most two decimals",
    "pyd_amnt": "must be taka with at most two decimals",
}


def fault_of(error: ValidationError) -> str:
    """The first member that is wrong and what is wrong with it, never with its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    names = [str(name) for name in first["loc"] if name != "further"]
    if first["type"] == "missing":
        why = "is missing"
    elif first["type"] == CARD_NUMBER:
        why = "holds a card number"
    else:
        rule = _RULES.get(names[-1] if names else "")
        why = rule or ("is too long" if first["type"] == "string_too_long" else "is not as specified")
    return f"{'.'.join(names) or 'the message'} {why}"


def sent_at(headers: Headers) -> datetime | None:
    """When a message says that it was sent; None where it says nothing, or a day that there is not."""
    try:
        return None if headers.tms is None else datetime.fromisoformat(headers.tms)
    except ValueError:
        return None


AnyRequest = MasterDataRequest | FetchRequest | PayRequest | StatusRequest | BalanceRequest
