"""What bKash says to the admin calls: faults, the book, approvals, notifications, the settlement file."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from sandbox.kit.institution.admin_api import (
    AdminAnswer,
    AdminApi,
    AdminRequest,
    ListRange,
    Query,
    Route,
    Times,
)
from sandbox.kit.institution.faults import ANYBODY
from sandbox.kit.institution.movements import Since, movements_answer
from sandbox.kit.institution.replies import Reply, error_reply, json_reply, text_reply
from sandbox.providers.bkash.checkout import BkashCheckout
from sandbox.providers.bkash.faults import AT_ONCE, EXECUTE_ONLY, QUESTIONS, BkashFault, BkashStep
from sandbox.providers.bkash.movements import movements_of
from sandbox.providers.bkash.notifications import NotificationKind, Signer
from sandbox.providers.bkash.payment import BkashPayment
from sandbox.providers.bkash.settlement_file import settlement_file
from sandbox.providers.bkash.shared_state import BkashSharedState
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet

Wallet = Annotated[str, Field(pattern=r"^01[0-9]{9}$")]
Id = Annotated[str, Field(min_length=1, max_length=255)]

_QUESTIONS_TO_ENDPOINT = frozenset({NotificationKind.CONFIRMATION, NotificationKind.UNSUBSCRIBE})
_TRY_SECONDS_MAX = 20
_NORMAL_WALLET = f"{FIRST_NORMAL_WALLET:0{WALLET_LENGTH}d}"
_MAGIC = {kind.name.lower(): magic_wallet(kind) for kind in WalletKind if kind is not WalletKind.NORMAL}
_WALLETS: AdminAnswer = {"normal": _NORMAL_WALLET, **_MAGIC}


class BkashFaultOrder(AdminRequest):
    """A fault for one payment, invoice or wallet, or the next caller, striking `times` calls of a step.

    Without a step it strikes the execute; `close_before` strikes whichever call comes next. A fault of the
    tokens with neither target nor step strikes at once instead of waiting for a call.
    """

    payment: Id | None = None
    invoice: Id | None = None
    wallet: Wallet | None = None
    step: BkashStep | None = None
    fault: BkashFault
    times: Times = 1

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if sum(target is not None for target in (self.payment, self.invoice, self.wallet)) > 1:
            raise ValueError("name either a payment, an invoice or a wallet")
        if self.fault in EXECUTE_ONLY and self.step not in {None, BkashStep.EXECUTE}:
            raise ValueError("this can only befall an execute")
        if self.fault is BkashFault.DUPLICATE and self.step not in {
            None,
            BkashStep.CREATE,
            BkashStep.EXECUTE,
        }:
            raise ValueError("this can only befall a create or an execute")
        if self.fault is BkashFault.REFUSE and self.step in QUESTIONS:
            raise ValueError("a question is never refused")
        return self

    @property
    def target(self) -> str:
        """Whom it strikes."""
        return self.payment or self.invoice or self.wallet or ANYBODY

    @property
    def strikes_at_once(self) -> bool:
        """Whether it waits for no call."""
        return self.fault in AT_ONCE and self.target == ANYBODY and self.step is None

    @property
    def struck_step(self) -> BkashStep | None:
        """The step it strikes; None is any."""
        return self.step if self.step or self.fault is BkashFault.CLOSE_BEFORE else BkashStep.EXECUTE


class ApproveOrder(AdminRequest):
    """Which payment is approved, with which wallet; the merchant's reference is optional."""

    payment_id: Annotated[Id, Field(alias="paymentID")]
    reference: Id | None = None
    wallet: Wallet = _NORMAL_WALLET


class NotificationOrder(AdminRequest):
    """A message to be sent now, `times` times: a notification of a payment, or a question to the endpoint."""

    kind: NotificationKind = NotificationKind.NOTIFICATION
    payment_id: Annotated[Id | None, Field(alias="paymentID")] = None
    version: Literal["1", "2"] = "1"
    times: Annotated[int, Field(ge=1, le=1_000)] = 1

    @model_validator(mode="after")
    def _check_payment(self) -> Self:
        if (self.payment_id is None) is not (self.kind in _QUESTIONS_TO_ENDPOINT):
            raise ValueError("a notification is of a payment, and a question of none")
        return self


