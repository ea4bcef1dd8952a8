"""What everybody may read: the page for programmers, the API documents and their pages."""

from functools import partial

from fastapi import FastAPI

from ekpay_switch.api.reference import routes as documents
from ekpay_switch.composition.switch import Switch
from ekpay_switch.config_files.sla import read_promises
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.persistence.health.store import PostgresHealth
from ekpay_switch.web.health import routes as health
from ekpay_switch.web.health.routes import HealthPage
from ekpay_switch.web.landing import routes as landing
from ekpay_switch.web.landing.notes import read_notes
from ekpay_switch.web.landing.routes import LandingPage
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.reference import routes as reference
from ekpay_switch.web.site import Site

# A page of the reference is long; nobody reads faster.
VISITS_PER_SECOND, VISITS_AT_ONCE = 5, 60


def mount_public_pages(app: FastAPI, switch: Switch, site: Site) -> None:
    """Add them; what only a rehearsal may show is given to the first of them in a rehearsal only."""
    settings = switch.settings
    pages = Pages(settings.public_url)
    documents.mount(app)
    visits = RateLimit(switch.world.clock, VISITS_PER_SECOND, VISITS_AT_ONCE)
    reference.mount(app, documents.document_at, pages, visits)
    health.mount(
        app,
        HealthPage(
            world=switch.world,
            health=PostgresHealth(switch.engine),
            promises=read_promises(settings.config),
            pages=Pages(settings.public_url, site),
            visits=RateLimit(switch.world.clock, VISITS_PER_SECOND, VISITS_AT_ONCE),
        ),
    )
    if settings.rehearsal:
        # Port 0 is a free one, which only the log names.
        port = settings.operations_port
        metrics_url = f"http://{settings.operations_host}:{port}" if port else ""
        landing.mount(app, LandingPage(pages, metrics_url, partial(read_notes, settings.home)))
    else:
        landing.mount(app, LandingPage(pages))
