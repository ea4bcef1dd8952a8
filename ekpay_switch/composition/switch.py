"""The composition root: settings in, a running switch out; the only place that knows every room."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.alarms import LoggedAlarms
from ekpay_switch.api import callbacks, operations, payer_pages, webhook_keys
from ekpay_switch.api.callbacks import Letterbox
from ekpay_switch.api.limits import LimitRequests, RequestLimits
from ekpay_switch.api.merchant import routes as merchant_routes
from ekpay_switch.api.merchant.known_servers import KnownServers
from ekpay_switch.api.merchant.routes import MerchantApi
from ekpay_switch.api.payer_pages import PayerPages
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.api.syndicate.routes import Syndicate, mount
from ekpay_switch.api.v1 import routes as v1_routes
from ekpay_switch.api.v1.calls import RestV1
from ekpay_switch.composition.challans import mount_echallan, treasury_office
from ekpay_switch.composition.checkout import mount_checkout
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.config_files.routing import read_routing_rules
from ekpay_switch.domain.routing.rules import RoutingRules
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.edge_kit.safe_headers import SafeHeaders
from ekpay_switch.jobs.challans import run_challans
from ekpay_switch.jobs.collector import run_collector
from ekpay_switch.jobs.host_links import host_links_kept
from ekpay_switch.jobs.housekeeping import run_housekeeping
from ekpay_switch.jobs.notifier import NotifierPace, run_notifier
from ekpay_switch.jobs.resolver import run_resolver
from ekpay_switch.jobs.slots import Pace
from ekpay_switch.persistence.challans.store import PostgresChallans
from ekpay_switch.persistence.collections.callbacks import PostgresCallbacks
from ekpay_switch.persistence.collections.store import PostgresCollections
from ekpay_switch.persistence.engine import DATABASE_AWAY, Database, is_away
from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.host_links.store import PostgresHosts, count_reversals
from ekpay_switch.persistence.housekeeping import count_open, drop_old_quotes, is_ready
from ekpay_switch.persistence.ledger.deposit_watch import DepositWatch
from ekpay_switch.persistence.ledger.deposits import deposit_alarms
from ekpay_switch.persistence.merchants.directory import PostgresMerchants
from ekpay_switch.persistence.merchants.payments import PostgresMerchantPayments
from ekpay_switch.persistence.notifications.endpoints import Endpoints
from ekpay_switch.persistence.notifications.store import PostgresNotifications, count_waiting
from ekpay_switch.persistence.own_transactions import OwnTransactions
from ekpay_switch.persistence.parties.api_keys import ApiKeys
from ekpay_switch.persistence.parties.partners import CachedPartners, Partners
from ekpay_switch.persistence.payments.bill_locks import OldHeldBills, PostgresHeldBills
from ekpay_switch.persistence.payments.receipts import PostgresReceipts
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.refunds.store import PostgresRefunds
from ekpay_switch.persistence.routing.store import PostgresRouting, count_breakers, drop_old_outcomes
from ekpay_switch.persistence.scrolls.bill_files import PostgresBillFiles
from ekpay_switch.plugins import load_billers, load_connectors
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.notifications import MerchantPost, PostOffice
from ekpay_switch.ports.world import World
from ekpay_switch.security.access_tokens import AccessTokens
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.merchant_tokens import MerchantTokens
from ekpay_switch.security.receipt_keys import ReceiptKeys
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.security.webhook_signatures import WebhookKeys
from ekpay_switch.settings import Settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.receipts import routes as receipt_routes
from ekpay_switch.web.receipts.routes import ReceiptDesk
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.wire.breaker import BreakerSettings
from ekpay_switch.wire.http import HttpWire, WireSettings
from ekpay_switch.wire.public_addresses import AddressRules
from ekpay_switch.wire.tcp import TcpLines
from ekpay_switch.wire.webhooks import Names, WebhookLimits, WebhookSender

FAR_SIDE_TOKENS, BOUGHT_TOKENS = "far-side-tokens/1", "bought-tokens/1"
LOGINS_PER_SECOND, LOGINS_AT_ONCE = 1, 20
QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE = 50, 200
ORDERS_PER_SECOND, ORDERS_AT_ONCE = 50, 200
VISITS_PER_SECOND, VISITS_AT_ONCE = 1, 20
ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE = 100, 500
STRANGERS_PER_SECOND, STRANGERS_AT_ONCE = 1, 60
RECEIPTS_PER_SECOND, RECEIPTS_AT_ONCE = 5, 60
PDFS_PER_SECOND, PDFS_AT_ONCE = 1, 10
OUTSIDERS_PER_SECOND, OUTSIDERS_AT_ONCE = 5, 200
LAST_PAYMENTS_SECONDS = 30.0
HOUSEKEEPING_SECONDS = 10.0
# However much faster than life a demo runs, the machine under it does not.
POLL_SECONDS_MIN, LEASE_SECONDS_MIN = 0.1, 5.0
# A payer who has just paid waits for the merchant to be told (docs/adr/0048).
NOTIFIER_POLL_SECONDS_MAX = 0.25


class AssertionsDisabledError(Exception):
    """Python runs with -O, which removes the checks that only a bug could break."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One process's switch: the world of its flows and what has to be closed again."""

    settings: Settings
    world: World
    payments: PostgresPayments
    group_commit: GroupCommit
    engine: AsyncEngine
    keys: KeyRing
    challans: PostgresChallans


