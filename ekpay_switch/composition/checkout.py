"""How the hosted checkout is put together, for the composition root."""

from collections.abc import Mapping

from fastapi import FastAPI

from ekpay_switch.edge_kit.background_tasks import BackgroundTasks
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.world import World
from ekpay_switch.security.form_tokens import FormTokens
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.receipt_keys import ReceiptKeys
from ekpay_switch.web.brand_marks import BrandMark
from ekpay_switch.web.checkout import routes
from ekpay_switch.web.checkout.routes import Checkout
from ekpay_switch.web.site import Site

# An open page refreshes itself every few seconds; no payer presses faster than this for long.
VISITS_PER_SECOND, VISITS_AT_ONCE = 1, 20
# Many payers share one address: a mobile operator's, or that of our proxy.
VISITORS_PER_SECOND, VISITORS_AT_ONCE = 50, 500


def mount_checkout(
    app: FastAPI,
    world: World,
    keys: KeyRing,
    logins: LoginWatch,
    tasks: BackgroundTasks,
    *,
    site: Site,
    marks: Mapping[str, BrandMark],
) -> None:
    """Add the pages of the hosted checkout, and the files that all our pages refer to."""
    checkout = Checkout(
        world=world,
        tokens=FormTokens(keys),
        visits=RateLimit(world.clock, VISITS_PER_SECOND, VISITS_AT_ONCE),
        visitors=RateLimit(world.clock, VISITORS_PER_SECOND, VISITORS_AT_ONCE),
        logins=logins,
        receipt_path=ReceiptKeys(keys).path,
        tasks=tasks,
        site=site,
        marks=marks,
    )
    routes.mount(app, checkout)
