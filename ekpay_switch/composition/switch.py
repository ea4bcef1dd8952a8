"""What both processes of a switch stand on: settings in, an open world of the flows out."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.composition.alarm_terms import store_configured_terms
from ekpay_switch.composition.positions import kept_database
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.config_files.routing import read_routing_rules
from ekpay_switch.domain.routing.rules import RoutingRules
from ekpay_switch.persistence.alarms.store import PostgresAlarms
from ekpay_switch.persistence.challans.store import PostgresChallans
from ekpay_switch.persistence.collections.callbacks import PostgresCallbacks
from ekpay_switch.persistence.collections.store import PostgresCollections
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.far_sides import FarSides
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.host_links.store import PostgresHosts
from ekpay_switch.persistence.merchants.customer_seal import CustomerSeal
from ekpay_switch.persistence.merchants.directory import PostgresMerchants
from ekpay_switch.persistence.merchants.payments import PostgresMerchantPayments
from ekpay_switch.persistence.payments.biller_locked_bills import PostgresLockedBills
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.persistence.positions.keeper import PositionKeeper
from ekpay_switch.persistence.refunds.store import PostgresRefunds
from ekpay_switch.persistence.routing.store import PostgresRouting
from ekpay_switch.persistence.scrolls.bill_files import PostgresBillFiles
from ekpay_switch.persistence.sends.journal import FileSendsJournal
from ekpay_switch.persistence.sends.lost_payments import PostgresLostPayments
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.plugins import load_billers, load_connectors
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.ports.world import World
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.sealed_fields import Sealer
from ekpay_switch.settings import Settings
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.breaker import BreakerSettings
from ekpay_switch.wire.http import HttpWire, WireSettings
from ekpay_switch.wire.public_addresses import AddressRules
from ekpay_switch.wire.tcp import TcpLines

FAR_SIDE_TOKENS, BOUGHT_TOKENS, CUSTOMERS = "far-side-tokens/1", "bought-tokens/1", "customers/1"
SEND_CODES, SEND_SEALS = "sends-journal-codes/1", "sends-journal-seals/1"


class AssertionsDisabledError(Exception):
    """Python runs with -O, which removes the checks that only a bug could break."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The switch of one process: the world of its flows, and the stores that the process itself uses."""

    settings: Settings
    world: World
    payments: PostgresPayments
    group_commit: GroupCommit
    engine: AsyncEngine
    keys: KeyRing
    challans: PostgresChallans
    positions: PositionKeeper
    transactions: ShortTransactions


WrapWorld = Callable[[World], World]


def same_world(world: World) -> World:
    """The world as it is, for a process that is no rehearsal."""
    return world


@asynccontextmanager
async def open_switch(
    settings: Settings, database: Database, wrap: WrapWorld = same_world, *, may_be_restored: bool = False
) -> AsyncIterator[Switch]:
    """Build the world; on leaving, what waits for a batch is written and every connection closed.

    `wrap` is for rehearsals; only what asks losses back opens a database that `may_be_restored`.

    Raises:
        AssertionsDisabledError: under `python -O`.
    """
    _require_assertions()
    keys = _key_ring(settings)
    database, positions = _admitted(settings, database, keys, may_be_restored=may_be_restored)
    clock, engine = SystemClock(), database.engine()
    group_commit, transactions = _writers(settings, database)
    wire = HttpWire(clock, _wire_settings(settings.time_divisor))
    far_sides = FarSides(engine, Sealer(keys.sub_key(FAR_SIDE_TOKENS)))
    payments = PostgresPayments(engine, group_commit, settings.lanes, token_sealer(keys))
    sends, alarms = sends_journal(settings, keys), PostgresAlarms(transactions)
    hosts = PostgresHosts(database.connect_hot, sends.keep_trace)
    host_ports = HostPorts(hosts.messages, hosts.links, TcpLines(clock), alarms)
    billers, connectors = _plug_in(settings, wire, far_sides, clock, transactions, host_ports)
    rules = routing_rules(settings, billers, connectors)
    world = World(
        billers=billers,
        connectors=connectors,
        payments=payments,
        collections=PostgresCollections(engine, transactions, rules.breaker),
        callbacks=PostgresCallbacks(transactions),
        refunds=PostgresRefunds(transactions),
        routing=PostgresRouting(engine, connectors, rules, clock),
        locked_bills=PostgresLockedBills(engine),
        fees=read_fee_table(settings.config / "fees.toml"),
        budget=far_sides,
        clock=clock,
        alarms=alarms,
        public_url=settings.public_url,
        merchants=PostgresMerchants(engine),
        merchant_payments=PostgresMerchantPayments(engine, transactions, customer_seal(settings, keys)),
        sends=sends,
        lost_payments=PostgresLostPayments(engine, clock),
    )
    async with _kept_synced(sends), AsyncExitStack() as closing:
        for close in (engine.dispose, transactions.close, hosts.close, wire.close):
            closing.push_async_callback(close)
        await store_configured_terms(engine, settings.config, clock.now())
        await group_commit.start()
        closing.push_async_callback(group_commit.stop)
        stores = (engine, keys, PostgresChallans(transactions), positions, transactions)
        yield Switch(settings, wrap(world), payments, group_commit, *stores)