WrapWorld = Callable[[World], World]


def _unwrapped(world: World) -> World:
    return world


@asynccontextmanager
async def open_switch(
    settings: Settings, database: Database, wrap: WrapWorld = _unwrapped
) -> AsyncIterator[Switch]:
    """Wire everything together; on the way out what waits is written and every connection closed.

    `wrap` lets a rehearsal put something between the flows and the world, such as a crash.

    Raises:
        AssertionsDisabledError: under `python -O`.
    """
    if sys.flags.optimize:
        raise AssertionsDisabledError
    keys = _key_ring(settings)
    clock, engine = SystemClock(), database.engine()
    limits = GroupCommitLimits(settings.committers, settings.batch_max, settings.queue_max)
    group_commit = GroupCommit(database.connect_hot, limits)
    far_sides = FarSides(engine, Sealer(keys.sub_key(FAR_SIDE_TOKENS)))
    wire = HttpWire(clock, _wire_settings(settings.time_divisor))
    payments = PostgresPayments(engine, group_commit, settings.lanes, token_sealer(keys))
    transactions = OwnTransactions(database.connect_hot)
    far = (settings.config, wire, far_sides, clock, settings.time_divisor)
    hosts = PostgresHosts(database.connect_hot)
    host_ports = HostPorts(hosts.messages, hosts.links, TcpLines(clock), LoggedAlarms())
    billers = load_billers(*far, PostgresBillFiles(transactions))
    connectors = load_connectors(*far, host_ports)
    rules = routing_rules(settings, billers, connectors)
    world = World(
        billers=billers,
        connectors=connectors,
        payments=payments,
        collections=PostgresCollections(engine, transactions, rules.breaker),
        callbacks=PostgresCallbacks(transactions),
        refunds=PostgresRefunds(transactions),
        routing=PostgresRouting(engine, connectors, rules, clock),
        held_bills=PostgresHeldBills(engine),
        fees=read_fee_table(settings.config / "fees.toml"),
        budget=far_sides,
        clock=clock,
        alarms=LoggedAlarms(),
        public_url=settings.public_url,
        merchants=PostgresMerchants(engine),
        merchant_payments=PostgresMerchantPayments(engine, transactions),
    )
    async with AsyncExitStack() as closing:
        for close in (engine.dispose, transactions.close, hosts.close, wire.close):
            closing.push_async_callback(close)
        await group_commit.start()
        closing.push_async_callback(group_commit.stop)
        challans = PostgresChallans(transactions)
        yield Switch(settings, wrap(world), payments, group_commit, engine, keys, challans)


def _key_ring(settings: Settings) -> KeyRing:
    configured = settings.master_key
    return KeyRing.open(settings.home, configured.get_secret_value() if configured else None)


def routing_rules(
    settings: Settings, billers: Billers, connectors: Connectors, path: Path | None = None
) -> RoutingRules:
    """The rules of config/routing.toml, or of another file, at this installation's pace."""
    profiles = [connector.profile for connector in connectors.all()]
    known = {biller.profile.id for biller in billers.all()}
    rules = read_routing_rules(path or settings.config / "routing.toml", profiles, known)
    return rules.faster(settings.time_divisor)


