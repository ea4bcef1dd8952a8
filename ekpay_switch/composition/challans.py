"""How the parts of the e-challan API are put together, for the composition root."""

from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.api.echallan.routes import TOKEN_PURPOSE, EChallanApi, mount
from ekpay_switch.config_files.challan_accounts import read_challan_accounts
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.persistence.challans.users import PostgresChallanUsers
from ekpay_switch.persistence.parties.failed_logins import FailedLogins
from ekpay_switch.ports.challans import ChallanPorts, Challans
from ekpay_switch.ports.world import World
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.keys import KeyRing

CALLS_PER_SECOND, CALLS_AT_ONCE = 50, 200


def treasury_office(world: World, challans: Challans, config: Path) -> ChallanPorts:
    """The ports that raising challans uses."""
    return ChallanPorts(world, challans, read_challan_accounts(config / "challan_accounts.toml"))


def mount_echallan(
    app: FastAPI,
    office: ChallanPorts,
    engine: AsyncEngine,
    keys: KeyRing,
    answer_seconds: float,
    tasks: BackgroundTasks,
) -> None:
    """Put the e-challan API on the application."""
    clock = office.world.clock
    api = EChallanApi(
        office=office,
        users=PostgresChallanUsers(engine),
        tokens=AccessTokens(keys, TOKEN_PURPOSE),
        answer_seconds=answer_seconds,
        logins=LoginWatch(FailedLogins(engine, clock), "echallan"),
        orders=RateLimit(clock, CALLS_PER_SECOND, CALLS_AT_ONCE),
        questions=RateLimit(clock, CALLS_PER_SECOND, CALLS_AT_ONCE),
        tasks=tasks,
    )
    mount(app, api)
