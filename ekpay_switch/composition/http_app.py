"""The HTTP side of a switch: every API and page on one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from fastapi import FastAPI

from ekpay_switch import telemetry
from ekpay_switch.api import callbacks, operations, payer_pages, webhook_keys
from ekpay_switch.api.callbacks import CallbackApi
from ekpay_switch.api.limits import LimitRequests, RequestLimits
from ekpay_switch.api.merchant import routes as merchant_routes
from ekpay_switch.api.merchant.known_servers import KnownServers
from ekpay_switch.api.merchant.routes import MerchantApi
from ekpay_switch.api.payer_pages import PayerPages
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.api.syndicate.calls import SyndicateApi
from ekpay_switch.api.syndicate.routes import mount
from ekpay_switch.api.v1 import routes as v1_routes
from ekpay_switch.api.v1.calls import RestV1
from ekpay_switch.composition.challans import mount_echallan, treasury_office
from ekpay_switch.composition.checkout import mount_checkout
from ekpay_switch.composition.descriptors import descriptors_watched
from ekpay_switch.composition.operations import operations_listener, readiness_fault
from ekpay_switch.composition.portal import open_portal
from ekpay_switch.composition.portal_pages import mount_portal
from ekpay_switch.composition.positions import position_kept
from ekpay_switch.composition.public_pages import mount_public_pages
from ekpay_switch.composition.switch import (
    Switch,
    WrapWorld,
    address_rules,
    customer_seal,
    open_switch,
    same_world,
)
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.fetch_limits import FetchLimits
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.edge_kit.safe_headers import SafeHeaders
from ekpay_switch.jobs.host_links import keep_host_links
from ekpay_switch.jobs.housekeeping import run_housekeeping
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.bill_notices.raised_bills import PostgresRaisedBills
from ekpay_switch.persistence.engine import DATABASE_AWAY, Database, is_passing
from ekpay_switch.persistence.notifications.endpoints import Endpoints
from ekpay_switch.persistence.parties.api_keys import ApiKeys
from ekpay_switch.persistence.parties.failed_logins import FailedLogins
from ekpay_switch.persistence.parties.partners import CachedPartners, Partners
from ekpay_switch.persistence.parties.permits import FETCHES, TOKENS, PostgresPermits
from ekpay_switch.persistence.payments.receipts import PostgresReceipts
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.merchant_tokens import MerchantTokens
from ekpay_switch.security.receipt_keys import ReceiptKeys
from ekpay_switch.security.webhook_signatures import WebhookKeys
from ekpay_switch.settings import Settings
from ekpay_switch.web.brand_marks import read_marks
from ekpay_switch.web.kit import routes as kit_routes
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.receipts import routes as receipt_routes
from ekpay_switch.web.receipts.issuer import read_issuer
from ekpay_switch.web.receipts.routes import ReceiptPages
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.site import Site, read_site
from ekpay_switch.wire.public_addresses import may_be_notified

# Where a partner's agreement says nothing else.
QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE = 50, 200
ORDERS_PER_SECOND, ORDERS_AT_ONCE = 50, 200
VISITS_PER_SECOND, VISITS_AT_ONCE = 1, 20
ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE = 100, 500
# Callbacks that name no payment of ours.
UNRECOGNISED_PER_SECOND, UNRECOGNISED_AT_ONCE = 1, 60
RECEIPTS_PER_SECOND, RECEIPTS_AT_ONCE = 5, 60
# Many payers share one address, and a wrong receipt is a typing error now and then.
NO_RECEIPTS_PER_SECOND, NO_RECEIPTS_AT_ONCE = 1, 30
PDFS_PER_SECOND, PDFS_AT_ONCE = 1, 10
# Callers of the merchant API that have not proven to be a merchant's server.
OUTSIDERS_PER_SECOND, OUTSIDERS_AT_ONCE = 5, 200
LAST_PAYMENTS_SECONDS = 30.0
WORKER_WATCH_SECONDS = 15.0


def build_app(settings: Settings, database: Database, wrap: WrapWorld = same_world) -> FastAPI:
    """The HTTP side as an ASGI application; its database is reached when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_switch(settings, database, wrap) as switch,
            position_kept(switch.positions),
            keep_host_links(switch.world.connectors.all()),
            operations_listener(switch, settings.operations_port),
            _worker_watched(switch),
            descriptors_watched(),
        ):
            tasks = BackgroundTasks()
            mount(app, _syndicate(switch, tasks))
            operations.mount(app, partial(readiness_fault, switch))
            webhook_keys.mount(app, Endpoints(switch.engine), WebhookKeys(switch.keys))
            _mount_collecting(app, switch, tasks)
            site = read_site(settings.config)
            watch, marks = _login_watch(switch, "checkout"), read_marks(settings.config)
            mount_checkout(app, switch.world, switch.keys, watch, tasks, site=site, marks=marks)
            office, doorman = await open_portal(switch), _login_watch(switch, "portal")
            mount_portal(app, switch, office, doorman, tasks, site=site, marks=marks)
            receipt_routes.mount(app, _receipts(switch, site))
            mount_public_pages(app, switch, site)
            kit_routes.mount(app, Pages(settings.public_url, site), is_rehearsal=settings.rehearsal)
            telemetry.log("serving", port=settings.port, time_divisor=settings.time_divisor)
            yield
            # Payments whose callers have disconnected go on: give them time to be recorded.
            await tasks.drain(LAST_PAYMENTS_SECONDS)

    app = FastAPI(
        title="ekpay_switch",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # The stock redirect is built from the Host header, which is the caller's to choose.
        redirect_slashes=False,
    )
    install_error_handlers(app, DATABASE_AWAY, is_passing)
    app.add_middleware(LimitRequests, limits=RequestLimits(settings.body_max_bytes))
    # Outermost: the framework answers unhandled errors outside of every middleware that is added to it.
    app.middleware_stack = SafeHeaders(app.build_middleware_stack(), settings.public_url)
    return app


