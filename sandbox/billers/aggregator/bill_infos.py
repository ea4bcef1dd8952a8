"""What a bill-info came to, kept under its transaction: all that a payment of it needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

from sandbox.kit.biller.book import Book
from sandbox.kit.biller.till import Order

_PREFIX = "info/"


@dataclass(frozen=True, slots=True)
class Info:
    """One bill-info; `core` is the reference of the payment that was first tried for it, or empty.

    `asked` is what the collector said, to tell a repeat from another question under the same transaction.
    """

    asked: str
    number: str
    bill_number: str
    payable_paisa: int
    withheld_paisa: int = 0
    choice: str = ""
    challan_no: str = ""
    particulars: str = ""
    core: str = ""

    @classmethod
    def of(cls, noted: Mapping[str, str]) -> Self:
        """Read what was noted."""
        paisa = {name: int(noted[name]) for name in ("payable_paisa", "withheld_paisa")}
        return cls(**{**noted, **paisa})  # type: ignore[arg-type]  # we wrote the note ourselves

    def paid_by(self, core: str) -> Self:
        """Return the same with the reference of its payment."""
        return replace(self, core=core)

    def order(self, transaction: str, core: str, channel: str) -> Order:
        """Return the payment of exactly this."""
        return Order(
            reference=core,
            amount_paisa=self.payable_paisa,
            number=self.number,
            bill_number=self.bill_number,
            choice=self.choice or None,
            withheld_paisa=self.withheld_paisa,
            facts={
                "collector_reference": transaction,
                "channel": channel,
                "challan_no": self.challan_no,
                "particulars": self.particulars,
            },
        )


def info_of(book: Book, house: str, transaction: str) -> Info | None:
    """Return the bill-info of a transaction, if there was one."""
    noted = book.note(house, _PREFIX + transaction)
    return None if noted is None else Info.of(noted)


def keep(book: Book, house: str, transaction: str, info: Info) -> None:
    """Note a bill-info, in place of an earlier one of the same transaction."""
    told = {name: str(value) for name, value in asdict(info).items()}
    book.record_note(house, _PREFIX + transaction, told)