def token_sealer(keys: KeyRing) -> Sealer:
    """What seals and opens the token lines that prepaid billers return."""
    return Sealer(keys.sub_key(BOUGHT_TOKENS))


def _wire_settings(divisor: float) -> WireSettings:
    """The wire's own settings; a demo that runs faster than life also forgives a far side faster."""
    usual = BreakerSettings()
    breaker = replace(
        usual, open_seconds=usual.open_seconds / divisor, probe_seconds=usual.probe_seconds / divisor
    )
    return WireSettings(breaker=breaker)


def build_app(settings: Settings, database: Database, wrap: WrapWorld = _unwrapped) -> FastAPI:
    """The HTTP side as an ASGI application; its database is reached when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_switch(settings, database, wrap) as switch,
            host_links_kept(switch.world.connectors.all()),
        ):
            syndicate = _syndicate(switch)
            mount(app, syndicate)
            operations.mount(app, partial(is_ready, switch.engine), lambda: switch.group_commit.depth)
            webhook_keys.mount(app, Endpoints(switch.engine), WebhookKeys(switch.keys))
            tasks = BackgroundTasks()
            _mount_collecting(app, switch, tasks)
            mount_checkout(app, switch.world, switch.keys, tasks)
            receipt_routes.mount(app, _receipts(switch))
            telemetry.log("serving", port=settings.port, time_divisor=settings.time_divisor)
            yield
            # Whoever hung up is still being paid for; give those payments time to be recorded.
            if syndicate.running:
                await asyncio.wait(syndicate.running, timeout=LAST_PAYMENTS_SECONDS)
            await tasks.rest(LAST_PAYMENTS_SECONDS)

    app = FastAPI(
        title="ekpay_switch",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # The stock redirect is built from the Host header, which is the caller's to choose.
        redirect_slashes=False,
    )
    install_error_handlers(app, DATABASE_AWAY, is_away)
    app.add_middleware(LimitRequests, limits=RequestLimits(settings.body_max_bytes))
    # Around the whole stack: the framework answers bugs outside of everything that is added to it.
    app.middleware_stack = SafeHeaders(app.build_middleware_stack(), settings.public_url)
    return app


def _syndicate(switch: Switch) -> Syndicate:
    settings, clock = switch.settings, switch.world.clock
    return Syndicate(
        world=switch.world,
        partners=CachedPartners(Partners(switch.engine, switch.keys), settings.partner_cache_seconds),
        enquiries=switch.payments,
        tokens=AccessTokens(switch.keys),
        answer_seconds=settings.answer_deadline_seconds,
        logins=RateLimit(clock, LOGINS_PER_SECOND, LOGINS_AT_ONCE),
        questions=RateLimit(clock, QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE),
    )


def _mount_collecting(app: FastAPI, switch: Switch, tasks: BackgroundTasks) -> None:
    """REST v1, the page that payers come back to, and what connectors tell us unasked."""
    settings, world = switch.settings, switch.world
    orders = RateLimit(world.clock, ORDERS_PER_SECOND, ORDERS_AT_ONCE)
    questions = RateLimit(world.clock, QUESTIONS_PER_SECOND, QUESTIONS_AT_ONCE)
    clients = ApiKeys(switch.engine)
    seconds = settings.answer_deadline_seconds
    receipt_path = ReceiptKeys(switch.keys).path
    v1_routes.mount(app, RestV1(world, clients, seconds, orders, questions, tasks, receipt_path))
    merchant_routes.mount(app, _merchant_api(switch, tasks))
    visits = RateLimit(world.clock, VISITS_PER_SECOND, VISITS_AT_ONCE)
    arrivals = RateLimit(world.clock, ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE)
    payer_pages.mount(app, PayerPages(world, visits, arrivals, tasks))
    strange = RateLimit(world.clock, STRANGERS_PER_SECOND, STRANGERS_AT_ONCE)
    callbacks.mount(app, Letterbox(world, arrivals, strange))
    office = treasury_office(world, switch.challans, settings.config)
    mount_echallan(app, office, switch.engine, switch.keys, seconds, tasks)


def _merchant_api(switch: Switch, tasks: BackgroundTasks) -> MerchantApi:
    clock = switch.world.clock
    return MerchantApi(
        world=switch.world,
        tokens=MerchantTokens(switch.keys),
        answer_seconds=switch.settings.answer_deadline_seconds,
        orders=RateLimit(clock, ORDERS_PER_SECOND, ORDERS_AT_ONCE),
        arrivals=RateLimit(clock, ARRIVALS_PER_SECOND, ARRIVALS_AT_ONCE),
        strangers=RateLimit(clock, OUTSIDERS_PER_SECOND, OUTSIDERS_AT_ONCE),
        servers=KnownServers(clock),
        tasks=tasks,
    )


def _receipts(switch: Switch) -> ReceiptDesk:
    world, public_url = switch.world, switch.settings.public_url
    return ReceiptDesk(
        receipts=PostgresReceipts(switch.engine),
        billers=world.billers,
        connectors=world.connectors,
        keys=ReceiptKeys(switch.keys),
        clock=world.clock,
        public_url=public_url,
        pages=Pages(public_url),
        visits=RateLimit(world.clock, RECEIPTS_PER_SECOND, RECEIPTS_AT_ONCE),
        pdfs=RateLimit(world.clock, PDFS_PER_SECOND, PDFS_AT_ONCE),
        typesetter=Typesetter(),
    )


async def run_worker(
    settings: Settings, database: Database, stop: asyncio.Event, wrap: WrapWorld = _unwrapped
) -> None:
    """The jobs of the clock, until told to stop."""
    async with (
        open_switch(settings, database, wrap) as switch,
        host_links_kept(switch.world.connectors.all()),
    ):
        telemetry.log("worker_started", time_divisor=settings.time_divisor)
        usual, divisor = Pace(settings.worker_poll_seconds), settings.time_divisor
        pace = Pace(
            max(usual.poll_seconds / divisor, POLL_SECONDS_MIN),
            max(usual.lease_seconds / divisor, LEASE_SECONDS_MIN),
        )
        office = treasury_office(switch.world, switch.challans, settings.config)
        await asyncio.gather(
            run_resolver(switch.world, pace, stop),
            run_collector(switch.world, pace, stop),
            run_challans(office, pace, stop),
            _notify_until(switch, stop),
            run_housekeeping(
                (
                    partial(drop_old_quotes, switch.engine, settings.quote_keep_days),
                    OldHeldBills(switch.engine).drop,
                    partial(count_open, switch.engine),
                    partial(count_waiting, switch.engine),
                    partial(count_reversals, switch.engine),
                    partial(count_breakers, switch.engine),
                    partial(drop_old_outcomes, switch.engine),
                    DepositWatch(switch.engine, deposit_alarms(switch.world.billers.all())).look,
                ),
                HOUSEKEEPING_SECONDS,
                stop,
            ),
        )


async def _notify_until(switch: Switch, stop: asyncio.Event) -> None:
    """Tell partners what became of their payments, until told to stop."""
    settings, world = switch.settings, switch.world
    if settings.webhook_trusted_hosts:
        telemetry.log_warning("webhook_hosts_trusted", count=len(settings.webhook_trusted_hosts))
    names, divisor = Names(), settings.time_divisor
    office = PostOffice(
        notifications=PostgresNotifications(switch.engine, divisor),
        sender=WebhookSender(world.clock, names.resolve, WebhookLimits(rules=address_rules(settings))),
        signer=WebhookKeys(switch.keys),
        billers=world.billers,
        clock=world.clock,
        alarms=world.alarms,
        luck=secrets.SystemRandom().random,
        merchants=merchant_post(switch),
        time_divisor=divisor,
    )
    poll_seconds = min(settings.worker_poll_seconds, NOTIFIER_POLL_SECONDS_MAX)
    pace = NotifierPace(max(poll_seconds / divisor, POLL_SECONDS_MIN))
    try:
        await run_notifier(office, pace, stop)
    finally:
        names.close()


def merchant_post(switch: Switch) -> MerchantPost:
    """What IPNs are built from."""
    tokens, world = MerchantTokens(switch.keys), switch.world

    def token_of(payment: MerchantPayment) -> str:
        return tokens.derive(payment.payment_id, payment.mer_reg_id, payment.token_expires_at)

    return MerchantPost(world.merchant_payments, world.connectors, token_of)


def address_rules(settings: Settings) -> AddressRules:
    """Where notifications may go."""
    return AddressRules(settings.webhook_ports, settings.webhook_trusted_hosts)
