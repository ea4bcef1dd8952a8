"""Compares the books about money collected by bKash, line by line: ours, bKash's, and the shop's record.

Without I/O: lists in, disagreements out. Movements at the wallet and in our books must match one to one, and
the wallet's debt to us must be what its own book says. `provider_books` checks the same for the other
providers, with fewer references.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.kit.institution.amounts import lakh
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
"""State of a refund that the provider cannot make, so that finance has to pay it."""
REFUNDING = "refunding"
GIVE_BACK, UNEXPECTED = "give_back", "unexpected"

_WALLET = "bkash"
_FUNDED_BY = "approved"
RELEASED_REFUNDS = frozenset({"failed", "rejected"})
"""States of a refund by which no money goes back."""
SETTLED_REFUNDS = RELEASED_REFUNDS | {REFUND_DONE, REFUND_BY_HAND}
# The status that a shop sees for a payment in this state; for all others it is pending.
_SHOP_STATUS = {
    COMPLETED: "paid",
    DECLINED: "failed",
    EXPIRED: "failed",
    REFUNDING: "refund_pending",
    REFUNDED: "refunded",
}
_WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class WalletMovement:
    """A movement of money in the wallet's own book; a refund names the transaction that it refunds.

    `payment` is the wallet's id of the payment and `invoice` our reference of the try. `stated_paisa` is the
    amount in its answers, which differs from `amount_paisa` only where the wallet contradicts itself.
    """

    transaction: str
    payment: str
    invoice: str
    amount_paisa: int
    fee_paisa: int = 0
    refund_of: str | None = None
    stated_paisa: int = -1


@dataclass(frozen=True, slots=True)
class OurTry:
    """One try in the switch's books; `collected_paisa` is None where it brought in nothing."""

    reference: str
    outcome: str | None = None
    payment: str | None = None
    transaction: str | None = None
    collected_paisa: int | None = None
    connector: str = _WALLET


@dataclass(frozen=True, slots=True)
class OurRefund:
    """One refund in the switch's books; `transaction` is the provider's id of it.

    One that `is_by_hand` was paid by our own bank, not by the provider.
    """

    refund_id: str
    kind: str
    state: str
    amount_paisa: int
    transaction: str | None = None
    connector: str = _WALLET
    is_by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """A collected payment in the switch's books; `bill_number` is the biller's number of the paid bill."""

    payment_id: str
    state: str
    bill_number: str
    total_paisa: int
    tries: Sequence[OurTry] = ()
    refunds: Sequence[OurRefund] = ()

    @property
    def connectors(self) -> frozenset[str]:
        """The connectors of its tries."""
        return frozenset(collection_try.connector for collection_try in self.tries)

    @property
    def given_back_paisa(self) -> int:
        """The amount that was refunded."""
        return sum(refund.amount_paisa for refund in self.refunds if refund.state == REFUND_DONE)

    @property
    def refunding_paisa(self) -> int:
        """The amount of its own money that was refunded or is being refunded."""
        own = (refund for refund in self.refunds if refund.kind != UNEXPECTED)
        return sum(refund.amount_paisa for refund in own if refund.state not in RELEASED_REFUNDS)


@dataclass(frozen=True, slots=True)
class ShopLine:
    """The shop's last status of one of its payments; `token` are its lines, joined by commas."""

    payment_id: str
    status: str
    total_paisa: int
    refunded_paisa: int
    token: str = ""


@dataclass(frozen=True, slots=True)
class WalletBooks:
    """Everything about collected money that is compared.

    `receivable_paisa` is the wallet's debt to us by our ledger; the wallet keeps `kept_basis_points` of what
    it collects. `tokens` are the token lines of prepaid billers, by bill number.
    """

    ours: Sequence[Collection]
    theirs: Sequence[WalletMovement]
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
            subject = f"payment {line.payment_id}"
            contradictions.append(Disagreement(subject, contradiction.text))
            unsettled_paisa += contradiction.ledger_ahead_paisa(books.kept_basis_points)
        else:
            unexplained += movements.faults_of(line)
    unexplained += movements.unknown_movements(books.ours)
    unexplained += _receivable_faults(books, unsettled_paisa)
    unexplained += shop_faults(books.ours, books.shop, books.tokens)
    return Comparison(unexplained, contradictions)


