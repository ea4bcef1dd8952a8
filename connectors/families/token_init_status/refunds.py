"""Refunds, as far as a dialect has them.

What may surprise: a dialect without a call that asks for refunds sends one once only. Where that send may
have been heard, the refund stays in doubt and people find out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.token_init_status.client import Line
from connectors.families.token_init_status.dialect import Dialect, RefundAnswer
from connectors.families.token_init_status.reading import (
    Document,
    Reader,
    found,
    is_reference,
    list_at,
    reference_at,
    require_same,
    text_at,
)
from connectors.families.token_init_status.writing import Values
from connectors.manifest_parts import Means, Reason
from connectors.refunding import give_back_once, unfit_amount
from ekpay_switch.domain.collections.connector_calls import (
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_REFUSED = "refused"
_REASON_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class _Row:
    """One refund as the provider has it; `reference` is ours, empty where it is not told."""

    reference: str
    line: RefundLine
    is_refused: bool


class Refunds:
    """What a provider gives back, and what it has given back."""

    def __init__(self, dialect: Dialect, line: Line) -> None:
        self._gives, self._tells = dialect.refund, dialect.refund_status
        self._words: Mapping[str, str] = dialect.refund_words
        self._line, self._reader = line, Reader(dialect)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give back once; where an earlier send may have been heard, only after asking for it."""
        why = "this provider has no refunds" if self._gives is None else _unfit(order)
        if why:
            return Unreached(why)
        return await give_back_once(order, self._send, self._sent_before)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """All refunds of the payment that the provider has given or begun; refused ones are none."""
        rows = await self._rows(order)
        if isinstance(rows, NoAnswer):
            return rows
        return RefundsFound(tuple(row.line for row in rows if not row.is_refused))

    async def _rows(self, order: RefundOrder) -> list[_Row] | NoAnswer:
        if self._tells is None:
            return NoAnswer("this provider cannot be asked about refunds", was_asked=False)
        if not is_reference(order.provider_reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        asked = await self._line.ask("refund_status", _values(order))
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        reads = self._tells.reads
        try:
            require_same(asked.document, reads.provider_reference, order.provider_reference)
            listed = list_at(asked.document, reads.rows, reads.text_row)
            return [self._row(row, reads, order) for row in listed]
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _sent_before(self, order: RefundOrder) -> RefundLine | Declined | InDoubt | None:
        """What an earlier send of this order led to, None where the provider never heard one."""
        rows = await self._rows(order)
        if isinstance(rows, NoAnswer):
            return InDoubt(f"the refunds so far are not known: {rows.why}")
        ours = [row for row in rows if row.reference == order.reference]
        if len(ours) > 1:
            return InDoubt("the provider has this refund twice")
        return _outcome(ours[0], order) if ours else None

    async def _send(self, order: RefundOrder) -> RefundOutcome:
        asked = await self._line.ask("refund", _values(order), order.send_before)
        if self._gives is None or not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            return _outcome(self._row_of_ours(asked.document, self._gives.reads, order), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _row_of_ours(self, document: Document, reads: RefundAnswer, order: RefundOrder) -> _Row:
        """The one refund that was asked for; raises BrokenReplyError."""
        if not reads.rows:
            require_same(document, reads.provider_reference, order.provider_reference)
            require_same(document, reads.reference, order.collected_reference)
            require_same(document, reads.refund_reference, order.reference)
            return self._row(document, reads, order)
        done = _of_ours(document, reads.rows, reads, order)
        refused = _of_ours(document, reads.refused_rows, reads, order)
        if len(done) + len(refused) != 1:
            raise BrokenReplyError("a list without this refund, or with more than one of it")
        if refused:
            return _Row("", RefundLine("", order.amount, is_done=False), is_refused=True)
        return self._row(done[0], reads, order)

    def _row(self, document: Document, reads: RefundAnswer, order: RefundOrder) -> _Row:
        word = text_at(document, reads.status) if reads.status else ""
        means = self._words.get(word) if reads.status else "done"
        if means is None:
            raise BrokenReplyError("a refund's status that nobody mapped")
        is_untold = reads.amount_may_be_untold and found(document, reads.amount) is None
        amount = order.amount if is_untold else self._reader.money(document, reads.amount, reads.currency)
        reference = text_at(document, reads.refund_reference) if reads.refund_reference else ""
        line = RefundLine(reference_at(document, reads.name), amount, is_done=means == "done")
        return _Row(reference, line, is_refused=means == _REFUSED)


def _of_ours(document: Document, paths: str, reads: RefundAnswer, order: RefundOrder) -> list[Document]:
    """The rows of a list that are about the payment; a list that is not told is empty."""
    if not paths or found(document, paths) is None:
        return []
    rows = list_at(document, paths, reads.text_row)
    return [row for row in rows if text_at(row, reads.reference) == order.collected_reference]


def _outcome(row: _Row, order: RefundOrder) -> RefundLine | Declined | InDoubt:
    if row.is_refused:
        return Declined(str(Reason.NOT_REFUNDABLE), _REFUSED)
    return row.line if row.line.amount == order.amount else InDoubt("another amount was given back")


def _unfit(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    names = (order.provider_reference, order.provider_transaction, order.collected_reference, order.reference)
    if not all(is_reference(name) for name in names):
        return "the payment or the refund has no name"
    return unfit_amount(order)


def _values(order: RefundOrder) -> Values:
    return {
        "provider_reference": order.provider_reference,
        "provider_transaction": order.provider_transaction,
        "reference": order.collected_reference,
        "refund_reference": order.reference,
        "amount": order.amount,
        "currency": order.amount.currency,
        "reason": order.reason[:_REASON_LENGTH_MAX] or "refund",
    }
