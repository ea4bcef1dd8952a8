"""`ekpay demo` and `ekpay run`: a whole installation on this machine, for two minutes or until Ctrl-C."""

import asyncio
import os
import shutil
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from sandbox.kit.tcp_ports import free_port, is_port_free
from sandbox.registry import BILLER_FAMILIES, PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.day.injected_errors import NothingToInjectError
from sandbox.rehearsals.day.movement_queries import InstitutionUnavailableError
from sandbox.rehearsals.day.payment_files import MalformedPaymentFileError
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminCallRefusedError
from sandbox.rehearsals.demo.collecting.script import COLLECTED_MIN
from sandbox.rehearsals.demo.deciding.finance_desk import NothingWaitsError
from sandbox.rehearsals.demo.deciding.shortened_times import (
    UnknownSectionError,
    write_configuration,
)
from sandbox.rehearsals.demo.demo_run import play
from sandbox.rehearsals.demo.opening import DayPlan, NoBillsLeftError
from sandbox.rehearsals.demo.paying.partner import SwitchSilentError, UnlistedBillersError
from sandbox.rehearsals.demo.paying.script import PartnerPlan
from sandbox.rehearsals.demo.report import DemoOutcome
from sandbox.rehearsals.demo.report_folder import OUTCOME, leave_reports
from sandbox.rehearsals.demo.run_session import keep_open
from sandbox.rehearsals.demo.summary import show_summary
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, CommandMissingError
from sandbox.rehearsals.installation.failure_report import cause_line, causes_of, write_trace
from sandbox.rehearsals.installation.home_folder import HomeInUseError, hold_home, home_folder
from sandbox.rehearsals.installation.installation import (
    TIME_DIVISOR,
    StageSettings,
    WalletPorts,
    running_stage,
)
from sandbox.rehearsals.installation.parties import PARTNERS_MAX, PartiesUnreadableError
from sandbox.rehearsals.installation.processes import ChildDiedError
from sandbox.rehearsals.installation.readiness import NotReadyError

Result = TypeVar("Result")

PAYMENTS_MIN = 20
PAYMENTS_MAX = 100_000
COLLECTED_MAX = 1_000
CITIZENS_MIN, CITIZENS_MAX = 1, 1_000
CitizenCount = Annotated[
    int,
    typer.Option(
        min=CITIZENS_MIN,
        max=CITIZENS_MAX,
        help="How many citizens pay at the portal; more if every course needs one.",
    ),
]
# Each other biller gets one payment for so many at the three main billers.
_PER_HOUSE_DIVISOR = 250

# Pages are sped up more than quotes: an hour of a page ends before half an hour of a quote, so that abandoned
# pages expire within the demo.
_PAGE_DIVISOR = 50
# Enough for many demos in one home folder: an account costs nothing until it is used.
_ACCOUNTS = 1_000_000
_BILLERS = ("desco", "breb", "nesco")
# By default the billers have ports 8190 to 8192, bKash 8193, the biller and provider families those from 8194
# on, and the SMS gateway has 8208. The proxy's port before billers, biller families and bKash is a hundred
# higher; it takes orders at 8319.
_PROXY_ABOVE, _CONTROL_ABOVE = 100, 29
_OPERATIONS_ABOVE = 1_000
# A partner's sample receiver may listen at 8210 (docs/how-to/receive-notifications.md), from 8211 on the
# banks' hosts do, payers come back to a shop at 8218, and ekShop is at 8220.
_MAILBOX_ABOVE, _RETURN_ABOVE, _SHOP_ABOVE = 20, 28, 30
_HIGHEST = 65_400
_PIPE_WIDTH = 140
# In the home folder: what the last demo has left.
_REPORTS = "demo"
EXPECTED_ERRORS = (
    PartiesUnreadableError, ChildDiedError, AdminCallRefusedError, InstitutionUnavailableError,
    NoBillsLeftError, UnlistedBillersError,
    NothingToInjectError, NothingWaitsError, UnknownSectionError,
    MalformedPaymentFileError, NotReadyError, SwitchSilentError, CommandFailedError, CommandMissingError,
)  # fmt: skip


