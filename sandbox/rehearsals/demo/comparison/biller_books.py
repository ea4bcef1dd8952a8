"""Compares the books line by line: the switch, each biller, and the partners' own records.

Without I/O: lists in, disagreements out. An empty list is the proof that a demo needs, so whatever has no
clear explanation is a disagreement.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.kit.institution.amounts import lakh

COMPLETED, REFUNDED, DECLINED, EXPIRED, IN_REVIEW = (
    "completed", "refunded", "declined", "expired", "in_review",
)  # fmt: skip
NOT_POSTED = (REFUNDED, DECLINED, EXPIRED)

IN_PROGRESS = "0102"
# The notified state of a payment in this state; there is no notification of a refused order.
_NOTIFIED_STATUS = {COMPLETED: "paid", REFUNDED: "refunded", IN_REVIEW: "pending"}
_CODES = {
    COMPLETED: {"0000"},
    REFUNDED: {"1007", "1008"},
    DECLINED: {"1003", "1004", "1005", "1006", "1010"},
    EXPIRED: {"1007"},
}
# Codes of a refusal after which the reference can be used again (ekpay-syndicate-api.md, "Idempotency").
_REFERENCE_KEPT_CODES = frozenset({"1001", "1002", "1009", "2001", "2002", "2003", "2004"})


@dataclass(frozen=True, slots=True)
class OurLine:
    """A payment in the switch's books; amounts in paisa, days as `yyyy-MM-dd`.

    `amount_paisa` is the amount sent to the biller, `owed_paisa` what it is owed of that. `attempts` are the
    references under which the biller knows the payment. The money is from a prefund unless it `is_collected`
    from a payer.
    """

    payment_id: str
    partner_id: str
    reference: str
    bill_number: str
    amount_paisa: int
    charged_paisa: int
    state: str
    scroll_no: int | None
    business_date: str
    attempts: tuple[str, ...]
    biller: str = "b025"
    bucket: str = "postpaid"
    owed_paisa: int | None = None
    is_collected: bool = False

    @property
    def total_paisa(self) -> int:
        """What the payment takes from a prefund, or from its payer."""
        return self.amount_paisa + self.charged_paisa


@dataclass(frozen=True, slots=True)
class TheirLine:
    """A payment in a biller's book; `stated_paisa` is the amount in its answer to a query, if queried.

    A field is None where a biller has no such thing: no bill number, no scroll, no amount owed other than the
    paid one, no token. `is_whole` is false while a step is missing. `biller` is the biller's id at the
    switch.
    """

    transaction_id: str
    bill_number: str | None
    amount_paisa: int
    scroll_no: int | None = None
    scroll_date: str | None = None
    owed_paisa: int | None = None
    is_whole: bool = True
    token: str | None = None
    stated_paisa: int | None = None
    biller: str = "b025"


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """A partner's own record of one of its references: what it ordered, and the last code it received.

    `token` are its token lines, joined by commas, or empty.
    """

    partner_id: str
    reference: str
    bill_number: str
    amount_paisa: int
    charged_paisa: int
    code: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class NotificationLine:
    """A notification of one reference at a partner's endpoint; the amount is taka as text."""

    partner_id: str
    reference: str
    status: str
    amount: str


@dataclass(frozen=True, slots=True)
class PrefundBalance:
    """A prefund: its top-ups and its balance, in paisa."""

    topped_up_paisa: int
    balance_paisa: int


