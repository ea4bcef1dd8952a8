"""`ekpay sandbox`: start the far side, make it misbehave, and read what it believes."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from sandbox.demo.one_payment import UnpayableError, Wish, pay_once
from sandbox.desco.book import BookOfAnotherWorldError
from sandbox.desco.faults import Fault
from sandbox.desco.journal import BrokenJournalError, JournalInUseError
from sandbox.desco.server import serve as serve_desco
from sandbox.desco.settings import ACCOUNTS_MAX, DescoSettings

app = typer.Typer(
    name="sandbox",
    help="The far side: a simulated DESCO with a book of its own, and partners.",
    no_args_is_help=True,
)

_ADDRESS = "http://127.0.0.1:8190"
_CALL_SECONDS = 60
_HTTP_OK = 200

Address = Annotated[str, typer.Option(help="Where the simulator listens.")]


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8190,
    home: Annotated[Path, typer.Option(help="Folder of the book.")] = Path(".ekpay/sandbox"),
    seed: Annotated[int, typer.Option(min=0, help="Decides every account and bill.")] = 7,
    accounts: Annotated[
        int, typer.Option(min=1, max=ACCOUNTS_MAX, help="How many normal accounts.")
    ] = 20_000,
    slow_seconds: Annotated[float, typer.Option(min=0, help="How late a slow save answers.")] = 8.0,
) -> None:
    """Serve the simulated DESCO until interrupted."""
    settings = DescoSettings(
        host=host, port=port, home=home, seed=seed, accounts=accounts, slow_seconds=slow_seconds
    )
    try:
        serve_desco(settings, announce=lambda address: typer.echo(f"DESCO sandbox listening on {address}"))
    except (OSError, JournalInUseError, BookOfAnotherWorldError, BrokenJournalError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def faults(
    fault: Annotated[Fault, typer.Argument(help="What shall go wrong.")],
    account: Annotated[str | None, typer.Option(help="Account of 8 digits.")] = None,
    bill: Annotated[str | None, typer.Option(help="Bill number of 12 digits.")] = None,
    times: Annotated[int, typer.Option(min=1, help="How many calls it strikes.")] = 1,
    address: Address = _ADDRESS,
) -> None:
    """Let one fault strike the next calls for an account or a bill."""
    order: dict[str, object] = {"account": account, "bill": bill, "fault": fault.value, "times": times}
    typer.echo(json.dumps(_call("POST", f"{address}/_admin/faults", order), indent=2))


@app.command()
def dump(address: Address = _ADDRESS) -> None:
    """Print what the simulated DESCO believes, as JSON."""
    typer.echo(json.dumps(_call("GET", f"{address}/_admin/dump"), indent=2))


@app.command()
def pay(
    account: Annotated[str, typer.Option(help="Account of 8 digits; its oldest unpaid bill is paid.")],
    biller: Annotated[str, typer.Option(help="ekPay's id of the biller.")] = "b025",
    partner: Annotated[
        str | None, typer.Option(help="Which partner of `ekpay run`, by id or name; the first by default.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Where the switch listens; where `ekpay run` put it by default.")
    ] = None,
) -> None:
    """Be a partner: fetch a bill, pay it, and show what the switch answered."""
    try:
        asyncio.run(pay_once(Wish(biller, account, partner, address), typer.echo))
    except UnpayableError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem


def _call(method: str, url: str, order: dict[str, object] | None = None) -> object:
    try:
        status, answer = asyncio.run(_ask(method, url, order))
    except (aiohttp.ClientError, TimeoutError) as error:
        typer.echo(f"the sandbox does not answer: {type(error).__name__}", err=True)
        raise typer.Exit(1) from error
    if status != _HTTP_OK:
        typer.echo(f"refused: {answer}", err=True)
        raise typer.Exit(1)
    return answer


async def _ask(method: str, url: str, order: dict[str, object] | None) -> tuple[int, object]:
    timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, json=order) as answer,
    ):
        return answer.status, await answer.json(content_type=None)
