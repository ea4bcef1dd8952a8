"""The document of the syndicate API, from its messages, answers and codes; bodies stand before sealing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from ekpay_switch.api.reference.document import Code, Operation, openapi, response, with_headers
from ekpay_switch.api.reference.member_meanings import SYNDICATE
from ekpay_switch.api.reference.schemas import Components, Schema
from ekpay_switch.api.syndicate.answers import BillerEntry, envelope, refused_block, status_block
from ekpay_switch.api.syndicate.codes import ADVICE, BASE, DONE, MESSAGES, TOKEN_MISSING, TOO_MANY
from ekpay_switch.api.syndicate.messages import (
    AnyRequest,
    BalanceRequest,
    FetchRequest,
    MasterDataRequest,
    PayRequest,
    StatusRequest,
)
from ekpay_switch.api.syndicate.routes import GET_TOKEN, SEALED_CALLS

_DESCRIPTION = """\
ekPay's own API for banks, wallets and agent networks, v1.3.0.
Bodies of requests and of answers with HTTP 200 are shown as they are before sealing: on the wire each is one
JWE in compact form, header `{"cty":"JWT","enc":"A256GCM","alg":"dir"}`, its key your secret of 32 characters;
get-token alone is plain JSON.
Amounts are taka; unknown members are ignored.
The whole contract is in docs/syndicate-api.md, with programs that run."""
_EPOCH = datetime(2026, 3, 1, 6, tzinfo=UTC)
_TEXT: Schema = {"type": "string"}
_STAMP = "2026-03-01T12:00:00+06:00"
_REF_ID, _QUOTE, _BILL = "F2603011200000000001", "Q0000000000000000001", "092512345678"


@dataclass(frozen=True, slots=True)
class SealedCall:
    """What the reference says of a call whose bodies are sealed; `name` is its hdrs.nm."""

    name: str
    summary: str
    description: str
    kind: type[AnyRequest]


def _head(name: str, trx_id: str, **further: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`hdrs` and `trx` of an example."""
    head = {"nm": name, "ver": "v1.3.0", "tms": _STAMP, "nd_id": "NS101"}
    return {
        "hdrs": head | dict(further.get("hdrs", {})),
        "trx": {"trx_id": trx_id, "trx_tms": _STAMP} | dict(further.get("trx", {})),
    }


_USER = {"usr_inf": {"syndct_id": "s101"}}
_NAMED = {"hdrs": {"ref_id": _REF_ID}}
_MASTER_DATA = _head("FETCH_MDM_DATA_REQ", "T2603011200000000001")
EXAMPLES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        GET_TOKEN: {"a partner": {"user_id": "bank1-user", "pass_key": "your pass key"}},
        "fetch-MDMbillers": {"every biller": _MASTER_DATA},
        "fetch-MDMbillers-v2": {"every biller": _MASTER_DATA},
        "fetch-bill": {
            "a DESCO bill": _head("FETCH_BLL_REQ", "T2603011200000000002", **_NAMED)
            | {"bll_inf": {"bllr_id": "b025", "bll_no": _BILL, "bll_typ": "NM", "mode": "SAPI"}}
            | _USER
        },
        "update-billPayment": {
            "that bill": _head(
                "UPDT_BLL_PYMNT_REQ", "T2603011200000000003", **_NAMED, trx={"refno_ack": _QUOTE}
            )
            | {"bllr_inf": {"bllr_id": "b025", "bll_amnt_ttl": "1050.00", "ekpay_fee": "5.75"}}
            | {"pyd_inf": {"pyd_trxn_refid": "bank-1-000001", "pyd_tms": _STAMP, "pyd_amnt": "1050.00"}}
            | _USER
        },
        "check-bill-status": {
            "that bill": _head("CHCK_BLL_STTS_REQ", "T2603011200000000004", **_NAMED)
            | {"bll_inf": {"bllr_id": "b025", "mode": "SAPI"}}
            | _USER
        },
        "check-bbalance": {"both prefunds": _head("CHCK_BKT_BLNC_REQ", "T2603011200000000005") | _USER},
    }
)
_BILLERS = "Every biller, and the fields that name its bills."
CALLS: Mapping[str, SealedCall] = MappingProxyType(
    {
        "fetch-MDMbillers": SealedCall("FETCH_MDM_DATA_REQ", "List the billers", _BILLERS, MasterDataRequest),
        "fetch-MDMbillers-v2": SealedCall(
            "FETCH_MDM_DATA_REQ", "List the billers, under its newer name", _BILLERS, MasterDataRequest
        ),
        "fetch-bill": SealedCall(
            "FETCH_BLL_REQ",
            "Fetch a bill",
            "With our fee, bound to a quote: refno_ack.",
            FetchRequest,
        ),
        "update-billPayment": SealedCall(
            "UPDT_BLL_PYMNT_REQ",
            "Pay a fetched bill",
            "Out of your prefund. The same pyd_trxn_refid with the same content is the same payment. 0102 "
            "means in progress: do not pay again.",
            PayRequest,
        ),
        "check-bbalance": SealedCall(
            "CHCK_BKT_BLNC_REQ", "Ask for the prefunds", "Both, in taka.", BalanceRequest
        ),
        "check-bill-status": SealedCall(
            "CHCK_BLL_STTS_REQ",
            "Ask what became of a bill",
            "From our books, by the ref_id of its fetch; pyd_inf is there only where it was paid through us.",
            StatusRequest,
        ),
    }
)


