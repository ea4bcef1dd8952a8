"""The worker: the background jobs of a switch, and what notifications are built from."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from ekpay_switch import telemetry
from ekpay_switch.composition.challans import treasury_office
from ekpay_switch.composition.citizens import message_ports, reminder_ports
from ekpay_switch.composition.operations import operations_listener
from ekpay_switch.composition.portal import open_portal
from ekpay_switch.composition.positions import position_kept
from ekpay_switch.composition.switch import Switch, WrapWorld, address_rules, open_switch, same_world
from ekpay_switch.config_files.agents import read_commission_terms
from ekpay_switch.config_files.retention import Retention, read_retention
from ekpay_switch.config_files.sla import read_promises
from ekpay_switch.domain.planned_stops import PlannedStop
from ekpay_switch.jobs.carts import run_carts
from ekpay_switch.jobs.challans import run_challans
from ekpay_switch.jobs.collector import run_collector
from ekpay_switch.jobs.host_links import keep_host_links
from ekpay_switch.jobs.housekeeping import run_housekeeping
from ekpay_switch.jobs.notifier import NotifierPace, run_notifier
from ekpay_switch.jobs.reminders import run_reminders
from ekpay_switch.jobs.resolver import run_resolver
from ekpay_switch.jobs.slots import Pace
from ekpay_switch.jobs.text_messages import run_text_messages
from ekpay_switch.persistence.agents.commissions import book_commissions
from ekpay_switch.persistence.agents.counter import drop_old_orders
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.carts.store import drop_old_carts
from ekpay_switch.persistence.citizens.accounts import drop_old_sessions
from ekpay_switch.persistence.citizens.complaints import drop_old_complaints
from ekpay_switch.persistence.citizens.contacts import drop_old_contacts
from ekpay_switch.persistence.citizens.message_limits import drop_old_message_permits
from ekpay_switch.persistence.citizens.one_time_codes import drop_old_codes
from ekpay_switch.persistence.citizens.reminders import drop_old_sent_reminders
from ekpay_switch.persistence.citizens.text_messages import drop_old_messages
from ekpay_switch.persistence.collections.unclaimed_callbacks import drop_unclaimed_callbacks
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.health.store import PostgresHealth
from ekpay_switch.persistence.housekeeping import drop_old_quotes
from ekpay_switch.persistence.ledger.deposit_watch import DepositWatch
from ekpay_switch.persistence.ledger.deposits import deposit_alarms
from ekpay_switch.persistence.notifications.store import PostgresNotifications
from ekpay_switch.persistence.parties.failed_logins import FailedLogins
from ekpay_switch.persistence.parties.permits import drop_old_permits
from ekpay_switch.persistence.payments.biller_locked_bills import OldLockedBills
from ekpay_switch.persistence.routing.store import drop_old_outcomes
from ekpay_switch.persistence.sends.journal import drop_old_sends
from ekpay_switch.persistence.worker_mark import move_worker_mark
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.ports.notifications import IpnPorts, NotificationPorts
from ekpay_switch.security.merchant_tokens import MerchantTokens
from ekpay_switch.security.webhook_signatures import WebhookKeys
from ekpay_switch.settings import Settings
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.webhooks import NameResolver, WebhookLimits, WebhookSender

HOUSEKEEPING_SECONDS, ALARM_SWEEP_SECONDS = 10.0, 60.0
# The lease outlasts a biller's budget and its slowest answer.
REMINDER_POLL_SECONDS, REMINDER_LEASE_SECONDS = 10.0, 600.0
# A demo divides every time, but not below what the machine can do.
POLL_SECONDS_MIN, LEASE_SECONDS_MIN = 0.1, 5.0
# A payer who has just paid waits until the merchant is notified (docs/adr/0048).
NOTIFIER_POLL_SECONDS_MAX = 0.25


async def run_worker(
    settings: Settings, database: Database, stop: asyncio.Event, wrap: WrapWorld = same_world
) -> None:
    """Run the background jobs until `stop` is set."""
    async with (
        open_switch(settings, database, wrap) as switch,
        position_kept(switch.positions),
        keep_host_links(switch.world.connectors.all()),
        operations_listener(switch, settings.worker_operations_port),
    ):
        telemetry.log("worker_started", time_divisor=settings.time_divisor)
        usual, divisor = Pace(settings.worker_poll_seconds), settings.time_divisor
        pace = Pace(
            max(usual.poll_seconds / divisor, POLL_SECONDS_MIN),
            max(usual.lease_seconds / divisor, LEASE_SECONDS_MIN),
        )
        office = treasury_office(switch.world, switch.challans, settings.config)
        carts, promises = await open_portal(switch), read_promises(settings.config)
        await asyncio.gather(
            run_resolver(switch.world, pace, stop),
            run_collector(switch.world, pace, stop),
            run_challans(office, pace, stop),
            run_carts(carts, pace, stop),
            _deliver_notifications(switch, stop),
            _send_text_messages(switch, stop),
            _remind_citizens(switch, stop),
            run_housekeeping(_tidying(switch, carts), HOUSEKEEPING_SECONDS, stop),
            run_housekeeping(
                (
                    AlarmUpkeep(switch.engine, divisor).sweep,
                    partial(
                        PostgresHealth(switch.engine).reckon, promises.answer_seconds, planned_stops(switch)
                    ),
                ),
                max(ALARM_SWEEP_SECONDS / divisor, POLL_SECONDS_MIN),
                stop,
            ),
        )


def _tidying(switch: Switch, carts: CartPorts) -> tuple[Callable[[], Awaitable[object]], ...]:
    """What marks that the worker works, books commission, drops what nobody needs and watches deposits."""
    settings, engine, world = switch.settings, switch.engine, switch.world
    retention = read_retention(settings.config / "retention.toml")
    connector_ids = [connector.profile.id for connector in world.connectors.all()]
    return (
        partial(move_worker_mark, engine),
        partial(drop_old_quotes, engine, settings.quote_keep_days),
        OldLockedBills(engine).drop,
        FailedLogins(engine, world.clock).drop_old,
        partial(drop_old_outcomes, engine),
        partial(drop_unclaimed_callbacks, engine, connector_ids),
        partial(_drop_old_sends, switch, retention),
        partial(drop_old_permits, engine),
        partial(drop_old_carts, switch.transactions, carts.terms.keep_hours),
        partial(drop_old_orders, switch.transactions, carts.terms.keep_hours),
        partial(book_commissions, switch.transactions, read_commission_terms(settings.config)),
        partial(_drop_old_contacts, switch, retention),
        partial(_drop_old_complaints, switch, retention),
        partial(drop_old_message_permits, engine),
        partial(drop_old_codes, switch.transactions),
        partial(drop_old_sessions, switch.transactions),
        partial(drop_old_messages, switch.transactions),
        partial(drop_old_sent_reminders, switch.transactions),
        DepositWatch(engine, deposit_alarms(world.billers.all())).warn,
    )


def planned_stops(switch: Switch) -> list[tuple[str, PlannedStop]]:
    """Every planned stop of a biller, by its id."""
    profiles = (biller.profile for biller in switch.world.billers.all())
    return [(profile.id, stop) for profile in profiles for stop in profile.stops]


async def _drop_old_contacts(switch: Switch, retention: Retention) -> None:
    await drop_old_contacts(switch.transactions, switch.world.clock.now(), retention.cart_contact_days)


async def _drop_old_complaints(switch: Switch, retention: Retention) -> None:
    await drop_old_complaints(switch.transactions, switch.world.clock.now(), retention.complaint_days)


async def _drop_old_sends(switch: Switch, retention: Retention) -> int:
    today = switch.world.clock.now().date()
    return drop_old_sends(switch.settings.sends_folder, retention.sends_journal_days, today)


async def _send_text_messages(switch: Switch, stop: asyncio.Event) -> None:
    """Send text messages to citizens until `stop` is set; nothing where there is no gateway."""
    wire = HttpWire(switch.world.clock)
    ports = message_ports(switch, wire)
    try:
        if ports is not None:
            # A citizen waits for the code, whatever a rehearsal divides.
            poll_seconds = min(switch.settings.worker_poll_seconds, NOTIFIER_POLL_SECONDS_MAX)
            await run_text_messages(ports, Pace(poll_seconds), stop)
    finally:
        await wire.close()


async def _remind_citizens(switch: Switch, stop: asyncio.Event) -> None:
    """Remind citizens of saved bills until `stop` is set; nothing where there is no gateway."""
    ports = reminder_ports(switch)
    if ports is not None:
        poll_seconds = max(REMINDER_POLL_SECONDS / switch.settings.time_divisor, POLL_SECONDS_MIN)
        await run_reminders(ports, Pace(poll_seconds, REMINDER_LEASE_SECONDS), stop)


async def _deliver_notifications(switch: Switch, stop: asyncio.Event) -> None:
    """Deliver notifications to partners until `stop` is set."""
    settings, world = switch.settings, switch.world
    if settings.webhook_trusted_hosts:
        telemetry.log_warning("webhook_hosts_trusted", count=len(settings.webhook_trusted_hosts))
    names, divisor = NameResolver(), settings.time_divisor
    office = NotificationPorts(
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


def merchant_post(switch: Switch) -> IpnPorts:
    """What IPNs are built from: payments, connectors and the token of a payment."""
    tokens, world = MerchantTokens(switch.keys), switch.world

    def token_of(payment: MerchantPayment) -> str:
        return tokens.derive(payment.payment_id, payment.mer_reg_id, payment.token_expires_at)

    return IpnPorts(world.merchant_payments, world.connectors, token_of)
