"""SSLCommerz's calls: a session, the validation, and four queries behind one path.

Store and password stand in every call, in its query or its form. The documents require `refund_trans_id`
since 2025; older clients do not send it, so here a refund without one is another refund every time. XML is
not spoken, whatever `format` says. A currency that is not taka is refused and not converted.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import ClassVar
from urllib.parse import urlencode

from typing_extensions import override

from sandbox.kit.institution.amounts import paisa, taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.dialect_family import Dialect
from sandbox.kit.provider.family import InstitutionCall
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, Push, random_text
from sandbox.kit.provider.magic_numbers import ReportedOutcome
from sandbox.kit.provider.orders import PURPOSE, NewOrder, ProviderOrder, RefundState
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.providers.sslcommerz.institutions import (
    AMOUNT_MAX_PAISA,
    AMOUNT_MIN_PAISA,
    STORE_ID,
    movement_name_of,
    timed_name,
    val_id_of,
)
from sandbox.providers.sslcommerz.payment_attempts import (
    SECOND,
    VALIDATED_ON,
    attempts_of,
    is_paid_twice,
    notification_fields,
    second_attempt,
    successful_attempt,
)
from sandbox.providers.sslcommerz.verify_sign import sign_fields

_SESSION, _VALIDATION = "gwprocess/v4/api.php", "validator/api/validationserverAPI.php"
_QUESTIONS = "validator/api/merchantTransIDvalidationAPI.php"
_GET_AND_POST = "GET POST"
# The manual has 30; public clients send a UUID, and the store takes it.
_NAME_LENGTH_MAX, _TEXT_LENGTH_MAX = 36, 255
_URLS = ("success_url", "fail_url", "cancel_url")
_CUSTOMER = ("name", "email", "add1", "city", "postcode", "country", "phone")
_MANDATORY = (
    "product_category",
    "product_name",
    "product_profile",
    "shipping_method",
    *(f"cus_{name}" for name in _CUSTOMER),
)
_STORED_FIELDS = (
    "success_url",
    "fail_url",
    "cancel_url",
    "ipn_url",
    "value_a",
    "value_b",
    "value_c",
    "value_d",
)
_RETURN_URLS = {
    ReportedOutcome.PAID: "success_url",
    ReportedOutcome.PENDING: "success_url",
    ReportedOutcome.CANCELLED: "cancel_url",
}
_OK, _BAD_REQUEST, _UNAUTHORISED = 200, 400, 401
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_REFUND_WORDS = {
    RefundState.DONE: "refunded",
    RefundState.PROCESSING: "processing",
    RefundState.FAILED: "cancelled",
}


def _api_connect_reply(word: str, **more: object) -> Reply:
    return json_reply({"APIConnect": word, **more}, code=word)


def _failed_session(reason: str) -> Reply:
    return json_reply({"status": "FAILED", "failedreason": reason, "sessionkey": ""}, code="FAILED")


def _envelope(status: int, message: str) -> Reply:
    # One form for all calls: it has the members of a session and of the other calls.
    words = {_BAD_REQUEST: "INVALID_REQUEST", _UNAUTHORISED: "FAILED"}
    answer = {"APIConnect": words.get(status, "FAILED"), "status": "FAILED", "failedreason": message}
    return json_reply(answer, code=status, status=_OK if status in words else status)


class SslcommerzV4(Dialect):
    """The dialect of SSLCommerz."""

    errors: ClassVar[Errors] = Errors(_envelope)

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        """Return every call; each may come with GET or POST."""
        return (
            InstitutionCall(
                "session", _GET_AND_POST, _SESSION, partial(session, provider), needs_login=False
            ),
            InstitutionCall("validate", _GET_AND_POST, _VALIDATION, partial(validate, provider)),
            InstitutionCall("ask", _GET_AND_POST, _QUESTIONS, partial(ask, provider)),
        )

    @override
    def is_admitted(self, provider: Provider, request: Request) -> bool:
        return _is_store(provider, request.fields())

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        """Return the form that a browser carries to one of the merchant's three addresses."""
        url = order.facts[_RETURN_URLS.get(message.outcome, "fail_url")]
        return BrowserReturn(url, _signed_fields(provider, order, message), is_post=True)

    @override
    def push(self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> Push | None:
        """Return the IPN, the same form as at the return; None if the merchant named no address for it."""
        url = order.facts["ipn_url"]
        return Push(url, urlencode(_signed_fields(provider, order, message)).encode(), _FORM) if url else None

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return random_text(32)

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return timed_name(provider)

    @override
    def secrets_for_switch(self, password: str) -> Mapping[str, str]:
        return {"STORE_ID": STORE_ID, "STORE_PASSWORD": password}


def _is_store(provider: Provider, form: Form) -> bool:
    """Whether a call carries the store and its password."""
    return form.get("store_id") == STORE_ID and provider.is_password(_text(form, "store_passwd"))


def session(provider: Provider, request: Request) -> Reply:
    """Open a session under the merchant's own name for it."""
    form = request.fields()
    if not _is_store(provider, form):
        return _failed_session("Store Credential Error Or Store is De-active")
    amount_paisa = paisa(form.get("total_amount"))
    wrong = _session_refusal(form, amount_paisa)
    if wrong or amount_paisa is None:
        return _failed_session(wrong)
    facts = {name: _text(form, name) for name in _STORED_FIELDS}
    facts[PURPOSE] = _text(form, "product_name")[:_TEXT_LENGTH_MAX]
    new = NewOrder(_text(form, "tran_id"), amount_paisa, payer=_text(form, "cus_phone"), facts=facts)
    return provider.create(new, partial(_opened_reply, provider))


def validate(provider: Provider, request: Request) -> Reply:
    """Report a good attempt by its own name, VALID the first time and VALIDATED ever after."""
    val_id = _text(request.fields(), "val_id")
    if not val_id:
        return _api_connect_reply("INVALID_REQUEST")
    twice = _validated(provider, val_id.removesuffix(SECOND)) if val_id.endswith(SECOND) else None
    if twice is not None and is_paid_twice(provider, twice):
        return provider.status(twice, partial(_validation_reply, provider, is_second=True))
    return provider.status(_validated(provider, val_id), partial(_validation_reply, provider))


def _validated(provider: Provider, val_id: str) -> ProviderOrder | None:
    order = provider.find_by_provider_name(movement_name_of(val_id))
    return order if order is not None and val_id_of(order) == val_id else None


def ask(provider: Provider, request: Request) -> Reply:
    """Answer one of the four questions; which it is, its fields say."""
    form = request.fields()
    questions: Mapping[str, Callable[[Provider, Form], Reply]] = {
        "refund_ref_id": _refund_status,
        "refund_amount": _refund,
        "sessionkey": _by_session,
        "tran_id": _by_tran_id,
    }
    question = next((answer for name, answer in questions.items() if _text(form, name)), None)
    return _api_connect_reply("INVALID_REQUEST") if question is None else question(provider, form)


def _session_refusal(form: Form, amount_paisa: int | None) -> str:
    """Return why a session is refused, in words that begin with the name of a field, or nothing."""
    missing = next((name for name in _MANDATORY if not _text(form, name)), "")
    if missing:
        return f"{missing} is missing"
    if not 0 < len(_text(form, "tran_id")) <= _NAME_LENGTH_MAX:
        return f"tran_id must have 1 to {_NAME_LENGTH_MAX} characters"
    if amount_paisa is None or not AMOUNT_MIN_PAISA <= amount_paisa <= AMOUNT_MAX_PAISA:
        return "total_amount must be from 10.00 to 500000.00"
    if _text(form, "currency") != "BDT":
        return "currency must be BDT"
    urls = [name for name in (*_URLS, "ipn_url") if name in _URLS or _text(form, name)]
    return next((f"{name} is no address" for name in urls if not _is_address(form, name)), "")


def _is_address(form: Form, name: str) -> bool:
    url = _text(form, name)
    return len(url) <= _TEXT_LENGTH_MAX and is_web_address(url)


def _opened_reply(provider: Provider, order: ProviderOrder | Refusal) -> Reply:
    if isinstance(order, Refusal):
        is_used = order is Refusal.DUPLICATE
        return _failed_session("tran_id was used before" if is_used else "the store is not active")
    page_url = provider.page_url(order)
    return json_reply(
        {
            "status": "SUCCESS",
            "failedreason": "",
            "sessionkey": order.provider_reference,
            "gw": {"visa": "brac_visa", "mobilebanking": "dbblmobilebanking"},
            "redirectGatewayURL": page_url,
            "GatewayPageURL": page_url,
            "storeBanner": "",
            "storeLogo": "",
            "desc": [{"name": "VISA", "type": "visa", "logo": "", "gw": "brac_visa"}],
        },
        code="SUCCESS",
    )


def _validation_reply(
    provider: Provider, report: ReportedOrder | Refusal, *, is_second: bool = False
) -> Reply:
    if isinstance(report, Refusal):
        return _api_connect_reply("DONE", status="INVALID_TRANSACTION")
    attempt = second_attempt(provider, report) if is_second else successful_attempt(provider, report)
    on = report.order.facts.get(VALIDATED_ON) or _time(provider.clock.now())
    provider.keep(report.order, **{VALIDATED_ON: on})
    values = {name: report.order.facts[name] for name in _STORED_FIELDS if name.startswith("value_")}
    more = {"emi_instalment": "0", "emi_amount": "0.00", "gw_version": ""}
    more |= {"discount_amount": "0.00", "discount_percentage": "0.00", "discount_remarks": ""}
    return _api_connect_reply("DONE", **attempt, **values, **more, validated_on=on)


def _by_tran_id(provider: Provider, form: Form) -> Reply:
    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        rows = [] if isinstance(report, Refusal) else list(attempts_of(provider, report))
        return _api_connect_reply("DONE", no_of_trans_found=len(rows), element=rows)

    return provider.status(provider.find(_text(form, "tran_id")), to_reply)


def _by_session(provider: Provider, form: Form) -> Reply:
    def to_reply(report: ReportedOrder | Refusal) -> Reply:
        if isinstance(report, Refusal):
            return _api_connect_reply("DONE", status="INVALID_TRANSACTION")
        rows = list(attempts_of(provider, report))
        # Clients of a session that nobody has paid yet compare its amount and currency all the same.
        pending = {
            "status": "PENDING",
            "tran_id": report.order.reference,
            "amount": taka(report.order.amount_paisa),
            "currency": "BDT",
        }
        row = rows[-1] if rows else pending
        return _api_connect_reply("DONE", sessionkey=report.order.provider_reference, **row)

    order = provider.find_by_provider_name(_text(form, "sessionkey"))
    is_session = order is not None and order.provider_reference == _text(form, "sessionkey")
    return provider.status(order if is_session else None, to_reply)


def _refund(provider: Provider, form: Form) -> Reply:
    name, reference = _text(form, "bank_tran_id"), _text(form, "refund_trans_id")
    if len(reference) > _NAME_LENGTH_MAX or not name:
        return _api_connect_reply("INVALID_REQUEST")
    order = provider.find_by_provider_name(name)
    is_movement = order is not None and order.transaction_id == name
    facts = {field: _text(form, field)[:_TEXT_LENGTH_MAX] for field in ("refund_remarks", "refe_id")}
    new = NewRefund(paisa(form.get("refund_amount")) or 0, reference, facts)
    return provider.refund(order if is_movement else None, new, partial(_refund_reply, name))


def _refund_reply(name: str, returned: RefundResult | Refusal) -> Reply:
    if isinstance(returned, Refusal):
        failed = {"trans_id": "", "refund_ref_id": "", "status": "failed", "errorReason": returned.value}
        return _api_connect_reply("DONE", bank_tran_id=name, **failed)
    return _api_connect_reply(
        "DONE",
        bank_tran_id=name,
        trans_id=returned.order.reference,
        refund_ref_id=returned.refund.refund_id,
        status="processing" if returned.is_repeat else "success",
        errorReason="",
    )


def _refund_status(provider: Provider, form: Form) -> Reply:
    def to_reply(returned: RefundResult | Refusal) -> Reply:
        if isinstance(returned, Refusal) or returned.refund.refund_id != name:
            return _api_connect_reply("INVALID_REQUEST")
        order, refund = returned.order, returned.refund
        is_done = refund.state is RefundState.DONE
        return _api_connect_reply(
            "DONE",
            bank_tran_id=order.transaction_id,
            tran_id=order.reference,
            refund_ref_id=refund.refund_id,
            initiated_on=_time(datetime.fromisoformat(refund.asked_at)),
            refunded_on=_time(refund.done) if is_done else "",
            status=_REFUND_WORDS[refund.state],
        )

    name = _text(form, "refund_ref_id")
    return provider.refund_status(name, to_reply)


def _signed_fields(provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage) -> dict[str, str]:
    password = provider.settings.password.get_secret_value()
    return sign_fields(
        notification_fields(provider, order, message), "wrong" if message.is_forged else password
    )


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(DHAKA):%Y-%m-%d %H:%M:%S}"


def _text(form: Form, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
