"""The results of bill-info calls, kept by transaction with everything that their payment needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.payment_intake import PaymentOrder

_PREFIX = "info/"
_STORED_QUESTION = "asked"
"""How the notes of a book call `BillInfo.question`."""


@dataclass(frozen=True, slots=True)
class BillInfo:
    """One bill-info; `core` is the reference of the payment that was first tried for it, or empty.

    `question` is what the collector sent; it tells a repeat from another question under the same transaction.
    """

    question: str
    number: str
    bill_number: str
    payable_paisa: int
    withheld_paisa: int = 0
    choice: str = ""
    challan_no: str = ""
    particulars: str = ""
    core: str = ""

    @classmethod
    def from_note(cls, note: Mapping[str, str]) -> Self:
        """Read what was noted."""
        paisa = {name: int(note[name]) for name in ("payable_paisa", "withheld_paisa")}
        texts = {name: text for name, text in note.items() if name not in {_STORED_QUESTION, *paisa}}
        return cls(question=note[_STORED_QUESTION], **texts, **paisa)  # type: ignore[arg-type]  # our own note

    def paid_by(self, core: str) -> Self:
        """Return the same with the reference of its payment."""
        return replace(self, core=core)

    def order(self, transaction: str, core: str, channel: str) -> PaymentOrder:
        """Return the payment of exactly this."""
        return PaymentOrder(
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


def find_bill_info(book: BillerBook, institution_id: str, transaction: str) -> BillInfo | None:
    """Return the bill-info of a transaction, if there was one."""
    note = book.note(institution_id, _PREFIX + transaction)
    return None if note is None else BillInfo.from_note(note)


def record_bill_info(book: BillerBook, institution_id: str, transaction: str, info: BillInfo) -> None:
    """Note a bill-info, in place of an earlier one of the same transaction."""
    stored = {
        _STORED_QUESTION if name == "question" else name: str(value) for name, value in asdict(info).items()
    }
    book.record_note(institution_id, _PREFIX + transaction, stored)
