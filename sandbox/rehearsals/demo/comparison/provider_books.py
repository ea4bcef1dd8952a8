"""Compares the books about collected money, line by line: ours, each provider's, and the shop's record.

Without I/O: lists in, disagreements out. Every order at a provider must be exactly one try of ours, every
paid order a try that collected its money, every refund one of ours, and the provider's debt to us must be
what its own book says. Whatever has no clear explanation is a disagreement.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.kit.institution.amounts import lakh
from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.rehearsals.demo.comparison.biller_books import IN_REVIEW, Comparison, Disagreement
from sandbox.rehearsals.demo.comparison.bkash_books import (
    REFUND_BY_HAND,
    REFUND_DONE,
    RELEASED_REFUNDS,
    SETTLED_REFUNDS,
    UNEXPECTED,
    Collection,
    OurRefund,
    OurTry,
    ShopLine,
    shop_faults,
    state_fault,
)

_DISAGREED, _SECOND_SUCCESS = "disagreed", "second_success"
_TAKA = "BDT"
_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund in a provider's book; `names` are all its possible references."""

    amount_paisa: int
    is_done: bool = True
    returned_fee_paisa: int = 0
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProviderOrder:
    """An order in a provider's own book; `reference` is that of the switch.

    `kept_paisa` is what the provider keeps of it. `stated_paisa` and `stated_currency` are those of its
    answers, which differ from the book only where it contradicts itself. `names` are all its possible
    references.
    """

    connector: str
    reference: str
    is_paid: bool
    amount_paisa: int
    kept_paisa: int = 0
    stated_paisa: int = -1
    stated_currency: str = _TAKA
    names: frozenset[str] = frozenset()
    refunds: Sequence[ProviderRefund] = ()

    @property
    def net_paisa(self) -> int:
        """The amount that the provider owes us for it."""
        if not self.is_paid:
            return 0
        refunded_paisa = sum(
            refund.amount_paisa - refund.returned_fee_paisa for refund in self.refunds if refund.is_done
        )
        return self.amount_paisa - self.kept_paisa - refunded_paisa


@dataclass(frozen=True, slots=True)
class ProviderBooks:
    """Everything about the money that one provider has collected.

    `ours` are the payments with a try there. `receivable_paisa` is its debt to us by our ledger; it keeps
    `kept_basis_points`. `tokens` are the token lines of prepaid billers, by bill number; `undelivered` is how
    many of its messages the switch has not accepted.
    """

    connector: str
    ours: Sequence[Collection]
    theirs: Sequence[ProviderOrder]
    shop: Sequence[ShopLine]
    receivable_paisa: int
    kept_basis_points: int
    tokens: Mapping[str, str] = field(default_factory=dict)
    undelivered: int = 0

    @property
    def owed_paisa(self) -> int:
        """The provider's debt to us by its own book."""
        return sum(order.net_paisa for order in self.theirs)


def compare_provider(books: ProviderBooks) -> Comparison:
    """Compare everything with everything; `contradictions` are payments rightly left to two persons."""
    orders = _Orders(books)
    unexplained: list[Disagreement] = []
    contradictions: list[Disagreement] = []
    ahead_paisa = 0
    for line in books.ours:
        subject = f"payment {line.payment_id}"
        contradiction = orders.contradiction(line)
        if line.state == IN_REVIEW and contradiction is not None:
            contradictions.append(Disagreement(subject, contradiction.text))
            ahead_paisa += contradiction.ledger_ahead_paisa(books.kept_basis_points)
        else:
            unexplained += [Disagreement(subject, fault) for fault in orders.faults_of(line)]
    unexplained += orders.unknown_orders(books.ours)
    unexplained += _receivable_faults(books, ahead_paisa)
    unexplained += shop_faults(books.ours, books.shop, books.tokens)
    if books.undelivered:
        unexplained.append(
            Disagreement(f"messages of {books.connector}", f"{books.undelivered} were not taken")
        )
    return Comparison(unexplained, contradictions)


@dataclass(frozen=True, slots=True)
class _Contradiction:
    order: ProviderOrder

    @property
    def text(self) -> str:
        order = self.order
        stated = lakh(order.stated_paisa) if order.stated_currency == _TAKA else order.stated_currency
        return (
            f"{order.connector} has moved {lakh(order.amount_paisa)} taka and says {stated} when it is asked"
        )

    def ledger_ahead_paisa(self, kept_basis_points: int) -> int:
        """By how much the stated amount, which our ledger uses, exceeds the amount that moved."""
        # We keep no account in another currency.
        stated_paisa = self.order.stated_paisa if self.order.stated_currency == _TAKA else 0
        return stated_paisa - share_half_up(stated_paisa, kept_basis_points, _WHOLE) - self.order.net_paisa


