"""What NESCO believes: which quotes it gave, and which of them it vended.

The book is the second opinion the switch is compared with. It changes only through events, each
in the journal before it counts, and is rebuilt from the same events after a kill.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.journal import JournalLine

QUOTE_SECONDS = 1_800


@dataclass(frozen=True, slots=True)
class NescoQuote:
    """An offer that lives for 30 minutes from an instant in UTC on."""

    transaction_id: str
    customer_no: str
    amount_paisa: int
    quoted_at: datetime

    def is_alive(self, now: datetime) -> bool:
        """Whether it can still be vended for the first time."""
        return now < self.quoted_at + timedelta(seconds=QUOTE_SECONDS)


@dataclass(frozen=True, slots=True)
class NescoTokenLine:
    """One line to be keyed into the meter."""

    kind: str
    digits: str


@dataclass(slots=True)
class NescoVend:
    """A vended quote: the only one of its transaction, `vended_at` in UTC.

    `asks` counts the remote-charge calls that were answered from it, so 2 means one repeat. A vend
    with an `echo_extra_paisa` is reported wrongly by that much. `balance_paisa` is the vendor's after it.
    """

    transaction_id: str
    customer_no: str
    amount_paisa: int
    order_no: str
    lines: list[NescoTokenLine]
    balance_paisa: int
    vended_at: str
    echo_extra_paisa: int = 0
    hides_token: bool = False
    asks: int = 1


class NescoBook(JournalledBook):
    """The quotes and vends of one simulator."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._quotes: dict[str, NescoQuote] = {}
        self._vends: dict[str, NescoVend] = {}
        self._vended_paisa = 0
        self._dropped: set[str] = set()
        super().__init__(path, seed, today)

    @property
    def quotes(self) -> int:
        """How many quotes were ever given."""
        return len(self._quotes)

    @property
    def vends(self) -> int:
        """How many of them were vended."""
        return len(self._vends)

    @property
    def vended_paisa(self) -> int:
        """For how much money."""
        return self._vended_paisa

    def quote(self, transaction_id: str) -> NescoQuote | None:
        """Return the quote of this transaction, dead or alive, if there ever was one."""
        return self._quotes.get(transaction_id)

    def vend(self, transaction_id: str) -> NescoVend | None:
        """Return what was vended under this transaction, if anything."""
        return self._vends.get(transaction_id)

    def all_vends(self) -> Sequence[NescoVend]:
        """Return everything that was vended, in that order."""
        return list(self._vends.values())

    def was_dropped(self, transaction_id: str) -> bool:
        """Whether a vend of this transaction was once dropped on purpose."""
        return transaction_id in self._dropped

    def record_quoted(self, quote: NescoQuote) -> None:
        """Keep a new quote."""
        values = {"transaction_id": quote.transaction_id, "customer_no": quote.customer_no}
        values |= {"quoted_at": quote.quoted_at.isoformat()}
        self._record({"kind": "quoted", **values, "amount_paisa": quote.amount_paisa})

    def record_vended(self, vend: NescoVend) -> None:
        """Keep a new vend; the caller has checked that the quote lives and was not vended."""
        self._record({"kind": "vended", **asdict(vend)})

    def record_repeat(self, transaction_id: str) -> None:
        """Count another remote-charge call of a vended quote."""
        self._record({"kind": "repeated", "transaction_id": transaction_id})

    def record_token_viewed(self, transaction_id: str) -> None:
        """Keep that a vend was looked at whose token was still being made; now it is there."""
        self._record({"kind": "looked", "transaction_id": transaction_id})

    def record_dropped(self, transaction_id: str) -> None:
        """Keep that a vend was dropped, so that the next one is not."""
        self._record({"kind": "dropped", "transaction_id": transaction_id})

    def dump(self) -> dict[str, object]:
        """Return what NESCO believes, vends in the order in which they happened."""
        return {"vends": [_public_fields(vend) for vend in self._vends.values()], "quotes": self.quotes}

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        values = {name: value for name, value in line.items() if name != "kind"}
        transaction_id = str(values["transaction_id"])
        match kind:
            case "quoted":
                quoted_at = datetime.fromisoformat(str(values.pop("quoted_at")))
                quote = NescoQuote(**values, quoted_at=quoted_at)  # type: ignore[arg-type]  # our own line
                self._quotes[transaction_id] = quote
            case "vended":
                values["lines"] = [NescoTokenLine(**token_line) for token_line in values["lines"]]  # type: ignore[attr-defined]
                self._keep(NescoVend(**values))  # type: ignore[arg-type]  # our own line
            case "repeated":
                self._vends[transaction_id].asks += 1
            case "looked":
                self._vends[transaction_id].hides_token = False
            case "dropped":
                self._dropped.add(transaction_id)
            case _:
                raise ValueError(f"the book has no event called {kind}")

    def _keep(self, vend: NescoVend) -> None:
        self._vends[vend.transaction_id] = vend
        self._vended_paisa += vend.amount_paisa


def _public_fields(vend: NescoVend) -> dict[str, object]:
    values = {**asdict(vend), "vends": 1}
    for inward in ("echo_extra_paisa", "hides_token", "balance_paisa"):
        del values[inward]
    return values