class EndpointOrder(AdminRequest):
    """Where notifications go from now on."""

    url: Annotated[str, Field(max_length=2_000)]

    @field_validator("url")
    @classmethod
    def _is_web(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("no address of the web")
        return value


class SettlementDayQuery(AdminRequest):
    """Which day in Dhaka."""

    day: Annotated[date, Field(alias="date")]


class BkashAdminApi(AdminApi):
    """The admin API of one simulated bKash."""

    def __init__(self, shared: BkashSharedState, checkout: BkashCheckout, signer: Signer) -> None:
        self._shared = shared
        self._checkout = checkout
        self._signer = signer

    @override
    def set_fault(self, body: bytes) -> None:
        order = BkashFaultOrder.model_validate_json(body)
        if not order.strikes_at_once:
            self._shared.faults.add(order.struck_step, order.target, order.fault, order.times)
        elif order.fault is BkashFault.BLOCK_APP:
            self._shared.block_app()
        else:
            self._shared.expire_tokens()

    @override
    def clear_faults(self) -> None:
        self._shared.faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        return self._shared.faults.listing()

    @override
    def dump(self) -> AdminAnswer:
        book, post = self._shared.book, self._shared.notifications
        payments = list(book.payments())
        wallets = sorted({payment.wallet for payment in payments if payment.wallet is not None})
        return {
            "payments": [self._line(payment) for payment in payments],
            "agreements": [asdict(agreement) for agreement in book.agreements()],
            "wallets": {wallet: self._shared.balance_paisa(wallet) for wallet in wallets},
            "held": {wallet: held for wallet in wallets if (held := book.held_paisa(wallet))},
            "notices": [asdict(notice) for notice in book.notices()],
            "subscription": {"endpoint": book.endpoint, "is_confirmed": post.is_confirmed},
        }

    @override
    def unpaid(self, page: ListRange) -> AdminAnswer:
        wallets = islice(self._shared.wallets.normal_wallets(), page.offset, page.offset + page.count)
        chosen = [
            {"wallet": wallet, "balance_paisa": self._shared.balance_paisa(wallet)} for wallet in wallets
        ]
        return {"today": self._shared.clock.today(), "wallets": chosen}

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {"wallets": lambda _query: _WALLETS, "movements": self._movements}

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {
            "approve": {"POST": self._approve},
            "sns": {"POST": self._send, "GET": self._list_sent},
            "sns-endpoint": {"POST": self._subscribe},
            "sns-certificate.pem": {"GET": self._certificate},
            "settlement": {"GET": self._settlement},
        }

    def _movements(self, query: Query) -> AdminAnswer:
        payments = list(self._shared.book.payments())
        first = payments[0].creation_time if payments else None
        return movements_answer(first, movements_of(payments), Since.model_validate(query))

    def _approve(self, _query: Query, body: bytes) -> Reply:
        order = ApproveOrder.model_validate_json(body)
        payment = self._shared.book.payment(order.payment_id)
        if payment is None:
            return error_reply(404, "no such payment")
        if not self._checkout.approve(payment, order.wallet):
            return error_reply(409, "the payment is over, or there is no such wallet")
        return json_reply(self._line(payment))

    def _send(self, _query: Query, body: bytes) -> Reply:
        order = NotificationOrder.model_validate_json(body)
        endpoint = self._shared.book.endpoint
        if endpoint is None:
            return error_reply(409, "there is no endpoint to send to")
        payment = self._shared.book.payment(order.payment_id or "")
        if order.payment_id is not None and not _is_notifiable(payment, order.kind):
            return error_reply(409, "no such payment, or nothing has happened to it")
        tried = [self._send_message(order, payment, endpoint) for _ in range(order.times)]
        waiting = partial(asyncio.wait, tried, timeout=_TRY_SECONDS_MAX)
        return json_reply({"sent": len(tried), "kind": order.kind})._replace(waits_for=waiting)

    def _send_message(
        self, order: NotificationOrder, payment: BkashPayment | None, endpoint: str
    ) -> asyncio.Future[None]:
        post, now = self._shared.notifications, self._shared.clock.now()
        if payment is None:
            return post.ask(order.kind, order.version, endpoint)
        happened_at = payment.execution_time if payment.executed_at else now
        at = now - timedelta(days=7) if order.kind is NotificationKind.WEEK_LATE else happened_at
        return post.send(order.kind, payment, at, order.version, endpoint)

    def _list_sent(self, _query: Query, _body: bytes) -> Reply:
        return json_reply({"sent": self._shared.notifications.delivery_records()})

    def _subscribe(self, _query: Query, body: bytes) -> Reply:
        order = EndpointOrder.model_validate_json(body)
        confirmation = self._shared.notifications.subscribe(order.url)
        waiting = partial(asyncio.wait, [confirmation], timeout=_TRY_SECONDS_MAX)
        return json_reply({"endpoint": order.url})._replace(waits_for=waiting)

    def _certificate(self, _query: Query, _body: bytes) -> Reply:
        return text_reply("application/x-pem-file", self._signer.certificate_pem)

    def _settlement(self, query: Query, _body: bytes) -> Reply:
        order = SettlementDayQuery.model_validate(query)
        return text_reply("text/csv; charset=utf-8", settlement_file(self._shared.book.payments(), order.day))

    def _line(self, payment: BkashPayment) -> AdminAnswer:
        return {
            "invoice": payment.invoice,
            "paymentID": payment.payment_id,
            "mode": payment.mode,
            "intent": payment.intent,
            "trxID": payment.trx_id,
            "wallet": payment.wallet,
            "amount_paisa": payment.amount_paisa,
            # What every answer says; another amount than what moved only where it contradicts itself.
            "told_paisa": payment.reported_paisa,
            "fee_paisa": payment.fee_paisa,
            "status": payment.status(self._shared.clock.now()),
            "is_verified": payment.verified_at is not None,
            # How often its money moved: never more than once.
            "executes": int(payment.trx_id is not None),
            "execute_calls": payment.execute_calls,
            "executed_at": payment.executed_at,
            "refunds": [
                {"refundTrxID": refund.refund_trx_id, "amount_paisa": refund.amount_paisa}
                for refund in payment.refunds
            ],
        }


def _is_notifiable(payment: BkashPayment | None, kind: NotificationKind) -> bool:
    if payment is None:
        return False
    return payment.trx_id is not None or kind is NotificationKind.UNFOUNDED