@dataclass(frozen=True, slots=True)
class ComparedBooks:
    """Everything that is compared; `prefunds` holds each bucket of the partners whose top-ups are known.

    `notifications` holds the partners that have an endpoint, each with every distinct event that it received.
    """

    ours: Sequence[OurLine]
    theirs: Sequence[TheirLine]
    partner_lines: Sequence[PartnerLine]
    prefunds: Mapping[tuple[str, str], PrefundBalance]
    notifications: Mapping[str, Sequence[NotificationLine]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Something unexplained: what it is about, and what is wrong."""

    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison: unexplained lines, and lines with a contradiction at the biller."""

    unexplained: Sequence[Disagreement]
    contradictions: Sequence[Disagreement]


def compare(books: ComparedBooks) -> Comparison:
    """Compare everything with everything; `contradictions` are payments rightly left to two persons."""
    # Two billers may give the same number to two things.
    by_transaction = defaultdict(list)
    for line in books.theirs:
        by_transaction[line.biller, line.transaction_id].append(line)
    unexplained: list[Disagreement] = []
    contradictions: list[Disagreement] = []
    for ours in books.ours:
        theirs = [line for name in ours.attempts for line in by_transaction.get((ours.biller, name), [])]
        if ours.state == IN_REVIEW and (problem := _contradiction(ours, theirs)):
            contradictions.append(Disagreement(_name(ours), problem))
        elif fault := _payment_fault(ours, theirs):
            unexplained.append(Disagreement(_name(ours), fault))
    unexplained += _unknown_postings(books)
    unexplained += _partner_problems(books)
    unexplained += _prefund_faults(books)
    unexplained += _notification_faults(books)
    return Comparison(unexplained, contradictions)


def _name(ours: OurLine) -> str:
    return f"payment {ours.payment_id}"


def _payment_fault(ours: OurLine, theirs: Sequence[TheirLine]) -> str | None:
    match ours.state:
        case "completed":
            return _posting_fault(ours, theirs)
        case "refunded" | "declined" | "expired":
            return f"{ours.state}, and the biller has posted it" if theirs else None
        case "in_review" | "refunding" if ours.is_collected and not theirs:
            return None  # it is in review because of its collected money, which `provider_books` checks
        case "in_review":
            return "in review, and the biller's book shows no contradiction"
        case state:
            return f"still open ({state})"


def _posting_fault(ours: OurLine, theirs: Sequence[TheirLine]) -> str | None:
    if len(theirs) != 1:
        return f"completed, and posted {len(theirs)} times at the biller"
    line = theirs[0]
    pairs: list[tuple[str, str | int | None, str | int | None]] = [
        ("amount", lakh(ours.amount_paisa), lakh(line.amount_paisa)),
        ("scroll number", ours.scroll_no, line.scroll_no),
    ]
    if line.bill_number is not None:
        pairs.append(("bill", ours.bill_number, line.bill_number))
    if line.scroll_date is not None:
        pairs.append(("day", ours.business_date, line.scroll_date))
    if line.owed_paisa is not None:
        pairs.append(
            ("owed", "nothing" if ours.owed_paisa is None else lakh(ours.owed_paisa), lakh(line.owed_paisa))
        )
    differing = [
        f"{name} {our_value} here, {their_value} there"
        for name, our_value, their_value in pairs
        if our_value != their_value
    ]
    if not line.is_whole:
        differing.append("the biller waits for a further step")
    return ", ".join(differing) or None


def _contradiction(ours: OurLine, theirs: Sequence[TheirLine]) -> str | None:
    """How the biller contradicts itself about a payment: it has posted one amount and states another."""
    if _posting_fault(ours, theirs):
        return None
    line = theirs[0]
    if line.stated_paisa in {None, line.amount_paisa}:
        return None
    posted, stated = lakh(line.amount_paisa), lakh(line.stated_paisa)
    return f"the biller has posted {posted} taka and says {stated} when it is asked"


def _unknown_postings(books: ComparedBooks) -> Iterator[Disagreement]:
    """Postings of the biller without a payment of ours, and bills and scroll numbers that it has twice."""
    known = {(ours.biller, reference) for ours in books.ours for reference in ours.attempts}
    for line in books.theirs:
        if (line.biller, line.transaction_id) not in known:
            yield Disagreement(f"biller's payment {line.transaction_id}", "not in the switch's books")
    bills = Counter((line.biller, line.bill_number) for line in books.theirs if line.bill_number is not None)
    yield from (Disagreement(f"bill {bill}", f"posted {n} times") for (_, bill), n in bills.items() if n > 1)
    numbers = Counter(
        (line.biller, line.scroll_date, line.scroll_no) for line in books.theirs if line.scroll_no is not None
    )
    yield from (
        Disagreement(f"scroll number {number} of {day}", f"used {n} times")
        for (_, day, number), n in numbers.items()
        if n > 1
    )


def _partner_problems(books: ComparedBooks) -> Iterator[Disagreement]:
    """Where a partner's record differs from the books."""
    ours = {(line.partner_id, line.reference): line for line in books.ours}
    tokens = {(line.biller, line.transaction_id): line.token or "" for line in books.theirs}
    references = {(line.partner_id, line.reference) for line in books.partner_lines}
    partners = {line.partner_id for line in books.partner_lines}
    for partner_line in books.partner_lines:
        subject = f"{partner_line.partner_id}'s reference {partner_line.reference}"
        our_line = ours.get((partner_line.partner_id, partner_line.reference))
        fault = _code_fault(partner_line, our_line) or _token_fault(partner_line, our_line, tokens)
        if fault:
            yield Disagreement(subject, fault)
    for key, line in ours.items():
        if line.partner_id in partners and key not in references:
            yield Disagreement(_name(line), f"{line.partner_id} knows of no reference {line.reference}")


def _code_fault(partner_line: PartnerLine, ours: OurLine | None) -> str | None:
    if ours is None:
        return (
            None
            if partner_line.code in _REFERENCE_KEPT_CODES
            else f"was told {partner_line.code}, and there is no payment"
        )
    if partner_line.code not in _CODES.get(ours.state, {IN_PROGRESS}):
        return f"was told {partner_line.code} of a payment that is {ours.state}"
    # A refused order may have any amount: that is often why it was refused.
    if ours.state == DECLINED:
        return None
    requested = (partner_line.bill_number, partner_line.amount_paisa, partner_line.charged_paisa)
    if requested != (ours.bill_number, ours.amount_paisa, ours.charged_paisa):
        return "asked for another bill or amount than the books hold"
    return None


def _token_fault(
    partner_line: PartnerLine, ours: OurLine | None, tokens: Mapping[tuple[str, str], str]
) -> str | None:
    """How the partner's token differs from the biller's lines and their order, if it does."""
    expected = ""
    if ours is not None and ours.state == COMPLETED:
        names = ((ours.biller, name) for name in ours.attempts)
        expected = next((tokens[name] for name in names if name in tokens), "")
    if partner_line.token == expected:
        return None
    lines = len(expected.split(",")) if expected else 0
    return f"holds other token lines than the {lines} that the biller made"


def _prefund_faults(books: ComparedBooks) -> Iterator[Disagreement]:
    """Prefunds whose balance is not the top-ups less completed payments and holds."""
    taken_paisa = _taken_from_prefunds(books.ours)
    for (partner, bucket), prefund in books.prefunds.items():
        expected = prefund.topped_up_paisa - taken_paisa[partner, bucket]
        if prefund.balance_paisa != expected:
            problem = f"{lakh(prefund.balance_paisa)} taka stand there, {lakh(expected)} are right"
            yield Disagreement(f"{bucket} prefund of {partner}", problem)


def _taken_from_prefunds(ours: Iterable[OurLine]) -> Counter[tuple[str, str]]:
    taken_paisa: Counter[tuple[str, str]] = Counter()
    for line in ours:
        if line.state not in NOT_POSTED and not line.is_collected:
            taken_paisa[line.partner_id, line.bucket] += line.total_paisa
    return taken_paisa


def _notification_faults(books: ComparedBooks) -> Iterator[Disagreement]:
    """Where an endpoint did not get exactly one notification, the right one, of a payment."""
    for partner, lines in books.notifications.items():
        events_by_reference = defaultdict(list)
        for line in lines:
            events_by_reference[line.reference].append((line.status, line.amount))
        for ours in books.ours:
            if ours.partner_id == partner and ours.state in _NOTIFIED_STATUS:
                expected = [(_NOTIFIED_STATUS[ours.state], _taka(ours.total_paisa))]
                events = events_by_reference.pop(ours.reference, [])
                if events != expected:
                    yield Disagreement(_name(ours), f"its endpoint was told {events}, {expected} is right")
        yield from (
            Disagreement(f"{partner}'s endpoint", f"was told of {name}") for name in events_by_reference
        )


def _taka(paisa: int) -> str:
    return f"{paisa // 100}.{paisa % 100:02d}"
