"""Audit checks of scrolls and bill files: files are whole, and report each payment as it is."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.scrolls.layouts import LAYOUTS, row_text
from ekpay_switch.persistence.scrolls.reading import POSTED, RETURNED, TAKEN_BACK, row_of

# Each file with its rows, in the order in which they were written.
FILES = """
SELECT coalesce(f.biller_id, r.biller_id) AS biller_id,
  coalesce(f.business_date, r.business_date) AS business_date,
  coalesce(f.cycle, r.cycle) AS cycle, f.is_last, f.layout, f.rows, f.sum, f.sha256, r.seq, r.row_type,
  r.payment_id, r.refund_id, r.scroll_date, r.scroll_no, r.office_code, r.bill_ref, r.account_ref, r.paid_at,
  r.ekpay_ref, r.collector_ref, r.biller_ack_ref, r.principal, r.vat, r.late_fee, r.stamp, r.other_lines,
  r.total, r.channel, r.collector_code, r.charges, r.is_stand_in
FROM scroll_files AS f FULL JOIN scroll_rows AS r
  ON r.biller_id = f.biller_id AND r.business_date = f.business_date AND r.cycle = f.cycle
ORDER BY 1, 2, 3, r.seq
"""
# The totals of each payment in scroll rows, with those of the books; either may be missing.
SCROLL_TOTALS = f"""
SELECT coalesce(r.payment_id, e.payment_id) AS id, coalesce(r.pays, 0) AS pays, coalesce(r.voids, 0) AS voids,
  coalesce(r.paid, 0) AS paid, coalesce(r.taken_back, 0) AS taken_back,
  coalesce(r.refunded, 0) AS told_refunded, coalesce(r.is_stand_in, false) AS told_stand_in,
  EXISTS (SELECT FROM stand_in_tries AS s WHERE s.reference = p.reference) AS is_stand_in,
  r.billers, p.biller_id, p.amount, p.rounding, p.scroll_no,
  e.posted_on, e.back_on, e.returned_on, n.newest,
  coalesce(d.refunded, 0) AS refunded
FROM (
  SELECT payment_id, array_agg(DISTINCT biller_id) AS billers,
    count(*) FILTER (WHERE row_type = 'PAY') AS pays, count(*) FILTER (WHERE row_type = 'VOID') AS voids,
    (sum(total) FILTER (WHERE row_type = 'PAY'))::bigint AS paid,
    (-sum(total) FILTER (WHERE row_type = 'REV'))::bigint AS taken_back,
    (-sum(total) FILTER (WHERE refund_id IS NOT NULL))::bigint AS refunded,
    bool_or(is_stand_in) AS is_stand_in
  FROM scroll_rows GROUP BY payment_id) AS r
FULL JOIN (
  SELECT payment_id, min(business_date) FILTER (WHERE NOT is_back) AS posted_on,
    min(business_date) FILTER (WHERE is_back) AS back_on,
    min(business_date) FILTER (WHERE is_returned) AS returned_on
  FROM (
    SELECT payment_id, business_date, moment IN ({TAKEN_BACK}) AS is_back,
      moment IN ({RETURNED}) AS is_returned FROM journal_entries
    WHERE moment IN ({POSTED}, {TAKEN_BACK})) AS moved
  WHERE payment_id IS NOT NULL GROUP BY payment_id) AS e ON e.payment_id = r.payment_id
LEFT JOIN payments AS p ON p.id = coalesce(r.payment_id, e.payment_id)
LEFT JOIN (SELECT biller_id, max(business_date) AS newest FROM scroll_files GROUP BY biller_id) AS n
  ON n.biller_id = p.biller_id
LEFT JOIN (
  SELECT payment_id, sum(amount - from_suspense)::bigint AS refunded FROM refunds
  WHERE state = 'done' AND kind IN ('refund', 'chargeback') GROUP BY payment_id) AS d
  ON d.payment_id = r.payment_id
