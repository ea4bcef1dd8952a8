"""bKash behind one port: the dispatch of its calls, and the checks before them.

Calls of the tokenised product stand below the prefix of version 1.2.0-beta, refunds of version 2 at the root
of the host, those of the product with a frame below a prefix of their own in two versions, and pages and
script on the same port. Every call is synchronous and runs to its end before the next begins.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from hmac import compare_digest
from typing import ClassVar, NamedTuple

from typing_extensions import override

from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import Call, FarSide, Headers
from sandbox.kit.institution.faults import StepFaults
from sandbox.kit.institution.http_request import Request, Route
from sandbox.kit.institution.pages import PageHandler, PageVisit
from sandbox.kit.institution.replies import Errors, Reply, page_reply
from sandbox.kit.institution.requests import Form, json_object
from sandbox.providers.bkash import replies
from sandbox.providers.bkash.admin_api import BkashAdminApi
from sandbox.providers.bkash.agreement_calls import AgreementCalls
from sandbox.providers.bkash.book import BkashBook
from sandbox.providers.bkash.checkout import BkashCheckout
from sandbox.providers.bkash.checkout_script import SCRIPT_PATH, script_reply
from sandbox.providers.bkash.faults import BkashStep
from sandbox.providers.bkash.frame_calls import FrameCalls
from sandbox.providers.bkash.notification_delivery import NotificationSender
from sandbox.providers.bkash.notifications import STRANGER, Composer, Sender, Signer
from sandbox.providers.bkash.payment_calls import PaymentCalls
from sandbox.providers.bkash.payment_steps import PAGE_PATH
from sandbox.providers.bkash.refund_calls import RefundCalls
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.shared_state import IN_FRAME, BkashSharedState
from sandbox.providers.bkash.token_calls import TokenCalls
from sandbox.providers.bkash.tokens import BkashTokenState
from sandbox.providers.bkash.wallets import BkashWallets

_FRAME_BASE = r"/v1\.[12]\.0-beta/checkout"
_BEARER = b"bearer "
_BAD_TOKEN = {
    BkashTokenState.EXPIRED: replies.TOKEN_EXPIRED,
    BkashTokenState.UNKNOWN: replies.ERRORS.unauthorised,
}


class PathCall(NamedTuple):
    """A call that names in its path what it is about; the names in the pattern are those of the fields."""

    method: str
    pattern: re.Pattern[str]
    call: Call


@dataclass(frozen=True)
class BkashInstitution(FarSide):
    """bKash: its institution, its page, and the key its notifications are signed with."""

    name: ClassVar[str] = "bKash"
    base_path: ClassVar[str] = "/v1.2.0-beta/tokenized/checkout"
    errors: ClassVar[Errors] = replies.ERRORS

    shared: BkashSharedState
    checkout: BkashCheckout
    signer: Signer

    @classmethod
    def open(cls, settings: BkashSettings, clock: Clock) -> "BkashInstitution":
        """Open the book below `settings.home`, replaying its journal.

        Raises:
            BookOfAnotherWorldError: the book was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: the journal cannot be read.
        """
        book = BkashBook(settings.journal_path, settings.seed, clock.today())
        sender = Sender(settings.sns_topic_arn, settings.merchant_name, settings.short_code)
        signer = Signer(clock.now())
        composer = Composer(sender, signer, Signer(clock.now(), STRANGER))
        shared = BkashSharedState(
            settings=settings,
            clock=clock,
            wallets=BkashWallets(settings.accounts),
            book=book,
            faults=StepFaults(BkashStep),
            notifications=NotificationSender(settings, book, clock, composer),
        )
        return cls(shared, BkashCheckout(shared), signer)

    @override
    def calls(self) -> Mapping[str, Call]:
        payments, refunds = PaymentCalls(self.shared), RefundCalls(self.shared)
        tokens, agreements = TokenCalls(self.shared), AgreementCalls(self.shared)
        return {
            "token/grant": Call("grant", tokens.grant, needs_login=False),
            "token/refresh": Call("refresh", tokens.refresh, needs_login=False),
            "create": Call("create", payments.create),
            "execute": Call("execute", payments.execute),
            # Clients who authorise call it so.
            "payment/create": Call("create", payments.create),
            "payment/confirm/capture": Call("capture", payments.capture),
            "payment/confirm/void": Call("void", payments.void),
            "payment/confirm/capture/void": Call("void", payments.void),
            "payment/status": Call("status", payments.status),
            "agreement/status": Call("agreement_status", agreements.status),
            "agreement/cancel": Call("agreement_cancel", agreements.cancel),
            "general/searchTransaction": Call("search", payments.search),
            "payment/refund": Call("refund", refunds.refund),
            "payment/refund/status": Call("refund_status", refunds.refund_status),
        }

    @override
    def root_calls(self) -> Mapping[str, Call]:
        refunds = RefundCalls(self.shared)
        return {
            "/v2/tokenized-checkout/refund/payment/transaction": Call("refund_v2", refunds.refund_v2),
            "/v2/tokenized-checkout/refund/payment/status": Call(
                "refund_status_v2", refunds.refund_status_v2
            ),
        }

    @override
    def route(self, method: str, path: str) -> Route | None:
        if SCRIPT_PATH.fullmatch(path) is not None and method == "GET":
            return Route("script", lambda request: script_reply(self._address(request)))
        for path_call in self._path_calls:
            match = path_call.pattern.fullmatch(path)
            if match is not None:
                values = match.groupdict()
                if method != path_call.method:
                    return Route("other", lambda _request: self.errors.wrong_method)
                return Route(path_call.call.name, partial(self._answer_path_call, path_call.call, values))
        return None

    @override
    def pages(self) -> Mapping[str, PageHandler]:
        return {
            PAGE_PATH: self.checkout.visit,
            f"{PAGE_PATH}/frame": self.checkout.visit_in_frame,
            "/": self._confirm_subscription,
        }

    @override
    def set_origin(self, origin: str) -> None:
        self.shared.whereabouts.origin = origin

    @override
    async def work(self) -> None:
        await self.shared.notifications.work()

    @override
    def check_headers(self, call: Call, headers: Headers) -> Reply | None:
        if self.shared.book.tokens.is_blocked(self.shared.clock.now()):
            return replies.APP_BLOCKED
        values = dict(headers)
        if not call.needs_login:
            return None if self._knows_user(values) else replies.ERRORS.unauthorised
        token = values.get(b"authorization", b"")
        if token[: len(_BEARER)].lower() == _BEARER:
            token = token[len(_BEARER) :]
        standing = self.shared.book.tokens.standing(token.decode("latin-1").strip(), self.shared.clock.now())
        if standing is not BkashTokenState.ALIVE:
            return _BAD_TOKEN[standing]
        is_our_app = values.get(b"x-app-key") == self.shared.settings.app_key.encode()
        return None if is_our_app else replies.WRONG_APP

    @override
    def read(self, body: bytes) -> Form:
        return json_object(body)

    @override
    def admin_api(self) -> BkashAdminApi:
        return BkashAdminApi(self.shared, self.checkout, self.signer)

    @override
    def close(self) -> None:
        self.shared.book.close()

    @cached_property
    def _path_calls(self) -> tuple[PathCall, ...]:
        frame, payments = FrameCalls(self.shared), PaymentCalls(self.shared)
        tokens = TokenCalls(self.shared, IN_FRAME)
        refunds = RefundCalls(self.shared, IN_FRAME)
        payment_id, trx_id = r"/(?P<paymentID>[^/]+)", r"/(?P<trxID>[^/]+)"
        in_frame = {
            ("POST", "token/grant"): Call("grant", tokens.grant, needs_login=False),
            ("POST", "token/refresh"): Call("refresh", tokens.refresh, needs_login=False),
            ("POST", "payment/create"): Call("create", frame.create),
            ("POST", "payment/execute" + payment_id): Call("execute", frame.execute),
            ("POST", "payment/capture" + payment_id): Call("capture", frame.capture),
            ("POST", "payment/void" + payment_id): Call("void", frame.void),
            ("POST", "payment/refund"): Call("refund", refunds.refund),
            ("GET", "payment/query" + payment_id): Call("status", frame.query),
            ("GET", "payment/search" + trx_id): Call("search", frame.search),
        }
        # Clients who authorise name the payment in the path.
        execute = re.compile(f"{re.escape(self.base_path)}/execute{payment_id}")
        return (
            PathCall("POST", execute, Call("execute", payments.execute)),
            *(
                PathCall(method, re.compile(f"{_FRAME_BASE}/{path}"), call)
                for (method, path), call in in_frame.items()
            ),
        )

    def _answer_path_call(self, call: Call, values: Mapping[str, str], request: Request) -> Reply:
        headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()
        ]
        refused = self.check_headers(call, headers)
        if refused is not None:
            return refused
        # Where the path says it all, clients send whatever body their library makes of nothing.
        return call.answer(dict(values) if values else self.read(request.body))

    def _address(self, request: Request) -> str:
        return self.shared.settings.public_url or request.origin

    def _knows_user(self, headers: Mapping[bytes, bytes]) -> bool:
        settings = self.shared.settings
        password = settings.password.get_secret_value().encode()
        is_named = headers.get(b"username") == settings.user.encode()
        return compare_digest(headers.get(b"password", b""), password) and is_named

    def _confirm_subscription(self, visit: PageVisit) -> Reply:
        """Stand in for Amazon, where a SubscribeURL leads."""
        is_asked = visit.query.get("Action") == "ConfirmSubscription"
        if not is_asked or not self.shared.notifications.confirm(visit.query.get("Token", "")):
            return replies.ERRORS.no_such_path
        return page_reply("<ConfirmSubscriptionResponse/>")
