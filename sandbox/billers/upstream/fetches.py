"""What this switch remembers of fetches and of payments that it refused; all of it survives a kill.

A payment names its fetch by `refno_ack`, a question by `ref_id`. A reference that was refused stays refused.
"""

import secrets
import string
from dataclasses import dataclass, replace

from sandbox.kit.biller.book import BillerBook
from sandbox.kit.institution.stored_records import as_stored, from_stored

_LETTERS = string.ascii_uppercase + string.digits
_ACK_LENGTH = 26
_FAMILY_NOTE = ""
"""Notes of no single institution."""


@dataclass(frozen=True, slots=True)
class BillFetch:
    """One fetched bill; `reference` is the last one that tried to pay it, or empty."""

    refno_ack: str
    ref_id: str
    trx_id: str
    institution_id: str
    bill_number: str
    number: str
    total_paisa: str
    fee_paisa: str
    fetched_on: str
    reference: str = ""


class BillFetches:
    """All fetches, refusals, and under which reference each bill was paid."""

    def __init__(self, book: BillerBook) -> None:
        self._book = book

    def keep(self, fetch: BillFetch) -> None:
        """Store a fetch; of several under one `ref_id` a status call means the newest or a tried one."""
        self._book.record_note(_FAMILY_NOTE, f"fetch {fetch.refno_ack}", as_stored(fetch))
        earlier = self.by_ref_id(fetch.ref_id)
        if earlier is None or not earlier.reference:
            self._book.record_note(_FAMILY_NOTE, f"ref {fetch.ref_id}", {"refno_ack": fetch.refno_ack})

    def tried(self, fetch: BillFetch, reference: str) -> None:
        """Remember which reference tries to pay a fetch, before it is tried."""
        self._book.record_note(
            _FAMILY_NOTE, f"fetch {fetch.refno_ack}", as_stored(replace(fetch, reference=reference))
        )
        self._book.record_note(_FAMILY_NOTE, f"ref {fetch.ref_id}", {"refno_ack": fetch.refno_ack})

    def by_ack(self, refno_ack: str) -> BillFetch | None:
        """Return the fetch that was answered with this `refno_ack`, if any."""
        note = self._book.note(_FAMILY_NOTE, f"fetch {refno_ack}")
        return None if note is None else BillFetch(**from_stored(note))

    def by_ref_id(self, ref_id: str) -> BillFetch | None:
        """Return the fetch that a status question means, if any."""
        note = self._book.note(_FAMILY_NOTE, f"ref {ref_id}")
        return None if note is None else self.by_ack(note["refno_ack"])

    def refuse(self, reference: str, content: str, code: str) -> None:
        """Burn a reference: every later payment under it gets this code."""
        self._book.record_note(_FAMILY_NOTE, f"refused {reference}", {"content": content, "code": code})

    def refusal(self, reference: str) -> tuple[str, str] | None:
        """Return content and code of a burnt reference, or None."""
        note = self._book.note(_FAMILY_NOTE, f"refused {reference}")
        return None if note is None else (note["content"], note["code"])

    def take(self, reference: str, institution_id: str, bill_number: str) -> None:
        """Remember which reference paid a bill."""
        self._book.record_note(institution_id, f"paid {bill_number}", {"reference": reference})

    def payer_of(self, institution_id: str, bill_number: str) -> str:
        """Return the reference that paid a bill here, or empty."""
        return (self._book.note(institution_id, f"paid {bill_number}") or {}).get("reference", "")


def new_ack() -> str:
    """Return an unguessable `refno_ack`."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_ACK_LENGTH))
