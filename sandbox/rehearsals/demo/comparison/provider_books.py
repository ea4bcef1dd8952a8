"""Collected money: our books, each provider's own, and what the shop was told, line by line.

Pure: lists in, disagreements out. Every order over there must be exactly one try of ours, one that is paid
there one that brought its money in here, every refund one of ours, and what a provider owes us must be what
its own book says. Whatever is not plainly explained is a disagreement.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.rehearsals.demo.comparison.biller_books import IN_REVIEW, Comparison, Disagreement
from sandbox.rehearsals.demo.comparison.bkash_books import (
    FREED,
    REFUND_BY_HAND,
    REFUND_DONE,
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
class GivenBack:
    """A refund in a provider's book, of which `names` are all that it may be called."""

    amount_paisa: int
    is_done: bool = True
    fee_back_paisa: int = 0
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProviderOrder:
    """An order in a provider's own book; `reference` is what the switch has called it.

    `kept_paisa` is what the provider keeps of it. `told_paisa` and `told_currency` are what its answers say,
    which differs from the truth only where it contradicts itself. `names` are all that it may be called.
    """

    connector: str
    reference: str
    is_paid: bool
    amount_paisa: int
    kept_paisa: int = 0
    told_paisa: int = -1
    told_currency: str = _TAKA
    names: frozenset[str] = frozenset()
    refunds: Sequence[GivenBack] = ()

    @property
    def net_paisa(self) -> int:
        """What the provider owes us of it."""
        if not self.is_paid:
            return 0
        back = sum(one.amount_paisa - one.fee_back_paisa for one in self.refunds if one.is_done)
        return self.amount_paisa - self.kept_paisa - back


@dataclass(frozen=True, slots=True)
class ProviderBooks:
    """Everything about the money that one provider has collected.

    `ours` are the payments with a try there. `receivable_paisa` is what the ledger says it owes us, and it
    keeps `kept_basis_points`. `tokens` are the lines that prepaid billers made, by bill number; `untaken` is
    how many messages of its the switch has not taken.
    """

    connector: str
    ours: Sequence[Collection]
    theirs: Sequence[ProviderOrder]
    shop: Sequence[ShopLine]
    receivable_paisa: int
    kept_basis_points: int
    tokens: Mapping[str, str] = field(default_factory=dict)
    untaken: int = 0

    @property
    def owed_paisa(self) -> int:
        """What the provider owes us by its own book."""
        return sum(one.net_paisa for one in self.theirs)


def compare_provider(books: ProviderBooks) -> Comparison:
    """Compare everything with everything; `contradictions` are payments rightly left to two persons."""
    orders = _Orders(books)
    unexplained: list[Disagreement] = []
    contradictions: list[Disagreement] = []
    ahead_paisa = 0
    for line in books.ours:
        where = f"payment {line.payment_id}"
        contradiction = orders.contradiction(line)
        if line.state == IN_REVIEW and contradiction is not None:
            contradictions.append(Disagreement(where, contradiction.words))
            ahead_paisa += contradiction.ledger_ahead_paisa(books.kept_basis_points)
        else:
            unexplained += [Disagreement(where, fault) for fault in orders.faults_of(line)]
    unexplained += orders.strays(books.ours)
    unexplained += _receivable_faults(books, ahead_paisa)
    unexplained += shop_faults(books.ours, books.shop, books.tokens)
    if books.untaken:
        unexplained.append(Disagreement(f"messages of {books.connector}", f"{books.untaken} were not taken"))
    return Comparison(unexplained, contradictions)


@dataclass(frozen=True, slots=True)
class _Contradiction:
    order: ProviderOrder

    @property
    def words(self) -> str:
        order = self.order
        told = f"{order.told_paisa} paisa" if order.told_currency == _TAKA else order.told_currency
        return f"{order.connector} has moved {order.amount_paisa} paisa and says {told} when it is asked"

    def ledger_ahead_paisa(self, kept_basis_points: int) -> int:
        """By how much our ledger, which believes what was told, is ahead of what really moved."""
        # Of money in another currency we keep no account at all.
        told = self.order.told_paisa if self.order.told_currency == _TAKA else 0
        return told - share_half_up(told, kept_basis_points, _WHOLE) - self.order.net_paisa


