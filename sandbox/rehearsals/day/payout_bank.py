"""Our simulated bank carries out what we instruct, rejects some of it, returns some and pays some late.

It keeps a book of its own, a line for each order of a file that it has taken in, and its statement books from
that book: a debit on the value date, or on the first statement that is not made yet, with our reference. A
file that comes again is known by its name and is carried out once.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from html import escape
from pathlib import Path
from random import Random

from sandbox.rehearsals.day.bank_transfers import OWN_BANK
from sandbox.rehearsals.day.payment_files import MalformedPaymentFileError, PaymentOrder, read_payment_file
from sandbox.rehearsals.day.state import DayState
from sandbox.rehearsals.month.model.days import business_days_after, on_or_after

_NAME = "payouts.jsonl"
_CLOSED_ACCOUNT = "AC04"


class Fate(StrEnum):
    """What the bank does with an order; a returned one is debited and comes back on the next business day."""

    PAID = "paid"
    REJECTED = "rejected"
    RETURNED = "returned"
    LATE = "late"


ODD_FATES = (Fate.REJECTED, Fate.RETURNED, Fate.LATE)
"""Every fate other than being paid on its day."""


@dataclass(frozen=True, slots=True)
class BookedPayout:
    """A line of the bank's book; days are those of the calendar, None where nothing is booked."""

    message: str
    digest: str
    reference: str
    account: str
    name: str
    paisa: int
    fate: str
    debit_day: int | None
    return_day: int | None

    def movements(self) -> Iterator[tuple[int, int]]:
        """Each day on which money moves with the paisa, below zero where they leave our account."""
        for day, paisa in ((self.debit_day, -self.paisa), (self.return_day, self.paisa)):
            if day is not None:
                yield day, paisa


@dataclass(frozen=True, slots=True)
class TakenFile:
    """What the bank has made of a file; `answer` is its status report, None where it rejects nothing."""

    payouts: Sequence[BookedPayout]
    answer: bytes | None
    is_new: bool


def choose_fates(orders: Iterable[PaymentOrder], seed: int) -> Mapping[str, Fate]:
    """One order for each odd fate, by a seed, as far as there are orders; the others are paid."""
    references = sorted(order.reference for order in orders)
    Random(f"payouts {seed}").shuffle(references)  # noqa: S311 - a choice that is to repeat
    return dict(zip(references, ODD_FATES, strict=False))


class PayoutBank:
    """The bank's desk for instructions, with its book in the state folder of a rehearsal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take_in(self, content: bytes, fates: Mapping[str, Fate] | None = None) -> TakenFile:
        """Take a file in, with `fates` by reference; what is not named there is paid on its value date.

        Raises:
            MalformedPaymentFileError: it cannot be read, another file came under its name, or one of its
                references came in another file; nothing of it is carried out.
        """
        file, digest = read_payment_file(content), sha256(content).hexdigest()
        book = self.payouts()
        known = [payout for payout in book if payout.message == file.message]
        if known:
            if known[0].digest != digest:
                raise MalformedPaymentFileError(f"{file.message} came before and said something else")
            return TakenFile(known, _answer(file.message, known), is_new=False)
        used = {payout.reference for payout in book} & {order.reference for order in file.orders}
        if used:
            raise MalformedPaymentFileError(f"{min(used)} came in another file before")
        day = self._booking_day(file.value_day)
        chosen = fates or {}
        taken = [
            _booked(file.message, digest, order, chosen.get(order.reference, Fate.PAID), day)
            for order in file.orders
        ]
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _NAME).open("a", encoding="utf-8") as lines:
            lines.writelines(f"{json.dumps(asdict(payout))}\n" for payout in taken)
        return TakenFile(taken, _answer(file.message, taken), is_new=True)

    def payouts(self) -> Sequence[BookedPayout]:
        """The whole book, in its order."""
        path = self._folder / _NAME
        if not path.exists():
            return []
        return [BookedPayout(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]

    def paid_paisa(self, up_to: int) -> Counter[str]:
        """What has left for each payee's account by the end of a day, less what came back."""
        paid: Counter[str] = Counter()
        for payout in self.payouts():
            paid[payout.account] -= sum(paisa for day, paisa in payout.movements() if day <= up_to)
        return paid

    def _booking_day(self, value_day: int) -> int:
        """The value date, or the first business day without a statement."""
        made = DayState.read(self._folder).statements.get(OWN_BANK)
        return on_or_after(value_day if made is None else max(value_day, made[2] + 1))


def movements_of(folder: Path, after: int | None, up_to: int) -> Sequence[tuple[BookedPayout, int]]:
    """What the bank books for instructions in the days after one up to another; all without a first one."""
    return [
        (payout, paisa)
        for payout in PayoutBank(folder).payouts()
        for day, paisa in payout.movements()
        if day <= up_to and (after is None or day > after)
    ]


def bank_reference(payout: BookedPayout, paisa: int) -> str:
    """The bank's own name of a movement, another one for the debit and for what comes back."""
    digest = sha256(f"{payout.message} {payout.reference} {paisa}".encode()).hexdigest()
    return f"SBPO{int(digest, 16) % 10**10:010d}"


def _booked(message: str, digest: str, order: PaymentOrder, fate: Fate, day: int) -> BookedPayout:
    next_day = business_days_after(day, 1)
    debit_day = {Fate.REJECTED: None, Fate.LATE: next_day}.get(fate, day)
    return BookedPayout(
        message,
        digest,
        order.reference,
        order.account,
        order.name,
        order.paisa,
        fate.value,
        debit_day,
        next_day if fate is Fate.RETURNED else None,
    )


def _answer(message: str, payouts: Iterable[BookedPayout]) -> bytes | None:
    """A pain.002 about every order that is rejected."""
    rejected = [payout for payout in payouts if payout.fate == Fate.REJECTED]
    if not rejected:
        return None
    states = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{escape(payout.reference)}</OrgnlEndToEndId><TxSts>RJCT</TxSts>"
        f"<StsRsnInf><Rsn><Cd>{_CLOSED_ACCOUNT}</Cd></Rsn></StsRsnInf></TxInfAndSts>"
        for payout in rejected
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{escape(message)}</OrgnlMsgId></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts>{states}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>\n"
    ).encode()