ORDER BY 1
"""  # noqa: S608 - constants
# The scroll rows of payments that got a scroll number while they were paid; `base` is the least difference of
# the two numbers of a biller's day, which is the same for all of them.
NUMBERS = """
SELECT p.id, p.business_date AS day, r.scroll_date, r.scroll_no AS told_no,
  r.scroll_no - p.scroll_no AS distance,
  min(r.scroll_no - p.scroll_no) OVER (PARTITION BY p.biller_id, p.business_date) AS base
FROM payments AS p JOIN scroll_rows AS r ON r.payment_id = p.id AND r.row_type <> 'REV'
WHERE p.scroll_no IS NOT NULL ORDER BY p.biller_id, p.business_date, p.scroll_no, r.business_date, r.seq
"""
TAKINGS = """
SELECT t.biller_id, t.reference, t.state, t.amount, t.bill_key, p.state AS payment_state,
  p.biller_id AS paid_to, p.bill_key AS paid_bill, p.amount + p.rounding AS billed, a.id AS attempt_id,
  a.outcome
FROM bill_takings AS t LEFT JOIN payments AS p ON p.id = t.payment_id
LEFT JOIN attempts AS a
  ON a.far_side = t.biller_id AND a.reference = t.reference AND a.payment_id = t.payment_id
