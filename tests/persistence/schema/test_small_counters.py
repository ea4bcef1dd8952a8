"""A SMALLINT ends at 32,767, so whatever is one has a named end."""

from sqlalchemy import SmallInteger

from ekpay_switch.persistence.schema.whole_schema import append_only_tables, metadata

ENDS = {
    "set by people or configuration": {
        "journal_entries.lane", "lanes.lane", "partners.lane", "payments.lane", "merchants.order_minutes",
        "merchants.refusals_max", "notification_deliveries.rank",
    },
    "a code of HTTP": {"notification_deliveries.last_status", "notification_tries.status"},
    "the lines of one document": {
        "cart_bill_ends.seq", "cart_bills.seq", "cart_refunds.nth", "challan_line_ends.seq",
        "challan_lines.seq", "complaints.bill_seq",
        "merchant_shares.seq", "postings.seq", "stand_in_tries.seq", "token_lines.seq",
    },
    "once a lease in three days": {"stand_in_tries.nth"},
    "twenty messages": {"complaint_messages.nth"},
    "no payment is sent or tried after its quote": {
        "attempts.sends", "history.seq", "notifications.version", "payments.steps", "tries.executes_begun",
    },
    "the schedule of retries": {
        "notification_deliveries.tries", "notification_tries.number", "text_messages.tries",
    },
    "five tries": {"one_time_codes.tries"},
    "once a window or cycle of a day": {"ledger_lines.revision", "scroll_files.cycle", "scroll_rows.cycle"},
}  # fmt: skip


def test_every_smallint_has_an_end() -> None:
    assert append_only_tables(), "every table is defined"
    columns = (column for table in metadata.tables.values() for column in table.columns)
    small = {str(column) for column in columns if isinstance(column.type, SmallInteger)}

    assert small == set().union(*ENDS.values())