@asynccontextmanager
async def _kept_synced(sends: FileSendsJournal) -> AsyncIterator[None]:
    """Sync the journal each second while the block runs, and close it after."""
    syncing = asyncio.create_task(sends.keep_synced())
    try:
        yield
    finally:
        syncing.cancel()
        await asyncio.gather(syncing, return_exceptions=True)
        sends.close()


def _admitted(
    settings: Settings, database: Database, keys: KeyRing, *, may_be_restored: bool
) -> tuple[Database, PositionKeeper]:
    """The database that this process may open connections to, and what keeps its position."""
    kept, positions = kept_database(settings, database, keys)
    return (database if may_be_restored else kept), positions


def _writers(settings: Settings, database: Database) -> tuple[GroupCommit, ShortTransactions]:
    group_commit = GroupCommit(database.connect_hot, _group_commit_limits(settings))
    return group_commit, ShortTransactions(database.connect_hot)


def _plug_in(
    settings: Settings,
    wire: HttpWire,
    far_sides: FarSides,
    clock: SystemClock,
    transactions: ShortTransactions,
    hosts: HostPorts,
) -> tuple[Billers, Connectors]:
    config, divisor = settings.config, settings.time_divisor
    return (
        load_billers(config, wire, far_sides, clock, divisor, PostgresBillFiles(transactions)),
        load_connectors(config, wire, far_sides, clock, divisor, hosts),
    )


def _require_assertions() -> None:
    if sys.flags.optimize:
        raise AssertionsDisabledError


def _group_commit_limits(settings: Settings) -> GroupCommitLimits:
    return GroupCommitLimits(settings.committers, settings.batch_max, settings.queue_max)


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


def sends_journal(settings: Settings, keys: KeyRing) -> FileSendsJournal:
    """The sends journal of this installation."""
    return FileSendsJournal(settings.sends_folder, keys.sub_key(SEND_CODES), send_sealer(keys))


def send_sealer(keys: KeyRing) -> Sealer:
    """What seals and opens the personal part of the sends journal."""
    return Sealer(keys.sub_key(SEND_SEALS))


def customer_seal(settings: Settings, keys: KeyRing) -> CustomerSeal:
    """What seals and opens the customers of merchants' orders."""
    return CustomerSeal(Sealer(keys.sub_key(CUSTOMERS)), is_on=settings.seal_customers)


def _wire_settings(divisor: float) -> WireSettings:
    """The wire's own settings; a demo that runs faster than life also forgives a far side faster."""
    usual = BreakerSettings()
    breaker = replace(
        usual, open_seconds=usual.open_seconds / divisor, probe_seconds=usual.probe_seconds / divisor
    )
    return WireSettings(breaker=breaker)


def address_rules(settings: Settings) -> AddressRules:
    """Where notifications may go."""
    return AddressRules(settings.webhook_ports, settings.webhook_trusted_hosts)
