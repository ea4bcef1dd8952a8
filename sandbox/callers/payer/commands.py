"""`ekpay sandbox payer`: be a payer at a provider's page."""

import asyncio
import json
from typing import Annotated

import typer

from sandbox.callers.payer.browser import LostPayerError
from sandbox.callers.payer.payer import Payer, PayerDecision, pay


def payer(
    url: Annotated[str, typer.Argument(help="The provider's page, as the switch was told it.")],
    wallet: Annotated[str, typer.Option(help="The payer's number.")],
    does: Annotated[PayerDecision, typer.Option(help="How the payer behaves.")] = PayerDecision.APPROVE,
    wait: Annotated[float, typer.Option(min=0, help="Seconds before the last step or the return.")] = 0,
    follow: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--follow", help="Go on to where the browser is sent.")
    ] = False,
    pin: Annotated[str, typer.Option(help="The payer's PIN.")] = "12121",
) -> None:
    """Open a provider's page as a browser does, behave so, and print where the browser was sent."""
    try:
        visit = asyncio.run(pay(url, Payer(wallet, pin), does, wait_seconds=wait, follow=follow))
    except LostPayerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    output: dict[str, object] = {
        "sent_to": visit.sent_to,
        "status": visit.status,
        "merchant_status": visit.merchant_status,
        "carries": visit.carries,
    }
    typer.echo(json.dumps(output, indent=2))
