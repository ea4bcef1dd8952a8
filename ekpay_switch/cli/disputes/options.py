"""What the commands of disputes ask for, and how a dispute is named: by its number, or as the last one."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.acting import visible_name, visible_name_or_none, visible_text, visible_text_or_none
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Bearer, Burden
from ekpay_switch.ports.disputes import Disputes, DisputeView


def _amount(text: str) -> Money:
    amount = typed_taka(text)
    if not amount.minor:
        raise typer.BadParameter("nothing cannot be disputed")
    return amount


Number = Annotated[
    int | None, typer.Argument(metavar="[DISPUTE]", min=1, help="Its number, as `list` prints it.")
]
Last = Annotated[bool, typer.Option("--last", help="The dispute that was opened last.")]
PaymentId = Annotated[UUID, typer.Argument(metavar="PAYMENT", help="The payment's id.")]
Amount = Annotated[Money, typer.Option(parser=_amount, metavar="TAKA", help="At most two decimals.")]
Name = Annotated[str, typer.Option("--name", callback=visible_name, help="The connector's own name of it.")]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why, in words.")]
Due = Annotated[
    datetime,
    typer.Option("--due", formats=["%Y-%m-%d"], help="The connector's deadline, a Dhaka date."),
]
Word = Annotated[
    str, typer.Option("--word", callback=visible_text, help="The connector's written word: a letter, a mail.")
]
Movement = Annotated[
    str, typer.Option("--movement", callback=visible_name, help="The connector's reference of the money.")
]
Transaction = Annotated[
    str | None,
    typer.Option(
        callback=visible_name_or_none,
        help="The connector's name of what it had collected, where it collected more than once.",
    ),
]
Consent = Annotated[
    str | None,
    typer.Option(
        callback=visible_text_or_none,
        help="The reference of the biller's written consent: the biller bears it.",
    ),
]
OurLoss = Annotated[bool, typer.Option("--our-loss", help="We bear it; the biller keeps its money.")]
First = Annotated[str, typer.Option("--by", help="Who says so, of finance.")]
Second = Annotated[str, typer.Option("--by", help="The second person, of finance.")]


def dhaka_date(due: datetime) -> date:
    """The date that was typed."""
    return due.date()


def burden_option(consent: str | None, *, our_loss: bool, takes_back: bool) -> Burden:
    """Who bears the money, as it was typed; `takes_back` is what the biller's manifest says."""
    if consent is not None and our_loss:
        raise typer.BadParameter("either the biller bears it, by its consent, or we do")
    if our_loss:
        return Burden(takes_back, Bearer.LOSS)
    return Burden(takes_back, Bearer.PAYEE if consent is None else Bearer.CONSENT, consent or "")


async def named_dispute(desk: Disputes, number: int | None, *, is_last: bool) -> DisputeView:
    """The dispute of this number, or the last one.

    Raises:
        UnknownDisputeError: there is no such dispute.
    """
    if (number is None) != is_last:
        raise typer.BadParameter("DISPUTE: name it by its number, or say --last, and not both")
    return await desk.last() if number is None else await desk.find(number)
