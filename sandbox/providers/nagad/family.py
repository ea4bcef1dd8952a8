"""Nagad's four calls (DFS API v-0.2.0).

The payer's PIN on the page takes the money; nothing is pushed, and the answer of verify is not signed. The
first call burns an order's name, the second one names the amount. A refund has no idempotency by its
reference: a second one is refused because a payment is refunded once.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

import orjson
from typing_extensions import override

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.clock import DHAKA, Clock, dhaka_day
from sandbox.kit.institution.http_request import Request
from sandbox.kit.institution.pages import is_web_address
from sandbox.kit.institution.replies import Errors, Reply, json_reply
from sandbox.kit.institution.requests import Form, MalformedRequestError, text_field
from sandbox.kit.provider.call_results import RefundResult, Refusal, ReportedOrder
from sandbox.kit.provider.family import InstitutionCall, ProviderFamily
from sandbox.kit.provider.hooks import BrowserReturn, OpenProvider, OutcomeMessage, random_text
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.magic_numbers import PayerKindRow, ReportedOutcome
from sandbox.kit.provider.orders import LANGUAGE, PURPOSE, NewOrder, OrderState, ProviderOrder
from sandbox.kit.provider.provider import Provider
from sandbox.kit.provider.refunds import NewRefund
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.nagad.admin_api import NagadAdminApi
from sandbox.providers.nagad.encryption import DecryptionError, EncryptionDefect, WrongSignatureError
from sandbox.providers.nagad.institutions import (
    ENCRYPTION_DEFECT,
    FAMILY,
    INSTITUTIONS,
    MERCHANT_ID,
    OWN_KINDS,
    STATUS,
)
from sandbox.providers.nagad.keys import load_or_make_keys
from sandbox.providers.nagad.replies import (
    BDT,
    ERRORS,
    PRICED,
    error_reply,
    refund_members,
    refusal_reply,
    verification_reply,
)

_API = "api/dfs"
_VERSION = "v-0.2.0"
_ORDER_ID = re.compile(r"[A-Za-z0-9]{5,20}")
_MOMENT = re.compile(r"[0-9]{14}")
# What Nagad gives has 40 characters; public clients send from 20 to 45.
_CHALLENGE_LENGTH, _CHALLENGE_LENGTH_MAX = 40, 64
_SERVICE_NAME_LENGTH_MAX, _LOCALE_LENGTH_MAX = 25, 8
_RETURN_WORDS = {
    ReportedOutcome.PAID: ("Success", "00_0000_000"),
    ReportedOutcome.DECLINED: ("Failed", "99_0000_001"),
    ReportedOutcome.CANCELLED: ("Cancelled", "99_0000_002"),
    ReportedOutcome.EXPIRED: ("Aborted", "99_0000_003"),
}


class NagadFamily(ProviderFamily):
    """Nagad, a wallet."""

    name: ClassVar[str] = "NAGAD"
    family: ClassVar[str] = FAMILY
    errors: ClassVar[Errors] = ERRORS
    institutions: ClassVar[tuple[ProviderInstitution, ...]] = INSTITUTIONS
    own_kinds: ClassVar[tuple[PayerKindRow, ...]] = OWN_KINDS
    pushes_on: ClassVar[frozenset[OrderState]] = frozenset()

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        """Open book and keys below `settings.home`.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
            UnreadableKeysError: the file of keys there is none.
        """
        self.keys = load_or_make_keys(settings.home)
        super().__init__(settings, clock)
        self.seal = self.keys.seal
        self.pending_defects: deque[EncryptionDefect] = deque()
        """What is to be wrong with the next encrypted answers."""

    @override
    def admin_api(self) -> NagadAdminApi:
        return NagadAdminApi(self)

    @classmethod
    @override
    def secrets_for_switch(cls, institution: ProviderInstitution, password: str) -> Mapping[str, str]:
        # The keys are the home's: see `settings_of_home`.
        return {"MERCHANT_ID": MERCHANT_ID}

    @classmethod
    @override
    def settings_of_home(cls, home: Path) -> Mapping[str, str]:
        return load_or_make_keys(home).for_switch()

    def keys_for_switch(self) -> Mapping[str, str]:
        """Return what `settings_of_home` does, of the home that this family is open in."""
        return self.keys.for_switch()

    @override
    def institution_calls(self, provider: Provider) -> Iterable[InstitutionCall]:
        start, complete = "check-out/initialize/{merchant}/{order}", "check-out/complete/{payment}"
        return (
            InstitutionCall("initialise", "POST", f"{_API}/{start}", partial(self.initialise, provider)),
            InstitutionCall("complete", "POST", f"{_API}/{complete}", partial(self.complete, provider)),
            InstitutionCall(
                "verify", "GET", f"{_API}/verify/payment/{{payment}}", partial(self.verify, provider)
            ),
            InstitutionCall("cancel", "POST", f"{_API}/purchase/cancel", partial(self.cancel, provider)),
        )

    @override
    def browser_return(
        self, provider: OpenProvider, order: ProviderOrder, message: OutcomeMessage
    ) -> BrowserReturn | None:
        # There is no status for a pending payment: the browser stays until it is decided.
        if message.outcome not in _RETURN_WORDS:
            return None
        status, code = _RETURN_WORDS[message.outcome]
        fields = {
            "merchant": MERCHANT_ID,
            "order_id": order.reference,
            "payment_ref_id": order.provider_reference,
            "status": status,
            "status_code": code,
            "message": f"the payment is {message.outcome}",
            "payment_dt": f"{message.at.astimezone(DHAKA):%Y%m%d%H%M%S}",
            "issuer_payment_ref": order.transaction_id,
        }
        return BrowserReturn(order.facts["callback_url"], fields) if "callback_url" in order.facts else None

    @override
    def new_provider_reference(self, provider: OpenProvider, new: NewOrder) -> str:
        return f"{provider.clock.now().astimezone(DHAKA):%m%d%H%M%S}{random_text(22)}"

    @override
    def new_transaction_id(self, provider: OpenProvider, order: ProviderOrder) -> str:
        return random_text(8)

    def initialise(self, provider: Provider, request: Request) -> Reply:
        """Make an order known; its name is burnt with that."""
        form = _read_form(request)
        sealed = self._decrypt(form, "sensitiveData")
        if isinstance(sealed, Reply):
            return sealed
        order_id = request.values["order"]
        if request.values["merchant"] != MERCHANT_ID:
            return ERRORS.unauthorised
        if not _ORDER_ID.fullmatch(order_id) or sealed.get("orderId") != order_id:
            return error_reply("InvalidOrderId", "5 to 20 letters and digits, twice the same")
        if not _MOMENT.fullmatch(text_field(sealed, "datetime")):
            raise MalformedRequestError("datetime must be yyyyMMddHHmmss")
        _challenge_of(sealed)
        payer = form.get("accountNumber")
        # The locale of the page is no field of the form but of the address.
        facts = {LANGUAGE: request.query.get("locale", "")[:_LOCALE_LENGTH_MAX]}
        new = NewOrder(order_id, 0, payer=payer if isinstance(payer, str) else "", facts=facts)
        wrong = provider.payers.behaviour(new.payer).facts.get(ENCRYPTION_DEFECT, "")
        return provider.create(new, partial(self._initialised_reply, provider, wrong))

    def complete(self, provider: Provider, request: Request) -> Reply:
        """Take the amount of an order and answer with its page."""
        form = _read_form(request)
        sealed = self._decrypt(form, "sensitiveData")
        if isinstance(sealed, Reply):
            return sealed
        order = provider.find_by_provider_name(request.values["payment"])
        if order is None or order.provider_reference != request.values["payment"]:
            return refusal_reply(Refusal.UNKNOWN)
        if sealed.get("currencyCode") != BDT:
            return error_reply("InvalidCurrency", "050 and no other")
        amount_paisa, callback_url = paisa(sealed.get("amount")), form.get("merchantCallbackURL")
        is_same = PRICED not in order.facts or amount_paisa == order.amount_paisa
        is_right = is_same and is_web_address(callback_url) and _continues_order(order, sealed)
        if not amount_paisa or not is_right:
            return error_reply("InvalidPurchaseInformation", "amount, order, challenge or callback")
        facts = {
            "callback_url": str(callback_url),
            "info": _info(form),
            PURPOSE: _service_name(form),
            PRICED: "yes",
        }
        return provider.prepare(order, partial(_completion_reply, provider, amount_paisa, facts))

    def verify(self, provider: Provider, request: Request) -> Reply:
        """Report what has become of a payment, by its reference alone, without authentication."""
        order = provider.find_by_provider_name(request.values["payment"])
        if order is not None and order.provider_reference != request.values["payment"]:
            order = None

        def to_reply(report: ReportedOrder | Refusal) -> Reply:
            word = "" if order is None else provider.behaviour(order).facts.get(STATUS, "")
            return verification_reply(report, word)

        return provider.status(order, to_reply)

    def cancel(self, provider: Provider, request: Request) -> Reply:
        """Give a payment back, or a part of it, once."""
        sealed = self._decrypt(_read_form(request), "sensitiveDataCancelRequest")
        if isinstance(sealed, Reply):
            return sealed
        order = _order_of_query(provider, request.query)
        original, amount_paisa = paisa(sealed.get("originalAmount")), paisa(sealed.get("cancelAmount"))
        if order is not None and (original != order.amount_paisa or not _concerns_order(order, sealed)):
            return error_reply("InvalidPurchaseInformation", "another amount, day, order or payment")
        facts = {"reference_no": text_field(sealed, "referenceNo")}
        new = NewRefund(amount_paisa or 0, facts=facts)
        return provider.refund(order, new, partial(self._refund_reply, provider))

    def _decrypt(self, form: Form, member: str) -> Form | Reply:
        try:
            sealed = self.seal.open(form.get(member), form.get("signature"))
        except DecryptionError:
            return error_reply("DecryptionError", "what came cannot be decrypted")
        except WrongSignatureError:
            return error_reply("SignatureVerificationFailed", "the merchant has not signed this")
        return sealed if sealed.get("merchantId") == MERCHANT_ID else ERRORS.unauthorised

    def _encrypted_reply(self, fields: Mapping[str, object], wrong: str) -> Reply:
        pending_defects = self.pending_defects.popleft() if self.pending_defects else None
        return json_reply(
            self.seal.close(fields, pending_defects or (EncryptionDefect(wrong) if wrong else None))
        )

    def _initialised_reply(self, provider: Provider, wrong: str, order: ProviderOrder | Refusal) -> Reply:
        if isinstance(order, Refusal):
            return refusal_reply(order)
        challenge = random_text(_CHALLENGE_LENGTH, "0123456789abcdef")
        provider.keep(order, challenge=challenge)
        fields = {
            "paymentReferenceId": order.provider_reference,
            "acceptDateTime": f"{provider.clock.now().astimezone(DHAKA):%Y%m%d%H%M%S}",
            "challenge": challenge,
        }
        return self._encrypted_reply(fields, wrong)

    def _refund_reply(self, provider: Provider, returned: RefundResult | Refusal) -> Reply:
        if isinstance(returned, Refusal):
            return refusal_reply(Refusal.NOT_PAID if returned is Refusal.REFUSED else returned)
        wrong = provider.behaviour(returned.order).facts.get(ENCRYPTION_DEFECT, "")
        return self._encrypted_reply(refund_members(returned.order, returned.refund), wrong)


def _completion_reply(
    provider: Provider, amount_paisa: int, facts: dict[str, str], order: ProviderOrder | Refusal
) -> Reply:
    if isinstance(order, Refusal):
        return refusal_reply(order)
    if provider.state(order) is not OrderState.OPENED:
        return refusal_reply(Refusal.OVER)
    provider.set_amount(order, amount_paisa)
    provider.keep(order, **facts)
    return json_reply({"callBackUrl": provider.page_url(order), "status": "Success"})


def _read_form(request: Request) -> Form:
    if request.headers.get("x-km-api-version") != _VERSION:
        raise MalformedRequestError(f"X-KM-Api-Version must be {_VERSION}")
    return request.fields()


def _challenge_of(sealed: Form) -> str:
    challenge = text_field(sealed, "challenge")
    if len(challenge) > _CHALLENGE_LENGTH_MAX:
        raise MalformedRequestError(f"challenge must not be longer than {_CHALLENGE_LENGTH_MAX}")
    return challenge


def _continues_order(order: ProviderOrder, sealed: Form) -> bool:
    """Whether what is sealed carries on with what the first call began."""
    is_ours = sealed.get("orderId") == order.reference
    return is_ours and _challenge_of(sealed) == order.facts["challenge"]


def _info(form: Form) -> str:
    info = form.get("additionalMerchantInfo")
    return orjson.dumps(info).decode() if isinstance(info, dict) else ""


def _service_name(form: Form) -> str:
    """Return the name of the service, which the page shows; empty where there is none."""
    info = form.get("additionalMerchantInfo")
    name = info.get("serviceName") if isinstance(info, dict) else None
    return name[:_SERVICE_NAME_LENGTH_MAX] if isinstance(name, str) else ""


def _order_of_query(provider: Provider, query: Mapping[str, str]) -> ProviderOrder | None:
    """Return the payment that a query names, by one name or by both."""
    named = [
        provider.find(query["orderId"]) if "orderId" in query else None,
        provider.find_by_provider_name(query["paymentRefId"]) if "paymentRefId" in query else None,
    ]
    candidates = [
        order for order, name in zip(named, ("orderId", "paymentRefId"), strict=True) if name in query
    ]
    return candidates[0] if candidates and all(order is candidates[0] for order in candidates) else None


def _concerns_order(order: ProviderOrder, sealed: Form) -> bool:
    """Whether what is sealed is about this order, by its day, and by its names where it has them."""
    days = {order.creation_time, datetime.fromisoformat(order.decided_at or order.created_at)}
    written = {f"{dhaka_day(day):%Y%m%d}" for day in days}
    names = {"orderId": order.reference, "paymentRefId": order.provider_reference}
    is_named = all(sealed.get(name, right) == right for name, right in names.items())
    return is_named and sealed.get("originalRequestDate") in written
