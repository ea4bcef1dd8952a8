"""`ekpay payments list`: find payments by date, biller, connector, amount, or any reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.payments.whole_amount import whole_amount
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import complain, dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State, public_state
from ekpay_switch.persistence.payments.payment_search import find_by_reference
from ekpay_switch.persistence.payments.payment_selection import PaymentFilter, list_payments
from ekpay_switch.security.masking import mask_account

PAYMENT_FIELDS = (
    "id", "partner_id", "reference", "biller_id", "bucket", "currency", "amount", "charge", "fee", "vat",
    "rounding", "state", "refusal", "business_date", "scroll_no", "created_at", "updated_at",
    "next_action_at",
)  # fmt: skip
_DERIVED_FIELDS = ("bill", "public_state", "collected_by")
# What is looked through where neither a date nor a reference bounds it.
_DAYS = 31


def typed_date(text: str) -> date:
    """A business date as it is typed."""
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise typer.BadParameter("a business date is written 2026-04-05") from problem


@prints_list
def list_(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    *,
    biller: Annotated[str | None, typer.Option(help="Only to this biller, or `merchant:ID`.")] = None,
    connector: Annotated[str | None, typer.Option(help="Only those that it was asked for.")] = None,
    amount: Annotated[
        Money | None,
        typer.Option(parser=typed_taka, metavar="TAKA", help="Only of this bill's amount, or whole amount."),
    ] = None,
    first: Annotated[
        date | None, typer.Option("--since", parser=typed_date, metavar="DATE", help="First business date.")
    ] = None,
    last: Annotated[
        date | None, typer.Option("--until", parser=typed_date, metavar="DATE", help="Last business date.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Any reference: the caller's, ours, a provider's, a receipt, a refund's, an id."),
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are not final.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
) -> PrintedList:
    """List payments, the newest first."""
    if first is not None and last is not None and last < first:
        raise typer.BadParameter("the last date is before the first", param_hint="--until")
    selection = PaymentFilter(
        partner_id=partner, state=state, is_open=is_open, biller_id=biller, connector_id=connector,
        amount=None if amount is None else amount.minor, first=first, last=last, count_max=limit,
    )  # fmt: skip
    if reference is None:
        selection = _bounded(selection)
    found = open_session().run(lambda engine: _find_payments(engine, selection, reference))
    headings = ("created (Dhaka)", "payment", "partner", "reference", "biller", ">total", "state", "why")
    named = () if reference is None else ("found as",)
    rows = (found.for_people(line) for line in found.payments)
    records = (found.for_programs(line) for line in found.payments)
    return PrintedList("Payments", (*headings, *named), rows, records, (*PAYMENT_FIELDS, *_DERIVED_FIELDS))


@dataclass(frozen=True, slots=True)
class FoundPayments:
    """Payments as listed; `names`: by whose name a reference has found each, None where none was given."""

    payments: Sequence[Mapping[str, Any]]
    names: Mapping[UUID, str] | None

    def for_people(self, line: Mapping[str, Any]) -> tuple[str, ...]:
        """The cells of the table."""
        total = whole_amount(line)
        cells = (
            dhaka(line["created_at"]), str(line["id"]), line["partner_id"], line["reference"],
            line["biller_id"], taka(total), line["state"], line["refusal"] or "",
        )  # fmt: skip
        return cells if self.names is None else (*cells, self.names[line["id"]])

    def for_programs(self, line: Mapping[str, Any]) -> dict[str, object]:
        """Amounts in paisa, the bill masked."""
        fields = {name: line[name] for name in PAYMENT_FIELDS}
        fields |= {
            "bill": mask_account(line["bill_key"]),
            "public_state": public_state(State(line["state"])),
            "collected_by": line["collected_by"],
        }
        return fields if self.names is None else fields | {"found_as": self.names[line["id"]]}


async def _find_payments(
    engine: AsyncEngine, selection: PaymentFilter, reference: str | None
) -> FoundPayments:
    names = None
    if reference is not None:
        async with engine.connect() as connection:
            names = await find_by_reference(connection, reference)
        selection = replace(selection, ids=sorted(names))
    return FoundPayments(await list_payments(engine, selection), names)


def _bounded(selection: PaymentFilter) -> PaymentFilter:
    """The selection, within the last month where it looks for a few among all payments without a date."""
    is_narrow = (selection.biller_id, selection.connector_id, selection.amount) != (None, None, None)
    if not is_narrow or selection.first is not None:
        return selection
    last = selection.last or business_date(datetime.now(UTC))
    complain(f"looking through {_DAYS} days up to {last}: give --since for more")
    return replace(selection, first=last - timedelta(days=_DAYS))
