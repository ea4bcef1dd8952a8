"""A chargeback row of a settlement file as the desk of disputes knows it (docs/adr/0101)."""

from collections.abc import Mapping
from datetime import timedelta

from ekpay_switch.domain.money import Money
from ekpay_switch.ports.disputes import ChargebackRow
from reconciliation.intake.file_names import parse_file_name
from reconciliation.matching.reference_keys import STRANGER
from reconciliation.statement.layout import Layout


def chargeback_row_of(row: Mapping[str, object], layout: Layout) -> ChargebackRow:
    """A row of the store, of a connector with this layout, as the desk of disputes knows it."""
    day = parse_file_name(str(row["origin"])).key.day
    collected = str(row["reference"]).removeprefix(STRANGER)
    amount = row["net"] if row["gross"] is None else row["gross"]
    return ChargebackRow(
        connector_id=layout.institution,
        # Without a name of theirs it is known by the payment and the day, also in a corrected file.
        name=str(row["theirs"]) or f"{collected} {day}",
        collected=collected,
        amount=Money(abs(int(str(amount))), str(row["currency"])),
        file=str(row["origin"]),
        answer_due_on=day + timedelta(days=layout.chargeback_answer_days),
    )
