"""`/privacy` and `/accessibility`: what we know of a citizen and for how long, and for whom the pages work.

Times come from where they are kept to (ADR 0126).
"""

from starlette.responses import Response

from ekpay_switch.domain.citizens.accounts import IDLE_LIFE
from ekpay_switch.domain.citizens.text_messages import RECORD_LIFE
from ekpay_switch.web.portal.visits import PortalVisit


async def show_privacy(visit: PortalVisit) -> Response:
    """What is kept, what for, and for how long."""
    citizens = visit.portal.citizens
    values = {
        "number_days": None if citizens is None else citizens.contact_days,
        "cart_hours": round(visit.portal.office.terms.keep_hours),
        "complaint_days": visit.portal.complaint_days,
        "message_days": RECORD_LIFE.days,
        "idle_days": IDLE_LIFE.days,
    }
    return visit.page("privacy.html", values)


async def show_accessibility(visit: PortalVisit) -> Response:
    """What works for whom, how it is tested, and what does not work."""
    return visit.page("accessibility.html", {})
