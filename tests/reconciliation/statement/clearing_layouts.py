"""Layouts of clearing files that no institution of ours sends yet, and messages that fit them."""

import tomllib
from collections.abc import Mapping, Sequence

from reconciliation.statement.layout import Layout
from tests.reconciliation.statement.clearing_files import message, part

ACH_LAYOUT = """
institution = "beftn_in"
code = "BEFTN"
version = "1"
kind = "delivery"
container = "ach"
extension = "ach"
amounts = { unit = "paisa", signed_by_event = ["gross"] }
time = { columns = ["EffectiveEntryDate"], form = "date", pattern = "%y%m%d" }
status = { columns = ["ReturnReason"], words = { "" = "success" }, otherwise = "failed" }
fields = { ours = "IndividualId", theirs = "TraceNumber", gross = "Amount" }
[events]
by = "word"
columns = ["TransactionCode"]
words = { 22 = "payment", 32 = "payment", 21 = "payment", 27 = "back" }
"""


def ach_layout(container: str = "ach") -> Layout:
    return Layout.model_validate({**tomllib.loads(ACH_LAYOUT), "container": container})


CARD_LAYOUT = """
institution = "cards_in"
code = "CARDS"
version = "1"
kind = "funds"
container = "iso8583"
extension = "ipm"
amounts = { unit = "paisa", signed_by_event = ["gross", "kept"] }
time = { columns = ["at"], form = "pattern", pattern = "%y%m%d%H%M%S" }
events = { by = "word", columns = ["reversal"], words = { "" = "payment", R = "back" } }
control = { rows = "count", rows_beside = 2, sums = { sum = "gross" } }
currencies = { 050 = "BDT", 840 = "USD" }
row.columns = ["MTI", "pan", "kind", "amount", "at", "DE24", "rrn", "fee", "reversal", "currency"]
fields = { ours = "rrn", gross = "amount", kept = "fee", currency = "currency" }
payout.bank = "stmt_sonali"
fee = { basis_points = 150, floor = 0, cap = 0, vat_basis_points = 1500, on_taking_back = "kept" }
[messages]
frame = "vbs"
header = { MTI = "1644", DE24 = "697" }
row = { MTI = "1240", DE24 = "200" }
trailer = { MTI = "1644", DE24 = "695" }
[messages.elements]
2 = { name = "pan", digits = 2, length = 19 }
3 = { name = "kind", length = 6 }
4 = { name = "amount", length = 12 }
12 = { name = "at", length = 12 }
24 = { length = 3 }
37 = { name = "rrn", length = 12 }
49 = { name = "currency", length = 3 }
[messages.elements.48]
digits = 3
length = 999
[messages.elements.48.tags]
0105 = "id"
0146 = "fee"
0025 = "reversal"
0301 = "sum"
0306 = "count"
"""


def card_layout(**messages: object) -> Layout:
    told = tomllib.loads(CARD_LAYOUT)
    told["messages"] |= messages
    return Layout.model_validate(told)


def presentment(rrn: str, amount: int = 100_000, fee: str = "1725", back: str = "") -> dict[int, str]:
    more = part("0146", fee) + (part("0025", back) if back else "")
    return {
        2: "9999001234567890",
        3: "000000",
        4: f"{amount:012d}",
        12: "260405235958",
        24: "200",
        37: rrn,
        48: more,
        49: "050",
    }


HEAD = {24: "697", 48: part("0105", "0022604050000000001")}
FIRST, SECOND = presentment("000000000001"), presentment("000000000002", 40_000, "0", "R")


def tail(rows: Sequence[Mapping[int, str]], count: int | None = None) -> dict[int, str]:
    total = sum(int(row[4]) for row in rows)
    counted = len(rows) + 2 if count is None else count
    return {24: "695", 48: part("0301", str(total)) + part("0306", f"{counted:08d}")}


def messages(*rows: Mapping[int, str], encoding: str = "ascii") -> list[bytes]:
    told = [("1644", HEAD), *(("1240", row) for row in rows), ("1644", tail(rows))]
    return [message(mti, fields, encoding) for mti, fields in told]
