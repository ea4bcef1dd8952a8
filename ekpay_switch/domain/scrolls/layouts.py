"""How a scroll is written as a file: a layout maps each heading to the value of its column.

A file is a line that begins with SCROLL, the headings, the rows and a line that begins with TRAILER; first
and last line carry the same control totals: how many rows, their sum in taka, and the SHA-256 of the rows as
they are written, each with its line feed. Files are rewritten from their rows, so a layout that has been used
is never changed: a new one gets a new name.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import Money, format_taka, total
from ekpay_switch.domain.scrolls.scroll import RowType, ScrollFile, ScrollRow

FORMAT = "1"
COLLECTOR = "EKPAY"
STAND_IN = "PSI"
_ZERO_TAKA = "0.00"

Column = Callable[[ScrollRow, str], str]  # from a row and its biller's id
Columns = Mapping[str, Column]


def _taka(amount: Money) -> str:
    return format_taka(amount.minor)


def _instant(row: ScrollRow) -> str:
    return in_dhaka(row.paid_at).strftime("%Y-%m-%d %H:%M:%S")


def _sum_of_labelled(row: ScrollRow, word: str) -> Money:
    """The sum of the biller's own lines whose label contains this word."""
    return total(amount for label, amount in row.charges.items() if word in label.lower())


def _water(row: ScrollRow) -> str:
    separate_lines = _sum_of_labelled(row, "sewer") + _sum_of_labelled(row, "fixed")
    return _taka(row.lines.principal + row.lines.stamp + row.lines.remainder - separate_lines)


def _count(row: ScrollRow) -> str:
    return {RowType.PAY: "1", RowType.REV: "-1", RowType.VOID: "0"}[row.row_type]


def _row_type(row: ScrollRow) -> str:
    """The type of the row, `PSI` for what was paid in stand-in, as settlement files call it."""
    return STAND_IN if row.is_stand_in else row.row_type


# The identity of a row, after the columns of layouts that have none for it.
_ROW_IDENTITY: Columns = {
    "Seq": lambda row, _: str(row.seq),
    "ScrollNo": lambda row, _: str(row.scroll_no),
    "RowType": lambda row, _: _row_type(row),
}

_COMMON: Columns = {
    "scroll_date": lambda row, _: row.scroll_date.isoformat(),
    "scroll_no": lambda row, _: str(row.scroll_no),
    "seq": lambda row, _: str(row.seq),
    "biller_id": lambda _, biller_id: biller_id,
    "office_code": lambda row, _: row.office_code,
    "bill_ref": lambda row, _: row.bill_ref,
    "account_ref": lambda row, _: row.account_ref,
    "paid_at": lambda row, _: in_dhaka(row.paid_at).isoformat(timespec="seconds"),
    "ekpay_txn_id": lambda row, _: row.ekpay_ref,
    "collector_txn_id": lambda row, _: row.collector_ref,
    "biller_ack_ref": lambda row, _: row.biller_ack_ref,
    "principal": lambda row, _: _taka(row.lines.principal),
    "vat": lambda row, _: _taka(row.lines.vat),
    "late_fee": lambda row, _: _taka(row.lines.late_fee),
    "stamp": lambda row, _: _taka(row.lines.stamp),
    "other_lines": lambda row, _: _taka(row.lines.remainder),
    "total": lambda row, _: _taka(row.lines.total),
    "channel": lambda row, _: row.channel,
    "collector_code": lambda row, _: row.collector_code,
    "row_type": lambda row, _: _row_type(row),
}

# NetAmount is what the biller is to get, without the stamp.
_NESCO: Columns = {
    "Location": lambda row, _: row.office_code,
    "CcName": lambda _, __: COLLECTOR,
    "TransDate": lambda row, _: _instant(row),
    "TransNo": lambda row, _: row.ekpay_ref,
    "NescoTxId": lambda row, _: row.biller_ack_ref,
    "BillNo": lambda row, _: row.bill_ref,
    "SndName": lambda row, _: row.collector_code,
    "TxnCount": lambda row, _: _count(row),
    "Collection": lambda row, _: _taka(row.lines.total),
    "Principle": lambda row, _: _taka(row.lines.principal + row.lines.remainder),
    "Vat": lambda row, _: _taka(row.lines.vat),
    "Lpc": lambda row, _: _taka(row.lines.late_fee),
    "Stamp": lambda row, _: _taka(row.lines.stamp),
    "NetAmount": lambda row, _: _taka(row.lines.total - row.lines.stamp),
    **_ROW_IDENTITY,
}

