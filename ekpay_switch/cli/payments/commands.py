"""`ekpay payments`: find a payment and read its life in words."""

import json
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.payments.wording import PARTS, payment_lines
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, show_json, show_table, taka
from ekpay_switch.composition.switch import token_sealer
from ekpay_switch.domain.payment import State, public_state
from ekpay_switch.persistence.payments.payment_details import (
    Line,
    PaymentFilter,
    export_payments,
    list_payments,
    read_payment_details,
)
from ekpay_switch.persistence.payments.store import read_tokens
from ekpay_switch.security.masking import mask_account

_OF_PAYMENT = (
    "id", "partner_id", "reference", "biller_id", "bucket", "currency", "amount", "charge", "fee", "vat",
    "rounding", "state", "refusal", "business_date", "scroll_no", "created_at", "updated_at",
    "next_action_at",
)  # fmt: skip
_OF_ATTEMPT = ("leg", "far_side", "reference", "state", "outcome", "step", "sends", "opened_at", "closed_at")
_OF_TRY = (
    "connector_id", "reference", "state", "outcome", "provider_reference", "provider_transaction",
    "executes_begun", "collected", "collected_at", "refunded",
)  # fmt: skip
_OF_REFUND = (
    "id", "connector_id", "kind", "state", "amount", "our_reference", "provider_refund", "bank_reference",
    "created_at", "updated_at",
)  # fmt: skip

app = typer.Typer(help="Find payments and read their life.", no_args_is_help=True)


@app.command()
def show(
    payment: Annotated[str, typer.Argument(help="The payment's id, or the partner's reference.")],
) -> None:
    """Print a payment's life in words: steps, attempts, postings, answers, and the tokens that it bought."""
    session = open_session()
    payment_id = _as_uuid(payment)
    if payment_id is None:
        payments = session.run(lambda engine: list_payments(engine, PaymentFilter(reference=payment)))
        if len(payments) != 1:
            raise typer.BadParameter(
                f"{len(payments) or 'no'} payments have the reference {payment}; give the payment's id"
            )
        payment_id = payments[0]["id"]
    chosen_id = payment_id
    story = session.run(lambda engine: read_payment_details(engine, chosen_id))
    if story is None:
        raise typer.BadParameter(f"there is no payment {payment}")
    tokens = session.run(lambda engine: read_tokens(engine, token_sealer(session.keys()), chosen_id))
    for line in payment_lines(story, tokens):
        typer.echo(line)


@app.command("list")
def list_(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    *,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that are not final.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; amounts in paisa.")] = False,
) -> None:
    """List payments, the newest first."""
    selection = PaymentFilter(partner_id=partner, state=state, is_open=is_open, count_max=limit)
    payments = open_session().run(lambda engine: list_payments(engine, selection))
    if as_json:
        show_json([_for_programs(line) for line in payments])
        return
    headings = ("created (Dhaka)", "payment", "partner", "reference", "biller", ">total", "state", "why")
    show_table("Payments", headings, (_for_people(line) for line in payments))


@app.command()
def export() -> None:
    """Print every payment with its attempts, tries and refunds as JSON lines, the oldest first.

    To match the books of billers and connectors with: `facts` hold what the biller answered, receipts among
    them, `tries` and `refunds` the connector's own names of each movement; `collected` is in paisa.
    Nothing is masked, unlike in `list`: whole bill numbers are what two books are matched by.
    """
    for line in open_session().run(export_payments):
        typer.echo(json.dumps(_exported(line), ensure_ascii=False, default=str))


def _as_uuid(text: str) -> UUID | None:
    """A payment's id, as we or REST v1 write it."""
    try:
        return UUID(text.removeprefix("pay_"))
    except ValueError:
        return None


def _exported(line: Line) -> dict[str, object]:
    fields = {name: line[name] for name in (*_OF_PAYMENT, "bill_key", "bill_number", "facts")}
    parts = {"attempts": _OF_ATTEMPT, "tries": _OF_TRY, "refunds": _OF_REFUND}
    fields |= {
        part: [{name: row[name] for name in names} for row in line[part]] for part, names in parts.items()
    }
    return fields | {"public_state": public_state(State(line["state"]))}


def _total(line: Line) -> int:
    return sum(int(line[part]) for part in PARTS)


def _for_people(line: Line) -> tuple[str, ...]:
    return (
        dhaka(line["created_at"]),
        str(line["id"]),
        line["partner_id"],
        line["reference"],
        line["biller_id"],
        taka(_total(line)),
        line["state"],
        line["refusal"] or "",
    )


def _for_programs(line: Line) -> dict[str, object]:
    fields = {name: line[name] for name in _OF_PAYMENT}
    return fields | {
        "bill": mask_account(line["bill_key"]),
        "public_state": public_state(State(line["state"])),
    }