@dataclass(frozen=True, slots=True)
class _Contradiction:
    movement: WalletMovement

    @property
    def text(self) -> str:
        return (
            f"the wallet has moved {lakh(self.movement.amount_paisa)} taka and says "
            f"{lakh(self.movement.stated_paisa)} "
            "when it is asked"
        )

    def ledger_ahead_paisa(self, kept_basis_points: int) -> int:
        """By how much the stated amount, which our ledger uses, exceeds the amount that moved."""
        stated_paisa, movement = self.movement.stated_paisa, self.movement
        kept_paisa = share_half_up(stated_paisa, kept_basis_points, _WHOLE)
        return (stated_paisa - kept_paisa) - (movement.amount_paisa - movement.fee_paisa)


class _Movements:
    """The wallet's movements, indexed by their references."""

    def __init__(self, movements: Sequence[WalletMovement]) -> None:
        self._all = movements
        self._by_name: dict[str, list[WalletMovement]] = {}
        for movement in movements:
            self._by_name.setdefault(movement.transaction, []).append(movement)
        self._collected_by_invoice = {
            movement.invoice: movement for movement in movements if movement.refund_of is None
        }

    def contradiction(self, line: Collection) -> _Contradiction | None:
        """How the wallet contradicts itself about a payment: one amount moved, another is stated."""
        funded_tries = [
            collection_try for collection_try in line.tries if collection_try.collected_paisa is not None
        ]
        if len(funded_tries) != 1:
            return None
        movements = self._by_name.get(funded_tries[0].transaction or "", [])
        if len(movements) != 1 or movements[0].stated_paisa == movements[0].amount_paisa:
            return None
        is_ours = (funded_tries[0].collected_paisa, funded_tries[0].reference) == (
            movements[0].stated_paisa, movements[0].invoice,
        )  # fmt: skip
        return _Contradiction(movements[0]) if is_ours else None

    def faults_of(self, line: Collection) -> Iterator[Disagreement]:
        """Differences between the wallet's book and one payment, and within the payment itself.

        A payer may have tried another provider too, whose book is compared for itself.
        """
        subject = f"payment {line.payment_id}"
        faults = [state_fault(line)]
        faults += [self._try_fault(item) for item in line.tries if item.connector == _WALLET]
        faults += [self._refund_fault(item, line) for item in line.refunds if item.connector == _WALLET]
        yield from (Disagreement(subject, fault) for fault in faults if fault is not None)

    def unknown_movements(self, ours: Iterable[Collection]) -> Iterator[Disagreement]:
        """Movements at the wallet that we do not know, and references that occur twice there or here."""
        name_counts = Counter(
            name
            for line in ours
            for name in (
                *(item.transaction for item in line.tries if item.collected_paisa is not None),
                *(item.transaction for item in line.refunds if item.state == REFUND_DONE),
            )
        )
        for name, movements in self._by_name.items():
            if len(movements) > 1:
                yield Disagreement(f"wallet's movement {name}", f"stands there {len(movements)} times")
            if name_counts[name] != 1:
                yield Disagreement(
                    f"wallet's movement {name}", f"{name_counts[name]} times in the switch's books"
                )

    def _try_fault(self, collection_try: OurTry) -> str | None:
        if collection_try.collected_paisa is None:
            movement = self._collected_by_invoice.get(collection_try.reference)
            return (
                f"try {collection_try.reference} brought in nothing, and the wallet moved money"
                if movement
                else None
            )
        movements = self._by_name.get(collection_try.transaction or "", [])
        if len(movements) != 1:
            return f"the money of try {collection_try.reference} moved {len(movements)} times at the wallet"
        their_movement = movements[0]
        pairs = (
            ("amount", lakh(collection_try.collected_paisa), lakh(their_movement.amount_paisa)),
            ("payment", collection_try.payment, their_movement.payment),
            ("invoice", collection_try.reference, their_movement.invoice),
            ("refund of", None, their_movement.refund_of),
        )
        return _differences_text(pairs)

    def _refund_fault(self, refund: OurRefund, line: Collection) -> str | None:
        if refund.state != REFUND_DONE:
            # The wallet makes all refunds itself, so none is left to finance.
            return (
                None
                if refund.state in RELEASED_REFUNDS
                else f"refund {refund.refund_id} is still open ({refund.state})"
            )
        movements = self._by_name.get(refund.transaction or "", [])
        if len(movements) != 1:
            return f"refund {refund.refund_id} moved {len(movements)} times at the wallet"
        their_movement = movements[0]
        if their_movement.refund_of not in {collection_try.transaction for collection_try in line.tries}:
            return f"refund {refund.refund_id} is of another payment at the wallet"
        return _differences_text((("refund", lakh(refund.amount_paisa), lakh(their_movement.amount_paisa)),))


