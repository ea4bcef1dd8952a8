"""Money that payers gave by bKash: our books, its own, and what the shop was told, line by line.

Pure: lists in, disagreements out. Every movement over there must be exactly one of ours and the other way
round, and what the wallet owes us must be what its own book says. Of the other providers `provider_books`
asks the same, of fewer names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.rehearsals.demo.comparison.biller_books import (
    COMPLETED,
    DECLINED,
    EXPIRED,
    IN_REVIEW,
    REFUNDED,
    Comparison,
    Disagreement,
)

REFUND_DONE = "done"
REFUND_BY_HAND = "by_hand"
"""Owed, and the provider does not give it back: work for finance."""
REFUNDING = "refunding"
GIVE_BACK, UNEXPECTED = "give_back", "unexpected"

_FUNDED_BY = "approved"
FREED = frozenset({"failed", "rejected"})
"""By these nothing goes back."""
SETTLED_REFUNDS = FREED | {REFUND_DONE, REFUND_BY_HAND}
# What a shop is told of a payment in this state; everything else is pending to it.
_TOLD = {
    COMPLETED: "paid",
    DECLINED: "failed",
    EXPIRED: "failed",
    REFUNDING: "refund_pending",
    REFUNDED: "refunded",
}
_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement of money in the wallet's own book; a refund names the payment's transaction it is of.

    `payment` is the wallet's name of the payment and `invoice` ours of the try. `told_paisa` is what its
    answers say moved, which differs from `amount_paisa` only where it contradicts itself.
    """

    transaction: str
    payment: str
    invoice: str
    amount_paisa: int
    fee_paisa: int = 0
    refund_of: str | None = None
    told_paisa: int = -1


@dataclass(frozen=True, slots=True)
class OurTry:
    """One try in the switch's books; `collected_paisa` is None where it brought in nothing."""

    reference: str
    outcome: str | None = None
    payment: str | None = None
    transaction: str | None = None
    collected_paisa: int | None = None
    connector: str = "bkash"


@dataclass(frozen=True, slots=True)
class OurRefund:
    """One refund in the switch's books; `transaction` is the provider's name of it.

    Where it `is_by_hand`, our own bank has paid it, and the provider has not.
    """

    refund_id: str
    kind: str
    state: str
    amount_paisa: int
    transaction: str | None = None
    connector: str = "bkash"
    is_by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """A collected payment in the switch's books; `bill_number` is the biller's name of what was paid."""

    payment_id: str
    state: str
    bill_number: str
    total_paisa: int
    tries: Sequence[OurTry] = ()
    refunds: Sequence[OurRefund] = ()

    @property
    def connectors(self) -> frozenset[str]:
        """Who was asked to collect it."""
        return frozenset(one.connector for one in self.tries)

    @property
    def given_back_paisa(self) -> int:
        """What is with the payer again."""
        return sum(one.amount_paisa for one in self.refunds if one.state == REFUND_DONE)

    @property
    def held_paisa(self) -> int:
        """What of its own money is with the payer again, or on its way there."""
        own = (one for one in self.refunds if one.kind != UNEXPECTED)
        return sum(one.amount_paisa for one in own if one.state not in FREED)


@dataclass(frozen=True, slots=True)
class ShopLine:
    """What the shop was told last of one of its payments; `token` are its lines, joined by commas."""

    payment_id: str
    status: str
    total_paisa: int
    refunded_paisa: int
    token: str = ""


@dataclass(frozen=True, slots=True)
class WalletBooks:
    """Everything about collected money that is compared.

    `receivable_paisa` is what the ledger says the wallet owes us, and it keeps `kept_basis_points` of what it
    collects. `tokens` are the lines that prepaid billers made, by bill number.
    """

    ours: Sequence[Collection]
    theirs: Sequence[Movement]
    shop: Sequence[ShopLine]
    receivable_paisa: int
    kept_basis_points: int
    tokens: Mapping[str, str] = field(default_factory=dict)


