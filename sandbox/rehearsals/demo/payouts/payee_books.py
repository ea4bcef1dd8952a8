"""What came in for each payee, what the bank has paid it and what is held: without I/O, from three books.

What came in is what our ledger owed by anything but settlement itself; what left is in the bank's own book;
what is held is what our ledger owes in the end and what is under way. To the paisa: in = left + held.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.kit.biller.taka_text import paisa_of
from sandbox.kit.institution.amounts import lakh

Row = Mapping[str, Any]

_SETTLEMENT = "settlement_"
_PAYOUT = "payout_received"
_MERCHANT = "merchant"
_UNDER_WAY = frozenset({"waiting", "missing"})
_PAYEE_PARTS = 3


@dataclass(frozen=True, slots=True)
class PayeeLine:
    """One payee; `why` is the reason for what is held, empty where nobody knows it."""

    payee: str
    came_paisa: int
    paid_paisa: int
    held_paisa: int
    why: str = ""

    @property
    def difference(self) -> int:
        """What came in and neither left nor is held, in paisa."""
        return self.came_paisa - self.paid_paisa - self.held_paisa

    @property
    def fault(self) -> str:
        """What is wrong with the line, or nothing."""
        if self.difference:
            return (
                f"{self.payee}: {lakh(self.came_paisa)} taka came in, {lakh(self.paid_paisa)} "
                f"left, {lakh(self.held_paisa)} are held, {lakh(self.difference)} apart"
            )
        return (
            f"{self.payee}: nobody knows why {lakh(self.held_paisa)} taka are held" if self._is_open else ""
        )

    @property
    def _is_open(self) -> bool:
        return self.held_paisa != 0 and not self.why


def payee_lines(
    ledger: Iterable[Row],
    accounts: Mapping[str, str],
    paid: Mapping[str, int],
    instructions: Iterable[Row],
    reasons: Mapping[str, str],
) -> Sequence[PayeeLine]:
    """A line for each payee of any of the books.

    `ledger` are the rows of the general ledger, `accounts` the payees by the numbers of their bank accounts,
    `paid` what the bank's book says has left for each account, `instructions` those of `settle credits`.
    """
    came: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for row in ledger:
        payee = payee_of(row["account"])
        if payee and row["moment"]:
            paisa = taka_paisa(row["credit"]) - taka_paisa(row["debit"])
            owed[payee] += paisa
            came[payee] += 0 if row["moment"].startswith(_SETTLEMENT) else paisa
    for item in instructions:
        if item["ending"] in _UNDER_WAY:
            owed[item["party"]] += item["amount"] - item["moved"]
    left: Counter[str] = Counter()
    for number, paisa in paid.items():
        left[accounts.get(number, f"account {number}, of nobody")] += paisa
    return [
        PayeeLine(payee, came[payee], left[payee], owed[payee], reasons.get(payee, ""))
        for payee in sorted({*came, *owed, *left})
        if came[payee] or owed[payee] or left[payee]
    ]


def payee_of(account: str) -> str:
    """The payee whose money stands on a ledger account, by its name in settlement; empty if nobody's."""
    first, *rest = account.split(":")
    if first == "withdrawal_due" and rest:
        return f"partner:{':'.join(rest)}"
    if first not in {"payable", "commission_payable"} or not rest:
        return ""
    if rest[0] != _MERCHANT:
        return f"biller:{':'.join(rest)}"
    role = "payee" if len(rest) >= _PAYEE_PARTS else _MERCHANT
    return f"{role}:{':'.join(rest[1:])}"


def reasons_of(sheet: Row, breaks: Iterable[Row]) -> Mapping[str, str]:
    """Why money of each payee is held: by a break of its files, by a rule, or as the sheet has it."""
    reasons = {
        f"biller:{item['institution']}": f"a break stands: {item['code']} {item['reference']}"
        for item in breaks
        if item["state"] in {"open", "proposed"}
    }
    for item in sheet["held_back"]:
        if item["reason"]:
            reasons[item["party"]] = item["reason"].replace("_", " ")
    for row in sheet["positions"]:
        if row["reason"]:
            reasons[f"{row['role']}:{row['party']}"] = row["reason"].replace("_", " ")
    return reasons


def unagreed_payouts(ledger: Iterable[Row]) -> Mapping[str, tuple[str, int]]:
    """What connectors have paid out beyond what is agreed: connector and paisa by the entry in suspense."""
    found: dict[str, tuple[str, int]] = {}
    for row in ledger:
        kind, _, connector = row["account"].partition(":")
        paisa = taka_paisa(row["credit"])
        if kind == "suspense" and row["moment"] == _PAYOUT and paisa:
            found[row["entry_id"]] = (connector, paisa)
    return found


def taka_paisa(text: str) -> int:
    """An amount of a paper in paisa; an empty cell is nothing.

    Raises:
        ValueError: it is no amount of taka.
    """
    if not text:
        return 0
    paisa = paisa_of(text.removeprefix("-"))
    if paisa is None:
        raise ValueError(f"no amount of taka: {text}")
    return -paisa if text.startswith("-") else paisa
