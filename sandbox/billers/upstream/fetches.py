"""What this switch remembers of fetches and of payments that it refused; all of it survives a kill.

A payment names its fetch by `refno_ack`, a question by `ref_id`. A reference that was refused stays refused.
"""

import secrets
import string
from dataclasses import asdict, dataclass, replace

from sandbox.kit.biller.book import Book

_LETTERS = string.ascii_uppercase + string.digits
_ACK_LENGTH = 26
_EVERYWHERE = ""
"""Notes of no single house."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One fetched bill; `reference` is the last one that tried to pay it, or empty."""

    refno_ack: str
    ref_id: str
    trx_id: str
    house: str
    bill_number: str
    number: str
    total_paisa: str
    fee_paisa: str
    fetched_on: str
    reference: str = ""


class Fetches:
    """All fetches, refusals, and under which reference each bill was paid."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def keep(self, fetch: Fetch) -> None:
        """Remember a fetch; of several under one `ref_id` the newest is asked about, unless one was tried."""
        self._book.record_note(_EVERYWHERE, f"fetch {fetch.refno_ack}", asdict(fetch))
        earlier = self.by_ref_id(fetch.ref_id)
        if earlier is None or not earlier.reference:
            self._book.record_note(_EVERYWHERE, f"ref {fetch.ref_id}", {"refno_ack": fetch.refno_ack})

    def tried(self, fetch: Fetch, reference: str) -> None:
        """Remember which reference tries to pay a fetch, before it is tried."""
        self._book.record_note(
            _EVERYWHERE, f"fetch {fetch.refno_ack}", asdict(replace(fetch, reference=reference))
        )
        self._book.record_note(_EVERYWHERE, f"ref {fetch.ref_id}", {"refno_ack": fetch.refno_ack})

    def by_ack(self, refno_ack: str) -> Fetch | None:
        """Return the fetch that was answered with this `refno_ack`, if any."""
        note = self._book.note(_EVERYWHERE, f"fetch {refno_ack}")
        return None if note is None else Fetch(**note)

    def by_ref_id(self, ref_id: str) -> Fetch | None:
        """Return the fetch that a status question means, if any."""
        note = self._book.note(_EVERYWHERE, f"ref {ref_id}")
        return None if note is None else self.by_ack(note["refno_ack"])

    def refuse(self, reference: str, content: str, code: str) -> None:
        """Burn a reference: whatever comes under it later gets this code."""
        self._book.record_note(_EVERYWHERE, f"refused {reference}", {"content": content, "code": code})

    def refusal(self, reference: str) -> tuple[str, str] | None:
        """Return content and code of a burnt reference, or None."""
        note = self._book.note(_EVERYWHERE, f"refused {reference}")
        return None if note is None else (note["content"], note["code"])

    def take(self, reference: str, house: str, bill_number: str) -> None:
        """Remember which reference paid a bill."""
        self._book.record_note(house, f"paid {bill_number}", {"reference": reference})

    def payer_of(self, house: str, bill_number: str) -> str:
        """Return the reference that paid a bill here, or empty."""
        return (self._book.note(house, f"paid {bill_number}") or {}).get("reference", "")


def new_ack() -> str:
    """Return an unguessable `refno_ack`."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_ACK_LENGTH))