# Water, sewer, fixed charge, VAT and surcharge sum to what was paid; we take no fee off it.
_WASA: Columns = {
    "TransDate": lambda row, _: _instant(row),
    "TransNo": lambda row, _: row.ekpay_ref,
    "TransFrom": lambda row, _: row.collector_code,
    "FromCatId": lambda row, _: row.channel,
    "BillNo": lambda row, _: row.bill_ref,
    "AccountNumber": lambda row, _: row.account_ref,
    "WaterBill": lambda row, _: _water(row),
    "SewerBill": lambda row, _: _taka(_sum_of_labelled(row, "sewer")),
    "FixedCharge": lambda row, _: _taka(_sum_of_labelled(row, "fixed")),
    "VatAmt": lambda row, _: _taka(row.lines.vat),
    "SchargeAmt": lambda row, _: _taka(row.lines.late_fee),
    "NetServiceFee": lambda _, __: _ZERO_TAKA,
    "TotalPayAmount": lambda row, _: _taka(row.lines.total),
    "Gateway": lambda _, __: COLLECTOR,
    **_ROW_IDENTITY,
}

# Commissions are settled apart, so TotalCost is PayAmt.
_GAS: Columns = {
    "TransDate": lambda row, _: _instant(row),
    "TransNo": lambda row, _: row.ekpay_ref,
    "TransFrom": lambda row, _: row.collector_code,
    "TransTo": lambda _, biller_id: biller_id,
    "BillNo": lambda row, _: row.bill_ref,
    "PayAmt": lambda row, _: _taka(row.lines.total),
    "AgentCom": lambda _, __: _ZERO_TAKA,
    "DistributorCom": lambda _, __: _ZERO_TAKA,
    "BankRevenue": lambda _, __: _ZERO_TAKA,
    "TotalCost": lambda row, _: _taka(row.lines.total),
    "Gateway": lambda _, __: COLLECTOR,
    "BranchCode": lambda row, _: row.office_code,
    "PaidBy": lambda row, _: row.account_ref,
    "ExtraId": lambda row, _: row.biller_ack_ref,
    **_ROW_IDENTITY,
}

LAYOUTS: Mapping[str, Columns] = MappingProxyType(
    {"common": _COMMON, "nesco": _NESCO, "wasa": _WASA, "gas": _GAS}
)


def row_text(layout: str, biller_id: str, row: ScrollRow) -> str:
    """One row as it is written, with its line feed."""
    return _line(column(row, biller_id) for column in LAYOUTS[layout].values())


def digest_of(file: ScrollFile) -> str:
    """The SHA-256 of the file's rows as they are written, in hexadecimal."""
    digest = hashlib.sha256()
    for row in file.rows:
        digest.update(row_text(file.layout, file.biller_id, row).encode())
    return digest.hexdigest()


def with_digest(file: ScrollFile) -> ScrollFile:
    """The same file with the digest of its rows."""
    return replace(file, sha256=digest_of(file))


def content_of(file: ScrollFile) -> bytes:
    """The whole file as it goes to the biller, in UTF-8; the same rows always give the same bytes."""
    totals = [str(len(file.rows)), _taka(file.sum), file.sha256]
    day, cycle = file.business_date.isoformat(), str(file.cycle)
    lines = [
        _line(["SCROLL", FORMAT, file.biller_id, day, cycle, file.layout, *totals]),
        _line(LAYOUTS[file.layout]),
        *(row_text(file.layout, file.biller_id, row) for row in file.rows),
        _line(["TRAILER", *totals]),
    ]
    return "".join(lines).encode()


def _line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(_printable(cell) for cell in cells)
    return written.getvalue()


def _printable(cell: str) -> str:
    """The text with a question mark for each character that is not printable."""
    return (
        cell
        if cell.isprintable()
        else "".join(character if character.isprintable() else "?" for character in cell)
    )
