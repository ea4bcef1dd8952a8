"""What bKash believes: payments opened, approved, executed and refunded, agreements, and who has what.

The book is the second opinion the switch is compared with. It changes only through events, each in the
journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import JournalLine
from sandbox.providers.bkash.agreement import BkashAgreement
from sandbox.providers.bkash.faults import BkashStep
from sandbox.providers.bkash.payment import BkashPayment, BkashRefund
from sandbox.providers.bkash.tokens import AppTokens


@dataclass(slots=True)
class OwedNotification:
    """A notification that is owed for an executed payment; once delivered it is owed no longer."""

    message_id: str
    payment_id: str
    delivered_at: str | None = None


class Execution(NamedTuple):
    """How a payment's money moved; `notice_id` is the notification owed for it, if any."""

    trx_id: str
    at: datetime
    fee_paisa: int
    echo_extra_paisa: int = 0
    notice_id: str | None = None


class FoundMovement(NamedTuple):
    """The payment or the authorisation that a transaction is; the refund, if it is one of it."""

    payment: BkashPayment
    refund: BkashRefund | None = None


class BkashBook(JournalledBook):
    """The payments, agreements, balances, tokens and owed notifications of one simulator."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._payments: dict[str, BkashPayment] = {}
        self._by_invoice: dict[str, BkashPayment] = {}
        self._by_trx: dict[str, FoundMovement] = {}
        self._agreements: dict[str, BkashAgreement] = {}
        self._moved: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._dropped: set[tuple[str, str]] = set()
        self._notices: dict[str, OwedNotification] = {}
        self.tokens = AppTokens()
        self.endpoint: str | None = None
        self._events: dict[str, Callable[[BkashPayment, JournalLine], None]] = {
            "verified": self._verify,
            "cancelled": self._cancel,
            "declined": self._decline,
            "executed": self._execute,
            "authorised": self._authorise,
            "captured": self._capture,
            "voided": self._void,
            "agreed": self._agree,
            "repeated": self._repeat,
            "refunded": self._refund,
            "dropped": self._drop,
        }
        super().__init__(path, seed, today)

    def payment(self, payment_id: str) -> BkashPayment | None:
        """Return a payment by its id."""
        return self._payments.get(payment_id)

    def payments(self) -> Iterable[BkashPayment]:
        """Return all payments in the order in which they were opened."""
        return self._payments.values()

    def latest_of(self, invoice: str) -> BkashPayment | None:
        """Return the payment opened last for an invoice."""
        return self._by_invoice.get(invoice)

    def movement(self, trx_id: str) -> FoundMovement | None:
        """Return what a transaction id names: a payment, an authorisation, or a refund."""
        return self._by_trx.get(trx_id)

    def agreement(self, agreement_id: str) -> BkashAgreement | None:
        """Return an agreement by its id, a cancelled one too."""
        return self._agreements.get(agreement_id)

    def agreements(self) -> Iterable[BkashAgreement]:
        """Return all agreements in the order in which they were executed."""
        return self._agreements.values()

    def moved_paisa(self, wallet: str) -> int:
        """Return what a wallet has gained since the book was begun; negative if it has paid."""
        return self._moved[wallet]

    def held_paisa(self, wallet: str) -> int:
        """Return what is held in a wallet by authorisations that are neither captured nor voided."""
        return self._held[wallet]

    def was_dropped(self, step: BkashStep, payment_id: str) -> bool:
        """Whether this step of the payment was once dropped on purpose."""
        return (step.value, payment_id) in self._dropped

    def notice(self, message_id: str) -> OwedNotification | None:
        """Return a notification that is or was owed, by its id."""
        return self._notices.get(message_id)

    def notices(self) -> Iterable[OwedNotification]:
        """Return every notification that is or was owed, oldest first."""
        return self._notices.values()

    def undelivered_notifications(self) -> list[OwedNotification]:
        """Return the notifications not yet delivered."""
        return [notice for notice in self._notices.values() if notice.delivered_at is None]

    def record(self, line: JournalLine) -> None:
        """Keep an event of the tokens."""
        self._record(line)

    def record_created(self, payment: BkashPayment) -> None:
        """Keep a new payment; the caller has checked its invoice."""
        self._record({"kind": "created", **asdict(payment)})

    def record_verified(self, payment_id: str, wallet: str, now: datetime) -> None:
        """Keep that the payer has approved; no money moves."""
        values = {"payment_id": payment_id, "wallet": wallet, "at": now.isoformat()}
        self._record({"kind": "verified", **values})

    def record_cancelled(self, payment_id: str) -> None:
        """Keep that the payer has cancelled."""
        self._record({"kind": "cancelled", "payment_id": payment_id})

    def record_declined(self, payment_id: str, wallet: str | None, code: str) -> None:
        """Record that the payment failed, and why."""
        self._record({"kind": "declined", "payment_id": payment_id, "wallet": wallet, "code": code})

    def record_executed(self, payment_id: str, execution: Execution) -> None:
        """Move the money; the caller has checked that it can be moved and has not been."""
        values = execution._asdict() | {"at": execution.at.isoformat()}
        self._record({"kind": "executed", "payment_id": payment_id, **values})

    def record_authorised(self, payment_id: str, trx_id: str, echo_extra_paisa: int, now: datetime) -> None:
        """Hold the money in the payer's wallet; the caller has checked that it can be held."""
        values = {"trx_id": trx_id, "echo_extra_paisa": echo_extra_paisa, "at": now.isoformat()}
        self._record({"kind": "authorised", "payment_id": payment_id, **values})

    def record_captured(self, payment_id: str, execution: Execution) -> None:
        """Move the money that an authorisation holds; the caller has checked that it holds it."""
        values = execution._asdict() | {"at": execution.at.isoformat()}
        self._record({"kind": "captured", "payment_id": payment_id, **values})

    def record_voided(self, payment_id: str, now: datetime) -> None:
        """Hold the money of an authorisation no longer; none moves."""
        self._record({"kind": "voided", "payment_id": payment_id, "at": now.isoformat()})

    def record_agreed(self, payment_id: str, agreement_id: str, now: datetime) -> None:
        """Let an agreement begin; the caller has checked that its payer has approved it."""
        values = {"agreement_id": agreement_id, "at": now.isoformat()}
        self._record({"kind": "agreed", "payment_id": payment_id, **values})

    def record_agreement_cancelled(self, agreement_id: str, now: datetime) -> None:
        """Let an agreement end; the caller has checked that it is active."""
        values = {"agreement_id": agreement_id, "at": now.isoformat()}
        self._record({"kind": "agreement_cancelled", **values})

    def record_repeat(self, payment_id: str) -> None:
        """Count another execute call of an executed payment."""
        self._record({"kind": "repeated", "payment_id": payment_id})

    def record_refunded(self, payment_id: str, refund: BkashRefund) -> None:
        """Move money back; the caller has checked that it can be."""
        self._record({"kind": "refunded", "payment_id": payment_id, "refund": asdict(refund)})

    def record_dropped(self, step: BkashStep, payment_id: str) -> None:
        """Keep that a step was dropped, so that the next time it is not."""
        self._record({"kind": "dropped", "payment_id": payment_id, "step": step})

    def record_delivered(self, message_id: str, now: datetime) -> None:
        """Keep that a notification is owed no longer; one that was never owed does not count."""
        if message_id in self._notices:
            self._record({"kind": "delivered", "message_id": message_id, "at": now.isoformat()})

    def record_subscribed(self, endpoint: str) -> None:
        """Keep where notifications go from now on."""
        self._record({"kind": "subscribed", "endpoint": endpoint})

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        match kind:
            case "granted" | "expired" | "blocked":
                self.tokens.apply(kind, line)
            case "created":
                values = {name: value for name, value in line.items() if name not in {"kind", "refunds"}}
                self._keep(BkashPayment(**values))  # type: ignore[arg-type]  # our own line
            case "agreement_cancelled":
                self._agreements[str(line["agreement_id"])].cancelled_at = str(line["at"])
            case "delivered":
                self._notices[str(line["message_id"])].delivered_at = str(line["at"])
            case "subscribed":
                self.endpoint = str(line["endpoint"])
            case _:
                self._advance(kind, self._payments[str(line["payment_id"])], line)

    def _advance(self, kind: str, payment: BkashPayment, line: JournalLine) -> None:
        if kind not in self._events:
            raise ValueError(f"the book has no event called {kind}")
        self._events[kind](payment, line)

    def _verify(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.wallet, payment.verified_at = str(line["wallet"]), str(line["at"])

    def _cancel(self, payment: BkashPayment, _line: JournalLine) -> None:
        payment.is_cancelled = True

    def _decline(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.failure_code = str(line["code"])
        payment.wallet = str(line["wallet"]) if line["wallet"] else payment.wallet

    def _repeat(self, payment: BkashPayment, _line: JournalLine) -> None:
        payment.execute_calls += 1

    def _drop(self, payment: BkashPayment, line: JournalLine) -> None:
        self._dropped.add((str(line["step"]), payment.payment_id))

    def _keep(self, payment: BkashPayment) -> None:
        self._payments[payment.payment_id] = payment
        if not payment.opens_agreement:
            self._by_invoice[payment.invoice] = payment

    def _agree(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.agreement_id = agreement_id = str(line["agreement_id"])
        payment.execute_calls += 1
        self._agreements[agreement_id] = BkashAgreement(
            agreement_id=agreement_id,
            payment_id=payment.payment_id,
            payer_reference=payment.payer_reference,
            wallet=str(payment.wallet),
            created_at=payment.created_at,
            executed_at=str(line["at"]),
        )

    def _authorise(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.authorised_trx_id, payment.authorised_at = str(line["trx_id"]), str(line["at"])
        payment.echo_extra_paisa = int(str(line["echo_extra_paisa"]))
        payment.execute_calls += 1
        self._by_trx[payment.authorised_trx_id] = FoundMovement(payment)
        self._held[str(payment.wallet)] += payment.amount_paisa

    def _capture(self, payment: BkashPayment, line: JournalLine) -> None:
        self._held[str(payment.wallet)] -= payment.amount_paisa
        self._move(payment, line)

    def _void(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.voided_at = str(line["at"])
        self._held[str(payment.wallet)] -= payment.amount_paisa

    def _execute(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.execute_calls += 1
        self._move(payment, line)

    def _move(self, payment: BkashPayment, line: JournalLine) -> None:
        payment.trx_id, payment.executed_at = str(line["trx_id"]), str(line["at"])
        payment.fee_paisa = int(str(line["fee_paisa"]))
        payment.echo_extra_paisa = int(str(line["echo_extra_paisa"]))
        self._by_trx[payment.trx_id] = FoundMovement(payment)
        self._moved[str(payment.wallet)] -= payment.amount_paisa
        if line["notice_id"] is not None:
            notice_id = str(line["notice_id"])
            self._notices[notice_id] = OwedNotification(notice_id, payment.payment_id)

    def _refund(self, payment: BkashPayment, line: JournalLine) -> None:
        refund = BkashRefund(**line["refund"])  # type: ignore[arg-type]  # our own line
        payment.refunds.append(refund)
        self._by_trx[refund.refund_trx_id] = FoundMovement(payment, refund)
        self._moved[str(payment.wallet)] += refund.amount_paisa