class _Orders:
    """A provider's orders, found by what we called them."""

    def __init__(self, books: ProviderBooks) -> None:
        self._connector = books.connector
        self._by_reference: defaultdict[str, list[ProviderOrder]] = defaultdict(list)
        for order in books.theirs:
            self._by_reference[order.reference].append(order)

    def contradiction(self, line: Collection) -> _Contradiction | None:
        """How the provider contradicts itself about a payment: one thing moved, another is told."""
        odd = [one for one in self._tries(line) if one.outcome == _DISAGREED]
        found = self._of(odd[0]) if len(odd) == 1 else []
        if len(found) != 1 or not found[0].is_paid or found[0].refunds:
            return None
        order = found[0]
        is_in_taka = order.told_currency == _TAKA
        if is_in_taka and order.told_paisa == order.amount_paisa:
            return None
        is_ours = odd[0].collected_paisa == (order.told_paisa if is_in_taka else None)
        return _Contradiction(order) if is_ours else None

    def faults_of(self, line: Collection) -> Iterator[str]:
        """Whatever the provider's book says otherwise about one payment, or the payment about itself."""
        own = (state_fault(line), _unexpected_fault(line))
        yield from (fault for fault in own if fault is not None)
        tries = self._tries(line)
        yield from (fault for one in tries if (fault := self._try_fault(one)) is not None)
        there = [back for one in tries for order in self._of(one) for back in order.refunds]
        names = frozenset(name for one in tries for order in self._of(one) for name in order.names)
        yield from _refund_faults([one for one in line.refunds if self._is_here(one)], there, names)

    def strays(self, ours: Iterable[Collection]) -> Iterator[Disagreement]:
        """Orders over there without a try of ours, and references that stand twice there or here."""
        held = Counter(one.reference for line in ours for one in self._tries(line))
        for reference, found in self._by_reference.items():
            where = f"{self._connector}'s order {reference}"
            if len(found) > 1:
                yield Disagreement(where, f"stands there {len(found)} times")
            if held[reference] != 1:
                yield Disagreement(where, f"{held[reference]} times in the switch's books")

    def _tries(self, line: Collection) -> list[OurTry]:
        return [one for one in line.tries if one.connector == self._connector]

    def _is_here(self, one: OurRefund) -> bool:
        return one.connector == self._connector

    def _of(self, one: OurTry) -> Sequence[ProviderOrder]:
        return self._by_reference.get(one.reference, [])

    def _try_fault(self, one: OurTry) -> str | None:
        paid = [order for order in self._of(one) if order.is_paid]
        if one.collected_paisa is None:
            what = f"try {one.reference} brought in nothing, and its payer has paid at the provider"
            return what if paid else None
        if len(paid) != 1:
            return f"the payer of try {one.reference} has paid {len(paid)} times at the provider"
        if one.collected_paisa != paid[0].amount_paisa:
            return f"try {one.reference}: {one.collected_paisa} paisa here, {paid[0].amount_paisa} there"
        if not _is_called(paid[0].names, one.transaction):
            return f"try {one.reference}: the provider calls no movement {one.transaction}"
        return None


def _unexpected_fault(line: Collection) -> str | None:
    """Money that its payment did not wait for must be back with its payer, or owed to them."""
    came = [one.collected_paisa or 0 for one in line.tries if one.outcome == _SECOND_SUCCESS]
    gone = [one.amount_paisa for one in line.refunds if one.kind == UNEXPECTED and one.state not in FREED]
    return None if sorted(came) == sorted(gone) else f"{came} paisa came unexpected, and {gone} go back"


def _is_called(names: frozenset[str], name: str | None) -> bool:
    """Whether a movement may be called so; some are named within their order, as `ORDER/1`."""
    return name is not None and (name in names or name.rpartition("/")[0] in names)


def _refund_faults(
    ours: Sequence[OurRefund], theirs: Sequence[GivenBack], of_order: frozenset[str]
) -> Iterator[str]:
    """Refunds here that are none there, and there that are none here; those paid by hand are our bank's."""
    left = [one for one in theirs if one.is_done]
    for one in ours:
        if one.state not in SETTLED_REFUNDS:
            yield f"refund {one.refund_id} is still open ({one.state})"
        if one.state != REFUND_DONE or one.is_by_hand:
            continue
        there = next((back for back in left if _is_same(one, back, of_order)), None)
        if there is None:
            yield f"refund {one.refund_id} of {one.amount_paisa} paisa is not in the provider's book"
        else:
            left.remove(there)
    yield from (f"{back.amount_paisa} paisa went back at the provider without a refund" for back in left)


def _is_same(one: OurRefund, back: GivenBack, of_order: frozenset[str]) -> bool:
    # Where a refund has no name of its own over there, it goes by that of the payment.
    return one.amount_paisa == back.amount_paisa and _is_called(back.names | of_order, one.transaction)


def _receivable_faults(books: ProviderBooks, ahead_paisa: int) -> Iterator[Disagreement]:
    """Where the ledger says that the provider owes us something else than its own book does."""
    expected = books.owed_paisa + ahead_paisa
    if books.receivable_paisa != expected:
        what = f"{books.receivable_paisa} paisa stand there, {expected} are right by the provider's book"
        yield Disagreement(f"receivable of {books.connector}", what)


def work_items(lines: Iterable[Collection]) -> int:
    """How many refunds finance has to pay by hand, because the provider gives nothing back."""
    return sum(one.state == REFUND_BY_HAND for line in lines for one in line.refunds)
