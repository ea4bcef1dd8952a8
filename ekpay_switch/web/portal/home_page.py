"""`/`: which bill does the payer want to pay?"""

from starlette.responses import Response

from ekpay_switch.web.portal.saved_bills import own_saved_bills, shown_saved
from ekpay_switch.web.portal.visits import PortalVisit

QUERY = "q"
TYPED_MAX = 60


async def show_home(visit: PortalVisit) -> Response:
    """The billers: the own ones, the most used and the categories, or those that fit what was typed."""
    typed = visit.request.query_params.get(QUERY, "").strip()[:TYPED_MAX]
    catalogue = visit.portal.catalogue
    saved = () if typed else await own_saved_bills(visit)
    values = {
        "typed": typed,
        "saved": [shown_saved(visit, bill) for bill in saved],
        "found": catalogue.search(typed) if typed else [],
        "most_used": catalogue.most_used,
        "groups": catalogue.groups,
    }
    return visit.page("home.html", values)
