"""The document of REST v1, from its routes, messages, documents and problems."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ekpay_switch.api.reference.document import Code, Operation, openapi, response, with_headers
from ekpay_switch.api.reference.member_meanings import REST_V1
from ekpay_switch.api.reference.schemas import Components, Schema
from ekpay_switch.api.v1.documents import (
    PaymentDocument,
    RaisedBillDocument,
    RaisedBillsDocument,
    RefundDocument,
    RefundsDocument,
)
from ekpay_switch.api.v1.messages import (
    BillQuery,
    CancelMessage,
    Message,
    PaymentMessage,
    RaiseMessage,
    RefundMessage,
    TryMessage,
)
from ekpay_switch.api.v1.problems import MEANINGS, MEDIA_TYPE, ProblemCode, ProblemDocument
from ekpay_switch.api.v1.routes import BILLS_PATH, ROUTES

_DESCRIPTION = """\
Collect a payment from a payer for a bill.
Amounts are whole paisa, instants are RFC 3339 in UTC, and unknown members are refused.
Every refusal is a problem document (RFC 9457): branch on its `code`.
The whole contract is in docs/rest-v1.md."""
_EVERYWHERE = (
    ProblemCode.BAD_REQUEST, ProblemCode.UNAUTHENTICATED, ProblemCode.REQUEST_TIMEOUT,
    ProblemCode.BODY_TOO_LARGE, ProblemCode.RATE_LIMITED, ProblemCode.HEADERS_TOO_LARGE,
    ProblemCode.INTERNAL_ERROR, ProblemCode.BUSY,
)  # fmt: skip
_WITH_BODY = (
    ProblemCode.INVALID_JSON,
    ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    ProblemCode.VALIDATION_FAILED,
)
_WITH_KEY = (ProblemCode.KEY_MISSING, ProblemCode.KEY_INVALID, ProblemCode.KEY_REUSED)
_OF_AN_INSTRUMENT = (
    ProblemCode.UNKNOWN_INSTRUMENT, ProblemCode.AMOUNT_OUT_OF_RANGE, ProblemCode.INSTRUMENT_UNAVAILABLE,
)  # fmt: skip
_OF_AN_ISSUER = (ProblemCode.UNKNOWN_BILLER, ProblemCode.NOT_AN_ISSUER)
# By the name of the route; what the framework refuses before it is in `_EVERYWHERE`.
PROBLEMS: Mapping[str, Sequence[ProblemCode]] = MappingProxyType(
    {
        "v1-create": (
            *_WITH_BODY, *_WITH_KEY, *_OF_AN_INSTRUMENT,
            ProblemCode.BILL_ALREADY_PAID, ProblemCode.BILL_ALREADY_IN_PROGRESS, ProblemCode.AMOUNT_MISMATCH,
            ProblemCode.UNKNOWN_BILLER, ProblemCode.BILL_NOT_FOUND, ProblemCode.RETURN_URL_NOT_ALLOWED,
            ProblemCode.BILLER_UNAVAILABLE,
        ),
        "v1-look-up": (),
        "v1-try": (*_WITH_BODY, *_OF_AN_INSTRUMENT, ProblemCode.PAYMENT_NOT_PAYABLE),
        "v1-cancel": (*_WITH_BODY, ProblemCode.PAYMENT_NOT_CANCELLABLE),
        "v1-refund": (
            *_WITH_BODY, *_WITH_KEY,
            ProblemCode.NOT_REFUNDABLE, ProblemCode.PAYMENT_IS_FINAL, ProblemCode.CURRENCY_MISMATCH,
            ProblemCode.REFUND_EXCEEDS_REMAINING, ProblemCode.TOO_MANY_REFUNDS,
            ProblemCode.REFUND_PERIOD_OVER, ProblemCode.DEBT_LIMIT_REACHED,
        ),
        "v1-refunds": (),
        "v1-raise": (*_WITH_BODY, *_OF_AN_ISSUER, ProblemCode.BILL_EXISTS, ProblemCode.BILL_NOT_VALID),
        "v1-bill": (*_OF_AN_ISSUER, ProblemCode.NOT_FOUND, ProblemCode.VALIDATION_FAILED),
    }
)  # fmt: skip
_SUMMARIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "v1-create": (
            "Make a payment",
            "Opens the instrument's page. The same key with the same bytes is the same payment for ever.",
        ),
        "v1-look-up": ("Look a payment up", "From our books, at any time, without asking anybody."),
        "v1-try": (
            "Begin another try",
            "Opens a new page, of another instrument if you like; the page before it is dead.",
        ),
        "v1-cancel": ("Cancel a payment", "While no money was asked for. Send no body, or an empty object."),
        "v1-refund": (
            "Refund a paid payment",
            "Whole or in part. The same key with the same bytes answers the same refund.",
        ),
        "v1-refunds": ("List the refunds of a payment", "All of them, the oldest first."),
        "v1-raise": (
            "Raise bills of your office",
            "All or none. The same bills again are answered with the notices that they have.",
        ),
        "v1-bill": ("Look a bill of your office up", "As it stands, with the code of its notice."),
    }
)
_BODIES: Mapping[str, type] = MappingProxyType(
    {
        "v1-create": PaymentMessage,
        "v1-try": TryMessage,
        "v1-cancel": CancelMessage,
        "v1-refund": RefundMessage,
        "v1-raise": RaiseMessage,
    }
)
EXAMPLES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "v1-create": {
            "a DESCO bill by bKash": {
                "biller": "b025",
                "parameters": {"bill_no": "092512345678"},
                "amount": 105_000,
                "currency": "BDT",
                "instrument": "bkash",
                "return_url": "https://shop.example/done?order=7",
            }
        },
        "v1-try": {"the same wallet again": {"instrument": "bkash"}},
        "v1-cancel": {"an empty object": {}},
        "v1-refund": {
            "a part": {"amount": 50_000, "currency": "BDT", "reason": "paid for the wrong meter"},
        },
        "v1-raise": {
            "a bill of a union council": {
                "biller": "b9093",
                "bills": [
                    {
                        "bill_no": "HT-2026-17",
                        "parameters": {"union_id": "26140011", "holding_no": "HT-00017", "year": "2026"},
                        "amount": 123_450,
                        "late_fee": 2_500,
                        "due_on": "2026-12-31",
                        "customer_name": "Rahima Khatun",
                        "period": "2026",
                    }
                ],
            }
        },
    }
)
_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Made by you before you send; 16 to 64 of A-Z a-z 0-9 _ and -, such as a UUID.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"},
    "example": "5f0c7a52-8a55-4a43-9a54-0d8b6e2f9b11",
}
_PAYMENT_ID: Schema = {
    "name": "payment_id",
    "in": "path",
    "required": True,
    "description": "The `id` of a payment of yours; one of another client is answered like an unknown one.",
    "schema": {"type": "string", "pattern": "^pay_[0-9a-f]{32}$"},
    "example": "pay_0196f0c8a4b27d3e9c5b7a1d2e3f4a5b",
}
_OF_BILL: Mapping[str, str] = MappingProxyType({"biller": "b9093", "bill_no": "HT-2026-17"})
_API_KEY: Schema = {"type": "http", "scheme": "bearer", "description": "Your API key, `sk_…`."}


def rest_v1_document() -> dict[str, Any]:
    """REST v1 as an OpenAPI 3.1 document."""
    components = Components(REST_V1)
    problem = components.model(ProblemDocument)
    operations = [
        _operation(path, method, name, components, problem)
        for path, acts in ROUTES.items()
        for method, (name, _) in acts.items()
    ]
    codes = [
        Code(code, meaning.status, meaning.title, meaning.advice, meaning.retry_after_s)
        for code, meaning in MEANINGS.items()
    ]
    return openapi(
        "REST v1",
        "1",
        _DESCRIPTION,
        operations,
        components,
        codes=codes,
        security_schemes={"apiKey": _API_KEY},
    )


def _operation(path: str, method: str, name: str, components: Components, problem: Schema) -> Operation:
    summary, description = _SUMMARIES[name]
    body = _BODIES.get(name)
    names_payment = "{payment_id}" in path
    parameters = [_PAYMENT_ID] if names_payment else []
    parameters += _query(BillQuery, _OF_BILL) if name == "v1-bill" else []
    parameters += [_KEY] if ProblemCode.KEY_MISSING in PROBLEMS[name] else []
    unknown = [ProblemCode.NOT_FOUND] if names_payment else []
    return Operation(
        path=path,
        method=method,
        operation_id=name,
        summary=summary,
        description=description,
        responses=(_bill_successes if path == BILLS_PATH else _successes)(name, components)
        | _refusals([*_EVERYWHERE, *unknown, *PROBLEMS[name]], problem),
        body=None if body is None else components.model(body),
        is_body_required=body is not CancelMessage,
        examples=EXAMPLES.get(name, {}),
        parameters=parameters,
        security=[{"apiKey": []}],
    )


def _query(kind: type[Message], examples: Mapping[str, str]) -> list[Schema]:
    """The members of a query as parameters, each with its example."""
    return [
        {
            "name": name,
            "in": "query",
            "required": True,
            "description": schema["description"],
            "schema": {key: value for key, value in schema.items() if key not in ("description", "title")},
            "example": examples[name],
        }
        for name, schema in kind.model_json_schema()["properties"].items()
    ]


def _successes(name: str, components: Components) -> dict[int, Schema]:
    payment, refund = components.model(PaymentDocument), components.model(RefundDocument)
    replayed = {"Idempotent_Replayed": "`true`: it came before, and nothing was done again."}
    location = {"Location": "The path of the payment."}
    match name:
        case "v1-create":
            return {
                200: with_headers(response("A repeat: the payment as it stands now.", payment), **replayed),
                201: with_headers(response("The payment, with the payer's page.", payment), **location),
                202: with_headers(response("It took longer: look the payment up.", payment), **location),
            }
        case "v1-try":
            return {
                201: with_headers(response("The payment, with a new page.", payment), **location),
                202: with_headers(response("It took longer: look the payment up.", payment), **location),
            }
        case "v1-refund":
            return {
                200: with_headers(response("A repeat: the refund as it stands now.", refund), **replayed),
                201: response("The refund.", refund),
            }
        case "v1-refunds":
            return {200: response("The refunds.", components.model(RefundsDocument))}
        case _:
            return {200: response("The payment.", payment)}


def _bill_successes(name: str, components: Components) -> dict[int, Schema]:
    if name == "v1-bill":
        return {200: response("The bill.", components.model(RaisedBillDocument))}
    raised = components.model(RaisedBillsDocument)
    replayed = {"Idempotent_Replayed": "`true`: they came before, and nothing was raised again."}
    return {
        200: with_headers(response("A repeat: the bills as they stand now.", raised), **replayed),
        201: response("The bills, each with the code of its notice.", raised),
    }


def _refusals(codes: Sequence[ProblemCode], problem: Schema) -> dict[int, Schema]:
    """Every refusal of a call by its status, with its codes and what to do about each."""
    by_status: dict[int, list[ProblemCode]] = {}
    for code in sorted(set(codes)):
        by_status.setdefault(MEANINGS[code].status, []).append(code)
    return {
        status: response(
            "\n".join(f"- `{code}`: {MEANINGS[code].title}. {MEANINGS[code].advice}" for code in listed),
            {"allOf": [problem, {"properties": {"code": {"enum": [code.value for code in listed]}}}]},
            MEDIA_TYPE,
        )
        for status, listed in by_status.items()
    }
