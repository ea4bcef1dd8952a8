"""How the pages of the citizen portal are put together, for the composition root."""

import sys
from collections.abc import Mapping

from fastapi import FastAPI

from ekpay_switch.composition.citizens import citizen_ports
from ekpay_switch.composition.complaints import complaint_desk
from ekpay_switch.composition.switch import Switch
from ekpay_switch.config_files.retention import read_retention
from ekpay_switch.config_files.sla import read_promises
from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.persistence.agents.counter import PostgresAgentCounter
from ekpay_switch.persistence.bill_notices.raised_bills import PostgresRaisedBills
from ekpay_switch.persistence.parties.permits import FETCHES
from ekpay_switch.persistence.parties.shared_buckets import CallerBuckets, SharedRate
from ekpay_switch.ports.agents import AgentPorts
from ekpay_switch.ports.carts import CartPorts
from ekpay_switch.security.form_tokens import FormTokens
from ekpay_switch.security.receipt_keys import ReceiptKeys
from ekpay_switch.web.agents import routes as counters
from ekpay_switch.web.brand_marks import BrandMark
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.portal import routes
from ekpay_switch.web.portal.catalogue import catalogue_of
from ekpay_switch.web.portal.history import typeset
from ekpay_switch.web.portal.search_words import read_search_words
from ekpay_switch.web.portal.visits import Portal
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.site import Site

# Many payers share one address: a mobile operator's, or that of our proxy.
VISITORS_PER_SECOND, VISITORS_AT_ONCE = 50, 500
# Each form may ask a biller about a bill. An address may be that of many, and one in all our processes.
SENT_FORMS = SharedRate(per_second=5, at_once=60)
# Complaints about carts that nobody has paid; a person reads each of them.
UNPAID_COMPLAINTS = SharedRate(per_second=1 / 60, at_once=30)
# What one citizen has set as PDF: a history each half minute, and a few at once.
PAPERS_PER_SECOND, PAPERS_AT_ONCE = 1 / 30, 5


def mount_portal(
    app: FastAPI,
    switch: Switch,
    office: CartPorts,
    logins: LoginWatch,
    tasks: BackgroundTasks,
    *,
    site: Site,
    marks: Mapping[str, BrandMark],
) -> None:
    """Add the pages of the portal; the files that they refer to come with the checkout.

    Raises:
        SearchWordsError: config/search.toml cannot be used.
        ValueError: the gateway of text messages is only half set.
    """
    settings, clock = switch.settings, switch.world.clock
    catalogue = catalogue_of(
        [biller.profile for biller in switch.world.billers.all()],
        read_search_words(settings.config),
        routes.category_names(),
        {name: mark.path for name, mark in marks.items()},
    )
    portal = Portal(
        office=office,
        catalogue=catalogue,
        pages=Pages(settings.public_url, site),
        tokens=FormTokens(switch.keys),
        visitors=RateLimit(clock, VISITORS_PER_SECOND, VISITORS_AT_ONCE),
        senders=CallerBuckets(switch.engine, clock, FETCHES, SENT_FORMS, "portal:"),
        logins=logins,
        complaints=complaint_desk(settings, switch.keys, switch.transactions),
        complainers=CallerBuckets(switch.engine, clock, FETCHES, UNPAID_COMPLAINTS, "complaint:"),
        complaint_days=read_retention(settings.config / "retention.toml").complaint_days,
        notices=PostgresRaisedBills(switch.transactions),
        stop_notice=read_promises(settings.config).stop_notice,
        agents=AgentPorts(switch.world, PostgresAgentCounter(switch.transactions)),
        papers=RateLimit(clock, PAPERS_PER_SECOND, PAPERS_AT_ONCE),
        typesetter=Typesetter(command=(sys.executable, "-m", typeset.PROGRAM)),
        is_rehearsal=settings.rehearsal,
        receipt_path=ReceiptKeys(switch.keys).path,
        tasks=tasks,
        citizens=citizen_ports(switch),
        inbox=f"{settings.sms_url}/inbox" if settings.rehearsal and settings.sms_url else "",
    )
    routes.mount(app, portal)
    counters.mount(app, portal)
