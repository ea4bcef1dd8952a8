"""Columns of end-of-day files that some billers have of their own (billers.md 2.12); their contents are ours.

None of them names a type of row: a payment that was taken back shows by its negative amounts.
"""

from sandbox.kit.biller.end_of_day_file import COLLECTOR, EndOfDayLayout, EndOfDayRow

_INSTANT = "%Y-%m-%d %H:%M:%S"
_NOTHING = "0.00"


def _collected_without_stamp(row: EndOfDayRow) -> str:
    return row.taka(row.payment.amount_paisa - row.payment.stamp_paisa)


NESCO = EndOfDayLayout(
    {
        "Location": lambda row: row.office_code,
        "CcName": lambda _: COLLECTOR,
        "TransDate": lambda row: row.at.strftime(_INSTANT),
        "TransNo": lambda row: row.payment.reference,
        "NescoTxId": lambda row: row.payment.receipt,
        "BillNo": lambda row: row.payment.bill_number,
        "SndName": lambda row: row.bill.customer_name if row.bill else "",
        "TxnCount": lambda row: str(row.signed_amount(1)),
        "Collection": lambda row: row.taka(row.payment.amount_paisa),
        "Principle": lambda row: row.taka(row.payment.principal_paisa),
        "Vat": lambda row: row.taka(row.payment.vat_paisa),
        "Lpc": lambda row: row.taka(row.payment.late_fee_paisa),
        "Stamp": lambda row: row.taka(row.payment.stamp_paisa),
        "NetAmount": _collected_without_stamp,
    }
)
"""The daily detail: Principle, Vat, Lpc and Stamp sum to Collection, NetAmount is that without the stamp."""

WASA = EndOfDayLayout(
    {
        "TransDate": lambda row: row.at.strftime(_INSTANT),
        "TransNo": lambda row: row.payment.reference,
        "TransFrom": lambda _: COLLECTOR,  # codespell:ignore transfrom
        "FromCatId": lambda row: row.payment.facts.get("channel", ""),
        "BillNo": lambda row: row.payment.bill_number,
        "AccountNumber": lambda row: row.payment.number,
        "WaterBill": lambda row: row.taka(row.payment.principal_paisa),
        "SewerBill": lambda row: row.taka(row.payment.other_paisa),
        "FixedCharge": lambda row: row.taka(row.payment.stamp_paisa),
        "VatAmt": lambda row: row.taka(row.payment.vat_paisa),
        "SchargeAmt": lambda row: row.taka(row.payment.late_fee_paisa),
        "NetServiceFee": lambda _: _NOTHING,
        "TotalPayAmount": lambda row: row.taka(row.payment.amount_paisa),
        "Gateway": lambda _: COLLECTOR,
    }
)
"""Water, sewer, fixed charge, VAT and surcharge sum to the total; the water company takes no fee of ours."""

GAS = EndOfDayLayout(
    {
        "TransDate": lambda row: row.at.strftime(_INSTANT),
        "TransNo": lambda row: row.payment.reference,
        "TransFrom": lambda _: COLLECTOR,  # codespell:ignore transfrom
        "TransTo": lambda row: row.payment.institution_id,
        "BillNo": lambda row: row.payment.bill_number,
        "PayAmt": lambda row: row.taka(row.payment.amount_paisa),
        "AgentCom": lambda _: _NOTHING,
        "DistributorCom": lambda _: _NOTHING,
        "BankRevenue": lambda _: _NOTHING,
        "TotalCost": lambda row: row.taka(row.payment.amount_paisa),
        "Gateway": lambda _: COLLECTOR,
        "BranchCode": lambda row: row.office_code,
        "PaidBy": lambda row: row.payment.number,
        "ExtraId": lambda row: row.payment.receipt,
    }
)
"""Nobody takes a commission here, so TotalCost is PayAmt."""
