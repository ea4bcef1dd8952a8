"""Our bank account by our books against the statements of our banks at a date: what stands on one side only.

    balance by books + on the statement only - in the books only + differences
        = balance by statements - what the statements began with

Amounts are signed paisa, above zero where money came. Movements are compared by the names that a bank's line
bears: all of a name on one side with all of it on the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from reconciliation.reports.wording import BilingualText

IN_BOOKS_ONLY = BilingualText("in our books only", "শুধু আমাদের খাতায়")
ON_STATEMENT_ONLY = BilingualText("on the statement only", "শুধু ব্যাংক বিবরণীতে")
DIFFERENT = BilingualText("amounts differ", "টাকার অঙ্ক আলাদা")


@dataclass(frozen=True, slots=True)
class BankMovement:
    """One movement of a bank account on one side, by every name that it bears, the likeliest first."""

    names: tuple[str, ...]
    day: date
    amount: int
    what: str


@dataclass(frozen=True, slots=True)
class OutstandingItem:
    """A name that does not come to the same on both sides, since the day of its oldest movement."""

    name: str
    since: date
    by_books: int
    by_statement: int
    what: str

    @property
    def difference(self) -> int:
        """What our books lack to say what the statement says."""
        return self.by_statement - self.by_books

    @property
    def side(self) -> BilingualText:
        """On which side it stands."""
        if self.by_statement == 0:
            return IN_BOOKS_ONLY
        return ON_STATEMENT_ONLY if self.by_books == 0 else DIFFERENT

    def age(self, at: date) -> int:
        """How many days it has stood."""
        return (at - self.since).days


@dataclass(frozen=True, slots=True)
class BankReconciliation:
    """Both balances at a date with every item between them.

    `before_statements` is what the first statement that was read of each bank began with.
    """

    at: date
    by_books: int
    by_statements: int
    before_statements: int
    items: Sequence[OutstandingItem]

    @property
    def unread_amount(self) -> int:
        """What no item explains: zero unless the banks have statements in between that were not read."""
        explained = self.by_books + sum(item.difference for item in self.items) + self.before_statements
        return self.by_statements - explained


def reconcile_bank(
    at: date, books: Sequence[BankMovement], lines: Sequence[BankMovement], balances: tuple[int, int]
) -> BankReconciliation:
    """Compare our movements with the banks' lines, both up to a date.

    `balances` are those of the statements before their first line and after their last one.
    """
    before, after = balances
    by_books = sum(movement.amount for movement in books)
    return BankReconciliation(at, by_books, after, before, _outstanding(books, lines))


def _outstanding(books: Sequence[BankMovement], lines: Sequence[BankMovement]) -> list[OutstandingItem]:
    items: dict[str, OutstandingItem] = {}
    our_names, their_names = _names_of(books), _names_of(lines)
    for movement in books:
        _add(items, _common_name(movement, their_names), movement, is_ours=True)
    for line in lines:
        _add(items, _common_name(line, our_names), line, is_ours=False)
    return sorted(
        (item for item in items.values() if item.difference), key=lambda item: (item.since, item.name)
    )


def _names_of(movements: Iterable[BankMovement]) -> frozenset[str]:
    return frozenset(name for movement in movements for name in movement.names)


def _common_name(movement: BankMovement, others: frozenset[str]) -> str:
    return next((name for name in movement.names if name in others), movement.names[0])


def _add(items: dict[str, OutstandingItem], name: str, movement: BankMovement, *, is_ours: bool) -> None:
    before = items.get(name) or OutstandingItem(name, movement.day, 0, 0, movement.what)
    items[name] = OutstandingItem(
        name,
        min(before.since, movement.day),
        before.by_books + (movement.amount if is_ours else 0),
        before.by_statement + (0 if is_ours else movement.amount),
        before.what,
    )
