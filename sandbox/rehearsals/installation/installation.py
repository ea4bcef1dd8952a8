"""The stage: home folder, addresses and processes of a complete installation on this machine.

The database is always the embedded one: a stage invents partners and moves money, so it must never use a
database that `EKPAY_DATABASE_URL` names.
"""

import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from sandbox.kit.biller.switch_environment import settings_for_switch
from sandbox.kit.provider.switch_environment import settings_for_switch as settings_for_gateways
from sandbox.messaging import switch_environment as sms
from sandbox.providers.iso8583.family import HostsFamily as Hosts
from sandbox.registry import BILLER_FAMILIES, PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.installation.command_server import CommandServer
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand
from sandbox.rehearsals.installation.parties import write_secret_json
from sandbox.rehearsals.installation.processes import Children
from sandbox.rehearsals.installation.readiness import wait_until_ready

TIME_DIVISOR = 20
"""The manifests' waiting times are divided by it, so that doubtful payments are settled in seconds."""

SLOW_SECONDS = 3
"""Delay of a slow answer of a simulator: longer than the switch waits with its divided times."""

HANG_SECONDS = 5
"""How long a hanging call of a simulated wallet lasts before its connection closes, for the same reason."""

COUNTER_ACCOUNTS = 2_000
"""How many normal accounts each institution of a family has."""

WALLET = "bkash"

# Payers are invented, and their numbers may be those of real people.
_REAL = ("EKPAY_DATABASE_URL", "EKPAY_DATABASE_OWNER_URL", "EKPAY_DATABASE_AUDIT_URL", sms.URL)
_TRUSTED = "EKPAY_WEBHOOK_TRUSTED_HOSTS"
LOGINS = "logins.json"
_BILLERS, _COUNTERS, _WALLETS, _PROXY = "billers", "counters", "wallets", "proxy"
_GATEWAYS, _SHOP, _SMS = "gateways", "ekshop", str(InstitutionName.SMS)
_PENDING_SECONDS = 120
_USER = "ekpay"
_APP_KEY = "ekpay-stage"
_TOPIC = "arn:aws:sns:ap-southeast-1:000000000000:bkash-sandbox"


class NoWalletError(Exception):
    """The stage has no wallet."""


@dataclass(frozen=True, slots=True)
class WalletPorts:
    """Ports of the simulated bKash, of the proxy before it, and of the shop's return page."""

    port: int
    proxied_port: int
    return_port: int

    @property
    def address(self) -> str:
        """Base URL of the simulated bKash, bypassing the proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def return_place(self) -> str:
        """Host and port of the shop's return page."""
        return f"127.0.0.1:{self.return_port}"


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The home folder and the TCP ports of a stage.

    `billers` are the ports of the simulated billers by name, `counters` those of the biller families and
    `gateways` those of the provider families; `proxied` are the proxy's ports before billers and biller
    families, which are the ones that the switch calls. The proxy takes orders at `control_port`, and a
    partner's notification endpoint listens at `mailbox_port`. `hosts` are the ports of the banks' hosts by
    institution, where they do not follow from the port of their pages. Page lifetimes are divided by
    `page_divisor`, or like all other times if it is 0. ekShop listens at `shop_port`; if that is 0 there is
    no shop, and no SMS gateway if `sms_port` is None. Health checks and metrics are at `operations_port` and
    `worker_operations_port`; 0 is a free one.
    The switch reads its configuration from `config`, or where it does by itself if that is None.
    """

    home_folder: Path
    switch_port: int
    billers: Mapping[str, int]
    proxied: Mapping[str, int]
    control_port: int
    mailbox_port: int
    accounts: int = 20_000
    time_divisor: int = TIME_DIVISOR
    wallet_ports: WalletPorts | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    gateways: Mapping[str, int] = field(default_factory=dict)
    hosts: Mapping[str, int] = field(default_factory=dict)
    page_divisor: int = 0
    shop_port: int = 0
    sms_port: int | None = None
    operations_port: int = 0
    worker_operations_port: int = 0
    config: Path | None = None

    @property
    def shop_place(self) -> str:
        """Host and port of ekShop."""
        return f"127.0.0.1:{self.shop_port}"

    @property
    def wallet(self) -> WalletPorts:
        """The ports around the wallet.

        Raises:
            NoWalletError: the stage has none.
        """
        if self.wallet_ports is None:
            raise NoWalletError(NoWalletError.__doc__)
        return self.wallet_ports

    @property
    def switch_address(self) -> str:
        """The switch's base URL."""
        return f"http://127.0.0.1:{self.switch_port}"

    @property
    def control_address(self) -> str:
        """Base URL at which the proxy takes orders."""
        return f"http://127.0.0.1:{self.control_port}"

    @property
    def sms_address(self) -> str:
        """Base URL of the simulated SMS gateway."""
        return f"http://127.0.0.1:{self.sms_port}"

    def biller_address(self, name: str) -> str:
        """A simulator's base URL, bypassing the proxy."""
        return f"http://127.0.0.1:{(self.billers.get(name) or self.counters[name])}"

    @property
    def sandbox_home(self) -> Path:
        """Folder of the simulators' books and of the stage's partners."""
        return self.home_folder / "sandbox"

    @property
    def logs(self) -> Path:
        """Folder of the processes' log files."""
        return self.home_folder / "logs"