def _differences_text(pairs: Iterable[tuple[str, object, object]]) -> str | None:
    differing = [
        f"{name} {our_value} here, {their_value} there"
        for name, our_value, their_value in pairs
        if our_value != their_value
    ]
    return ", ".join(differing) or None


def state_fault(line: Collection) -> str | None:
    """Whether a payment's state agrees with its money: collected once, and kept or refunded in full."""
    collected = [item.collected_paisa for item in line.tries if item.outcome == _FUNDED_BY]
    whole = [line.total_paisa]
    taken = ", ".join(lakh(paisa or 0) for paisa in collected) or "nothing"
    expectations = {
        COMPLETED: (
            collected == whole,
            f"collected {taken} of {lakh(line.total_paisa)} taka",
        ),
        DECLINED: (not collected, "it was paid"),
        EXPIRED: (not collected, "it was paid"),
        REFUNDED: (
            collected == whole == [_given_back_paisa(line, REFUND_DONE)],
            f"{lakh(line.given_back_paisa)} of {lakh(line.total_paisa)} taka are back",
        ),
        # Where the provider has no refund call, finance pays what is owed.
        REFUNDING: (collected == whole == [_given_back_paisa(line, REFUND_BY_HAND)], "the demo is over"),
        IN_REVIEW: (False, "the provider's book shows no contradiction"),
    }
    is_right, problem = expectations.get(line.state, (False, "the demo is over"))
    return None if is_right else f"{line.state.replace('_', ' ')}, and {problem}"


def _given_back_paisa(line: Collection, state: str) -> int:
    """The amount of refunds in this state, for a bill that was not paid."""
    return sum(
        refund.amount_paisa for refund in line.refunds if (refund.kind, refund.state) == (GIVE_BACK, state)
    )


def _receivable_faults(books: WalletBooks, unsettled_paisa: int) -> Iterator[Disagreement]:
    """Where the wallet's debt to us by our ledger differs from that by its own book."""
    collected = sum(
        movement.amount_paisa - movement.fee_paisa for movement in books.theirs if movement.refund_of is None
    )
    refunded = sum(movement.amount_paisa for movement in books.theirs if movement.refund_of is not None)
    expected = collected - refunded + unsettled_paisa
    if books.receivable_paisa != expected:
        standing, right = lakh(books.receivable_paisa), lakh(expected)
        problem = f"{standing} taka stand there, {right} are right by the wallet's book"
        yield Disagreement("receivable of the wallet", problem)


def shop_faults(
    ours: Iterable[Collection], shop: Iterable[ShopLine], tokens: Mapping[str, str]
) -> Iterator[Disagreement]:
    """Where the shop's record differs from the books, or its token from the biller's."""
    lines = {line.payment_id: line for line in ours}
    for shop_line in shop:
        line = lines.get(shop_line.payment_id)
        if line is None:
            yield Disagreement(f"shop's payment {shop_line.payment_id}", "is not in the switch's books")
            continue
        expected_token = tokens.get(line.bill_number, "") if line.state == COMPLETED else ""
        fault = _differences_text(
            (
                ("status", _SHOP_STATUS.get(line.state, "pending"), shop_line.status),
                ("total", lakh(line.total_paisa), lakh(shop_line.total_paisa)),
                ("refunded", lakh(line.refunding_paisa), lakh(shop_line.refunded_paisa)),
            )
        )
        if fault is not None:
            yield Disagreement(f"shop's payment {shop_line.payment_id}", fault)
        if expected_token != shop_line.token:
            yield Disagreement(
                f"shop's payment {shop_line.payment_id}", "holds other token lines than were made"
            )
