"""Judging what became of wallet payments after a crash: what the shop heard and three books, with no mercy.

Pure, like `verdict`: our books, the wallet's own and the biller's own go in. Money that the wallet took and
that neither reached the biller nor went back is lost; whatever moved twice is doubled.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.crashes.payment_checks import COMPLETED, MONEY_IS_BACK, Theirs, Verdict

PAID, REFUND_DONE = "paid", "done"
# What a shop is told of a payment in the end.
STATUSES = {COMPLETED: PAID, "declined": "failed", "expired": "failed", "refunded": "refunded"}
FINAL_STATUSES = frozenset(STATUSES.values())
REFUND_FATES = frozenset({REFUND_DONE, "failed"})
# Nothing may be left on these once every payment and every refund has ended.
EMPTY_IN_THE_END = ("in_flight", "suspense", "refund_due")


@dataclass(frozen=True, slots=True)
class HeardRefund:
    """What the shop heard last of one refund that it asked for, in paisa."""

    refund: str
    status: str
    amount: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Every status that the shop heard under one of its keys, in order."""

    key: str
    bill: str
    statuses: tuple[str, ...]
    refunds: tuple[HeardRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class OurTry:
    """One page, by our reference; `collected` paisa came in under the wallet's name of the movement."""

    reference: str
    transaction: str = ""
    collected: int = 0


@dataclass(frozen=True, slots=True)
class OurRefund:
    """One refund in our books; `transaction` is the wallet's name of it."""

    refund: str
    state: str
    amount: int
    transaction: str = ""


@dataclass(frozen=True, slots=True)
class OurCollection:
    """A payment in our books, in paisa; `sent_as` are the references that the biller may know it by."""

    key: str
    bill: str
    state: str
    amount: int
    total: int
    sent_as: tuple[str, ...]
    tries: tuple[OurTry, ...]
    refunds: tuple[OurRefund, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """Money that the wallet gave back, in paisa."""

    transaction: str
    amount: int


@dataclass(frozen=True, slots=True)
class Debit:
    """Money that the wallet took from a payer under our reference `invoice`, less its fee, in paisa."""

    invoice: str
    transaction: str
    amount: int
    fee: int
    returned: tuple[Returned, ...] = ()


@dataclass(frozen=True, slots=True)
class WalletEvidence:
    """Everything known of one shop's payments; `nets` are its postings by kind of account, debit positive."""

    heard: Sequence[Heard]
    ours: Sequence[OurCollection]
    debits: Sequence[Debit]
    theirs: Sequence[Theirs]
    sent_twice: Sequence[str]
    nets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Whole:
    """One payment with all that the other two books hold of it."""

    ours: OurCollection
    debits: tuple[Debit, ...]
    theirs: tuple[Theirs, ...]
    heard: Heard | None

    @property
    def taken(self) -> int:
        return sum(debit.amount for debit in self.debits)

    @property
    def returned(self) -> tuple[Returned, ...]:
        return tuple(returned for debit in self.debits for returned in debit.returned)

    @property
    def back(self) -> int:
        return sum(returned.amount for returned in self.returned)

    @property
    def is_delivered(self) -> bool:
        return bool(self.theirs)

    @property
    def done(self) -> tuple[OurRefund, ...]:
        return tuple(refund for refund in self.ours.refunds if refund.state == REFUND_DONE)


@dataclass(slots=True)
class _Books:
    """The payments, each with its own, and what belongs to none of them."""

    wholes: list[_Whole] = field(default_factory=list)
    strange_debits: list[Debit] = field(default_factory=list)
    strange_payments: list[Theirs] = field(default_factory=list)

    @classmethod
    def of(cls, evidence: WalletEvidence) -> "_Books":
        heard = {one.key: one for one in evidence.heard}
        books = cls()
        for ours in evidence.ours:
            pages = {one.reference for one in ours.tries}
            debits = tuple(debit for debit in evidence.debits if debit.invoice in pages)
            theirs = tuple(
                one for one in evidence.theirs if one.bill == ours.bill and one.transaction in ours.sent_as
            )
            books.wholes.append(_Whole(ours, debits, theirs, heard.get(ours.key)))
        known_debits = {debit for whole in books.wholes for debit in whole.debits}
        known_payments = {one for whole in books.wholes for one in whole.theirs}
        books.strange_debits = [debit for debit in evidence.debits if debit not in known_debits]
        books.strange_payments = [one for one in evidence.theirs if one not in known_payments]
        return books


def judge_wallets(evidence: WalletEvidence) -> Verdict:
    """Compare the books, and what the shop heard with them."""
    books = _Books.of(evidence)
    return Verdict(
        tuple(_lost(evidence, books)), tuple(_doubled(evidence, books)), tuple(_wrong(evidence, books))
    )


# ---- lost --------------------------------------------------------------------------------------------------


def _lost(evidence: WalletEvidence, books: _Books) -> Iterator[str]:
    completed = {ours.key for ours in evidence.ours if ours.state == COMPLETED}
    for heard in evidence.heard:
        if PAID in heard.statuses and heard.key not in completed:
            yield f"{heard.key}: the shop heard {PAID} and the books do not have it"
    for whole in books.wholes:
        yield from (f"{whole.ours.key}: {fault}" for fault in _lost_of(whole))
    for debit in books.strange_debits:
        if sum(one.amount for one in debit.returned) < debit.amount:
            yield f"debit {debit.transaction}: the wallet took {debit.amount} paisa for none of our pages"


def _lost_of(whole: _Whole) -> Iterator[str]:
    if whole.ours.state == COMPLETED and not whole.is_delivered:
        yield "completed, and the biller does not have it"
    elif not whole.is_delivered and whole.back < whole.taken:
        yield f"the wallet took {whole.taken} paisa, nobody was paid, and {whole.back} are back"
    given = {(one.transaction, one.amount) for one in whole.returned}
    for refund in whole.done:
        if (refund.transaction, refund.amount) not in given:
            yield f"refund {refund.refund} is done, and the wallet gave nothing back"


# ---- doubled -----------------------------------------------------------------------------------------------


def _doubled(evidence: WalletEvidence, books: _Books) -> Iterator[str]:
    saves: Counter[str] = Counter()
    for theirs in evidence.theirs:
        saves[theirs.bill] += theirs.saves
    yield from (f"bill {bill}: saved {times} times" for bill, times in saves.items() if times > 1)
    yield from (f"bill {bill}: sent to the biller again once paid" for bill in evidence.sent_twice)
    completed = Counter(ours.bill for ours in evidence.ours if ours.state == COMPLETED)
    yield from (f"bill {bill}: {times} payments completed" for bill, times in completed.items() if times > 1)
    for whole in books.wholes:
        yield from (f"{whole.ours.key}: {fault}" for fault in _doubled_of(whole))


def _doubled_of(whole: _Whole) -> Iterator[str]:
    if len(whole.debits) > 1:
        yield f"the wallet took its payer's money {len(whole.debits)} times"
    if len(whole.returned) > len(whole.done):
        yield f"{len(whole.done)} refunds are done, and the wallet gave back {len(whole.returned)} times"
    if whole.ours.state in MONEY_IS_BACK and whole.is_delivered:
        yield f"{whole.ours.state}, and the biller was paid all the same"
    elif whole.back > (whole.ours.amount if whole.is_delivered else whole.taken):
        yield f"{whole.back} paisa went back, of {whole.taken} that were taken"


# ---- otherwise wrong ---------------------------------------------------------------------------------------


def _wrong(evidence: WalletEvidence, books: _Books) -> Iterator[str]:
    known = {ours.key for ours in evidence.ours}
    for heard in evidence.heard:
        if heard.statuses and heard.key not in known:
            yield f"{heard.key}: the shop heard {heard.statuses[-1]}, and the books do not have it"
    for whole in books.wholes:
        faults = (_state_fault(whole), _heard_fault(whole), *_money_faults(whole), *_refund_faults(whole))
        yield from (f"{whole.ours.key}: {fault}" for fault in faults if fault)
    yield from (f"debit {debit.transaction}: is of none of our pages" for debit in books.strange_debits)
    for theirs in books.strange_payments:
        yield f"bill {theirs.bill}: saved as {theirs.transaction}, which is none of ours"
    yield from _ledger_faults(evidence)


def _state_fault(whole: _Whole) -> str:
    state = whole.ours.state
    return "" if state == COMPLETED or state in MONEY_IS_BACK else f"not final ({state})"


def _heard_fault(whole: _Whole) -> str:
    """How what the shop heard differs from what stands, or nothing."""
    if whole.heard is None or not whole.heard.statuses:
        return "in the books, and the shop heard nothing of it"
    statuses = whole.heard.statuses
    finals = {status for status in statuses if status in FINAL_STATUSES}
    if len(finals) > 1:
        return f"the shop heard {' and '.join(sorted(finals))}"
    expected = STATUSES.get(whole.ours.state)
    if expected is not None and statuses[-1] != expected:
        return f"{whole.ours.state}, and the shop heard {statuses[-1]}"
    return ""


def _money_faults(whole: _Whole) -> Iterator[str]:
    """Where the books disagree about what came in, or about what went out for it."""
    ours = whole.ours
    in_our_books = {(one.reference, one.transaction, one.collected) for one in ours.tries if one.collected}
    in_theirs = {(debit.invoice, debit.transaction, debit.amount) for debit in whole.debits}
    yield from (f"the wallet took {debit[2]} paisa unseen by us" for debit in in_theirs - in_our_books)
    yield from (
        f"{money[2]} paisa came in, and the wallet did not take them" for money in in_our_books - in_theirs
    )
    if whole.debits and whole.debits[0].amount != ours.total:
        yield f"the wallet took {whole.debits[0].amount} paisa of {ours.total}"
    if whole.is_delivered and not whole.debits:
        yield "the biller was paid, and nobody paid us"
    if any(one.amount != ours.amount for one in whole.theirs):
        yield f"{whole.theirs[0].amount} paisa saved at the biller, {ours.amount} booked"


def _refund_faults(whole: _Whole) -> Iterator[str]:
    standing = {refund.refund: refund for refund in whole.ours.refunds}
    for refund in whole.ours.refunds:
        if refund.state not in REFUND_FATES:
            yield f"refund {refund.refund} is not final ({refund.state})"
    for heard in whole.heard.refunds if whole.heard is not None else ():
        ours = standing.get(heard.refund)
        if ours is None:
            yield f"the shop heard of refund {heard.refund}, and the books do not have it"
        elif (ours.state, ours.amount) != (heard.status, heard.amount):
            yield f"refund {heard.refund} is {ours.state}, and the shop heard {heard.status}"


def _ledger_faults(evidence: WalletEvidence) -> Iterator[str]:
    """Whether the ledger says of all of them together what the wallet's book says, and holds nothing back."""
    for kind in EMPTY_IN_THE_END:
        if evidence.nets.get(kind, 0):
            yield f"{kind} holds {evidence.nets[kind]} paisa"
    owed = sum(
        debit.amount - debit.fee - sum(one.amount for one in debit.returned) for debit in evidence.debits
    )
    booked = evidence.nets.get("receivable", 0)
    if booked != owed:
        yield f"the wallet owes us {booked} paisa by our ledger, and {owed} by its own book"