class Stage:
    """A running installation: its `ekpay` command and its processes."""

    def __init__(self, setting: StageSettings) -> None:
        """Nothing is started yet."""
        self.setting = setting
        self.keeps_data = True
        names = (*setting.billers, WALLET, _COUNTERS, _GATEWAYS)
        self.passwords = {name: _secret(name, "PASSWORD") for name in names}
        environment = {name: value for name, value in os.environ.items() if name not in _REAL}
        own = {
            "EKPAY_HOME": str(setting.home_folder),
            "EKPAY_REHEARSAL": "true",
            "EKPAY_TIME_DIVISOR": str(setting.time_divisor),
            "EKPAY_PUBLIC_URL": setting.switch_address,
            "EKPAY_OPERATIONS_PORT": str(setting.operations_port),
            "EKPAY_WORKER_OPERATIONS_PORT": str(setting.worker_operations_port),
            _TRUSTED: _trusted_hosts(setting),
        }
        if setting.config is not None:
            own["EKPAY_CONFIG"] = str(setting.config)
        environment |= own
        for name in setting.billers:
            environment |= self._far_side_settings(
                name, f"http://127.0.0.1:{setting.proxied[name]}/{name}/api"
            )
        if setting.counters:
            environment |= self._biller_family_settings()
        if setting.gateways:
            environment |= self._provider_family_settings()
        if setting.wallet_ports is not None:
            environment |= self._far_side_settings(WALLET, f"http://127.0.0.1:{setting.wallet.proxied_port}")
            environment |= _wallet_settings(setting.wallet)
        if setting.sms_port is not None:
            environment |= sms.settings_for_switch(setting.sms_address)
        # Whoever builds a biller or a provider has set its address: theirs is called, not ours.
        environment |= {name: os.environ[name] for name in environment if _is_far_side(name)}
        self._logins = {
            name: value
            for name, value in environment.items()
            if name.startswith("EKPAY_") and name not in own
        }
        self.tool = EkpayCommand(environment)
        self.children = Children(setting.logs, environment)

    @asynccontextmanager
    async def command_server(self) -> AsyncIterator[None]:
        """Let a command server carry out the commands of this stage, until the context is left."""
        without = self.tool
        server = await CommandServer.start(without.command("command-server"), without.environment)
        self.tool = replace(without, server=server)
        try:
            yield
        finally:
            self.tool = without
            await server.stop()

    def save_logins(self) -> None:
        """Store how far sides are called, by the settings of the switch, readable by their owner only."""
        write_secret_json(self.setting.sandbox_home / LOGINS, self._logins)

    @property
    def counter_password(self) -> str:
        """The password of every institution of a biller family."""
        return self.passwords[_COUNTERS]

    @property
    def callback_address(self) -> str:
        """The switch's callback URL for the wallet's notifications."""
        return f"{self.setting.switch_address}/callbacks/{WALLET}"

    async def open_far_side(self) -> None:
        """Start the simulated billers and wait until they answer."""
        await self._open(_BILLERS, self.setting.billers)
        for name in self.setting.billers:
            await wait_until_ready(f"{self.setting.biller_address(name)}/_admin/health")

    async def open_counters(self) -> None:
        """Start the biller families in one process, and wait until they answer."""
        await self._open(_COUNTERS, self.setting.counters, accounts=COUNTER_ACCOUNTS)
        for name in self.setting.counters:
            await wait_until_ready(f"{self.setting.biller_address(name)}/_admin/health")

    async def open_gateways(self) -> None:
        """Start the provider families in one process, and wait until they answer."""
        await self._open(_GATEWAYS, self.setting.gateways, accounts=COUNTER_ACCOUNTS)
        for port in self.setting.gateways.values():
            await wait_until_ready(f"http://127.0.0.1:{port}/_admin/health")

    async def open_wallet(self) -> None:
        """Start the simulated bKash in a process of its own, and wait until it answers."""
        await self._open(_WALLETS, {WALLET: self.setting.wallet.port})
        await wait_until_ready(f"{self.setting.wallet.address}/_admin/health")

    async def open_sms(self) -> None:
        """Start the simulated SMS gateway, if there is one, and wait until it answers."""
        if self.setting.sms_port is not None:
            await self._open(_SMS, {_SMS: self.setting.sms_port})
            await wait_until_ready(f"{self.setting.sms_address}/_admin/health")

    async def open_shop(self) -> None:
        """Start ekShop, whose account must be stored in the sandbox's folder, and wait until it answers."""
        setting = self.setting
        arguments = ["--port", str(setting.shop_port), "--switch", setting.switch_address]
        arguments += ["--home", str(setting.sandbox_home)]
        await self.children.start(_SHOP, [sys.executable, "-m", "sandbox", "ekshop", *arguments])
        await wait_until_ready(f"http://{setting.shop_place}/_admin/health")

    async def open_proxy(self) -> None:
        """Start the proxy before the billers and wait until it answers."""
        setting = self.setting
        arguments = ["--control", f"127.0.0.1:{setting.control_port}"]
        for name, port in {**setting.billers, **setting.counters}.items():
            arguments += ["--before", f"{name}:{setting.proxied[name]}:{port}"]
        if (wallet := setting.wallet_ports) is not None:
            arguments += ["--before", f"{WALLET}:{wallet.proxied_port}:{wallet.port}"]
        await self.children.start(_PROXY, [sys.executable, "-m", "sandbox.network.proxy", *arguments])
        await wait_until_ready(f"{setting.control_address}/health")

    async def kill_far_side(self) -> None:
        """Kill the simulated billers; until they are started again, connections to them fail."""
        await self.children.stop(_BILLERS, signal.SIGKILL)

    async def open_switch(self) -> None:
        """Start the switch's web process and its worker, and wait until payments can be taken."""
        port = str(self.setting.switch_port)
        serve = self.tool.command("serve", "--host", "127.0.0.1", "--port", port)
        await self.children.start("switch", serve)
        await self.children.start("worker", self.tool.command("worker"))
        await wait_until_ready(f"{self.setting.switch_address}/health/ready")

    async def open_database(self) -> None:
        """Start the embedded PostgreSQL and migrate it to the newest schema."""
        await self.tool.run("migrate")

    async def close_database(self) -> str:
        """Stop the embedded PostgreSQL, and unless `keeps_data` delete all it holds.

        Data that stay are left with a running server while others use it; then the answer says which.
        """
        ending = () if self.keeps_data else ("--destroy", "--force")
        is_stopped, answer = await self.tool.ask("db", "stop", *ending)
        return "" if is_stopped else answer

    def _far_side_settings(self, far_side: str, url: str) -> dict[str, str]:
        """Environment variables that the switch and the simulators share."""
        prefix = f"EKPAY_{far_side.upper()}"
        return {
            f"{prefix}_URL": url,
            f"{prefix}_USER": _USER,
            f"{prefix}_PASSWORD": self.passwords[far_side],
        }

    def _biller_family_settings(self) -> dict[str, str]:
        """Environment variables shared with the biller families; all institutions have one password."""
        origins = {name: f"http://127.0.0.1:{self.setting.proxied[name]}" for name in self.setting.counters}
        families = [BILLER_FAMILIES[InstitutionName(name)] for name in self.setting.counters]
        environ = settings_for_switch(families, origins, self.passwords[_COUNTERS])
        return environ | {"EKPAY_SANDBOX_COUNTER_PASSWORD": self.passwords[_COUNTERS]}

    def _provider_family_settings(self) -> dict[str, str]:
        """Environment variables of the switch and the provider families, with the stage's divided times."""
        origins = {name: f"http://127.0.0.1:{port}" for name, port in self.setting.gateways.items()}
        families, pace = (
            [PROVIDER_FAMILIES[InstitutionName(name)] for name in self.setting.gateways],
            self.setting.time_divisor,
        )
        environ = settings_for_gateways(families, origins, self.passwords[_GATEWAYS])
        for family in families:
            environ |= family.settings_of_home(self.setting.sandbox_home)
        if self.setting.hosts:
            environ |= Hosts.host_port_variables(self.setting.hosts)
        prefix = "EKPAY_SANDBOX_GATEWAY_"
        return environ | {
            f"{prefix}PASSWORD": self.passwords[_GATEWAYS],
            f"{prefix}PAGE_TIMES_DIVISOR": str(self.setting.page_divisor or pace),
            f"{prefix}PUSH_TIMES_DIVISOR": str(pace),
            f"{prefix}PENDING_SECONDS": str(_PENDING_SECONDS / pace),
            f"{prefix}REFUND_SECONDS": str(_PENDING_SECONDS / pace),
            f"{prefix}HANG_SECONDS": str(HANG_SECONDS),
            f"{prefix}REGISTERED_RETURN_URL": f"{self.setting.switch_address}/pay/return/at/{{house}}",
            f"{prefix}REGISTERED_PUSH_URL": f"{self.setting.switch_address}/callbacks/{{house}}",
        }

    async def _open(self, process: str, ports: Mapping[str, int], accounts: int = 0) -> None:
        setting = self.setting
        arguments = ["--home", str(setting.sandbox_home), "--slow-seconds", str(SLOW_SECONDS)]
        arguments += ["--accounts", str(accounts or setting.accounts)]
        for name, port in ports.items():
            arguments += ["--port", f"{name}={port}"]
        await self.children.start(process, [sys.executable, "-m", "sandbox", "serve", *arguments])