def syndicate_document() -> dict[str, Any]:
    """The syndicate API as an OpenAPI 3.1 document."""
    components = Components(SYNDICATE)
    refusal = components.sample("PlainRefusal", {"resp_cd": "", "resp_msg": ""})
    operations = [_token(components, refusal)]
    operations += [_sealed(name, CALLS[name], components, refusal) for name in SEALED_CALLS]
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "description": "The security_token of get-token, for an hour.",
    }
    codes = [
        Code(code, 401 if code == TOKEN_MISSING else 0, MESSAGES[code], ADVICE[code])
        for code in sorted(MESSAGES)
    ]
    return openapi(
        "Syndicate API",
        "1.3.0",
        _DESCRIPTION,
        operations,
        components,
        codes=codes,
        security_schemes={"securityToken": scheme},
    )


def _token(components: Components, refusal: Schema) -> Operation:
    sample = dict.fromkeys(
        ("security_token", "token_exp_time", "token_type", "resp_cd", "resp_msg", "ack_timestamp"), ""
    )
    login = components.sample("Login", {"user_id": "", "pass_key": ""})
    components.schemas["Login"].pop("additionalProperties")
    return Operation(
        path=f"{BASE}/{GET_TOKEN}",
        method="POST",
        operation_id=GET_TOKEN,
        summary="Take a token",
        description="Plain JSON, not sealed. Take one an hour or one for each call, as you like.",
        responses={200: response("The token: six members exactly.", components.sample("Token", sample))}
        | _plain_refusals(refusal, {401: ("2003",)}),
        body=login,
        examples=EXAMPLES[GET_TOKEN],
    )


def _sealed(name: str, call: SealedCall, components: Components, refusal: Schema) -> Operation:
    return Operation(
        path=f"{BASE}/{name}",
        method="POST",
        operation_id=name,
        summary=call.summary,
        description=f"`{call.name}`. {call.description}",
        responses={
            200: response("Sealed. `resp_status.rsp_cd` says what came of it.", _answer(call, components))
        }
        | _plain_refusals(refusal, {401: (TOKEN_MISSING,)}),
        body={"allOf": [components.model(call.kind), _of_name(call.name)]},
        examples=EXAMPLES[name],
        security=[{"securityToken": []}],
    )


def _of_name(name: str) -> Schema:
    """Every call takes one message by its name."""
    return {"properties": {"hdrs": {"properties": {"nm": {"const": name}}}}}


def _answer(call: SealedCall, components: Components) -> Schema:
    """The answer of a call: envelope, blocks, status, exactly as the functions that answer build them."""
    sample = envelope(None, None, _EPOCH) | refused_block(call.kind, None) | status_block(DONE)
    title = f"{call.kind.__name__.removesuffix('Request')}Answer"
    if call.kind is MasterDataRequest:
        del sample["mdm_data"]
        reference = components.sample(title, sample, mdm_data=_list_of(components.model(BillerEntry)))
        components.schemas[title]["required"].append("mdm_data")
        return reference
    paid = {"pyd_inf": _texts("pyd_trxn_refid", "pyd_tms", "pyd_amnt")} if call.kind is StatusRequest else {}
    reference = components.sample(title, sample, **paid)
    if "bllr_inf" in sample:
        _add_our_members(components, title, call.kind)
    return reference


def _add_our_members(components: Components, title: str, kind: type[AnyRequest]) -> None:
    """Members that come only where there is something to say."""
    if kind is FetchRequest:
        lines = _list_of(_texts("nm", "amnt"))
        ours = {"bll_rndng": dict(_TEXT), "bll_lines": lines, "bll_cnt": dict(_TEXT)}
    else:
        lines = _list_of(_texts("seq", "kind", "digits"))
        ours = {"token": dict(_TEXT), "token_lines": lines}
        ours |= {"rcpt_no": dict(_TEXT), "rcpt_no_fnl": dict(_TEXT)}
    bill = components.schemas[title]["properties"]["bllr_inf"]
    bill["properties"] |= {name: schema | {"description": SYNDICATE[name]} for name, schema in ours.items()}


def _texts(*names: str) -> Schema:
    members = {name: _TEXT | {"description": SYNDICATE[name]} for name in names}
    return {"type": "object", "properties": members, "required": list(names), "additionalProperties": False}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _plain_refusals(refusal: Schema, own: Mapping[int, Sequence[str]]) -> dict[int, Schema]:
    """What is answered before anything was decrypted, in plain JSON."""
    wait = "Seconds to wait."
    codes = {
        400: ("2001",),
        408: ("2001",),
        413: ("2001",),
        429: (TOO_MANY,),
        431: ("2001",),
        503: (TOO_MANY,),
    }
    refusals = {
        status: response(
            "\n".join(f"- `{code}`: {MESSAGES[code]}. {ADVICE[code]}" for code in listed), refusal
        )
        for status, listed in ({**codes, **own}).items()
    }
    refusals |= {status: with_headers(refusals[status], Retry_After=wait) for status in (429, 503)}
    refusals[500] = response(
        "Something of ours is broken: it may have been paid, so ask for the status.",
        media_type="application/problem+json",
    )
    return refusals
