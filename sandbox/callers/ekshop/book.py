"""The shop's own book: every order and every message about its payments, a journal line each."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from typing_extensions import override

from sandbox.callers.ekshop.orders import (
    Attempt,
    EvidenceSource,
    ReceivedIpn,
    ReturnTarget,
    ShopOrder,
    Standing,
)
from sandbox.callers.ekshop.pricing import Share
from sandbox.callers.ekshop.wire import PaymentDocument, ShopCustomer
from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.journal import JournalLine
from sandbox.kit.payer_pages.language import Language

_SEED = 0
_CODE_OF_RETURN = {ReturnTarget.SUCCESS: "1020", ReturnTarget.FAILURE: "1021", ReturnTarget.CANCEL: "1022"}


class ShopBook(JournalledBook):
    """Orders by their ids, payments by their trnx_ids and by the secrets of their listeners."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the book kept at `path`, or begin one.

        Raises:
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._clock = clock
        self._orders: dict[str, ShopOrder] = {}
        self._attempts: dict[str, tuple[ShopOrder, Attempt]] = {}
        self._by_secret: dict[str, str] = {}
        self.strays = 0
        self._readers = {
            "placed": self._read_placed,
            "asked": self._read_asked,
            "issued": self._read_issued,
            "refused": self._read_refused,
            "ipn": self._read_ipn,
            "status": self._read_status,
            "back": self._read_return,
            "stray": self._read_stray,
        }
        super().__init__(path, _SEED, clock.today())

    def orders(self) -> Iterator[ShopOrder]:
        """Every order, the oldest first."""
        return iter(self._orders.values())

    def next_number(self) -> str:
        """The number of the next order."""
        return f"EK-{len(self._orders) + 1:06d}"

    def order(self, order_id: str) -> ShopOrder | None:
        """The order of this id, or None."""
        return self._orders.get(order_id)

    def payment(self, trnx_id: str) -> tuple[ShopOrder, Attempt] | None:
        """The payment of this trnx_id with its order, or None."""
        return self._attempts.get(trnx_id)

    def payment_by_secret(self, secret: str) -> tuple[ShopOrder, Attempt] | None:
        """The payment whose IPN address has this secret, or None."""
        trnx_id = self._by_secret.get(secret)
        return None if trnx_id is None else self._attempts[trnx_id]

    def place(self, order: ShopOrder) -> None:
        """Record an order, before a payment is requested."""
        self._write_line(
            "placed",
            order=order.id,
            number=order.number,
            quantities=dict(order.quantities),
            district=order.district,
            agent=order.agent,
            customer=asdict(order.customer),
            total=order.total_paisa,
            carriage=order.carriage_paisa,
            shares=[[share.payee, share.amount_paisa] for share in order.shares],
            language=order.language,
        )

    def record_token_request(self, order: ShopOrder, trnx_id: str, secret: str) -> Attempt:
        """Record that a token is about to be requested."""
        self._write_line("asked", order=order.id, trnx_id=trnx_id, secret=secret)
        return self._attempts[trnx_id][1]

    def record_pay_page(self, trnx_id: str, url: str) -> None:
        """Record the pay page."""
        self._write_line("issued", trnx_id=trnx_id, url=url)

    def record_refusal(self, trnx_id: str, why: str, *, is_heard: bool) -> None:
        """Record that there is no token: it was refused, or the answer is unknown."""
        self._write_line("refused", trnx_id=trnx_id, why=why, is_heard=is_heard)

    def record_ipn(
        self, trnx_id: str, ipn: ReceivedIpn, accepted: PaymentDocument | None, *, counts_each: bool = False
    ) -> None:
        """Record an IPN and the document accepted from it; `counts_each` hands goods out each time."""
        self._write_line(
            "ipn",
            trnx_id=trnx_id,
            heard=asdict(ipn),
            code=accepted.code if accepted else None,
            facts=dict(accepted.facts) if accepted else {},
            counts_each=counts_each,
        )

    def record_status(self, trnx_id: str, result: str, accepted: PaymentDocument | None) -> None:
        """Record the result of a status call."""
        facts = dict(accepted.facts) if accepted else {}
        self._write_line(
            "status", trnx_id=trnx_id, result=result, code=accepted.code if accepted else None, facts=facts
        )

    def record_return(self, trnx_id: str, place: ReturnTarget, *, is_believed: bool) -> None:
        """Record that a customer returned to one of our pages."""
        self._write_line("back", trnx_id=trnx_id, place=place.value, is_believed=is_believed)

    def record_stray(self, origin: str) -> None:
        """Record a request that belongs to no order."""
        self._write_line("stray", what=origin)

    def _write_line(self, kind: str, /, **members: object) -> None:
        self._record({"kind": kind, "at": self._clock.now().isoformat(), **members})

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        self._readers[kind](line)

    def _read_placed(self, line: Mapping[str, Any]) -> None:
        self._orders[line["order"]] = ShopOrder(
            id=line["order"],
            number=line["number"],
            quantities=line["quantities"],
            district=line["district"],
            agent=line["agent"],
            customer=ShopCustomer(**line["customer"]),
            total_paisa=line["total"],
            carriage_paisa=line["carriage"],
            shares=tuple(Share(payee, amount) for payee, amount in line["shares"]),
            placed_at=datetime.fromisoformat(line["at"]),
            language=Language(line.get("language", Language.BANGLA)),
        )

    def _read_asked(self, line: Mapping[str, Any]) -> None:
        order = self._orders[line["order"]]
        attempt = Attempt(line["trnx_id"], line["secret"], datetime.fromisoformat(line["at"]))
        order.attempts.append(attempt)
        self._attempts[attempt.trnx_id] = order, attempt
        self._by_secret[attempt.secret] = attempt.trnx_id

    def _read_issued(self, line: Mapping[str, Any]) -> None:
        attempt = self._attempt_of(line)
        attempt.url = line["url"]
        # An IPN may arrive before the answer with the token.
        if attempt.standing in {Standing.PLACED, Standing.REFUSED}:
            attempt.standing = Standing.WAITING

    def _read_refused(self, line: Mapping[str, Any]) -> None:
        attempt = self._attempt_of(line)
        attempt.why = line["why"]
        if attempt.standing is Standing.PLACED and line["is_heard"]:
            attempt.standing = Standing.REFUSED

    def _read_ipn(self, line: Mapping[str, Any]) -> None:
        attempt = self._attempt_of(line)
        attempt.ipns.append(ReceivedIpn(**line["heard"]))
        if line["code"] is None:
            return
        was_paid = attempt.standing is Standing.PAID
        attempt.learn(line["code"], EvidenceSource.IPN, line["facts"])
        attempt.handed_out += bool(line["counts_each"] and was_paid and line["code"] == "1020")

    def _read_status(self, line: Mapping[str, Any]) -> None:
        attempt = self._attempt_of(line)
        attempt.checks[line["result"]] += 1
        if line["code"] is not None:
            attempt.learn(line["code"], EvidenceSource.STATUS, line["facts"])

    def _read_return(self, line: Mapping[str, Any]) -> None:
        attempt = self._attempt_of(line)
        attempt.returns[line["place"]] += 1
        if line["is_believed"]:
            attempt.learn(_CODE_OF_RETURN[ReturnTarget(line["place"])], EvidenceSource.RETURN, {})

    def _read_stray(self, _line: Mapping[str, Any]) -> None:
        self.strays += 1

    def _attempt_of(self, line: Mapping[str, Any]) -> Attempt:
        return self._attempts[line["trnx_id"]][1]