def _trusted_hosts(setting: StageSettings) -> str:
    """Where the switch may send without https: a partner's endpoint, the shop, and what its user trusts."""
    hosts = [f"127.0.0.1:{setting.mailbox_port}"]
    if setting.shop_port:
        hosts.append(setting.shop_place)
    return ",".join([*hosts, *filter(None, os.environ.get(_TRUSTED, "").split(","))])


def _is_far_side(name: str) -> bool:
    """Whether this setting is the address of a far side, and its user has set it."""
    return name.endswith("_URL") and name != "EKPAY_PUBLIC_URL" and bool(os.environ.get(name))


def _secret(far_side: str, name: str) -> str:
    return os.environ.get(f"EKPAY_{far_side.upper()}_{name}") or secrets.token_urlsafe(16)


def _wallet_settings(ports: WalletPorts) -> dict[str, str]:
    """Environment variables of bKash and the switch beyond those of billers; some are read by both.

    Payers are sent to the proxy's port, like the calls of the switch: it accepts no other page address.
    """
    return {
        "EKPAY_BKASH_APP_KEY": _APP_KEY,
        "EKPAY_BKASH_APP_SECRET": _secret(WALLET, "APP_SECRET"),
        "EKPAY_BKASH_SNS_TOPIC_ARN": _TOPIC,
        "EKPAY_BKASH_SNS_CERTIFICATE_URL": f"{ports.address}/_admin/sns-certificate.pem",
        "EKPAY_BKASH_PUBLIC_URL": f"http://127.0.0.1:{ports.proxied_port}",
        "EKPAY_BKASH_HANG_SECONDS": str(HANG_SECONDS),
    }


@asynccontextmanager
async def running_stage(
    setting: StageSettings, screen: Console | None = None, *, has_command_server: bool = True
) -> AsyncIterator[Stage]:
    """A stage whose processes are always stopped at the end, and its database unless others use it.

    The screen is told where others do. A command server takes memory until the stage ends, so it is for
    stages that run many commands.
    """
    setting.home_folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(setting)
    try:
        async with stage.command_server() if has_command_server else nullcontext(), stage.children:
            yield stage
    finally:
        answer = await stage.close_database()
        if answer and screen is not None:
            screen.print(answer)