class _Orders:
    """A provider's orders, indexed by our references."""

    def __init__(self, books: ProviderBooks) -> None:
        self._connector = books.connector
        self._by_reference: defaultdict[str, list[ProviderOrder]] = defaultdict(list)
        for order in books.theirs:
            self._by_reference[order.reference].append(order)

    def contradiction(self, line: Collection) -> _Contradiction | None:
        """How the provider contradicts itself about a payment: one amount moved, another is stated."""
        disagreed_tries = [
            collection_try for collection_try in self._tries(line) if collection_try.outcome == _DISAGREED
        ]
        orders = self._orders_of(disagreed_tries[0]) if len(disagreed_tries) == 1 else []
        if len(orders) != 1 or not orders[0].is_paid or orders[0].refunds:
            return None
        order = orders[0]
        is_in_taka = order.stated_currency == _TAKA
        if is_in_taka and order.stated_paisa == order.amount_paisa:
            return None
        is_ours = disagreed_tries[0].collected_paisa == (order.stated_paisa if is_in_taka else None)
        return _Contradiction(order) if is_ours else None

    def faults_of(self, line: Collection) -> Iterator[str]:
        """Differences between the provider's book and one payment, and within the payment itself."""
        own = (state_fault(line), _unexpected_fault(line))
        yield from (fault for fault in own if fault is not None)
        tries = self._tries(line)
        yield from (fault for item in tries if (fault := self._try_fault(item)) is not None)
        their_refunds = [back for item in tries for order in self._orders_of(item) for back in order.refunds]
        names = frozenset(name for item in tries for order in self._orders_of(item) for name in order.names)
        yield from _refund_faults(
            [item for item in line.refunds if self._is_by_connector(item)], their_refunds, names
        )

    def unknown_orders(self, ours: Iterable[Collection]) -> Iterator[Disagreement]:
        """Orders at the provider without a try of ours, and references that occur twice there or here."""
        reference_counts = Counter(
            collection_try.reference for line in ours for collection_try in self._tries(line)
        )
        for reference, orders in self._by_reference.items():
            subject = f"{self._connector}'s order {reference}"
            if len(orders) > 1:
                yield Disagreement(subject, f"stands there {len(orders)} times")
            if reference_counts[reference] != 1:
                yield Disagreement(subject, f"{reference_counts[reference]} times in the switch's books")

    def _tries(self, line: Collection) -> list[OurTry]:
        return [
            collection_try for collection_try in line.tries if collection_try.connector == self._connector
        ]

    def _is_by_connector(self, refund: OurRefund) -> bool:
        return refund.connector == self._connector

    def _orders_of(self, collection_try: OurTry) -> Sequence[ProviderOrder]:
        return self._by_reference.get(collection_try.reference, [])

    def _try_fault(self, collection_try: OurTry) -> str | None:
        paid = [order for order in self._orders_of(collection_try) if order.is_paid]
        if collection_try.collected_paisa is None:
            problem = (
                f"try {collection_try.reference} brought in nothing, and its payer has paid at the provider"
            )
            return problem if paid else None
        if len(paid) != 1:
            return f"the payer of try {collection_try.reference} has paid {len(paid)} times at the provider"
        if collection_try.collected_paisa != paid[0].amount_paisa:
            amounts = f"{lakh(collection_try.collected_paisa)} taka here, {lakh(paid[0].amount_paisa)} there"
            return f"try {collection_try.reference}: {amounts}"
        if not _has_name(paid[0].names, collection_try.transaction):
            return (
                f"try {collection_try.reference}: the provider calls no movement {collection_try.transaction}"
            )
        return None


def _unexpected_fault(line: Collection) -> str | None:
    """Unexpected money must be refunded or owed to the payer."""
    arrived_paisa = [item.collected_paisa or 0 for item in line.tries if item.outcome == _SECOND_SUCCESS]
    returned_paisa = [
        item.amount_paisa
        for item in line.refunds
        if item.kind == UNEXPECTED and item.state not in RELEASED_REFUNDS
    ]
    if sorted(arrived_paisa) == sorted(returned_paisa):
        return None
    arrived, returned = (", ".join(map(lakh, amounts)) or "0" for amounts in (arrived_paisa, returned_paisa))
    return f"{arrived} taka came unexpected, and {returned} go back"


def _has_name(names: frozenset[str], name: str | None) -> bool:
    """Whether this is a reference of the movement; some are named within their order, as `ORDER/1`."""
    return name is not None and (name in names or name.rpartition("/")[0] in names)


def _refund_faults(
    ours: Sequence[OurRefund], theirs: Sequence[ProviderRefund], of_order: frozenset[str]
) -> Iterator[str]:
    """Refunds that only one side knows, except those that our own bank has paid by hand."""
    unmatched = [refund for refund in theirs if refund.is_done]
    for refund in ours:
        if refund.state not in SETTLED_REFUNDS:
            yield f"refund {refund.refund_id} is still open ({refund.state})"
        if refund.state != REFUND_DONE or refund.is_by_hand:
            continue
        match = next((back for back in unmatched if _is_same(refund, back, of_order)), None)
        if match is None:
            amount = lakh(refund.amount_paisa)
            yield f"refund {refund.refund_id} of {amount} taka is not in the provider's book"
        else:
            unmatched.remove(match)
    yield from (
        f"{lakh(back.amount_paisa)} taka went back at the provider without a refund" for back in unmatched
    )


def _is_same(refund: OurRefund, their_refund: ProviderRefund, of_order: frozenset[str]) -> bool:
    # Where the provider gives a refund no reference of its own, that of the payment counts.
    return refund.amount_paisa == their_refund.amount_paisa and _has_name(
        their_refund.names | of_order, refund.transaction
    )


def _receivable_faults(books: ProviderBooks, ahead_paisa: int) -> Iterator[Disagreement]:
    """Where the provider's debt to us by our ledger differs from that by its own book."""
    expected = books.owed_paisa + ahead_paisa
    if books.receivable_paisa != expected:
        standing, right = lakh(books.receivable_paisa), lakh(expected)
        problem = f"{standing} taka stand there, {right} are right by the provider's book"
        yield Disagreement(f"receivable of {books.connector}", problem)


def work_items(lines: Iterable[Collection]) -> int:
    """How many refunds finance has to pay by hand, because the provider makes none."""
    return sum(refund.state == REFUND_BY_HAND for line in lines for refund in line.refunds)
