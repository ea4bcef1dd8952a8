"""Rows of the files of a month that are tables, for `month_reader`."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from hashlib import sha256

BANGLA = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
DASHED = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Line:
    """A row; `charge` is fee and VAT, None where the file does not say."""

    ordinal: int
    ours: str
    theirs: str
    event: str
    gross: int | None
    charge: int | None
    net: int
    currency: str
    is_success: bool
    at: datetime | None

    @property
    def is_readable(self) -> bool:
        return self.at is not None


Body = tuple[list[Line], int, tuple[object, ...], tuple[object, ...]]


def paisa(text: str) -> int:
    """Read taka as every layout writes it."""
    plain = text.translate(BANGLA).replace(",", "").removeprefix("Tk ")
    sign = -1 if plain.endswith(" DR") or plain.startswith("(") else 1
    amount = Decimal(plain.removesuffix(" DR").removesuffix(" CR").strip("()")) * 100
    assert amount == int(amount)
    return sign * int(amount)


def when(form: str, text: str) -> datetime | None:
    try:
        return datetime.strptime(text.translate(BANGLA), form)  # noqa: DTZ007 - the form says which
    except ValueError:
        return None


def table(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    assert all(len(row) == len(rows[0]) for row in rows if row[0] != "TRAILER"), text[:200]
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]


@dataclass(frozen=True)
class Columns:
    """Where a table has what; an event is read from a whole row."""

    ours: str
    theirs: str
    time: str
    form: str
    gross: str
    charges: Sequence[str] = ()
    net: str = ""
    event: Callable[[Mapping[str, str]], str] = lambda _: "payment"
    status: tuple[str, frozenset[str]] | None = None
    currency: str = ""
    theirs_back: str = ""
    unit: Callable[[str], int] = paisa

    def line(self, ordinal: int, row: Mapping[str, str]) -> Line:
        event = self.event(row)
        gross = self.unit(row[self.gross])
        charge = sum(self.unit(row[name]) for name in self.charges)
        theirs = row[self.theirs_back] if self.theirs_back and event == "back" else row.get(self.theirs, "")
        return Line(
            ordinal, row[self.ours], theirs, event, gross, charge,
            self.unit(row[self.net]) if self.net else gross - charge,
            row[self.currency] if self.currency else "BDT",
            self.status is None or row[self.status[0]] in self.status[1], when(self.form, row[self.time]),
        )  # fmt: skip


def _signed(row: Mapping[str, str], gross: str) -> str:
    return "back" if row[gross].removeprefix("Tk ").startswith("-") else "payment"


def _worded(column: str, back: Sequence[str], row: Mapping[str, str]) -> str:
    word = row[column]
    return "chargeback" if word.lower() == "chargeback" else "back" if word in back else "payment"


_TABLES: Mapping[str, Columns] = {
    "dbbl_nexus": Columns(
        "txnrefnum", "RRN", "TRANS_DATE", "", "AMOUNT", ("FEE", "VAT"), "NET",
        status=("RESULT_CODE", frozenset({"000"})), unit=int,
    ),
    "sslcommerz": Columns(
        "tran_id", "bank_tran_id", "tran_date", DASHED, "amount", ("charge",), "store_amount",
        lambda row: "back" if row["refund_ref_id"] else "payment", currency="currency",
        theirs_back="refund_ref_id",
    ),
    "upay": Columns(
        "invoice_id", "txn_id", "date_time", DASHED, "amount", ("fee",), "net",
        partial(_worded, "status", ("refunded",)), ("status", frozenset({"success", "refunded"})),
    ),
    "sonali_spg": Columns(
        "InvoiceNo", "TransactionId", "TransactionDate", "%d/%m/%Y %H:%M:%S", "PayAmount",
        ("Vat", "Commission"),
    ),
    "ebl": Columns(
        "order.id", "transaction.receipt", "timeOfRecord", "%Y-%m-%dT%H:%M:%S.%fZ", "transaction.amount",
        ("fee", "vat"), "net", partial(_worded, "transaction.type", ("REFUND",)),
        ("response.gatewayCode", frozenset({"APPROVED"})), "order.currency",
    ),
    "mcash": Columns(
        "merchantOrderId", "transactionId", "dateTime", "%d-%b-%Y %H:%M:%S", "amount", ("charge", "vat"),
        "net", partial(_worded, "type", ("REFUND",)), ("state", frozenset({"SUCCESS"})), "currency",
    ),
    "desco_postpaid": Columns(
        "ekpay_txn_id", "biller_ack_ref", "paid_at", "%Y-%m-%dT%H:%M:%S%z", "total",
        event=partial(_worded, "row_type", ("REV",)),
    ),
    "nesco_postpaid": Columns(
        "TransNo", "NescoTxId", "TransDate", DASHED, "Collection",
        event=lambda row: _signed(row, "Collection"),
    ),
    "dhaka_wasa": Columns(
        "TransNo", "", "TransDate", DASHED, "TotalPayAmount",
        event=lambda row: _signed(row, "TotalPayAmount"),
    ),
    "jalalabad_gas": Columns("TransNo", "ExtraId", "TransDate", DASHED, "PayAmt"),
}  # fmt: skip


def sums(lines: Sequence[Line], *names: str) -> tuple[object, ...]:
    return (len(lines), *(sum(getattr(line, name) for line in lines) for name in names))


def rows_of(house: str, rows: Sequence[Mapping[str, str]]) -> list[Line]:
    return [_TABLES[house].line(ordinal, row) for ordinal, row in enumerate(rows, start=1)]


def plain(house: str, encoding: str, delimiter: str, data: bytes) -> Body:
    return rows_of(house, table(data.decode(encoding), delimiter)), 0, (), ()


def nexus(data: bytes) -> Body:
    rows = table(data.decode())
    at = {
        ordinal: datetime.fromtimestamp(int(row["TRANS_DATE"]) / 1000)  # noqa: DTZ006 - only whether it is one
        for ordinal, row in enumerate(rows, start=1)
        if row["TRANS_DATE"]
    }
    return [_timed(line, at.get(line.ordinal)) for line in rows_of("dbbl_nexus", rows)], 0, (), ()


def _timed(line: Line, at: datetime | None) -> Line:
    return Line(**{**vars(line), "at": at})


def bkash(data: bytes) -> Body:
    lines = []
    for ordinal, row in enumerate(table(data.decode()), start=1):
        event = {"Payment": "payment", "Refund": "back", "Chargeback": "chargeback"}[row["transactionType"]]
        gross = paisa(row["amount"]) * (1 if event == "payment" else -1)
        at = when("%Y-%m-%dT%H:%M:%S:%f GMT%z", row["completedTime"])
        lines.append(Line(
            ordinal, row["merchantInvoiceNumber"], row["trxID"], event, gross, paisa(row["serviceFee"]),
            paisa(row["creditedAmount"]), row["currency"], row["transactionStatus"] == "Completed", at,
        ))  # fmt: skip
    return lines, 0, (), ()


def upay(data: bytes) -> Body:
    *rows, total = table(data.decode())
    lines = rows_of("upay", rows)
    assert total["txn_id"] == "TOTAL"
    stated = (int(total["invoice_id"]), *(paisa(total[name]) for name in ("amount", "fee", "net")))
    return lines, 0, stated, sums(lines, "gross", "charge", "net")


def sonali_spg(data: bytes) -> Body:
    *rows, total = table(data.decode(), ";")
    lines = rows_of("sonali_spg", rows)
    assert total["ScrollNo"] == "মোট"
    charged = paisa(total["Vat"]) + paisa(total["Commission"])
    stated = (int(total["BrCode"].translate(BANGLA)), paisa(total["PayAmount"]), charged)
    return lines, 0, stated, sums(lines, "gross", "charge")


def desco(data: bytes) -> Body:
    before = data[: data.rindex(b"TRAILER,")]
    _, count, total, digest = data[len(before) :].decode().strip().split(",")
    lines = rows_of("desco_postpaid", table(before.decode()))
    counted = (*sums(lines, "gross"), sha256(before).hexdigest())
    return lines, 0, (int(count), paisa(total), digest), counted