def demo(
    seed: Annotated[int, typer.Option(min=0, help="Decides which bill is paid by whom and what fails.")] = 1,
    payments: Annotated[
        int, typer.Option(min=PAYMENTS_MIN, max=PAYMENTS_MAX, help="How many bills are paid.")
    ] = 2_000,
    collected: Annotated[
        int,
        typer.Option(
            min=COLLECTED_MIN,
            max=COLLECTED_MAX,
            help="How many payers pay by connectors; more if every course needs one.",
        ),
    ] = 400,
    citizens: CitizenCount = 200,
    partners: Annotated[int, typer.Option(min=2, max=PARTNERS_MAX, help="How many partners pay them.")] = 3,
    json_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the outcome here as well.")
    ] = None,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Use EKPAY_HOME and leave the data there; only processes stop.")
    ] = False,
) -> None:
    """Pay thousands of bills over real protocols with faults on purpose, and prove that each is explained."""
    per_house = max(2, payments // _PER_HOUSE_DIVISOR)
    screen = console_of_process()
    plan = DayPlan(PartnerPlan(seed, payments, partners, per_house), collected, citizens)
    folder = home_folder() if keep else home_folder() / f"demo-{os.getpid()}"
    setting = _settings_on_free_ports(folder)
    screen.print(
        f"seed {seed}: {payments:,} bills by {partners} partners, {per_house} at each other biller; "
        f"{collected:,} payers; {citizens:,} citizens; waits ÷ {setting.time_divisor}"
    )
    screen.print(f"logs while it runs: {_shown_path(setting.logs)}")
    try:
        with _exclusive_home(folder, "ekpay demo"):
            outcome = run_until_stopped(_staged_play(setting, plan, screen, keep=keep), screen, setting.logs)
    except KeyboardInterrupt:
        _remove_folder(folder, keep=keep)
        raise
    place = home_folder() / _REPORTS
    leave_reports(outcome, folder, place)
    show_summary(outcome, _shown_path(place), screen)
    if json_file is not None:
        shutil.copyfile(place / OUTCOME, json_file)
    if not outcome.is_proven:
        screen.print(f"Everything is left as it was in {folder}; EKPAY_HOME={folder} ekpay payments list")
        raise typer.Exit(1)
    _remove_folder(folder, keep=keep)


def run(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The switch's TCP port.")] = 8180,
    billers_port: Annotated[
        int,
        typer.Option(
            min=1, max=_HIGHEST, help="DESCO's TCP port; BREB, NESCO and bKash have the next three."
        ),
    ] = 8190,
    time_divisor: Annotated[
        int, typer.Option(min=1, help="Waiting times are divided by it; 1 is real time.")
    ] = TIME_DIVISOR,
) -> None:
    """Start database, switch, worker, proxy, billers and bKash, print what to try, and run until Ctrl-C."""
    screen = console_of_process()
    setting = _setting(home_folder(), port, billers_port, time_divisor)
    port_options = {port: "--port"}
    wallet = setting.wallet
    ports = (*setting.billers.values(), *setting.counters.values(), *setting.proxied.values())
    ports += (*setting.gateways.values(), setting.control_port)
    for name, first_port in setting.gateways.items():
        ports += (*PROVIDER_FAMILIES[InstitutionName(name)].further_ports(first_port),)
    ports += (wallet.port, wallet.proxied_port, setting.shop_port)
    ports += () if setting.sms_port is None else (setting.sms_port,)
    for number, name in (port_options | dict.fromkeys(ports, "--billers-port")).items():
        if not is_port_free(number):
            raise typer.BadParameter(
                f"port {number} is taken: stop the process that listens there, or choose another {name}"
            )
    try:
        with _exclusive_home(setting.home_folder, "ekpay run"):
            run_until_stopped(_keep_stage_open(setting, screen), screen, setting.logs)
    except KeyboardInterrupt:
        screen.print(f"Stopped; the data stays in {setting.home_folder}.")


@contextmanager
def _exclusive_home(folder: Path, command: str) -> Iterator[None]:
    """The folder for this command alone; another one is told which holds it."""
    try:
        with hold_home(folder, command):
            yield
    except HomeInUseError as taken:
        raise typer.BadParameter(f"{taken}: stop it, or set EKPAY_HOME to another folder") from taken


def _settings_on_free_ports(folder: Path) -> StageSettings:
    """Settings on free ports."""
    return StageSettings(
        home_folder=folder,
        switch_port=free_port(),
        billers={name: free_port() for name in _BILLERS},
        counters={str(name): free_port() for name in BILLER_FAMILIES},
        gateways={str(name): free_port() for name in PROVIDER_FAMILIES},
        config=folder / "config",
        hosts={
            institution.id: free_port()
            for institution in PROVIDER_FAMILIES[InstitutionName.ISO8583].institutions
        },
        page_divisor=_PAGE_DIVISOR,
        proxied={name: free_port() for name in (*_BILLERS, *map(str, BILLER_FAMILIES))},
        control_port=free_port(),
        mailbox_port=free_port(),
        accounts=_ACCOUNTS,
        wallet_ports=WalletPorts(free_port(), free_port(), free_port()),
        sms_port=free_port(),
    )


def _setting(folder: Path, port: int, billers_port: int, time_divisor: int) -> StageSettings:
    """Settings on fixed ports: the simulators one after the other, the proxy's ports a hundred higher."""
    billers = {name: billers_port + number for number, name in enumerate(_BILLERS)}
    wallet_port = billers_port + len(billers)
    counters = {str(name): wallet_port + number for number, name in enumerate(BILLER_FAMILIES, 1)}
    gateways = {
        str(name): max(counters.values()) + number for number, name in enumerate(PROVIDER_FAMILIES, 1)
    }
    return StageSettings(
        home_folder=folder,
        switch_port=port,
        billers=billers,
        counters=counters,
        gateways=gateways,
        proxied={name: number + _PROXY_ABOVE for name, number in (billers | counters).items()},
        control_port=billers_port + _PROXY_ABOVE + _CONTROL_ABOVE,
        mailbox_port=billers_port + _MAILBOX_ABOVE,
        time_divisor=time_divisor,
        wallet_ports=WalletPorts(wallet_port, wallet_port + _PROXY_ABOVE, billers_port + _RETURN_ABOVE),
        shop_port=billers_port + _SHOP_ABOVE,
        sms_port=max(gateways.values()) + 1,
        operations_port=port + _OPERATIONS_ABOVE,
        worker_operations_port=port + _OPERATIONS_ABOVE + 1,
    )


async def _staged_play(setting: StageSettings, plan: DayPlan, screen: Console, *, keep: bool) -> DemoOutcome:
    assert setting.config is not None, "a demo has a configuration of its own"
    await write_configuration(setting.config)
    async with running_stage(setting, screen) as stage:
        stage.keeps_data = keep
        try:
            outcome = await stage.children.watched(play(stage, plan, screen))
        except Exception:
            stage.keeps_data = True
            raise
        stage.keeps_data = keep or not outcome.is_proven
        return outcome


async def _keep_stage_open(setting: StageSettings, screen: Console) -> None:
    async with running_stage(setting, screen, has_command_server=False) as stage:
        await stage.children.watched(keep_open(stage, screen))


def run_until_stopped(work: Coroutine[Any, Any, Result], screen: Console, logs: Path) -> Result:
    """Run to the end, or until Ctrl-C or SIGTERM: all child processes are stopped either way.

    A failure is said in a line for each of its causes, and its whole trace is written into `logs`.
    """

    async def _main() -> Result:
        task = asyncio.current_task()
        if task is not None:
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(_main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is said
        _say_failure(problem, screen, logs)
        raise typer.Exit(1) from None


def _say_failure(problem: Exception, screen: Console, logs: Path) -> None:
    for cause in causes_of(problem):
        is_known = isinstance(cause, EXPECTED_ERRORS) and str(cause)
        screen.print(str(cause) if is_known else cause_line(cause), style="red")
    screen.print(f"The whole trace: {write_trace(problem, logs)}")


def _remove_folder(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder)


def _shown_path(path: Path) -> Path:
    """As a user would type it in the current folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def console_of_process() -> Console:
    """The console of this process; without a terminal it has a fixed width."""
    screen = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
    if not screen.is_terminal:
        screen.width = _PIPE_WIDTH
    return screen
