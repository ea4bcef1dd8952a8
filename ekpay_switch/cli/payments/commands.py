"""`ekpay payments`: find a payment and read its life in words."""

import json
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.payments.payment_list import PAYMENT_FIELDS, list_
from ekpay_switch.cli.payments.wording import payment_lines
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.composition.switch import token_sealer
from ekpay_switch.domain.payment import State, public_state
from ekpay_switch.persistence.payments.payment_details import Line, export_payments, read_payment_details
from ekpay_switch.persistence.payments.payment_search import find_by_reference
from ekpay_switch.persistence.payments.store import read_tokens

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
app.command("list")(list_)


@app.command()
def show(
    payment: Annotated[str, typer.Argument(help="The payment's id, or any reference of it.")],
) -> None:
    """Print a payment's life in words: steps, attempts, postings, answers, and the tokens that it bought."""
    session = open_session()
    chosen_id = _as_uuid(payment) or _only_one(session, payment)
    story = session.run(lambda engine: read_payment_details(engine, chosen_id))
    if story is None:
        raise typer.BadParameter(f"there is no payment {payment}")
    tokens = session.run(lambda engine: read_tokens(engine, token_sealer(session.keys()), chosen_id))
    for line in payment_lines(story, tokens):
        typer.echo(line)


@app.command()
def export() -> None:
    """Print every payment with its attempts, tries and refunds as JSON lines, the oldest first.

    To match the books of billers and connectors with: `facts` hold what the biller answered, receipts among
    them, `tries` and `refunds` the connector's own names of each movement; `collected` is in paisa.
    Nothing is masked, unlike in `list`: whole bill numbers are what two books are matched by.
    """
    for line in open_session().run(export_payments):
        typer.echo(json.dumps(_exported(line), ensure_ascii=False, default=str))


def _only_one(session: Session, reference: str) -> UUID:
    """The one payment that anybody calls by this reference."""

    async def _search(engine: AsyncEngine) -> Sequence[UUID]:
        async with engine.connect() as connection:
            return list(await find_by_reference(connection, reference))

    found = session.run(_search)
    if len(found) != 1:
        raise typer.BadParameter(
            f"{len(found) or 'no'} payments have the reference {reference}; give the payment's id"
        )
    return found[0]


def _as_uuid(text: str) -> UUID | None:
    """A payment's id, as we or REST v1 write it."""
    try:
        return UUID(text.removeprefix("pay_"))
    except ValueError:
        return None


def _exported(line: Line) -> dict[str, object]:
    fields = {name: line[name] for name in (*PAYMENT_FIELDS, "bill_key", "bill_number", "facts")}
    parts = {"attempts": _OF_ATTEMPT, "tries": _OF_TRY, "refunds": _OF_REFUND}
    fields |= {
        part: [{name: row[name] for name in names} for row in line[part]] for part, names in parts.items()
    }
    return fields | {"public_state": public_state(State(line["state"]))}
