"""Reads the switch's exported payments into lines that can be compared."""

from typing import Any

from sandbox.rehearsals.demo.comparison.biller_books import OurLine

_DELIVERY = "delivery"
_MERCHANT = "merchant:"


def is_of_biller(line: dict[str, Any]) -> bool:
    """Whether an exported payment goes to a biller, and not to a merchant, whose account is with us."""
    payee: str = line["biller_id"]
    return not payee.startswith(_MERCHANT)


def our_line(line: dict[str, Any]) -> OurLine:
    """Return a line of `ekpay payments export` as the comparison needs it."""
    bill_number = line["bill_key"] if line["bill_number"] is None else line["bill_number"]
    delivery_attempts = (attempt for attempt in line["attempts"] if attempt["leg"] == _DELIVERY)
    references = tuple(attempt["reference"] for attempt in delivery_attempts)
    if references:
        # Billers that identify payments by their own quote never get a reference of ours; the treasury has a
        # reference format of its own, and a scroll contains our payment id.
        names = (*references, bill_number, line["facts"].get("payment_id", bill_number), line["id"])
        references = tuple(dict.fromkeys(names))
    return OurLine(
        payment_id=line["id"],
        partner_id=line["partner_id"],
        reference=line["reference"],
        bill_number=bill_number,
        amount_paisa=line["amount"] + line["rounding"],
        charged_paisa=line["charge"] + line["fee"] + line["vat"],
        state=line["state"],
        scroll_no=line["scroll_no"],
        business_date=line["business_date"],
        attempts=references,
        biller=line["biller_id"],
        bucket=line["bucket"],
        owed_paisa=line["amount"],
        is_collected=bool(line["tries"]),
    )