def compare_wallet(books: WalletBooks) -> Comparison:
    """Compare everything with everything; `contradictions` are payments rightly left to two persons."""
    movements = _Movements(books.theirs)
    unexplained: list[Disagreement] = []
    contradictions: list[Disagreement] = []
    unsettled_paisa = 0
    for line in books.ours:
        contradiction = movements.contradiction(line)
        if line.state == IN_REVIEW and contradiction is not None:
            where = f"payment {line.payment_id}"
            contradictions.append(Disagreement(where, contradiction.words))
            unsettled_paisa += contradiction.ledger_ahead_paisa(books.kept_basis_points)
        else:
            unexplained += movements.faults_of(line)
    unexplained += movements.strays(books.ours)
    unexplained += _receivable_faults(books, unsettled_paisa)
    unexplained += shop_faults(books.ours, books.shop, books.tokens)
    return Comparison(unexplained, contradictions)


@dataclass(frozen=True, slots=True)
class _Contradiction:
    moved: Movement

    @property
    def words(self) -> str:
        return (
            f"the wallet has moved {self.moved.amount_paisa} paisa and says {self.moved.told_paisa} "
            "when it is asked"
        )

    def ledger_ahead_paisa(self, kept_basis_points: int) -> int:
        """By how much our ledger, which believes what was told, is ahead of what really moved."""
        told, moved = self.moved.told_paisa, self.moved
        kept = share_half_up(told, kept_basis_points, _WHOLE)
        return (told - kept) - (moved.amount_paisa - moved.fee_paisa)


class _Movements:
    """The wallet's movements, found by their names."""

    def __init__(self, movements: Sequence[Movement]) -> None:
        self._all = movements
        self._by_name: dict[str, list[Movement]] = {}
        for one in movements:
            self._by_name.setdefault(one.transaction, []).append(one)
        self._collected_by_invoice = {one.invoice: one for one in movements if one.refund_of is None}

    def contradiction(self, line: Collection) -> _Contradiction | None:
        """How the wallet contradicts itself about a payment: one amount moved, another is told."""
        brought = [one for one in line.tries if one.collected_paisa is not None]
        if len(brought) != 1:
            return None
        found = self._by_name.get(brought[0].transaction or "", [])
        if len(found) != 1 or found[0].told_paisa == found[0].amount_paisa:
            return None
        is_ours = (brought[0].collected_paisa, brought[0].reference) == (
            found[0].told_paisa, found[0].invoice,
        )  # fmt: skip
        return _Contradiction(found[0]) if is_ours else None

    def faults_of(self, line: Collection) -> Iterator[Disagreement]:
        """Whatever the wallet's book says otherwise about one payment, or the payment about itself."""
        where = f"payment {line.payment_id}"
        faults = [state_fault(line)]
        faults += [self._try_fault(one) for one in line.tries]
        faults += [self._refund_fault(one, line) for one in line.refunds]
        yield from (Disagreement(where, fault) for fault in faults if fault is not None)

    def strays(self, ours: Iterable[Collection]) -> Iterator[Disagreement]:
        """What moved over there without us, and names that stand twice there or here."""
        held = Counter(
            name
            for line in ours
            for name in (
                *(one.transaction for one in line.tries if one.collected_paisa is not None),
                *(one.transaction for one in line.refunds if one.state == REFUND_DONE),
            )
        )
        for name, found in self._by_name.items():
            if len(found) > 1:
                yield Disagreement(f"wallet's movement {name}", f"stands there {len(found)} times")
            if held[name] != 1:
                yield Disagreement(f"wallet's movement {name}", f"{held[name]} times in the switch's books")

    def _try_fault(self, one: OurTry) -> str | None:
        if one.collected_paisa is None:
            moved = self._collected_by_invoice.get(one.reference)
            return f"try {one.reference} brought in nothing, and the wallet moved money" if moved else None
        found = self._by_name.get(one.transaction or "", [])
        if len(found) != 1:
            return f"the money of try {one.reference} moved {len(found)} times at the wallet"
        there = found[0]
        pairs = (
            ("amount", one.collected_paisa, there.amount_paisa),
            ("payment", one.payment, there.payment),
            ("invoice", one.reference, there.invoice),
            ("refund of", None, there.refund_of),
        )
        return _differing(pairs)

    def _refund_fault(self, one: OurRefund, line: Collection) -> str | None:
        if one.state != REFUND_DONE:
            # The wallet gives back what is owed, so none is left to finance.
            return None if one.state in FREED else f"refund {one.refund_id} is still open ({one.state})"
        found = self._by_name.get(one.transaction or "", [])
        if len(found) != 1:
            return f"refund {one.refund_id} moved {len(found)} times at the wallet"
        there = found[0]
        if there.refund_of not in {each.transaction for each in line.tries}:
            return f"refund {one.refund_id} is of another payment at the wallet"
        return _differing((("refund", one.amount_paisa, there.amount_paisa),))