@asynccontextmanager
async def _worker_watched(switch: Switch) -> AsyncIterator[None]:
    """Raise the alarm of a silent worker while this process runs, and end it."""
    stop = asyncio.Event()
    chores = (AlarmUpkeep(switch.engine).sweep_worker,)
    watching = asyncio.create_task(run_housekeeping(chores, WORKER_WATCH_SECONDS, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(watching, return_exceptions=True)


def _syndicate(switch: Switch, tasks: BackgroundTasks) -> SyndicateApi:
    settings, clock = switch.settings, switch.world.clock
    return SyndicateApi(
        world=switch.world,
        partners=CachedPartners(Partners(switch.engine, switch.keys), settings.partner_cache_seconds),
        enquiries=switch.payments,
        tokens=AccessTokens(switch.keys),
        answer_seconds=settings.answer_deadline_seconds,
        logins=_login_watch(switch, "syndicate"),
        token_permits=PostgresPermits(switch.engine, clock, TOKENS),
        questions=RateLimit(clock, QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE),
        fetches=FetchLimits(PostgresPermits(switch.engine, clock, FETCHES), "syndicate"),
        tasks=tasks,
    )


def _login_watch(switch: Switch, door: str) -> LoginWatch:
    return LoginWatch(FailedLogins(switch.engine, switch.world.clock), door)


def _mount_collecting(app: FastAPI, switch: Switch, tasks: BackgroundTasks) -> None:
    """REST v1, the merchant API, payers' return pages, callbacks and the e-challan API."""
    settings, world = switch.settings, switch.world
    orders = RateLimit(world.clock, ORDERS_PER_SECOND, ORDERS_AT_ONCE)
    questions = RateLimit(world.clock, QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE)
    clients = ApiKeys(switch.engine)
    seconds = settings.answer_deadline_seconds
    receipt_path = ReceiptKeys(switch.keys).path
    rest = RestV1(
        world=world,
        clients=clients,
        answer_seconds=seconds,
        orders=orders,
        questions=questions,
        fetches=FetchLimits(PostgresPermits(switch.engine, world.clock, FETCHES), "v1"),
        logins=_login_watch(switch, "v1"),
        raised_bills=PostgresRaisedBills(switch.transactions),
        tasks=tasks,
        receipt_path=receipt_path,
    )
    v1_routes.mount(app, rest)
    merchant_routes.mount(app, _merchant_api(switch, tasks))
    visits = RateLimit(world.clock, VISITS_PER_SECOND, VISITS_AT_ONCE)
    arrivals = RateLimit(world.clock, ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE)
    payer_pages.mount(app, PayerPages(world, visits, arrivals, _login_watch(switch, "payer_pages"), tasks))
    unrecognised = RateLimit(world.clock, UNRECOGNISED_PER_SECOND, UNRECOGNISED_AT_ONCE)
    callbacks.mount(app, CallbackApi(world, arrivals, unrecognised, _login_watch(switch, "callbacks")))
    office = treasury_office(world, switch.challans, settings.config)
    mount_echallan(app, office, switch.engine, switch.keys, seconds, tasks)


def _merchant_api(switch: Switch, tasks: BackgroundTasks) -> MerchantApi:
    clock, rules = switch.world.clock, address_rules(switch.settings)
    return MerchantApi(
        world=switch.world,
        tokens=MerchantTokens(switch.keys),
        answer_seconds=switch.settings.answer_deadline_seconds,
        orders=RateLimit(clock, ORDERS_PER_SECOND, ORDERS_AT_ONCE),
        arrivals=RateLimit(clock, ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE),
        strangers=RateLimit(clock, OUTSIDERS_PER_SECOND, OUTSIDERS_AT_ONCE),
        logins=_login_watch(switch, "merchant"),
        servers=KnownServers(clock),
        may_be_notified=lambda url, plain: may_be_notified(url, replace(rules, plain=plain)),
        tasks=tasks,
    )


def _receipts(switch: Switch, site: Site) -> ReceiptPages:
    world, public_url = switch.world, switch.settings.public_url
    return ReceiptPages(
        receipts=PostgresReceipts(switch.engine, customer_seal(switch.settings, switch.keys)),
        billers=world.billers,
        connectors=world.connectors,
        keys=ReceiptKeys(switch.keys),
        clock=world.clock,
        public_url=public_url,
        pages=Pages(public_url, site),
        visits=RateLimit(world.clock, RECEIPTS_PER_SECOND, RECEIPTS_AT_ONCE),
        pdfs=RateLimit(world.clock, PDFS_PER_SECOND, PDFS_AT_ONCE),
        refusals=RateLimit(world.clock, NO_RECEIPTS_PER_SECOND, NO_RECEIPTS_AT_ONCE),
        logins=_login_watch(switch, "receipts"),
        typesetter=Typesetter(),
        issuer=read_issuer(switch.settings.config),
    )
