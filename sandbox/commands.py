"""`ekpay sandbox`: start the simulated far sides, set faults, and read their books."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from sandbox.billers.breb.faults import BrebFault, BrebStep
from sandbox.billers.desco.faults import DescoFault
from sandbox.billers.nesco.faults import NescoFault, NescoStep
from sandbox.callers.payer import commands as payer_commands
from sandbox.callers.payer.payer import PayerDecision
from sandbox.cheatsheet import cheatsheet
from sandbox.kit.biller.faults import BillerFault as CounterFault
from sandbox.kit.command_options import with_options
from sandbox.kit.institution.book import OtherSeedError
from sandbox.kit.institution.journal import BrokenJournalError, JournalInUseError
from sandbox.kit.institution.settings import ACCOUNTS_MAX
from sandbox.kit.provider.payer_numbers import PayerKind, normal_numbers
from sandbox.messaging.faults import SmsFault
from sandbox.network.proxy import commands as proxy_commands
from sandbox.network.proxy.faults import NetworkFault
from sandbox.network.sftp.commands import sftp
from sandbox.providers.bkash.faults import BkashFault, BkashStep
from sandbox.registry import (
    DEFAULT_PORTS,
    PROVIDER_FAMILIES,
    InstitutionName,
    SharedSettings,
    UnreadablePortError,
    UnservedPortError,
    ports_to_serve,
    read_host_ports,
    read_ports,
    serve_together,
)
from sandbox.rehearsals.day.bank_command import bank
from sandbox.rehearsals.day.commands import statements
from sandbox.rehearsals.demo.collecting.single_collection import SingleCollectionRequest as CollectWish
from sandbox.rehearsals.demo.collecting.single_collection import collect_once
from sandbox.rehearsals.demo.paying.single_payment import SinglePaymentRequest, UnpayableError, pay_once
from sandbox.rehearsals.ekshop import commands as ekshop_commands
from sandbox.rehearsals.ekshop.day.commands import ekshop_day
from sandbox.rehearsals.month.commands import month

app = typer.Typer(
    name="sandbox",
    help="The far side: simulated billers and wallets with books of their own, payers and partners.",
    no_args_is_help=True,
)

network = typer.Typer(help="Network faults, by the proxy before the billers.", no_args_is_help=True)
network.command()(proxy_commands.strike)
network.command()(proxy_commands.lift)
network.command()(proxy_commands.release)
network.command()(proxy_commands.show)
app.add_typer(network, name="network")
app.command()(proxy_commands.proxy)
app.command()(payer_commands.payer)
app.command()(cheatsheet)
app.command()(month)
app.command()(statements)
app.command()(bank)
app.command()(ekshop_commands.ekshop)
app.command()(ekshop_commands.shop_order)
app.command()(ekshop_day)
app.command()(sftp)

_FAULTS = ", ".join(sorted({*DescoFault, *BrebFault, *NescoFault, *BkashFault, *CounterFault, *SmsFault}))
_STEPS = "; ".join(
    f"{', '.join(steps)} ({institution})"
    for institution, steps in (("BREB", BrebStep), ("NESCO", NescoStep), ("bKash", BkashStep))
)
_TARGETS = ("house", "account", "bill", "quote", "payment", "invoice", "wallet", "mobile", "step")
_NETWORK_FAULTS = ", ".join(NetworkFault)
_CALL_SECONDS = 60
_HTTP_OK = 200

Of = Annotated[InstitutionName, typer.Option(help="Which institution.")]
Address = Annotated[
    str | None, typer.Option(help="Where the institution listens; its own port on this machine by default.")
]


@dataclass(frozen=True)
class ServeOptions:
    """What is served, and how."""

    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PORT", help="Port of one institution, DESCO's without a name; repeatable."
        ),
    ] = None
    breb_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="BREB's port.")] = None
    nesco_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="NESCO's port.")] = None
    bkash_port: Annotated[int | None, typer.Option(min=0, max=65_535, help="bKash's port.")] = None
    host_port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INSTITUTION=PORT",
            help="TCP port of a bank's host, by default some above that of its pages; repeatable.",
        ),
    ] = None
    only: Annotated[
        list[InstitutionName] | None, typer.Option(help="Serve this one; may be given several times.")
    ] = None
    home: Annotated[Path, typer.Option(help="Folder of the books.")] = Path(".ekpay/sandbox")
    seed: Annotated[int, typer.Option(min=0, help="Decides every account and bill.")] = 7
    accounts: Annotated[
        int, typer.Option(min=1, max=ACCOUNTS_MAX, help="How many normal accounts each has.")
    ] = 20_000
    slow_seconds: Annotated[float, typer.Option(min=0, help="By how many seconds a slow answer is late.")] = (
        8.0
    )


@app.command()
@with_options(ServeOptions)
def serve(options: ServeOptions) -> None:
    """Serve the simulated institutions until interrupted, each at a port of its own.

    DESCO at 8190, the others at the ports after it in the order of --only. Port 0 takes a free one. Once a
    port is named, only those whose ports are named are served.
    """
    shared: SharedSettings = {
        "home": options.home,
        "seed": options.seed,
        "accounts": options.accounts,
        "slow_seconds": options.slow_seconds,
    }
    try:
        ports = ports_to_serve(_named_ports(options), options.only or [])
        host_ports = read_host_ports(options.host_port or [])
        serve_together(options.host, ports, shared, _announce, host_ports)
    except (UnreadablePortError, UnservedPortError) as error:
        raise typer.BadParameter(str(error)) from error
    except (OSError, JournalInUseError, OtherSeedError, BrokenJournalError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(1) from error


def _named_ports(options: ServeOptions) -> dict[InstitutionName, int | None]:
    own = {
        InstitutionName.BREB: options.breb_port,
        InstitutionName.NESCO: options.nesco_port,
        InstitutionName.BKASH: options.bkash_port,
    }
    return own | read_ports(options.port or [])


def _announce(name: str, address: str) -> None:
    typer.echo(f"{name} sandbox listening on {address}")


@dataclass(frozen=True)
class FaultOptions:
    """Which fault strikes whom, where and how often."""

    fault: Annotated[
        str,
        typer.Argument(help=f"The fault: {_FAULTS}; with --network: {_NETWORK_FAULTS}."),
    ]
    of: Of = InstitutionName.DESCO
    house: Annotated[str | None, typer.Option(help="Which biller or provider of a family.")] = None
    account: Annotated[str | None, typer.Option(help="Account or customer number.")] = None
    bill: Annotated[str | None, typer.Option(help="Bill number (DESCO, BREB, families of billers).")] = None
    quote: Annotated[str | None, typer.Option(help="Transaction id of a quote (NESCO).")] = None
    payment: Annotated[str | None, typer.Option(help="paymentID (bKash).")] = None
    invoice: Annotated[str | None, typer.Option(help="merchantInvoiceNumber (bKash).")] = None
    wallet: Annotated[str | None, typer.Option(help="The payer's number (bKash).")] = None
    mobile: Annotated[str | None, typer.Option(help="Whom a text message is for (SMS).")] = None
    step: Annotated[str | None, typer.Option(help=f"{_STEPS}.")] = None
    times: Annotated[int, typer.Option(min=1, help="How many calls it strikes.")] = 1
    address: Address = None
    on_network: Annotated[
        bool,
        typer.Option(
            "--network", help="The proxy before the institution has the fault, not the institution."
        ),
    ] = False
    match: Annotated[str | None, typer.Option(help="With --network: only requests that hold this text.")] = (
        None
    )
    seconds: Annotated[float | None, typer.Option(help="With --network: how long a delay lasts.")] = None
    control: proxy_commands.Control = proxy_commands.CONTROL


@app.command()
@with_options(FaultOptions)
def faults(options: FaultOptions) -> None:
    """Set a fault for the next calls of an account, bill, quote or payment; or of anyone (not at DESCO)."""
    if options.on_network:
        _set_network_fault(options)
        return
    named = {name: getattr(options, name) for name in _TARGETS}
    order: dict[str, object] = {name: value for name, value in named.items() if value is not None}
    order |= {"fault": options.fault, "times": options.times}
    url = f"{_address(options.of, options.address)}/_admin/faults"
    typer.echo(json.dumps(_call_admin_api("POST", url, order), indent=2))


def _set_network_fault(options: FaultOptions) -> None:
    if options.fault not in set(NetworkFault):
        raise typer.BadParameter(f"the network knows {_NETWORK_FAULTS}", param_hint="FAULT")
    fault = NetworkFault(options.fault)
    proxy_commands.strike(
        options.of.value,
        fault,
        # A refusal knows no calls: it lasts until it is lifted, or for so many seconds.
        times=None if fault is NetworkFault.REFUSE else options.times,
        seconds=options.seconds,
        match=options.match,
        control=options.control,
    )


@app.command()
def dump(of: Of = InstitutionName.DESCO, address: Address = None) -> None:
    """Print the book of a simulated institution as JSON."""
    typer.echo(json.dumps(_call_admin_api("GET", f"{_address(of, address)}/_admin/dump"), indent=2))


@dataclass(frozen=True)
class PayOptions:
    """What is paid, by whom, and at which switch."""

    account: Annotated[
        str | None, typer.Option(help="The payer's number at the biller; the same as --param bllr_accno=…")
    ] = None
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MEMBER=TEXT",
            help="A member of bll_inf that names the bill; repeatable. See `ekpay billers show ID`.",
        ),
    ] = None
    biller: Annotated[str, typer.Option(help="ekPay's id of the biller.")] = "b025"
    amount: Annotated[str | None, typer.Option(help="Taka, for a recharge (NESCO).")] = None
    period: Annotated[str | None, typer.Option(help="Year and month of the bill, as 202611 (BREB).")] = None
    mobile: Annotated[str | None, typer.Option(help="The payer's mobile number (BREB).")] = None
    partner: Annotated[
        str | None, typer.Option(help="Which partner of `ekpay run`, by id or name; the first by default.")
    ] = None
    address: Annotated[
        str | None, typer.Option(help="Where the switch listens; where `ekpay run` put it by default.")
    ] = None


@app.command()
@with_options(PayOptions)
def pay(options: PayOptions) -> None:
    """Act as a partner: fetch a bill or a quote, pay it, and show the answers of the switch."""
    members = bill_members(options)
    request = SinglePaymentRequest(options.biller, members, partner=options.partner, address=options.address)
    try:
        asyncio.run(pay_once(request, typer.echo))
    except UnpayableError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem


def bill_members(options: PayOptions) -> dict[str, str]:
    """Return the members of `bll_inf` that name the bill.

    Raises:
        typer.BadParameter: none is named, one is named twice, or one is not written as MEMBER=TEXT.
    """
    own = {
        "bllr_accno": options.account,
        "amount": options.amount,
        "bll_period": options.period,
        "bill_mobno": options.mobile,
    }
    members = {name: text for name, text in own.items() if text is not None}
    for written in options.param or []:
        name, is_named, text = written.partition("=")
        if not is_named or not name or not text:
            raise typer.BadParameter(
                f"{written} is not MEMBER=TEXT, such as bllr_accno=10000007", param_hint="--param"
            )
        if name in members:
            raise typer.BadParameter(f"{name} is named twice", param_hint="--param")
        members[name] = text
    if not members:
        raise typer.BadParameter(
            f"which bill? `ekpay billers show {options.biller}` has an example", param_hint="--param"
        )
    return members


@dataclass(frozen=True)
class CollectOptions:
    """What is collected for, from which wallet, and how its payer behaves."""

    account: Annotated[str, typer.Option(help="The payer's number at the biller.")]
    biller: Annotated[str, typer.Option(help="ekPay's id of the biller.")] = "b025"
    amount: Annotated[
        str | None, typer.Option(help="Taka to the biller; a recharge's own (NESCO), else asked for.")
    ] = None
    period: Annotated[str | None, typer.Option(help="Year and month of the bill, as 202611 (BREB).")] = None
    mobile: Annotated[str | None, typer.Option(help="The payer's mobile number (BREB).")] = None
    instrument: Annotated[
        str, typer.Option(help="The connector that collects, as `ekpay connectors list` names it, or `card`.")
    ] = "bkash"
    wallet: Annotated[
        str | None,
        typer.Option(
            help="The payer's number there: a wallet, a card or an account; _admin/wallets (bKash) and "
            "_admin/payers list magic ones."
        ),
    ] = None
    does: Annotated[PayerDecision, typer.Option(help="How the payer behaves at the provider's page.")] = (
        PayerDecision.APPROVE
    )
    address: Annotated[
        str | None, typer.Option(help="Where the switch listens; where `ekpay run` put it by default.")
    ] = None


@app.command()
@with_options(CollectOptions)
def collect(options: CollectOptions) -> None:
    """Act as a shop and its payer: make a payment by REST v1, pay it at the provider's page, and return."""
    members = {"bll_period": options.period, "bill_mobno": options.mobile}
    more = {name: text for name, text in members.items() if text is not None}
    request = CollectWish(
        biller=options.biller,
        account=options.account,
        wallet=options.wallet or first_number(options.instrument),
        does=options.does,
        amount_taka=options.amount,
        more=more,
        address=options.address,
        instrument=options.instrument,
    )
    try:
        asyncio.run(collect_once(request, typer.echo))
    except UnpayableError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem


