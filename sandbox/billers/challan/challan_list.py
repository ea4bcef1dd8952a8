"""The treasury's list of the challans of a day, one for each office."""

from sandbox.kit.biller.end_of_day_file import EndOfDayLayout

CHALLAN_LAYOUT = EndOfDayLayout(
    {
        "challan_no": lambda row: row.payment.facts["challan_no"],
        "payment_date": lambda row: row.day.isoformat(),
        "entered_at": lambda row: row.at.isoformat(timespec="seconds"),
        "payment_id": lambda row: row.payment.reference,
        "transaction_id": lambda row: row.payment.facts["transaction_id"],
        "office": lambda row: row.payment.institution_id,
        "organization_code": lambda row: row.payment.facts["organization_code"],
        "demand_no": lambda row: row.payment.facts["demand_no"],
        "heads": lambda row: row.payment.facts["heads"],
        "paidamount": lambda row: row.taka(row.payment.amount_paisa),
        "tin": lambda row: row.payment.facts["tin"],
        "bin": lambda row: row.payment.facts["bin"],
        "used_flag": lambda row: "Y" if "used_for" in row.payment.facts else "N",
        "row_type": lambda row: row.row_type,
    },
    has_trailer=True,
)
"""`heads` are `code=taka` with semicolons between; a challan is never taken back, so all rows are PAY."""