def _differing(pairs: Iterable[tuple[str, object, object]]) -> str | None:
    differing = [f"{what} {here} here, {there} there" for what, here, there in pairs if here != there]
    return ", ".join(differing) or None


def state_fault(line: Collection) -> str | None:
    """Whether a payment's state agrees with its own money: collected once, kept or given back whole."""
    collected = [one.collected_paisa for one in line.tries if one.outcome == _FUNDED_BY]
    whole = [line.total_paisa]
    rights = {
        COMPLETED: (collected == whole, f"collected {collected} of {line.total_paisa} paisa"),
        DECLINED: (not collected, "it was paid"),
        EXPIRED: (not collected, "it was paid"),
        REFUNDED: (
            collected == whole == [_given_back(line, REFUND_DONE)],
            f"{line.given_back_paisa} of {line.total_paisa} paisa are back",
        ),
        # Where the provider has no call that gives money back, finance pays what is owed.
        REFUNDING: (collected == whole == [_given_back(line, REFUND_BY_HAND)], "the demo is over"),
        IN_REVIEW: (False, "the provider's book shows no contradiction"),
    }
    is_right, what = rights.get(line.state, (False, "the demo is over"))
    return None if is_right else f"{line.state.replace('_', ' ')}, and {what}"


def _given_back(line: Collection, state: str) -> int:
    """What is or was owed for a bill that was not paid, and stands so."""
    return sum(one.amount_paisa for one in line.refunds if (one.kind, one.state) == (GIVE_BACK, state))


def _receivable_faults(books: WalletBooks, unsettled_paisa: int) -> Iterator[Disagreement]:
    """Where the ledger says that the wallet owes us something else than its own book does."""
    collected = sum(one.amount_paisa - one.fee_paisa for one in books.theirs if one.refund_of is None)
    refunded = sum(one.amount_paisa for one in books.theirs if one.refund_of is not None)
    expected = collected - refunded + unsettled_paisa
    if books.receivable_paisa != expected:
        what = f"{books.receivable_paisa} paisa stand there, {expected} are right by the wallet's book"
        yield Disagreement("receivable of the wallet", what)


def shop_faults(
    ours: Iterable[Collection], shop: Iterable[ShopLine], tokens: Mapping[str, str]
) -> Iterator[Disagreement]:
    """Where the shop believes something else than the books say, or holds another token than was made."""
    lines = {line.payment_id: line for line in ours}
    for told in shop:
        line = lines.get(told.payment_id)
        if line is None:
            yield Disagreement(f"shop's payment {told.payment_id}", "is not in the switch's books")
            continue
        made = tokens.get(line.bill_number, "") if line.state == COMPLETED else ""
        fault = _differing(
            (
                ("status", _TOLD.get(line.state, "pending"), told.status),
                ("total", line.total_paisa, told.total_paisa),
                ("refunded", line.held_paisa, told.refunded_paisa),
            )
        )
        if fault is not None:
            yield Disagreement(f"shop's payment {told.payment_id}", fault)
        if made != told.token:
            yield Disagreement(f"shop's payment {told.payment_id}", "holds other token lines than were made")