def first_number(instrument: str) -> str:
    """Return the default payer: the first normal wallet, card or account, as the provider expects it.

    An instrument that the switch routes is of one kind whoever collects it.
    """
    kinds = {
        institution.id: institution.kind
        for family in PROVIDER_FAMILIES.values()
        for institution in family.institutions
    }
    kinds |= {kind.value: kind for kind in PayerKind}
    return next(normal_numbers(kinds.get(instrument, PayerKind.WALLET), 1))


def _address(of: InstitutionName, named: str | None) -> str:
    return named or f"http://127.0.0.1:{DEFAULT_PORTS[of]}"


def _call_admin_api(method: str, url: str, order: dict[str, object] | None = None) -> object:
    try:
        status, answer = asyncio.run(_request_json(method, url, order))
    except (aiohttp.ClientError, TimeoutError) as error:
        typer.echo(f"the sandbox does not answer: {type(error).__name__}", err=True)
        raise typer.Exit(1) from error
    if status != _HTTP_OK:
        typer.echo(f"refused: {answer}", err=True)
        raise typer.Exit(1)
    return answer


async def _request_json(method: str, url: str, order: dict[str, object] | None) -> tuple[int, object]:
    timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(method, url, json=order) as answer,
    ):
        return answer.status, await answer.json(content_type=None)
