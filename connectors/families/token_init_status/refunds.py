"""Refunds, as far as a dialect has them.

A dialect without a refund inquiry sends a refund once only. Where that send may have arrived, the refund
stays in doubt and is resolved by people.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.call_result import has_meaning, inconclusive_answer, unsuccessful_outcome
from connectors.families.token_init_status.client import TokenInitStatusClient
from connectors.families.token_init_status.dialect import Dialect, RefundAnswer
from connectors.families.token_init_status.reading import (
    Document,
    Reader,
    is_reference,
    list_at,
    reference_at,
    require_same,
    text_at,
    value_at,
)
from connectors.families.token_init_status.writing import Values
from connectors.manifest_parts import Means, Reason
from connectors.refunding import give_back_once, refund_amount_fault
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
    """One refund at the provider; `reference` is ours, empty where it is missing."""

    reference: str
    line: RefundLine
    is_refused: bool


class TokenInitStatusRefunds:
    """Sends refunds to a provider and asks for them."""

    def __init__(self, dialect: Dialect, client: TokenInitStatusClient) -> None:
        self._refund_call, self._inquiry_call = dialect.refund, dialect.refund_status
        self._words: Mapping[str, str] = dialect.refund_words
        self._client, self._reader = client, Reader(dialect)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; where an earlier send may have arrived, only after an inquiry."""
        fault = "this provider has no refunds" if self._refund_call is None else _order_fault(order)
        if fault:
            return Unreached(fault)
        return await give_back_once(order, self._send, self._find_earlier_send)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """All refunds of the payment that the provider has made or begun, without declined ones."""
        rows = await self._rows(order)
        if isinstance(rows, NoAnswer):
            return rows
        return RefundsFound(tuple(row.line for row in rows if not row.is_refused))

    async def _rows(self, order: RefundOrder) -> list[_Row] | NoAnswer:
        if self._inquiry_call is None:
            return NoAnswer("this provider cannot be asked about refunds", was_asked=False)
        if not is_reference(order.provider_reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        result = await self._client.call("refund_status", _values(order))
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        reads = self._inquiry_call.reads
        try:
            require_same(result.document, reads.provider_reference, order.provider_reference)
            listed = list_at(result.document, reads.rows, reads.text_row)
            return [self._row(row, reads, order) for row in listed]
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _find_earlier_send(self, order: RefundOrder) -> RefundLine | Declined | InDoubt | None:
        """The outcome of an earlier send of this order, or None where none arrived."""
        rows = await self._rows(order)
        if isinstance(rows, NoAnswer):
            return InDoubt(f"the refunds so far are not known: {rows.why}")
        ours = [row for row in rows if row.reference == order.reference]
        if len(ours) > 1:
            return InDoubt("the provider has this refund twice")
        return _outcome(ours[0], order) if ours else None

    async def _send(self, order: RefundOrder) -> RefundOutcome:
        result = await self._client.call("refund", _values(order), order.send_before)
        if self._refund_call is None or not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            return _outcome(self._row_of_order(result.document, self._refund_call.reads, order), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _row_of_order(self, document: Document, reads: RefundAnswer, order: RefundOrder) -> _Row:
        """The refund of this order in an answer; raises BrokenReplyError."""
        if not reads.rows:
            require_same(document, reads.provider_reference, order.provider_reference)
            require_same(document, reads.reference, order.collected_reference)
            require_same(document, reads.refund_reference, order.reference)
            return self._row(document, reads, order)
        done = _rows_of_payment(document, reads.rows, reads, order)
        refused = _rows_of_payment(document, reads.refused_rows, reads, order)
        if len(done) + len(refused) != 1:
            raise BrokenReplyError("a list without this refund, or with more than one of it")
        if refused:
            return _Row("", RefundLine("", order.amount, is_done=False), is_refused=True)
        return self._row(done[0], reads, order)

    def _row(self, document: Document, reads: RefundAnswer, order: RefundOrder) -> _Row:
        word = text_at(document, reads.status) if reads.status else ""
        means = self._words.get(word) if reads.status else "done"
        if means is None:
            raise BrokenReplyError("a refund's status without a mapping")
        is_untold = reads.amount_may_be_untold and value_at(document, reads.amount) is None
        amount = order.amount if is_untold else self._reader.money(document, reads.amount, reads.currency)
        reference = text_at(document, reads.refund_reference) if reads.refund_reference else ""
        line = RefundLine(reference_at(document, reads.name), amount, is_done=means == "done")
        return _Row(reference, line, is_refused=means == _REFUSED)


def _rows_of_payment(
    document: Document, paths: str, reads: RefundAnswer, order: RefundOrder
) -> list[Document]:
    """The rows of a list that are about the payment; a missing list is empty."""
    if not paths or value_at(document, paths) is None:
        return []
    rows = list_at(document, paths, reads.text_row)
    return [row for row in rows if text_at(row, reads.reference) == order.collected_reference]


def _outcome(row: _Row, order: RefundOrder) -> RefundLine | Declined | InDoubt:
    if row.is_refused:
        return Declined(str(Reason.NOT_REFUNDABLE), _REFUSED)
    return row.line if row.line.amount == order.amount else InDoubt("another amount was given back")


def _order_fault(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    names = (order.provider_reference, order.provider_transaction, order.collected_reference, order.reference)
    if not all(is_reference(name) for name in names):
        return "the payment or the refund has no usable reference"
    return refund_amount_fault(order)


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
