"""`ekpay sandbox ekshop`, `shop-order` and `ekshop-day`: serve the shop, place one order, rehearse a day."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sandbox.callers.ekshop.app import serve
from sandbox.callers.ekshop.catalogue import GOODS
from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.shop import ShopSettings
from sandbox.callers.ekshop.wire import Merchant
from sandbox.callers.payer.browser import LostPayerError
from sandbox.kit.command_options import with_options
from sandbox.kit.institution.journal import BrokenJournalError, JournalInUseError
from sandbox.rehearsals.ekshop.single_order import SingleOrderRequest, order_once
from sandbox.rehearsals.installation import ekshop_account as accounts
from sandbox.rehearsals.installation.home_folder import home_folder
from sandbox.rehearsals.installation.parties import PartiesUnreadableError

DEFAULT_PORT = 8220
_SWITCH = "http://127.0.0.1:8180"


@dataclass(frozen=True)
class ShopOptions:
    """Where the shop listens, which merchant account it uses, and how it handles IPNs."""

    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65_535, help="TCP port; 0 takes a free one.")] = DEFAULT_PORT
    switch: Annotated[str, typer.Option(help="Where the switch listens.")] = _SWITCH
    public_url: Annotated[
        str | None,
        typer.Option(help="Where customers and the switch find the shop; http://HOST:PORT if unset."),
    ] = None
    merchant: Annotated[str | None, typer.Option(help="Its mer_reg_id; that of `ekpay run` by default.")] = (
        None
    )
    pass_key: Annotated[
        str, typer.Option(envvar="EKPAY_EKSHOP_PASS_KEY", help="Its pass key, where --merchant is given.")
    ] = ""
    shop_home: Annotated[
        Path | None,
        typer.Option("--home", help="Folder of its book and of its account; EKPAY_HOME/sandbox by default."),
    ] = None
    conduct: Annotated[Conduct, typer.Option(help="How it takes IPNs.")] = Conduct.HONEST
    slow_seconds: Annotated[float, typer.Option(min=0, help="How late a slow answer comes.")] = 8.0


@with_options(ShopOptions)
def ekshop(options: ShopOptions) -> None:
    """Serve ekShop until interrupted: a shop of several sellers that is paid through the merchant API."""
    folder = options.shop_home or home_folder() / "sandbox"
    settings = ShopSettings(
        home_folder=folder,
        public_url=options.public_url or f"http://{options.host}:{options.port}",
        merchant=_merchant(options, folder),
        conduct=options.conduct,
        slow_seconds=options.slow_seconds,
    )
    try:
        serve(settings, options.host, options.port, lambda url: typer.echo(f"ekshop listening on {url}"))
    except (OSError, JournalInUseError, BrokenJournalError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(1) from error


def _merchant(options: ShopOptions, folder: Path) -> Merchant:
    if options.merchant is not None:
        return Merchant(
            f"{options.switch.rstrip('/')}{accounts.API_PATH}", options.merchant, options.pass_key
        )
    account = _account(folder)
    if account is None:
        raise typer.BadParameter(
            f"there is no account in {folder}: name --merchant, or start `ekpay run` first"
        )
    return account.merchant(options.switch)


def _account(folder: Path) -> accounts.ShopAccount | None:
    try:
        return accounts.load(folder)
    except PartiesUnreadableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@dataclass(frozen=True)
class OrderOptions:
    """What is ordered, and how it is paid."""

    items: Annotated[int, typer.Option(min=1, max=len(GOODS), help="How many different goods.")] = 4
    instrument: Annotated[
        str, typer.Option(help="What the customer chooses at the checkout, such as bkash, nagad or card.")
    ] = "bkash"
    wallet: Annotated[
        str | None, typer.Option(help="The customer's number there; a normal one by default.")
    ] = None
    as_agent: Annotated[
        bool, typer.Option("--as-agent", help="An agent of a digital centre orders for a villager.")
    ] = False
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel at the checkout instead of paying.")] = (
        False
    )
    shop: Annotated[
        str | None, typer.Option(help="Where the shop listens; as `ekpay run` put it by default.")
    ] = None


@with_options(OrderOptions)
def shop_order(options: OrderOptions) -> None:
    """Be a customer of ekShop: fill a cart, order, pay at the hosted checkout, and come back to the shop."""
    account = _account(home_folder() / "sandbox")
    address = options.shop or (account and f"http://{account.place}")
    if not address:
        raise typer.BadParameter("there is no shop yet: start `ekpay run` first, or name --shop")
    request = SingleOrderRequest(
        address, options.items, options.instrument, options.wallet, options.as_agent, options.cancel
    )
    try:
        is_right = asyncio.run(order_once(request, typer.echo))
    except LostPayerError as problem:
        typer.echo(f"the customer cannot go on: {problem}", err=True)
        raise typer.Exit(1) from problem
    if not is_right:
        raise typer.Exit(1)
