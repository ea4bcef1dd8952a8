"""`ekpay sandbox ekshop-day`: a day of ekShop on its own installation, and the comparison of the books."""

import json
import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.kit.tcp_ports import free_port
from sandbox.registry import InstitutionName
from sandbox.rehearsals.demo.commands import console_of_process, run_until_stopped
from sandbox.rehearsals.ekshop.day.day_run import DayParameters, play
from sandbox.rehearsals.ekshop.day.plan import ORDERS_MIN
from sandbox.rehearsals.ekshop.day.report import ShopDayOutcome, as_json, show
from sandbox.rehearsals.installation.home_folder import home_folder
from sandbox.rehearsals.installation.installation import StageSettings, WalletPorts, running_stage

ORDERS_MAX = 100_000
TIME_DIVISOR = 5
"""Divisor of waiting times: low enough that a wallet on a busy machine does not time out."""

_FAMILIES = (InstitutionName.NAGAD, InstitutionName.TOKEN_INIT_STATUS)


class DayConduct(StrEnum):
    """The ways of handling IPNs that keep the shop's own book right for a whole day."""

    HONEST = Conduct.HONEST.value
    ASKING = Conduct.ASKING.value
    TRUSTING = Conduct.TRUSTING.value


def ekshop_day(
    orders: Annotated[int, typer.Option(min=ORDERS_MIN, max=ORDERS_MAX, help="How many orders.")] = 3_500,
    seed: Annotated[int, typer.Option(min=0, help="Decides who orders what and what befalls them.")] = 1,
    conduct: Annotated[
        DayConduct, typer.Option(help="How the shop learns of payments: what real shops do, right and wrong.")
    ] = DayConduct.HONEST,
    day_home: Annotated[
        Path | None,
        typer.Option("--home", help="Keep everything in this folder; without it all is deleted if proven."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the outcome here as well.")
    ] = None,
) -> None:
    """Let thousands of customers order at ekShop and pay, and prove both books equal to the paisa."""
    screen = console_of_process()
    folder = day_home or home_folder() / f"ekshop-day-{os.getpid()}"
    setting = _settings_on_free_ports(folder.resolve())
    screen.print(f"{orders:,} orders of 1 to 6 sellers, seed {seed}. Logs: {setting.logs}")
    parameters = DayParameters(orders, seed, Conduct(conduct))
    outcome = run_until_stopped(
        _staged_day(setting, parameters, screen, keep=day_home is not None), screen, setting.logs
    )
    show(outcome, screen)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(outcome), indent=2, ensure_ascii=False) + "\n")
    if not outcome.is_proven:
        screen.print(f"Everything is left as it was in {folder}; EKPAY_HOME={folder} ekpay payments list")
        raise typer.Exit(1)
    if day_home is None:
        shutil.rmtree(folder)


def _settings_on_free_ports(folder: Path) -> StageSettings:
    """Settings on free ports, without billers and without a proxy before the wallets."""
    wallet_port = free_port()
    return StageSettings(
        home_folder=folder,
        switch_port=free_port(),
        billers={},
        gateways={str(name): free_port() for name in _FAMILIES},
        proxied={},
        control_port=free_port(),
        mailbox_port=free_port(),
        wallet_ports=WalletPorts(wallet_port, wallet_port, free_port()),
        shop_port=free_port(),
        time_divisor=TIME_DIVISOR,
    )


async def _staged_day(
    setting: StageSettings, parameters: DayParameters, screen: Console, *, keep: bool
) -> ShopDayOutcome:
    async with running_stage(setting, screen) as stage:
        stage.keeps_data = keep
        try:
            outcome = await stage.children.watched(play(stage, parameters, screen))
        except Exception:
            stage.keeps_data = True
            raise
        stage.keeps_data = keep or not outcome.is_proven
        return outcome