ORDER BY 1, 2
"""
# The states of a payment that has taken its bill: completed, or completed after an inquiry, never refunded.
STATES_WITH_BILL = frozenset({State.DELIVERING, State.COMPLETED, State.IN_REVIEW})

Row = Any


@dataclass(slots=True)
class ScrollProof:
    """Checks files row by row, in the order of FILES; `check` gets each row, and None at the end."""

    key: tuple[str, date, int] | None = None
    file: Row = None
    seq: int = 0
    count: int = 0
    sum: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def check(self, row: Row | None) -> tuple[str, str] | None:
        """The name of what is wrong and why, or None."""
        key = None if row is None else (row["biller_id"], row["business_date"], row["cycle"])
        if key != self.key:
            why = self._end()
            if why:
                return self._name(), why
            self._begin(key, row)
        if row is None or row["seq"] is None:
            return None
        name = f"scroll_rows {row['biller_id']} {row['business_date']} seq {row['seq']}"
        if row["sha256"] is None:
            return name, "its file is missing"
        self.seq += 1
        if row["seq"] != self.seq:
            return name, f"the row with seq {self.seq} is missing or stands in another file"
        self._add(row)
        return None

    def _add(self, row: Row) -> None:
        self.count += 1
        self.sum += row["total"]
        if row["layout"] in LAYOUTS:
            self.digest.update(row_text(row["layout"], row["biller_id"], row_of(row)).encode())

    def _begin(self, key: tuple[str, date, int] | None, row: Row | None) -> None:
        is_same_day = key is not None and self.key is not None and key[:2] == self.key[:2]
        self.key, self.file = key, row
        self.seq = self.seq if is_same_day else 0
        self.count, self.sum, self.digest = 0, 0, hashlib.sha256()

    def _end(self) -> str | None:
        if self.file is None or self.file["sha256"] is None:
            return None
        if (self.file["rows"], self.file["sum"]) != (self.count, self.sum):
            return f"its totals are not those of its {self.count} rows"
        if self.file["sha256"] != self.digest.hexdigest():
            return "its digest does not match its rows"
        return None

    def _name(self) -> str:
        assert self.key is not None, "a file was begun"
        return f"scroll_files {self.key[0]} {self.key[1]} cycle {self.key[2]}"


def scroll_totals_fault(row: Row) -> str | None:
    """What is wrong unless files report a payment once, as in the books, and no due row is missing."""
    if row["billers"] not in (None, [row["biller_id"]]):
        return "in the scroll of another biller"
    return _types_fault(row) or _sums_fault(row) or _missing_rows_fault(row)


def _types_fault(row: Row) -> str | None:
    if row["pays"] > 1 or row["voids"] > 1:
        return "told twice in scrolls"
    if row["pays"] and row["posted_on"] is None:
        return "told as paid, and its biller was never owed for it"
    if row["voids"] and row["back_on"] is None:
        return "told as void, and its money was never given back"
    if row["told_stand_in"] and not row["is_stand_in"]:
        return "told as paid in stand-in, and it was not"
    return None


def _sums_fault(row: Row) -> str | None:
    if row["pays"] and row["paid"] != row["amount"] + row["rounding"]:
        return f"told as paid with {row['paid']} paisa"
    if row["taken_back"] > row["paid"]:
        return "more was taken back than told as paid"
    if row["told_refunded"] > row["refunded"]:
        return "told as given back, and it was not"
    return None


def _missing_rows_fault(row: Row) -> str | None:
    """What is wrong if a file that should have the payment was made; the day after may still miss it."""
    if row["newest"] is None:
        return None
    over = row["newest"] - timedelta(days=1)
    is_void = row["scroll_no"] is not None and row["posted_on"] is None
    if row["posted_on"] is not None and row["posted_on"] < over and not row["pays"]:
        return "posted, and no scroll tells of it though later ones were made"
    is_returned = row["returned_on"] is not None and row["returned_on"] < over
    if is_returned and row["pays"] and row["taken_back"] < row["amount"]:
        return "its biller has let go of it, and no scroll tells of it though later ones were made"
    if is_void and row["back_on"] is not None and row["back_on"] < over and not row["voids"]:
        return "its number came to nothing, and no scroll tells of it though later ones were made"
    return None


def number_fault(row: Row) -> str | None:
    """What is wrong unless a scroll has a payment under the number and date it got while it was paid."""
    if row["scroll_date"] != row["day"] or row["distance"] != row["base"]:
        return f"told as number {row['told_no']} of {row['scroll_date']}"
    return None


def taking_fault(row: Row) -> str | None:
    """What is wrong unless a taken bill is paid by its payment, and a barred one was not paid."""
    if row["attempt_id"] is None or row["paid_to"] != row["biller_id"]:
        return "no attempt at this biller has its reference"
    if row["state"] == "barred":
        return "barred, and yet approved" if row["outcome"] == "approved" else None
    if row["payment_state"] not in STATES_WITH_BILL:
        return f"its payment has the bill and is {row['payment_state']}"
    if (row["paid_bill"], row["billed"]) != (row["bill_key"], row["amount"]):
        return "another bill or amount than its payment"
    return None


# Each issuer with the approval that let it raise bills, and each set of raised bills with its issuer.
ISSUERS = """
SELECT i.id, c.id IS NOT NULL AS is_approved,
  c.terms = jsonb_build_object('partner_id', i.partner_id, 'biller_id', i.biller_id) AS is_as_approved
FROM bill_issuers AS i LEFT JOIN access_changes AS c
  ON c.id = i.added_by_change AND c.kind = 'bill_issuer' AND c.approved_by IS NOT NULL
ORDER BY i.id
"""
RAISED = """
SELECT f.id, i.biller_id = f.biller_id AND i.added_at <= f.loaded_at
  AND coalesce(i.removed_at, 'infinity') >= f.loaded_at AS was_issuer
FROM bill_files AS f JOIN bill_issuers AS i ON i.id = f.issuer_id ORDER BY f.id
"""


def issuer_fault(row: Row) -> str | None:
    """What is wrong unless two persons let this partner raise bills of this biller."""
    if not row["is_approved"]:
        return "no two persons have let this issuer raise bills"
    return None if row["is_as_approved"] else "the issuer is not the one that was approved"


def raised_fault(row: Row) -> str | None:
    """What is wrong unless bills were raised by an issuer of their biller, while it was one."""
    return None if row["was_issuer"] else "its bills were raised by somebody who was no issuer of it then"


# The query, the function that returns what is wrong with a row, and the row's name.
ISSUER_CHECKS = (
    (ISSUERS, issuer_fault, "bill_issuers {id}"),
    (RAISED, raised_fault, "bill_files {id}"),
)
