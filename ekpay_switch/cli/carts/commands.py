"""`ekpay carts`: bills that citizens pay together, and what became of each."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain, dhaka, show_json, taka
from ekpay_switch.domain.carts.bill_cart import BillInCart, StoredCart
from ekpay_switch.persistence.carts.store import PostgresCarts
from ekpay_switch.persistence.short_transactions import ShortTransactions

app = typer.Typer(help="Bills that citizens pay together.", no_args_is_help=True)

_COUNT_MAX = 1_000
_NOT_YET = "not yet"

Result = TypeVar("Result")
CartId = Annotated[UUID, typer.Argument(metavar="CART", help="The cart, as an alarm or `list` names it.")]


@app.command("list")
@prints_list
def list_() -> PrintedList:
    """List the paid carts that are not over, the oldest first; at most a thousand."""
    carts = _read(lambda carts: carts.open_carts(_COUNT_MAX))
    headings = ("ordered (Dhaka)", "cart", ">bills", ">open", ">amount", "payment")
    return PrintedList(
        "Open carts", headings, map(_for_people, carts), (_for_programs(cart) for cart in carts)
    )


@app.command()
def show(cart_id: CartId, *, as_json: AsJson = False) -> None:
    """Print a cart: its payment, each bill with its own, and what is refunded."""
    found = _read(lambda carts: carts.by_ids([cart_id]))
    if not found:
        complain(f"there is no cart {cart_id}")
        raise typer.Exit(1)
    if as_json:
        show_json(_for_programs(found[0]))
        return
    for line in _life(found[0]):
        typer.echo(line)


def _read(work: Callable[[PostgresCarts], Awaitable[Result]]) -> Result:
    session: Session = open_session()

    async def _run() -> Result:
        async with ShortTransactions(session.database.connect) as transactions:
            return await work(PostgresCarts(transactions))

    return session.run(lambda _: _run())


def _life(cart: StoredCart) -> Iterator[str]:
    payment = cart.payment
    yield f"cart {cart.cart_id} of {taka(cart.amount.minor)}, begun {dhaka(cart.created_at)}"
    if payment is None:
        yield "  not ordered" if not cart.is_ordered else "  ordered, and not at the checkout yet"
    else:
        total = taka(payment.sums.total.minor)
        yield f"  payment {payment.payment_id}: {payment.state}, {total} with charges"
        yield f"  in the prefund: {'yes' if cart.is_funded else _NOT_YET}"
    for stored in cart.bills:
        yield f"  bill {stored.seq}: {stored.bill.biller_id}, {taka(stored.bill.amount.minor)}"
        yield f"    {_ending(stored)}"
        if stored.stand_in_until is not None:
            yield f"    in stand-in: its payer was told that it is paid by {dhaka(stored.stand_in_until)}"
    for refund in cart.refunds:
        bills = ", ".join(map(str, refund.seqs))
        yield f"  refund of bill {bills}: {taka(refund.amount.minor)}, {refund.state or 'not requested yet'}"


def _ending(stored: BillInCart) -> str:
    if stored.payment_id is None:
        return f"{stored.end or 'open'}; no payment yet: its biller does not answer, or has no manifest here"
    why = f" ({stored.refusal})" if stored.refusal else ""
    return f"{stored.end or 'open'}; payment {stored.payment_id}: {stored.state}{why}"


def _for_people(cart: StoredCart) -> Sequence[str]:
    payment = cart.payment
    return (
        dhaka(cart.created_at),
        str(cart.cart_id),
        str(len(cart.bills)),
        str(len(cart.open_bills)),
        taka(cart.amount.minor),
        str(payment.payment_id) if payment is not None else "",
    )


def _for_programs(cart: StoredCart) -> dict[str, object]:
    payment = cart.payment
    return {
        "cart_id": cart.cart_id,
        "created_at": cart.created_at,
        "is_ordered": cart.is_ordered,
        "is_funded": cart.is_funded,
        "amount": cart.amount.minor,
        "payment_id": payment.payment_id if payment is not None else None,
        "state": payment.state if payment is not None else None,
        "bills": [
            {
                "seq": stored.seq,
                "biller_id": stored.bill.biller_id,
                "amount": stored.bill.amount.minor,
                "reference": stored.reference,
                "payment_id": stored.payment_id,
                "state": stored.state,
                "refusal": stored.refusal,
                "end": stored.end,
                "stand_in_until": stored.stand_in_until,
            }
            for stored in cart.bills
        ],
        "refunds": [
            {
                "reference": refund.reference,
                "bills": list(refund.seqs),
                "amount": refund.amount.minor,
                "state": refund.state,
            }
            for refund in cart.refunds
        ],
    }
