"""The document of the merchant API, from its messages, answers and refusals."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from ekpay_switch.api.merchant.answers import failure_answer
from ekpay_switch.api.merchant.messages import CallerPart, OrderMessage, StatusMessage
from ekpay_switch.api.merchant.refusals import (
    ADVICE,
    BASE,
    MESSAGES,
    MerchantApiError,
    ResponseCode,
    status_of,
)
from ekpay_switch.api.merchant.routes import CALLS
from ekpay_switch.api.reference.document import Code, Operation, openapi, response, with_headers
from ekpay_switch.api.reference.member_meanings import MERCHANT
from ekpay_switch.api.reference.schemas import Components, Schema
from ekpay_switch.domain.merchants.merchant import MerchantCode
from ekpay_switch.flows.merchants.merchant_document import not_found_document

_DESCRIPTION = """\
ekPay's own API for shops: an order, the payer's page, and what became of it.
Amounts are taka with at most two decimals; texts may be sent as numbers and come back as they were spelled.
Unknown members are taken at every level.
The whole contract is in docs/merchant-api.md."""
_EPOCH = datetime(2026, 3, 1, 6, tzinfo=UTC)
_RESULTS: Mapping[MerchantCode, tuple[str, str]] = MappingProxyType(
    {
        MerchantCode.ISSUED: ("Secure token generated", "Send the payer's browser to the page."),
        MerchantCode.FAILURE: (
            "No token: this trnx_id stands for another order, or its token has ended",
            "Order again under a new trnx_id.",
        ),
        MerchantCode.SUCCESS: ("Paid", "Give out the goods."),
        MerchantCode.FAILED: ("Failed", "Give nothing out; the payer may order again."),
        MerchantCode.CANCELLED: ("Cancelled by the payer", "Give nothing out."),
        MerchantCode.PENDING: ("Nobody knows yet", "Ask again later; give nothing out yet."),
        MerchantCode.NOT_FOUND: ("No such order", "Check trnx_id, trans_date and the address you call from."),
    }
)
# What the limits before the API refuse, all with 1024.
_UNREADABLE = {408: "It came too slowly.", 413: "Longer than 64 KiB.", 431: "The headers are too large."}
_ORDER_CODES = (
    ResponseCode.NOT_AUTHENTICATED, ResponseCode.MALFORMED, ResponseCode.NO_MOBILE_NUMBER,
    ResponseCode.NO_VALID_URL, ResponseCode.TOO_MANY, ResponseCode.BUSY, ResponseCode.INTERNAL_ERROR,
)  # fmt: skip
_STATUS_CODES = (
    ResponseCode.MALFORMED, ResponseCode.TOO_MANY, ResponseCode.BUSY, ResponseCode.INTERNAL_ERROR,
)  # fmt: skip
EXAMPLES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "merchant-api": {
            "a sari": {
                "mer_info": {"mer_reg_id": "shop_test", "mer_pas_key": "your pass key"},
                "req_timestamp": "2026-03-01 12:00:00 GMT+6",
                "feed_uri": {
                    "s_uri": "https://shop.example/done",
                    "f_uri": "https://shop.example/failed",
                    "c_uri": "https://shop.example/cancelled",
                },
                "cust_info": {
                    "cust_id": "1042",
                    "cust_name": "Rahela Khatun",
                    "cust_mobo_no": "+8801712345678",
                    "cust_email": "",
                    "cust_mail_addr": "12 Mirpur Road, Dhaka",
                },
                "trns_info": {
                    "trnx_id": "1709272800",
                    "trnx_amt": "100.00",
                    "trnx_currency": "BDT",
                    "ord_id": "7",
                    "ord_det": "one sari",
                },
                "ipn_info": {"ipn_channel": "3", "ipn_email": "", "ipn_uri": "https://shop.example/ipn"},
                "mac_addr": "1.1.1.1",
            }
        },
        "merchant-get-status": {
            "that order": {"trnx_id": "1709272800", "trans_date": "2026-03-01", "username": "shop_test"}
        },
    }
)


def merchant_document() -> dict[str, Any]:
    """The merchant API as an OpenAPI 3.1 document."""
    components = Components(MERCHANT)
    refusal = components.sample("Refusal", {"responseCode": "", "responseMessage": ""})
    paths = {name: path for path, (name, _) in CALLS.items()}
    operations = [
        _payer_page(),
        Operation(
            path=paths["merchant-api"],
            method="POST",
            operation_id="merchant-api",
            summary="Take an order",
            description="Answers with the token that opens the payer's page. The same order again, under the "
            "same trnx_id, answers the same token.",
            responses={200: response("1000 with a token, or 1001 without one.", _token(components))}
            | _refusals(_ORDER_CODES, refusal),
            body=_order(components),
            examples=EXAMPLES["merchant-api"],
        ),
        Operation(
            path=paths["merchant-get-status"],
            method="POST",
            operation_id="merchant-get-status",
            summary="Ask what became of an order",
            description="From our books, at any time; the same document is posted to you as IPN.",
            responses={200: response("The document, whatever became of it.", _status(components))}
            | _refusals(_STATUS_CODES, refusal),
            body=_as_text_or_number(components.model(StatusMessage), components),
            examples=EXAMPLES["merchant-get-status"],
        ),
    ]
    return openapi(
        "Merchant API", "1", _DESCRIPTION, operations, components, codes=_codes(), security_schemes={}
    )


def _codes() -> list[Code]:
    results = [Code(code, 0, meaning, action) for code, (meaning, action) in _RESULTS.items()]
    refusals = []
    for code, message in MESSAGES.items():
        retry_after = MerchantApiError(code).headers().get("Retry-After")
        again = None if retry_after is None else int(retry_after)
        refusals.append(Code(code, status_of(code), message, ADVICE[code], again))
    return [*results, *refusals]


def _refusals(codes: tuple[ResponseCode, ...], refusal: Schema) -> dict[int, Schema]:
    by_status: dict[int, list[ResponseCode]] = {}
    for code in codes:
        by_status.setdefault(status_of(code), []).append(code)
    unreadable = {status: response(f"1024: {why}", refusal) for status, why in _UNREADABLE.items()}
    return unreadable | {
        status: response(
            "\n".join(f"- `{code.value}`: {MESSAGES[code]}. {ADVICE[code]}" for code in listed), refusal
        )
        for status, listed in by_status.items()
    }


def _payer_page() -> Operation:
    page = "text/html"
    described = {name: MERCHANT[name] for name in ("sToken", "trnsID")}
    return Operation(
        path=BASE,
        method="GET",
        operation_id="merchant-page",
        summary="The payer's browser",
        description="Leads to the page where the payer pays, as often as the payer needs it.",
        responses={
            303: with_headers(
                response("To the checkout.", media_type=""), Location="The page where the payer pays."
            ),
            400: response("A page: the address is incomplete.", media_type=page),
            404: response("A page: there is no payment at this address.", media_type=page),
            410: response("A page: the time for this payment is over.", media_type=page),
            429: response("A page: too many visits.", media_type=page),
            500: response("A page: come back in a moment.", media_type=page),
            503: response("A page: come back in a moment.", media_type=page),
        },
        parameters=[
            {"name": name, "in": "query", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in described.items()
        ],
    )


def _token(components: Components) -> Schema:
    answer = failure_answer(_EPOCH)
    return components.sample("TokenAnswer", answer)


def _status(components: Components) -> Schema:
    return components.sample("PaymentDocument", not_found_document())


def _order(components: Components) -> Schema:
    """Who calls is read first, and then the order; on the wire they are one message."""
    components.model(CallerPart)
    _as_text_or_number(components.model(OrderMessage), components)
    caller, order = components.schemas.pop("CallerPart"), components.schemas.pop("OrderMessage")
    return components.schema(
        "OrderMessage",
        {
            "type": "object",
            "description": "An order.",
            "properties": caller["properties"] | order["properties"],
            "required": caller["required"] + order["required"],
        },
    )


def _as_text_or_number(reference: Schema, components: Components) -> Schema:
    """Say of every member that a number does for a text, which the models take wherever they read one."""
    for schema in components.schemas.values():
        if "additionalProperties" not in schema:
            for member in schema.get("properties", {}).values():
                _let_be_number(member)
    return reference


def _let_be_number(member: Schema) -> None:
    for part in (member, *member.get("anyOf", ())):
        if part.get("type") == "string" and not {"const", "enum", "format"} & part.keys():
            part["type"] = ["string", "number"]
